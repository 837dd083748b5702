# Written by `make stubs`. Do not edit.

"""Activation functions with Keras 3's names."""

from collections.abc import Callable

from pellucid import exp as exponential
from pellucid import leaky_relu, log_softmax, sigmoid, softplus, softsign, tanh
from pellucid.graph.expr import Expr, Operand
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

__all__ = [
    "Activation",
    "NAMED",
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

def linear(x: Operand) -> Expr:
    """Identity, :math:`x`.

    Parameters
    ----------
    x : Expr or array
        Any shape.

    Examples
    --------
    >>> linear(pel.vector("x"))
    x
    """

NAMED: dict[str, Callable[..., Expr]]
