r"""Constraints: what a parameter may become. An optimizer puts one on the new value before it is kept.

Each is a function from an expression to the nearest one that is allowed, of the same shape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.graph.errors import OptionError, tell_near_misses
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.ops.minmax_where import clip, maximum, minimum
from pellucid.graph.ops.norms import divide_no_nan, vector_norm
from pellucid.nn.did_you_mean import Spelt
from pellucid.nn.registry import look_up

__all__ = [
    "NAMED",
    "Constraint",
    "ConstraintFunction",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "get",
]

Axis = int | tuple[int, ...]
ConstraintFunction = Callable[[Any], Any]


class Constraint(Spelt):
    """What is called with a new value and returns the one that is allowed."""

    def __call__(self, w: Any) -> Expr:
        """Return the value that is allowed in the place of this one, of the same shape."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it allows")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"


class NonNeg(Constraint):
    r"""No element below 0: :math:`\max(w, 0)`.

    Examples
    --------
    >>> NonNeg()(pel.vector("w"))
    maximum(w, 0)
    """

    def __call__(self, w: Any) -> Expr:
        """Return the value without what is negative."""
        result: Expr = maximum(w, 0)
        return result


class UnitNorm(Constraint):
    r"""Vectors of length 1: :math:`w / \left\| w \right\|_2`; zeros stay zeros.

    Parameters
    ----------
    axis : int or tuple of int
        Along which the vectors lie: 0 for those that enter a unit of a Dense, ``(0, 1, 2)`` for the kernels of a
        two-dimensional convolution.

    Examples
    --------
    >>> pel.function([], UnitNorm()(pel.constant([[3.0], [4.0]])))()
    array([[0.6],
           [0.8]], dtype=float32)
    """

    def __init__(self, axis: Axis = 0) -> None:
        self.axis = axis

    def __call__(self, w: Any) -> Expr:
        """Return the value with its vectors brought to length 1."""
        result: Expr = divide_no_nan(w, lengths(w, self.axis))
        return result


class MinMaxNorm(Constraint):
    r"""Vectors of a length in a range: :math:`w \, (r \, \operatorname{clip}(n, a, b) + (1 - r) \, n) / n` with
    :math:`n = \left\| w \right\|_2`.

    Parameters
    ----------
    min_value, max_value : float
        :math:`a` and :math:`b`.
    rate : float
        :math:`r`, how much of the way to the range is gone at each update, above 0 and at most 1.
    axis : int or tuple of int
        Along which the vectors lie; see `UnitNorm`.

    Raises
    ------
    ValueError
        If there is no such range.

    Examples
    --------
    >>> pel.function([], MinMaxNorm(1.0, 2.0)(pel.constant([[0.5, 4.0, 1.5]])))()
    array([[1. , 2. , 1.5]], dtype=float32)
    """

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Axis = 0) -> None:
        if not 0 <= min_value <= max_value or not max_value > 0:
            raise OptionError(
                "Expected lengths 0 <= min_value <= max_value, and max_value above 0. "
                f"Received: min_value={min_value!r}, max_value={max_value!r}"
            )
        if not 0 < rate <= 1:
            raise OptionError(f"Expected a rate above 0 and at most 1. Received: rate={rate!r}")
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w: Any) -> Expr:
        """Return the value with its vectors brought nearer to the range."""
        length = lengths(w, self.axis)
        wanted = clip(length, self.min_value, self.max_value)
        if self.rate != 1:
            wanted = self.rate * wanted + (1 - self.rate) * length
        result: Expr = w * divide_no_nan(wanted, length)
        return result


class MaxNorm(Constraint):
    r"""Vectors of a length up to a greatest one: :math:`w \min(n, c) / n` with :math:`n = \left\| w \right\|_2`.

    Parameters
    ----------
    max_value : float
        :math:`c`.
    axis : int or tuple of int
        Along which the vectors lie; see `UnitNorm`.

    Raises
    ------
    ValueError
        If the length is not above 0.

    Examples
    --------
    >>> pel.function([], MaxNorm(2.0)(pel.constant([[0.5, 4.0]])))()
    array([[0.5, 2. ]], dtype=float32)

    References
    ----------
    N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever and R. Salakhutdinov, Dropout: A Simple Way to Prevent Neural
    Networks from Overfitting, JMLR 2014.
    """

    def __init__(self, max_value: float = 2, axis: Axis = 0) -> None:
        if not max_value > 0:
            raise OptionError(f"Expected a max_value above 0. Received: max_value={max_value!r}")
        self.max_value, self.axis = max_value, axis

    def __call__(self, w: Any) -> Expr:
        """Return the value with its longest vectors shortened."""
        length = lengths(w, self.axis)
        result: Expr = w * divide_no_nan(minimum(length, self.max_value), length)
        return result


def lengths(w: Any, axis: Axis) -> Any:
    """Return the lengths of the vectors along some axes, in a shape that broadcasts against them."""
    return vector_norm(as_expr(w), axis=axis, keepdims=True)


NAMED: dict[str, type[Constraint]] = {
    "max_norm": MaxNorm,
    "min_max_norm": MinMaxNorm,
    "non_neg": NonNeg,
    "unit_norm": UnitNorm,
}


def get(identifier: str | ConstraintFunction | None) -> ConstraintFunction | None:
    """Return the constraint of a name, with its defaults; None for none.

    Parameters
    ----------
    identifier : str, function or None
        A name, or a function from a new value to the one that is allowed.

    Raises
    ------
    ValueError
        For an unknown name; the nearest is named.

    Examples
    --------
    >>> get("max_norm")
    MaxNorm(max_value=2, axis=0)
    """
    if identifier is None:
        return None
    found = look_up("constraint", identifier, NAMED)
    return found() if isinstance(found, type) else found


tell_near_misses(globals(), "nn.constraints")
