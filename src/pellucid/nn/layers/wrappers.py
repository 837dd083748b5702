"""Wrappers of layers, bidirectional and time-distributed, and of functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pellucid.graph.errors import OptionError, ShapeError, UseError, brief, near_miss
from pellucid.graph.expr import Expr, Operand, Shared, as_expr
from pellucid.graph.ops.concatenate import concatenate
from pellucid.graph.ops.permute import flip
from pellucid.graph.ops.reshape import broadcast_to, expand_dims, reshape, reshape_like
from pellucid.graph.traversal import replace_all, topological
from pellucid.graph.types import format_shape
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.recurrent import Recurrent
from pellucid.nn.masks import attach_mask

__all__ = ["Bidirectional", "TimeDistributed", "Lambda"]

MergeMode = Literal["concat", "sum", "mul", "ave"]

MERGE_MODES: dict[MergeMode, Callable[[Expr, Expr], Expr]] = {
    "concat": lambda a, b: concatenate([a, b], axis=-1),
    "sum": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "ave": lambda a, b: (a + b) / 2,
}


def suggest_instance(layer: object) -> str:
    """Return how to create a layer where its class was given."""
    return f"; write {layer.__name__}(...)" if isinstance(layer, type) else ""


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

    ndim: int = 3
    takes_mask = True
    keeps_mask = False  # `call` attaches it if the result is a sequence

    if TYPE_CHECKING:  # the number of results depends on the arguments

        def __call__(
            self, inputs: Operand | Sequence[Operand], *more: Operand, mask: Operand | None = None, **named: Any
        ) -> Any: ...

    def __init__(
        self,
        layer: Layer,
        merge_mode: MergeMode | None = "concat",
        backward_layer: Layer | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        if merge_mode is not None and merge_mode not in MERGE_MODES:
            raise OptionError(
                f"{self.name}: expected merge_mode to be one of {', '.join(map(repr, MERGE_MODES))}, or None. "
                f"Received: merge_mode={merge_mode!r}.{near_miss(str(merge_mode), MERGE_MODES)}"
            )
        self.merge_mode = merge_mode
        self.forward_layer: Recurrent = self.add_direction("layer", layer, "forward")
        other = layer if backward_layer is None else backward_layer
        self.backward_layer: Recurrent = self.add_direction("backward_layer", other, "backward")
        if backward_layer is None:
            self.backward_layer.go_backwards = True
        self.check_directions()

    def add_direction(self, argument: str, layer: Layer, name: str) -> Recurrent:
        """Add a clone of a layer. Its masked steps output zeros, as in Keras."""
        if not isinstance(layer, Recurrent):
            fix = suggest_instance(layer)
            raise UseError(
                f"{self.name}: expected a recurrent layer, such as LSTM. Received: {argument}={layer!r}{fix}"
            )
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

    def split_states(
        self, states: Sequence[Operand] | None
    ) -> tuple[Sequence[Operand] | None, Sequence[Operand] | None]:
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

    def call(
        self, x: Expr, initial_state: Sequence[Operand] | None = None, mask: Expr | None = None
    ) -> Expr | tuple[Expr, ...]:
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
        results = [attach_mask(y, mask) if sequences and mask is not None else y for y in outputs]
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

    def __init__(self, layer: Layer, name: str | None = None) -> None:
        super().__init__(name)
        if getattr(layer, "merges", True) or not isinstance(layer, Layer):
            raise UseError(
                f"{self.name}: expected a layer of one expression. Received: layer={layer!r}{suggest_instance(layer)}"
            )
        self.layer: Layer = self.add_sublayer(layer)

    def check_input(self, x: Expr) -> None:
        if x.ndim < 3:
            raise ShapeError(
                f"{self.name}: expected an input (batch, time, ...) with at least 3 axes. Received: {brief(x)}, "
                f"of shape {format_shape(x.shape)}"
            ).with_operands([x])

    def call(self, x: Expr) -> Expr:
        y = self.layer(reshape(x, (-1, *x.shape[2:])))
        if not isinstance(y, Expr):
            raise UseError(f"{self.name}: expected {self.layer.name} to have one result. Received: {y!r}")
        shape = (*x.shape[:2], *y.shape[1:])
        result: Expr
        if isinstance(x.shape[1], int):
            result = reshape(y, shape)
        else:
            # The length of the time axis is unknown: reshape like an array with the batch and time axes of the input.
            steps = x[(slice(None), slice(None), *[0] * (x.ndim - 2))]
            result = reshape_like(y, broadcast_to(expand_dims(steps, tuple(range(2, y.ndim + 1))), shape))
        return result


class Lambda(Layer):
    """Function of expressions as a layer, :math:`f(x)`, with a name and a row in summaries.

    The shared variables and layers that the function uses become parts of the layer. Variables that the function
    creates are created at the first call only; later calls reuse them.

    Parameters
    ----------
    function : function
        Function of an expression, or of a list of expressions if the layer is called on a list.
    arguments : dict, optional
        Keyword arguments of the function.
    name : str, optional
        Name of the layer. By default ``lambda``, ``lambda_1`` and so on.

    Raises
    ------
    TypeError
        If ``function`` is not callable, or creates different parameters at a later call.

    Examples
    --------
    >>> x = pel.matrix("x", shape=("n", 3))
    >>> Lambda(lambda x: x**2 + 1)(x)
    x ** 2 + 1
    >>> scale = Lambda(lambda x: x * pel.shared([1.0, 2.0, 3.0], "scale"))
    >>> scale(x), scale.parameters, scale(x) is scale(x)
    (x * scale, [scale], True)
    """

    keeps_mask = False

    def __init__(
        self, function: Callable[..., Any], arguments: Mapping[str, Any] | None = None, name: str | None = None
    ) -> None:
        super().__init__(name)
        if not callable(function):
            raise UseError(f"{self.name}: expected a function of an expression. Received: {function!r}")
        self.function = function
        self.arguments: dict[str, Any] = dict(arguments or {})

    def __call__(
        self, inputs: Operand | Sequence[Operand], *more: Operand, mask: Operand | None = None, **named: Any
    ) -> Any:
        self.merges: bool = bool(more) or isinstance(inputs, (list, tuple))
        return super().__call__(inputs, *more, mask=mask, **named)

    def call(self, x: Expr | list[Expr]) -> Expr | list[Expr]:
        first = not self.parts
        result = self.function(x, **self.arguments)
        if result is None:
            raise UseError(f"{self.name}: expected its function to return an expression. Received: None")
        results = [as_expr(e) for e in (result if isinstance(result, (list, tuple)) else [result])]
        used = self.find_parameters(results, x if isinstance(x, list) else [x])
        if first:
            for number, p in enumerate(used):
                p.name = p.name or f"{self.name}/parameter_{number}"
                p.trainable = p.trainable and self.trainable
            self.parts.extend(used)
        else:
            results = self.reuse_parameters(results, used)
        return results if isinstance(result, (list, tuple)) else results[0]

    def find_parameters(self, results: list[Expr], inputs: list[Expr]) -> list[Shared]:
        """Return the shared variables between inputs and results, except states of random streams."""
        before = set(topological(inputs))
        new = [e for e in topological(results, stop=before) if e not in before]
        return [e for e in new if isinstance(e, Shared) and e.default_update is None]

    def reuse_parameters(self, results: list[Expr], used: list[Shared]) -> list[Expr]:
        """Replace new parameters in the results by those of the first call."""
        known = set(self.parameters)
        new = [p for p in used if p not in known]
        unused = [p for p in self.parameters if p not in set(used)]
        if not new:
            return results
        if [p.type for p in new] != [p.type for p in unused]:
            raise UseError(
                f"{self.name}: expected its function to create the parameters of its first call, {unused}. "
                f"Received: {new}. Create parameters that depend on the input in the build method of a Layer subclass"
            )
        return replace_all(results, dict(zip(new, unused, strict=True)))
