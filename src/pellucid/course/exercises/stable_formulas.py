"""Checker of exercises on stable formulas: it finds the step of a formula that loses digits in float32."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.course.checker import CheckResult
from pellucid.course.formula_text import parse_formula
from pellucid.graph.errors import PellucidError
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Expr
from pellucid.graph.inputs import vector
from pellucid.graph.printing import text
from pellucid.graph.traversal import topological
from pellucid.show.pages.input_values import format_number
from pellucid.show.rewriting.rewrite_log_check import evaluate_in_high_precision
from pellucid.typing import Array

TOLERANCE = 1e-4
"""Largest relative error of a stable formula: float32 has about 7 digits, of which three may be lost."""

LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class StableFormula:
    """A quantity that a learner computes in float32, and inputs at which the textbook formula fails.

    Attributes
    ----------
    letter : str
        Name of the input, a vector.
    reference : callable
        The true value, from an array in long double.
    easy, hard : tuple of tuple of float
        Inputs at which every correct formula works, and inputs at which only stable formulas do.
    remedies : dict
        Hints by kind of failure: ``"overflow"``, ``"underflow"``, ``"cancellation"`` and ``"absorption"``.
    """

    letter: str
    reference: Callable[[Array], Any]
    easy: tuple[tuple[float, ...], ...]
    hard: tuple[tuple[float, ...], ...]
    remedies: dict[str, str]

    def check(self, answer: object) -> CheckResult:
        """Check a formula as text, a function of an array, or an expression."""
        try:
            formula = self.read(answer)
        except Exception as error:
            return CheckResult(False, describe_exception(error))
        with np.errstate(all="ignore"):
            for point in (*self.easy, *self.hard):
                wrong = self.check_point(formula, point, point in self.easy)
                if wrong is not None:
                    return wrong
        shown = ", ".join(format_point(self.letter, point) for point in self.hard)
        return CheckResult(True, f"Right, and stable: in float32 the value has at least 4 correct digits at {shown}.")

    def read(self, answer: object) -> LearnerFormula:
        """Return a formula whose steps are known, or a function that computes numbers only."""
        x = vector(self.letter)
        if isinstance(answer, str):
            answer = parse_formula(answer, [self.letter]).evaluate({self.letter: x}, _pellucid())
        if isinstance(answer, Expr):
            leaves = [leaf for leaf in topological([answer]) if leaf.op is None and leaf.name == self.letter]
            return LearnerFormula(answer, leaves[0] if leaves else x)
        if not callable(answer):
            raise TypeError(
                f"expected a formula as text, a function or an expression, received {type(answer).__name__}"
            )
        try:
            traced = answer(x)
        except Exception:  # code that branches on values, for example
            return LearnerFormula(answer, x)
        if traced is None:
            raise ValueError("it returns nothing. End it with `return`")
        return LearnerFormula(traced if isinstance(traced, Expr) else answer, x)

    def check_point(self, formula: LearnerFormula, point: tuple[float, ...], is_easy: bool) -> CheckResult | None:
        """Return what is wrong at an input."""
        x = np.array(point, dtype=np.float32)
        true = np.asarray(self.reference(x.astype(np.longdouble)))
        try:
            value = np.asarray(formula.compute(x))
        except Exception as error:
            return CheckResult(False, describe_exception(error))
        where = format_point(self.letter, point)
        if value.shape != true.shape:
            return CheckResult(
                False, f"At {where}, expected a value of shape {true.shape}. Your formula gives shape {value.shape}."
            )
        if measure_error(value, true) <= TOLERANCE:
            return None
        found = f"At {where}, your formula gives {format_value(value)}, and the true value is {format_value(true)}."
        if is_easy or not formula.is_right_in_high_precision(x, true):
            return CheckResult(False, f"This is another quantity. {found}", ("First write the formula of the text.",))
        kind, step = formula.find_failure(x)
        hint = self.remedies.get(kind, "Rewrite the formula so that no step is much larger than its result.")
        return CheckResult(False, f"The formula is right, and not stable. {found} {step}".rstrip(), (hint,))


@dataclass(frozen=True)
class LearnerFormula:
    """A learner's formula: an expression, or a function whose steps are hidden."""

    body: Any
    x: Expr

    def compute(self, x: Array) -> Any:
        """Return the value in the dtype of ``x``, step by step as written."""
        if isinstance(self.body, Expr):
            return evaluate(np, [self.body], {self.x: x})[0]
        return self.body(x)

    def is_right_in_high_precision(self, x: Array, true: Array) -> bool:
        exact = x.astype(np.longdouble)
        if isinstance(self.body, Expr):
            return measure_error(evaluate_in_high_precision(self.body, {self.x: x}), true) <= TOLERANCE
        return measure_error(np.asarray(self.body(exact)), true) <= TOLERANCE

    def find_failure(self, x: Array) -> tuple[str, str]:
        """Return the kind of failure in float32, and a sentence on the step at which it happens."""
        if not isinstance(self.body, Expr):
            return "", ""
        values: dict[Expr, Any] = {self.x: x}
        evaluate(np, [self.body], {self.x: x}, values.__setitem__)
        steps = [node for node in topological([self.body]) if node.op is not None and node in values]
        exact = {node: evaluate_in_high_precision(node, {self.x: x}) for node in steps}
        for node in steps:
            if not np.isfinite(values[node]).all() and (np.abs(exact[node]) > LARGEST).any():
                size = format_number(float(np.log10(np.abs(exact[node]).max())), 3)
                return "overflow", (
                    f"`{text(node)}` overflows: it would be about 10^{size}, and float32 ends at 3.4e38, so it becomes "
                    "infinite."
                )
        for node in steps:
            if (
                node.op is not None
                and node.op.name == "log"
                and node.inputs[0] in exact
                and has_absorbed(exact[node.inputs[0]])
            ):
                return "absorption", (
                    f"`{text(node.inputs[0])}` is so close to 1 that float32 rounds it to 1, and the logarithm of 1 "
                    "is 0. The small number is lost."
                )
            if np.any((values[node] == 0) & (exact[node] != 0)) and not np.isfinite(values[self.body]).all():
                return "underflow", (
                    f"`{text(node)}` underflows: it is smaller than any float32, so it becomes 0, and its logarithm "
                    "is infinite."
                )
            if measure_error(values[node], exact[node]) > TOLERANCE:
                size = np.max([np.abs(values[i]).max() for i in node.inputs if i in values], initial=0.0)
                return "cancellation", (
                    f"`{text(node)}` loses the digits: its parts are near {format_number(float(size), 3)} and cancel. "
                    "float32 keeps about 7 digits of each, and the result consists of the rest."
                )
        return "", ""


def _pellucid() -> Any:
    import pellucid

    return pellucid


def has_absorbed(exact: Array) -> bool:
    """Whether a number differs from 1 by less than float32 can show."""
    distance = np.abs(np.asarray(exact) - 1)
    return bool(((distance > 0) & (distance < 1e-7)).any())


def measure_error(value: object, true: Any) -> float:
    """Return the largest relative error; NaN and infinities count as infinite."""
    value, true = np.asarray(value).astype(np.longdouble), np.asarray(true).astype(np.longdouble)
    scale = np.where(true == 0, 1, np.abs(true))
    error = np.where(value == true, 0, np.abs(value - true) / scale)
    return float(np.where(np.isnan(error), np.inf, error).max(initial=0.0))


def format_point(letter: str, point: tuple[float, ...]) -> str:
    numbers = ", ".join(f"{number:g}" for number in point)
    return f"{letter} = {numbers}" if len(point) == 1 else f"{letter} = [{numbers}]"


def format_value(value: object) -> str:
    numbers = [format_number(float(number), 4) for number in np.atleast_1d(np.asarray(value))]
    return numbers[0] if len(numbers) == 1 else f"[{', '.join(numbers)}]"


def describe_exception(error: Exception) -> str:
    if isinstance(error, PellucidError):
        return str(error)
    return f"Your formula stopped with {type(error).__name__}: {error}"


SOFTPLUS = StableFormula(
    letter="z",
    reference=lambda z: np.logaddexp(np.longdouble(0), z),
    easy=((0.5,), (-1.5,), (2.0,)),
    hard=((100.0,), (-30.0,), (1000.0,)),
    remedies={
        "overflow": "For large z, log(1 + exp(z)) is almost z. Take z out of the logarithm: "
        "log(1 + exp(z)) = z + log(1 + exp(-z)). Which of the two is safe for negative z?",
        "absorption": "np.log1p(u) computes log(1 + u) without rounding 1 + u first.",
        "cancellation": "z + log(1 + exp(-z)) is right for positive z only. max(z, 0) and abs(z) join both cases.",
    },
)

LOG_SOFTMAX = StableFormula(
    letter="s",
    reference=lambda s: s - np.logaddexp.reduce(s),
    easy=((0.5, -1.0, 2.0), (1.0, 1.5, -0.5)),
    hard=((1000.0, 0.0, -5.0), (0.0, -200.0, 3.0), (-1000.0, -1001.0, -1002.5)),
    remedies={
        "overflow": "The softmax does not change if you subtract the same number from all scores. Which number makes "
        "every exponent at most 0?",
        "underflow": "Do not compute a probability first: log(exp(u) / total) = u - log(total).",
    },
)

VARIANCE = StableFormula(
    letter="x",
    reference=lambda x: ((x - x.mean()) ** 2).mean(),
    easy=((1.0, 2.0, 4.0), (0.5, -1.0, 0.25)),
    hard=((10000.0, 10001.0, 10002.0), (-4096.0, -4097.0, -4099.5, -4098.0)),
    remedies={
        "cancellation": "Subtract first, square afterwards: the distances from the mean are small numbers.",
        "overflow": "Subtract the mean before you square.",
    },
)
