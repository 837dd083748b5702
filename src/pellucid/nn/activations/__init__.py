"""Activation functions with Keras 3's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.graph.errors import suggest_near_misses
from pellucid.graph.expr import Expr
from pellucid.graph.ops.activations import leaky_relu, sigmoid, softplus, softsign
from pellucid.graph.ops.exponentials import exp as exponential
from pellucid.graph.ops.hyperbolic import tanh
from pellucid.graph.ops.softmax import log_softmax
from pellucid.nn.activations.relu_family import hard_shrink, relu, relu6, soft_shrink, threshold
from pellucid.nn.activations.sigmoid_family import (
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    log_sigmoid,
    scaled_tanh,
    sparse_sigmoid,
    tanh_shrink,
)
from pellucid.nn.activations.smooth import celu, elu, gelu, mish, selu, silu, sparse_plus, squareplus
from pellucid.nn.activations.softmax_family import glu, softmax, sparsemax
from pellucid.nn.registry import get_by_name

__all__ = [
    "NAMED",
    "Activation",
    "celu",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "scaled_tanh",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "tanh",
    "tanh_shrink",
    "threshold",
]

Activation = Callable[[Expr], Expr]


def linear(x: Any) -> Any:
    """Identity, :math:`x`.

    Examples
    --------
    >>> linear(pel.vector("x"))
    x
    """
    return x


NAMED: dict[str, Callable[..., Any]] = {
    "celu": celu,
    "elu": elu,
    "exponential": exponential,
    "gelu": gelu,
    "glu": glu,
    "hard_shrink": hard_shrink,
    "hard_sigmoid": hard_sigmoid,
    "hard_silu": hard_silu,
    "hard_swish": hard_silu,
    "hard_tanh": hard_tanh,
    "leaky_relu": leaky_relu,
    "linear": linear,
    "log_sigmoid": log_sigmoid,
    "log_softmax": log_softmax,
    "mish": mish,
    "relu": relu,
    "relu6": relu6,
    "scaled_tanh": scaled_tanh,
    "selu": selu,
    "sigmoid": sigmoid,
    "silu": silu,
    "soft_shrink": soft_shrink,
    "softmax": softmax,
    "softplus": softplus,
    "softsign": softsign,
    "sparse_plus": sparse_plus,
    "sparse_sigmoid": sparse_sigmoid,
    "sparsemax": sparsemax,
    "squareplus": squareplus,
    "swish": silu,
    "tanh": tanh,
    "tanh_shrink": tanh_shrink,
}


def get(identifier: str | Activation | None) -> Activation:
    """Return an activation by name, or the given function.

    ``"leaky_relu"`` has Keras 3's negative slope of 0.2. For Lasagne's `LeakyRectify` write
    ``lambda x: pel.leaky_relu(x, negative_slope=0.01)``.

    Parameters
    ----------
    identifier : str, function or None
        A name, a function of an expression, or None for the identity.

    Returns
    -------
    function
        A function of an expression.

    Raises
    ------
    ValueError
        If the name is unknown; the message suggests the nearest one.

    Examples
    --------
    >>> get("tanh")(pel.vector("x"))
    tanh(x)
    """
    return linear if identifier is None else get_by_name("activation", identifier, NAMED)


suggest_near_misses(globals(), "nn.activations")
