"""Numerical check of a rewrite log: both sides of every step, a high-precision reference, and the assumptions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from pellucid import extension_points
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Constant, Expr, Shared
from pellucid.graph.rewriter import Journal, RewriteStep
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.traversal import topological
from pellucid.graph.types import is_float
from pellucid.show.pages.formula_page import Displayable, html_table, text_table
from pellucid.show.pages.input_values import collect_values, format_number
from pellucid.show.rewriting.rewrite_log import find_bindings, format_condition, format_sides, format_sides_html
from pellucid.typing import Array, ArrayLike

TOLERANCE = {2: 1e-2, 4: 1e-5, 8: 1e-12}
"""Largest relative difference that counts as rounding, by the bytes of the dtype."""


@dataclass(frozen=True)
class CheckedStep:
    """A rewrite with its numerical errors.

    Attributes
    ----------
    step : RewriteStep
        The rewrite.
    difference : float or None
        Largest absolute difference between both sides; None if the step is inside a loop and was not computed.
    relative : float or None
        The difference relative to the largest element.
    error_before, error_after : float or None
        Error of each side against the high-precision value, relative to its largest element.
    violations : int or None
        Number of elements that violate the assumption of the rule; None if there is no computable assumption.
    """

    step: RewriteStep
    difference: float | None = None
    relative: float | None = None
    error_before: float | None = None
    error_after: float | None = None
    violations: int | None = None

    @property
    def agrees(self) -> bool:
        """Whether both sides are equal up to rounding, or the new side is more accurate."""
        if self.relative is None or self.error_before is None or self.error_after is None:
            return True
        return self.relative <= self.tolerance or self.error_after <= max(self.error_before, self.tolerance)

    @property
    def tolerance(self) -> float:
        return TOLERANCE.get(self.step.before.dtype.itemsize, 0.0)

    @property
    def verdict(self) -> str:
        if self.relative is None:
            return "inside a loop"
        is_same = self.relative <= self.tolerance
        verdict = "same" if is_same else "more accurate" if self.agrees else "different"
        if self.violations:
            elements = f"{self.violations} element{'s' * (self.violations != 1)}"
            return f"{verdict}: {format_condition(self.step)} does not hold at {elements}"
        return verdict


@dataclass(repr=False)
class JournalCheck(Displayable):
    """The numerical check of a rewrite log. Prints as a table; see ``html()``.

    Attributes
    ----------
    rows : list of CheckedStep
        One row for each step.
    """

    rows: list[CheckedStep]

    page_title = "Numerical check of the rewrites"

    @property
    def agrees(self) -> bool:
        """Whether every rewrite kept the value or made it more accurate."""
        return all(row.agrees for row in self.rows)

    def table(self) -> list[list[str]]:
        """Return the cells as text, header first."""
        cells = [["", "rule", "before", "after", "difference", "error before", "error after", "verdict"]]
        for number, row in enumerate(self.rows, start=1):
            numbers = [row.relative, row.error_before, row.error_after]
            cells.append(
                [
                    str(number),
                    f"{row.step.rule.family}/{row.step.rule.name}",
                    *format_sides(row.step, 30),
                    *("" if n is None else format_number(n, 2) for n in numbers),
                    row.verdict,
                ]
            )
        return cells

    def __str__(self) -> str:
        return text_table(self.table())

    def _repr_html_(self) -> str:
        header, *cells = self.table()
        rows = []
        for row, texts in zip(self.rows, cells, strict=True):
            before, after = format_sides_html(row.step)
            rows.append([*map(escape, texts[:2]), before, after, *map(escape, texts[4:])])
        classes = ["" if row.agrees and not row.violations else "wrong" for row in self.rows]
        return html_table(header, rows, classes)


@extension_points.journal_check.register
def check_journal(journal: Journal, values: Mapping[Any, ArrayLike] | None = None) -> JournalCheck:
    """Compute both sides of every rewrite on given values; see `Journal.check`."""
    roots = [e for _, outputs in journal.starts for e in outputs]
    given = collect_values(roots, values, "journal.check")
    return JournalCheck([check_step(step, given) for step in journal.steps])


def check_step(step: RewriteStep, given: Mapping[Expr, Array]) -> CheckedStep:
    known: dict[Expr, Array] = dict(given)
    leaves = [e for e in topological([step.before, step.after]) if e.op is None and not isinstance(e, Constant)]
    known.update({e: e.get_value() for e in leaves if isinstance(e, Shared) and e not in known})
    if any(e not in known for e in leaves):
        return CheckedStep(step)
    with np.errstate(all="ignore"):
        before, after = evaluate(np, [step.before, step.after], known)
        reference = evaluate_in_high_precision(step.before, known)
    difference = max_difference(before, after)
    return CheckedStep(
        step,
        difference,
        difference / get_scale(before) if difference else 0.0,
        max_difference(before, reference) / get_scale(reference),
        max_difference(after, reference) / get_scale(reference),
        count_violations(step, known),
    )


def get_scale(value: Array) -> float:
    """Return the largest finite absolute value, or 1 if there is none."""
    sizes = np.abs(np.asarray(value).astype(np.longdouble))
    largest = float(np.max(sizes, where=np.isfinite(sizes), initial=0.0))
    return largest or 1.0


def max_difference(a: Array, b: Array) -> float:
    """Return the largest difference; equal infinities, and NaN in both, differ by 0."""
    a, b = np.broadcast_arrays(np.asarray(a).astype(np.longdouble), np.asarray(b).astype(np.longdouble))
    is_same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(all="ignore"):
        differences = np.where(is_same, 0, np.abs(a - b))
    return float(np.where(np.isnan(differences), np.inf, differences).max(initial=0.0))


def evaluate_in_high_precision(expr: Expr, given: Mapping[Expr, Array]) -> Array:
    """Evaluate an expression in NumPy's long double, or in double precision for functions without it."""
    known: dict[Expr, Array] = {e: to_longdouble(v) for e, v in given.items()}
    for node in topological([expr]):
        if isinstance(node, Constant):
            known[node] = to_longdouble(node.value)
        elif node not in known:
            known[node] = evaluate_op_in_high_precision(node, [known[i] for i in node.inputs])
    return known[expr]


def evaluate_op_in_high_precision(node: Expr, operands: list[Array]) -> Array:
    assert node.op is not None
    if node.op.name == "cast" and is_float(node.dtype):
        return to_longdouble(operands[0])
    if any(isinstance(value, Subgraph) for value in node.settings.values()):
        narrow = [np.asarray(o).astype(i.dtype) for o, i in zip(operands, node.inputs, strict=True)]
        return node.op.compute_value(*narrow, **node.settings)
    try:
        return node.op.compute_value(*operands, **node.settings)
    except (TypeError, np.linalg.LinAlgError):  # the function has no long double version
        double = [o.astype("float64") if getattr(o, "dtype", None) == np.longdouble else o for o in operands]
        return node.op.compute_value(*double, **node.settings)


def to_longdouble(value: Array) -> Array:
    array = np.asarray(value)
    return array.astype(np.longdouble) if is_float(array.dtype) else array


def count_violations(step: RewriteStep, known: Mapping[Expr, Array]) -> int | None:
    """Return the number of elements at which the assumption of a rule does not hold."""
    if not step.rule.when:
        return None
    with np.errstate(all="ignore"):
        values = {n: evaluate(np, [e], known)[0] for n, e in find_bindings(step).items()}
        holds = evaluate_assumption(step.rule.when, values)
    return None if holds is None else int(np.sum(~np.asarray(holds)))


COMPARISONS: dict[str, Any] = {
    ">": np.greater,
    ">=": np.greater_equal,
    "<": np.less,
    "<=": np.less_equal,
    "!=": np.not_equal,
    "=": np.equal,
}


def evaluate_assumption(when: str, values: Mapping[str, Array]) -> Any:
    """Evaluate the assumption of a rule elementwise; None if its text has an unknown form.

    Known forms are ``x > 0``, ``x, y > 0``, ``y is finite``, ``x is not singular`` and ``the sum of x stays in range``,
    each with or without ``where c fails`` or ``where c holds``. ``1 where x = 0`` states the value that a rule assigns
    to a removable singularity; the rule then differs only at that point.

    Examples
    --------
    >>> evaluate_assumption("x > 0", {"x": np.array([1.0, -1.0])})
    array([ True, False])
    """
    singular = re.fullmatch(r"[-\d./ ]+ where (\w+) = ([-\d.]+)", when)
    if singular is not None and singular[1] in values:
        return np.not_equal(values[singular[1]], float(singular[2]))
    main, _, condition = when.partition(" where ")
    name, _, verb = condition.partition(" ")
    holds = evaluate_condition(main, values)
    if holds is None or (condition and (name not in values or verb not in ("fails", "holds"))):
        return None
    if not condition:
        return holds
    return holds | (values[name] if verb == "fails" else ~values[name])


def evaluate_condition(when: str, values: Mapping[str, Array]) -> Any:
    """Evaluate an assumption without a ``where`` clause."""
    described = re.fullmatch(r"(\w+) is (finite|not singular)", when)
    if described is not None and described[1] in values:
        value = values[described[1]]
        return np.isfinite(value) if described[2] == "finite" else np.linalg.cond(value) < 1 / np.finfo(value.dtype).eps
    summed = re.fullmatch(r"the sum of (\w+) stays in range", when)
    if summed is not None and summed[1] in values:
        with np.errstate(over="ignore"):
            return np.isfinite(np.sum(values[summed[1]]))
    compared = re.fullmatch(r"(\w+(?:, \w+)*) (>=|<=|>|<|!=|=) ([-\d.]+)", when)
    if compared is None or not all(n in values for n in compared[1].split(", ")):
        return None
    holds = np.True_
    for n in compared[1].split(", "):
        holds = holds & COMPARISONS[compared[2]](values[n], float(compared[3]))
    return holds
