r"""Vector-Jacobian, Jacobian-vector and Hessian-vector products, and Jacobian and Hessian matrices.

All are built from the vector-Jacobian product :math:`u^\top J` of reverse mode. It is linear in :math:`u`, so its
derivative with respect to :math:`u` gives the Jacobian-vector product :math:`J v`. A `scan` computes the rows of a
matrix one by one, each as the product with a unit vector, :math:`e_i^\top J`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, overload

from pellucid.graph.errors import GradientError
from pellucid.graph.expr import Expr, Input
from pellucid.graph.gradient import (
    Exprs,
    check_connected,
    check_cotangent,
    check_float,
    differentiate,
    grad,
    match_structure,
    to_list,
)
from pellucid.graph.operators import call_op, call_op_with_results
from pellucid.graph.rewriter import simplify, simplify_all
from pellucid.graph.traversal import replace_all


def check_cotangents(expressions: list[Expr], values: Any, what: str) -> list[Expr]:
    given, count = to_list(values), len(expressions)
    if len(given) != count:
        raise GradientError(f"Expected {count} {what}{'s' * (count != 1)}. Received: {len(given)}")
    return [check_cotangent(e, value, f"The {what} of") for e, value in zip(expressions, given, strict=True)]


@overload
def vjp(outputs: Exprs, wrt: Expr, cotangents: Any, *, disconnected: str = "raise") -> Expr: ...
@overload
def vjp(outputs: Exprs, wrt: Sequence[Expr], cotangents: Any, *, disconnected: str = "raise") -> list[Expr]: ...
def vjp(outputs: Exprs, wrt: Exprs, cotangents: Any, *, disconnected: str = "raise") -> Expr | list[Expr]:
    r"""Return the vector-Jacobian product, :math:`u^\top \frac{\partial y}{\partial x}`. Theano calls it ``Lop``.

    Parameters
    ----------
    outputs : Expr or sequence of Expr
        The functions :math:`y`, floating-point of any shape.
    wrt : Expr or sequence of Expr
        The variables :math:`x`.
    cotangents : Expr or array, or a sequence of them
        The vectors :math:`u`, of the shape and dtype of each output.
    disconnected : {"raise", "zero"}
        Whether to raise an error or return zeros for variables that no output depends on.

    Returns
    -------
    Expr or list of Expr
        Of the shape and dtype of each variable.

    Raises
    ------
    GradientError
        If an expression is not floating-point, or the numbers of cotangents and outputs differ.
    ShapeError, DtypeError
        If a cotangent has another type than its output.
    DisconnectedError
        If the outputs do not depend on a variable, unless ``disconnected="zero"``.

    Examples
    --------
    >>> x, u = pel.vector("x"), pel.vector("u")
    >>> pel.vjp(pel.sin(x), x, u)
    u * cos(x)

    References
    ----------
    A. Griewank and A. Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, chapter 3.
    """
    results, variables = to_list(outputs), to_list(wrt)
    check_float([*results, *variables], "pel.vjp(outputs, wrt, cotangents)")
    check_connected(results, variables, [], disconnected)
    return match_structure(differentiate(results, check_cotangents(results, cotangents, "cotangent"), variables), wrt)


@overload
def jvp(outputs: Expr, wrt: Exprs, tangents: Any, *, disconnected: str = "raise") -> Expr: ...
@overload
def jvp(outputs: Sequence[Expr], wrt: Exprs, tangents: Any, *, disconnected: str = "raise") -> list[Expr]: ...
def jvp(outputs: Exprs, wrt: Exprs, tangents: Any, *, disconnected: str = "raise") -> Expr | list[Expr]:
    r"""Return the Jacobian-vector product :math:`\frac{\partial y}{\partial x} v`, the derivative along :math:`v`.

    It is the derivative of the vector-Jacobian product :math:`u^\top J` with respect to :math:`u`, so that no op needs
    a second gradient rule. Theano calls it ``Rop``.

    Parameters
    ----------
    outputs : Expr or sequence of Expr
        The functions :math:`y`, floating-point of any shape.
    wrt : Expr or sequence of Expr
        The variables :math:`x`.
    tangents : Expr or array, or a sequence of them
        The directions :math:`v`, of the shape and dtype of each variable.
    disconnected : {"raise", "zero"}
        Whether to raise an error or return zeros for variables that no output depends on.

    Returns
    -------
    Expr or list of Expr
        Of the shape and dtype of each output.

    Raises
    ------
    GradientError
        If an expression is not floating-point, or the numbers of tangents and variables differ.
    ShapeError, DtypeError
        If a tangent has another type than its variable.
    DisconnectedError
        If the outputs do not depend on a variable, unless ``disconnected="zero"``.

    Examples
    --------
    >>> x, v = pel.vector("x"), pel.vector("v")
    >>> pel.jvp(pel.tanh(x), x, v)
    v * (1 - tanh(x) ** 2)

    References
    ----------
    J. Townsend, A new trick for calculating Jacobian vector products, 2017;
    A. Griewank and A. Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, chapter 3.
    """
    results, variables = to_list(outputs), to_list(wrt)
    check_float([*results, *variables], "pel.jvp(outputs, wrt, tangents)")
    check_connected(results, variables, [], disconnected)
    directions = check_cotangents(variables, tangents, "tangent")
    places: list[Expr] = [Input(f"u{i}", y.shape, y.dtype) for i, y in enumerate(results)]
    back = differentiate(results, places, variables)
    found = differentiate(back, directions, places)
    # The derivative of a linear function of a placeholder depends only on the placeholder's shape.
    shapes = {u: call_op("zeros_like", y) for u, y in zip(places, results, strict=True)}
    return match_structure(simplify_all(replace_all(found, shapes)), outputs)


@overload
def hessian_vector_product(cost: Expr, wrt: Expr, vectors: Any, *, disconnected: str = "raise") -> Expr: ...
@overload
def hessian_vector_product(
    cost: Expr, wrt: Sequence[Expr], vectors: Any, *, disconnected: str = "raise"
) -> list[Expr]: ...
def hessian_vector_product(cost: Expr, wrt: Exprs, vectors: Any, *, disconnected: str = "raise") -> Expr | list[Expr]:
    r"""Return the Hessian-vector product, :math:`H v = \nabla_x (v^\top \nabla_x c)`.

    It costs about as much as a few gradients, because the Hessian itself is not computed.

    Parameters
    ----------
    cost : Expr
        A floating-point scalar.
    wrt : Expr or sequence of Expr
        The variables.
    vectors : Expr or array, or a sequence of them
        The vectors :math:`v`, of the shape and dtype of each variable; treated as constants.
    disconnected : {"raise", "zero"}
        Whether to raise an error or return zeros for variables that the cost does not depend on.

    Returns
    -------
    Expr or list of Expr
        Of the shape and dtype of each variable.

    Raises
    ------
    GradientError
        If the cost is not a floating-point scalar, or the numbers of vectors and variables differ.
    ShapeError, DtypeError
        If a vector has another type than its variable.
    DisconnectedError
        If the cost does not depend on a variable, unless ``disconnected="zero"``.

    Examples
    --------
    >>> x, v = pel.vector("x"), pel.vector("v")
    >>> pel.hessian_vector_product((x**3).sum(), x, v)
    6 * (x * v)

    References
    ----------
    B. A. Pearlmutter, Fast exact multiplication by the Hessian, Neural Computation 6(1), 1994, pp. 147-160.
    """
    variables = to_list(wrt)
    gradients = grad(cost, variables, disconnected=disconnected)
    # The Hessian is symmetric, so its vector-Jacobian product is its product with the vector.
    return match_structure(differentiate(gradients, check_cotangents(variables, vectors, "vector"), variables), wrt)


def number_elements(x: Expr) -> Expr:
    """Return the flat indices of the elements of an array, also if its size is not known yet."""
    sizes = [d for d in x.shape if isinstance(d, int)]
    if len(sizes) == x.ndim:
        return call_op("arange", math.prod(sizes))
    ones = call_op("ones_like", x, dtype="int32")
    flat = ones if x.ndim == 1 else call_op("ravel", ones)
    numbered = call_op_with_results(
        "scan", lambda one, count: (count + one, count), flat, call_op("zeros", (), "int32")
    )[1]
    return simplify(numbered)


@overload
def jacobian(output: Expr, wrt: Expr, *, disconnected: str = "raise") -> Expr: ...
@overload
def jacobian(output: Expr, wrt: Sequence[Expr], *, disconnected: str = "raise") -> list[Expr]: ...
def jacobian(output: Expr, wrt: Exprs, *, disconnected: str = "raise") -> Expr | list[Expr]:
    r"""Return the Jacobian, :math:`J_{ij} = \partial y_i / \partial x_j`.

    Expressions that do not depend on the row are computed once.

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
    if not any(isinstance(d, str) for d in shape):
        return call_op("reshape", rows, shape)
    outer = call_op("expand_dims", output, tuple(range(output.ndim, len(shape)))) if wrt.ndim else output
    return call_op("reshape_like", rows, call_op("zeros_like", outer) + call_op("zeros_like", wrt))


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
