"""``pellucid check``: a learner's file, its faults, and what is right, wrong or unanswered."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.cli import main
from pellucid.course import answer_file
from pellucid.course.checker import CheckResult
from pellucid.course.exercise import CodeExercise

Output = pytest.CaptureFixture[str]
ANSWERS = """import numpy as np

def slope(w):
    return {slope}

def norm(x):
    return {norm}

threshold = {threshold}
"""


def compare(right: Callable[..., Any], *arguments: Any) -> Callable[[Any], CheckResult]:
    def check(answer: Any) -> CheckResult:
        found = answer(*arguments) if callable(answer) else answer
        if np.allclose(found, right(*arguments)):
            return CheckResult(True, "Right.")
        return CheckResult(False, "slope: the factor 2 is missing.", ("Differentiate the square.", "2 * w"))

    return check


EXERCISES = {
    "slope": CodeExercise("slope", "The slope of w ** 2?", compare(lambda w: 2 * w, 3.0), "", ""),
    "norm": CodeExercise("norm", "The norm of x?", compare(np.linalg.norm, np.array([3.0, 4.0])), "", ""),
    "threshold": CodeExercise("threshold", "Which threshold?", compare(lambda: 0.5), "", ""),
}


@pytest.fixture(autouse=True)
def exercises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chapter 4 with three exercises, and an empty folder."""
    monkeypatch.setattr(answer_file, "list_exercises", lambda chapter: EXERCISES if chapter == 4 else {})
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PELLUCID_DEBUG", raising=False)


def write_answers(slope: str = "2 * w", norm: str = "...", threshold: str = "...") -> None:
    Path("chapter4.py").write_text(ANSWERS.format(slope=slope, norm=norm, threshold=threshold), "utf-8")


def test_right_answers_and_stubs_succeed(capsys: Output) -> None:
    write_answers()
    assert main(["check", "chapter4.py"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "slope      right       Right.",
        "norm       unanswered",
        "threshold  unanswered",
        "1 right, 2 unanswered",
    ]


def test_a_wrong_answer_fails_and_is_explained(capsys: Output) -> None:
    write_answers(slope="w", threshold="0.5")
    assert main(["check", "chapter4.py"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "slope      wrong       slope: the factor 2 is missing.",
        "norm       unanswered",
        "threshold  right       Right.",
        "1 right, 1 wrong, 1 unanswered",
        "For hints, add --hints",
    ]
    assert main(["check", "chapter4.py", "slope", "--hints"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "slope  wrong       slope: the factor 2 is missing.",
        "       hint: Differentiate the square.",
        "       hint: 2 * w",
        "1 wrong",
    ]


def test_json(capsys: Output) -> None:
    write_answers(slope="w")
    assert main(["check", "chapter4.py", "slope", "norm", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == [
        {
            "name": "slope",
            "status": "wrong",
            "message": "slope: the factor 2 is missing.",
            "hints": ["Differentiate the square.", "2 * w"],
        },
        {"name": "norm", "status": "unanswered", "message": "", "hints": []},
    ]


def test_a_function_that_raises_is_wrong_and_its_line_is_named(capsys: Output) -> None:
    write_answers(slope="w / 0", norm="undefined")
    assert main(["check", "chapter4.py"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "slope      wrong       chapter4.py, line 4: ZeroDivisionError: float division by zero"
    assert lines[1] == "norm       wrong       chapter4.py, line 7: NameError: name 'undefined' is not defined"


def test_the_line_of_a_helper_that_raises_is_named(capsys: Output) -> None:
    Path("chapter4.py").write_text("def halve(w):\n    return w / 0\n\ndef slope(w):\n    return halve(w)\n", "utf-8")
    assert main(["check", "chapter4.py", "slope"]) == 1
    assert "chapter4.py, line 2: ZeroDivisionError" in capsys.readouterr().out


@pytest.mark.parametrize("body", ["...", "return ...", "result = ...\n    return result", '"""The slope."""\n    ...'])
def test_a_function_with_an_ellipsis_is_unanswered(body: str, capsys: Output) -> None:
    Path("chapter4.py").write_text(f"def slope(w):\n    {body}\n", "utf-8")
    assert main(["check", "chapter4.py", "slope"]) == 0
    assert capsys.readouterr().out.startswith("slope  unanswered")


def test_an_error_of_the_checker_is_not_the_learners(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    def fail(answer: Any) -> CheckResult:
        raise KeyError("internal")

    write_answers()
    monkeypatch.setitem(EXERCISES, "slope", CodeExercise("slope", "", fail, "", ""))
    assert main(["check", "chapter4.py"]) == 1
    assert capsys.readouterr().err == "error: KeyError: 'internal'\n"


def test_a_misspelled_function_is_suggested(capsys: Output) -> None:
    Path("chapter4.py").write_text("def slop(w):\n    return 2 * w\n", "utf-8")
    assert main(["check", "chapter4.py"]) == 0
    assert "slope      unanswered  The file has no slope. Did you mean 'slop'?" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "words", "status", "message"),
    [
        ("def f(x:\n    return x\n", [], 1, "chapter4.py, line 1: '(' was never closed: def f(x:"),
        (
            "import numpy\nnumpy.missing\n",
            [],
            1,
            "chapter4.py, line 2: AttributeError: module 'numpy' has no attribute",
        ),
        ("raise SystemExit(3)\n", [], 1, "chapter4.py, line 1: SystemExit: 3"),
        ("x = 1\n", ["slpe"], 1, "Chapter 4 has no exercise 'slpe'. Did you mean 'slope'?"),
        ("x = 1\n", ["qqq"], 1, "Chapter 4 has no exercise 'qqq'. Its exercises: slope, norm, threshold"),
        ("x = 1\n", ["--chapter", "12"], 1, "chapter4.py: expected a chapter from 1 to 9; received 12"),
    ],
)
def test_faults_of_files(text: str, words: list[str], status: int, message: str, capsys: Output) -> None:
    Path("chapter4.py").write_text(text, "utf-8")
    assert main(["check", "chapter4.py", *words]) == status
    assert message in capsys.readouterr().err


def test_other_faults(capsys: Output) -> None:
    assert main(["check"]) == 2
    assert "check: expected a file, such as chapter4.py" in capsys.readouterr().err
    assert main(["check", "chapter4.py"]) == 1
    assert "chapter4.py: no such file. Write it: pellucid course --notebooks FOLDER" in capsys.readouterr().err
    Path("answers.py").write_text("slope = ...\n", "utf-8")
    assert main(["check", "answers.py"]) == 1
    assert "answers.py: expected a name such as chapter4.py, or the option --chapter" in capsys.readouterr().err
    assert main(["check", "answers.py", "--chapter", "4"]) == 0
    Path("chapter4.py").write_bytes(b"\xff\xfe")
    capsys.readouterr()
    assert main(["check", "chapter4.py"]) == 1
    assert "chapter4.py: expected Python source in UTF-8" in capsys.readouterr().err
    Path("chapter5.py").mkdir()
    assert main(["check", "chapter5.py"]) == 1
    assert "chapter5.py: Is a directory" in capsys.readouterr().err


def test_an_unanswered_exercise_of_a_notebook_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from pellucid.course import exercises

    monkeypatch.setattr(exercises, "find_exercise", lambda name: EXERCISES["slope"])
    result = exercises.check("4.slope", ...)
    assert not result.correct
    assert result.message == "Exercise 4.slope is not answered yet: replace `...` by your answer."
    assert exercises.check("4.slope", lambda w: 2 * w).correct
