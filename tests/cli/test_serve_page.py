"""The page of ``pellucid serve`` in Chromium: prediction, accessibility, and no request to another server."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from tests.cli.running_server import TOKEN, Running, run_server
from tests.conftest import AXE, FIND_CUT_OFF, Pages

SCHEMES = [("light", "phone"), pytest.param("dark", "desktop", marks=pytest.mark.slow)]
RUNS = {"rows": "runs/1", "images": "runs/10"}


class Tab:
    """A page of the browser in which all tests open pages of two servers: a new one takes longer than most of them."""

    def __init__(self, browser: Any, servers: dict[str, Running]) -> None:
        self.servers, self.errors = servers, list[str]()
        self.expected_status = ""  # Chromium reports every status above 399
        self.context = browser.new_context(viewport=Pages.SIZES["phone"], reduced_motion="reduce")
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        self.page.on("request", lambda r: None if self.is_own(r.url) else self.errors.append(f"request of {r.url}"))

    def is_own(self, url: str) -> bool:
        """Whether a request goes to the server of the page."""
        return url.startswith(("blob:", "data:")) or urlsplit(url).port == self.port

    def open(self, name: str, host: str = "127.0.0.1", query: str = f"?token={quote(TOKEN)}") -> Any:
        """Return the page of a server."""
        self.port = self.servers[name].port
        self.page.goto(f"http://{host}:{self.port}/{query}")
        return self.page


@pytest.fixture(scope="module")
def shared_tab(browser: Any, trained: Path) -> Iterator[Tab]:
    with ExitStack() as stack:
        tab = Tab(browser, {name: stack.enter_context(run_server(trained / run)) for name, run in RUNS.items()})
        predict(tab.open("rows"))  # the first time takes longest
        yield tab
        tab.context.close()


@pytest.fixture
def tab(shared_tab: Tab) -> Iterator[Tab]:
    shared_tab.expected_status = ""
    shared_tab.errors.clear()
    yield shared_tab
    status = shared_tab.expected_status
    assert [text for text in shared_tab.errors if not status or f"status of {status}" not in text] == []


def predict(page: Any) -> None:
    page.get_by_role("button", name="Predict").click()
    page.wait_for_selector(".answer")


def test_a_row_is_predicted_with_the_keyboard(tab: Tab) -> None:
    page = tab.open("rows")
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
    _, found = tab.servers["rows"].ask(body={"rows": [{"rooms": 3, "place": "sea", "age": 40}]})
    shown = page.locator(".answer").inner_text()
    assert float(shown.split()[0]) == pytest.approx(found["predictions"][0]["values"]["price"], rel=1e-5)
    assert shown.split()[1] == "price"
    page.get_by_label("age").fill("old")
    page.get_by_role("button", name="Predict").click()
    page.wait_for_selector(".notes")
    assert "column 'age': expected a number, received 'old'" in page.locator(".notes").inner_text()


def test_a_table_is_predicted_and_an_error_is_shown(tab: Tab, tmp_path: Path) -> None:
    page = tab.open("rows")
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
    tab.expected_status = "422"


def test_images_are_predicted_with_previews_and_bars(tab: Tab, trained: Path) -> None:
    page = tab.open("images")
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


def test_the_token_is_kept_for_a_reload(tab: Tab) -> None:
    page = tab.open("rows")
    tab.expected_status = "401"  # before the script of the page sends the token
    page.reload()
    page.wait_for_selector("#form")
    assert urlsplit(page.url).query == ""


@pytest.mark.parametrize(("token", "expected"), [("wrong", "#token"), (TOKEN, "#form")])
def test_the_token_is_asked_for(tab: Tab, token: str, expected: str) -> None:
    """The name of the machine is another origin than its address, so the page there has no token yet."""
    page = tab.open("rows", "localhost", "")
    tab.expected_status = "401"
    assert "needs the token" in page.locator("main").inner_text()
    page.get_by_label("Token").fill(token)
    with page.expect_navigation():
        page.get_by_role("button", name="Open").click()
    page.wait_for_selector(expected)
    assert page.locator("#form").count() == (token == TOKEN)
    page.evaluate("sessionStorage.clear()")


def check(tab: Tab, scheme: str, size: str) -> None:
    """Check that axe finds nothing serious and nothing is cut off."""
    tab.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    tab.page.set_viewport_size(Pages.SIZES[size])
    tab.page.evaluate(AXE)  # not a script of the page, which its security policy would forbid
    found = tab.page.evaluate("axe.run({resultTypes: ['violations']}).then((result) => result.violations)")
    assert [(v["id"], v["nodes"]) for v in found if v["impact"] in ("serious", "critical")] == []
    assert tab.page.evaluate(FIND_CUT_OFF) == []


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "size"), SCHEMES)
def test_axe_finds_nothing_serious_in_the_prediction_of_a_row(tab: Tab, scheme: str, size: str) -> None:
    page = tab.open("rows")
    page.get_by_label("age").fill("old")
    page.keyboard.press("Enter")
    page.wait_for_selector(".notes")
    check(tab, scheme, size)


@pytest.mark.parametrize(("scheme", "size"), SCHEMES)
def test_axe_finds_nothing_serious_in_predictions_of_images(tab: Tab, trained: Path, scheme: str, size: str) -> None:
    page = tab.open("images")
    page.get_by_label("Images").set_input_files(sorted((trained / "squares" / "upper").iterdir())[:3])
    page.wait_for_selector(".answer")
    check(tab, scheme, size)


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "size"), SCHEMES)
def test_axe_finds_nothing_serious_in_the_page_that_asks_for_the_token(tab: Tab, scheme: str, size: str) -> None:
    page = tab.open("images", "localhost", "")
    tab.expected_status = "401"
    assert "needs the token" in page.locator("main").inner_text()
    check(tab, scheme, size)
