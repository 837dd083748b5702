"""Rendering of pages by Sphinx, in a separate process: ``python -m pellucid.course.site.rendering WORK CORES``.

Sphinx forks to use several cores, which a process that has loaded JAX must not do.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.course.site.errors import CourseError

if TYPE_CHECKING:
    from pellucid.progress import ProgressDisplay, Task

CONFIGURATION = Path(__file__).parent

FAULTS = "faults.txt"
"""File with the warnings of Sphinx, in the folder of a build."""

ERRORS = "errors.txt"
"""File with what the process wrote to its standard error, in the folder of a build."""

STATUS = re.compile(r"(reading sources|writing output)\.\.\. \S*\[ *(\d+)%\]")
"""Status line of Sphinx: its phase and the percentage of pages."""


def render_pages(work: Path, cores: int, display: ProgressDisplay | None) -> list[str]:
    """Render the pages of a folder, and return the warnings of Sphinx."""
    command = [sys.executable, "-m", __name__, str(work), str(cores)]
    tasks: dict[str, Task] = {}
    with (
        (work / ERRORS).open("w+", encoding="utf-8") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            if display is not None and (found := STATUS.search(line)):
                phase, percent = found.groups()
                if phase not in tasks:
                    tasks[phase] = display.add_task(phase, 100)
                display.update(tasks[phase], completed=int(percent))
    if process.returncode:
        raise CourseError(f"Sphinx failed: {(work / ERRORS).read_text('utf-8').strip()}")
    return (work / FAULTS).read_text("utf-8").splitlines()


def run_sphinx(work: Path, cores: int) -> list[str]:
    """Run Sphinx in this process. Return its warnings."""
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    executed = str(work / "executed")
    reader = ["pellucid.course.site.sources.read_executed_notebook", {"folder": executed}, False]
    overrides = {"pellucid_executed": executed, "nb_custom_formats": {".md": reader}}
    found = io.StringIO()
    with warnings.catch_warnings(), patch_docutils(str(CONFIGURATION)), docutils_namespace():
        warnings.simplefilter("ignore", DeprecationWarning)  # of one package that another one calls
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        app = Sphinx(
            srcdir=work / "pages",
            confdir=CONFIGURATION,
            outdir=work / "site",
            doctreedir=work / "doctrees",
            buildername="html",
            confoverrides=overrides,
            status=sys.stdout,
            warning=found,
            freshenv=True,
            parallel=cores,
        )
        app.build(force_all=True)
    colors = re.compile(r"\x1b\[[\d;]*m")
    return [line for line in colors.sub("", found.getvalue()).splitlines() if line.strip()]


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    (folder / FAULTS).write_text("\n".join(run_sphinx(folder, int(sys.argv[2]))), "utf-8")
