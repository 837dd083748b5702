"""The real course, built and opened in Chromium: minutes. `pellucid course` shows the same site."""

import re
import time
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from site_checks import DESKTOP, PHONE, find_broken_links, find_page_faults, list_pages, search

from pellucid.course.site import build_site
from pellucid.course.site.sources import collect_pages

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

MAX_BUILD_SECONDS = 180
MAX_WHEEL_BYTES = 5_000_000
MAX_NOTEBOOK_SECONDS = 60
CHAPTERS = [page.name for page in collect_pages() if re.match(r"\d_", page.name)]


@pytest.fixture(scope="session")
def course(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """The site, built without a cache, and the seconds that it took."""
    out = tmp_path_factory.mktemp("course") / "site"
    start = time.perf_counter()
    build_site(out)
    return out, time.perf_counter() - start


@pytest.fixture
def site(course: tuple[Path, float]) -> Path:
    return course[0]


def test_the_build_is_fast(course: tuple[Path, float]) -> None:
    assert course[1] < MAX_BUILD_SECONDS


def test_the_site_is_small(site: Path, tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "site.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in site.rglob("*"):
            archive.write(path, path.relative_to(site))
    assert (tmp_path / "site.zip").stat().st_size < MAX_WHEEL_BYTES


def test_there_are_nine_chapters(site: Path) -> None:
    assert [name[0] for name in CHAPTERS] == list("123456789")
    assert all((site / f"{name}.html").exists() for name in CHAPTERS)


def test_links_and_anchors_resolve(site: Path) -> None:
    assert find_broken_links(site) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_pages_are_accessible_and_figures_train(pages, site: Path, scheme, size) -> None:
    faults = [f for path in list_pages(site) for f in find_page_faults(pages, path, scheme=scheme, size=size)]
    assert faults == [], "\n".join(faults)


@pytest.mark.parametrize(("word", "title"), [("softmax", "One neuron"), ("overfitting", "Fitting too well")])
def test_search_works_from_disk(pages, site: Path, word: str, title: str) -> None:
    assert any(title in found for found in search(pages, site, word))


@pytest.mark.parametrize("name", CHAPTERS)
def test_chapters_run_as_notebooks(site: Path, tmp_path: Path, name: str) -> None:
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
