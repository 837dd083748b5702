"""What rules ask of the expressions they have matched: signs, opposites, numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.expr import Constant, Expr, Input
from pellucid.graph.ops.elementwise import absolute, add, multiply, negative, power, sqrt, square, subtract
from pellucid.graph.ops.erf import erfc
from pellucid.graph.ops.exponentials import exp
from pellucid.graph.ops.hyperbolic import cosh
from pellucid.graph.ops.indexing import gather, slice_, take_along_axis
from pellucid.graph.ops.norms import vector_norm
from pellucid.graph.ops.permute import transpose
from pellucid.graph.ops.reductions import mean, sum
from pellucid.graph.ops.reshape import expand_dims, reshape, squeeze
from pellucid.graph.ops.softmax_sigmoid import sigmoid, softmax, softplus
from pellucid.graph.ops.stable_functions import sech, tanh_slope
from pellucid.graph.rewrite_rule import is_number

NEVER_NEGATIVE = {
    f.op for f in (absolute, cosh, erfc, exp, sech, sigmoid, softmax, softplus, sqrt, square, tanh_slope, vector_norm)
}
WITH_A_LOGARITHM = {f.op for f in (cosh, erfc, exp, sech, sigmoid, softmax, square, tanh_slope)}

SATURATING = {sigmoid.op, softmax.op}
"""Ops whose results come so near to 0 that their logarithm is lost, and has a form of its own."""

MOVING = {f.op for f in (expand_dims, squeeze, transpose, reshape, slice_, gather, take_along_axis)}
"""Ops whose result is elements of their first operand, unchanged."""


def z() -> Expr:
    """Return an input for the generated test of a rule, from -1 to 1."""
    return Input("z", (3, 4), "float64")


def scores(rng: Any) -> Any:
    """Draw numbers of both signs for the generated test of a rule."""
    return rng.normal(size=(3, 4))


def opposites(rng: Any) -> tuple[Expr, Expr]:
    """Return an input and its negative for the generated test of a rule."""
    x = z()
    return x, -x


def number(e: Expr) -> Any:
    """Return the value of a constant without axes as Python's number, which takes the dtype of what it meets."""
    assert isinstance(e, Constant)
    return e.value[()].item()


def positive(e: Expr) -> bool:
    """Tell whether an expression is a number above 0."""
    return is_number(e) and number(e) > 0


def never_negative(e: Expr) -> bool:
    """Tell whether an expression is at least 0 whatever its inputs are."""
    return positive(e) or e.op in NEVER_NEGATIVE or saturates(e) or is_power_of_saturating(e)


def saturates(e: Expr) -> bool:
    """Tell whether an expression is elements of a softmax or a sigmoid."""
    while e.op in MOVING:
        e = e.inputs[0]
    return e.op in SATURATING


def is_power_of_saturating(e: Expr) -> bool:
    """Tell whether an expression is a power of elements of a softmax or a sigmoid."""
    return e.op is power.op and saturates(e.inputs[0])


def has_logarithm(e: Expr) -> bool:
    """Tell whether the logarithm of an expression has a form of its own."""
    if e.op in WITH_A_LOGARITHM or saturates(e) or is_power_of_saturating(e):
        return True
    terms = e.inputs if e.op in (add.op, sum.op, mean.op) else ()
    return any(t.op is exp.op or (t.op is multiply.op and t.inputs[1].op is exp.op) for t in terms)


def negated(e: Expr) -> Expr:
    """Return the negative of an expression in the form in which the rules leave it."""
    if isinstance(e, Constant):
        return -1 * e
    if e.op is negative.op:
        return e.inputs[0]
    if e.op is subtract.op:
        return e.inputs[1] - e.inputs[0]
    if e.op is multiply.op and is_number(e.inputs[0]):
        opposite: Expr = -number(e.inputs[0]) * e.inputs[1]
        return opposite
    return -e


def are_opposite(a: Expr, b: Expr) -> bool:
    """Tell whether one expression is the negative of the other, by its form."""
    return a is not b and (negated(a) is b or negated(b) is a)


def same_axes(x: Expr, axis: tuple[int, ...]) -> bool:
    """Tell whether axes are all those of an expression."""
    return len(axis) == x.ndim


def exact_sum(a: Expr, b: Expr, sign: int = 1) -> Any:
    """Return the sum of two numbers, the second with a sign, if none of their digits is lost in it; else None."""
    assert isinstance(a, Constant)
    assert isinstance(b, Constant)
    p, q = a.value[()], b.value[()]
    if a.dtype.kind != "f":
        return None
    with np.errstate(all="ignore"):
        total = p + sign * q
        exact = np.isfinite(total) and total - p == sign * q and total - sign * q == p
    return total.item() if exact else None
