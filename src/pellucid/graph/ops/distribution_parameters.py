"""Distribution parameters: shape and dtype of a sample, location and scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.decomposition import symbolic as xp
from pellucid.graph.errors import ShapeError, UseError
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.ops.threefry import count_random_bits
from pellucid.graph.types import common_dtype, is_float


def resolve_shape_and_dtype(parameters: Sequence[Any], size: Any, like: Any, dtype: Any) -> tuple[Any, Any]:
    """Return an expression of the shape of the sample (from ``size``, ``like`` or the parameters) and its dtype."""
    if size is None and any(isinstance(p, tuple) for p in parameters):
        raise UseError(
            f"Pass the shape by name, size={parameters[0]}. The first arguments are the parameters of the "
            "distribution, as in NumPy"
        )
    exprs = [as_expr(p) for p in parameters if not isinstance(p, (int, float))]
    if like is None and (size is not None or not exprs):
        like = xp.zeros(as_size(size), dtype=bool)
    elif like is None:
        like = exprs[0] if len(exprs) == 1 or exprs[0] is exprs[1] else exprs[0] + exprs[1]
    if dtype is None and any(is_float(e.dtype) for e in exprs):
        dtype = common_dtype([e.dtype for e in exprs if is_float(e.dtype)], [])
    return like, dtype


def is_python_number(value: Any, number: float) -> bool:
    """Whether a parameter is a Python number equal to ``number``."""
    return isinstance(value, (int, float)) and value == number


def scale_and_shift(z: Any, loc: Any, scale: Any) -> Any:
    """Return ``loc + scale * z``, without the operations that would change nothing."""
    scaled = z if is_python_number(scale, 1.0) else scale * z
    return scaled if is_python_number(loc, 0.0) else loc + scaled


def exclude_zero(u: Expr) -> Any:
    """Replace 0 in a sample from [0, 1) by half the spacing of the samples, so that its logarithm is finite."""
    return xp.maximum(u, 2.0 ** -(count_random_bits(u.dtype) + 1))


def as_size(size: Any) -> tuple[int, ...]:
    """Convert NumPy's ``size`` argument to a shape."""
    dims = () if size is None else tuple(size) if isinstance(size, (list, tuple)) else (size,)
    if not all(isinstance(d, (int, np.integer)) and not isinstance(d, bool) and d >= 0 for d in dims):
        raise ShapeError(
            f"Expected size to be an integer of 0 or more, or a tuple of them. Received: size={size!r}. For the shape "
            "of an expression use like=expression"
        )
    return tuple(int(d) for d in dims)
