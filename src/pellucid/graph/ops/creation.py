r"""Arrays made of nothing but a shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError, ShapeError, UseError
from pellucid.graph.expr import Constant, Expr, as_expr, constant
from pellucid.graph.op import public
from pellucid.graph.operators import call
from pellucid.graph.types import as_dtype, as_shape, shape_text


@public
def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    r"""An array of one value, :math:`y_i = c`.

    Parameters
    ----------
    shape : int or tuple of int
        Its shape.
    fill_value : Expr, array or number
        Its value, or what broadcasts to the shape.
    dtype : dtype, optional
        That of the value without it, which for a Python number is `config.floatx`.

    Returns
    -------
    Expr
        Of that shape.

    Raises
    ------
    ShapeError
        If a dimension is a name, whose size nobody can tell from a shape alone.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.full((2, 3), 7.0).shape
    (2, 3)
    """
    sizes = as_shape(shape)
    if any(isinstance(d, str) for d in sizes):
        raise ShapeError(
            f"full: expected sizes. Received: shape={shape_text(sizes)}. For the shape of another expression, "
            "whatever its size will be, use full_like, zeros_like or ones_like"
        )
    value = as_expr(fill_value) if isinstance(fill_value, Expr) else constant(fill_value, dtype)
    if dtype is not None and value.dtype != as_dtype(dtype):
        value = call("cast", value, dtype=dtype)
    return call("broadcast_to", value, sizes)


@public
def zeros(shape: Any, dtype: Any = None) -> Any:
    r"""An array of zeros, :math:`y_i = 0`.

    Parameters
    ----------
    shape : int or tuple of int
        Its shape.
    dtype : dtype, optional
        `config.floatx` without it.

    Returns
    -------
    Expr
        Of that shape.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.zeros(3).shape
    (3,)
    """
    return full(shape, 0, dtype)


@public
def ones(shape: Any, dtype: Any = None) -> Any:
    r"""An array of ones, :math:`y_i = 1`.

    Parameters
    ----------
    shape : int or tuple of int
        Its shape.
    dtype : dtype, optional
        `config.floatx` without it.

    Returns
    -------
    Expr
        Of that shape.

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

    Parameters
    ----------
    x : Expr or array
        Whose shape it has.
    fill_value : Expr, array or number
        Its value, or what broadcasts to the shape.
    dtype : dtype, optional
        That of ``x`` without it.

    Returns
    -------
    Expr
        Of the shape of ``x``.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.full_like(pel.vector("x"), 7.0)
    broadcast_like(7, x)
    """
    x = as_expr(x)
    wanted = x.dtype if dtype is None else as_dtype(dtype)
    value = call("cast", fill_value, dtype=wanted) if isinstance(fill_value, Expr) else constant(fill_value, wanted)
    return call("broadcast_like", value, x)


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


def known(make: Callable[..., Any], *arguments: Any, dtype: Any = None, **settings: Any) -> Constant:
    """Make a constant by NumPy's function, with `config.floatx` in the place of NumPy's own default for real numbers.

    Raises
    ------
    TypeError
        If an argument is an expression or a name, of which only the program that runs will know the value.
    """
    for argument in (*arguments, *settings.values()):
        if isinstance(argument, (Expr, str)):
            raise UseError(
                f"{make.__name__}: expected numbers, which decide what the result looks like. Received: {argument}, "
                "whose value is not known until it runs. For the places along an axis of an expression use arange_like"
            )
    try:
        values = make(*arguments, **settings)
    except (TypeError, ValueError, ZeroDivisionError) as error:
        given = ", ".join([*map(repr, arguments), *(f"{key}={value!r}" for key, value in settings.items())])
        raise OptionError(f"{make.__name__}: {error}. Received: {given}") from error
    wanted = as_dtype(dtype) if dtype is not None or values.dtype.kind == "f" else None
    return constant(values if wanted is None else values.astype(wanted))


@public
def eye(n: int, m: int | None = None, k: int = 0, dtype: Any = None) -> Any:
    r"""The identity matrix, :math:`I_n`, or ones along another diagonal of a matrix of any shape.

    Parameters
    ----------
    n, m : int
        How many rows and columns; as many columns as rows without ``m``.
    k : int
        Which diagonal: above the main one if positive, below if negative.
    dtype : dtype, optional
        `config.floatx` without it.

    Returns
    -------
    Expr
        Of shape (n, m).

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.eye(2)
    [[1, 0], [0, 1]]
    """
    return known(np.eye, n, n if m is None else m, k, dtype=dtype)


@public
def identity(n: int, dtype: Any = None) -> Any:
    r"""The identity matrix, :math:`I_n`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.identity(2)
    [[1, 0], [0, 1]]
    """
    return eye(n, dtype=dtype)


@public
def tri(n: int, m: int | None = None, k: int = 0, dtype: Any = None) -> Any:
    r"""Ones on and below a diagonal, zeros above it, :math:`y_{ij} = 1` for :math:`j \le i + k`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.tri(2)
    [[1, 0], [1, 1]]
    """
    return known(np.tri, n, n if m is None else m, k, dtype=dtype)
