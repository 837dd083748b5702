"""Units with gates, which choose what to remember and what to say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.ops.split import split
from pellucid.graph.printing import named
from pellucid.nn import activations
from pellucid.nn.layers.recurrent import States, Told
from pellucid.nn.layers.simple_rnn import Constraint, Initializer, Regularizer, Units

__all__ = ["LSTM", "GRU"]


class LSTM(Units):
    r"""Units with a memory :math:`c` that gates write to, keep and read: an input gate :math:`i`, a forget gate
    :math:`f` and an output gate :math:`o`,

    .. math::
        c_t = f_t \, c_{t-1} + i_t \, n_t, \quad h_t = o_t \, a(c_t), \quad
        n_t = a(x_t W_n + h_{t-1} U_n + b_n), \quad i_t = \sigma(x_t W_i + h_{t-1} U_i + b_i)

    and likewise :math:`f_t` and :math:`o_t`. Kernels and bias hold :math:`i, f, n, o` side by side, as Keras's do.

    Parameters
    ----------
    units : int
        How many.
    activation : str or function, optional
        :math:`a`.
    recurrent_activation : str or function, optional
        That of the gates, :math:`\sigma`.
    use_bias : bool
        Whether there is a :math:`b`, which no regularizer over a list touches.
    kernel_initializer, recurrent_initializer, bias_initializer : str or function
        The first values of :math:`W`, :math:`U` and :math:`b`; see `pellucid.nn.initializers`.
    unit_forget_bias : bool
        Whether :math:`b_f` begins with ones, so that at first the memory is kept.
    kernel_regularizer, recurrent_regularizer, bias_regularizer : str or function, optional
        Penalties that `regularization` adds up.
    kernel_constraint, recurrent_constraint, bias_constraint : str or function, optional
        What an optimizer's new values are put under; see `pellucid.nn.constraints`.
    dropout, recurrent_dropout : float
        Shares of :math:`x_t`, and of :math:`h_{t-1}` before :math:`U`, left out in training: of a sample the same ones
        at every step and for every gate.
    seed : int, optional
        Of what is dropped; without it one that follows from `pellucid.nn.set_random_seed`.
    return_sequences : bool
        Whether the result is every :math:`h_t`, of shape (batch, time, units), or the last, (batch, units).
    return_state : bool
        Whether the last states come along: a tuple of the result, :math:`h` and :math:`c`.
    go_backwards : bool
        Whether to walk from the end to the beginning; results come in the order of that walk.
    zero_output_for_mask : bool
        Whether a sequence of results has zeros where a mask leaves a step out, instead of what was said before.
    checkpoint : bool or int, optional
        For the gradient, keep the states of every so many steps alone; see `pellucid.scan`.
    name : str, optional
        Without it ``lstm``, ``lstm_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is no (batch, time, features), or has other features than at the first call, or an
        ``initial_state`` is no pair of (batch, units).

    Examples
    --------
    >>> x = pel.tensor3("x", shape=("n", 8, 2))
    >>> y, h, c = LSTM(16, return_sequences=True, return_state=True)(x)
    >>> y.shape, h.shape, c.shape
    (('n', 8, 16), ('n', 16), ('n', 16))
    >>> LSTM(16)(y, initial_state=[h, c]).shape
    ('n', 16)

    References
    ----------
    S. Hochreiter and J. Schmidhuber, Long Short-Term Memory, Neural Computation 9 (1997); F. A. Gers, J. Schmidhuber
    and F. Cummins, Learning to Forget: Continual Prediction with LSTM, Neural Computation 12 (2000).
    """

    gates = 4
    states = 2

    def __init__(
        self,
        units: int,
        activation: str | activations.Activation | None = "tanh",
        recurrent_activation: str | activations.Activation | None = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Initializer = "glorot_uniform",
        recurrent_initializer: Initializer = "orthogonal",
        bias_initializer: Initializer = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Regularizer = None,
        recurrent_regularizer: Regularizer = None,
        bias_regularizer: Regularizer = None,
        kernel_constraint: Constraint = None,
        recurrent_constraint: Constraint = None,
        bias_constraint: Constraint = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        zero_output_for_mask: bool = False,
        checkpoint: bool | int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            units,
            activation,
            use_bias,
            (kernel_initializer, recurrent_initializer, bias_initializer),
            (kernel_regularizer, recurrent_regularizer, bias_regularizer),
            (kernel_constraint, recurrent_constraint, bias_constraint),
            dropout,
            recurrent_dropout,
            seed,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            zero_output_for_mask=zero_output_for_mask,
            checkpoint=checkpoint,
            name=name,
        )
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias

    def bias_start(self, width: int) -> tuple[tuple[int, ...], Callable[..., Any]]:
        """Return the shape of the bias and what it begins with: ones for the forget gate."""
        if not self.unit_forget_bias:
            return super().bias_start(width)

        def start(shape: Any, dtype: Any = None) -> Any:
            parts = [self.bias_initializer((size,), dtype=dtype) for size in (self.units, 2 * self.units)]
            return np.concatenate([parts[0], np.ones(self.units, dtype), parts[1]])

        return (width,), start

    def step(self, x_t: Expr, before: States, heard: Expr) -> Told:
        r"""Return :math:`h_t`, and with it :math:`c_t`."""
        parts = split(x_t + heard @ self.recurrent_kernel, self.gates, axis=-1)
        i, f, o = (named(name, self.recurrent_activation(parts[gate])) for name, gate in (("i", 0), ("f", 1), ("o", 3)))
        n = named("n", self.activation(parts[2]))
        c = named("c", f * before[1] + i * n)
        h = named("h", o * self.activation(c))
        return Told(h, [h, c], [i, f, n, o])


class GRU(Units):
    r"""Units that mix what they said with something new, by an update gate :math:`z`; a reset gate :math:`r` says how
    much of it the new depends on,

    .. math::
        h_t = n_t + z_t \, (h_{t-1} - n_t), \quad n_t = a(x_t W_n + b_n + r_t \, (h_{t-1} U_n + b'_n)), \quad
        z_t = \sigma(x_t W_z + b_z + h_{t-1} U_z + b'_z)

    and likewise :math:`r_t`. Kernels and bias hold :math:`z, r, n` side by side, as Keras's do.

    Parameters
    ----------
    units : int
        How many.
    activation : str or function, optional
        :math:`a`.
    recurrent_activation : str or function, optional
        That of the gates, :math:`\sigma`.
    use_bias : bool
        Whether there are biases :math:`b` and :math:`b'`, the two rows of one parameter, which no regularizer over a
        list touches.
    kernel_initializer, recurrent_initializer, bias_initializer : str or function
        The first values of :math:`W`, :math:`U` and the biases; see `pellucid.nn.initializers`.
    kernel_regularizer, recurrent_regularizer, bias_regularizer : str or function, optional
        Penalties that `regularization` adds up.
    kernel_constraint, recurrent_constraint, bias_constraint : str or function, optional
        What an optimizer's new values are put under; see `pellucid.nn.constraints`.
    dropout, recurrent_dropout : float
        Shares of :math:`x_t`, and of :math:`h_{t-1}` before :math:`U`, left out in training: of a sample the same ones
        at every step and for every gate.
    seed : int, optional
        Of what is dropped; without it one that follows from `pellucid.nn.set_random_seed`.
    return_sequences : bool
        Whether the result is every :math:`h_t`, of shape (batch, time, units), or the last, (batch, units).
    return_state : bool
        Whether the last state comes along: a tuple of the result and :math:`h`.
    go_backwards : bool
        Whether to walk from the end to the beginning; results come in the order of that walk.
    reset_after : bool
        Whether the reset gate comes after the product, as above; else the new is
        :math:`a(x_t W_n + b_n + (r_t \, h_{t-1}) U_n)`, and there is no :math:`b'`.
    zero_output_for_mask : bool
        Whether a sequence of results has zeros where a mask leaves a step out, instead of what was said before.
    checkpoint : bool or int, optional
        For the gradient, keep the states of every so many steps alone; see `pellucid.scan`.
    name : str, optional
        Without it ``gru``, ``gru_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is no (batch, time, features), or has other features than at the first call, or an
        ``initial_state`` is no (batch, units).

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
        activation: str | activations.Activation | None = "tanh",
        recurrent_activation: str | activations.Activation | None = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Initializer = "glorot_uniform",
        recurrent_initializer: Initializer = "orthogonal",
        bias_initializer: Initializer = "zeros",
        kernel_regularizer: Regularizer = None,
        recurrent_regularizer: Regularizer = None,
        bias_regularizer: Regularizer = None,
        kernel_constraint: Constraint = None,
        recurrent_constraint: Constraint = None,
        bias_constraint: Constraint = None,
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
        super().__init__(
            units,
            activation,
            use_bias,
            (kernel_initializer, recurrent_initializer, bias_initializer),
            (kernel_regularizer, recurrent_regularizer, bias_regularizer),
            (kernel_constraint, recurrent_constraint, bias_constraint),
            dropout,
            recurrent_dropout,
            seed,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            zero_output_for_mask=zero_output_for_mask,
            checkpoint=checkpoint,
            name=name,
        )
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after = reset_after

    def bias_start(self, width: int) -> tuple[tuple[int, ...], Callable[..., Any]]:
        """Return the shape of the bias, two rows if the reset gate comes after the product, and what it begins with."""
        return ((2, width) if self.reset_after else (width,)), self.bias_initializer

    def input_bias(self) -> Expr:
        """Return the bias of what the units see."""
        return self.bias[0] if self.reset_after else self.bias

    def step(self, x_t: Expr, before: States, heard: Expr) -> Told:
        r"""Return :math:`h_t`."""
        both, U = 2 * self.units, self.recurrent_kernel
        inner = heard @ (U if self.reset_after else U[:, :both])
        if self.reset_after and self.use_bias:
            inner = inner + self.bias[1]
        x_z, x_r, x_h = split(x_t, 3, axis=-1)
        h_z, h_r, *h_h = split(inner, 3 if self.reset_after else 2, axis=-1)
        z = named("z", self.recurrent_activation(x_z + h_z))
        r = named("r", self.recurrent_activation(x_r + h_r))
        again = r * named("m", h_h[0]) if self.reset_after else (r * heard) @ U[:, both:]
        n = named("n", self.activation(x_h + again))
        h = named("h", n + z * (before[0] - n))
        return Told(h, [h], [z, r, n, *h_h])
