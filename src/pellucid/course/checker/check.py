"""`check_answer`: compares a learner's answer with the true formula on random data, and names the mistake."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from pellucid.course.checker.alignment import Alignment
from pellucid.course.checker.answers import AnswerValue, evaluate_answer
from pellucid.course.checker.comparison import compare_results
from pellucid.course.checker.mistakes.mistake import Context, Text
from pellucid.course.checker.question import Question
from pellucid.course.checker.search import (
    Candidate,
    MistakeExplanation,
    compute_candidates,
    find_combinations,
    find_single,
    is_equal,
)
from pellucid.graph.expr import Expr
from pellucid.typing import Array

Computed = Sequence[tuple[Context, Sequence[Candidate]]]
Finder = Callable[[Context, Sequence[Candidate], Array], MistakeExplanation | None]

INTERNAL = ("expand_dims", "squeeze", "max_unpool", "take_along_axis", "[None", ", None")
"""Parts of texts that learners do not write. Hints do not quote them."""

EXPANDED_COST = 0.15
"""Extra cost of mistakes inside of letters: a mistake in the learner's own text is more likely."""


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

    Examples
    --------
    >>> result = pel.course.CheckResult(False, "dw: a factor 2 is missing")
    >>> bool(result), print(result)
    dw: a factor 2 is missing
    (False, None)
    """

    correct: bool
    message: str
    hints: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.correct

    def __str__(self) -> str:
        return self.message

    def __repr__(self) -> str:
        return f"{'right' if self.correct else 'wrong'}: {self.message}"

    def _repr_html_(self) -> str:
        hints = "".join(
            f"<details><summary>Hint {i}</summary>{escape(hint)}</details>" for i, hint in enumerate(self.hints, 1)
        )
        mark = "✓ Right." if self.correct else "✗ Not yet."
        return f"<div><strong>{mark}</strong> {escape(self.message)}{hints}</div>"


def check_answer(
    reference: Expr,
    answer: Any,
    given: Mapping[str, Any] | None = None,
    *,
    wrt: Expr | None = None,
    quantity: str | None = None,
) -> CheckResult:
    r"""Check a formula against the true one, and name the term that is wrong.

    Both are computed on random data. If the results differ, mistakes in the true formula are searched for the one
    that gives the answer's numbers: a missing factor or term, a sign, a transposition, an axis, a mean for a sum, the
    derivative of an activation function in the wrong variable, a shift in time, a kernel that is turned, a
    penalty on biases, and two of these together. Every algebraic form of the true formula is right.

    Parameters
    ----------
    reference : Expr
        The true formula, for example ``pel.grad(loss, W1)``. With ``wrt``, the loss.
    answer : str, callable, Expr, array or number
        A formula as text, or several lines with intermediate results; a function of arrays whose parameters are named
        as letters; an expression of the same inputs; or values, if ``given`` contains the values of all inputs.
    given : dict from str to Expr or array, optional
        Letters that the answer may use. An expression defines a letter, an array sets the value of an input with this
        name. Inputs, shared variables and named expressions of the reference are letters anyway.
    wrt : Expr, optional
        Check the gradient of ``reference`` with respect to this expression.
    quantity : str, optional
        Name of the result in messages (default: ``"d"`` and the name of ``wrt``, or the name of the reference).

    Returns
    -------
    CheckResult

    Raises
    ------
    UseError
        If the reference is no expression, or a letter of ``given`` is neither an expression nor an array.

    Examples
    --------
    >>> X, W = pel.matrix("X", ("n", 3)), pel.shared([0.3, 0.1, -0.2], "W")
    >>> a = pel.named("a", pel.tanh(X @ W))
    >>> y = pel.vector("y", ("n",))
    >>> gradient = pel.grad(((a - y) ** 2).sum() / 2, W)
    >>> print(pel.check_answer(gradient, "X.T @ ((a - y) * (1 - a**2))", quantity="dW"))
    dW is right.
    >>> pel.check_answer(gradient, "X.T @ (a - y)", quantity="dW").message.split(". ")[0]
    'dW: The factor `1 - a**2` is missing in `(a - y) * (1 - a**2)`'
    """
    question = Question(reference, given or {}, wrt, quantity)
    name = question.quantity
    outcome = evaluate_answer(question, answer)
    if isinstance(outcome, str):
        return CheckResult(False, f"{name}: {outcome}")
    truth = question.truth
    if is_equal(outcome.value, truth):
        return CheckResult(True, f"{name} is right.")
    if isinstance(answer, str) and not outcome.letters:
        return CheckResult(False, f"{name}: the answer is a number. It depends on none of the letters that are given.")
    if (result := explain_answer(question, outcome)) is not None:
        return result
    statement, why = compare_results(name, outcome.value, truth)
    return CheckResult(False, f"{name}: {statement}", (why,) if why else ())


def explain_answer(question: Question, outcome: AnswerValue) -> CheckResult | None:
    """Return the mistake of an answer, or None.

    The formula is read in several ways: in all letters, and with letters that the answer does not use written out. A
    mistake may be in the learner's text in place of such a letter.
    """
    readings = [(question.read(opaque, outcome.numbers), opaque) for opaque in question.list_readings(outcome.letters)]
    computed = [(context, compute_candidates(context)) for context, _ in readings]
    if (found := find_cheapest(find_single, computed, outcome.value)) is not None:
        return write_explanation(question.quantity, *found)
    if outcome.expr is not None:
        for context, opaque in readings:
            texts = Alignment(question.read_answer(outcome.expr, opaque), context).describe()
            if texts:
                return write_result(question.quantity, texts)
    if (found := find_cheapest(find_combinations, computed, outcome.value)) is not None:
        return write_explanation(question.quantity, *found)
    return None


def find_cheapest(find: Finder, computed: Computed, answer: Array) -> tuple[Context, MistakeExplanation] | None:
    """Return the likeliest explanation in several readings of the formula."""
    found = [(context, find(context, candidates, answer)) for context, candidates in computed]
    ranked = [(e.cost + EXPANDED_COST * i, c, e) for i, (c, e) in enumerate(found) if e is not None]
    if not ranked:
        return None
    _, context, explanation = min(ranked, key=lambda r: r[0])
    return context, explanation


def write_explanation(quantity: str, context: Context, explanation: MistakeExplanation) -> CheckResult:
    """Return the result that names mistakes, with hints to where they are."""
    nodes = [mistake.node for mistake in explanation.mistakes if mistake.node is not context.graph.root]
    quotes = [context.quote(node) for node in nodes]
    places = [f"Look at the part {quote}." for quote in quotes if not any(name in quote for name in INTERNAL)]
    return write_result(quantity, [mistake.tell() for mistake in explanation.mistakes], places)


def write_result(quantity: str, texts: Sequence[Text], places: Sequence[str] = ()) -> CheckResult:
    """Return the result for a mistake. Reasons become hints if there are several."""
    if len(texts) == 1:
        statement, why = texts[0]
        return CheckResult(False, f"{quantity}: {statement} {why}".strip(), tuple(places))
    ordinals = ("First", "Second", "Third")
    parts = [f"{word}: {statement}" for word, (statement, _) in zip(ordinals, texts, strict=False)]
    message = f"{quantity}: {'two' if len(texts) == 2 else 'three'} things are wrong. {' '.join(parts)}"
    reasons = [why for _, why in texts if why]
    return CheckResult(False, message, tuple(dict.fromkeys([*reasons, *places])))
