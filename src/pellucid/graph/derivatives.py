r"""Vector-Jacobian, Jacobian-vector and Hessian-vector products.

All are built from the vector-Jacobian product :math:`u^\top J` of reverse mode. It is linear in :math:`u`, so its
derivative with respect to :math:`u` gives the Jacobian-vector product :math:`J v`. `pellucid.graph.jacobians` has whole
matrices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

from pellucid.graph.errors import GradientError
from pellucid.graph.expr import Expr, Input
from pellucid.graph.gradient import check_connected, check_cotangent, check_float, differentiate, grad, to_list
from pellucid.graph.operators import call_op
from pellucid.graph.rewriter import simplify_all
from pellucid.graph.traversal import replace_all

Exprs = Expr | Sequence[Expr]


def match_structure(found: list[Expr], like: Any) -> Expr | list[Expr]:
    """Return one result if the argument was one expression, and a list otherwise."""
    return found[0] if isinstance(like, Expr) else found


def check_cotangents(expressions: list[Expr], values: Any, what: str) -> list[Expr]:
    given = list(values) if isinstance(values, (list, tuple)) else [values]
    if len(given) != len(expressions):
        raise GradientError(f"Expected {len(expressions)} {what}s, one each. Received: {len(given)}")
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
    found = simplify_all(replace_all(found, shapes))
    return match_structure(found, outputs)


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
