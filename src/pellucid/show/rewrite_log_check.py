"""Every rewrite of a journal held against numbers: both sides, the truth in higher precision, and the assumption."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Constant, Expr, Shared
from pellucid.graph.rewriter import Journal, Step
from pellucid.graph.subgraph import Body
from pellucid.graph.traversal import topological
from pellucid.graph.types import is_float
from pellucid.show.input_values import figure, given_values
from pellucid.show.rewrite_log import assumed, bindings_of, sides, sides_html

TOLERANCE = {2: 1e-2, 4: 1e-5, 8: 1e-12}
"""How far two sides may differ by rounding, of the largest element, for so many bytes."""


@dataclass(frozen=True)
class CheckedStep:
    """A rewrite held against numbers.

    Attributes
    ----------
    step : Step
        The rewrite.
    difference : float or None
        The largest difference between before and after; None where the step is inside a loop and was not computed.
    relative : float or None
        The same, of the largest element.
    error_before, error_after : float or None
        How far each is from the value of the first in higher precision, of its largest element.
    broken : int or None
        At how many elements the rule's assumption does not hold; None where it makes none that can be computed.
    """

    step: Step
    difference: float | None = None
    relative: float | None = None
    error_before: float | None = None
    error_after: float | None = None
    broken: int | None = None

    @property
    def agrees(self) -> bool:
        """Whether both sides are the same up to rounding, or what came after is nearer to the truth."""
        if self.relative is None or self.error_before is None or self.error_after is None:
            return True
        tolerance = TOLERANCE.get(self.step.before.dtype.itemsize, 0.0)
        return self.relative <= tolerance or self.error_after <= max(self.error_before, tolerance)

    @property
    def verdict(self) -> str:
        """What is to be said of it."""
        if self.relative is None:
            return "inside a loop"
        if self.broken:
            what = "the same all the same" if self.agrees else "differs"
            return f"{what}: {assumed(self.step)} does not hold at {self.broken} element{'s' * (self.broken != 1)}"
        if not self.agrees:
            return "differs"
        tolerance = TOLERANCE.get(self.step.before.dtype.itemsize, 0.0)
        return "same" if self.relative <= tolerance else "nearer to the truth"


class JournalCheck:
    """Every rewrite of a journal held against numbers. Printed as a table; a page by ``html()``.

    Attributes
    ----------
    rows : list of CheckedStep
        One for each step.
    """

    def __init__(self, rows: list[CheckedStep]) -> None:
        self.rows = rows

    @property
    def agrees(self) -> bool:
        """Whether every rewrite kept the value, or brought it nearer to the truth."""
        return all(row.agrees for row in self.rows)

    def table(self) -> list[list[str]]:
        """Return the table's cells as text, the heading first."""
        cells = [["", "rule", "before", "after", "difference", "error before", "error after", "verdict"]]
        for number, row in enumerate(self.rows, start=1):
            numbers = [row.relative, row.error_before, row.error_after]
            cells.append(
                [
                    str(number),
                    f"{row.step.rule.family}/{row.step.rule.name}",
                    *sides(row.step, 30),
                    *("" if n is None else figure(n, 2) for n in numbers),
                    row.verdict,
                ]
            )
        return cells

    def __str__(self) -> str:
        cells = self.table()
        widths = [min(48, max(len(row[column]) for row in cells)) for column in range(len(cells[0]))]
        lines = []
        for row in cells:
            shown = (c if len(c) <= 48 else c[:47] + "…" for c in row)
            lines.append("  ".join(c.ljust(w) for c, w in zip(shown, widths, strict=True)).rstrip())
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head, *rows = self.table()
        parts = ["<tr>" + "".join(f"<th>{escape(c)}</th>" for c in head) + "</tr>"]
        for row, cells in zip(self.rows, rows, strict=True):
            shown = [escape(c) for c in cells]
            shown[2], shown[3] = sides_html(row.step)
            kind = "" if row.agrees and not row.broken else ' class="wrong"'
            parts.append(f"<tr{kind}>" + "".join(f"<td>{c}</td>" for c in shown) + "</tr>")
        return "<table>" + "\n".join(parts) + "</table>"

    def html(self, title: str = "Every rewrite, held against numbers") -> str:
        """Return a page that holds the table and asks no network."""
        from pellucid.show.mathml import page

        return page(title, self._repr_html_())


def check(journal: Journal, values: Mapping[Any, Any] | None = None) -> JournalCheck:
    """Compute both sides of every rewrite on given values; see `Journal.check`."""
    roots = [e for _, outputs in journal.starts for e in outputs]
    given = given_values(roots, values, "journal.check")
    return JournalCheck([checked(step, given) for step in journal.steps])


def checked(step: Step, given: Mapping[Expr, Any]) -> CheckedStep:
    """Compute both sides of a rewrite, in its own precision and in a higher one."""
    known: dict[Expr, Any] = dict(given)
    leaves = [e for e in topological([step.before, step.after]) if e.op is None and not isinstance(e, Constant)]
    known.update({e: e.get_value() for e in leaves if isinstance(e, Shared) and e not in known})
    if any(e not in known for e in leaves):
        return CheckedStep(step)
    with np.errstate(all="ignore"):
        before, after = evaluate(np, [step.before, step.after], known)
        truth = precise(step.before, known)
    difference = gap(before, after)
    return CheckedStep(
        step,
        difference,
        difference / scale(before) if difference else 0.0,
        gap(before, truth) / scale(truth),
        gap(after, truth) / scale(truth),
        broken(step, known),
    )


def scale(value: Any) -> float:
    """Return the size of the largest finite element, which differences are told in parts of."""
    sizes = np.abs(np.asarray(value).astype(np.longdouble))
    largest = float(np.max(sizes, where=np.isfinite(sizes), initial=0.0))
    return largest or 1.0


def gap(a: Any, b: Any) -> float:
    """Return the largest difference between two values; what is the same infinity or no number in both differs by 0."""
    a, b = np.broadcast_arrays(np.asarray(a).astype(np.longdouble), np.asarray(b).astype(np.longdouble))
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(all="ignore"):
        differences = np.where(same, 0, np.abs(a - b))
    return float(np.where(np.isnan(differences), np.inf, differences).max(initial=0.0))


def precise(expr: Expr, given: Mapping[Expr, Any]) -> Any:
    """Compute an expression with NumPy's longest real numbers, or in double precision where a function has no other."""
    known: dict[Expr, Any] = {e: widened(v) for e, v in given.items()}
    for node in topological([expr]):
        if node in known:
            continue
        if isinstance(node, Constant):
            known[node] = widened(node.value)
            continue
        assert node.op is not None
        operands = [known[i] for i in node.inputs]
        known[node] = precise_op(node, operands)
    return known[expr]


def precise_op(node: Expr, operands: list[Any]) -> Any:
    """Compute one expression in higher precision, as far as its op goes along."""
    assert node.op is not None
    if node.op.name == "cast" and is_float(node.dtype):
        return widened(operands[0])
    if any(isinstance(value, Body) for value in node.settings.values()):
        narrow = [np.asarray(o).astype(i.dtype) for o, i in zip(operands, node.inputs, strict=True)]
        return node.op.value(np, *narrow, **node.settings)
    try:
        return node.op.value(np, *operands, **node.settings)
    except (TypeError, np.linalg.LinAlgError):
        double = [o.astype("float64") if getattr(o, "dtype", None) == np.longdouble else o for o in operands]
        return node.op.value(np, *double, **node.settings)


def widened(value: Any) -> Any:
    """Return real numbers as the longest that NumPy has, and anything else as it is."""
    array = np.asarray(value)
    return array.astype(np.longdouble) if is_float(array.dtype) else array


def broken(step: Step, known: Mapping[Expr, Any]) -> int | None:
    """Count the elements at which a rule's assumption does not hold."""
    if not step.rule.when:
        return None
    with np.errstate(all="ignore"):
        values = {n: evaluate(np, [e], known)[0] for n, e in bindings_of(step).items()}
        holds = assumption(step.rule.when, values)
    return None if holds is None else int(np.sum(~np.asarray(holds)))


COMPARISONS: dict[str, Any] = {
    ">": np.greater,
    ">=": np.greater_equal,
    "<": np.less,
    "<=": np.less_equal,
    "!=": np.not_equal,
    "=": np.equal,
}


def assumption(when: str, values: Mapping[str, Any]) -> Any:
    """Compute a rule's assumption where it is written in one of the usual ways, and None where it is not.

    These are ``x > 0``, ``x, y > 0``, ``y is finite``, ``x is not singular`` and ``the sum of x stays in range``, each
    with ``where c fails`` or ``where c holds`` or without; and ``1 where x = 0``, by which a rule says what it takes
    the value to be there.

    Examples
    --------
    >>> assumption("x > 0", {"x": np.array([1.0, -1.0])})
    array([ True, False])
    """
    told = re.fullmatch(r"[-\d./ ]+ where (\w+) = ([-\d.]+)", when)
    if told is not None and told[1] in values:
        return np.not_equal(values[told[1]], float(told[2]))
    main, _, condition = when.partition(" where ")
    name, _, verb = condition.partition(" ")
    holds = plain_assumption(main, values)
    if holds is None or (condition and (name not in values or verb not in ("fails", "holds"))):
        return None
    if not condition:
        return holds
    return holds | (values[name] if verb == "fails" else ~values[name])


def plain_assumption(when: str, values: Mapping[str, Any]) -> Any:
    """Compute an assumption about some values wherever they are."""
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
