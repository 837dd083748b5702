"""Units that see what they said the step before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.graph.expr import Expr
from pellucid.graph.ops.arranging import flip, swapaxes
from pellucid.graph.ops.creation import zeros_like
from pellucid.graph.ops.loops import scan
from pellucid.nn import activations, initializers, regularizers
from pellucid.nn.dtypes import as_real
from pellucid.nn.layers.base import Layer, positive


class SimpleRNN(Layer):
    r"""Units that see a sequence step by step, and what they said the step before,
    :math:`h_t = a(x_t W + h_{t-1} U + b)` with :math:`h_0 = 0`.

    Parameters
    ----------
    units : int
        How many.
    activation : str or function, optional
        :math:`a`.
    use_bias : bool
        Whether there is a :math:`b`, which no regularizer over a list touches.
    kernel_initializer, recurrent_initializer, bias_initializer : str or function
        The first values of :math:`W`, :math:`U` and :math:`b`; see `pellucid.nn.initializers`.
    kernel_regularizer, recurrent_regularizer, bias_regularizer : str or function, optional
        Penalties that `regularization` adds up.
    return_sequences : bool
        Whether the result is every :math:`h_t`, of shape (batch, time, units), or the last, (batch, units).
    go_backwards : bool
        Whether to walk from the end to the beginning; the states then come in the order of that walk.
    name : str, optional
        Without it ``simple_rnn``, ``simple_rnn_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is no (batch, time, features), or has other features than at the first call.

    Examples
    --------
    >>> x = pel.tensor3("x", shape=("n", 8, 2))
    >>> SimpleRNN(16)(x).shape, SimpleRNN(16, return_sequences=True)(x).shape
    (('n', 16), ('n', 8, 16))

    References
    ----------
    J. L. Elman, Finding Structure in Time, Cognitive Science 14 (1990).
    """

    ndim = 3

    def __init__(
        self,
        units: int,
        activation: str | activations.Activation | None = "tanh",
        use_bias: bool = True,
        kernel_initializer: str | Callable[..., Any] = "glorot_uniform",
        recurrent_initializer: str | Callable[..., Any] = "orthogonal",
        bias_initializer: str | Callable[..., Any] = "zeros",
        kernel_regularizer: str | regularizers.Penalty | None = None,
        recurrent_regularizer: str | regularizers.Penalty | None = None,
        bias_regularizer: str | regularizers.Penalty | None = None,
        return_sequences: bool = False,
        go_backwards: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.units = positive(self.name, "units", units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.return_sequences = return_sequences
        self.go_backwards = go_backwards

    def build(self, x: Expr) -> None:
        """Make the two kernels and the bias."""
        features, units = self.expect_features(x), self.units
        self.kernel = self.parameter("kernel", (features, units), self.kernel_initializer, x, self.kernel_regularizer)
        self.recurrent_kernel = self.parameter(
            "recurrent_kernel", (units, units), self.recurrent_initializer, x, self.recurrent_regularizer
        )
        if self.use_bias:
            self.bias = self.parameter("bias", (units,), self.bias_initializer, x, self.bias_regularizer, False)

    def call(self, x: Expr) -> Expr:
        r"""Return the last :math:`h_t`, or all of them."""
        # What does not depend on the step before is one product for all steps, outside the loop.
        seen = swapaxes(as_real(x), 0, 1) @ self.kernel
        seen = seen + self.bias if self.use_bias else seen
        states: Expr = scan(
            lambda x_t, h: self.activation(x_t + h @ self.recurrent_kernel),
            seen,
            zeros_like(seen[0]),
            reverse=self.go_backwards,
        )
        if not self.return_sequences:
            return states[0 if self.go_backwards else -1]
        walked: Expr = swapaxes(flip(states, axis=0) if self.go_backwards else states, 0, 1)
        return walked
