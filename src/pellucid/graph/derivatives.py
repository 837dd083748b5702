r"""Products of vectors with the Jacobian, from either side, and with the Hessian.

All are made of one thing, the product :math:`u^\top J` of a vector with the Jacobian, which is what carrying gradients
back computes (`pellucid.graph.reverse_mode`). It is linear in :math:`u`, so differentiating it by :math:`u` gives the
product from the other side, :math:`J v`. (`pellucid.graph.jacobians` has the matrices themselves.)
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
    """Return results as what they belong to was given: one, or a list."""
    return found[0] if isinstance(like, Expr) else found


def check_cotangents(expressions: list[Expr], values: Any, what: str) -> list[Expr]:
    """Hold cotangents or tangents against what they belong to, one for each."""
    given = list(values) if isinstance(values, (list, tuple)) else [values]
    if len(given) != len(expressions):
        raise GradientError(f"Expected {len(expressions)} {what}s, one each. Received: {len(given)}")
    return [check_cotangent(e, value, f"The {what} of") for e, value in zip(expressions, given, strict=True)]


@overload
def vjp(outputs: Exprs, wrt: Expr, cotangents: Any, *, disconnected: str = "raise") -> Expr: ...
@overload
def vjp(outputs: Exprs, wrt: Sequence[Expr], cotangents: Any, *, disconnected: str = "raise") -> list[Expr]: ...
def vjp(outputs: Exprs, wrt: Exprs, cotangents: Any, *, disconnected: str = "raise") -> Expr | list[Expr]:
    r"""Return the product of a vector with the Jacobian, :math:`u^\top \frac{\partial y}{\partial x}`.

    Theano calls it ``Lop``.

    Parameters
    ----------
    outputs : Expr or sequence of Expr
        What to differentiate, :math:`y`, of any shape and of real numbers.
    wrt : Expr or sequence of Expr
        What to differentiate with respect to, :math:`x`.
    cotangents : Expr or array, or a sequence of them
        :math:`u`, one for each output, of its shape and dtype.
    disconnected : {"raise", "zero"}
        What to do about something that no output depends on.

    Returns
    -------
    Expr or list of Expr
        Of the shape and dtype of each ``wrt``.

    Raises
    ------
    GradientError
        If something is not of real numbers, or there are not as many cotangents as outputs.
    ShapeError, DtypeError
        If a cotangent is not of the type of its output.
    DisconnectedError
        If the outputs do not depend on something, unless ``disconnected="zero"``.

    Examples
    --------
    >>> x, u = pel.vector("x"), pel.vector("u")
    >>> pel.vjp(pel.sin(x), x, u)
    u * cos(x)

    References
    ----------
    A. Griewank and A. Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, chapter 3.
    """
    results, many = to_list(outputs), to_list(wrt)
    check_float([*results, *many], "pel.vjp(outputs, wrt, cotangents)")
    check_connected(results, many, [], disconnected)
    return match_structure(differentiate(results, check_cotangents(results, cotangents, "cotangent"), many), wrt)


@overload
def jvp(outputs: Expr, wrt: Exprs, tangents: Any, *, disconnected: str = "raise") -> Expr: ...
@overload
def jvp(outputs: Sequence[Expr], wrt: Exprs, tangents: Any, *, disconnected: str = "raise") -> list[Expr]: ...
def jvp(outputs: Exprs, wrt: Exprs, tangents: Any, *, disconnected: str = "raise") -> Expr | list[Expr]:
    r"""Return the product of the Jacobian with a vector, :math:`\frac{\partial y}{\partial x} v`: how the outputs
    change where the inputs move along :math:`v`.

    The product from the other side, :math:`u^\top J`, is linear in :math:`u`, and its derivative by :math:`u` in the
    direction :math:`v` is :math:`J v`. So no op needs a second rule. Theano calls it ``Rop``.

    Parameters
    ----------
    outputs : Expr or sequence of Expr
        What to differentiate, :math:`y`, of any shape and of real numbers.
    wrt : Expr or sequence of Expr
        What to differentiate with respect to, :math:`x`.
    tangents : Expr or array, or a sequence of them
        :math:`v`, one for each ``wrt``, of its shape and dtype.
    disconnected : {"raise", "zero"}
        What to do about something that no output depends on.

    Returns
    -------
    Expr or list of Expr
        Of the shape and dtype of each output.

    Raises
    ------
    GradientError
        If something is not of real numbers, or there are not as many tangents as ``wrt``.
    ShapeError, DtypeError
        If a tangent is not of the type of what it belongs to.
    DisconnectedError
        If the outputs do not depend on something, unless ``disconnected="zero"``.

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
    results, many = to_list(outputs), to_list(wrt)
    check_float([*results, *many], "pel.jvp(outputs, wrt, tangents)")
    check_connected(results, many, [], disconnected)
    moved = check_cotangents(many, tangents, "tangent")
    places: list[Expr] = [Input(f"u{i}", y.shape, y.dtype) for i, y in enumerate(results)]
    back = differentiate(results, places, many)
    found = differentiate(back, moved, places)
    # What is linear in a place has a derivative in which only the shape of the place can be left.
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
    r"""Return the product of the Hessian with a vector, :math:`H v = \nabla_x (v^\top \nabla_x c)`.

    It costs a few gradients, whatever the size: the Hessian itself is never there.

    Parameters
    ----------
    cost : Expr
        A scalar of real numbers.
    wrt : Expr or sequence of Expr
        What to differentiate with respect to.
    vectors : Expr or array, or a sequence of them
        :math:`v`, one for each ``wrt``, of its shape and dtype; taken for constants.
    disconnected : {"raise", "zero"}
        What to do about something that the cost does not depend on.

    Returns
    -------
    Expr or list of Expr
        Of the shape and dtype of each ``wrt``.

    Raises
    ------
    GradientError
        If the cost is no scalar of real numbers, or there are not as many vectors as ``wrt``.
    ShapeError, DtypeError
        If a vector is not of the type of what it belongs to.
    DisconnectedError
        If the cost does not depend on something, unless ``disconnected="zero"``.

    Examples
    --------
    >>> x, v = pel.vector("x"), pel.vector("v")
    >>> pel.hessian_vector_product((x**3).sum(), x, v)
    6 * (x * v)

    References
    ----------
    B. A. Pearlmutter, Fast exact multiplication by the Hessian, Neural Computation 6(1), 1994, pp. 147-160.
    """
    many = to_list(wrt)
    gradients = grad(cost, many, disconnected=disconnected)
    # The Hessian is symmetric, so the product from the left, carried back once more, is that from the right.
    return match_structure(differentiate(gradients, check_cotangents(many, vectors, "vector"), many), wrt)
