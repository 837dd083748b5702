"""The site of the course: pages, figures, formulas, search and links, built from two sample chapters."""

import re
import shutil
from pathlib import Path

import pytest
from site_checks import DESKTOP, PHONE, find_broken_links, find_page_faults, list_pages, search

SAMPLE = Path(__file__).with_name("sample")
EXERCISE = "document.querySelector('pellucid-exercise').shadowRoot.textContent"
FIGURE_BACKGROUND = """
document.querySelector("pellucid-figure").shadowRoot.querySelector(".figure").style.getPropertyValue("--background")
"""


def test_links_and_anchors_resolve(sample_site: Path) -> None:
    assert len(list_pages(sample_site)) == 6  # four pages, the search and the index
    assert find_broken_links(sample_site) == []


@pytest.mark.parametrize(
    ("scheme", "size", "names"),
    [("light", DESKTOP, "*.html"), pytest.param("dark", PHONE, "[0-9]*.html", marks=pytest.mark.slow)],
    ids=["light", "dark"],
)
def test_pages_are_accessible_and_figures_train(pages, sample_site: Path, scheme, size, names) -> None:
    paths = sorted(sample_site.glob(names))
    assert [f for path in paths for f in find_page_faults(pages, path, scheme=scheme, size=size)] == []


def test_search_works_from_disk(pages, sample_site: Path) -> None:
    assert "Two moons" in search(pages, sample_site, "hidden units")
    assert search(pages, sample_site, "xylophone") == []


def test_the_theme_of_the_page_reaches_figures(pages, sample_site: Path) -> None:
    page = pages.open(sample_site / "2_moons.html", color_scheme="light", viewport=DESKTOP)
    found = []
    for _ in range(3):
        found.append((page.evaluate("document.body.dataset.theme"), page.evaluate(FIGURE_BACKGROUND)))
        page.click(".theme-toggle-content .theme-toggle")
    assert sorted(found) == [("auto", "#ffffff"), ("dark", "#111418"), ("light", "#ffffff")]


def test_figures_start_when_they_come_near(pages, sample_site: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(sample_site, site)
    moons = site / "2_moons.html"
    far = '<p style="height: 3000px"></p><div class="live-figure"'
    moons.write_text(moons.read_text("utf-8").replace('<div class="live-figure"', far), "utf-8")
    page = pages.open(moons, start=False, viewport=PHONE)
    assert page.evaluate("document.querySelector('pellucid-figure').state") == {}
    page.evaluate("document.querySelector('pellucid-figure').scrollIntoView()")
    page.wait_for_function("document.querySelector('pellucid-figure').state.step == 200")


def test_pages_hide_assertions_and_fold_code_of_figures(sample_site: Path) -> None:
    neuron = (sample_site / "1_neuron.html").read_text("utf-8")
    assert "4.75" in neuron
    assert "assert" not in neuron
    moons = (sample_site / "2_moons.html").read_text("utf-8")
    assert moons.index("<details") < moons.index("Show the code") < moons.index("examples") < moons.index("</details>")
    assert "<iframe" not in moons


def test_errors_and_warnings_name_no_file(pages, sample_site: Path) -> None:
    page = pages.open(sample_site / "2_moons.html", start=False)
    [error] = page.locator(".traceback").all_inner_texts()
    assert error.startswith("ShapeError: X @ W: the left operand has 2 columns and the right operand has 3 rows.")
    assert "File" not in error
    assert page.locator(".stderr").all_inner_texts() == ["UserWarning: The learning rate is large.\n"]


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
    page = (sample_site / "1_neuron.html").read_text("utf-8")
    assert '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block"' in page
    assert '<math xmlns="http://www.w3.org/1998/Math/MathML" display="inline"' in page
    assert (sample_site / "2_moons.html").read_text("utf-8").count("<mtr>") == 2  # the lines of an aligned formula
    assert "mathjax" not in page.lower()
    assert '<span class="eqno">(1)</span>' in page
    assert re.search(r'<span class="nobreak"><math[^>]*>(?:(?!</math>).)*</math>,</span> and', page)  # $x_i$, and


def test_the_directive_shows_exercises(pages, sample_site: Path) -> None:
    page = pages.open(sample_site / "1_neuron.html")
    page.fill("pellucid-exercise textarea", "x @ w")
    page.press("pellucid-exercise textarea", "Enter")
    page.wait_for_function(f"{EXERCISE}.includes('The bias b is missing')")
    formula = page.locator("pellucid-exercise math").first  # of the question
    assert formula.get_attribute("display") == "inline"
    assert "How many of the numbers are positive?" in page.inner_text("#exercise-1-count")
    assert page.get_attribute("#exercise-1-count a[download]", "href") == "notebooks/chapter1.py"
