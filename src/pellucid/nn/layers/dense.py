"""Units that see every feature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.graph.expr import Expr
from pellucid.nn import activations, constraints, initializers, regularizers
from pellucid.nn.dtypes import as_real
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.validation import positive

__all__ = ["Dense"]


class Dense(Layer):
    r"""Units that see every feature, :math:`a(x W + b)`, with :math:`W` of shape (features, units).

    Parameters
    ----------
    units : int
        How many.
    activation : str or function, optional
        :math:`a`; none without it.
    use_bias : bool
        Whether there is a :math:`b`, which no regularizer over a list touches.
    kernel_initializer, bias_initializer : str or function
        The first values of :math:`W` and :math:`b`; see `pellucid.nn.initializers`.
    kernel_regularizer, bias_regularizer : str or function, optional
        Penalties that `regularization` adds up.
    kernel_constraint, bias_constraint : str or function, optional
        What an optimizer's new values are put under; see `pellucid.nn.constraints`.
    name : str, optional
        Without it ``dense``, ``dense_1`` and so on.

    Raises
    ------
    ShapeError
        If the features are unknown, or others than at the first call.

    Examples
    --------
    >>> x = pel.matrix("x", shape=("n", 4))
    >>> layer = Dense(3, activation="tanh", name="hidden")
    >>> layer(x)
    tanh(x @ hidden/kernel + hidden/bias)
    >>> layer(x).shape, layer.parameters
    (('n', 3), [hidden/kernel, hidden/bias])

    References
    ----------
    F. Rosenblatt, The Perceptron: A Probabilistic Model for Information Storage and Organization in the Brain,
    Psychological Review 65 (1958).
    """

    def __init__(
        self,
        units: int,
        activation: str | activations.Activation | None = None,
        use_bias: bool = True,
        kernel_initializer: str | Callable[..., Any] = "glorot_uniform",
        bias_initializer: str | Callable[..., Any] = "zeros",
        kernel_regularizer: str | regularizers.Penalty | None = None,
        bias_regularizer: str | regularizers.Penalty | None = None,
        kernel_constraint: str | constraints.ConstraintFunction | None = None,
        bias_constraint: str | constraints.ConstraintFunction | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.units = positive(self.name, "units", units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def build(self, x: Expr) -> None:
        """Make the kernel and the bias."""
        shape = (self.expect_features(x), self.units)
        self.kernel = self.parameter(
            "kernel", shape, self.kernel_initializer, x, self.kernel_regularizer, constraint=self.kernel_constraint
        )
        if self.use_bias:
            self.bias = self.parameter(
                "bias",
                (self.units,),
                self.bias_initializer,
                x,
                self.bias_regularizer,
                False,
                constraint=self.bias_constraint,
            )

    def call(self, x: Expr) -> Expr:
        """Return :math:`a(x W + b)`."""
        z = as_real(x) @ self.kernel
        return self.activation(z + self.bias if self.use_bias else z)
