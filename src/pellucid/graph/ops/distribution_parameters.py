"""What the parameters of a distribution say of a draw: its shape, its dtype, and how it is scaled and moved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.decomposition import symbolic as xp
from pellucid.graph.errors import ShapeError, UseError
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.ops.threefry import precision
from pellucid.graph.types import common_dtype, is_float


def asked_for(parameters: Sequence[Any], size: Any, like: Any, dtype: Any) -> tuple[Any, Any]:
    """Return an expression of the shape that was asked for, or that parameters have together, and the dtype."""
    if size is None and any(isinstance(p, tuple) for p in parameters):
        raise UseError(
            f"A shape is given by name, size={parameters[0]}: parameters of a distribution come first, as in NumPy"
        )
    exprs = [as_expr(p) for p in parameters if not isinstance(p, (int, float))]
    if like is None and (size is not None or not exprs):
        like = xp.zeros(as_size(size), dtype=bool)
    elif like is None:
        like = exprs[0] if len(exprs) == 1 or exprs[0] is exprs[1] else exprs[0] + exprs[1]
    if dtype is None and any(is_float(e.dtype) for e in exprs):
        dtype = common_dtype([e.dtype for e in exprs if is_float(e.dtype)], [])
    return like, dtype


def is_number(value: Any, number: float) -> bool:
    """Tell whether a parameter is this number of Python's."""
    return isinstance(value, (int, float)) and value == number


def moved(z: Any, loc: Any, scale: Any) -> Any:
    """Scale and shift what was drawn, without a word where there is nothing to do."""
    scaled = z if is_number(scale, 1.0) else scale * z
    return scaled if is_number(loc, 0.0) else loc + scaled


def opened(u: Expr) -> Any:
    """Keep zero out of a draw from [0, 1), by half a step of what is drawn, so that its logarithm is finite."""
    return xp.maximum(u, 2.0 ** -(precision(u.dtype) + 1))


def as_size(size: Any) -> tuple[int, ...]:
    """Return a size as a shape, as NumPy reads it.

    Raises
    ------
    ShapeError
        If it is not made of known sizes.
    """
    dims = () if size is None else tuple(size) if isinstance(size, (list, tuple)) else (size,)
    if not all(isinstance(d, (int, np.integer)) and not isinstance(d, bool) and d >= 0 for d in dims):
        raise ShapeError(
            f"Expected sizes of 0 or more to draw. Received: size={size!r}. For the shape of an expression, whatever "
            "its size will be, write like=expression"
        )
    return tuple(int(d) for d in dims)
