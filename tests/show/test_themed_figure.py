"""Pictures in light and dark notebooks."""

import base64
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pellucid.show.pages.html_style import HOST_SCHEMES, wrap_html
from pellucid.show.plots.picture import Picture
from pellucid.show.plots.plot_style import DARK_COLORS, INK, PAGE, PALETTE
from pellucid.show.plots.plots import image_grid, learning_curves
from pellucid.show.plots.themed_figure import render_svg

LIGHT, DARK = (255, 255, 255), (17, 20, 24)  # the backgrounds of figures


@pytest.fixture(scope="module")
def picture() -> Picture:
    return Picture(learning_curves({"loss": [1.0, 0.5, 0.3]}, title="Loss"), 'The loss falls from 1 to 0.3 "fast".')


def test_an_svg_image_has_the_colors_of_both_schemes(picture: Picture) -> None:
    svg = render_svg(picture.figure)
    light, dark = re.findall(r":root\{(.*?)\}", svg)
    assert f":{INK};" in light
    assert f":{DARK_COLORS[INK]};" in dark
    assert f":{PAGE};" in light
    assert f":{DARK_COLORS[PAGE]};" in dark
    assert INK not in svg.partition("</style>")[2]


def test_the_same_data_give_the_same_image() -> None:
    first, second = (render_svg(learning_curves({"loss": [1.0, 0.5]})) for _ in range(2))
    assert first == second


def test_text_has_enough_contrast_in_both_schemes() -> None:
    def luminance(color: str) -> float:
        channels = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    def contrast(a: str, b: str) -> float:
        low, high = sorted([luminance(a), luminance(b)])
        return (high + 0.05) / (low + 0.05)

    classes = {color.lower() for color in PALETTE}
    fills = {PAGE, "#d9d9d9", "#d6e6f2", "#f9dfcd", "#eeeeee", "#d2ebe2"}
    for light, dark in DARK_COLORS.items():
        if light not in fills:
            assert contrast(light, PAGE) >= (3 if light in classes else 4.5), light
            assert contrast(dark, DARK_COLORS[PAGE]) >= 4.5, dark
    for fill in fills - {"#d9d9d9"}:
        assert contrast(INK, fill) >= 4.5
        assert contrast(DARK_COLORS[INK], DARK_COLORS[fill]) >= 4.5


def test_a_figure_displays_itself_with_its_title_as_alternative_text(picture: Picture) -> None:
    html = picture.figure._repr_html_()
    assert html is not None
    assert 'alt="Loss"' in html
    assert html.count("<img") == 1


def test_the_description_is_escaped_alternative_text(html: str) -> None:
    assert 'alt="The loss falls from 1 to 0.3 &quot;fast&quot;."' in html


def test_saved_images(picture: Picture, tmp_path: Path) -> None:
    for suffix in ("svg", "png", "pdf", "html"):
        picture.save(tmp_path / f"picture.{suffix}")
    assert "prefers-color-scheme" in (tmp_path / "picture.svg").read_text()
    with Image.open(tmp_path / "picture.png") as image:
        assert image.convert("RGB").getpixel((0, 0)) == LIGHT


@pytest.fixture(scope="module")
def html(picture: Picture) -> str:
    return picture._repr_html_()


@pytest.fixture(scope="module")
def page(open_page: Any, html: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    path = tmp_path_factory.mktemp("picture") / "empty.html"
    path.write_text("<!doctype html>")
    opened = open_page(path, width=500, height=400)
    shoot(opened, html, "light")  # the first one takes half a second
    yield opened
    opened.emulate_media(color_scheme="null")


def shoot(page: Any, html: str, scheme: str) -> Any:
    """Return the background color of the picture in HTML, if the system has a scheme."""
    page.emulate_media(color_scheme=scheme)
    page.set_content(html)
    content = page.locator("img.pellucid").screenshot()
    return Image.open(io.BytesIO(content)).convert("RGB").getpixel((2, 2))


@pytest.mark.sample(2)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_picture_follows_the_system(page: Any, picture: Picture, tmp_path: Path, scheme: str) -> None:
    path = tmp_path / "page.html"
    picture.save(path)
    assert shoot(page, path.read_text("utf-8"), scheme) == (LIGHT if scheme == "light" else DARK)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ('data-jp-theme-light="false"', DARK),
        ('class="vscode-light"', LIGHT),
        pytest.param('data-jp-theme-light="true"', LIGHT, marks=pytest.mark.slow),
        pytest.param('class="vscode-dark"', DARK, marks=pytest.mark.slow),
        pytest.param('data-theme="dark"', DARK, marks=pytest.mark.slow),
    ],
)
def test_a_picture_follows_the_theme_of_the_notebook(
    page: Any, html: str, attributes: str, expected: tuple[int, ...]
) -> None:
    other = "light" if expected == DARK else "dark"  # the system has the other scheme
    assert shoot(page, f"<!doctype html><body {attributes}>{html}", other) == expected


def test_pixels_of_images_do_not_depend_on_the_scheme() -> None:
    svg = render_svg(image_grid(np.zeros((1, 2, 2))))
    assert "data:image/png;base64," in svg


def test_every_host_has_both_schemes() -> None:
    assert [len(hosts) for hosts in HOST_SCHEMES.values()] == [5, 5]
    assert all(host in wrap_html("") for hosts in HOST_SCHEMES.values() for host in hosts)


def test_an_image_is_an_svg_document(html: str) -> None:
    encoded = re.search(r"data:image/svg\+xml;base64,([^\"]+)", html)
    assert encoded is not None
    assert base64.b64decode(encoded[1]).decode().lstrip().startswith("<?xml")
