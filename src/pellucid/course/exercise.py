"""Exercises: a question, the true answer, and the variables that a learner may use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pellucid.course.checker import CheckResult, check_answer
from pellucid.graph.expr import Expr


@dataclass(frozen=True)
class Exercise:
    """A question whose answer is a formula.

    Attributes
    ----------
    name : str
        Name within the chapter, an identifier such as ``"dW1"``.
    quantity : str
        The quantity as formulas write it. Messages use it.
    question : str
        One or two sentences in Markdown.
    reference : Expr
        The true formula, over the expressions of ``given``.
    given : Mapping of str to Expr
        What a learner may use, by name: inputs, shared variables, or expressions of these.
    solution : str
        The answer as text, for example ``"X.T @ d1 + lam * W1"``.
    why : str
        One or two sentences in Markdown, shown after a right answer.

    Examples
    --------
    >>> w = pel.scalar("w")
    >>> exercise = pel.course.Exercise("slope", "dL/dw", "What is the slope of w ** 2?", 2 * w, {"w": w}, "2 * w")
    >>> bool(exercise.check("2 * w")), bool(exercise.check("w"))
    (True, False)
    """

    name: str
    quantity: str
    question: str
    reference: Expr
    given: Mapping[str, Expr]
    solution: str
    why: str = ""

    def check(self, answer: object) -> CheckResult:
        """Check an answer: a formula as text, a function of arrays, or an expression.

        Parameters
        ----------
        answer : str, function or Expr
            The formula.
        """
        return check_answer(self.reference, answer, given=self.given, quantity=self.quantity)


@dataclass(frozen=True)
class CodeExercise:
    """A question whose answer is checked by a function, such as the columns that leak the target.

    Attributes
    ----------
    name, question, why : str
        As in `Exercise`.
    checker : callable
        Takes the answer and returns a `CheckResult`.
    stub : str
        Source of the function or assignment that a learner completes.
    solution : str
        Source of a right answer.

    Examples
    --------
    >>> def check_even(answer):
    ...     return pel.course.CheckResult(
    ...         answer % 2 == 0, "2 divides it" if answer % 2 == 0 else "2 does not divide it"
    ...     )
    >>> exercise = pel.course.CodeExercise("even", "Name an even number.", check_even, "number = ...", "number = 2")
    >>> exercise.check(3)
    wrong: 2 does not divide it
    """

    name: str
    question: str
    checker: Callable[[Any], CheckResult] = field(repr=False)
    stub: str
    solution: str
    why: str = ""

    def check(self, answer: object) -> CheckResult:
        """Check an answer.

        Parameters
        ----------
        answer : object
            The answer, such as a function.
        """
        return self.checker(answer)
