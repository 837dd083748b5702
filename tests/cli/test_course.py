"""``pellucid course``: which site is opened, and the files of learners."""

import tempfile
import webbrowser
from pathlib import Path
from typing import Any

import pytest

from pellucid.cli import main
from pellucid.course.site import build, shipped
from pellucid.course.site.errors import CourseError, PageFaults

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Sites are built without Sphinx; the folders of those that were built."""
    folders: list[Path] = []

    def build_site(out: Path, **options: Any) -> Path:
        folders.append(out)
        (out / "notebooks").mkdir(parents=True, exist_ok=True)
        (out / "index.html").write_text("the course", "utf-8")
        (out / "notebooks" / "chapter4.py").write_text("stubs", "utf-8")
        (out / "notebooks" / "4_backpropagation.ipynb").write_text("{}", "utf-8")
        (out / "notebooks" / "__pycache__").mkdir(exist_ok=True)  # as pip leaves one
        return out / "index.html"

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(build, "build_site", build_site)
    monkeypatch.setattr(shipped, "build_site", build_site)
    monkeypatch.setattr(shipped, "SHIPPED", tmp_path / "shipped.tar.xz")
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "cache"))
    return folders


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    addresses: list[str] = []
    monkeypatch.setattr(webbrowser, "open", addresses.append)
    return addresses


def test_the_course_is_built_once_and_opened(built: list[Path], opened: list[str], capsys: Output) -> None:
    assert main(["course"]) == main(["course"]) == 0
    [folder] = built
    assert folder == Path("cache").resolve() / "course"
    assert opened == [(folder / "index.html").as_uri()] * 2
    assert capsys.readouterr().out.splitlines() == [f"The course: {opened[0]}"] * 2


def test_changed_sources_build_it_again(built: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["course", "--no-open"]) == 0
    monkeypatch.setattr(shipped, "hash_sources", lambda: "changed")
    assert main(["course", "--no-open"]) == 0
    assert len(built) == 2


def test_no_open_only_prints(opened: list[str], capsys: Output) -> None:
    assert main(["course", "--no-open"]) == 0
    assert opened == []
    assert capsys.readouterr().out.startswith("The course: file:///")


def ship_site(tmp_path: Path, stamp: str) -> None:
    shipped.build_stamped_site(tmp_path / "site", stamp)
    (tmp_path / "site" / "index.html").write_text("the shipped course", "utf-8")
    shipped.pack_site(tmp_path / "site")


def test_a_wheel_has_the_course(built: list[Path], opened: list[str], tmp_path: Path) -> None:
    ship_site(tmp_path, shipped.hash_sources())
    built.clear()
    assert main(["course"]) == main(["course"]) == 0
    assert built == []
    folder = tmp_path / "cache" / "course"
    assert opened == [(folder / "index.html").as_uri()] * 2
    assert (folder / "index.html").read_text("utf-8") == "the shipped course"
    assert not (tmp_path / "cache" / "course-unpacked").exists()


def test_a_wheel_shows_the_course_without_a_cache(
    built: list[Path], opened: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship_site(tmp_path, shipped.hash_sources())
    monkeypatch.setenv("PELLUCID_CACHE", "0")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    built.clear()
    assert main(["course"]) == 0
    assert built == []
    assert opened[0].startswith((tmp_path / "pellucid-").as_uri())


def test_equal_sites_give_equal_archives(tmp_path: Path) -> None:
    ship_site(tmp_path, "stamp")
    first = shipped.SHIPPED.read_bytes()
    (tmp_path / "site" / "index.html").touch()
    shipped.pack_site(tmp_path / "site")
    assert shipped.SHIPPED.read_bytes() == first


def test_an_old_site_of_the_package_is_used_only_without_the_generator(
    built: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship_site(tmp_path, "old")
    built.clear()
    assert main(["course"]) == 0
    folder = tmp_path / "cache" / "course"
    assert built == [folder]
    monkeypatch.setattr(shipped, "find_missing_packages", lambda: ["sphinx"])
    assert main(["course"]) == 0
    assert (folder / "index.html").read_text("utf-8") == "the shipped course"


def test_docs_opens_the_page_of_a_name(opened: list[str], capsys: Output) -> None:
    assert main(["docs"]) == main(["docs", "Dense"]) == main(["docs", "Model.fit"]) == main(["docs", "Function"]) == 0
    assert [address.partition("/course/reference/")[2] for address in opened] == [
        "index.html",
        "nn.Dense.html",
        "Model.html#pel.Model.fit",
        "Function-class.html",
    ]
    assert main(["docs", "Densee", "--no-open"]) == 2
    assert "Did you mean 'Dense'?" in capsys.readouterr().err


def test_without_a_cache_a_folder_is_needed(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setenv("PELLUCID_CACHE", "0")
    assert main(["course"]) == 1
    assert "the cache is off. Build it elsewhere: --out FOLDER" in capsys.readouterr().err


def test_out_builds_into_a_folder(built: list[Path], opened: list[str], capsys: Output) -> None:
    assert main(["course", "--out", "site"]) == 0
    assert built == [Path("site")]
    assert opened == []
    assert capsys.readouterr().out == f"The course: {Path('site/index.html').resolve().as_uri()}\n"


def test_notebooks_are_copied_and_answers_kept(opened: list[str], capsys: Output) -> None:
    Path("mine").mkdir()
    Path("mine/chapter4.py").write_text("my answers", "utf-8")
    assert main(["course", "--notebooks", "mine"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "In mine: 4_backpropagation.ipynb",
        "Kept, because they exist: chapter4.py",
    ]
    assert Path("mine/chapter4.py").read_text("utf-8") == "my answers"
    assert Path("mine/4_backpropagation.ipynb").read_text("utf-8") == "{}"
    assert opened == []
    assert main(["course", "--notebooks", "mine"]) == 0
    assert "In mine: nothing new" in capsys.readouterr().out


def test_faults_of_pages_are_listed(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    def fail(out: Path, **options: Any) -> Path:
        raise PageFaults(out, ["4.md:3: WARNING: no such term", "5.md:8: WARNING: no such page"])

    monkeypatch.setattr(build, "build_site", fail)
    assert main(["course", "--out", "site"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "4.md:3: WARNING: no such term",
        "5.md:8: WARNING: no such page",
        "error: The site is in site, and its pages have faults (2 lines above)",
    ]


def test_errors_are_one_line(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    def fail(out: Path, **options: Any) -> Path:
        raise CourseError("Building the course needs packages that are not installed: sphinx")

    monkeypatch.setattr(build, "build_site", fail)
    assert main(["course", "--out", "site"]) == 1
    assert "error: Building the course needs packages" in capsys.readouterr().err


def test_the_hash_of_sources_leaves_out_the_built_course(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "package"
    (package / "course").mkdir(parents=True)
    (package / "a.py").write_text("a", "utf-8")
    monkeypatch.setattr(shipped, "PACKAGE", package)
    monkeypatch.setattr(shipped, "SHIPPED", package / "course" / "built.tar.xz")
    before = shipped.hash_sources()
    (package / "course" / "built.tar.xz").write_bytes(b"site")
    (package / "a.pyc").write_text("compiled", "utf-8")
    assert shipped.hash_sources() == before
    (package / "a.py").write_text("b", "utf-8")
    assert shipped.hash_sources() != before
