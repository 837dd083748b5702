"""``pellucid course``: the course as pages and notebooks."""

import webbrowser
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pellucid.cli.output import ERRORS, Option
from pellucid.progress import create_progress_display


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
    from pellucid.course.site.build import build_site
    from pellucid.course.site.errors import PageFaults
    from pellucid.course.site.shipped import copy_notebooks, find_or_build_site

    with create_progress_display() as display:
        try:
            site = find_or_build_site(display) if out is None else build_site(out, display=display).parent
        except PageFaults as faults:
            display.stop()
            ERRORS.print("\n".join(faults.warnings))
            raise
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
