"""Pages are usable by everybody: axe finds no serious problem, and nothing is cut off on phones and desktops."""

import pytest

import pellucid as pel
from pellucid.live.page import render_page


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    """A page with the figures of the examples, and those of the course."""
    examples = pel.live.examples
    figures = [examples.moons(steps=500), examples.digits(steps=20), examples.adder(steps=100)]
    figures.append(examples.digits_convolution(steps=20))
    figures += [pel.course.figures.neuron(), pel.course.figures.filter_editor(), pel.course.figures.digit_reader()]
    path = tmp_path_factory.mktemp("gallery") / "gallery.html"
    path.write_text(render_page("Gallery", [figure.to_spec() for figure in figures]), "utf-8")
    return path


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["phone", "desktop"])
def test_axe_finds_nothing_serious_and_nothing_is_cut_off(pages, gallery, scheme, size) -> None:
    page = pages.open(gallery, color_scheme=scheme, viewport=pages.SIZES[size], bypass_csp=True)
    page.get_by_role("button", name="XOR").click()
    pages.check(page)
