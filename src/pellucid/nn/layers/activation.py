"""An activation as a layer of its own."""

from __future__ import annotations

from pellucid.graph.expr import Expr
from pellucid.nn import activations
from pellucid.nn.layers.base import Layer

__all__ = ["Activation"]


class Activation(Layer):
    r"""An activation as a layer of its own, :math:`a(x)`.

    Parameters
    ----------
    activation : str or function
        A name, or a function from an expression to an expression.
    name : str, optional
        Without it ``activation``, ``activation_1`` and so on.

    Raises
    ------
    ValueError
        For an unknown name; the nearest is named.

    Examples
    --------
    >>> Activation("relu")(pel.matrix("x"))
    relu(x)
    """

    def __init__(self, activation: str | activations.Activation, name: str | None = None) -> None:
        super().__init__(name)
        self.activation = activations.get(activation)

    def call(self, x: Expr) -> Expr:
        """Return the activation of the input."""
        return self.activation(x)
