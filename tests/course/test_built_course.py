"""The real course, built and opened in Chromium: minutes. `pellucid course` shows the same site."""

import re
import resource
import time
from html import unescape
from pathlib import Path

import pytest
from site_checks import DESKTOP, PHONE, find_broken_links, find_page_faults, list_pages, search

from pellucid.course.site import build_site, shipped
from pellucid.course.site.sources import collect_pages
from pellucid.reference import list_public_names
from pellucid.reference.facts import Facts, collect_facts
from pellucid.reference.pages import get_page

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

MAX_BUILD_SECONDS = 300
"""Processor time, which other tests do not change much: on two cores, this takes less than three minutes."""
MAX_SITE_BYTES = 3_500_000
MAX_NOTEBOOK_SECONDS = 60
CHAPTERS = [page.name for page in collect_pages() if re.match(r"\d_", page.name)]


@pytest.fixture(scope="session")
def course(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """The site, built without a cache, and the seconds of processor time that it took."""
    out = tmp_path_factory.mktemp("course") / "site"
    start = measure_processor_time()
    build_site(out)
    return out, measure_processor_time() - start


def measure_processor_time() -> float:
    """Return the seconds of this process and of the processes that it has waited for."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


@pytest.fixture
def site(course: tuple[Path, float]) -> Path:
    return course[0]


def test_the_build_is_fast(course: tuple[Path, float]) -> None:
    assert course[1] < MAX_BUILD_SECONDS


def test_the_site_is_small(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "SHIPPED", tmp_path / "site.tar.xz")
    (site / shipped.STAMP).write_text("stamp", "utf-8")
    shipped.pack_site(site)
    (site / shipped.STAMP).unlink()
    assert (tmp_path / "site.tar.xz").stat().st_size < MAX_SITE_BYTES


def test_every_public_name_has_a_page(site: Path, subtests: pytest.Subtests) -> None:
    for name, entry in list_public_names().items():
        if entry.owner is None:
            with subtests.test(name):
                check_page(site, name)


def check_page(site: Path, name: str) -> None:
    entry = list_public_names()[name]
    text = (site / "reference" / f"{get_page(entry)}.html").read_text("utf-8")
    article = text[text.index("<article") : text.index("</article>")]
    facts = collect_facts(entry)
    assert f"<h1>{name}" in article
    if entry.kind == "command":
        assert f"Usage: {name}" in article
        return
    assert f'id="{name}"' in article
    assert (">Parameters<" in article) == bool(facts.doc.parameters or any_method_has_parameters(facts))
    assert (">>> " in unescape(re.sub(r"<[^>]+>", "", article))) == (entry.kind != "module")
    assert all(f'id="{method}"' in article for method in facts.methods)


def any_method_has_parameters(facts: Facts) -> bool:
    return any(collect_facts(list_public_names()[method]).doc.parameters for method in facts.methods)


@pytest.mark.parametrize(
    ("word", "page"),
    [
        ("Dense", "pel.nn.Dense"),
        ("EarlyStopping", "pel.callbacks.EarlyStopping"),
        ("mse", "pel.losses.mean_squared_error"),
        ("np.tanh", "pel.tanh"),
        ("predict_proba", "pel.Model"),
        ("pellucid train", "pellucid train"),
        ("requires_grad", "Names of other frameworks"),
    ],
)
def test_the_search_finds_names(pages, site: Path, word: str, page: str) -> None:
    assert any(title.startswith(page) for title in search(pages, site, word))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize(
    "name",
    [
        "index",
        "tanh",
        "Model",
        "nn.Dense",
        "section-losses",
        "pellucid.train",
        "other-frameworks",
        "rules",
        "data.moons",
    ],
)
def test_pages_of_the_reference_are_accessible(pages, site: Path, name: str, size, scheme: str) -> None:
    assert find_page_faults(pages, site / "reference" / f"{name}.html", scheme=scheme, size=size) == []


def test_code_of_chapters_links_to_the_reference(site: Path) -> None:
    glossary = (site / "glossary.html").read_text("utf-8")
    assert 'href="reference/losses.mean_squared_error.html' in glossary


def test_there_are_nine_chapters(site: Path) -> None:
    assert [name[0] for name in CHAPTERS] == list("123456789")
    assert all((site / f"{name}.html").exists() for name in CHAPTERS)


def test_links_and_anchors_resolve(site: Path) -> None:
    assert find_broken_links(site) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_pages_are_accessible_and_figures_train(pages, site: Path, scheme, size) -> None:
    # The pages of the reference have one form: the test above opens some of each kind.
    chosen = [path for path in list_pages(site) if path.parent.name != "reference"]
    faults = [f for path in chosen for f in find_page_faults(pages, path, scheme=scheme, size=size)]
    assert faults == [], "\n".join(faults)


@pytest.mark.parametrize(("word", "title"), [("softmax", "One neuron"), ("overfitting", "Fitting too well")])
def test_search_works_from_disk(pages, site: Path, word: str, title: str) -> None:
    assert any(title in found for found in search(pages, site, word))


@pytest.mark.parametrize("name", CHAPTERS)
def test_chapters_run_as_notebooks(site: Path, tmp_path: Path, name: str) -> None:
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(site / "notebooks" / f"{name}.ipynb", as_version=4)
    start = time.perf_counter()
    NotebookClient(notebook, timeout=100, kernel_name="python3").execute(cwd=str(tmp_path))
    assert time.perf_counter() - start < MAX_NOTEBOOK_SECONDS


def test_two_builds_are_equal(site: Path, tmp_path: Path) -> None:
    build_site(tmp_path / "again")
    for path in site.rglob("*"):
        if path.is_file():
            other = tmp_path / "again" / path.relative_to(site)
            assert other.read_bytes() == path.read_bytes(), f"{path.relative_to(site)} differs between two builds"
