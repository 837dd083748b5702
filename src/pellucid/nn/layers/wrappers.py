"""Bidirectional and time-distributed wrappers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.graph.errors import OptionError, ShapeError, UseError, near_miss
from pellucid.graph.expr import Expr
from pellucid.graph.ops.concatenate import concatenate
from pellucid.graph.ops.permute import flip
from pellucid.graph.ops.reshape import broadcast_to, expand_dims, reshape, reshape_like
from pellucid.graph.types import format_shape
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.recurrent import Recurrent
from pellucid.nn.masks import masked

__all__ = ["Bidirectional", "TimeDistributed"]

MERGE_MODES: dict[str, Callable[[Expr, Expr], Any]] = {
    "concat": lambda a, b: concatenate([a, b], axis=-1),
    "sum": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "ave": lambda a, b: (a + b) / 2,
}


class Bidirectional(Layer):
    r"""Bidirectional recurrent layer, :math:`y_t = [\overrightarrow{h}_t, \overleftarrow{h}_t]`.

    Parameters
    ----------
    layer : Layer
        A recurrent layer. It is cloned for both directions.
    merge_mode : {"concat", "sum", "mul", "ave"}, optional
        How to combine the two outputs. None: return both.
    backward_layer : Layer, optional
        Layer for the backward direction. Default: a clone of ``layer``.
    name : str, optional
        Name of the layer. By default ``bidirectional``, ``bidirectional_1`` and so on.

    Raises
    ------
    TypeError
        If a layer is not recurrent.
    ValueError
        If ``merge_mode`` is unknown, both layers have the same direction, or they return different things.

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
    keeps_mask = False  # `call` attaches it if the result is a sequence

    def __init__(
        self, layer: Any, merge_mode: str | None = "concat", backward_layer: Any = None, name: str | None = None
    ) -> None:
        super().__init__(name)
        if merge_mode is not None and merge_mode not in MERGE_MODES:
            raise OptionError(
                f"{self.name}: expected merge_mode to be one of {', '.join(map(repr, MERGE_MODES))}, or None. "
                f"Received: merge_mode={merge_mode!r}.{near_miss(str(merge_mode), MERGE_MODES)}"
            )
        self.merge_mode = merge_mode
        self.forward_layer = self.add_direction("layer", layer, "forward")
        other = layer if backward_layer is None else backward_layer
        self.backward_layer = self.add_direction("backward_layer", other, "backward")
        if backward_layer is None:
            self.backward_layer.go_backwards = True
        self.check_directions()

    def add_direction(self, argument: str, layer: Any, name: str) -> Recurrent:
        """Add a clone of a layer. Its masked steps output zeros, as in Keras."""
        if not isinstance(layer, Recurrent):
            raise UseError(f"{self.name}: expected a recurrent layer, such as LSTM. Received: {argument}={layer!r}")
        clone: Recurrent = self.add_sublayer(layer.clone(name=f"{self.name}/{name}"))
        clone.zero_output_for_mask = clone.return_sequences
        return clone

    def check_directions(self) -> None:
        """Check that the two layers run in opposite directions and fit together."""
        forward, backward = self.forward_layer, self.backward_layer
        if forward.go_backwards or not backward.go_backwards:
            raise OptionError(
                f"{self.name}: expected go_backwards=False of the layer and True of the backward_layer. "
                f"Received: {forward.go_backwards} and {backward.go_backwards}"
            )
        for name in ("return_sequences", "return_state"):
            if getattr(forward, name) != getattr(backward, name):
                raise OptionError(
                    f"{self.name}: expected the same {name} of both layers. "
                    f"Received: {getattr(forward, name)} and {getattr(backward, name)}"
                )

    def split_states(self, states: Any) -> tuple[Any, Any]:
        """Split the initial states into those of the forward and the backward layer."""
        if states is None:
            return None, None
        count, backward_count = len(self.forward_layer.state_sizes), len(self.backward_layer.state_sizes)
        if not isinstance(states, (list, tuple)) or len(states) != count + backward_count:
            raise ShapeError(
                f"{self.name}: expected an initial_state of the states of the forward layer and then those of the "
                f"backward layer, {count} and {backward_count}. Received: {states}"
            )
        return states[:count], states[count:]

    def call(self, x: Expr, initial_state: Any = None, mask: Expr | None = None) -> Any:
        first, second = self.split_states(initial_state)
        forward = self.forward_layer(x, initial_state=first, mask=mask)
        backward = self.backward_layer(x, initial_state=second, mask=mask)
        states: tuple[Expr, ...] = ()
        if self.forward_layer.return_state:
            (forward, *forward_states), (backward, *backward_states) = forward, backward
            states = (*forward_states, *backward_states)
        sequences = self.forward_layer.return_sequences
        backward = flip(backward, axis=1) if sequences else backward
        outputs = [forward, backward] if self.merge_mode is None else [MERGE_MODES[self.merge_mode](forward, backward)]
        results = [masked(y, mask) if sequences and mask is not None else y for y in outputs]
        return (*results, *states) if len(results) + len(states) > 1 else results[0]


class TimeDistributed(Layer):
    r"""Layer applied to every step of a sequence, :math:`y_t = f(x_t)`.

    All steps form one batch, so that they are computed at once.

    Parameters
    ----------
    layer : Layer
        Layer :math:`f`.
    name : str, optional
        Name of the layer. By default ``time_distributed``, ``time_distributed_1`` and so on.

    Raises
    ------
    TypeError
        If ``layer`` is not a layer of one expression.
    ShapeError
        If the input is not (batch, time, ...) with at least 3 axes.

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
            raise UseError(f"{self.name}: expected a layer of one expression. Received: layer={layer!r}")
        self.layer = self.add_sublayer(layer)

    def check_input(self, x: Any) -> None:
        if x.ndim < 3:
            raise ShapeError(
                f"{self.name}: expected an input (batch, time, ...) with at least 3 axes. Received: {x}, of "
                f"shape {format_shape(x.shape)}"
            )

    def call(self, x: Expr) -> Any:
        y = self.layer(reshape(x, (-1, *x.shape[2:])))
        if not isinstance(y, Expr):
            raise UseError(f"{self.name}: expected {self.layer.name} to have one result. Received: {y!r}")
        inner = y.shape[1:]
        if isinstance(x.shape[1], int):
            return reshape(y, (*x.shape[:2], *inner))
        # The length of the time axis is unknown: reshape like an array that has the batch and time axes of the input.
        steps = x[(slice(None), slice(None), *[0] * (x.ndim - 2))]
        return reshape_like(y, broadcast_to(expand_dims(steps, tuple(range(2, y.ndim + 1))), (*x.shape[:2], *inner)))
