r"""Activations: functions of every element (or, for the softmax, of every row) that stand between layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from pellucid.graph.errors import ShapeError, tell_near_misses
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.ops.choosing import minimum
from pellucid.graph.ops.elementwise import absolute
from pellucid.graph.ops.exponentials import exp, expm1
from pellucid.graph.ops.gaussian import erf
from pellucid.graph.ops.hyperbolic import tanh
from pellucid.graph.ops.neural import leaky_relu, log_softmax, relu, sigmoid, softplus
from pellucid.graph.ops.neural import softmax as stable_softmax
from pellucid.nn.lookup import look_up

Activation = Callable[[Expr], Expr]


def linear(x: Any) -> Any:
    """No activation, :math:`x`.

    Examples
    --------
    >>> linear(pel.vector("x"))
    x
    """
    return x


def softmax(x: Any, axis: int = -1) -> Any:
    r"""Exponentials that sum to 1, :math:`e^{x_i} / \sum_j e^{x_j}`; see `pellucid.softmax`.

    Raises
    ------
    ShapeError
        If there is one element to share the 1, which would then always be 1.

    Examples
    --------
    >>> softmax(pel.matrix("z", shape=("n", 3)))
    softmax(z)
    """
    x = as_expr(x)
    if -x.ndim <= axis < x.ndim and x.shape[axis] == 1:
        raise ShapeError(
            f"A softmax of one element is always 1. Received: {x}, of length 1 along axis {axis}; "
            "use a sigmoid, or two units"
        )
    return stable_softmax(x, axis=axis)


def elu(x: Any, alpha: float = 1.0) -> Any:
    r"""Exponential linear unit, :math:`\max(x, 0) + \alpha \, (e^{\min(x, 0)} - 1)`.

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
    return relu(x) + (negative if alpha == 1 else alpha * negative)


def gelu(x: Any) -> Any:
    r"""Gaussian error linear unit, :math:`x \, \Phi(x) = \frac{x}{2} (1 + \operatorname{erf}(x / \sqrt{2}))`.

    Examples
    --------
    >>> print(pel.function([], gelu(pel.constant(1.0)))())
    0.8413447

    References
    ----------
    D. Hendrycks and K. Gimpel, Gaussian Error Linear Units, arXiv:1606.08415.
    """
    return 0.5 * x * (1 + erf(x / math.sqrt(2)))


def selu(x: Any) -> Any:
    r"""Exponential linear unit that keeps mean 0 and variance 1 from layer to layer,
    :math:`\lambda \operatorname{elu}(x)` with :math:`\alpha = 1.673` and :math:`\lambda = 1.051`.

    Examples
    --------
    >>> print(pel.function([], selu(pel.constant(1.0)))())
    1.050701

    References
    ----------
    G. Klambauer, T. Unterthiner, A. Mayr and S. Hochreiter, Self-Normalizing Neural Networks, NeurIPS 2017.
    """
    return 1.05070098735548 * elu(x, alpha=1.67326324235437)


def silu(x: Any) -> Any:
    r"""Sigmoid linear unit (swish), :math:`x \, \sigma(x)`.

    Examples
    --------
    >>> silu(pel.vector("x"))
    x * sigmoid(x)

    References
    ----------
    P. Ramachandran, B. Zoph and Q. V. Le, Searching for Activation Functions, arXiv:1710.05941.
    """
    return x * sigmoid(x)


def softsign(x: Any) -> Any:
    r"""A sigmoid with slow tails, :math:`x / (1 + |x|)`.

    Examples
    --------
    >>> softsign(pel.vector("x"))
    x / (abs(x) + 1)
    """
    return x / (absolute(x) + 1)


NAMED: dict[str, Callable[..., Any]] = {
    "elu": elu,
    "exponential": exp,
    "gelu": gelu,
    "leaky_relu": leaky_relu,
    "linear": linear,
    "log_softmax": log_softmax,
    "relu": relu,
    "selu": selu,
    "sigmoid": sigmoid,
    "silu": silu,
    "softmax": softmax,
    "softplus": softplus,
    "softsign": softsign,
    "swish": silu,
    "tanh": tanh,
}


def get(identifier: str | Activation | None) -> Activation:
    """Return the activation of a name.

    ``"leaky_relu"`` has Keras 3's slope of 0.2 for what is negative. Lasagne's `LeakyRectify` has 0.01, which is
    ``lambda x: pel.leaky_relu(x, negative_slope=0.01)`` here.

    Parameters
    ----------
    identifier : str, function or None
        A name, a function from an expression to an expression, or None for none.

    Returns
    -------
    function
        From an expression to an expression.

    Raises
    ------
    ValueError
        For an unknown name; the nearest is named.

    Examples
    --------
    >>> get("tanh")(pel.vector("x"))
    tanh(x)
    """
    return linear if identifier is None else look_up("activation", identifier, NAMED)


tell_near_misses(globals(), "nn.activations")
