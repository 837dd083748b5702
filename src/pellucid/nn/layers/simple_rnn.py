"""Base class of `SimpleRNN`, `LSTM` and `GRU`, and `SimpleRNN`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.graph.expr import Expr
from pellucid.graph.naming import named
from pellucid.graph.ops.creation import ones_like
from pellucid.graph.ops.permute import swapaxes
from pellucid.nn import activations
from pellucid.nn.initializers.base import InitializerLike
from pellucid.nn.layers.base import ActivationLike, ConstraintLike, ParameterOptions, RegularizerLike
from pellucid.nn.layers.dropout import Dropout
from pellucid.nn.layers.recurrent import Recurrent, RecurrentOptions, States, Step, StepOutput
from pellucid.nn.layers.validation import check_size

if TYPE_CHECKING:
    from pellucid.graph.expr import Shared

__all__ = ["SimpleRNN"]


class RecurrentCell(Recurrent):
    r"""Recurrent layer with an input kernel :math:`W`, a recurrent kernel :math:`U` and a bias."""

    gates = 1
    """Number of blocks of columns in the kernels, which have ``gates * units`` columns, in Keras's order."""

    states = 1
    """Number of states, of which the first is the output."""

    def __init__(
        self,
        units: int,
        activation: ActivationLike,
        use_bias: bool,
        kernel: ParameterOptions,
        recurrent: ParameterOptions,
        bias: ParameterOptions,
        dropout: float,
        recurrent_dropout: float,
        seed: int | None,
        options: RecurrentOptions,
    ) -> None:
        super().__init__(*options)
        self.units: int = check_size(self.name, "units", units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.configure_parameter("kernel", *kernel)
        self.configure_parameter("recurrent", *recurrent)
        self.configure_parameter("bias", *bias)
        self.dropout: Dropout = Dropout(dropout, seed=seed, name=f"{self.name}/dropout")
        second = None if seed is None else seed + 1
        self.recurrent_dropout: Dropout = Dropout(recurrent_dropout, seed=second, name=f"{self.name}/recurrent_dropout")

    @property
    def state_sizes(self) -> list[int]:
        return [self.units] * self.states

    @property
    def bias_shape(self) -> tuple[int, ...]:
        """Shape of the bias."""
        return (self.gates * self.units,)

    def build(self, x: Expr) -> None:
        features, width = self.expect_features(x), self.gates * self.units
        self.kernel: Shared = self.configured_parameter("kernel", (features, width), x)
        self.recurrent_kernel: Shared = self.configured_parameter(
            "recurrent", (self.units, width), x, name="recurrent_kernel"
        )
        if self.use_bias:
            self.bias: Shared = self.configured_parameter("bias", self.bias_shape, x, False)

    def prepare_sequence(self, x: Expr) -> Expr:
        """Return :math:`x W + b` of all steps, as one matrix product outside the loop."""
        steps = swapaxes(x, 0, 1)
        if self.dropout.is_active:
            steps = steps * self.dropout(ones_like(steps[0]))
        z: Expr = steps @ self.kernel
        return z + self.get_input_bias() if self.use_bias else z

    def get_input_bias(self) -> Expr:
        """Return the bias of the input projection."""
        return self.bias

    def make_step(self, states: States) -> Step:
        """Return the step function. All steps share one dropout mask of the previous output."""
        if not self.recurrent_dropout.is_active:
            return lambda x_t, previous: self.step(x_t, previous, previous[0])
        mask = self.recurrent_dropout(ones_like(states[0]))
        return lambda x_t, previous: self.step(x_t, previous, mask * previous[0])

    def step(self, x_t: Expr, previous: States, h: Expr) -> StepOutput:
        """Return the results of a step, from the projected input, the previous states and the (dropped out) output."""
        raise NotImplementedError(f"{type(self).__name__} does not define step(x_t, previous, h)")


class SimpleRNN(RecurrentCell):
    r"""Fully connected recurrent layer, :math:`h_t = a(x_t W + h_{t-1} U + b)`.

    Parameters
    ----------
    units : int
        Number of units.
    activation : str or function, optional
        Activation :math:`a`.
    use_bias : bool
        Whether to add a bias :math:`b`. Penalties over a list of parameters skip it.
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
    >>> SimpleRNN(16)(x).shape, SimpleRNN(16, return_sequences=True)(x).shape
    (('n', 16), ('n', 8, 16))

    References
    ----------
    J. L. Elman, Finding Structure in Time, Cognitive Science 14 (1990); Y. Gal and Z. Ghahramani, A Theoretically
    Grounded Application of Dropout in Recurrent Neural Networks, NeurIPS 2016.
    """

    def __init__(
        self,
        units: int,
        activation: ActivationLike = "tanh",
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

    def step(self, x_t: Expr, previous: States, h: Expr) -> StepOutput:
        h = named("h", self.activation(x_t + h @ self.recurrent_kernel))
        return StepOutput(h, [h], [h])
