"""Activation functions with Keras 3's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.graph.errors import suggest_near_misses
from pellucid.graph.expr import Expr, Operand, as_expr
from pellucid.graph.ops.activations import leaky_relu as leaky_relu
from pellucid.graph.ops.activations import sigmoid as sigmoid
from pellucid.graph.ops.activations import softplus as softplus
from pellucid.graph.ops.activations import softsign as softsign
from pellucid.graph.ops.exponentials import exp as exponential
from pellucid.graph.ops.hyperbolic import tanh as tanh
from pellucid.graph.ops.softmax import log_softmax as log_softmax
from pellucid.nn.activations.relu_family import *
from pellucid.nn.activations.sigmoid_family import *
from pellucid.nn.activations.smooth import *
from pellucid.nn.activations.softmax_family import *
from pellucid.nn.registry import get_by_name, list_own_names

Activation = Callable[[Expr], Expr]
"""Function of an expression, such as `pellucid.tanh`.

Examples
--------
>>> def double(x: pel.Expr) -> pel.Expr:
...     return 2 * x
>>> pel.nn.Dense(3, activation=double, name="d")(pel.matrix("x", shape=("n", 2)))
2 * (x @ d/kernel + d/bias)
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
    return as_expr(x)


NAMED: dict[str, Callable[..., Expr]] = {
    **{name: globals()[name] for name in list_own_names(globals()) if name != "threshold"},  # it needs arguments
    "exponential": exponential,
    "hard_swish": hard_silu,
    "leaky_relu": leaky_relu,
    "log_softmax": log_softmax,
    "sigmoid": sigmoid,
    "softplus": softplus,
    "softsign": softsign,
    "swish": silu,
    "tanh": tanh,
}
"""Activations by name; those of the files of this package, ops and aliases."""


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
    found: Activation = linear if identifier is None else get_by_name("activation", identifier, NAMED)
    return found


# Set without a static name, as in nn/layers: a type checker takes a computed list for an empty one.
globals()["__all__"] = sorted({*list_own_names(globals()), *NAMED, "Activation"} - {"hard_swish", "swish"})

suggest_near_misses(globals(), "nn.activations")
