"""Long short-term memory layer."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.naming import named
from pellucid.graph.ops.split import split
from pellucid.nn import activations
from pellucid.nn.initializers.base import InitializerLike
from pellucid.nn.layers.base import ActivationLike, ConstraintLike, RegularizerLike
from pellucid.nn.layers.recurrent import States, StepOutput
from pellucid.nn.layers.simple_rnn import RecurrentCell
from pellucid.typing import Array, ArrayLike, DTypeLike

__all__ = ["LSTM"]


class LSTM(RecurrentCell):
    r"""Long short-term memory layer with an input gate :math:`i`, a forget gate :math:`f`, an output gate :math:`o` and
    a memory :math:`c`:

    .. math::
        c_t = f_t \, c_{t-1} + i_t \, n_t, \quad h_t = o_t \, a(c_t), \quad
        n_t = a(x_t W_n + h_{t-1} U_n + b_n), \quad i_t = \sigma(x_t W_i + h_{t-1} U_i + b_i)

    and likewise :math:`f_t` and :math:`o_t`. The columns of kernels and bias are :math:`i, f, n, o`, as in Keras.

    Parameters
    ----------
    units : int
        Number of units.
    activation : str or function, optional
        Activation :math:`a`.
    recurrent_activation : str or function, optional
        Activation of the gates, :math:`\sigma`.
    use_bias : bool
        Whether to add a bias :math:`b`. Penalties over a list of parameters skip it.
    kernel_initializer, recurrent_initializer, bias_initializer : str or function
        Initializers of :math:`W`, :math:`U` and :math:`b`; see `pellucid.nn.initializers`.
    unit_forget_bias : bool
        Whether :math:`b_f` is initialized with ones, so that the memory is kept at first.
    kernel_regularizer, recurrent_regularizer, bias_regularizer : str or function, optional
        Penalties, included in `regularization`.
    kernel_constraint, recurrent_constraint, bias_constraint : str or function, optional
        Constraints, applied after each optimizer update; see `pellucid.nn.constraints`.
    dropout, recurrent_dropout : float
        Fractions of :math:`x_t`, and of :math:`h_{t-1}` before :math:`U`, dropped during training. All steps and gates
        of a sample share one dropout mask.
    seed : int, optional
        Seed of the dropout. By default it follows from `pellucid.nn.set_random_seed`.
    return_sequences : bool
        Whether to return every :math:`h_t`, of shape (batch, time, units), or only the last, (batch, units).
    return_state : bool
        Whether to return the last states, too: a tuple of the result, :math:`h` and, for an LSTM, :math:`c`.
    go_backwards : bool
        Whether to process the sequence in reverse. The results are in reversed order, too.
    zero_output_for_mask : bool
        Whether masked steps output zeros instead of the previous output.
    checkpoint : bool or int, optional
        Gradient checkpointing: keep the states of every N-th step only; see `pellucid.scan`.
    name : str, optional
        Name of the layer. By default ``lstm``, ``lstm_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is not (batch, time, features), its number of features differs from the first call, or an
        ``initial_state`` is not a pair of (batch, units).

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
    bias_initializer: Expr | Callable[..., ArrayLike]

    def __init__(
        self,
        units: int,
        activation: ActivationLike = "tanh",
        recurrent_activation: ActivationLike = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        recurrent_initializer: InitializerLike = "orthogonal",
        bias_initializer: InitializerLike = "zeros",
        unit_forget_bias: bool = True,
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
        self.unit_forget_bias = unit_forget_bias
        if unit_forget_bias and not isinstance(self.bias_initializer, Expr):
            self.bias_initializer = functools.partial(initialize_forget_bias, self.bias_initializer)

    def step(self, x_t: Expr, previous: States, h: Expr) -> StepOutput:
        parts = split(x_t + h @ self.recurrent_kernel, self.gates, axis=-1)
        i, f, o = (named(name, self.recurrent_activation(parts[gate])) for name, gate in (("i", 0), ("f", 1), ("o", 3)))
        n = named("n", self.activation(parts[2]))
        c = named("c", f * previous[1] + i * n)
        h = named("h", o * self.activation(c))
        return StepOutput(h, [h, c], [i, f, n, o])


def initialize_forget_bias(
    initializer: Callable[..., ArrayLike], shape: tuple[int, ...], dtype: DTypeLike | None = None
) -> Array:
    """Return the initial bias of the gates i, f, n, o, with ones for f."""
    units = shape[0] // 4
    i, n_and_o = (initializer((size,), dtype=dtype) for size in (units, 2 * units))
    return np.concatenate([i, np.ones(units, dtype), n_and_o])
