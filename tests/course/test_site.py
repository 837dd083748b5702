"""The site of the course: pages, figures, formulas, search and links, built from two sample chapters."""

import json
import re
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from site_checks import DESKTOP, PHONE, find_broken_links, find_page_faults, list_pages, search

from tests.conftest import Pages

EXERCISE = "document.querySelector('pellucid-exercise').shadowRoot.textContent"
LOW = {"width": 1100, "height": 300}
FIGURE = 'document.querySelector("pellucid-figure")'
FIGURE_BACKGROUND = f'{FIGURE}.shadowRoot.querySelector(".figure").style.getPropertyValue("--background")'


def read_page(site: Path, name: str) -> str:
    return (site / f"{name}.html").read_text("utf-8")


def strip_tags(text: str) -> str:
    return unescape(re.sub(r"<[^>]+>", "", text))


def test_links_and_anchors_resolve(sample_site: Path) -> None:
    assert len(list_pages(sample_site)) == 6  # four pages, the search and the index
    assert find_broken_links(sample_site) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scheme", "size", "names"), [("light", DESKTOP, "*.html"), ("dark", PHONE, "[0-9]*.html")], ids=["light", "dark"]
)
def test_pages_are_accessible_and_figures_train(pages, sample_site: Path, scheme, size, names) -> None:
    paths = sorted(sample_site.glob(names))
    assert [f for path in paths for f in find_page_faults(pages, path, scheme=scheme, size=size)] == []


class Names(HTMLParser):
    """What a page offers to screen readers: its language, levels of headings, and elements without a name."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.languages: list[str | None] = []
        self.levels: list[str | None] = []
        self.unnamed: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        if tag == "html":
            self.languages.append(found.get("lang"))
        if re.fullmatch("h[1-6]", tag) or found.get("role") == "heading":
            self.levels.append(found.get("aria-level") or tag.removeprefix("h"))
        if (tag == "img" and "alt" not in found) or (tag == "iframe" and "title" not in found):
            self.unnamed.append(str(self.get_starttag_text()))


def test_pages_have_a_language_and_headings_have_levels(sample_site: Path) -> None:
    for path in list_pages(sample_site):
        names = Names(path.read_text("utf-8"))
        assert names.languages == ["en"], path.name
        assert names.levels.count("1") == (path.name != "search.html"), path.name
        assert set(names.levels) <= set("123"), path.name  # titles of the navigation have the second one
        assert names.unnamed == [], path.name


@pytest.fixture(scope="module")
def window(browser: Any, sample_site: Path) -> Iterator[Pages]:
    """Pages that several tests use: opening one takes longer than a test may."""
    opened = Pages(browser, sample_site)
    yield opened
    opened.close()
    assert opened.errors == []


@pytest.fixture(scope="module")
def search_page(window: Pages, sample_site: Path) -> Any:
    """The result of a search, as the form in the sidebar opens it."""
    page = window.open(sample_site / "search.html", viewport=LOW)
    page.goto(f"{page.url}?q=hidden+units")
    return page


def list_results(page: Any) -> list[str]:
    page.wait_for_function(
        "/found|did not match/.test(document.querySelector('#search-results .search-summary')?.textContent)"
    )
    return list(page.eval_on_selector_all("#search-results li a", "links => links.map(a => a.textContent)"))


def test_the_search_finds_words_of_chapters(search_page: Any) -> None:
    assert "Two moons" in list_results(search_page)


def test_the_search_finds_no_words_that_are_missing(search_page: Any) -> None:
    search_page.evaluate("document.querySelector('#search-results').replaceChildren()")
    search_page.evaluate("Search.performSearch('xylophone')")
    assert list_results(search_page) == []


@pytest.mark.slow
def test_the_search_is_entered_in_the_sidebar(pages, sample_site: Path) -> None:
    assert "Two moons" in search(pages, sample_site, "hidden units")
    assert search(pages, sample_site, "xylophone") == []


@pytest.fixture(scope="module")
def moons(window: Pages, sample_site: Path) -> tuple[Any, list[Any]]:
    """A page whose figure is far below the window, and states of the figure: at first, and after a reader scrolls."""
    far = '<p style="height: 3000px"></p><div class="live-figure"'
    path = sample_site / "moons_far_below.html"  # beside its scripts and styles
    path.write_text(read_page(sample_site, "2_moons").replace('<div class="live-figure"', far), "utf-8")
    page = window.open(path, start=False, color_scheme="light", viewport=LOW)
    path.unlink()
    first = page.evaluate(f"{FIGURE}.state")
    page.evaluate(f"{FIGURE}.scrollIntoView()")
    page.wait_for_function(f"{FIGURE}.state.step > 0")
    return page, [first, page.evaluate(f"{FIGURE}.ready.then(() => {FIGURE}.state)")]


def test_figures_start_when_they_come_near(moons: tuple[Any, list[Any]]) -> None:
    _, (first, last) = moons
    assert first == {}
    assert last["step"] == last["steps"] == 20


def test_the_theme_of_the_page_reaches_figures(moons: tuple[Any, list[Any]]) -> None:
    page, _ = moons
    found = []
    for _ in range(3):
        found.append((page.evaluate("document.body.dataset.theme"), page.evaluate(FIGURE_BACKGROUND)))
        page.evaluate("document.querySelector('.theme-toggle-content .theme-toggle').click()")
    assert sorted(found) == [("auto", "#ffffff"), ("dark", "#111418"), ("light", "#ffffff")]


def test_the_directive_shows_exercises(sample_site: Path) -> None:
    text = read_page(sample_site, "1_neuron")
    [data] = re.findall(r'<pellucid-exercise><script type="application/json">(.*?)</script>', text)
    exercise = json.loads(data)
    assert "The bias `b` is missing. " in exercise["sentences"]
    assert re.search(r'the weighted sum <math [^>]*display="inline"', exercise["question"])
    assert text.count('id="exercise-1-z"') == 1
    [code] = re.findall(
        r'<div class="exercise docutils container" id="exercise-1-count">.*?</p></div>', text, re.DOTALL
    )
    assert "Exercise 1.count. How many of the numbers are positive?" in strip_tags(code)
    assert '<a href="notebooks/chapter1.py" download>chapter1.py</a>' in code
    assert "pellucid check chapter1.py count" in strip_tags(code)


@pytest.mark.slow
def test_exercises_are_checked_in_the_page(pages, sample_site: Path) -> None:
    page = pages.open(sample_site / "1_neuron.html")
    page.fill("pellucid-exercise textarea", "x @ w")
    page.press("pellucid-exercise textarea", "Enter")
    page.wait_for_function(f"{EXERCISE}.includes('The bias b is missing')")
    formula = page.locator("pellucid-exercise math").first  # of the question
    assert formula.get_attribute("display") == "inline"
    assert "How many of the numbers are positive?" in page.inner_text("#exercise-1-count")
    assert page.get_attribute("#exercise-1-count a[download]", "href") == "notebooks/chapter1.py"


def test_pages_hide_assertions_and_fold_code_of_figures(sample_site: Path) -> None:
    neuron = read_page(sample_site, "1_neuron")
    assert "4.75" in neuron
    assert "assert" not in neuron
    moons = read_page(sample_site, "2_moons")
    assert moons.index("<details") < moons.index("Show the code") < moons.index("examples") < moons.index("</details>")
    assert "<iframe" not in moons


def test_errors_and_warnings_name_no_file(sample_site: Path) -> None:
    page = read_page(sample_site, "2_moons")
    [error] = re.findall(r'<div class="output traceback.*?</pre>', page, re.DOTALL)
    assert "ShapeError: X @ W: the left operand has 2 columns and the right operand has 3 rows." in strip_tags(error)
    assert "File" not in error
    [warning] = re.findall(r'<div class="output stderr.*?</pre>', page, re.DOTALL)
    assert strip_tags(warning) == "UserWarning: The learning rate is large.\n"


def test_scripts_are_loaded_where_they_are_needed(sample_site: Path) -> None:
    scripts = {
        path.name: [name for name in ("runtime.js", "exercises.js") if name in path.read_text("utf-8")]
        for path in list_pages(sample_site)
    }
    assert {name: found for name, found in scripts.items() if found} == {
        "1_neuron.html": ["exercises.js"],
        "2_moons.html": ["runtime.js"],
    }


def test_formulas_are_mathml(sample_site: Path) -> None:
    page = read_page(sample_site, "1_neuron")
    assert '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block"' in page
    assert '<math xmlns="http://www.w3.org/1998/Math/MathML" display="inline"' in page
    assert read_page(sample_site, "2_moons").count("<mtr>") == 2  # the lines of an aligned formula
    assert "mathjax" not in page.lower()
    assert '<span class="eqno">(1)</span>' in page
    assert re.search(r'<span class="nobreak"><math[^>]*>(?:(?!</math>).)*</math>,</span> and', page)  # $x_i$, and
