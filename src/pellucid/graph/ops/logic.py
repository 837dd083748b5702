"""Comparisons, logical and bitwise operations, and boolean reductions."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.expr import Expr, Operand, as_expr, promote_operands
from pellucid.graph.op_decorator import alias, op, register_function
from pellucid.graph.operators import call_op
from pellucid.graph.ops.formatters import big_operator_tex, method_text
from pellucid.graph.ops.reductions import cost_per_input, infer_reduced_type, normalize_reduction
from pellucid.graph.precedence import BIG, COMPARE, LOGIC

if TYPE_CHECKING:
    from pellucid.typing import Axes


BOOL = np.dtype(bool)
_predicate = functools.partial(op, result=BOOL, differentiable=False)


@_predicate(tex="{0:>} = {1:>}", text="{0:>} == {1:>}", precedence=COMPARE, commutative=True)
def equal(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Elementwise test for equality, :math:`x = y`.

    Examples
    --------
    >>> pel.ivector("y") == 1
    y == 1
    """
    return xp.equal(x, y)


@_predicate(tex=r"{0:>} \ne {1:>}", text="{0:>} != {1:>}", precedence=COMPARE, commutative=True)
def not_equal(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Elementwise test for inequality, :math:`x \ne y`.

    Examples
    --------
    >>> pel.ivector("y") != 1
    y != 1
    """
    return xp.not_equal(x, y)


@_predicate(tex="{0:>} < {1:>}", text="{0:>} < {1:>}", precedence=COMPARE)
def less(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Elementwise comparison :math:`x < y`.

    Examples
    --------
    >>> pel.vector("x") < 0
    x < 0
    """
    return xp.less(x, y)


@_predicate(tex=r"{0:>} \le {1:>}", text="{0:>} <= {1:>}", precedence=COMPARE)
def less_equal(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Elementwise comparison :math:`x \le y`.

    Examples
    --------
    >>> pel.vector("x") <= 0
    x <= 0
    """
    return xp.less_equal(x, y)


@_predicate(tex="{0:>} > {1:>}", text="{0:>} > {1:>}", precedence=COMPARE)
def greater(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Elementwise comparison :math:`x > y`.

    Examples
    --------
    >>> pel.vector("x") > 0
    x > 0
    """
    return xp.greater(x, y)


@_predicate(tex=r"{0:>} \ge {1:>}", text="{0:>} >= {1:>}", precedence=COMPARE)
def greater_equal(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Elementwise comparison :math:`x \ge y`.

    Examples
    --------
    >>> pel.vector("x") >= 0
    x >= 0
    """
    return xp.greater_equal(x, y)


@_predicate(tex=r"{0:>} \wedge {1:>}", text="{0:>} & {1:>}", precedence=LOGIC, commutative=True)
def logical_and(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Elementwise logical AND, :math:`x \wedge y`. Nonzero numbers are true.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> (x > 0) & (x < 1)
    (x > 0) & (x < 1)
    """
    return xp.logical_and(x, y)


@_predicate(tex=r"{0:>} \vee {1:>}", text="{0:>} | {1:>}", precedence=LOGIC, commutative=True)
def logical_or(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Elementwise logical OR, :math:`x \vee y`. Nonzero numbers are true.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> (x < 0) | (x > 1)
    (x < 0) | (x > 1)
    """
    return xp.logical_or(x, y)


@_predicate(tex=r"\neg {0:^}", text="~{0:^}", precedence=LOGIC)
def logical_not(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Elementwise logical NOT, :math:`\neg x`. Nonzero numbers are true.

    Examples
    --------
    >>> ~(pel.vector("x") > 0)
    ~(x > 0)
    """
    return xp.logical_not(x)


@_predicate(tex=r"{0:>} \veebar {1:>}", text="{0:>} ^ {1:>}", precedence=LOGIC, commutative=True)
def logical_xor(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Elementwise logical XOR, :math:`(x \vee y) \wedge \neg (x \wedge y)`. Nonzero numbers are true.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> (x > 0) ^ (x > 1)
    (x > 0) ^ (x > 1)
    """
    return xp.logical_xor(x, y)


@_predicate(tex=r"\operatorname{{isnan}}({0:_})")
def isnan(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Elementwise test for NaN, :math:`x \ne x`.

    Examples
    --------
    >>> pel.function([], pel.isnan(1.0))()
    np.False_
    """
    return xp.isnan(x)


@_predicate(tex=r"\operatorname{{isfinite}}({0:_})")
def isfinite(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Elementwise test for finite numbers, :math:`|x| < \infty`; false for NaN.

    Examples
    --------
    >>> pel.function([], pel.isfinite(1.0))()
    np.True_
    """
    return xp.isfinite(x)


@_predicate(tex=r"\operatorname{{isinf}}({0:_})")
def isinf(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Elementwise test for infinity, :math:`|x| = \infty`.

    Examples
    --------
    >>> pel.function([], pel.isinf(1.0))()
    np.False_
    """
    return xp.isinf(x)


@register_function
def isclose(x: Operand, y: Operand, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Expr:
    r"""Elementwise test for equality within a tolerance, :math:`|x - y| \le a + r |y|`.

    Parameters
    ----------
    x, y : Expr, array or number
        Operands whose shapes broadcast. Equal infinities are close.
    rtol, atol : float
        Tolerance relative to ``y`` and absolute tolerance.
    equal_nan : bool
        Treat two NaNs as close.

    Returns
    -------
    Expr of bool
        Broadcast shape.

    Examples
    --------
    >>> pel.function([], pel.isclose([1.0, 2.0], [1.000001, 2.1]))()
    array([ True, False])
    """
    x, y = promote_operands((x, y), to_float=True)
    near = less_equal(call_op("abs", x - y), atol + rtol * call_op("abs", y))
    close = logical_or(logical_and(near, isfinite(y)), equal(x, y))
    return logical_or(close, logical_and(isnan(x), isnan(y))) if equal_nan else close


@register_function
def allclose(x: Operand, y: Operand, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Expr:
    r"""Test whether all elements are equal within a tolerance; see `isclose`.

    Parameters
    ----------
    x, y : Expr or array
        Shapes that broadcast.
    rtol : float
        Allowed difference relative to ``y``.
    atol : float
        Allowed absolute difference.
    equal_nan : bool
        Whether NaNs are equal.

    Examples
    --------
    >>> pel.function([], pel.allclose([1.0, 2.0], [1.000001, 2.1]))()
    np.False_
    """
    return all_(isclose(x, y, rtol, atol, equal_nan))


@register_function
def count_nonzero(x: Operand, axis: Axes = None, keepdims: bool = False) -> Expr:
    r"""Number of nonzero elements, as int64.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int, tuple of int or None
        Axes along which elements are counted; all by default.
    keepdims : bool
        Whether reduced axes stay, with length 1.

    Examples
    --------
    >>> pel.function([], pel.count_nonzero([1.0, 0.0, 2.0]))()
    np.int64(2)
    """
    x = as_expr(x)
    return call_op("sum", x if x.dtype == BOOL else not_equal(x, 0), axis=axis, keepdims=keepdims)


_boolean_reduction = functools.partial(
    op,
    tex_precedence=BIG,
    infer=lambda x, axis, keepdims: infer_reduced_type(x, axis, keepdims, bool),
    normalize=normalize_reduction,
    differentiable=False,
    examples=lambda rng: [((rng.random((2, 3)) > 0.5,), {}), ((rng.random((2, 3)) > 0.5,), {"axis": 1})],
    cost=cost_per_input(1),
)


@_boolean_reduction(name="any", text=method_text("any"), tex=big_operator_tex(r"\bigvee"))
def any_(xp: ArrayNamespace, x: NamespaceArray, axis: Axes = None, keepdims: bool = False) -> NamespaceArray:
    r"""Test whether any element along an axis is true, :math:`\bigvee_i x_i`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int, tuple of int or None
        Axes to reduce; all by default.
    keepdims : bool
        Whether reduced axes stay, with length 1.

    Examples
    --------
    >>> pel.any(pel.vector("x") > 0)
    (x > 0).any()
    """
    return xp.any(x, axis=axis, keepdims=keepdims)


@_boolean_reduction(name="all", text=method_text("all"), tex=big_operator_tex(r"\bigwedge"))
def all_(xp: ArrayNamespace, x: NamespaceArray, axis: Axes = None, keepdims: bool = False) -> NamespaceArray:
    r"""Test whether all elements along an axis are true, :math:`\bigwedge_i x_i`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int, tuple of int or None
        Axes to reduce; all by default.
    keepdims : bool
        Whether reduced axes stay, with length 1.

    Examples
    --------
    >>> pel.all(pel.vector("x") > 0)
    (x > 0).all()
    """
    return xp.all(x, axis=axis, keepdims=keepdims)


_bitwise = functools.partial(op, precedence=LOGIC, differentiable=False)


@_bitwise(tex=r"{0:>} \mathbin{{\&}} {1:>}", text="{0:>} & {1:>}", accepts="biu", commutative=True)
def bitwise_and(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Elementwise bitwise AND, :math:`x \mathbin{\&} y`. For booleans this is the logical AND.

    Parameters
    ----------
    x, y : Expr, array or number
        Integers or booleans whose shapes broadcast.

    Returns
    -------
    Expr
        Broadcast shape and common dtype.

    Raises
    ------
    DtypeError
        If an operand is floating-point.

    Examples
    --------
    >>> pel.function([], pel.bitwise_and(np.array([6, 5]), 3))()
    array([2, 1])
    """
    return xp.bitwise_and(x, y)


@_bitwise(tex=r"{0:>} \mathbin{{|}} {1:>}", text="{0:>} | {1:>}", accepts="biu", commutative=True)
def bitwise_or(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Elementwise bitwise OR, :math:`x \mid y`. For booleans this is the logical OR.

    Examples
    --------
    >>> pel.function([], pel.bitwise_or(np.array([6, 5]), 3))()
    array([7, 7])
    """
    return xp.bitwise_or(x, y)


@_bitwise(tex=r"{0:>} \oplus {1:>}", text="{0:>} ^ {1:>}", accepts="biu", commutative=True)
def bitwise_xor(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Elementwise bitwise exclusive OR, :math:`x \oplus y`. For booleans this is the logical XOR.

    Examples
    --------
    >>> pel.function([], pel.bitwise_xor(np.array([6, 5]), 3))()
    array([5, 6])
    """
    return xp.bitwise_xor(x, y)


@alias("bitwise_not", "bitwise_invert")
@_bitwise(tex=r"{{\sim}}{0:^}", text="~{0:^}", accepts="biu")
def invert(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Elementwise bitwise NOT, :math:`-x - 1` for signed integers. For booleans this is the logical NOT.

    Examples
    --------
    >>> pel.function([], pel.invert(np.array([0, 5])))()
    array([-1, -6])
    """
    return xp.invert(x)


@alias("bitwise_left_shift")
@_bitwise(tex=r"{0:>} \ll {1:>}", text="{0:>} << {1:>}", accepts="iu")
def left_shift(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Elementwise left shift of the bits of ``x`` by ``y`` places, :math:`x \, 2^y` unless it overflows.

    Booleans raise `DtypeError`.

    Examples
    --------
    >>> pel.ivector("i") << 2
    i << 2
    """
    return xp.left_shift(x, y)


@alias("bitwise_right_shift")
@_bitwise(tex=r"{0:>} \gg {1:>}", text="{0:>} >> {1:>}", accepts="iu")
def right_shift(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Elementwise right shift of the bits of ``x`` by ``y`` places, :math:`\lfloor x / 2^y \rfloor`.

    Booleans raise `DtypeError`.

    Examples
    --------
    >>> pel.ivector("i") >> 2
    i >> 2
    """
    return xp.right_shift(x, y)
