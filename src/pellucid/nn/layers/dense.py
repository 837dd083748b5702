"""Fully connected layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.graph.expr import Expr
from pellucid.nn import activations
from pellucid.nn.casts import to_float
from pellucid.nn.initializers.base import InitializerLike
from pellucid.nn.layers.base import ActivationLike, ConstraintLike, Layer, RegularizerLike
from pellucid.nn.layers.validation import check_size

if TYPE_CHECKING:
    from pellucid.graph.expr import Shared

__all__ = ["Dense"]


class Dense(Layer):
    r"""Fully connected layer, :math:`a(x W + b)`, with :math:`W` of shape (features, units).

    Parameters
    ----------
    units : int
        Number of units.
    activation : str or function, optional
        Activation :math:`a`. Default: none.
    use_bias : bool
        Whether to add a bias :math:`b`. Penalties over a list of parameters skip it.
    kernel_initializer, bias_initializer : str or function
        Initializers of :math:`W` and :math:`b`; see `pellucid.nn.initializers`.
    kernel_regularizer, bias_regularizer : str or function, optional
        Penalties, included in `regularization`.
    kernel_constraint, bias_constraint : str or function, optional
        Constraints, applied after each optimizer update; see `pellucid.nn.constraints`.
    name : str, optional
        Name of the layer. By default ``dense``, ``dense_1`` and so on.

    Raises
    ------
    ShapeError
        If the number of features is unknown, or differs from the first call.

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
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.units: int = check_size(self.name, "units", units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.configure_parameter("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self.configure_parameter("bias", bias_initializer, bias_regularizer, bias_constraint)

    def build(self, x: Expr) -> None:
        shape = (self.expect_features(x), self.units)
        self.kernel: Shared = self.configured_parameter("kernel", shape, x)
        if self.use_bias:
            self.bias: Shared = self.configured_parameter("bias", (self.units,), x, False)

    def call(self, x: Expr) -> Expr:
        z = to_float(x) @ self.kernel
        return self.activation(z + self.bias if self.use_bias else z)
