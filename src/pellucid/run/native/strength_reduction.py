"""Fewer divisions: by what is known to be at least one, by what several numbers share, and by constants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pellucid.run.native.value_ranges import at_least_one

if TYPE_CHECKING:
    from pellucid.run.native.equations import Value, Writer


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
