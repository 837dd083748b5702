"""Checks of a built site in Chromium, from disk and without a network: for the sample and for the real course."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tests.conftest import AXE

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1100, "height": 900}

OPEN_DETAILS = "() => document.querySelectorAll('details').forEach((details) => (details.open = true))"
# Without preload: axe would fetch style sheets, which browsers forbid for pages from disk.
RUN_AXE = "axe.run(document, {preload: false, resultTypes: ['violations']}).then((result) => result.violations)"
FIND_OVERFLOW = """
() => {
  if (document.documentElement.scrollWidth <= innerWidth) return [];
  const scrolls = (e) => e && (/auto|scroll|hidden/.test(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
  return ["the page", ...[...document.querySelectorAll("article *")]
    .filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !scrolls(e.parentElement))
    .map((e) => e.outerHTML.slice(0, 100))];
}
"""
STATES = "[...document.querySelectorAll('pellucid-figure')].map((figure) => figure.state)"


class Links(HTMLParser):
    """Links, sources and anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.sources: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.anchors.update(filter(None, [found.get("id"), found.get("name")]))
        if tag == "a" and found.get("href"):
            self.links.append(str(found["href"]))
        if found.get("src") or (tag == "link" and found.get("href")):
            self.sources.append(str(found.get("src") or found["href"]))


def list_pages(site: Path) -> list[Path]:
    return sorted(site.rglob("*.html"))


def read_files(site: Path) -> dict[str, bytes]:
    return {path.relative_to(site).as_posix(): path.read_bytes() for path in site.rglob("*") if path.is_file()}


def find_broken_links(site: Path) -> list[str]:
    """Return links to missing files and anchors, and sources from the network."""
    pages = {path.resolve(): Links(path.read_text("utf-8")) for path in list_pages(site)}
    return [fault for path, page in pages.items() for fault in find_faults(path, page, pages)]


def find_faults(path: Path, page: Links, pages: dict[Path, Links]) -> Iterator[str]:
    for source in page.sources:
        if re.match(r"\w+:|//", source) and not source.startswith("data:"):
            yield f"{path.name}: {source} is external"
    for link in [*page.links, *page.sources]:
        if re.match(r"\w+:|//", link):
            continue
        file, _, anchor = unquote(link).partition("#")
        target = (path.parent / file.partition("?")[0]).resolve() if file else path
        if not target.is_file():
            yield f"{path.name}: there is no file {link}"
        elif anchor and anchor not in pages[target].anchors:
            yield f"{path.name}: there is no anchor {link}"


def find_page_faults(pages: Any, path: Path, *, scheme: str = "light", size: dict[str, int] = DESKTOP) -> list[str]:
    """Open a page, start its figures, open what is folded away; return what axe finds serious, and what is too wide.

    Failed and external requests and errors on the console are recorded by the fixture ``pages``.
    """
    page = pages.open(path, color_scheme=scheme, viewport=size, reduced_motion="reduce")
    page.evaluate(OPEN_DETAILS)
    page.add_script_tag(content=AXE)
    where = f"{path.name}, {scheme}, {size['width']} pixels"
    faults = [
        f"{where}: {v['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for v in page.evaluate(RUN_AXE)
        if v["impact"] in ("serious", "critical")
        for node in v["nodes"]
    ]
    faults += [f"{where}: {text} is wider than the window" for text in page.evaluate(FIND_OVERFLOW)]
    faults += [
        f"{where}: a figure has not trained: {state}" for state in page.evaluate(STATES) if not is_trained(state)
    ]
    page.context.close()
    return faults


def is_trained(state: dict[str, Any]) -> bool:
    return bool(state) and state["step"] == state["steps"]


def search(pages: Any, site: Path, word: str) -> list[str]:
    """Return the titles that the search finds, from disk."""
    page = pages.open(site / "search.html", viewport=DESKTOP)
    page.fill("input[name=q] >> nth=0", word)
    page.press("input[name=q] >> nth=0", "Enter")
    page.wait_for_function(
        "/found|did not match/.test(document.querySelector('#search-results .search-summary')?.textContent)"
    )
    found = page.eval_on_selector_all("#search-results li a", "links => links.map(a => a.textContent)")
    page.context.close()
    return list(found)
