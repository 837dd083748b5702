"""Exercises of all chapters. Each module ``chapterN`` has a function ``define_exercises``."""

from __future__ import annotations

import functools
from importlib import import_module

from pellucid.course.checker import CheckResult
from pellucid.course.exercise import CodeExercise, Exercise
from pellucid.graph.errors import NoSuchNameError, near_miss

CHAPTERS = (1, 2, 3, 4, 5, 6, 7, 8, 9)


@functools.cache
def list_exercises(chapter: int) -> dict[str, Exercise | CodeExercise]:
    """Return the exercises of a chapter by name, in the order of the text."""
    module = import_module(f"pellucid.course.exercises.chapter{chapter}")
    return {exercise.name: exercise for exercise in module.define_exercises()}


def find_exercise(name: str) -> Exercise | CodeExercise:
    """Return an exercise, for example ``"4.dW1"``: chapter, dot, name.

    Parameters
    ----------
    name : str
        Chapter, dot and name of the exercise, such as ``"4.dW1"``.

    Examples
    --------
    >>> pel.course.find_exercise("4.dW1").quantity
    'dW1'
    """
    chapter, _, rest = name.partition(".")
    if chapter not in map(str, CHAPTERS):
        raise NoSuchNameError(
            f"No exercise {name!r}: expected a chapter from 1 to 9, a dot and a name, such as '4.dW1'."
        )
    exercises = list_exercises(int(chapter))
    if rest not in exercises:
        raise NoSuchNameError(f"Chapter {chapter} has no exercise {rest!r}.{near_miss(rest, exercises)}")
    return exercises[rest]


def check(name: str, answer: object) -> CheckResult:
    """Check an answer to an exercise of the course.

    Parameters
    ----------
    name : str
        Chapter, dot and name of the exercise, such as ``"4.dW1"``.
    answer : str, callable or Expr
        A formula as text, a function whose parameters are letters of the exercise, or an expression.

    Returns
    -------
    CheckResult

    Examples
    --------
    >>> bool(pel.course.check("4.dW1", pel.course.find_exercise("4.dW1").solution))
    True
    """
    exercise = find_exercise(name)
    if answer is ...:
        return CheckResult(False, f"Exercise {name} is not answered yet: replace `...` by your answer.")
    return exercise.check(answer)
