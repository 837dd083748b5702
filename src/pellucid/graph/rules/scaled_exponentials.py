r"""Expressions as a mantissa times the exponential of an exponent.

A sum of exponentials is written as :math:`s e^m`, where :math:`m` is its largest exponent, so that :math:`s` neither
overflows nor underflows. The value does not depend on :math:`m`, so the gradient treats it as a constant.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.op import Op
from pellucid.graph.ops.differences import exp_difference
from pellucid.graph.ops.elementwise import (
    absolute,
    add,
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
from pellucid.graph.ops.exponentials import exp, expm1, get_exp_limit, log, shifted_exp
from pellucid.graph.ops.gradient_transforms import stop_gradient
from pellucid.graph.ops.hyperbolic import cosh, sinh, tanh
from pellucid.graph.ops.indexing import slice_
from pellucid.graph.ops.logic import equal
from pellucid.graph.ops.reductions import max_, mean, restore_axes, sum
from pellucid.graph.ops.reshape import expand_dims, reshape, squeeze
from pellucid.graph.ops.where import where
from pellucid.graph.rewrite_rule import is_scalar_constant
from pellucid.graph.rules.predicates import PROBABILITIES, as_number, is_nonpositive, limit_at_infinity, negate
from pellucid.graph.traversal import rebuild

MAX_VISITS = 24
"""How many expressions are searched."""

GROWING = {f.op for f in (exp, cosh, sinh, expm1)}
"""Exponentials, which overflow."""


class Scaled(NamedTuple):
    """A mantissa times the exponential of an exponent. A mantissa of None is 1, an exponent of None is 0."""

    mantissa: Any
    exponent: Any


def split_scale(e: Expr, visited: list[Expr] | None = None) -> Scaled:
    """Separate the exponentials of an expression from its other factors.

    Only the first expressions of a large graph are visited; the others are factors without exponentials.
    """
    visited = [] if visited is None else visited
    visited.append(e)
    op, inputs = e.op, e.inputs
    if op is exp.op:
        return Scaled(None, inputs[0])
    if op is cosh.op:
        return add_scaled([Scaled(0.5, inputs[0]), Scaled(0.5, negate(inputs[0]))], absolute(inputs[0]))
    if op is sinh.op:
        return multiply_scaled(Scaled(tanh(inputs[0]), None), split_scale(cosh(inputs[0])))
    if op is expm1.op:  # near 0, the difference of exp(x) and 1 would cancel
        total = add_scaled([Scaled(None, inputs[0]), Scaled(None, None)])
        return multiply_scaled(Scaled(tanh(inputs[0] / 2), None), total)
    if op in PROBABILITIES:  # whose logarithm is stable
        return Scaled(None, log(e))
    if op is exp_difference.op:
        top = stop_gradient(maximum(*inputs))
        shift = limit_at_infinity(top, 0, top)
        return Scaled(exp_difference(inputs[0] - shift, inputs[1] - shift), top)
    if len(visited) > MAX_VISITS or op not in SCALED_OPS:
        return Scaled(e, None)
    if op in (add.op, subtract.op):
        return split_sum(e, visited)
    parts = [split_scale(i, visited) for i in inputs]
    if all(part.exponent is None for part in parts):
        return Scaled(e, None)
    found: Scaled = HANDLERS[op](e, *parts)
    return found


def split_sum(e: Expr, visited: list[Expr]) -> Scaled:
    terms = [(sign, split_scale(term, visited)) for sign, term in list_signed_terms(e)]
    exponents = [term.exponent for _, term in terms]
    has_plain = any(exponent is None for exponent in exponents)
    # Exponentials of negative numbers do not overflow. If they underflow, a term without an exponential remains.
    if has_plain and all(exponent is None or is_nonpositive(exponent) for exponent in exponents):
        return Scaled(e, None)
    return add_scaled([term if sign > 0 else negate_scaled(term) for sign, term in terms])


def list_terms(e: Expr) -> list[Expr]:
    """Return the terms of nested sums and differences, some of them negated."""
    return [term if sign > 0 else negate(term) for sign, term in list_signed_terms(e)]


def list_signed_terms(e: Expr) -> list[tuple[int, Expr]]:
    """Return the terms of nested sums and differences after their signs, 1 or -1."""
    terms: list[tuple[int, Expr]] = []
    stack = [(1, e)]
    while stack:
        sign, term = stack.pop()
        if len(terms) + len(stack) > MAX_VISITS or term.op not in (add.op, subtract.op):
            terms.append((sign, term))
            continue
        left, right = term.inputs
        stack += [(-sign if term.op is subtract.op else sign, right), (sign, left)]
    return terms


def add_scaled(terms: list[Scaled], top: Any = None) -> Scaled:
    """Return a sum. The exponent is that of its largest term."""
    if top is None:
        sizes = [get_log_size(term) for term in terms]
        top = functools.reduce(maximum, sizes)
    total: Any = None
    for mantissa, exponent in terms:
        total = combine(total, combine(mantissa, shift_exponent(exponent, top), multiply), add)
    return Scaled(total, stop_gradient(top))


def shift_exponent(exponent: Any, top: Any) -> Expr:
    """Return the exponential of an exponent, divided by that of the largest one."""
    return shifted_exp(np.zeros((), top.dtype) if exponent is None else exponent, stop_gradient(top))


def get_log_size(term: Scaled) -> Any:
    """Return the logarithm of the size of a term."""
    if isinstance(term.mantissa, float):
        moderate = 1e-3 < abs(term.mantissa) < 1e3  # the exponent alone is a good bound then, and easier to read
        size: Any = 0.0 if moderate else math.log(abs(term.mantissa)) if term.mantissa else -80.0
        size = None if moderate and term.exponent is not None else size
    elif term.mantissa is None:
        size = 0.0 if term.exponent is None else None
    else:
        number, factors = list_factors(term.mantissa)
        if not factors:
            return get_log_size(term._replace(mantissa=number))
        zero = equal(term.mantissa, 0)
        size = where(zero, -math.inf, log(where(zero, 1, absolute(term.mantissa))))
    return combine(term.exponent, size, add)


def limit_exponent(mantissa: Any, exponent: Any) -> Any:
    """Bound the exponent of a term whose mantissa may be 0, because 0 times infinity is not a number."""
    if mantissa is None or isinstance(mantissa, float):
        return exponent
    return minimum(exponent, get_exp_limit(exponent.dtype))


def combine(a: Any, b: Any, function: Callable[[Any, Any], Any]) -> Any:
    """Apply a function to two operands, or return the one that is not None."""
    return b if a is None else a if b is None else function(a, b)


def multiply_scaled(a: Scaled, b: Scaled) -> Scaled:
    return Scaled(combine(a.mantissa, b.mantissa, multiply), combine(a.exponent, b.exponent, add))


def divide_scaled(a: Scaled, b: Scaled) -> Scaled:
    mantissa = a.mantissa if b.mantissa is None else (1.0 if a.mantissa is None else a.mantissa) / b.mantissa
    exponent = a.exponent if b.exponent is None else combine(a.exponent, -b.exponent, add)
    return Scaled(mantissa, exponent)


def negate_scaled(a: Scaled) -> Scaled:
    return a._replace(mantissa=-1.0 if a.mantissa is None else -a.mantissa)


def raise_scaled(a: Scaled, exponent: Any, function: Callable[[Any], Any]) -> Scaled:
    return Scaled(None if a.mantissa is None else function(a.mantissa), exponent * a.exponent)


def raise_to_power(e: Expr, base: Scaled, exponent: Scaled) -> Scaled:
    if base.exponent is None or exponent.exponent is not None:
        return Scaled(e, None)
    number = as_number(e.inputs[1]) if is_scalar_constant(e.inputs[1]) else e.inputs[1]
    return raise_scaled(base, number, lambda x: power(x, number))


def reduce_scaled(e: Expr, terms: Scaled) -> Scaled:
    """Return a sum or mean along axes."""
    x, axis, keepdims = e.inputs[0], e.settings["axis"], e.settings["keepdims"]
    size = get_log_size(terms)
    if size.shape != x.shape:
        return Scaled(e, None)
    top = max_(size, axis=axis, keepdims=keepdims, initial=-math.inf)
    factors = shift_exponent(terms.exponent, restore_axes(top, x, axis, keepdims))
    reduce = sum if e.op is sum.op else mean
    total = reduce(combine(terms.mantissa, factors, multiply), axis=axis, keepdims=keepdims)
    return Scaled(total, stop_gradient(top))


def reshape_scaled(e: Expr, a: Scaled) -> Scaled:
    """Apply an op that rearranges elements to mantissa and exponent."""
    mantissa = a.mantissa if isinstance(a.mantissa, Expr) and a.mantissa.shape == e.inputs[0].shape else None
    if mantissa is None and a.mantissa is not None:
        return Scaled(e, None)
    return Scaled(None if mantissa is None else rebuild(e, [mantissa]), rebuild(e, [a.exponent]))


HANDLERS: dict[Op | None, Callable[..., Scaled]] = {
    negative.op: lambda e, a: negate_scaled(a),
    multiply.op: lambda e, a, b: multiply_scaled(a, b),
    true_divide.op: lambda e, a, b: divide_scaled(a, b),
    square.op: lambda e, a: raise_scaled(a, 2, square),
    sqrt.op: lambda e, a: raise_scaled(a, 0.5, sqrt),
    power.op: raise_to_power,
    sum.op: reduce_scaled,
    mean.op: reduce_scaled,
    **dict.fromkeys((f.op for f in (expand_dims, squeeze, reshape, slice_)), reshape_scaled),
}
"""By op, its value for scaled operands of which at least one has an exponent."""

SCALED_OPS = {add.op, subtract.op, *HANDLERS}
"""Ops through which exponentials are found. The terms of nested sums are scaled together."""

SUMS = {f.op for f in (add, subtract, sum, mean, cosh, sinh, expm1, exp_difference)}


def has_exponential_sum(e: Expr) -> bool:
    """Whether an expression has a sum of exponentials. The terms of scaled sums are `shifted_exp`."""
    reached = find_ops(e)
    return bool(reached & SUMS and reached & GROWING)


def find_ops(e: Expr) -> set[Op | None]:
    """Return the ops that are reached from an expression through those that can be scaled."""
    queue, seen = [e], {e}
    for node in queue:  # which grows
        if len(queue) < MAX_VISITS and node.op in SCALED_OPS:
            new = [i for i in node.inputs if i not in seen]
            queue += new
            seen.update(new)
    return {node.op for node in queue}


def join(scaled: Scaled) -> Any:
    mantissa, exponent = scaled
    if exponent is None:
        return mantissa
    if mantissa is not None and not isinstance(mantissa, float):
        exponent = where(equal(mantissa, 0), limit_exponent(mantissa, exponent), exponent)
    return combine(mantissa, exp(exponent), multiply)


def list_factors(e: Expr) -> tuple[float, list[Expr]]:
    """Return the number and the other factors of a product."""
    factors: list[Expr] = []
    number, stack = 1.0, [e]
    while stack:
        factor = stack.pop()
        if is_scalar_constant(factor):
            number *= as_number(factor)
        elif factor.op is negative.op:
            number = -number
            stack.append(factor.inputs[0])
        elif factor.op is multiply.op and len(factors) + len(stack) < MAX_VISITS:
            stack += factor.inputs
        elif factor.op is true_divide.op and is_scalar_constant(factor.inputs[1]):
            number /= as_number(factor.inputs[1])
            stack.append(factor.inputs[0])
        else:
            factors.append(factor)
    return number, factors


def multiply_all(number: float, factors: list[Expr]) -> Expr | float:
    """Return the product of a number and factors."""
    product: Any = None if number == 1 and factors else number
    for factor in factors:
        product = combine(product, factor, multiply)
    result: Expr | float = product
    return result
