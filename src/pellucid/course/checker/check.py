"""`check_answer`: compares values on random data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pellucid.graph.expr import Expr


@dataclass(frozen=True)
class CheckResult:
    """Whether an answer is right, and what to tell the learner.

    Attributes
    ----------
    correct : bool
    message : str
        What is right or wrong: the quantity, the term, and why it belongs there.
    hints : tuple of str
        Further hints, from general to specific.
    """

    correct: bool
    message: str
    hints: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.correct

    def __str__(self) -> str:
        return self.message


def check_answer(
    reference: Expr, answer: Any, given: Mapping[str, Expr] | None = None, *, quantity: str = "the answer"
) -> CheckResult:
    """Check a learner's answer against the true expression."""
    raise NotImplementedError
