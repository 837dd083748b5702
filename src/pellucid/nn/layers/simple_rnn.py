"""Units that walk along a sequence: what they share, and the plainest of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.graph.expr import Expr
from pellucid.graph.ops.creation import ones_like
from pellucid.graph.ops.permute import swapaxes
from pellucid.graph.printing import named
from pellucid.nn import activations, constraints, initializers, regularizers
from pellucid.nn.layers.dropout import Dropout
from pellucid.nn.layers.recurrent import Recurrent, States, Step, Told
from pellucid.nn.layers.validation import positive

__all__ = ["SimpleRNN"]

Initializer = str | Callable[..., Any]
Regularizer = str | regularizers.Penalty | None
Constraint = str | constraints.ConstraintFunction | None


class Units(Recurrent):
    r"""Units with a kernel :math:`W` for what they see, a recurrent kernel :math:`U` for what they said, and a bias.

    Of the three arguments for kernel, recurrent kernel and bias the initializers and the rest are triples.
    """

    gates = 1
    """How many products each unit makes: the kernels have ``gates * units`` columns, in Keras's order."""

    states = 1
    """How many states each unit has, of which the first is what it says."""

    def __init__(
        self,
        units: int,
        activation: str | activations.Activation | None,
        use_bias: bool,
        starts: tuple[Initializer, Initializer, Initializer],
        penalties: tuple[Regularizer, Regularizer, Regularizer],
        limits: tuple[Constraint, Constraint, Constraint],
        dropout: float,
        recurrent_dropout: float,
        seed: int | None,
        **walk: Any,
    ) -> None:
        super().__init__(**walk)
        self.units = positive(self.name, "units", units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer, self.recurrent_initializer, self.bias_initializer = map(initializers.get, starts)
        self.kernel_regularizer, self.recurrent_regularizer, self.bias_regularizer = map(regularizers.get, penalties)
        self.kernel_constraint, self.recurrent_constraint, self.bias_constraint = map(constraints.get, limits)
        self.dropout = Dropout(dropout, seed=seed, name=f"{self.name}/dropout")
        second = None if seed is None else seed + 1
        self.recurrent_dropout = Dropout(recurrent_dropout, seed=second, name=f"{self.name}/recurrent_dropout")

    @property
    def state_sizes(self) -> list[int]:
        """As many as there are units, for each state."""
        return [self.units] * self.states

    def build(self, x: Expr) -> None:
        """Make the two kernels and the bias."""
        features, width = self.expect_features(x), self.gates * self.units
        self.kernel = self.parameter(
            "kernel",
            (features, width),
            self.kernel_initializer,
            x,
            self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.recurrent_kernel = self.parameter(
            "recurrent_kernel",
            (self.units, width),
            self.recurrent_initializer,
            x,
            self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
        )
        if self.use_bias:
            shape, start = self.bias_start(width)
            self.bias = self.parameter(
                "bias", shape, start, x, self.bias_regularizer, False, constraint=self.bias_constraint
            )

    def bias_start(self, width: int) -> tuple[tuple[int, ...], Callable[..., Any]]:
        """Return the shape of the bias and what it begins with."""
        return (width,), self.bias_initializer

    def sequence(self, x: Expr) -> Expr:
        """Return :math:`x W + b` of all steps, which is one product, since it needs no state."""
        steps = swapaxes(x, 0, 1)
        if self.dropout.rate:
            steps = steps * self.dropout(ones_like(steps[0]))
        z: Expr = steps @ self.kernel
        return z + self.input_bias() if self.use_bias else z

    def input_bias(self) -> Expr:
        """Return the bias of what the units see."""
        return self.bias

    def step_from(self, states: States) -> Step:
        """Return the step; what is dropped of what the units said is the same at all of them."""
        if not self.recurrent_dropout.rate:
            return lambda x_t, before: self.step(x_t, before, before[0])
        kept = self.recurrent_dropout(ones_like(states[0]))
        return lambda x_t, before: self.step(x_t, before, kept * before[0])

    def step(self, x_t: Expr, before: States, heard: Expr) -> Told:
        """Return what the units say and their new states, where ``heard`` is what they hear of what they said."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it does at a step")


class SimpleRNN(Units):
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
    kernel_constraint, recurrent_constraint, bias_constraint : str or function, optional
        What an optimizer's new values are put under; see `pellucid.nn.constraints`.
    dropout, recurrent_dropout : float
        Shares of :math:`x_t`, and of :math:`h_{t-1}` before :math:`U`, left out in training: of a sample the same ones
        at every step.
    seed : int, optional
        Of what is dropped; without it one that follows from `pellucid.nn.set_random_seed`.
    return_sequences : bool
        Whether the result is every :math:`h_t`, of shape (batch, time, units), or the last, (batch, units).
    return_state : bool
        Whether the last state comes along: a tuple of the result and :math:`h`.
    go_backwards : bool
        Whether to walk from the end to the beginning; results come in the order of that walk.
    zero_output_for_mask : bool
        Whether a sequence of results has zeros where a mask leaves a step out, instead of what was said before.
    checkpoint : bool or int, optional
        For the gradient, keep the states of every so many steps alone; see `pellucid.scan`.
    name : str, optional
        Without it ``simple_rnn``, ``simple_rnn_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is no (batch, time, features), or has other features than at the first call, or an
        ``initial_state`` is no (batch, units).

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
        activation: str | activations.Activation | None = "tanh",
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

    def step(self, x_t: Expr, before: States, heard: Expr) -> Told:
        r"""Return :math:`a(x_t W + h_{t-1} U + b)`."""
        h = named("h", self.activation(x_t + heard @ self.recurrent_kernel))
        return Told(h, [h], [h])
