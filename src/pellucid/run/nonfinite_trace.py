"""Where a nan or an infinity was born, once a step has been computed expression by expression.

What counts is what reaches a result. An infinity that `where` passes over, or that an exponential turns into 0, did no
harm; one that is written into the graph as a constant, as masks are, was meant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pellucid.graph.evaluate import Watch, compute, watching_bodies
from pellucid.graph.expr import Constant, Expr
from pellucid.graph.subgraph import Body
from pellucid.graph.types import is_float
from pellucid.run.interpreter import in_order
from pellucid.run.node_values import parts

ASKING = {"isnan", "isinf", "isfinite", "isposinf", "isneginf", "nan_to_num"}
"""Ops that are asked about a nan, and may therefore be given one."""


@dataclass(frozen=True)
class Finding:
    """The expression in which the first nan or infinity arose.

    Attributes
    ----------
    expr : Expr
        Which; an input or a shared variable where it was there to begin with.
    value : array
        What came out.
    place : tuple of int
        The first element that is not finite.
    operands : list of array
        The values of its inputs.
    passed_on : list of Expr
        What it went through from there to the results.
    steps : tuple of (str, int)
        In which step of which op with a graph inside it was, counted as they run, from the outermost to the innermost.
    """

    expr: Expr
    value: np.ndarray[Any, Any]
    place: tuple[int, ...]
    operands: list[Any]
    passed_on: list[Expr]
    steps: tuple[tuple[str, int], ...] = ()


class Inspection:
    """What the values of a step tell of its nans and infinities.

    Parameters
    ----------
    results : sequence of Expr
        What the step computes.
    values : mapping from Expr to array
        The value of everything it went through, each after those of its inputs.
    excused : collection of Expr
        Leaves that may be infinite.
    """

    def __init__(self, results: Sequence[Expr], values: Mapping[Expr, Any], excused: Sequence[Expr] = ()) -> None:
        self.results = results
        self.values = values
        self.excused = set(excused)
        self.bad = {e for e, value in values.items() if is_bad(value)}
        self.inside: dict[Expr, Finding] = {}

    def find(self) -> Finding | None:
        """Return where the first nan or infinity arose that reaches a result, or None."""
        reaching = self.reaching()
        roots = [e for e in self.values if e in reaching and e in self.bad and self.is_root(e)]
        # An infinity in the data may be meant; what was made of it tells more.
        first = next((e for e in roots if e.op is not None or has_nan(self.values[e])), roots[0] if roots else None)
        if first is None:
            return None
        passed = {first}
        for e in self.values:
            if e in reaching and any(i in passed for i in e.inputs):
                passed.add(e)
        passed_on = [e for e in self.values if e in passed and e is not first]
        inside = self.inside.get(first)
        if inside is not None:
            return replace(inside, passed_on=[*inside.passed_on, first, *passed_on])
        mask = self.born(first) if first.op is not None else bad_elements(self.values[first])
        place = tuple(int(i) for i in np.argwhere(mask)[0])
        return Finding(first, self.values[first], place, [self.values[i] for i in first.inputs], passed_on)

    def reaching(self) -> set[Expr]:
        """Return the expressions through which a nan or an infinity comes to be felt."""
        felt = {e for e in self.results if e in self.bad}
        felt |= {e for e in self.values if self.swallows(e)}
        reached: set[Expr] = set()
        stack = list(felt)
        while stack:
            e = stack.pop()
            if e not in reached:
                reached.add(e)
                stack += [i for i in e.inputs if i in self.bad and self.passes(i, e)]
        return reached

    def swallows(self, e: Expr) -> bool:
        """Tell whether a nan becomes a number or a truth value here without having been asked about."""
        if e.op is None or e.op.name in ASKING or len(e.types) > 1 or is_float(e.dtype):
            return False
        return any(i in self.bad and has_nan(self.values[i]) for i in e.inputs)

    def passes(self, source: Expr, e: Expr) -> bool:
        """Tell whether something that is not finite comes from this operand, and not from another one."""
        if e.op is None or not e.op.elementwise or e not in self.bad:
            return True
        value = self.values[e]
        return bool(np.any(bad_elements(value) & np.broadcast_to(bad_elements(self.values[source]), np.shape(value))))

    def is_root(self, e: Expr) -> bool:
        """Tell whether a nan or an infinity begins here."""
        if e.op is None:
            return not isinstance(e, Constant) and e not in self.excused
        if not self.born(e).any():
            return False
        bodies = [value for value in e.settings.values() if isinstance(value, Body)]
        return self.begins_inside(e, bodies) if bodies else True

    def born(self, e: Expr) -> Any:
        """Return which elements are nan though no operand is, or infinite though all operands are finite."""
        value = first_bad(self.values[e])
        operands = [o for i in e.inputs for o in parts(self.values[i])]
        if e.op is not None and e.op.elementwise:
            shape = np.shape(value)
            nan = any_of([np.broadcast_to(np.isnan(o), shape) for o in operands if is_number(o)], shape)
            bad = any_of([np.broadcast_to(bad_elements(o), shape) for o in operands if is_number(o)], shape)
            return (np.isnan(value) & ~nan) | (np.isinf(value) & ~bad)
        if any(has_nan(o) for o in operands):
            return np.zeros(np.shape(value), bool)
        return np.isnan(value) if any(is_bad(o) for o in operands) else bad_elements(value)

    def begins_inside(self, e: Expr, bodies: Sequence[Body]) -> bool:
        """Run an op that carries graphs again, look into every step, and keep what is found there."""
        counts = dict.fromkeys(bodies, 0)
        last: list[tuple[Body, dict[Expr, Any]]] = []

        def look() -> None:
            for body, seen in last:
                found = Inspection(body.outputs, in_order(body.outputs, seen), body.inputs).find()
                if found is not None:
                    step = (e.op.name if e.op is not None else "", counts[body] - 1)
                    raise FoundError(replace(found, steps=(step, *found.steps)))

        def enter(outputs: Sequence[Expr], values: Mapping[Expr, Any]) -> Watch | None:
            body = next((b for b in bodies if same(b.outputs, outputs)), None)
            if body is None:
                return None
            look()
            seen = dict(values)
            last[:] = [(body, seen)]
            counts[body] += 1
            return seen.__setitem__

        try:
            with watching_bodies(enter):
                compute(np, e, [self.values[i] for i in e.inputs])
            look()
        except FoundError as stop:
            self.inside[e] = stop.finding
            return True
        # What went through no step of a graph was made by the op itself.
        return not any(counts.values())


class FoundError(Exception):
    """Ends a loop inside a graph in the step in which something was found."""

    def __init__(self, finding: Finding) -> None:
        super().__init__()
        self.finding = finding


def same(a: Sequence[Expr], b: Sequence[Expr]) -> bool:
    """Tell whether two lists hold the same expressions."""
    return len(a) == len(b) and all(x is y for x, y in zip(a, b, strict=True))


def is_number(value: Any) -> bool:
    """Tell whether an array can hold a nan."""
    return is_float(np.asarray(value).dtype)


def bad_elements(value: Any) -> Any:
    """Return which elements are nan or infinite."""
    return ~np.isfinite(value) if is_number(value) else np.zeros(np.shape(value), bool)


def is_bad(value: Any) -> bool:
    """Tell whether some element is nan or infinite."""
    return any(is_number(v) and not np.isfinite(v).all() for v in parts(value))


def has_nan(value: Any) -> bool:
    """Tell whether some element is nan."""
    return any(is_number(v) and bool(np.isnan(v).any()) for v in parts(value))


def first_bad(value: Any) -> Any:
    """Return the first result that is not finite."""
    return next((v for v in parts(value) if is_bad(v)), parts(value)[0])


def any_of(masks: list[Any], shape: tuple[int, ...]) -> Any:
    """Return where some of the masks hold."""
    return np.any(masks, axis=0) if masks else np.zeros(shape, bool)
