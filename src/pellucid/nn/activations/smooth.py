r"""Smooth rectifiers: ELU, SELU, GELU, SiLU, Mish and others."""

from __future__ import annotations

import math

from pellucid.graph.expr import Expr, Operand, as_expr
from pellucid.graph.ops.activations import relu, sigmoid, softplus
from pellucid.graph.ops.elementwise import clip, minimum, sqrt, square
from pellucid.graph.ops.exponentials import expm1
from pellucid.graph.ops.hyperbolic import tanh
from pellucid.graph.ops.special import erfc
from pellucid.graph.ops.where import where

__all__ = ["celu", "elu", "gelu", "mish", "selu", "silu", "sparse_plus", "squareplus"]

SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805
"""Constants of SELU, for which mean 0 and variance 1 are a fixed point."""


def elu(x: Operand, alpha: float = 1.0) -> Expr:
    r"""Exponential linear unit, :math:`\max(x, 0) + \alpha \, (e^{\min(x, 0)} - 1)`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    alpha : float
        :math:`\alpha`: the function tends to :math:`-\alpha` below.

    Examples
    --------
    >>> elu(pel.vector("x"))
    relu(x) + expm1(minimum(x, 0))

    References
    ----------
    D.-A. Clevert, T. Unterthiner and S. Hochreiter, Fast and Accurate Deep Network Learning by Exponential Linear
    Units, ICLR 2016.
    """
    negative = expm1(minimum(x, 0))
    result: Expr = relu(x) + (negative if alpha == 1 else alpha * negative)
    return result


def celu(x: Operand, alpha: float = 1.0) -> Expr:
    r"""Continuously differentiable ELU, :math:`\max(x, 0) + \alpha \, (e^{\min(x, 0) / \alpha} - 1)`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    alpha : float
        :math:`\alpha`: the function tends to :math:`-\alpha` below.

    Examples
    --------
    >>> celu(pel.vector("x"), alpha=2.0)
    relu(x) + 2 * expm1(minimum(x, 0) / 2)

    References
    ----------
    J. T. Barron, Continuously Differentiable Exponential Linear Units, arXiv:1704.07483.
    """
    result: Expr = relu(x) + alpha * expm1(minimum(x, 0) / alpha)
    return result


def selu(x: Operand) -> Expr:
    r"""Scaled exponential linear unit, which keeps mean 0 and variance 1 across layers,
    :math:`\lambda \operatorname{elu}(x)` with :math:`\alpha = 1.673` and :math:`\lambda = 1.051`.

    Parameters
    ----------
    x : Expr or array
        Any shape.

    Examples
    --------
    >>> print(pel.function([], selu(pel.constant(1.0)))())
    1.050701

    References
    ----------
    G. Klambauer, T. Unterthiner, A. Mayr and S. Hochreiter, Self-Normalizing Neural Networks, NeurIPS 2017.
    """
    return SELU_SCALE * elu(x, alpha=SELU_ALPHA)


def gelu(x: Operand, approximate: bool = False) -> Expr:
    r"""Gaussian error linear unit, :math:`x \, \Phi(x) = \frac{x}{2} \operatorname{erfc}(-x / \sqrt{2})`.

    Parameters
    ----------
    x : Expr
        Any shape.
    approximate : bool
        Whether to approximate :math:`\Phi(x)` by
        :math:`\frac{1}{2} (1 + \tanh(\sqrt{2 / \pi} \, (x + 0.044715 \, x^3)))`.

    Examples
    --------
    >>> print(pel.function([], gelu(pel.constant(1.0)))())
    0.8413447

    References
    ----------
    D. Hendrycks and K. Gimpel, Gaussian Error Linear Units, arXiv:1606.08415.
    """
    x = as_expr(x)
    if approximate:
        twice_phi: Expr = 1 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
    else:
        twice_phi = erfc(-x / math.sqrt(2))
    result: Expr = 0.5 * x * twice_phi
    return result


def silu(x: Operand) -> Expr:
    r"""Sigmoid linear unit (swish), :math:`x \, \sigma(x)`.

    Parameters
    ----------
    x : Expr or array
        Any shape.

    Examples
    --------
    >>> silu(pel.vector("x"))
    x * sigmoid(x)

    References
    ----------
    P. Ramachandran, B. Zoph and Q. V. Le, Searching for Activation Functions, arXiv:1710.05941.
    """
    return as_expr(x) * sigmoid(x)


def mish(x: Operand) -> Expr:
    r"""Mish, :math:`x \tanh(\operatorname{softplus}(x))`.

    Parameters
    ----------
    x : Expr or array
        Any shape.

    Examples
    --------
    >>> mish(pel.vector("x"))
    x * tanh(softplus(x))

    References
    ----------
    D. Misra, Mish: A Self Regularized Non-Monotonic Activation Function, BMVC 2020.
    """
    return as_expr(x) * tanh(softplus(x))


def squareplus(x: Operand, b: float = 4) -> Expr:
    r"""Squareplus, a smooth ReLU without exponentials: :math:`\frac{1}{2} (x + \sqrt{x^2 + b})`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    b : float
        :math:`b`, the width of the curved part.

    Examples
    --------
    >>> squareplus(pel.vector("x"))
    0.5 * (x + sqrt(x ** 2 + 4))

    References
    ----------
    J. T. Barron, Squareplus: A Softplus-Like Algebraic Rectifier, arXiv:2112.11687.
    """
    result: Expr = 0.5 * (x + sqrt(square(x) + b))
    return result


def sparse_plus(x: Operand) -> Expr:
    r"""Sparse plus: 0 for :math:`x \le -1`, :math:`\frac{1}{4} (x + 1)^2` up to 1, and :math:`x` above.

    Parameters
    ----------
    x : Expr or array
        Any shape.

    Examples
    --------
    >>> pel.function([], sparse_plus(pel.constant([-2.0, 0.0, 3.0])))()
    array([0.  , 0.25, 3.  ], dtype=float32)
    """
    result: Expr = where(as_expr(x) >= 1, x, square(clip(x, -1, 1) + 1) / 4)
    return result
