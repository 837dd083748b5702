"""Random instances of rewrite rules, and comparison of both sides of every rewrite at ordinary values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

import pellucid as pel
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Constant, Expr, Input, constant
from pellucid.graph.pattern import Pattern
from pellucid.graph.rewrite_rule import Rule, fill_holes
from pellucid.graph.rewriter import Journal, simplify
from pellucid.graph.traversal import rebuild, topological

Array = np.ndarray[Any, Any]

NUMBERS = (0.25, 0.5, 1.5, 2.0, 3.0, 4.0, 6.0, -0.5, -1.5, -2.0, -3.0)

RELATIVE, ABSOLUTE = 1e-9, 1e-13
"""Relative error, and error relative to the largest operand, which a difference of similar numbers has."""


class Operands:
    """Random operands of formulas, and the values of their inputs."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.values: dict[Expr, Array] = {}
        self.varies: bool = rng.random() < 0.5
        """Whether numbers and settings of examples are replaced."""
        self.replaced: dict[Expr, Expr] = {}
        """What replaces the inputs of examples."""

    def make_input(self, value: Any) -> Expr:
        value = np.asarray(value)
        leaf = Input(f"x{len(self.values)}", value.shape, value.dtype)
        self.values[leaf] = value
        return leaf

    def make_operand(self, value: Any) -> Expr:
        """Return an input, or a function of inputs, with a value."""
        value = np.asarray(value)
        if value.dtype.kind != "f":
            return self.make_input(value)
        other = self.rng.uniform(0.5, 2, value.shape)
        forms: list[Callable[[], Expr]] = [
            lambda: self.make_input(value - other) + self.make_input(other),
            lambda: self.make_input(value + other) - self.make_input(other),
            lambda: self.make_input(value / other) * self.make_input(other),
            lambda: self.make_input(value / 3) * 3,
            lambda: -self.make_input(-value),
            lambda: pel.sinh(self.make_input(np.arcsinh(value))),
            lambda: pel.cbrt(self.make_input(value**3)),
        ]
        if np.all(value > 0):
            forms += [
                lambda: pel.exp(self.make_input(np.log(value))),
                lambda: pel.sqrt(self.make_input(value**2)),
                lambda: pel.abs(self.make_input(value * self.rng.choice([-1, 1], value.shape))),
                lambda: self.make_input(value * other) / self.make_input(other),
            ]
        if self.rng.random() < 0.5:
            return self.make_input(value)
        return forms[self.rng.integers(len(forms))]()

    def draw(self, low: float = -2, high: float = 2, shape: tuple[int, ...] = (3, 4)) -> Expr:
        """Return an operand with values in a range."""
        return self.make_operand(self.rng.uniform(low, high, shape))

    def draw_positive(self) -> Expr:
        return self.draw(0.5, 2)

    def replace_inputs(self, e: Expr) -> Expr:
        """Return an expression with operands between -1 and 1 in place of its inputs."""
        done = self.replaced
        for node in topological([e]):
            if node in done:
                continue
            if isinstance(node, Input):
                shape = tuple(d if isinstance(d, int) else 5 for d in node.shape)
                value = self.rng.uniform(-1, 1, shape).astype(node.dtype)
                is_known = shape == node.shape and node.dtype == "float64"
                done[node] = self.make_operand(value) if is_known else node
                if not is_known:
                    self.values[node] = value
            else:
                done[node] = rebuild(node, [done[i] for i in node.inputs])
        return done[e]

    def draw_hole(self, name: str, value: Any, is_operand: bool) -> Any:
        """Return a value of a hole, given an example."""
        if isinstance(value, Constant):
            return value
        if isinstance(value, Expr):
            return self.replace_inputs(value)
        if not is_operand:
            return self.draw_setting(name, value)
        if isinstance(value, (int, float)):
            return constant(np.float64(self.rng.choice([value, *NUMBERS]) if self.varies else value))
        return self.make_operand(value)

    def draw_setting(self, name: str, value: Any) -> Any:
        if self.varies and name == "keepdims":
            return bool(self.rng.integers(2))
        if self.varies and name == "axis" and isinstance(value, tuple):
            return ((0,), (1,), (0, 1))[self.rng.integers(3)]
        return value


class InfiniteOperands(Operands):
    """Operands of which some elements are infinite: the inverse or the logarithm of 0."""

    def make_operand(self, value: Any) -> Expr:
        value = np.asarray(value)
        if value.dtype.kind != "f" or self.rng.random() < 0.4:
            return super().make_operand(value)
        infinite, sign = self.rng.random(value.shape) < 0.4, self.rng.choice([-1, 1])
        if self.rng.random() < 0.5:
            return 1 / self.make_input(np.where(infinite, 0 * np.sign(value), 1 / value))
        return sign * pel.log(self.make_input(np.where(infinite, 0, np.exp(sign * value))))


def find_operand_holes(pattern: Any) -> set[str]:
    """Return the names of the holes that match expressions, not settings."""
    if not isinstance(pattern, Pattern):
        return set()
    if pattern.op is None:
        return {pattern.name or ""}
    return set().union(*map(find_operand_holes, pattern.operands))


def draw_examples(rule: Rule, rng: np.random.Generator) -> tuple[Any, ...]:
    if rule.examples is not None:
        drawn = rule.examples(rng)
        return drawn if isinstance(drawn, tuple) else (drawn,)
    low = 0.5 if rule.when or rng.integers(2) else -2.0
    return tuple(rng.uniform(low, 2, (3, 4)) for _ in rule.holes)


def draw_instance(rule: Rule, operands: Operands) -> Expr:
    """Return a random instance of the pattern of a rule, in which the rule may fire."""
    holes = find_operand_holes(rule.pattern)
    drawn = draw_examples(rule, operands.rng)
    bindings = {
        name: operands.draw_hole(name, value, name in holes) for name, value in zip(rule.holes, drawn, strict=True)
    }
    return fill_holes(rule.pattern, bindings)


def compare_rewrites(e: Expr, values: dict[Expr, Array]) -> tuple[Counter[str], list[str]]:
    """Simplify an expression; return how often each rule fired, and the rewrites that changed a finite value."""
    journal = Journal()
    after = simplify(e, journal=journal)
    inputs = set(values)
    steps = [(s.rule.name, s.before, s.after) for s in journal.steps]
    steps = [s for s in steps if {i for i in topological(s[1:]) if isinstance(i, Input)} <= inputs]
    steps.append(("simplify", e, after))
    with np.errstate(all="ignore"):
        roots = [root for _, a, b in steps for root in (a, b, *a.inputs)]
        found = dict(zip(roots, evaluate(np, roots, values), strict=True))
    fired: Counter[str] = Counter()
    wrong = []
    for name, a, b in steps:
        x, y = (np.asarray(found[side], "complex" if side.dtype.kind == "c" else "float64") for side in (a, b))
        finite = np.isfinite(x)
        operands = [np.abs(np.asarray(found[i], "float64")) for i in a.inputs]
        scale = max((np.max(o[np.isfinite(o)], initial=0) for o in operands), default=0)
        fired[name] += bool(finite.any())
        allowed = RELATIVE * np.abs(x) + ABSOLUTE * scale
        if (a.shape, a.dtype) != (b.shape, b.dtype) or not np.all(np.abs(x - y)[finite] <= allowed[finite]):
            wrong.append(f"{name}: {a} = {x} became {b} = {y}")
    return fired, wrong
