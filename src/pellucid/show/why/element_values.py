"""Values and names of the expressions that `why` explains, and navigation between elements, loops and definitions."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.decomposition import expand
from pellucid.graph.expr import Constant, Expr
from pellucid.graph.op import OUTPUT, get_result
from pellucid.graph.printing import get_own_name, text
from pellucid.graph.traversal import topological
from pellucid.show.formulas.auto_names import choose_symbol
from pellucid.show.formulas.scan_recurrences import find_scan_result, get_step_output
from pellucid.show.why.provenance import ElementIndex, Provenance, find_moves, trace_element
from pellucid.typing import Array

IDENTITY_OPS = frozenset(["cast", "grad_barrier", "stop_gradient"])


class ValueEnv:
    """Values and names of the expressions of a graph.

    Each explained step of a loop has a separate environment, whose placeholders refer to outer elements.
    """

    names: dict[Expr, str]
    values: dict[Expr, Array]

    def __init__(self, values: dict[Expr, Array], names: dict[Expr, str], roots: Sequence[Expr]) -> None:
        self.values, self.names = values, names
        self.auto_names: dict[Expr, str] = {}
        self.placeholders: dict[Expr, str] = {}
        self.path: tuple[Any, ...] = ()
        self.steps: dict[tuple[Expr, int], ValueEnv] = {}
        self.user_exprs: set[Expr] = set(topological(roots))
        self.outer: dict[Expr, tuple[ValueEnv, Expr, ElementIndex]] = {}
        self.provenances: dict[tuple[Expr, ElementIndex], Provenance] = {}
        self.moves: dict[Expr, dict[int, Array]] = {}

    def value(self, expr: Expr) -> Array:
        """Return the value of an expression, computing it if necessary."""
        if expr not in self.values:
            for e in topological([expr], stop=self.values):
                if e not in self.values:
                    self.values[e] = e.value if isinstance(e, Constant) else self.compute(e)
        return self.values[expr]

    def compute(self, e: Expr) -> Array:
        assert e.op is not None
        with np.errstate(all="ignore"):
            value = e.op.compute_value(*(self.values[i] for i in e.inputs), **e.settings)
        return value if len(e.types) > 1 else np.asarray(value)

    def provenance(self, expr: Expr, index: ElementIndex) -> Provenance:
        key = (expr, index)
        if key not in self.provenances:
            if len(expr.inputs) == 1 and len(expr.inputs[0].types) > 1:
                self.provenances[key] = Provenance("whole")
            else:
                operands = [np.asarray(self.value(i)) for i in expr.inputs]
                value = np.asarray(self.value(expr))[index]
                if expr not in self.moves:
                    self.moves[expr] = find_moves(expr, operands)
                self.provenances[key] = trace_element(expr, index, operands, value, self.moves[expr])
        return self.provenances[key]

    def name(self, expr: Expr) -> str:
        """Return the name of an expression, or assign one."""
        name = (
            self.names.get(expr) or get_own_name(expr) or (text(expr) if expr.op is None else self.auto_names.get(expr))
        )
        return name or self.assign_name(expr)

    def assign_name(self, expr: Expr) -> str:
        own = {e.name if e.op is None else get_own_name(e) for e in self.user_exprs}
        used, symbol = {*self.names.values(), *self.auto_names.values(), *own}, choose_symbol(expr)
        candidates = (f"{symbol}{number or ''}" for number in itertools.count())
        self.auto_names[expr] = next(name for name in candidates if name not in used)
        return self.auto_names[expr]


Element = tuple[ValueEnv, Expr, ElementIndex]


def find_visible(env: ValueEnv, expr: Expr, index: ElementIndex) -> Element:
    """Follow unnamed copies of an element back to the element that has a name."""
    while True:
        if expr in env.outer:
            env, expr, before = env.outer[expr]
            index = (*before, *index)
        elif is_visible(env, expr) or (origin := find_copied(env, expr, index)) is None:
            return env, expr, index
        else:
            env, expr, index = origin


def is_visible(env: ValueEnv, expr: Expr) -> bool:
    """Check whether elements are shown as elements of this expression: a named one or a result of a loop."""
    if expr in env.outer:
        return False
    return expr.op is None or get_own_name(expr) is not None or expr in env.names or expr.op is OUTPUT


def find_copied(env: ValueEnv, expr: Expr, index: ElementIndex) -> Element | None:
    """Return the element that an element is a copy of, or None."""
    if expr.op is None or expr.op is OUTPUT or len(expr.types) > 1:
        return None
    if expr.op.name in IDENTITY_OPS:
        return env, expr.inputs[0], index
    if expr.op.elementwise or not expr.inputs:
        return None
    provenance = env.provenance(expr, index)
    if provenance.kind != "moved":
        return None
    [(operand, place)] = provenance.places
    return env, expr.inputs[operand], place


def find_source(env: ValueEnv, expr: Expr, index: ElementIndex) -> Element:
    """Return the element where a value is computed, or the named element that it is a copy of."""
    while True:
        origin: Element | None
        if expr in env.outer:
            outer_env, outer, before = env.outer[expr]
            origin = outer_env, outer, (*before, *index)
        else:
            origin = (
                enter_scan_step(env, expr, index) or find_copied(env, expr, index) or expand_compound(env, expr, index)
            )
        if origin is None:
            return env, expr, index
        env, expr, index = origin
        if is_visible(env, expr):
            return env, expr, index


def expand_compound(env: ValueEnv, expr: Expr, index: ElementIndex) -> Element | None:
    """Return the element of the definition of a composite op, or None."""
    if expr.op is None or expr.op is OUTPUT or expr.op.elementwise or len(expr.types) > 1:
        return None
    return (env, expand(expr), index) if env.provenance(expr, index).kind == "composite" else None


def enter_scan_step(env: ValueEnv, expr: Expr, index: ElementIndex) -> Element | None:
    """Return the element inside the step of a scan that computed an element of a result, or None."""
    found = find_scan_result(expr)
    if found is None:
        return None
    scan, place = keep_all_outputs(*found)
    body, reverse = scan.settings["body"], scan.settings["reverse"]
    output, is_stacked = get_step_output(scan, place)
    steps = len(env.value(get_result(scan, 0)))
    if not is_stacked:
        index = (0 if reverse else steps - 1, *index)
    t, rest = index[0], index[1:]
    if (scan, t) not in env.steps:
        env.steps[scan, t] = make_step_env(env, scan, t, steps)
    return env.steps[scan, t], body.outputs[output], rest


def make_step_env(env: ValueEnv, scan: Expr, t: int, steps: int) -> ValueEnv:
    body, reverse = scan.settings["body"], scan.settings["reverse"]
    inner = ValueEnv({}, env.names, body.outputs)
    inner.auto_names, inner.placeholders, inner.path = env.auto_names, env.placeholders, (*env.path, scan, t)
    sequences, states = scan.settings["sequences"], scan.settings["states"]
    before = t + 1 if reverse else t - 1
    for number, (inside, outer) in enumerate(zip(body.inputs, scan.inputs, strict=True)):
        if number < sequences:
            inner.outer[inside] = (env, outer, (t,))
            env.placeholders[inside] = f"{env.name(outer)}[t]"
            inner.values[inside] = env.value(outer)[t]
        elif number < sequences + states and 0 <= before < steps:
            all_states = get_result(scan, number - sequences)
            inner.outer[inside] = (env, all_states, (before,))
            env.placeholders[inside] = f"{env.name(all_states)}[{'t+1' if reverse else 't-1'}]"
            inner.values[inside] = env.value(all_states)[before]
        else:
            inner.outer[inside] = (env, outer, ())
            env.placeholders.setdefault(inside, env.name(outer))
            inner.values[inside] = env.value(outer)
    return inner


def keep_all_outputs(scan: Expr, place: int) -> tuple[Expr, int]:
    """Return a scan that keeps every output of every step, and the index of a result in it."""
    assert scan.op is not None
    if scan.settings["kept"] == tuple(range(len(scan.settings["body"].outputs))) or scan.op.widen is None:
        return scan, place
    wider, places = scan.op.widen(scan)
    return wider, places[place]
