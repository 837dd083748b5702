"""``pellucid check FILE``: checks answers to exercises of the course."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pellucid.cli.output import Option
from pellucid.tracking.errors import UsageError
from pellucid.tracking.record import to_json

if TYPE_CHECKING:
    from pellucid.course.answer_file import ExerciseReport


def check(
    file: Path | None = None,
    /,
    *exercises: str,
    chapter: Annotated[int | None, Option] = None,
    hints: Annotated[bool, Option] = False,
    json: Annotated[bool, Option] = False,
) -> int:
    """Check your answers to the exercises of a chapter.

    For example:

        pellucid check chapter4.py             all exercises of chapter 4
        pellucid check chapter4.py dW1 db1     two of them
        pellucid check chapter4.py dW1 --hints

    The file has a function for each exercise; replace its `...`. The command
    pellucid course --notebooks FOLDER writes such files. The command runs the
    file, and compares what your functions compute with the right values.

    Exit status: 0 no answer is wrong, 1 an answer is wrong or the file cannot be run.

    Parameters
    ----------
    file
        File with your answers, such as chapter4.py.
    exercises
        Exercises to check (default: all of the chapter).
    chapter
        Number of the chapter (default: the number in the file's name).
    hints
        Print hints on wrong answers.
    json
        Print the results as JSON.
    """
    if file is None:
        raise UsageError("check: expected a file, such as chapter4.py. Write it: pellucid course --notebooks FOLDER")
    from pellucid.course.answer_file import check_file

    outcomes = check_file(file, exercises, chapter)
    if json:
        print(to_json([outcome.to_json() for outcome in outcomes]))
    else:
        print(format_outcomes(outcomes, hints))
    return int(any(outcome.status == "wrong" for outcome in outcomes))


def format_outcomes(outcomes: "Sequence[ExerciseReport]", hints: bool) -> str:
    """Return a line for each exercise, its hints, and the numbers of right and wrong answers."""
    width = max((len(outcome.name) for outcome in outcomes), default=0)
    lines = []
    for outcome in outcomes:
        lines.append(f"{outcome.name:{width}}  {outcome.status:10}  {outcome.message}".rstrip())
        if hints and outcome.status == "wrong":
            lines += [f"{'':{width}}  hint: {hint}" for hint in outcome.hints]
    count = {status: sum(o.status == status for o in outcomes) for status in ("right", "wrong", "unanswered")}
    lines.append(", ".join(f"{number} {status}" for status, number in count.items() if number) or "no exercises")
    if not hints and any(o.status == "wrong" and o.hints for o in outcomes):
        lines.append("For hints, add --hints")
    return "\n".join(lines)
