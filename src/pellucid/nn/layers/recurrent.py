"""The loop that every recurrent layer is, on `pellucid.scan`, and `RNN`, which runs a step of the user's along it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.graph.errors import ShapeError, UseError
from pellucid.graph.expr import Expr, Input, agree, as_expr
from pellucid.graph.ops.creation import zeros_like
from pellucid.graph.ops.minmax_where import where
from pellucid.graph.ops.permute import flip, swapaxes
from pellucid.graph.ops.repeat import repeat
from pellucid.graph.ops.reshape import expand_dims
from pellucid.graph.ops.scan import scan
from pellucid.graph.types import shape_text
from pellucid.nn.dtypes import as_real, to_dtype
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.validation import positive
from pellucid.nn.masks import masked

__all__ = ["RNN"]

States = list[Expr]


@dataclass(frozen=True)
class Told:
    """What a step tells.

    Attributes
    ----------
    said : Expr
        Its result.
    states : list of Expr
        The new states.
    kept : sequence of Expr
        What its gradient need not compute again.
    """

    said: Expr
    states: States
    kept: Sequence[Expr] = ()

    @property
    def place(self) -> int:
        """Where the result stands among what a loop keeps of every step: it may be one of the states."""
        return next((i for i, state in enumerate(self.states) if state is self.said), len(self.states))

    @property
    def results(self) -> list[Expr]:
        """The states, the result unless it is one of them, and what is kept besides."""
        told = [*self.states, self.said][: max(self.place + 1, len(self.states))]
        return [*told, *(e for e in dict.fromkeys(self.kept) if e not in set(told))]


Step = Callable[[Expr, States], Told]
"""From an element of the sequence and the states before it."""


class Recurrent(Layer):
    r"""A layer that walks along a sequence, :math:`(y_t, s_t) = f(x_t, s_{t-1})`.

    Where a mask leaves a step out, the states stay as they are, and what was said before is said again (or zeros, with
    ``zero_output_for_mask``). A state that is to outlive a call is an expression, not a hidden variable: the last
    states of one call, which ``return_state`` gives, are the ``initial_state`` of another.

    Parameters
    ----------
    return_sequences : bool
        Whether the result is every :math:`y_t`, of shape (batch, time, features), or the last, (batch, features).
    return_state : bool
        Whether the last states come along: a tuple of the result and each of them.
    go_backwards : bool
        Whether to walk from the end to the beginning; results, and their mask, come in the order of that walk.
    zero_output_for_mask : bool
        Whether a sequence of results has zeros where a mask leaves a step out.
    checkpoint : bool or int, optional
        For the gradient, keep the states of every so many steps alone; see `pellucid.scan`.
    name : str, optional
        Without it that of the class with a number.
    """

    ndim = 3
    takes_mask = True
    keeps_mask = False  # `call` hangs it on by itself, in the order of the walk

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
        every = checkpoint is None or isinstance(checkpoint, bool)
        self.checkpoint = checkpoint if every else positive(self.name, "checkpoint", checkpoint)

    @property
    def state_sizes(self) -> list[int]:
        """How many numbers each state has for a sample."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it remembers")

    def sequence(self, x: Expr) -> Expr:
        """Return what the steps are given, (time, batch, features): all that needs no state is done here, at once."""
        return swapaxes(x, 0, 1)  # type: ignore[no-any-return]

    def step_from(self, states: States) -> Step:
        """Return the step of a walk that begins with these states."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it does at a step")

    def call(self, x: Expr, initial_state: Any = None, mask: Expr | None = None) -> Any:
        """Return what is said last, or at every step, and perhaps the last states."""
        sequence = self.sequence(as_real(x))
        states = self.first_states(sequence, initial_state)
        step, count = self.step_from(states), len(states)
        walked, begun = [sequence], states
        place = step(like(sequence[0]), [like(s) for s in states]).place
        if mask is not None:
            walked.append(swapaxes(masked(x, mask).inputs[1], 0, 1))
            if self.says_zeros:
                place = count
            elif place == count:  # what is said again must be remembered, unless it is a state
                begun = [*states, zeros_like(step(sequence[0], states).said)]

        def loop(x_t: Expr, *given: Expr) -> list[Expr]:
            told = step(x_t, list(given[-len(begun) :][:count]))
            return (told if mask is None else self.passed_over(told, *given)).results

        made = scan(loop, walked, begun, reverse=self.go_backwards, checkpoint=self.checkpoint)
        made, last = made if isinstance(made, list) else [made], 0 if self.go_backwards else -1
        result = self.in_order(made[place], mask) if self.return_sequences else made[place][last]
        return (result, *(state[last] for state in made[:count])) if self.return_state else result

    @property
    def says_zeros(self) -> bool:
        """Whether zeros are said where a mask leaves a step out."""
        return self.zero_output_for_mask and self.return_sequences

    def passed_over(self, told: Told, counts: Expr, *before: Expr) -> Told:
        """Return what a step tells where it counts, and else the states as they were and what was said before."""

        def chosen(new: Expr, old: Any) -> Expr:
            return where(expand_dims(counts, tuple(range(1, new.ndim))), new, old)  # type: ignore[no-any-return]

        states = [chosen(new, old) for new, old in zip(told.states, before, strict=False)]
        if self.says_zeros:
            return Told(chosen(told.said, 0), states, told.kept)
        if told.place < len(states):
            return Told(states[told.place], states, told.kept)
        said = chosen(told.said, before[-1])
        return Told(said, [*states, said], told.kept)

    def in_order(self, said: Expr, mask: Expr | None) -> Expr:
        """Return what was said at every step, (batch, time, features), and its mask, in the order of the walk."""
        result = swapaxes(flip(said, axis=0) if self.go_backwards else said, 0, 1)
        if mask is not None:
            result = masked(result, flip(mask, axis=1) if self.go_backwards else mask)
        return result  # type: ignore[no-any-return]

    def first_states(self, sequence: Expr, given: Any) -> States:
        """Return the states to begin with: those that were given, or zeros."""
        sizes, batch = self.state_sizes, sequence.shape[1]
        if given is None:
            return [zeros_like(repeat(sequence[0, :, :1], size, axis=1)) for size in sizes]
        states = [as_expr(s) for s in (given if isinstance(given, (list, tuple)) else [given])]
        shapes = [(batch, size) for size in sizes]
        if len(states) != len(shapes) or not all(map(agree, [s.shape for s in states], shapes)):
            raise ShapeError(
                f"{self.name}: expected an initial_state of {', '.join(map(shape_text, shapes))}. Received: "
                + ", ".join(f"{s}, of shape {shape_text(s.shape)}" for s in states)
            )
        return [to_dtype(s, sequence.dtype) for s in states]


def like(e: Expr) -> Expr:
    """Return a stand-in, to see what a step makes of such an expression."""
    return Input(e.name or "e", e.shape, e.dtype)


class RNN(Recurrent):
    r"""A cell of your own along a sequence, :math:`(y_t, s_t) = f(x_t, s_{t-1})` with :math:`s_0 = 0`.

    Parameters
    ----------
    cell : Layer
        It has a ``state_size``, an integer or one for each state, and its ``call(x_t, states)`` takes an element
        (batch, features) and a list of states (batch, size), and returns what it says and the new states.
    return_sequences : bool
        Whether the result is every :math:`y_t`, of shape (batch, time, ...), or the last, (batch, ...).
    return_state : bool
        Whether the last states come along: a tuple of the result and each of them.
    go_backwards : bool
        Whether to walk from the end to the beginning; results come in the order of that walk.
    zero_output_for_mask : bool
        Whether a sequence of results has zeros where a mask leaves a step out, instead of what was said before.
    checkpoint : bool or int, optional
        For the gradient, keep the states of every so many steps alone; see `pellucid.scan`.
    name : str, optional
        Without it ``rnn``, ``rnn_1`` and so on.

    Raises
    ------
    TypeError
        If the cell is none, or returns something else.
    ShapeError
        If the input is no (batch, time, features), or an initial state does not fit.

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
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        zero_output_for_mask: bool = False,
        checkpoint: bool | int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(return_sequences, return_state, go_backwards, zero_output_for_mask, checkpoint, name)
        if not isinstance(cell, Layer) or not hasattr(cell, "state_size"):
            raise UseError(
                f"{self.name}: expected a cell, which is a Layer with a state_size and a call(x_t, states). "
                f"Received: cell={cell!r}"
            )
        self.cell = self.inner(cell)

    @property
    def state_sizes(self) -> list[int]:
        """What the cell says of its states."""
        sizes = self.cell.state_size
        return [positive(self.name, "state_size", n) for n in (sizes if isinstance(sizes, (list, tuple)) else [sizes])]

    def build(self, x: Expr) -> None:
        """Let the cell make its parameters."""
        self.cell.ready(x[:, 0])

    def step_from(self, states: States) -> Step:
        """Return the cell's call."""

        def step(x_t: Expr, before: States) -> Told:
            told = self.cell.call(x_t, before)
            if not isinstance(told, (list, tuple)) or len(told) != 2:
                raise UseError(
                    f"{self.name}: expected {self.cell.name} to return what it says and the new states. "
                    f"Received: {told!r}"
                )
            said, new = told
            return Told(said, list(new) if isinstance(new, (list, tuple)) else [new])

        return step
