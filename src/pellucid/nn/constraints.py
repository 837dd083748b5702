"""Constraints: functions that optimizers apply to new parameter values, with Keras 3's names."""

from __future__ import annotations

from collections.abc import Callable

from pellucid.graph.errors import OptionError, suggest_near_misses
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.ops.elementwise import clip, maximum, minimum
from pellucid.graph.ops.norms import divide_no_nan, vector_norm
from pellucid.nn.did_you_mean import StrictArguments
from pellucid.nn.registry import get_by_name

__all__ = ["Constraint", "ConstraintFunction", "MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm", "get"]

Axis = int | tuple[int, ...]
ConstraintFunction = Callable[[Expr], Expr]
"""Function from a new value of a parameter to an allowed one, as an expression.

Examples
--------
>>> def at_most_one(w: pel.Expr) -> pel.Expr:
...     return pel.minimum(w, 1)
>>> layer = pel.nn.Dense(3, kernel_constraint=at_most_one)
"""


class Constraint(StrictArguments):
    """Base class: a function from a new parameter value to an allowed one. A subclass implements ``__call__``.

    Examples
    --------
    >>> class AtMostOne(Constraint):
    ...     def __call__(self, w):
    ...         return pel.minimum(w, 1)
    >>> AtMostOne()(pel.vector("w"))
    minimum(w, 1)
    """

    def __call__(self, w: Expr) -> Expr:
        raise NotImplementedError(f"{type(self).__name__} does not implement __call__(w)")


class NonNeg(Constraint):
    r"""Non-negative elements, :math:`\max(w, 0)`.

    Examples
    --------
    >>> NonNeg()(pel.vector("w"))
    maximum(w, 0)
    """

    def __call__(self, w: Expr) -> Expr:
        result: Expr = maximum(w, 0)
        return result


class UnitNorm(Constraint):
    r"""Vectors of norm 1, :math:`w / \left\| w \right\|_2`; zero vectors stay zero.

    Parameters
    ----------
    axis : int or tuple of int
        Axes of each vector: 0 for the weights into a unit of Dense, ``(0, 1, 2)`` for the kernels of Conv2D.

    Examples
    --------
    >>> pel.function([], UnitNorm()(pel.constant([[3.0], [4.0]])))()
    array([[0.6],
           [0.8]], dtype=float32)
    """

    def __init__(self, axis: Axis = 0) -> None:
        self.axis = axis

    def __call__(self, w: Expr) -> Expr:
        result: Expr = divide_no_nan(w, compute_norms(w, self.axis))
        return result


class MinMaxNorm(Constraint):
    r"""Vectors with norms in a range, :math:`w \, (r \, \operatorname{clip}(n, a, b) + (1 - r) \, n) / n` with
    :math:`n = \left\| w \right\|_2`.

    Parameters
    ----------
    min_value, max_value : float
        :math:`a` and :math:`b`.
    rate : float
        :math:`r`, fraction of the way to the range per update, in (0, 1].
    axis : int or tuple of int
        Axes of each vector; see `UnitNorm`.

    Raises
    ------
    ValueError
        If the range is empty or the rate is outside (0, 1].

    Examples
    --------
    >>> pel.function([], MinMaxNorm(1.0, 2.0)(pel.constant([[0.5, 4.0, 1.5]])))()
    array([[1. , 2. , 1.5]], dtype=float32)
    """

    max_value: float
    min_value: float
    rate: float

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Axis = 0) -> None:
        if not 0 <= min_value <= max_value or not max_value > 0:
            raise OptionError(
                "Expected 0 <= min_value <= max_value and max_value > 0. "
                f"Received: min_value={min_value!r}, max_value={max_value!r}"
            )
        if not 0 < rate <= 1:
            raise OptionError(f"Expected rate in (0, 1]. Received: rate={rate!r}")
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w: Expr) -> Expr:
        norm = compute_norms(w, self.axis)
        target = clip(norm, self.min_value, self.max_value)
        if self.rate != 1:
            target = self.rate * target + (1 - self.rate) * norm
        result: Expr = w * divide_no_nan(target, norm)
        return result


class MaxNorm(Constraint):
    r"""Vectors with norms up to a maximum, :math:`w \min(n, c) / n` with :math:`n = \left\| w \right\|_2`.

    Parameters
    ----------
    max_value : float
        :math:`c`.
    axis : int or tuple of int
        Axes of each vector; see `UnitNorm`.

    Raises
    ------
    ValueError
        If ``max_value`` is not positive.

    Examples
    --------
    >>> pel.function([], MaxNorm(2.0)(pel.constant([[0.5, 4.0]])))()
    array([[0.5, 2. ]], dtype=float32)

    References
    ----------
    N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever and R. Salakhutdinov, Dropout: A Simple Way to Prevent Neural
    Networks from Overfitting, JMLR 2014.
    """

    max_value: float

    def __init__(self, max_value: float = 2, axis: Axis = 0) -> None:
        if not max_value > 0:
            raise OptionError(f"Expected max_value > 0. Received: max_value={max_value!r}")
        self.max_value, self.axis = max_value, axis

    def __call__(self, w: Expr) -> Expr:
        norm = compute_norms(w, self.axis)
        result: Expr = w * divide_no_nan(minimum(norm, self.max_value), norm)
        return result


def compute_norms(w: Expr, axis: Axis) -> Expr:
    result: Expr = vector_norm(as_expr(w), axis=axis, keepdims=True)
    return result


NAMED: dict[str, type[Constraint]] = {
    "max_norm": MaxNorm,
    "min_max_norm": MinMaxNorm,
    "non_neg": NonNeg,
    "unit_norm": UnitNorm,
}


def get(identifier: str | ConstraintFunction | None) -> ConstraintFunction | None:
    """Return a constraint by name, with default settings, or the given function; None for None.

    Parameters
    ----------
    identifier : str, function or None
        A name or a function of the new value.

    Raises
    ------
    ValueError
        If the name is unknown; the message suggests the nearest one.

    Examples
    --------
    >>> get("max_norm")
    MaxNorm(max_value=2, axis=0)
    """
    found: ConstraintFunction | None = None if identifier is None else get_by_name("constraint", identifier, NAMED)
    return found


suggest_near_misses(globals(), "nn.constraints")
