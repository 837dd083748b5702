"""Base class of recurrent layers, and `RNN` for custom cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pellucid.graph.errors import ShapeError, UseError
from pellucid.graph.expr import Expr, Input, Operand, as_expr, is_compatible_shape
from pellucid.graph.ops.creation import zeros_like
from pellucid.graph.ops.permute import flip, swapaxes
from pellucid.graph.ops.repeat import repeat
from pellucid.graph.ops.reshape import expand_dims
from pellucid.graph.ops.scan import scan
from pellucid.graph.ops.where import where
from pellucid.graph.types import format_shape
from pellucid.nn.casts import to_dtype, to_float
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.validation import check_size
from pellucid.nn.masks import attach_mask

__all__ = ["RNN"]

States = list[Expr]


@dataclass(frozen=True)
class StepOutput:
    """Results of one time step: the output, the new states, and intermediate values that the gradient reuses."""

    output: Expr
    states: States
    saved: Sequence[Expr] = ()

    @property
    def output_index(self) -> int:
        """Index of the output in `results`. It may be one of the states."""
        return next((i for i, state in enumerate(self.states) if state is self.output), len(self.states))

    @property
    def results(self) -> list[Expr]:
        """The states, the output unless it is one of them, and the saved values, without duplicates."""
        results = [*self.states, self.output][: max(self.output_index + 1, len(self.states))]
        return [*results, *(e for e in dict.fromkeys(self.saved) if e not in set(results))]


RecurrentOptions = tuple[bool, bool, bool, bool, bool | int | None, str | None]
"""Constructor arguments of `Recurrent`, in their order."""

Step = Callable[[Expr, States], StepOutput]
"""Function of an element of the sequence and the previous states."""


class Recurrent(Layer):
    r"""Base of layers that process a sequence step by step, :math:`(y_t, s_t) = f(x_t, s_{t-1})`.

    At masked steps the states stay as they are, and the previous output is repeated (or zero, with
    ``zero_output_for_mask``). Layers have no hidden state between calls: pass the last states, which ``return_state``
    returns, as ``initial_state`` of the next call.
    """

    ndim: int = 3
    takes_mask = True
    keeps_mask = False  # `call` attaches it, in the order of the results

    if TYPE_CHECKING:  # the number of results depends on the arguments

        def __call__(
            self, inputs: Operand | Sequence[Operand], *more: Operand, mask: Operand | None = None, **named: Any
        ) -> Any: ...

    def __init__(
        self,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        zero_output_for_mask: bool = False,
        checkpoint: bool | int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.zero_output_for_mask = zero_output_for_mask
        if checkpoint is not None and not isinstance(checkpoint, bool):
            checkpoint = check_size(self.name, "checkpoint", checkpoint)
        self.checkpoint = checkpoint

    @property
    def state_sizes(self) -> list[int]:
        """Size of each state of a sample."""
        raise NotImplementedError(f"{type(self).__name__} does not define state_sizes")

    def prepare_sequence(self, x: Expr) -> Expr:
        """Return the elements of the sequence, time first, after everything that needs no state."""
        return swapaxes(x, 0, 1)

    def make_step(self, states: States) -> Step:
        """Return the function of one step, for a loop that starts with these states."""
        raise NotImplementedError(f"{type(self).__name__} does not define make_step(states)")

    def call(
        self, x: Expr, initial_state: Operand | Sequence[Operand] | None = None, mask: Expr | None = None
    ) -> Expr | tuple[Expr, ...]:
        sequence = self.prepare_sequence(to_float(x))
        states = self.get_initial_states(sequence, initial_state)
        step, count = self.make_step(states), len(states)
        sequences, carry = [sequence], states
        # A step on placeholders shows whether the output is one of the states.
        index = step(placeholder_like(sequence[0]), [placeholder_like(s) for s in states]).output_index
        if mask is not None:
            sequences.append(swapaxes(attach_mask(x, mask).inputs[1], 0, 1))
            if self.emits_zeros:
                index = count
            elif index == count:  # masked steps repeat the previous output, so the loop carries it
                carry = [*states, zeros_like(step(sequence[0], states).output)]

        def loop(x_t: Expr, *arguments: Expr) -> list[Expr]:
            result = step(x_t, list(arguments[-len(carry) :][:count]))
            return (result if mask is None else self.hold_masked_steps(result, *arguments)).results

        scanned = scan(loop, sequences, carry, reverse=self.go_backwards, checkpoint=self.checkpoint)
        scanned, last = scanned if isinstance(scanned, list) else [scanned], 0 if self.go_backwards else -1
        output = self.arrange_sequence(scanned[index], mask) if self.return_sequences else scanned[index][last]
        return (output, *(state[last] for state in scanned[:count])) if self.return_state else output

    @property
    def emits_zeros(self) -> bool:
        return self.zero_output_for_mask and self.return_sequences

    def hold_masked_steps(self, result: StepOutput, valid: Expr, *previous: Expr) -> StepOutput:
        """Return the results of a step where it is valid, otherwise the previous states and output."""

        def select(new: Expr, old: Any) -> Expr:
            return where(expand_dims(valid, tuple(range(1, new.ndim))), new, old)

        states = [select(new, old) for new, old in zip(result.states, previous, strict=False)]
        if self.emits_zeros:
            return StepOutput(select(result.output, 0), states, result.saved)
        if result.output_index < len(states):
            return StepOutput(states[result.output_index], states, result.saved)
        output = select(result.output, previous[-1])
        return StepOutput(output, [*states, output], result.saved)

    def arrange_sequence(self, outputs: Expr, mask: Expr | None) -> Expr:
        """Return all outputs, (batch, time, features), with their mask, in processing order."""
        result = swapaxes(flip(outputs, axis=0) if self.go_backwards else outputs, 0, 1)
        if mask is not None:
            result = attach_mask(result, flip(mask, axis=1) if self.go_backwards else mask)
        return result

    def get_initial_states(self, sequence: Expr, initial_state: Operand | Sequence[Operand] | None) -> States:
        """Return the given initial states, or zeros."""
        sizes, batch = self.state_sizes, sequence.shape[1]
        if initial_state is None:
            return [zeros_like(repeat(sequence[0, :, :1], size, axis=1)) for size in sizes]
        given = initial_state if isinstance(initial_state, (list, tuple)) else [initial_state]
        states = [as_expr(s) for s in given]
        shapes = [(batch, size) for size in sizes]
        if len(states) != len(shapes) or not all(map(is_compatible_shape, [s.shape for s in states], shapes)):
            raise ShapeError(
                f"{self.name}: expected an initial_state of {', '.join(map(format_shape, shapes))}. Received: "
                + ", ".join(f"{s}, of shape {format_shape(s.shape)}" for s in states)
            )
        return [to_dtype(s, sequence.dtype) for s in states]


def placeholder_like(e: Expr) -> Expr:
    return Input(e.name or "e", e.shape, e.dtype)


class RNN(Recurrent):
    r"""Recurrent layer with a custom cell, :math:`(y_t, s_t) = f(x_t, s_{t-1})` with :math:`s_0 = 0`.

    Parameters
    ----------
    cell : Layer
        A layer with a ``state_size``, an integer or one for each state. Its ``call(x_t, states)`` receives an element
        (batch, features) and a list of states (batch, size), and returns its output and the new states.
    return_sequences, return_state, go_backwards, zero_output_for_mask, checkpoint, name
        As in `LSTM`.

    Raises
    ------
    TypeError
        If ``cell`` is not a cell, or returns something else.
    ShapeError
        If the input is not (batch, time, features), or an initial state has the wrong shape.

    Examples
    --------
    >>> class Average(Layer):
    ...     state_size = 2
    ...
    ...     def call(self, x_t, states):
    ...         mean = 0.9 * states[0] + 0.1 * x_t
    ...         return mean, [mean]
    >>> RNN(Average())(pel.tensor3("x", shape=("n", 8, 2))).shape
    ('n', 2)
    """

    def __init__(
        self,
        cell: Layer,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        zero_output_for_mask: bool = False,
        checkpoint: bool | int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(return_sequences, return_state, go_backwards, zero_output_for_mask, checkpoint, name)
        if not hasattr(cell, "state_size") or not isinstance(cell, Layer):
            raise UseError(
                f"{self.name}: expected a cell, which is a Layer with a state_size and a call(x_t, states). "
                f"Received: cell={cell!r}"
            )
        self.cell: Any = self.add_sublayer(cell)  # its call has one more argument than that of a layer

    @property
    def state_sizes(self) -> list[int]:
        sizes = self.cell.state_size
        sizes = sizes if isinstance(sizes, (list, tuple)) else [sizes]
        return [check_size(self.name, "state_size", n) for n in sizes]

    def build(self, x: Expr) -> None:
        self.cell.maybe_build(x[:, 0])

    def make_step(self, states: States) -> Step:
        def step(x_t: Expr, previous: States) -> StepOutput:
            result = self.cell.call(x_t, previous)
            if not isinstance(result, (list, tuple)) or len(result) != 2:
                raise UseError(
                    f"{self.name}: expected {self.cell.name} to return its output and the new states. "
                    f"Received: {result!r}"
                )
            output, new = result
            return StepOutput(output, list(new) if isinstance(new, (list, tuple)) else [new])

        return step
