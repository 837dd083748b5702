"""Activations by their Keras 1 names."""

from __future__ import annotations

from typing import Any

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.ops.elementwise import clip, minimum
from pellucid.nn import activations
from pellucid.nn.activations import elu, sigmoid, softmax, softplus, softsign, tanh

__all__ = ["elu", "get", "hard_sigmoid", "linear", "relu", "sigmoid", "softmax", "softplus", "softsign", "tanh"]


def linear(x: Any) -> Any:
    """Identity."""
    return x


def hard_sigmoid(x: Any) -> Expr:
    """Piecewise linear sigmoid with the slope of Keras 1, which is 1/5 and not 1/6."""
    result: Expr = clip(0.2 * as_expr(x) + 0.5, 0, 1)
    return result


def relu(x: Any, alpha: float = 0.0, max_value: float | None = None) -> Expr:
    """Rectified linear unit with a slope for negative values and a maximum."""
    rectified: Expr = activations.leaky_relu(x, alpha) if alpha else activations.relu(x)
    return rectified if max_value is None else minimum(rectified, max_value)


def get(identifier: Any) -> Any:
    """Return an activation by name, or the given function."""
    own = {"linear": linear, "hard_sigmoid": hard_sigmoid}
    return own[identifier] if isinstance(identifier, str) and identifier in own else activations.get(identifier)


add_missing_name_errors(globals(), "keras.activations")
