"""Fewer divisions: by what is known to be at least one, by what several numbers share, and by constants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pellucid.run.native.equations import Equation, Value, Writer

DEPTH = 8
"""How many equations back it is looked for what is known of a value."""

MOVED = ("broadcast_in_dim", "reshape", "squeeze", "transpose")
"""Equations whose results have the elements of their operands."""


def quotient(writer: Writer, x: Value, y: Value) -> Value | None:
    """Return a quotient of real numbers made in a cheaper way, or None where there is none.

    A constant becomes its inverse, as in XLA. A divisor that is at least one (or nan) has an inverse that is never too
    large: it is found once for all that share the divisor, and for a square it is the inverse of what is squared, so
    that ``4 e / (1 + e)^2`` needs what ``tanh`` and its kin need anyway.
    """
    if x.dtype.kind != "f":
        return None
    if y.constant is not None:
        inverse = inverse_of(y.constant)
        return None if inverse is None else writer.binary("mul", x, writer.reader.number(inverse))
    if not at_least_one(y):
        return None
    one = writer.reader.number(np.ones((), y.dtype))
    if y.maker is not None and y.maker.name == "square" and at_least_one(y.maker.inputs[0]):
        part = writer.binary("div", one, y.maker.inputs[0])
        return writer.binary("mul", writer.binary("mul", x, part), part)
    if y.size < x.size:
        return writer.binary("mul", x, writer.binary("div", one, y))
    return None


def inverse_of(constant: np.ndarray) -> np.ndarray | None:
    """Return the inverse of a number, if neither is so small that digits are lost."""
    y = np.unique(constant)
    tiny = np.finfo(constant.dtype).tiny
    if len(y) != 1 or not tiny <= abs(y[0]) <= 1 / (4 * tiny):
        return None
    inverse: np.ndarray = np.asarray(1 / y[0], constant.dtype)
    return inverse


def at_least_one(v: Value, depth: int = DEPTH) -> bool:
    """Tell whether no element is less than one; nan is not."""
    if v.constant is not None:
        return bool((v.constant >= 1).all())
    e = v.maker
    if e is None or not depth or not all(x.size for x in e.inputs):
        return False
    if e.name in (*MOVED, "square", "sqrt", "reduce_max", "reduce_min"):
        return at_least_one(e.inputs[0], depth - 1)
    if e.name == "add":
        a, b = e.inputs
        return any(at_least_one(p, depth - 1) and not_negative(q, depth - 1) for p, q in ((a, b), (b, a)))
    return e.name == "reduce_sum" and (at_least_one(e.inputs[0], depth - 1) or has_one(e))


def has_one(e: Equation) -> bool:
    """Tell whether a sum has the exponential of 0 in it, because it is one of e to the distances from the greatest."""
    power = e.inputs[0].maker
    distance = power.inputs[0].maker if power is not None and power.name == "exp" else None
    if distance is None or distance.name != "sub":
        return False
    x, greatest = distance.inputs
    found = greatest.maker
    while found is not None and found.name in MOVED:
        found = found.inputs[0].maker
    return (
        found is not None
        and found.name == "reduce_max"
        and found.inputs[0] is x
        and found.params["axes"] == e.params["axes"]
    )


def not_negative(v: Value, depth: int = DEPTH) -> bool:
    """Tell whether no element is less than zero; nan is not."""
    if v.constant is not None:
        return bool((v.constant >= 0).all())
    e = v.maker
    if e is None or not depth:
        return False
    if e.name in ("exp", "abs", "square", "logistic"):
        return True
    return e.name in (*MOVED, "add", "mul", "reduce_sum", "reduce_max") and all(
        not_negative(x, depth - 1) for x in e.inputs
    )
