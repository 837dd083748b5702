"""Predicates of rewrite rules on matched expressions: signs, opposites and numbers."""

from __future__ import annotations

import numpy as np

from pellucid.graph.expr import Constant, Expr, Operand
from pellucid.graph.op import Op
from pellucid.graph.ops.activations import sigmoid, softplus
from pellucid.graph.ops.elementwise import (
    absolute,
    add,
    cast,
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
from pellucid.graph.ops.exponentials import exp, log, shifted_exp
from pellucid.graph.ops.gradient_transforms import stop_gradient
from pellucid.graph.ops.hyperbolic import cosh, sech, tanh, tanh_slope
from pellucid.graph.ops.indexing import gather, slice_, take_along_axis
from pellucid.graph.ops.logic import equal, isinf
from pellucid.graph.ops.norms import vector_norm
from pellucid.graph.ops.permute import transpose
from pellucid.graph.ops.ranges import arange_like
from pellucid.graph.ops.reductions import mean, sum
from pellucid.graph.ops.reshape import expand_dims, reshape, squeeze
from pellucid.graph.ops.softmax import softmax
from pellucid.graph.ops.special import erf, erfc
from pellucid.graph.ops.trigonometry import arctan, cos, sin
from pellucid.graph.ops.where import where
from pellucid.graph.rewrite_rule import is_scalar_constant

NONNEGATIVE = {
    f.op
    for f in (
        absolute,
        cosh,
        erfc,
        exp,
        shifted_exp,
        sech,
        sigmoid,
        softmax,
        softplus,
        sqrt,
        square,
        tanh_slope,
        vector_norm,
    )
}
WITH_STABLE_LOG = {f.op for f in (cosh, erfc, exp, sech, sigmoid, softmax, square, tanh_slope)}

PROBABILITIES = {sigmoid.op, softmax.op}
"""Ops whose results underflow to 0, and whose logarithm has a stable form."""

REARRANGING = {f.op for f in (expand_dims, squeeze, transpose, reshape, slice_, gather, take_along_axis)}
"""Ops whose result consists of elements of their first operand."""


FINITE = {
    f.op for f in (absolute, add, cast, maximum, mean, minimum, negative, sqrt, stop_gradient, subtract, sum, where)
}
FINITE |= REARRANGING | {softplus.op}
"""Ops whose results are finite if their operands are, but for sums near the largest number."""

BOUNDED: set[Op | None] = {None, *(f.op for f in (arctan, cos, erf, erfc, sech, sigmoid, sin, softmax, tanh))}
"""Ops whose results are finite, and inputs, which are taken to be."""

MULTIPLES: dict[Op | None, int] = {multiply.op: 0, true_divide.op: 1}
"""Position of the number in products and quotients with one."""

MAX_VISITS = 24


def as_number(e: Expr) -> float:
    """Return the value of a scalar constant as a Python number, which takes the dtype of the other operand."""
    assert isinstance(e, Constant)
    number: float = e.value[()].item()
    return number


def is_positive(e: Expr) -> bool:
    return is_scalar_constant(e) and as_number(e) > 0


def is_nonnegative(e: Expr) -> bool:
    is_bounded = e.op is maximum.op and any(is_scalar_constant(i) and as_number(i) >= 0 for i in e.inputs)
    return is_bounded or is_positive(e) or e.op in NONNEGATIVE or is_probability(e) or is_power_of_probability(e)


def is_nonpositive(e: Expr) -> bool:
    if is_scalar_constant(e):
        return bool(as_number(e) <= 0)
    if e.op is negative.op:
        return is_nonnegative(e.inputs[0])
    if e.op is multiply.op and is_scalar_constant(e.inputs[0]):
        return as_number(e.inputs[0]) < 0 and is_nonnegative(e.inputs[1])
    if e.op is true_divide.op:
        return is_nonpositive(e.inputs[0]) and is_nonnegative(e.inputs[1])
    return e.op is add.op and all(map(is_nonpositive, e.inputs))


def is_probability(e: Expr) -> bool:
    """Return whether an expression consists of elements of a softmax or a sigmoid."""
    while e.op in REARRANGING:
        e = e.inputs[0]
    return e.op in PROBABILITIES


def are_row_numbers(i: Expr, x: Expr) -> bool:
    """Return whether an expression consists of the numbers of all rows of an array, in their order."""
    if isinstance(i, Constant):
        return i.ndim == 1 and i.shape[0] == x.shape[0] and bool(np.all(i.value == np.arange(len(i.value))))
    return i.op is arange_like.op and i.inputs[0].shape[i.settings["axis"]] == x.shape[0]


def is_power_of_probability(e: Expr) -> bool:
    return e.op is power.op and is_probability(e.inputs[0])


def has_stable_log(e: Expr) -> bool:
    if e.op in WITH_STABLE_LOG or is_probability(e) or is_power_of_probability(e):
        return True
    terms = e.inputs if e.op in (add.op, sum.op, mean.op) else ()
    return any(t.op is exp.op or (t.op is multiply.op and t.inputs[1].op is exp.op) for t in terms)


def is_finite(e: Expr) -> bool:
    """Return whether an expression of finite inputs cannot be infinite."""
    stack = [e]
    for _ in range(MAX_VISITS):
        if not stack:
            return True
        node = stack.pop()
        if isinstance(node, Constant) and not np.all(np.isfinite(node.value)):
            return False
        if node.op in FINITE or (node.op in MULTIPLES and is_scalar_constant(node.inputs[MULTIPLES[node.op]])):
            stack += node.inputs
        elif node.op not in BOUNDED and node.dtype.kind == "f":
            return False
    return False


def limit_at_infinity(x: Expr, limit: Operand, e: Expr) -> Expr:
    """Return an expression that is replaced by its limit where ``x``, if it may be infinite, is."""
    return e if is_finite(x) else where(isinf(x), limit, e)


def multiply_log(t: Expr, p: Expr) -> Expr:
    """Return ``t * log(p)`` for elements of a positive function, which is 0 where ``t`` is, even if ``p`` vanishes."""
    e = p
    while e.op in REARRANGING:
        e = e.inputs[0]
    product: Expr = t * log(p)
    return product if is_finite(e.inputs[0]) else where(equal(t, 0), 0, product)


def negate(e: Expr) -> Expr:
    """Return the negative of an expression in canonical form."""
    if isinstance(e, Constant):
        return -1 * e
    if e.op is negative.op:
        return e.inputs[0]
    if e.op is subtract.op:
        return e.inputs[1] - e.inputs[0]
    if e.op is multiply.op and is_scalar_constant(e.inputs[0]):
        opposite: Expr = -as_number(e.inputs[0]) * e.inputs[1]
        return opposite
    return -e


def are_opposite(a: Expr, b: Expr) -> bool:
    """Return whether one expression is the negative of the other in canonical form."""
    return a is not b and (negate(a) is b or negate(b) is a)


def add_exactly(a: Expr, b: Expr, sign: int = 1) -> Expr | None:
    """Return a + sign * b if the sum is exact in floating point, otherwise None."""
    assert isinstance(a, Constant)
    assert isinstance(b, Constant)
    p, q = a.value[()], b.value[()]
    if a.dtype.kind != "f":
        return None
    with np.errstate(all="ignore"):
        total = p + sign * q
        exact = np.isfinite(total) and total - p == sign * q and total - sign * q == p
    return total.item() if exact else None
