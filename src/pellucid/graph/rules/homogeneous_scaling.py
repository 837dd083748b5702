r"""Roots, quotients and logarithms of homogeneous sums, whose terms overflow or underflow although the result does not.

A function is homogeneous of degree :math:`d` if :math:`f(s x) = s^d f(x)`, such as :math:`(\sum_i x_i^p)^{1/p}` with
:math:`d = 1` and the cosine of two vectors with :math:`d = 0`. It is computed as :math:`s^d f(x / s)`, where :math:`s`
is the largest absolute value. The result does not depend on :math:`s`, so the gradient treats it as a constant.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, constant
from pellucid.graph.ops.elementwise import (
    absolute,
    add,
    fraction_of_sum,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    sqrt,
    square,
    subtract,
    true_divide,
)
from pellucid.graph.ops.exponentials import exp, log, log1p
from pellucid.graph.ops.norms import vector_norm
from pellucid.graph.ops.reductions import max_, mean, min_, prod, sum
from pellucid.graph.ops.reshape import size, squeeze
from pellucid.graph.ops.scaling import power_of_two
from pellucid.graph.ops.signs import sign
from pellucid.graph.ops.statistics import std, var
from pellucid.graph.ops.trigonometry import hypot
from pellucid.graph.ops.where import where
from pellucid.graph.pattern import Number
from pellucid.graph.rewrite_rule import RulePair, is_scalar_constant, rule
from pellucid.graph.rules.example_operands import draw_positive, make_input
from pellucid.graph.rules.predicates import as_number, is_nonnegative
from pellucid.graph.rules.scaled_exponentials import GROWING, list_terms
from pellucid.graph.traversal import rebuild, topological

COMMON_DEGREE = {f.op for f in (add, subtract, hypot, maximum, minimum, fraction_of_sum)}
"""Ops of operands with the same degree."""

REDUCTIONS = {f.op for f in (sum, mean, max_, min_, vector_norm, var, std)}

HANDLED = {*COMMON_DEGREE, *REDUCTIONS, *(f.op for f in (multiply, true_divide, square, sqrt, power, negative))}

MAX_NODES = 40
"""Larger expressions are left as they are."""

Degrees = dict[Expr, float]
"""Degree of an expression in each variable, without zeros."""


class NotHomogeneous(Exception):
    """An expression is not homogeneous, or of a form that is not supported."""


class Scaling:
    """Degrees of an expression in its variables, and how it is scaled.

    Variables that are added to each other have one scale. If the expression has a reduction, all of its reductions are
    along the same axes, and a scale is constant along them.
    """

    def __init__(self, e: Expr) -> None:
        self.group: dict[Expr, Expr] = {}
        self.degrees: dict[Expr, Degrees] = {}
        self.visited: set[tuple[Expr, bool]] = set()
        self.entered: int = 0
        self.axes: tuple[int, ...] | None = None
        self.ndim: int = 0
        self.keepdims: bool | None = None
        self.inner: dict[Expr, bool] = {}
        """Whether a variable is reduced. Outside of reductions that keep axes, its shape is the same."""
        self.has_risk: bool = False
        """Whether terms of a sum may overflow: their degree in a variable is not 0 or 1."""
        self.has_product: bool = False
        """Whether terms of a sum are products of variables. A weighted mean has such terms, and seldom overflows."""
        self.inverse: set[Expr] = set()
        """Groups of which a sum has negative powers."""
        self.root = e
        self.total: Degrees = self.find_degrees(e, False)

    def find_group(self, variable: Expr) -> Expr:
        while self.group.setdefault(variable, variable) is not variable:
            variable = self.group[variable]
        return variable

    def find_degrees(self, e: Expr, reduced: bool) -> Degrees:
        if (e, reduced) in self.visited:
            return self.degrees[e]
        self.entered += 1
        if self.entered > MAX_NODES:  # counted on the way down, because a graph may be deep
            raise NotHomogeneous
        found = self.compute_degrees(e, reduced)
        self.visited.add((e, reduced))
        self.degrees[e] = found
        return found

    def compute_degrees(self, e: Expr, reduced: bool) -> Degrees:
        op, inputs = e.op, e.inputs
        if is_scalar_constant(e):
            return {}
        if op in COMMON_DEGREE:
            if any(map(is_scalar_constant, inputs)):
                raise NotHomogeneous
            found = self.unify(
                *(self.find_degrees(i, reduced) for i in inputs), sums=op in (add.op, subtract.op, fraction_of_sum.op)
            )
            return {} if op is fraction_of_sum.op else found
        if op in (negative.op, absolute.op, power_of_two.op):
            return self.find_degrees(inputs[0], reduced)
        if op is squeeze.op:
            return self.find_degrees(inputs[0], True)
        if op is multiply.op or op is true_divide.op:
            # The divisor, often a norm, shows which variables have one scale.
            b, a = (self.find_degrees(i, reduced) for i in reversed(inputs))
            sign = 1 if op is multiply.op else -1
            return {v: d for v in {**a, **b} if (d := a.get(v, 0) + sign * b.get(v, 0))}
        if op in (square.op, sqrt.op) or (op is power.op and is_scalar_constant(inputs[1])):
            exponent = {square.op: 2.0, sqrt.op: 0.5}.get(op) or as_number(inputs[1])
            found = self.find_degrees(inputs[0], reduced)
            self.has_risk |= op is not square.op and inputs[0].op is multiply.op and len(found) > 1
            return {v: exponent * d for v, d in found.items() if exponent}
        if op in REDUCTIONS and (op is not vector_norm.op or e.settings["ord"] == 2):
            return self.reduce(e, reduced)
        if e.dtype.kind != "f" or op in GROWING:
            raise NotHomogeneous
        self.inner[e] = self.inner.get(e, False) or reduced
        return {e: 1.0}

    def reduce(self, e: Expr, reduced: bool) -> Degrees:
        """Return the degrees of a reduction. Nested ones keep their axes."""
        axes, keepdims, ndim = e.settings["axis"], e.settings["keepdims"], e.inputs[0].ndim
        outer = self.keepdims if self.keepdims is not None else keepdims
        if self.axes not in (None, axes) or (self.axes and ndim != self.ndim):
            raise NotHomogeneous
        if not keepdims if reduced else keepdims != outer:
            raise NotHomogeneous
        self.axes, self.ndim = axes, ndim
        if not reduced:
            self.keepdims = keepdims
        found = self.unify(self.find_degrees(e.inputs[0], True), sums=e.op in (sum.op, mean.op))
        self.has_risk |= e.op in (var.op, std.op) and bool(found)
        return {v: 2 * d for v, d in found.items()} if e.op is var.op else found

    def unify(self, *terms: Degrees, sums: bool) -> Degrees:
        """Return the common degree of the terms of a sum. Variables of different terms get one scale."""
        grouped = [self.sum_by_group(term) for term in terms]
        different = dict.fromkeys(v for term in grouped for v in term if any(o.get(v) != term[v] for o in grouped))
        if different:
            # The product of a large and a small variable would be lost if both had the scale of the large one.
            if any(len(different.keys() & term.keys()) > 1 for term in grouped):
                raise NotHomogeneous
            first, *rest = different
            for variable in rest:
                self.group[self.find_group(variable)] = self.find_group(first)
            grouped = [self.sum_by_group(term) for term in terms]
            if any(term != grouped[0] for term in grouped):
                raise NotHomogeneous
        if sums:
            self.has_risk |= any(d not in (0, 1) for d in grouped[0].values())
            self.has_product |= len(grouped[0]) > 1
            self.inverse |= {v for v, d in grouped[0].items() if d < 0}
        return grouped[0]

    def sum_by_group(self, degrees: Degrees) -> Degrees:
        found: Degrees = {}
        for variable, degree in degrees.items():
            group = self.find_group(variable)
            found[group] = found.get(group, 0) + degree
        return {v: d for v, d in found.items() if d}

    def scale(self) -> tuple[Expr, list[tuple[Any, float]]]:
        """Return the expression of scaled variables, and the scales with their degrees."""
        members: dict[Expr, list[Expr]] = {}
        for variable in self.inner:
            members.setdefault(self.find_group(variable), []).append(variable)
        inverse = {self.find_group(v) for v in self.inverse}
        scales = {group: self.get_scale(found, group in inverse) for group, found in members.items()}
        replaced = {v: v / self.get_shaped(scales[self.find_group(v)], self.inner[v]) for v in self.inner}
        total = self.sum_by_group(self.total)
        factors = [(self.get_shaped(scales[group], False), degree) for group, degree in total.items()]
        return self.substitute(replaced), factors

    def get_scale(self, variables: list[Expr], inverse: bool) -> Expr:
        """Return the largest absolute value of variables, or the smallest. It keeps the reduced axes."""
        scale: Any = None
        combine, reduce = (minimum, min_) if inverse else (maximum, max_)
        for variable in variables:
            size = absolute(variable)
            if self.axes is not None:
                if variable.ndim != self.ndim or not (self.inner[variable] or self.keepdims):
                    raise NotHomogeneous
                size = reduce(size, axis=self.axes, keepdims=True) if self.inner[variable] else size
            scale = size if scale is None else combine(scale, size)
        return power_of_two(scale)

    def get_shaped(self, scale: Any, reduced: bool) -> Expr:
        """Return a scale in the shape of the variables inside of a reduction, or outside of it."""
        return scale if reduced or self.keepdims or self.axes is None else squeeze(scale, self.axes)

    def substitute(self, replaced: dict[Expr, Any]) -> Expr:
        done: dict[Expr, Any] = dict(replaced)
        for e in self.degrees:  # in the order in which they were finished, operands first
            if e not in done:
                done[e] = rebuild(e, [done.get(i, i) for i in e.inputs])
        root: Expr = done[self.root]
        return root


def scale_variables(e: Expr) -> tuple[Expr, list[tuple[Any, float]]] | None:
    """Return a homogeneous expression of scaled variables, and the scales with their degrees.

    Return None if the expression is not homogeneous or cannot overflow.
    """
    try:
        scaling = Scaling(e)
        over_product = e.op is true_divide.op and e.inputs[1].op is multiply.op
        return scaling.scale() if scaling.has_risk or (scaling.has_product and over_product) else None
    except NotHomogeneous:
        return None


def scale_result(e: Expr) -> Expr | None:
    scaled = scale_variables(e)
    if scaled is None:
        return None
    result, scales = scaled
    for scale, degree in scales:
        result = result * scale if degree == 1 else result / scale if degree == -1 else result * power(scale, degree)
    return result


# Rules.


def _make_ratio() -> tuple[Expr, Expr]:
    x, y = make_input("x"), make_input("y")
    return x * y, power(x, 4) + power(y, 4)


@rule("stabilize", examples=lambda rng: _make_ratio())
def homogeneous_quotient(x: Expr, y: Expr) -> RulePair:
    return x / y, lambda x, y: scale_result(x / y) if y.op in HANDLED else None


@rule("stabilize", examples=lambda rng: (square(make_input("x")), 2 * square(make_input("y"))))
def homogeneous_fraction(x: Expr, y: Expr) -> RulePair:
    return fraction_of_sum(x, y), lambda x, y: scale_result(fraction_of_sum(x, y))


@rule("stabilize", examples=lambda rng: (square(make_input("x")), square(make_input("y"))))
def root_of_nonnegative_product(x: Expr, y: Expr) -> RulePair:
    def split(x: Expr, y: Expr) -> Expr | None:
        return sqrt(x) * sqrt(y) if is_nonnegative_sum(x) and is_nonnegative_sum(y) else None

    return sqrt(x * y), split


def is_nonnegative_sum(e: Expr) -> bool:
    terms = list_terms(e) if e.op is add.op else e.inputs if e.op in (sum.op, mean.op) else [e]
    return all(is_nonnegative(term) for term in terms)


@rule("stabilize", examples=lambda rng: (2 * square(make_input("x")) + square(make_input("y")) * 3,))
def homogeneous_root(x: Expr) -> RulePair:
    return sqrt(x), lambda x: scale_result(sqrt(x)) if x.op in HANDLED else None


def _make_power() -> tuple[Expr, Expr]:
    return power(make_input("x"), 4) + power(make_input("y"), 4), constant(np.float64(0.25))


@rule("stabilize", examples=lambda rng: _make_power())
def homogeneous_power(x: Expr, a: Number) -> RulePair:
    return power(x, a), lambda x, a: scale_result(power(x, as_number(a))) if x.op in HANDLED else None


@rule("stabilize", examples=lambda rng: (2 * square(make_input("x")) + 3 * square(make_input("y")),))
def log_of_homogeneous(x: Expr) -> RulePair:
    def add_logs(x: Expr) -> Expr | None:
        scaled = scale_variables(x) if x.op in HANDLED else None
        if scaled is None:
            return None
        result, scales = scaled
        total = log(result)
        for scale, degree in scales:
            total = total + degree * log(scale)
        return total

    return log(x), add_logs


# Quotients of powers.


@rule("stabilize", examples=lambda rng: (draw_positive(rng), draw_positive(rng), 3.5))
def quotient_of_powers(x: Expr, y: Expr, a: Number) -> RulePair:
    return power(x, a) / power(y, a), lambda x, y, a: power(x / y, as_number(a))


# Products along axes, whose variables are scaled by their geometric mean.


@rule("stabilize", examples=lambda rng: (draw_positive(rng), 0.25, (1,), True))
def root_of_prod(x: Expr, a: Number, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    def scale(x: Expr, a: Expr, axis: tuple[int, ...], keepdims: bool) -> Expr | None:
        # Other rules may move a sign or a condition out of the scaled factors, so the whole graph shows the scale.
        if not 0 < abs(as_number(a)) < 1 or any(e.op is power_of_two.op for e in topological([x])):
            return None
        scale = power_of_two(exp(mean(log(absolute(x)), axis=axis, keepdims=True)))
        outside = scale if keepdims else squeeze(scale, axis)
        count = size(x, axis=axis, dtype=x.dtype)
        return power(prod(x / scale, axis=axis, keepdims=keepdims), as_number(a)) * power(outside, as_number(a) * count)

    return power(prod(x, axis=axis, keepdims=keepdims), a), scale


def get_log_of_size(x: Expr) -> Expr:
    """Return the logarithm of the absolute value, accurate for numbers that are 1 and a small number."""
    if x.op is not add.op or not (is_scalar_constant(x.inputs[0]) and as_number(x.inputs[0]) == 1):
        return log(absolute(x))
    above = x.inputs[1] > -1
    return where(above, log1p(where(above, x.inputs[1], 0)), log(absolute(where(above, 1, x))))


@rule("stabilize", examples=lambda rng: (draw_positive(rng), (1,), True))
def log_of_any_prod(x: Expr, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    """The logarithm of the product of signs is 0, or NaN for an odd number of negative factors."""

    def add_logs(x: Expr, axis: tuple[int, ...], keepdims: bool) -> Expr | None:
        if x.op is sign.op:
            return None
        return sum(get_log_of_size(x), axis, keepdims) + log(prod(sign(x), axis, keepdims))

    return log(prod(x, axis=axis, keepdims=keepdims)), add_logs
