"""Files ``chapterN.py`` with a stub for each exercise of a chapter."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

WIDTH = 90


def make_stub(exercise: Any) -> str:
    """Return the source that a learner completes: a function of the exercise's letters, with the question.

    Examples
    --------
    >>> w = pel.scalar("w")
    >>> question = "The loss is w ** 2. What is its slope?"
    >>> print(make_stub(pel.course.Exercise("slope", "dL/dw", question, 2 * w, {"w": w}, "2 * w")))
    def slope(w):
        \"\"\"The loss is w ** 2. What is its slope?\"\"\"
        return ...
    """
    if hasattr(exercise, "stub"):
        return str(exercise.stub).strip("\n")
    lines = textwrap.wrap(exercise.question, WIDTH)
    text = "\n".join(lines)
    prefix = "r" if "\\" in text else ""
    doc = f'{prefix}"""{text}"""' if len(lines) == 1 else f'{prefix}"""{text}\n"""'
    body = textwrap.indent(f"{doc}\nreturn ...", "    ")
    return f"def {exercise.name}({', '.join(exercise.given)}):\n{body}"


def render_exercise_file(chapter: int, exercises: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the text of ``chapterN.py`` from encoded exercises by their names."""
    parts = [
        f'"""Exercises of chapter {chapter}. Replace each `...` by your answer, and check it:\n\n'
        f'    pellucid check chapter{chapter}.py\n"""',
        "import numpy as np",
    ]
    for name, exercise in exercises.items():
        stub = exercise["stub"]
        if exercise["kind"] == "code":
            question = textwrap.wrap(f"{name}: {exercise['question']}", WIDTH - 2)
            stub = "\n".join([*(f"# {line}" for line in question), stub])
        parts.append(stub)
    return "\n\n\n".join(["\n\n".join(parts[:2]), *parts[2:]]) + "\n"
