r"""Piecewise linear activations: ReLU, thresholds and shrinkage."""

from __future__ import annotations

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr, Operand, as_expr
from pellucid.graph.ops import activations as ops
from pellucid.graph.ops.activations import leaky_relu
from pellucid.graph.ops.elementwise import absolute, clip, minimum
from pellucid.graph.ops.signs import sign
from pellucid.graph.ops.where import where

__all__ = ["hard_shrink", "relu", "relu6", "soft_shrink", "threshold"]


def relu(x: Operand, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Expr:
    r"""Rectified linear unit, :math:`\max(x, 0)`; more generally :math:`c` where :math:`x \ge c`, :math:`x` between
    :math:`\theta` and :math:`c`, and :math:`a (x - \theta)` below.

    Parameters
    ----------
    x : Expr
        Any shape.
    negative_slope : float
        :math:`a`, at least 0.
    max_value : float, optional
        :math:`c`, at least 0. By default unbounded.
    threshold : float
        :math:`\theta`, at least 0.

    Raises
    ------
    ValueError
        If an argument is negative.

    Examples
    --------
    >>> relu(pel.vector("x"))
    relu(x)
    >>> pel.function([], relu(pel.constant([-2.0, 0.5, 3.0, 9.0]), 0.1, 6.0, 1.0))()
    array([-0.3 , -0.05,  3.  ,  6.  ], dtype=float32)

    References
    ----------
    V. Nair and G. E. Hinton, Rectified Linear Units Improve Restricted Boltzmann Machines, ICML 2010.
    """
    for name, value in (("negative_slope", negative_slope), ("max_value", max_value), ("threshold", threshold)):
        if value is not None and not value >= 0:
            raise OptionError(f"relu: expected {name} >= 0. Received: {name}={value!r}")
    x = as_expr(x)
    if threshold:
        above: Expr = where(x > threshold, x, 0)
        above = above if max_value is None else minimum(above, max_value)
        return above - negative_slope * ops.relu(threshold - x) if negative_slope else above
    rectified: Expr
    if negative_slope and max_value is None:
        rectified = leaky_relu(x, negative_slope=negative_slope)
    elif negative_slope:
        rectified = minimum(leaky_relu(x, negative_slope=negative_slope), max_value)
    else:
        rectified = ops.relu(x) if max_value is None else clip(x, 0, max_value)
    return rectified


def relu6(x: Operand) -> Expr:
    r"""ReLU bounded by 6, :math:`\min(\max(x, 0), 6)`.

    Parameters
    ----------
    x : Expr or array
        Any shape.

    Examples
    --------
    >>> pel.function([], relu6(pel.constant([-1.0, 2.0, 7.0])))()
    array([0., 2., 6.], dtype=float32)

    References
    ----------
    A. Krizhevsky, Convolutional Deep Belief Networks on CIFAR-10, 2010.
    """
    return relu(x, max_value=6.0)


def threshold(x: Operand, threshold: float, default_value: float) -> Expr:
    r"""Threshold, :math:`x` where :math:`x > \theta` and the default value :math:`v` elsewhere.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    threshold : float
        :math:`\theta`.
    default_value : float
        :math:`v`.

    Examples
    --------
    >>> pel.function([], threshold(pel.constant([-1.0, 0.5, 2.0]), 1.0, 0.0))()
    array([0., 0., 2.], dtype=float32)
    """
    result: Expr = where(as_expr(x) > threshold, x, default_value)
    return result


def hard_shrink(x: Operand, threshold: float = 0.5) -> Expr:
    r"""Hard shrinkage, :math:`x` where :math:`|x| > \theta` and 0 elsewhere.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    threshold : float
        :math:`\theta`.

    Examples
    --------
    >>> pel.function([], hard_shrink(pel.constant([-0.75, 0.25, 2.0])))()
    array([-0.75,  0.  ,  2.  ], dtype=float32)
    """
    result: Expr = where(absolute(x) > threshold, x, 0)
    return result


def soft_shrink(x: Operand, threshold: float = 0.5) -> Expr:
    r"""Soft shrinkage, :math:`\operatorname{sign}(x) \max(|x| - \theta, 0)`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    threshold : float
        :math:`\theta`.

    Examples
    --------
    >>> pel.function([], soft_shrink(pel.constant([-0.75, 0.25, 2.0])))()
    array([-0.25,  0.  ,  1.5 ], dtype=float32)
    """
    result: Expr = sign(x) * ops.relu(absolute(x) - threshold)
    return result
