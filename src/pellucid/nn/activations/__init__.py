r"""Activations: functions of every element (or, for the softmax, of every row) that stand between layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.graph.errors import tell_near_misses
from pellucid.graph.expr import Expr
from pellucid.graph.ops.exponentials import exp as exponential
from pellucid.graph.ops.hyperbolic import tanh
from pellucid.graph.ops.softmax_sigmoid import leaky_relu, log_softmax, sigmoid, softplus
from pellucid.graph.ops.stable_functions import softsign
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
from pellucid.nn.registry import look_up

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
    """No activation, :math:`x`.

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
