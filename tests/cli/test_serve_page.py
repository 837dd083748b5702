"""The page of ``pellucid serve`` in Chromium: prediction, accessibility, and no request to another server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from tests.cli.running_server import TOKEN, Running, run_server

SCHEMES = [("light", "phone"), pytest.param("dark", "desktop", marks=pytest.mark.slow)]


@pytest.fixture(scope="module")
def rows(trained: Path) -> Iterator[Running]:
    with run_server(trained / "runs/1") as server:
        yield server


@pytest.fixture(scope="module")
def images(trained: Path) -> Iterator[Running]:
    with run_server(trained / "runs/10") as server:
        yield server


def open_page(pages: Any, server: Running, **options: Any) -> Any:
    """Open the page of a server; requests to other servers and errors fail the test."""
    context = pages.browser.new_context(**options)
    pages.contexts.append(context)
    page = context.new_page()
    page.on("pageerror", lambda error: pages.errors.append(str(error)))
    page.on("console", lambda m: pages.errors.append(m.text) if m.type == "error" else None)
    page.on("request", lambda r: None if is_own(r.url, server) else pages.errors.append(f"request of {r.url}"))
    page.goto(f"http://127.0.0.1:{server.port}/?token={quote(TOKEN)}")
    return page


def is_own(url: str, server: Running) -> bool:
    return url.startswith(("blob:", "data:")) or urlsplit(url).netloc == f"127.0.0.1:{server.port}"


def test_a_row_is_predicted_with_the_keyboard(pages: Any, rows: Running) -> None:
    page = open_page(pages, rows)
    assert urlsplit(page.url).query == ""  # the token has left the address
    assert page.get_by_label("rooms").input_value() != ""
    page.get_by_label("rooms").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("3")
    page.keyboard.press("Tab")
    page.keyboard.type("sea")
    page.keyboard.press("Tab")
    page.keyboard.press("Control+A")
    page.keyboard.type("40")
    page.keyboard.press("Enter")
    page.wait_for_selector(".answer")
    _, found = rows.ask(body={"rows": [{"rooms": 3, "place": "sea", "age": 40}]})
    shown = page.locator(".answer").inner_text()
    assert float(shown.split()[0]) == pytest.approx(found["predictions"][0]["values"]["price"], rel=1e-5)
    assert shown.split()[1] == "price"
    page.get_by_label("age").fill("old")
    page.get_by_role("button", name="Predict").click()
    page.wait_for_selector(".notes")
    assert "column 'age': expected a number, received 'old'" in page.locator(".notes").inner_text()


def test_a_table_is_predicted_and_an_error_is_shown(pages: Any, rows: Running, tmp_path: Path) -> None:
    page = open_page(pages, rows)
    (tmp_path / "few.csv").write_text("rooms,place,age\n1,sea,2\n2,town,3\n")
    page.get_by_label("Table").set_input_files(tmp_path / "few.csv")
    page.get_by_role("button", name="Predict").click()
    page.wait_for_selector(".card")
    assert page.locator(".card h3").all_inner_texts() == ["few.csv, line 2", "few.csv, line 3"]
    (tmp_path / "wrong.csv").write_text("room,place,age\n1,sea,2\n")
    page.get_by_label("Table").set_input_files(tmp_path / "wrong.csv")
    page.get_by_role("button", name="Predict").click()
    page.wait_for_selector(".trouble")
    assert "wrong.csv: no column 'rooms'. Did you mean 'room'?" in page.get_by_role("alert").inner_text()
    pages.errors[:] = [text for text in pages.errors if "422" not in text]  # Chromium reports every status above 399


def test_images_are_predicted_with_previews_and_bars(pages: Any, images: Running, trained: Path) -> None:
    page = open_page(pages, images)
    page.get_by_role("button", name="Predict").click()
    assert "Choose an image first." in page.get_by_role("alert").inner_text()
    paths = [trained / "squares" / "lower" / "0.png", trained / "squares" / "upper" / "1.png"]
    page.get_by_label("Images").set_input_files(paths)
    page.wait_for_selector(".card")
    assert [name.split()[0] for name in page.locator(".answer").all_inner_texts()] == ["lower", "upper"]
    assert page.locator(".previews img").count() == 2
    assert page.evaluate("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")
    widths = page.evaluate("[...document.querySelectorAll('.card .bar i')].map((bar) => parseFloat(bar.style.width))")
    shares = [float(text.split()[0]) for text in page.locator(".card b").all_inner_texts()]
    assert widths == pytest.approx(shares, abs=0.06)
    assert sum(widths[:2]) == pytest.approx(100)


def test_the_token_is_asked_for_and_kept_for_a_reload(pages: Any, rows: Running) -> None:
    page = open_page(pages, rows)
    page.reload()
    page.wait_for_selector("#form")
    assert urlsplit(page.url).query == ""
    other = pages.browser.new_context().new_page()
    other.goto(f"http://127.0.0.1:{rows.port}/")
    assert "needs the token" in other.locator("main").inner_text()
    other.get_by_label("Token").fill("wrong")
    other.get_by_role("button", name="Open").click()
    other.get_by_label("Token").fill(TOKEN)
    other.get_by_role("button", name="Open").click()
    other.wait_for_selector("#form")
    other.context.close()
    pages.errors[:] = [text for text in pages.errors if "401" not in text]


@pytest.mark.parametrize(("scheme", "size"), SCHEMES)
def test_axe_finds_nothing_serious(
    pages: Any, rows: Running, images: Running, trained: Path, scheme: str, size: str
) -> None:
    options = {"color_scheme": scheme, "viewport": pages.SIZES[size], "bypass_csp": True, "reduced_motion": "reduce"}
    page = open_page(pages, rows, **options)
    page.get_by_label("age").fill("old")
    page.get_by_role("button", name="Predict").click()
    page.wait_for_selector(".answer")
    pages.check(page)
    page = open_page(pages, images, **options)
    page.get_by_label("Images").set_input_files(sorted((trained / "squares" / "upper").iterdir())[:3])
    page.wait_for_selector(".answer")
    pages.check(page)
    page.evaluate("document.getElementById('result').replaceChildren()")
    context = pages.browser.new_context(**options)
    token = context.new_page()
    token.goto(f"http://127.0.0.1:{rows.port}/")
    pages.check(token)
    context.close()
