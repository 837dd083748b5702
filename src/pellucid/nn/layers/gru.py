"""Gated recurrent unit layer."""

from __future__ import annotations

from pellucid.graph.expr import Expr
from pellucid.graph.naming import named
from pellucid.graph.ops.split import split
from pellucid.nn import activations
from pellucid.nn.initializers.base import InitializerLike
from pellucid.nn.layers.base import ActivationLike, ConstraintLike, RegularizerLike
from pellucid.nn.layers.recurrent import States, StepOutput
from pellucid.nn.layers.simple_rnn import RecurrentCell

__all__ = ["GRU"]


class GRU(RecurrentCell):
    r"""Gated recurrent unit layer, with an update gate :math:`z` and a reset gate :math:`r`:

    .. math::
        h_t = n_t + z_t \, (h_{t-1} - n_t), \quad n_t = a(x_t W_n + b_n + r_t \, (h_{t-1} U_n + b'_n)), \quad
        z_t = \sigma(x_t W_z + b_z + h_{t-1} U_z + b'_z)

    and likewise :math:`r_t`. The columns of kernels and bias are :math:`z, r, n`, as in Keras.

    Parameters
    ----------
    units : int
        Number of units.
    activation : str or function, optional
        Activation :math:`a`.
    recurrent_activation : str or function, optional
        Activation of the gates, :math:`\sigma`.
    use_bias : bool
        Whether to add biases :math:`b` and :math:`b'`, the two rows of one parameter. Penalties over a list of
        parameters skip it.
    reset_after : bool
        Whether the reset gate is applied after the product, as above. Otherwise :math:`n_t` is
        :math:`a(x_t W_n + b_n + (r_t \, h_{t-1}) U_n)`, and there is no :math:`b'`.
    kernel_initializer, recurrent_initializer, ...
        As in `LSTM`.

    Raises
    ------
    ShapeError
        If the input is not (batch, time, features), its number of features differs from the first call, or an
        ``initial_state`` is not (batch, units).

    Examples
    --------
    >>> x = pel.tensor3("x", shape=("n", 8, 2))
    >>> layer = GRU(16)
    >>> layer(x).shape, [p.shape for p in layer.parameters]
    (('n', 16), [(2, 48), (16, 48), (2, 48)])

    References
    ----------
    K. Cho et al., Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation,
    EMNLP 2014.
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: ActivationLike = "tanh",
        recurrent_activation: ActivationLike = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        recurrent_initializer: InitializerLike = "orthogonal",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        recurrent_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        recurrent_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        reset_after: bool = True,
        zero_output_for_mask: bool = False,
        checkpoint: bool | int | None = None,
        name: str | None = None,
    ) -> None:
        kernel = (kernel_initializer, kernel_regularizer, kernel_constraint)
        recurrent = (recurrent_initializer, recurrent_regularizer, recurrent_constraint)
        bias = (bias_initializer, bias_regularizer, bias_constraint)
        options = (return_sequences, return_state, go_backwards, zero_output_for_mask, checkpoint, name)
        dropouts = (dropout, recurrent_dropout, seed)
        super().__init__(units, activation, use_bias, kernel, recurrent, bias, *dropouts, options)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after = reset_after

    @property
    def bias_shape(self) -> tuple[int, ...]:
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def get_input_bias(self) -> Expr:
        return self.bias[0] if self.reset_after else self.bias

    def step(self, x_t: Expr, previous: States, h: Expr) -> StepOutput:
        both, U = 2 * self.units, self.recurrent_kernel
        recurrent = h @ (U if self.reset_after else U[:, :both])
        if self.reset_after and self.use_bias:
            recurrent = recurrent + self.bias[1]
        x_z, x_r, x_n = split(x_t, 3, axis=-1)
        h_z, h_r, *h_n = split(recurrent, 3 if self.reset_after else 2, axis=-1)
        z = named("z", self.recurrent_activation(x_z + h_z))
        r = named("r", self.recurrent_activation(x_r + h_r))
        inner = [named("m", e) for e in h_n]
        reset = r * inner[0] if self.reset_after else (r * h) @ U[:, both:]
        n = named("n", self.activation(x_n + reset))
        h = named("h", n + z * (previous[0] - n))
        return StepOutput(h, [h], [z, r, n, *inner])
