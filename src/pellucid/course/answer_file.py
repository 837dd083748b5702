"""Files ``chapterN.py`` of learners: loading, and checking their functions."""

from __future__ import annotations

import ast
import re
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pellucid.course.exercises import CHAPTERS, list_exercises
from pellucid.errors import NoSuchNameError, OptionError, PellucidError, near_miss

Status = Literal["right", "wrong", "unanswered"]


class AnswerFileError(PellucidError, ValueError):
    """A file of answers that cannot be loaded: it is missing, has a syntax error, or fails when it runs."""


@dataclass(frozen=True)
class ExerciseReport:
    """Report on one exercise of a file.

    Attributes
    ----------
    name : str
        Name of the exercise.
    status : {"right", "wrong", "unanswered"}
    message : str
        Message of the checker.
    hints : tuple of str
        Further hints, from general to specific.
    """

    name: str
    status: Status
    message: str = ""
    hints: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def check_file(path: Path, names: Sequence[str] = (), chapter: int | None = None) -> list[ExerciseReport]:
    """Check the answers in a file.

    Parameters
    ----------
    path : Path
        A file with a function or a value for each exercise, under the name of the exercise.
    names : sequence of str
        Exercises to check; by default, all of the chapter.
    chapter : int, optional
        The chapter; by default, the number in the file's name.

    Returns
    -------
    list of ExerciseReport
        In the order of the chapter, or of ``names``.

    Raises
    ------
    AnswerFileError
        If the file is missing, has a syntax error, or fails when it runs.
    OptionError, NoSuchNameError
        If there is no such chapter or exercise.
    """
    source = read_source(path)
    exercises = list_exercises(find_chapter(path, chapter))
    for name in names:
        if name not in exercises:
            hint = near_miss(name, exercises) or f" Its exercises: {', '.join(exercises)}"
            raise NoSuchNameError(f"Chapter {find_chapter(path, chapter)} has no exercise {name!r}.{hint}")
    answers = load_answers(path, source)
    open_stubs = find_stubs(source)
    return [check_answer_of(path, exercises[name], answers, open_stubs) for name in names or exercises]


def find_chapter(path: Path, chapter: int | None) -> int:
    """Return the chapter of a file: a given one, or the number in its name."""
    if chapter is None:
        match = re.search(r"chapter[ _-]?(\d+)", path.stem, re.IGNORECASE)
        if match is None:
            raise OptionError(f"{path}: expected a name such as chapter4.py, or the option --chapter")
        chapter = int(match[1])
    if chapter not in CHAPTERS:
        raise OptionError(f"{path}: expected a chapter from {CHAPTERS[0]} to {CHAPTERS[-1]}; received {chapter}")
    return chapter


def read_source(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        raise AnswerFileError(f"{path}: no such file. Write it: pellucid course --notebooks FOLDER") from None
    except UnicodeDecodeError:
        raise AnswerFileError(f"{path}: expected Python source in UTF-8") from None
    except OSError as error:
        raise AnswerFileError(f"{path}: {error.strerror}") from None


def load_answers(path: Path, source: str) -> dict[str, object]:
    """Run a file, and return its names and values."""
    try:
        code = compile(source, str(path), "exec")
    except SyntaxError as error:
        shown = f": {error.text.strip()}" if error.text else ""
        raise AnswerFileError(f"{path}, line {error.lineno}: {error.msg}{shown}") from None
    except ValueError as error:  # null bytes
        raise AnswerFileError(f"{path}: {error}") from None
    found: dict[str, Any] = {"__name__": path.stem, "__file__": str(path)}
    try:
        exec(code, found)
    except (Exception, SystemExit) as error:
        raise AnswerFileError(f"{path}{describe_failure(error, path)}") from error
    return found


def find_stubs(source: str) -> set[str]:
    r"""Return the functions that still return ``...``, and the names that are ``...``.

    Examples
    --------
    >>> sorted(find_stubs("def f(x):\n    return ...\ndef g(x):\n    return x\nh = ..."))
    ['f', 'h']
    """
    stubs = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and any(is_open(inside) for inside in ast.walk(node)):
            stubs.add(node.name)
        elif isinstance(node, ast.Assign) and is_ellipsis(node.value):
            stubs.update(target.id for target in node.targets if isinstance(target, ast.Name))
    return stubs


def is_open(node: ast.AST) -> bool:
    return isinstance(node, ast.Return | ast.Expr | ast.Assign) and is_ellipsis(node.value)


def is_ellipsis(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def check_answer_of(path: Path, exercise: Any, answers: dict[str, Any], open_stubs: set[str]) -> ExerciseReport:
    name = exercise.name
    if name not in answers:
        similar = [n for n in answers if n not in list_known_names(exercise)]
        return ExerciseReport(name, "unanswered", f"The file has no {name}.{near_miss(name, similar)}")
    if name in open_stubs:
        return ExerciseReport(name, "unanswered")
    try:
        result = exercise.check(answers[name])
    except Exception as error:
        where = describe_failure(error, path)
        if not (where.startswith(", line") or isinstance(error, PellucidError)):
            raise
        return ExerciseReport(name, "wrong", f"{path.name}{where}")
    return ExerciseReport(name, "right" if result.correct else "wrong", result.message, tuple(result.hints))


def list_known_names(exercise: Any) -> set[str]:
    """Return names of a file that are not misspelled names of exercises."""
    return {"np", "pel", "__name__", "__file__", "__builtins__", *getattr(exercise, "given", ())}


def describe_failure(error: BaseException, path: Path) -> str:
    """Return the line of the file at which an error arose, if it did there, and its message."""
    cause: BaseException | None = error
    while cause is not None:
        lines = [frame.lineno for frame in traceback.extract_tb(cause.__traceback__) if frame.filename == str(path)]
        if lines:
            return f", line {lines[-1]}: {type(cause).__name__}: {cause}"
        cause = cause.__cause__ or cause.__context__
    return f": {error}"
