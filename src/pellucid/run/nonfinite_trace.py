"""Origin of a NaN or infinity in a step that was computed expression by expression.

Only what reaches a result counts. An infinity that `where` does not select or that an exponential turns into 0 does no
harm, and one in a constant, as in a mask, is intended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pellucid.graph.evaluate import Watcher, compute_node, watch_subgraphs
from pellucid.graph.expr import Constant, Expr, Shared
from pellucid.graph.finding import Finding, format_expression
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.types import is_float
from pellucid.run.interpreter import order_values
from pellucid.run.node_values import as_list
from pellucid.typing import Array

NAN_TESTS = {"isnan", "isinf", "isfinite", "nan_to_num"}
"""Ops that test for NaN, so a NaN operand is expected."""

FIXES = {
    "log": "Keep the operand above 0, for instance by pel.log(x + 1e-7), or use a loss with from_logits=True.",
    "true_divide": "Keep the divisor away from 0, for instance by adding a small constant to it.",
    "sqrt": "Keep the operand at 0 or more, for instance by pel.sqrt(pel.maximum(x, 0)).",
    "exp": "Subtract the maximum before exp, or use logsumexp, softmax or log_softmax.",
}
"""Fixes for the ops that most often produce a NaN or infinity."""


@dataclass(frozen=True)
class NonFiniteFinding(Finding):
    """The expression that produced the first NaN or infinity; a leaf if its value was not finite to begin with.

    Attributes
    ----------
    value : array
        The value of the expression.
    position : tuple of int
        Index of the first element that is not finite.
    operands : list of array
        The values of its inputs.
    propagated_to : list of Expr
        The expressions between this one and the results that became NaN or infinite because of it.
    loop_steps : tuple of (str, int)
        Name and step of each op with a graph inside, such as scan, that contains the expression, outermost first.
    """

    value: Array
    position: tuple[int, ...]
    operands: list[Any]
    propagated_to: list[Expr]
    loop_steps: tuple[tuple[str, int], ...] = ()

    @property
    def expr(self) -> Expr:
        assert isinstance(self.where, Expr)
        return self.where


def make_finding(
    e: Expr, value: Any, position: tuple[int, ...], operands: list[Any], propagated_to: list[Expr]
) -> NonFiniteFinding:
    element = get_nonfinite_result(value)[position]
    if isinstance(e, Shared):
        fix = "Restore earlier weights, and train with a smaller learning rate or clipnorm."
    elif e.op is None:
        fix = "Remove or replace such values in the data; np.isfinite finds them."
    else:
        fix = FIXES.get(e.op.name, "Scale the inputs to about [-1, 1], and try a smaller learning rate or clipnorm.")
    what = (
        f"{format_expression(e)} is {element} at {list(position)}."
        if position
        else f"{format_expression(e)} is {element}."
    )
    why = "Every value that depends on it becomes NaN or infinite too, and an update with it destroys the weights."
    return NonFiniteFinding("non-finite value", e, what, why, fix, value, position, operands, propagated_to)


class NonFiniteTrace:
    """Finds the origin of NaN and infinity in the values of a step, which are in topological order.

    ``allowed`` are leaves that may be NaN or infinite.
    """

    def __init__(self, results: Sequence[Expr], values: Mapping[Expr, Any], allowed: Sequence[Expr] = ()) -> None:
        self.results = results
        self.values = values
        self.allowed: set[Expr] = set(allowed)
        self.nonfinite: set[Expr] = {e for e, value in values.items() if has_nonfinite(value)}
        self.findings_inside: dict[Expr, NonFiniteFinding] = {}
        """Findings in the graphs that some ops contain."""

    def find_origin(self) -> NonFiniteFinding | None:
        """Return the first expression that produced a NaN or infinity that reaches a result, or None."""
        harmful = self.find_harmful()
        origins = [e for e in self.values if e in harmful and e in self.nonfinite and self.is_origin(e)]
        # An infinity in the data may be intended, so an op that makes a NaN of it says more.
        ops_or_nan = (e for e in origins if e.op is not None or has_nan(self.values[e]))
        first = next(ops_or_nan, origins[0] if origins else None)
        if first is None:
            return None
        affected = {first}
        for e in self.values:
            if e in harmful and any(i in affected for i in e.inputs):
                affected.add(e)
        propagated_to = [e for e in self.values if e in affected and e is not first]
        inside = self.findings_inside.get(first)
        if inside is not None:
            return replace(inside, propagated_to=[*inside.propagated_to, first, *propagated_to])
        mask = self.find_new_nonfinite(first) if first.op is not None else is_nonfinite(self.values[first])
        position = tuple(int(i) for i in np.argwhere(mask)[0])
        operands = [self.values[i] for i in first.inputs]
        return make_finding(first, self.values[first], position, operands, propagated_to)

    def find_harmful(self) -> set[Expr]:
        """Return the expressions through which a NaN or infinity reaches a result or is lost in a comparison."""
        stack = [e for e in self.results if e in self.nonfinite]
        stack += [e for e in self.values if self.hides_nan(e)]
        harmful: set[Expr] = set()
        while stack:
            e = stack.pop()
            if e not in harmful:
                harmful.add(e)
                stack += [i for i in e.inputs if i in self.nonfinite and self.propagates(i, e)]
        return harmful

    def hides_nan(self, e: Expr) -> bool:
        """Whether an op turns a NaN into an integer or boolean, without being a test for NaN."""
        if e.op is None or e.op.name in NAN_TESTS or len(e.types) > 1 or is_float(e.dtype):
            return False
        return any(i in self.nonfinite and has_nan(self.values[i]) for i in e.inputs)

    def propagates(self, source: Expr, e: Expr) -> bool:
        """Whether non-finite elements come from this operand rather than from another one."""
        if e.op is None or not e.op.elementwise or e not in self.nonfinite:
            return True
        value = self.values[e]
        return bool(np.any(is_nonfinite(value) & np.broadcast_to(is_nonfinite(self.values[source]), np.shape(value))))

    def is_origin(self, e: Expr) -> bool:
        if e.op is None:
            return not isinstance(e, Constant) and e not in self.allowed
        if not self.find_new_nonfinite(e).any():
            return False
        bodies = [value for value in e.settings.values() if isinstance(value, Subgraph)]
        return self.is_origin_inside(e, bodies) if bodies else True

    def find_new_nonfinite(self, e: Expr) -> Any:
        """Return a mask of elements that are NaN with no NaN operand, or infinite with finite operands."""
        value = get_nonfinite_result(self.values[e])
        operands = [o for i in e.inputs for o in as_list(self.values[i]) if is_real_array(o)]
        if e.op is not None and e.op.elementwise:
            shape = np.shape(value)
            nan, nonfinite = np.zeros(shape, bool), np.zeros(shape, bool)
            for o in operands:
                nan |= np.broadcast_to(np.isnan(o), shape)
                nonfinite |= np.broadcast_to(is_nonfinite(o), shape)
            return (np.isnan(value) & ~nan) | (np.isinf(value) & ~nonfinite)
        if any(has_nan(o) for o in operands):
            return np.zeros(np.shape(value), bool)
        return np.isnan(value) if any(has_nonfinite(o) for o in operands) else is_nonfinite(value)

    def is_origin_inside(self, e: Expr, bodies: Sequence[Subgraph]) -> bool:
        """Run an op that contains graphs again, trace each of its steps, and record the origin of NaN or infinity."""
        counts = dict.fromkeys(bodies, 0)
        current: list[tuple[Subgraph, dict[Expr, Any]]] = []

        def trace_current() -> None:
            for body, values in current:
                found = NonFiniteTrace(body.outputs, order_values(body.outputs, values), body.inputs).find_origin()
                if found is not None:
                    step = (e.op.name if e.op is not None else "", counts[body] - 1)
                    raise OriginFound(replace(found, loop_steps=(step, *found.loop_steps)))

        def watch_body(outputs: Sequence[Expr], leaves: Mapping[Expr, Any]) -> Watcher | None:
            body = next((b for b in bodies if is_same_list(b.outputs, outputs)), None)
            if body is None:
                return None
            trace_current()
            values = dict(leaves)
            current[:] = [(body, values)]
            counts[body] += 1
            return values.__setitem__

        try:
            with watch_subgraphs(watch_body):
                compute_node(np, e, [self.values[i] for i in e.inputs])
            trace_current()
        except OriginFound as stop:
            self.findings_inside[e] = stop.finding
            return True
        # If no step of a graph ran, the op itself is the origin.
        return not any(counts.values())


class OriginFound(Exception):
    """Ends the loop of an op in the step in which an origin was found."""

    def __init__(self, finding: NonFiniteFinding) -> None:
        super().__init__()
        self.finding = finding


def is_same_list(a: Sequence[Expr], b: Sequence[Expr]) -> bool:
    return len(a) == len(b) and all(x is y for x, y in zip(a, b, strict=True))


def is_real_array(value: Any) -> bool:
    return is_float(np.asarray(value).dtype)


def is_nonfinite(value: Any) -> Any:
    return ~np.isfinite(value) if is_real_array(value) else np.zeros(np.shape(value), bool)


def has_nonfinite(value: Any) -> bool:
    return any(is_real_array(v) and not np.isfinite(v).all() for v in as_list(value))


def has_nan(value: Any) -> bool:
    return any(is_real_array(v) and bool(np.isnan(v).any()) for v in as_list(value))


def get_nonfinite_result(value: Any) -> Any:
    """Return the first result of an op that is not finite."""
    return next((v for v in as_list(value) if has_nonfinite(v)), as_list(value)[0])
