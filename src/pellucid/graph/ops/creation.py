r"""Arrays made of nothing but a shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.expr import as_expr, constant
from pellucid.graph.op import public
from pellucid.graph.operators import call
from pellucid.graph.types import as_dtype, as_shape


@public
def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    r"""An array of one value.

    Parameters
    ----------
    shape : int or tuple of int
        Its shape.
    fill_value : number
        Its value.
    dtype : dtype, optional
        `config.floatx` without it.

    Returns
    -------
    Expr
        Of that shape.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.full((2, 3), 7.0).shape
    (2, 3)
    """
    return call("broadcast_to", constant(fill_value, as_dtype(dtype)), as_shape(shape))


@public
def zeros(shape: Any, dtype: Any = None) -> Any:
    r"""An array of zeros.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.zeros(3).shape
    (3,)
    """
    return full(shape, 0, dtype)


@public
def ones(shape: Any, dtype: Any = None) -> Any:
    r"""An array of ones.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.ones(3).shape
    (3,)
    """
    return full(shape, 1, dtype)


@public
def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Any:
    r"""An array of one value, of the shape and dtype of another, whatever its size will be.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.full_like(pel.vector("x"), 7.0)
    broadcast_like(7, x)
    """
    x = as_expr(x)
    return call("broadcast_like", constant(fill_value, x.dtype if dtype is None else dtype), x)


@public
def zeros_like(x: Any, dtype: Any = None) -> Any:
    r"""Zeros of the shape and dtype of another array.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.zeros_like(pel.vector("x"))
    broadcast_like(0, x)
    """
    return full_like(x, 0, dtype)


@public
def ones_like(x: Any, dtype: Any = None) -> Any:
    r"""Ones of the shape and dtype of another array.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.ones_like(pel.vector("x"))
    broadcast_like(1, x)
    """
    return full_like(x, 1, dtype)


@public
def arange(*bounds: Any, dtype: Any = None) -> Any:
    r"""Numbers from a start, by a step, up to but without a stop.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.arange(3)
    [0, 1, 2]
    """
    values = np.arange(*bounds)
    integers = np.dtype("int32") if values.dtype.kind == "i" else as_dtype(None)
    return constant(values.astype(integers if dtype is None else as_dtype(dtype)))


@public
def eye(n: int, dtype: Any = None) -> Any:
    r"""The identity matrix, :math:`I_n`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.eye(2)
    [[1, 0], [0, 1]]
    """
    return constant(np.eye(n, dtype=as_dtype(dtype)))
