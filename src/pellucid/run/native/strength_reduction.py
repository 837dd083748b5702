"""Cheaper replacements for divisions: by constants, and by values that are known to be at least one."""

from __future__ import annotations

import numpy as np

from pellucid.run.native.equations import EquationBuilder, Value
from pellucid.run.native.value_ranges import is_at_least_one


def reduce_division(builder: EquationBuilder, x: Value, y: Value) -> Value | None:
    """Return a cheaper form of a real division, or None.

    A constant divisor becomes a product with its reciprocal, as in XLA. The reciprocal of a divisor that is at least
    one (or NaN) cannot overflow: it is computed once for all elements that share the divisor. For a square, it is the
    square of the reciprocal of the base, so that ``4 e / (1 + e)^2`` reuses the division of ``tanh``.
    """
    if x.dtype.kind != "f":
        return None
    if y.constant is not None:
        reciprocal = get_reciprocal(y.constant)
        return None if reciprocal is None else builder.add_binary("mul", x, builder.values.make_constant(reciprocal))
    if not is_at_least_one(y):
        return None
    one = builder.values.make_constant(np.ones((), y.dtype))
    if y.producer is not None and y.producer.name == "square" and is_at_least_one(y.producer.inputs[0]):
        root = builder.add_binary("div", one, y.producer.inputs[0])
        return builder.add_binary("mul", builder.add_binary("mul", x, root), root)
    if y.size < x.size:
        return builder.add_binary("mul", x, builder.add_binary("div", one, y))
    return None


def get_reciprocal(constant: np.ndarray) -> np.ndarray | None:
    """Return the reciprocal of a uniform constant, unless one of both is so small that digits are lost."""
    y = np.unique(constant)
    tiny = np.finfo(constant.dtype).tiny
    if len(y) != 1 or not tiny <= abs(y[0]) <= 1 / (4 * tiny):
        return None
    reciprocal: np.ndarray = np.asarray(1 / y[0], constant.dtype)
    return reciprocal
