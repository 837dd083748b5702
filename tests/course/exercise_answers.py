"""Tables of right and wrong answers to exercises, of which one test checks all of an exercise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pellucid.course.checker import CheckResult


def list_names(*tables: Iterable[Sequence[Any]]) -> list[str]:
    """Return the exercises of tables, whose rows begin with a name."""
    return list(dict.fromkeys(row[0] for table in tables for row in table))


def find_misjudged_answers(
    check: Callable[[Any], CheckResult],
    name: str,
    right: Iterable[tuple[str, Any]],
    wrong: Iterable[tuple[str, Any, str]],
    *,
    ignore_case: bool = False,
) -> list[str]:
    """Return the right answers that are not accepted, and the wrong ones whose message does not name the mistake."""
    faults = []
    for answer in (answer for exercise, answer in right if exercise == name):
        result = check(answer)
        if not result.correct:
            faults.append(f"{answer} is right, and not accepted: {result.message}")
    for answer, words in ((answer, words) for exercise, answer, words in wrong if exercise == name):
        result = check(answer)
        message = result.message.lower() if ignore_case else result.message
        if result.correct or words not in message:
            faults.append(f"{answer}: expected {words!r} in the message. Received: {message!r}")
    return faults
