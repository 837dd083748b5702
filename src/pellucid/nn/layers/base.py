"""What every layer is: an object that is called on an expression and makes its parameters at the first call."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, Shared, as_expr
from pellucid.graph.types import as_float, shape_text, unify
from pellucid.nn.regularizers import Penalty

_counters: dict[str, Iterator[int]] = defaultdict(itertools.count)


def automatic_name(kind: str) -> str:
    """Return the next name of a kind of layer in this process: ``dense``, ``dense_1``, and so on.

    Examples
    --------
    >>> automatic_name("MyLayer2D"), automatic_name("MyLayer2D")
    ('my_layer2d', 'my_layer2d_1')
    """
    snake = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", kind)
    snake = re.sub(r"([a-z])([A-Z])", r"\1_\2", snake).lower()
    number = next(_counters[snake])
    return f"{snake}_{number}" if number else snake


class Layer:
    """A function on expressions that brings its own parameters.

    A new layer says what it is in `call`, and makes its parameters in `build`, which runs at the first call only: a
    layer that is called again uses them again.

    Parameters
    ----------
    name : str, optional
        Without it, that of the class with a number, counted in this process.

    Attributes
    ----------
    parameters : list of Shared
        In the order in which they were made; empty before the first call.
    built : bool
        Whether it was called.
    """

    ndim: int | None = None
    """How many axes the input has, the batch's among them, where only one number will do."""

    def __init__(self, name: str | None = None) -> None:
        self.name = automatic_name(type(self).__name__) if name is None else name
        self.parameters: list[Shared] = []
        self.built = False
        self.features: int | None = None
        self._penalties: list[tuple[Shared, Penalty]] = []

    def __call__(self, x: Any) -> Expr:
        """Write the layer into the graph, on an expression."""
        x = as_expr(x)
        self.check(x)
        if not self.built:
            self.build(x)
            self.built = True
        return self.call(x)

    def build(self, x: Expr) -> None:
        """Make the parameters for inputs like this one."""

    def call(self, x: Expr) -> Expr:
        """Return the layer's formula on an expression."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it computes")

    def check(self, x: Expr) -> None:
        """Refuse an input that does not fit, in the layer's name."""
        if self.ndim is not None and x.ndim != self.ndim:
            raise ShapeError(
                f"{self.name}: expected an input of {self.ndim} axes. Received: {x}, of shape {shape_text(x.shape)}"
            )
        if self.features is not None and (not x.ndim or unify(x.shape[-1], self.features) is None):
            raise ShapeError(
                f"{self.name}: its parameters were made for inputs whose last axis is {self.features}. "
                f"Received: {x}, of shape {shape_text(x.shape)}; a layer that is called again shares its parameters, "
                "so make another layer"
            )

    def expect_features(self, x: Expr) -> int:
        """Return the length of the last axis, which every later input must share."""
        size = x.shape[-1] if x.ndim >= 2 else None
        if not isinstance(size, int):
            raise ShapeError(
                f"{self.name}: expected an input (batch, ..., features) whose last axis has a known length. "
                f"Received: {x}, of shape {shape_text(x.shape)}"
            )
        self.features = size
        return size

    def parameter(
        self,
        name: str,
        shape: tuple[int, ...],
        initializer: Callable[..., Any],
        like: Expr,
        regularizer: Penalty | None = None,
        regularizable: bool = True,
    ) -> Shared:
        """Make a parameter of the layer, of the input's dtype if that is of real numbers and else `config.floatx`."""
        value = initializer(shape, dtype=as_float(like.dtype))
        if np.shape(value) != shape:
            raise ShapeError(
                f"{self.name}: its {name} has shape {shape_text(shape)}. Received: a value of shape "
                f"{shape_text(np.shape(value))} from the initializer {initializer!r}"
            )
        made = Shared(value, f"{self.name}/{name}", regularizable=regularizable)
        self.parameters.append(made)
        if regularizer is not None:
            self._penalties.append((made, regularizer))
        return made

    def regularization(self) -> Any:
        """Return what its regularizers make of this layer's parameters, to be added to a loss: a scalar, or 0.0."""
        return sum((penalty(parameter) for parameter, penalty in self._penalties), 0.0)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


def positive(layer: str, name: str, value: Any) -> int:
    """Return a number of units, or say that it must be one."""
    if not hasattr(value, "__index__") or isinstance(value, bool) or int(value) < 1:
        raise ValueError(f"{layer}: expected {name} to be an integer of 1 or more. Received: {name}={value!r}")
    return int(value)
