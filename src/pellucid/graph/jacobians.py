r"""Jacobian and Hessian matrices.

A `scan` computes the rows one by one, each as a vector-Jacobian product with a unit vector, :math:`e_i^\top J`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import overload

from pellucid.graph.derivatives import Exprs, match_structure
from pellucid.graph.expr import Expr, Input
from pellucid.graph.gradient import check_connected, check_float, differentiate, grad, to_list
from pellucid.graph.operators import call_op
from pellucid.graph.rewriter import simplify
from pellucid.graph.traversal import replace_all


def number_elements(x: Expr) -> Expr:
    """Return the flat indices of the elements of an array, also if its size is not known yet."""
    if all(isinstance(d, int) for d in x.shape):
        made: Expr = call_op("arange", math.prod(d for d in x.shape if isinstance(d, int)))
        return made
    ones = call_op("ones_like", x, dtype="int32")
    flat = ones if x.ndim == 1 else call_op("ravel", ones)
    numbered: Expr = call_op("scan", lambda one, count: (count + one, count), flat, call_op("zeros", (), "int32"))[1]
    return simplify(numbered)


@overload
def jacobian(output: Expr, wrt: Expr, *, disconnected: str = "raise") -> Expr: ...
@overload
def jacobian(output: Expr, wrt: Sequence[Expr], *, disconnected: str = "raise") -> list[Expr]: ...
def jacobian(output: Expr, wrt: Exprs, *, disconnected: str = "raise") -> Expr | list[Expr]:
    r"""Return the Jacobian, :math:`J_{ij} = \partial y_i / \partial x_j`.

    A `scan` computes it row by row. Expressions that do not depend on the row are computed once.

    Parameters
    ----------
    output : Expr
        The function :math:`y`, floating-point of any shape.
    wrt : Expr or sequence of Expr
        The variables :math:`x`.
    disconnected : {"raise", "zero"}
        Whether to raise an error or return zeros for variables that the output does not depend on.

    Returns
    -------
    Expr or list of Expr
        Of shape ``output.shape + wrt.shape`` for each variable.

    Raises
    ------
    GradientError
        If an expression is not floating-point.
    DisconnectedError
        If the output does not depend on a variable, unless ``disconnected="zero"``.

    Examples
    --------
    >>> import numpy as np, pellucid as pel
    >>> x = pel.vector("x", shape=("n",))
    >>> J = pel.jacobian(x**2, x)
    >>> J.shape
    ('n', 'n')
    >>> pel.function([x], J)([1.0, 2.0])
    array([[2., 0.],
           [0., 4.]], dtype=float32)

    References
    ----------
    A. Griewank and A. Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, chapter 3.
    """
    variables = to_list(wrt)
    check_float([output, *variables], "pel.jacobian(output, wrt)")
    check_connected([output], variables, [], disconnected)
    if output.ndim == 0:
        return match_structure(grad(output, variables, disconnected="zero"), wrt)
    place = Input("u", output.shape, output.dtype)
    rows = differentiate([output], [place], variables)
    numbers = number_elements(output)
    numbered = numbers if output.ndim == 1 else simplify(call_op("reshape_like", numbers, output))
    number = Input("row", (), numbers.dtype)
    unit = call_op("cast", call_op("equal", numbered, number), dtype=output.dtype)
    every = replace_all(rows, {place: unit})
    stacked = call_op("scan", lambda i: replace_all(every, {number: i}), numbers)
    return match_structure([restore_output_axes(s, output, w) for s, w in zip(stacked, variables, strict=True)], wrt)


def restore_output_axes(rows: Expr, output: Expr, wrt: Expr) -> Expr:
    """Reshape the rows, one for each element of the output, to the axes of the output."""
    if output.ndim == 1:
        return rows
    shape = (*output.shape, *wrt.shape)
    made: Expr
    if sum(isinstance(d, str) for d in shape) == 0:
        made = call_op("reshape", rows, shape)
    else:
        outer = call_op("expand_dims", output, tuple(range(output.ndim, len(shape)))) if wrt.ndim else output
        made = call_op("reshape_like", rows, call_op("zeros_like", outer) + call_op("zeros_like", wrt))
    return made


@overload
def hessian(cost: Expr, wrt: Expr, *, disconnected: str = "raise") -> Expr: ...
@overload
def hessian(cost: Expr, wrt: Sequence[Expr], *, disconnected: str = "raise") -> list[list[Expr]]: ...
def hessian(cost: Expr, wrt: Exprs, *, disconnected: str = "raise") -> Expr | list[list[Expr]]:
    r"""Return the Hessian of a scalar, :math:`H_{ij} = \partial^2 c / \partial x_i \, \partial x_j`.

    Parameters
    ----------
    cost : Expr
        A floating-point scalar.
    wrt : Expr or sequence of Expr
        The variables.
    disconnected : {"raise", "zero"}
        Whether to raise an error or return zeros for variables that the cost does not depend on.

    Returns
    -------
    Expr or list of list of Expr
        For one variable, of shape ``wrt.shape + wrt.shape``; for several, the block of each pair.

    Raises
    ------
    GradientError
        If the cost is not a floating-point scalar.
    DisconnectedError
        If the cost does not depend on a variable, unless ``disconnected="zero"``.

    Examples
    --------
    >>> x = pel.vector("x", shape=(2,))
    >>> pel.function([x], pel.hessian(x[0] ** 2 * x[1], x))([1.0, 3.0])
    array([[6., 2.],
           [2., 0.]], dtype=float32)

    References
    ----------
    A. Griewank and A. Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, chapter 5.
    """
    variables = to_list(wrt)
    gradients = grad(cost, variables, disconnected=disconnected)
    blocks = [jacobian(g, variables, disconnected="zero") for g in gradients]
    return blocks[0][0] if isinstance(wrt, Expr) else blocks
