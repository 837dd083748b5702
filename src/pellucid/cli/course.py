"""``pellucid course`` and ``pellucid docs``: the course, the guides and the reference as pages, and the notebooks."""

import webbrowser
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pellucid.cli.output import ERRORS, Option
from pellucid.errors import NoSuchNameError
from pellucid.progress import create_progress_display
from pellucid.tracking import UsageError


def course(
    *,
    out: Annotated[Path | None, Option] = None,
    notebooks: Annotated[Path | None, Option] = None,
    open: Annotated[bool, Parameter(negative="--no-open", show_default=False)] = True,
) -> int:
    """Open the course in the browser, build it, or write its notebooks.

    For example:

        pellucid course                        open the course
        pellucid course --out course           build it into a folder
        pellucid course --notebooks exercises  write notebooks and exercises

    The pages work from disk, without a network. From a source checkout, the
    course is built when it is opened: its code is executed, which takes a few
    minutes the first time.

    Each chapter with code is written as a Jupyter notebook (.ipynb) and a
    marimo notebook (.py). The file chapter4.py has a function to complete for
    each exercise of chapter 4; check it with: pellucid check chapter4.py

    Parameters
    ----------
    out
        Build the course into this folder. An earlier course there is replaced.
    notebooks
        Write notebooks and exercise files into this folder. Existing files are kept.
    open
        Open the course in the browser (default), or only print its address with --no-open.
    """
    from pellucid.course.site.shipped import copy_notebooks

    site = prepare_site(out)
    if notebooks is not None:
        copied, kept = copy_notebooks(site, notebooks)
        print(f"In {notebooks}: {', '.join(copied) or 'nothing new'}")
        if kept:
            print(f"Kept, because they exist: {', '.join(kept)}")
    address = (site / "index.html").resolve().as_uri()
    if out is not None or notebooks is None:
        print(f"The course: {address}")
    if open and out is None and notebooks is None:
        webbrowser.open(address)
    return 0


def docs(name: str = "", *, open: Annotated[bool, Parameter(negative="--no-open", show_default=False)] = True) -> int:
    """Open the documentation in the browser, at the page of a public name.

    For example:

        pellucid docs          open the list of all names
        pellucid docs softmax  open the page of a name

    The pages work from disk, without a network. The same facts in the
    terminal: pellucid reference softmax

    Parameters
    ----------
    name
        A function, class, method or command (default: the list of all names).
    open
        Open the page in the browser (default), or only print its address with --no-open.
    """
    from pellucid.reference import find_public_names
    from pellucid.reference.pages import get_anchor, get_page

    page = "index.html"
    if name:
        try:
            entry = find_public_names(name)[0]
        except NoSuchNameError as error:
            raise UsageError(str(error)) from None
        page = f"{get_page(entry)}.html{get_anchor(entry)}"
    address = (prepare_site() / "reference").resolve().as_uri() + f"/{page}"
    print(f"The documentation: {address}")
    if open:
        webbrowser.open(address)
    return 0


def prepare_site(out: Path | None = None) -> Path:
    """Return the folder of the site: the package's or the cache's, or a new one in a folder. Print faults of pages."""
    from pellucid.course.site.build import build_site
    from pellucid.course.site.errors import PageFaults
    from pellucid.course.site.shipped import find_or_build_site

    with create_progress_display() as display:
        try:
            return find_or_build_site(display) if out is None else build_site(out, display=display).parent
        except PageFaults as faults:
            display.stop()
            ERRORS.print("\n".join(faults.warnings))
            raise
