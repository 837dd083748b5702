r"""Indices of the elements that are not zero."""

from __future__ import annotations

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, Operand, as_expr
from pellucid.graph.op_decorator import register_function
from pellucid.graph.operators import call_op
from pellucid.graph.ops.symbolic_sizes import as_sizes
from pellucid.graph.types import Dim
from pellucid.graph.validation import check_integer


@register_function
def nonzero(x: Operand, size: Dim | None = None, fill_value: int = 0) -> tuple[Expr, ...]:
    r"""Indices of the elements that are not zero, in row-major order.

    The number of indices depends on the values: a function compiles one program for each number that occurs. With
    ``size``, there is one program.

    Parameters
    ----------
    x : Expr or array
        At least one axis.
    size : int, optional
        Number of indices. Missing ones are ``fill_value``, and those beyond it are left out.
    fill_value : int
        Index that fills up to ``size``.

    Returns
    -------
    tuple of Expr
        One vector of int64 for each axis, so that ``x[pel.nonzero(x)]`` are the elements.

    Raises
    ------
    ShapeError
        If ``x`` is a scalar.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> f = pel.function([x], x[pel.nonzero(x > 1)])
    >>> f([1.0, 2.0, 0.0, 3.0])
    array([2., 3.], dtype=float32)
    """
    e = as_expr(x)
    if not e.ndim:
        raise ShapeError(f"nonzero: expected at least one axis. Received: {e}, a scalar").with_operands([e])
    flat = flatnonzero(e, size, fill_value)
    indices: list[Expr] = []
    for length in reversed(e.shape[1:]):
        indices.insert(0, flat % length)
        flat = flat // length
    return (flat, *indices)


@register_function
def flatnonzero(x: Operand, size: Dim | None = None, fill_value: int = 0) -> Expr:
    r"""Indices of the elements of the flattened array that are not zero. The parameters are those of `nonzero`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    size : int, optional
        Number of indices.
    fill_value : int
        Index that fills up to ``size``.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.function([x], pel.flatnonzero(x, size=3, fill_value=-1))([0.0, 5.0, 0.0, 7.0])
    array([ 1,  3, -1])
    """
    e = call_op("ravel", as_expr(x))
    is_zero = call_op("equal", e, 0)
    order, count = call_op("argsort", is_zero), call_op("count_nonzero", e)  # sorting is stable
    if size is None:
        return order[:count]
    size = as_sizes(size)
    if isinstance(size, int):
        check_integer("size", size, 0, owner="nonzero")
    padded = call_op("concatenate", [order, call_op("zeros", (size,), dtype="int64")])
    return call_op("where", call_op("arange", size) < count, padded[:size], fill_value)
