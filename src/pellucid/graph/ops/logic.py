"""Comparisons and logic, of elements and of all along an axis: boolean results without a gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.expr import as_expr, promote
from pellucid.graph.op import op, public
from pellucid.graph.operators import call
from pellucid.graph.ops.op_printing import method, over
from pellucid.graph.ops.reductions import canonical, per_input, reduced
from pellucid.graph.printing import BIG, COMPARE, LOGIC

BOOL = np.dtype(bool)


@op(tex="{0:>} = {1:>}", text="{0:>} == {1:>}", precedence=COMPARE, result=BOOL, differentiable=False, commutative=True)
def equal(xp: Any, x: Any, y: Any) -> Any:
    r"""Whether every pair of elements is equal, :math:`x = y`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.ivector("y") == 1
    y == 1
    """
    return xp.equal(x, y)


@op(
    tex=r"{0:>} \ne {1:>}",
    text="{0:>} != {1:>}",
    precedence=COMPARE,
    result=BOOL,
    differentiable=False,
    commutative=True,
)
def not_equal(xp: Any, x: Any, y: Any) -> Any:
    r"""Whether every pair of elements differs, :math:`x \ne y`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.ivector("y") != 1
    y != 1
    """
    return xp.not_equal(x, y)


@op(tex="{0:>} < {1:>}", text="{0:>} < {1:>}", precedence=COMPARE, result=BOOL, differentiable=False)
def less(xp: Any, x: Any, y: Any) -> Any:
    r"""Whether the first of every pair is less, :math:`x < y`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.vector("x") < 0
    x < 0
    """
    return xp.less(x, y)


@op(tex=r"{0:>} \le {1:>}", text="{0:>} <= {1:>}", precedence=COMPARE, result=BOOL, differentiable=False)
def less_equal(xp: Any, x: Any, y: Any) -> Any:
    r"""Whether the first of every pair is not greater, :math:`x \le y`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.vector("x") <= 0
    x <= 0
    """
    return xp.less_equal(x, y)


@op(tex="{0:>} > {1:>}", text="{0:>} > {1:>}", precedence=COMPARE, result=BOOL, differentiable=False)
def greater(xp: Any, x: Any, y: Any) -> Any:
    r"""Whether the first of every pair is greater, :math:`x > y`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.vector("x") > 0
    x > 0
    """
    return xp.greater(x, y)


@op(tex=r"{0:>} \ge {1:>}", text="{0:>} >= {1:>}", precedence=COMPARE, result=BOOL, differentiable=False)
def greater_equal(xp: Any, x: Any, y: Any) -> Any:
    r"""Whether the first of every pair is not less, :math:`x \ge y`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.vector("x") >= 0
    x >= 0
    """
    return xp.greater_equal(x, y)


@op(
    tex=r"{0:>} \wedge {1:>}",
    text="{0:>} & {1:>}",
    precedence=LOGIC,
    result=BOOL,
    differentiable=False,
    commutative=True,
)
def logical_and(xp: Any, x: Any, y: Any) -> Any:
    r"""Whether both of every pair hold, :math:`x \wedge y`; a number holds if it is not 0.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x")
    >>> (x > 0) & (x < 1)
    (x > 0) & (x < 1)
    """
    return xp.logical_and(x, y)


@op(
    tex=r"{0:>} \vee {1:>}", text="{0:>} | {1:>}", precedence=LOGIC, result=BOOL, differentiable=False, commutative=True
)
def logical_or(xp: Any, x: Any, y: Any) -> Any:
    r"""Whether either of every pair holds, :math:`x \vee y`; a number holds if it is not 0.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x")
    >>> (x < 0) | (x > 1)
    (x < 0) | (x > 1)
    """
    return xp.logical_or(x, y)


@op(tex=r"\neg {0:^}", text="~{0:^}", precedence=LOGIC, result=BOOL, differentiable=False)
def logical_not(xp: Any, x: Any) -> Any:
    r"""Whether an element does not hold, :math:`\neg x`; a number holds if it is not 0.

    Examples
    --------
    >>> import pellucid as pel
    >>> ~(pel.vector("x") > 0)
    ~(x > 0)
    """
    return xp.logical_not(x)


@op(
    tex=r"{0:>} \veebar {1:>}",
    text="{0:>} ^ {1:>}",
    precedence=LOGIC,
    result=BOOL,
    differentiable=False,
    commutative=True,
)
def logical_xor(xp: Any, x: Any, y: Any) -> Any:
    r"""Whether one alone of every pair holds, :math:`(x \vee y) \wedge \neg (x \wedge y)`; a number does if not 0.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x")
    >>> (x > 0) ^ (x > 1)
    (x > 0) ^ (x > 1)
    """
    return xp.logical_xor(x, y)


@op(tex=r"\operatorname{{isnan}}({0:_})", result=BOOL, differentiable=False)
def isnan(xp: Any, x: Any) -> Any:
    r"""Whether an element is not a number, which alone is unlike itself, :math:`x \ne x`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.isnan(1.0))()
    np.False_
    """
    return xp.isnan(x)


@op(tex=r"\operatorname{{isfinite}}({0:_})", result=BOOL, differentiable=False)
def isfinite(xp: Any, x: Any) -> Any:
    r"""Whether an element is a number, and not infinite, :math:`|x| < \infty`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.isfinite(1.0))()
    np.True_
    """
    return xp.isfinite(x)


@op(tex=r"\operatorname{{isinf}}({0:_})", result=BOOL, differentiable=False)
def isinf(xp: Any, x: Any) -> Any:
    r"""Whether an element is infinite, :math:`|x| = \infty`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.isinf(1.0))()
    np.False_
    """
    return xp.isinf(x)


@public
def isclose(x: Any, y: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    r"""Whether every pair of elements is equal within a tolerance, :math:`|x - y| \le a + r |y|`.

    Parameters
    ----------
    x, y : Expr, array or number
        Of shapes that broadcast. Equal infinities are close.
    rtol, atol : float
        The tolerance relative to the second, and the absolute one.
    equal_nan : bool
        Whether two that are not numbers are close.

    Returns
    -------
    Expr
        Booleans of the broadcast shape.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.isclose([1.0, 2.0], [1.000001, 2.1]))()
    array([ True, False])
    """
    x, y = promote((x, y), to_float=True)
    near = less_equal(call("abs", x - y), atol + rtol * call("abs", y))
    close = logical_or(logical_and(near, isfinite(y)), equal(x, y))
    return logical_or(close, logical_and(isnan(x), isnan(y))) if equal_nan else close


@public
def allclose(x: Any, y: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    r"""Whether all pairs of elements are equal within a tolerance; see `isclose`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.allclose([1.0, 2.0], [1.000001, 2.1]))()
    np.False_
    """
    return all_(isclose(x, y, rtol, atol, equal_nan))


@public
def count_nonzero(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    r"""The number of elements that are not 0, as int64.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.count_nonzero([1.0, 0.0, 2.0]))()
    np.int64(2)
    """
    x = as_expr(x)
    return call("sum", x if x.dtype == BOOL else not_equal(x, 0), axis=axis, keepdims=keepdims)


@op(
    name="any",
    text=method("any"),
    tex=over(r"\bigvee"),
    tex_precedence=BIG,
    infer=lambda x, axis, keepdims: reduced(x, axis, keepdims, bool),
    normalize=canonical,
    differentiable=False,
    examples=lambda rng: [((rng.random((2, 3)) > 0.5,), {}), ((rng.random((2, 3)) > 0.5,), {"axis": 1})],
    cost=per_input(1),
)
def any_(xp: Any, x: Any, axis: Any = None, keepdims: Any = False) -> Any:
    r"""Whether some element holds, :math:`\bigvee_i x_i`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.any(pel.vector("x") > 0)
    (x > 0).any()
    """
    return xp.any(x, axis=axis, keepdims=keepdims)


@op(
    name="all",
    text=method("all"),
    tex=over(r"\bigwedge"),
    tex_precedence=BIG,
    infer=lambda x, axis, keepdims: reduced(x, axis, keepdims, bool),
    normalize=canonical,
    differentiable=False,
    examples=lambda rng: [((rng.random((2, 3)) > 0.5,), {}), ((rng.random((2, 3)) > 0.5,), {"axis": 1})],
    cost=per_input(1),
)
def all_(xp: Any, x: Any, axis: Any = None, keepdims: Any = False) -> Any:
    r"""Whether every element holds, :math:`\bigwedge_i x_i`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.all(pel.vector("x") > 0)
    (x > 0).all()
    """
    return xp.all(x, axis=axis, keepdims=keepdims)
