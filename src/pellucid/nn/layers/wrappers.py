"""Layers around a layer: along a sequence from both ends, and at every step alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.graph.errors import OptionError, ShapeError, UseError, near_miss
from pellucid.graph.expr import Expr
from pellucid.graph.ops.concatenate import concatenate
from pellucid.graph.ops.permute import flip
from pellucid.graph.ops.reshape import broadcast_to, expand_dims, reshape, reshape_like
from pellucid.graph.types import shape_text
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.recurrent import Recurrent
from pellucid.nn.masks import masked

__all__ = ["Bidirectional", "TimeDistributed"]

MERGES: dict[str, Callable[[Expr, Expr], Any]] = {
    "concat": lambda a, b: concatenate([a, b], axis=-1),
    "sum": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "ave": lambda a, b: (a + b) / 2,
}


class Bidirectional(Layer):
    r"""A recurrent layer along a sequence from both ends, :math:`y_t = [\overrightarrow{h}_t, \overleftarrow{h}_t]`.

    Parameters
    ----------
    layer : Layer
        A recurrent layer. It is taken as a model for two new ones, which share nothing with it.
    merge_mode : {"concat", "sum", "mul", "ave"}, optional
        What is made of what the two say; with None they come apart, as two results.
    backward_layer : Layer, optional
        For the other direction, used as it is; without it one like ``layer``.
    name : str, optional
        Without it ``bidirectional``, ``bidirectional_1`` and so on.

    Raises
    ------
    TypeError
        If a layer is none that walks along a sequence.
    ValueError
        For an unknown ``merge_mode``, or if both layers go the same way, or one returns what the other does not.

    Examples
    --------
    >>> x = pel.tensor3("x", shape=("n", 8, 2))
    >>> from pellucid.nn import GRU
    >>> Bidirectional(GRU(16, return_sequences=True))(x).shape, Bidirectional(GRU(16), merge_mode="sum")(x).shape
    (('n', 8, 32), ('n', 16))

    References
    ----------
    M. Schuster and K. K. Paliwal, Bidirectional Recurrent Neural Networks, IEEE Transactions on Signal Processing 45
    (1997).
    """

    ndim = 3
    takes_mask = True
    keeps_mask = False  # `call` hangs it on by itself, where the result is a sequence

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        backward_layer: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        if merge_mode is not None and merge_mode not in MERGES:
            raise OptionError(
                f"{self.name}: expected merge_mode to be one of {', '.join(map(repr, MERGES))}, or None. "
                f"Received: merge_mode={merge_mode!r}.{near_miss(str(merge_mode), MERGES)}"
            )
        self.merge_mode = merge_mode
        self.forward_layer = self.direction("layer", layer, "forward")
        other = layer if backward_layer is None else backward_layer
        self.backward_layer = self.direction("backward_layer", other, "backward")
        if backward_layer is None:
            self.backward_layer.go_backwards = True
        self.compare()

    def direction(self, argument: str, layer: Any, way: str) -> Recurrent:
        """Take a new layer like this one for a part, which says 0 where a mask leaves a step out, as Keras's does."""
        if not isinstance(layer, Recurrent):
            raise UseError(
                f"{self.name}: expected a layer that walks along a sequence, such as LSTM. "
                f"Received: {argument}={layer!r}"
            )
        made: Recurrent = self.inner(layer.clone(name=f"{self.name}/{way}"))
        made.zero_output_for_mask = made.return_sequences
        return made

    def compare(self) -> None:
        """Refuse two layers that do not belong together."""
        ahead, back = self.forward_layer, self.backward_layer
        if ahead.go_backwards or not back.go_backwards:
            raise OptionError(
                f"{self.name}: expected go_backwards=False of the layer and True of the backward_layer. "
                f"Received: {ahead.go_backwards} and {back.go_backwards}"
            )
        for name in ("return_sequences", "return_state"):
            if getattr(ahead, name) != getattr(back, name):
                raise OptionError(
                    f"{self.name}: expected the same {name} of both layers. "
                    f"Received: {getattr(ahead, name)} and {getattr(back, name)}"
                )

    def divided(self, states: Any) -> tuple[Any, Any]:
        """Return the first states of the one and of the other, if there are any."""
        if states is None:
            return None, None
        count, both = len(self.forward_layer.state_sizes), len(self.backward_layer.state_sizes)
        if not isinstance(states, (list, tuple)) or len(states) != count + both:
            raise ShapeError(
                f"{self.name}: expected an initial_state of the states of the forward layer and then those of the "
                f"backward layer, {count} and {both}. Received: {states}"
            )
        return states[:count], states[count:]

    def call(self, x: Expr, initial_state: Any = None, mask: Expr | None = None) -> Any:
        """Return what both say together, and perhaps the last states, those of the forward layer first."""
        first, second = self.divided(initial_state)
        ahead = self.forward_layer(x, initial_state=first, mask=mask)
        back = self.backward_layer(x, initial_state=second, mask=mask)
        states: tuple[Expr, ...] = ()
        if self.forward_layer.return_state:
            (ahead, *ahead_states), (back, *back_states) = ahead, back
            states = (*ahead_states, *back_states)
        sequences = self.forward_layer.return_sequences
        back = flip(back, axis=1) if sequences else back
        said = [ahead, back] if self.merge_mode is None else [MERGES[self.merge_mode](ahead, back)]
        results = [masked(y, mask) if sequences and mask is not None else y for y in said]
        return (*results, *states) if len(results) + len(states) > 1 else results[0]


class TimeDistributed(Layer):
    r"""A layer at every step alike, :math:`y_t = f(x_t)`.

    All steps are one batch for it, so that it works on them at once.

    Parameters
    ----------
    layer : Layer
        :math:`f`.
    name : str, optional
        Without it ``time_distributed``, ``time_distributed_1`` and so on.

    Raises
    ------
    TypeError
        If ``layer`` is none that is called on one expression.
    ShapeError
        If the input is no (batch, time, ...) with at least one axis more.

    Examples
    --------
    >>> from pellucid.nn import Conv2D
    >>> film = pel.tensor("film", ("n", 10, 28, 28, 1))
    >>> TimeDistributed(Conv2D(4, 3))(film).shape
    ('n', 10, 26, 26, 4)
    """

    def __init__(self, layer: Any, name: str | None = None) -> None:
        super().__init__(name)
        if not isinstance(layer, Layer) or layer.merges:
            raise UseError(f"{self.name}: expected a layer that is called on one expression. Received: layer={layer!r}")
        self.layer = self.inner(layer)

    def check(self, x: Any) -> None:
        """Refuse what has no steps."""
        if x.ndim < 3:
            raise ShapeError(
                f"{self.name}: expected an input (batch, time, ...) with at least one axis more. Received: {x}, of "
                f"shape {shape_text(x.shape)}"
            )

    def call(self, x: Expr) -> Any:
        """Return the layer's result for every step."""
        said = self.layer(reshape(x, (-1, *x.shape[2:])))
        if not isinstance(said, Expr):
            raise UseError(f"{self.name}: expected {self.layer.name} to have one result. Received: {said!r}")
        inner = said.shape[1:]
        if isinstance(x.shape[1], int):
            return reshape(said, (*x.shape[:2], *inner))
        # Neither the batch nor the time is known, so both are taken from what they are.
        steps = x[(slice(None), slice(None), *[0] * (x.ndim - 2))]
        return reshape_like(
            said, broadcast_to(expand_dims(steps, tuple(range(2, said.ndim + 1))), (*x.shape[:2], *inner))
        )
