"""Headless Chromium for tests of pages. It has no network, and every error of a page fails its test."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
BROWSER_REQUIRED = os.environ.get("PELLUCID_REQUIRE_BROWSER") == "1"


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """The browser of a test process. Without Chromium, the tests that use it are skipped, but not in CI."""
    if CHROMIUM is None:
        if BROWSER_REQUIRED:
            pytest.fail("PELLUCID_REQUIRE_BROWSER=1, and there is no Chromium on PATH")
        pytest.skip("there is no Chromium on PATH: install it (Debian: apt install chromium) to run browser tests")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


class Pages:
    """Opens pages from disk, without a network, and collects their errors."""

    def __init__(self, browser: Any, folder: Path) -> None:
        self.browser, self.folder = browser, folder
        self.errors: list[str] = []
        self.contexts: list[Any] = []

    def open(self, source: Any, **options: Any) -> Any:
        """Open a file, or save a figure and open it; return the page of Playwright when its figures are ready."""
        path = source if isinstance(source, Path) else self.folder / f"page{len(self.contexts)}.html"
        if not isinstance(source, Path):
            source.save(path)
        context = self.browser.new_context(offline=True, **options)
        self.contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        page.on("request", lambda r: self.errors.append(f"request of {r.url}") if is_external(r.url) else None)
        page.goto(path.resolve().as_uri())
        page.evaluate("Promise.all([...document.querySelectorAll('pellucid-figure')].map(f => f.ready))")
        return page

    def close(self) -> None:
        for context in self.contexts:
            context.close()


def is_external(url: str) -> bool:
    return not url.startswith(("file:", "blob:", "data:"))


@pytest.fixture
def pages(browser: Any, tmp_path: Path) -> Iterator[Pages]:
    opened = Pages(browser, tmp_path)
    yield opened
    opened.close()
    assert opened.errors == []
