r"""Variants of the sigmoid and the hyperbolic tangent."""

from __future__ import annotations

from pellucid.graph.expr import Expr, Operand, as_expr
from pellucid.graph.ops.activations import softplus
from pellucid.graph.ops.elementwise import clip
from pellucid.graph.ops.hyperbolic import tanh

__all__ = ["hard_sigmoid", "hard_silu", "hard_tanh", "log_sigmoid", "scaled_tanh", "sparse_sigmoid", "tanh_shrink"]


def hard_sigmoid(x: Operand) -> Expr:
    r"""Hard sigmoid, piecewise linear: :math:`\min(\max(x / 6 + 1 / 2, 0), 1)`.

    Parameters
    ----------
    x : Expr or array
        Any shape.

    Examples
    --------
    >>> pel.function([], hard_sigmoid(pel.constant([-4.0, 1.5, 4.0])))()
    array([0.  , 0.75, 1.  ], dtype=float32)
    """
    result: Expr = clip(as_expr(x) / 6 + 0.5, 0, 1)
    return result


def hard_silu(x: Operand) -> Expr:
    r"""Hard SiLU (hard swish), :math:`x \min(\max(x / 6 + 1 / 2, 0), 1)`.

    Parameters
    ----------
    x : Expr or array
        Any shape.

    Examples
    --------
    >>> pel.function([], hard_silu(pel.constant([-4.0, 1.5, 4.0])))()
    array([-0.   ,  1.125,  4.   ], dtype=float32)

    References
    ----------
    A. Howard et al., Searching for MobileNetV3, ICCV 2019.
    """
    return as_expr(x) * hard_sigmoid(x)


def hard_tanh(x: Operand) -> Expr:
    r"""Hard hyperbolic tangent, :math:`\min(\max(x, -1), 1)`.

    Parameters
    ----------
    x : Expr or array
        Any shape.

    Examples
    --------
    >>> pel.function([], hard_tanh(pel.constant([-4.0, 0.5, 4.0])))()
    array([-1. ,  0.5,  1. ], dtype=float32)
    """
    result: Expr = clip(x, -1, 1)
    return result


def sparse_sigmoid(x: Operand) -> Expr:
    r"""Sparse sigmoid, the derivative of `sparse_plus`: :math:`\frac{1}{2} (\min(\max(x, -1), 1) + 1)`.

    Parameters
    ----------
    x : Expr or array
        Any shape.

    Examples
    --------
    >>> pel.function([], sparse_sigmoid(pel.constant([-2.0, 0.5, 3.0])))()
    array([0.  , 0.75, 1.  ], dtype=float32)
    """
    result: Expr = 0.5 * (clip(x, -1, 1) + 1)
    return result


def log_sigmoid(x: Operand) -> Expr:
    r"""Logarithm of the sigmoid, :math:`\log \sigma(x) = -\log(1 + e^{-x})`.

    Parameters
    ----------
    x : Expr or array
        Any shape.

    Examples
    --------
    >>> log_sigmoid(pel.vector("x"))
    -softplus(-x)
    """
    result: Expr = -softplus(-as_expr(x))
    return result


def tanh_shrink(x: Operand) -> Expr:
    r"""Tanh shrinkage, :math:`x - \tanh x`.

    Parameters
    ----------
    x : Expr or array
        Any shape.

    Examples
    --------
    >>> tanh_shrink(pel.vector("x"))
    x - tanh(x)
    """
    result: Expr = x - tanh(x)
    return result


def scaled_tanh(x: Operand, scale_in: float = 2 / 3, scale_out: float = 1.7159) -> Expr:
    r"""Scaled hyperbolic tangent, :math:`b \tanh(a x)`. The defaults give about 1 at 1.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    scale_in, scale_out : float
        :math:`a` and :math:`b`. The defaults are LeCun's; Lasagne's are 1.

    Returns
    -------
    Expr
        Same shape as ``x``.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.function([x], scaled_tanh(x))([-1.0, 0.0, 1.0]).round(3)
    array([-1.,  0.,  1.], dtype=float32)

    References
    ----------
    Y. LeCun, L. Bottou, G. B. Orr and K.-R. Müller, Efficient BackProp, 1998.
    """
    result: Expr = scale_out * tanh(scale_in * as_expr(x))
    return result
