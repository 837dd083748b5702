"""Pages are usable by everybody: axe finds no serious problem, and nothing is cut off on phones and desktops."""

from pathlib import Path

import axe_playwright_python
import pytest

import pellucid as pel
from pellucid.live.page import render_page

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text("utf-8")
SIZES = {"phone": {"width": 390, "height": 844}, "desktop": {"width": 1100, "height": 900}}

OPEN_DETAILS = """
() => {
  for (const { shadowRoot } of document.querySelectorAll("pellucid-figure"))
    for (const details of shadowRoot.querySelectorAll("details")) details.open = true;
}
"""

FIND_CUT_OFF = """
() => {
  const found = [];
  const visit = (root) => {
    for (const element of root.querySelectorAll("*")) {
      if (element.shadowRoot) visit(element.shadowRoot);
      const box = element.getBoundingClientRect();
      const scrolls = (e) => e && (/auto|scroll/.test(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
      const isCut = box.width && box.right > innerWidth + 1 && !scrolls(element.parentElement);
      if (isCut) found.push(element.outerHTML.slice(0, 80));
    }
  };
  visit(document);
  return found;
}
"""


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


@pytest.mark.parametrize(
    ("scheme", "size"),
    [
        ("light", "phone"),
        ("dark", "desktop"),
        pytest.param("dark", "phone", marks=pytest.mark.slow),
        pytest.param("light", "desktop", marks=pytest.mark.slow),
    ],
)
def test_axe_finds_nothing_serious_and_nothing_is_cut_off(pages, gallery, scheme, size) -> None:
    page = pages.open(gallery, color_scheme=scheme, viewport=SIZES[size], bypass_csp=True)
    page.evaluate(OPEN_DETAILS)
    page.get_by_role("button", name="XOR").click()
    page.add_script_tag(content=AXE)
    violations = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then((result) => result.violations)")
    serious = [
        (v["id"], v["help"], [node["html"][:200] for node in v["nodes"]])
        for v in violations
        if v["impact"] in ("serious", "critical")
    ]
    assert serious == []
    assert page.evaluate(FIND_CUT_OFF) == []
