"""Code that runs in the kernel of a chapter, before and after its cells. Results go through files."""

from __future__ import annotations

import hashlib
import json
import sys
import warnings
from html import escape
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[2]


def prepare() -> None:
    """Show live figures as elements of the page, and errors and warnings without the paths of this machine."""
    from IPython.core.getipython import get_ipython

    from pellucid.live.interactive_figure import Figure

    shell: Any = get_ipython()
    shell.display_formatter.formatters["text/html"].for_type(Figure, render_figure)
    shell.run_line_magic("xmode", "Minimal")
    warnings.formatwarning = lambda message, category, *place: f"{category.__name__}: {message}\n"


def render_figure(figure: Any) -> str:
    """Return the element of a figure, and its description for browsers without scripts."""
    from pellucid.live.notebook import estimate_height

    text = escape(f"{figure.title}. {figure.description} This live figure needs JavaScript.")
    height = estimate_height(len(figure.views))
    words = f"<noscript><p>{text}</p></noscript>"
    return f'<div class="live-figure" style="--height: {height}px">{figure.to_html()}{words}</div>'


def write_exercises(names: list[str], path: str) -> None:
    """Write the data of the exercises of a page."""
    from pellucid.course.exercises import find_exercise

    Path(path).write_text(json.dumps({name: encode(name, find_exercise(name)) for name in names}), "utf-8")


def encode(name: str, exercise: Any) -> dict[str, Any]:
    """Return an exercise as JSON data: for the page's checker if its answer is a formula, else as text."""
    from pellucid.course.site.exercise_files import make_stub

    described = {"question": exercise.question, "stub": make_stub(exercise)}
    if not hasattr(exercise, "reference"):
        return {"kind": "code", **described}
    from pellucid.course.exercise_page import encode_exercise

    return {"kind": "formula", "data": {**encode_exercise(exercise), "name": name}, **described}


def write_dependencies(path: str) -> None:
    """Write the hashes of the package's modules that the chapter has imported, by path inside of the package."""
    files = {getattr(module, "__file__", None) for name, module in sys.modules.items() if name.startswith("pellucid")}
    inside = sorted(Path(file) for file in files if file and Path(file).is_relative_to(PACKAGE))
    Path(path).write_text(json.dumps({p.relative_to(PACKAGE).as_posix(): hash_file(p) for p in inside}), "utf-8")


def write_failing_line(path: str) -> None:
    """Write the line, from 1, at which the last cell failed."""
    error: Any = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else None
    frame = getattr(error, "__traceback__", None)
    while line is None and frame is not None:
        if "ipykernel_" in frame.tb_frame.f_code.co_filename:
            line = frame.tb_lineno
        frame = frame.tb_next
    Path(path).write_text(json.dumps(line or 1), "utf-8")


def hash_file(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
