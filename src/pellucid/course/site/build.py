"""Building of the site: execution of pages, Sphinx, notebooks."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.course.site.errors import CourseError, PageFaults, require_generator
from pellucid.course.site.rendering import render_pages
from pellucid.course.site.sources import Page, collect_pages, load_executed
from pellucid.run.jax_runtime import count_cores

if TYPE_CHECKING:
    from pellucid.progress import ProgressDisplay

LEFTOVERS = (".buildinfo", "objects.inv", ".doctrees")
"""Files that readers do not need, or that contain paths of this machine."""


def build_site(
    out: Path,
    *,
    sections: dict[str, Path] | None = None,
    reference: bool | None = None,
    display: ProgressDisplay | None = None,
) -> Path:
    """Build the site of the course.

    Parameters
    ----------
    out : Path
        Folder of the site. It must be new or empty, or have an earlier site, which is replaced.
    sections : dict of str to Path, optional
        Folders of Markdown pages, by their folder in the site; by default the course and the guides.
    reference : bool, optional
        Whether the site has the reference of all public names; by default if ``sections`` is not given.
    display : ProgressDisplay, optional
        Shows the progress.

    Returns
    -------
    Path
        The start page.

    Raises
    ------
    CourseError
        If a package is missing, or a cell fails.
    PageFaults
        If Sphinx warns of something, such as an unknown term or a broken link. The site has been written nevertheless.
    """
    require_generator()
    check_target(out)
    from pellucid.course.site.execution import execute_pages
    from pellucid.course.site.notebooks import write_notebooks

    pages = collect_pages(sections)
    has_reference = sections is None if reference is None else reference
    to_execute = [page for page in pages if page.has_code or page.exercises]
    advance = start_progress(display, "executing pages", len(to_execute))
    with tempfile.TemporaryDirectory(prefix="pellucid-course-") as temporary:
        work = Path(temporary)
        for name in ("executed", "pages", "site"):
            (work / name).mkdir()
        execute_pages(to_execute, work / "executed", lambda page: advance())
        for page in pages:
            target = work / "pages" / f"{page.name}.md"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(page.text, "utf-8")
        if has_reference:
            write_reference(work / "pages" / "reference")
        found = render_pages(work, count_cores(), display)
        exercises: dict[str, Any] = {}
        for page in to_execute:
            exercises |= load_executed(page.text, str(work / "executed"))["exercises"]
        write_notebooks(pages, exercises, work / "site" / "notebooks")
        for name in LEFTOVERS:
            remove(work / "site" / name)
        replace_folder(work / "site", out)
    if found:
        raise PageFaults(out, [rename_files(line, pages, work) for line in found])
    return out / "index.html"


def write_reference(folder: Path) -> None:
    """Write the pages of the reference to a folder."""
    from pellucid.reference.pages import write_pages

    folder.mkdir()
    for name, text in write_pages().items():
        (folder / f"{name}.rst").write_text(text, "utf-8")


def start_progress(display: ProgressDisplay | None, description: str, total: int) -> Callable[[], None]:
    """Add a bar to a display, and return the function that advances it."""
    if display is None:
        return lambda: None
    task = display.add_task(description, total=total)
    return lambda: display.advance(task)


def rename_files(line: str, pages: Sequence[Page], work: Path) -> str:
    """Return a warning with the files that authors edit, instead of their copies."""
    for page in pages:
        line = line.replace(str(work / "pages" / f"{page.name}.md"), str(page.path))
    return line


def check_target(target: Path) -> None:
    """Raise `CourseError` unless a folder is new, empty, or an earlier site, which may be replaced."""
    is_site = (target / "index.html").exists() and (target / "searchindex.js").exists()
    if target.exists() and not is_site and (not target.is_dir() or any(target.iterdir())):
        raise CourseError(f"{target}: expected a new or empty folder, or an earlier site of the course")


def replace_folder(source: Path, target: Path) -> None:
    if target.exists():
        shutil.rmtree(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(source, target)


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
