"""Models whose layers form a chain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Self

from pellucid.graph.errors import ShapeError, UseError
from pellucid.graph.expr import Expr
from pellucid.graph.expr import Input as GraphInput
from pellucid.graph.types import Dim
from pellucid.model.errors import ModelError
from pellucid.model.functional_graph import CallNode, FunctionalGraph, clone_input
from pellucid.model.model import Model
from pellucid.nn.layers import Input, Layer
from pellucid.nn.layers.call_tracking import CallRecord
from pellucid.typing import DTypeLike


class Sequential(Model):
    r"""A chain of layers, :math:`f_k(\dots f_2(f_1(x)))`: a model that can be trained, and a layer itself.

    Parameters
    ----------
    layers : sequence of Layer
        The layers from input to output. `nn.Input` in the first place gives the shape of a sample; without it, the
        model is built when it first receives an expression or data.
    name : str, optional
        By default ``sequential``, ``sequential_1`` and so on.

    Attributes
    ----------
    layers : list of Layer
        The layers, without the input. The other attributes are those of `Model`; ``inputs`` and ``outputs`` exist once
        the model is built.

    Raises
    ------
    TypeError
        For an item that is not a layer.
    ShapeError
        If a layer does not fit the one before it.

    Examples
    --------
    >>> from pellucid import nn
    >>> model = pel.Sequential([nn.Input((2,)), nn.Dense(3, activation="tanh"), nn.Dense(2, activation="softmax")])
    >>> model.compile(nn.optimizers.SGD(0.1), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> y = (x[:, 0] > x[:, 1]).astype(int)
    >>> history = model.fit(x, y, epochs=20, seed=0, verbose=0).history
    >>> history["loss"][-1] < history["loss"][0]
    True
    >>> model.predict(x[:3]).shape
    (3, 2)
    """

    is_sequential = True

    def __init__(self, layers: Iterable[Layer | GraphInput] = (), name: str | None = None) -> None:
        self.begin(name)
        self._layers: list[Layer] = []
        self._stages: list[Expr] = []
        self.config["layers"] = []
        if isinstance(layers, (Layer, GraphInput)):
            raise UseError(
                f"{self.name}: expected a list of layers, as in pel.Sequential([layer]). Received: {layers!r}"
            )
        for layer in layers:
            self.add(layer)

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the input."""
        return self._layers

    @property
    def output_names(self) -> list[str]:
        """Name of the output: that of the last layer, known before the model is built."""
        return [self._layers[-1].name if self._layers else self.name]

    def add(self, layer: Layer | GraphInput) -> None:
        """Add a layer after the last one.

        Training and prediction are compiled again; parameters stay.

        Parameters
        ----------
        layer : Layer
            The new last layer.

        Raises
        ------
        TypeError
            For an object that is not a layer.
        ModelError
            For an input that is not first.
        ShapeError
            If the layer does not fit the one before it.
        """
        if isinstance(layer, GraphInput):
            if self._layers or self._stages:
                last = self._layers[-1] if self._layers else self._stages[-1]
                raise ModelError(
                    f"{self.name}: nn.Input must come first, and only once. Received: {layer} after {last}"
                )
            self.build_on(layer)
            self.config["layers"].append(layer)
            return
        if not isinstance(layer, Layer):
            fix = f"write {layer.__name__}(...)" if isinstance(layer, type) else "wrap a function in nn.Activation(f)"
            raise UseError(f"{self.name}: expected a layer. Received: {layer!r}; {fix}")
        stages = [*self._stages, layer(self._stages[-1])] if self._stages else []  # an error leaves the model as it is
        self._layers.append(layer)
        self.config["layers"].append(layer)
        if stages:
            self.set_stages(stages)
        self.reset_programs()

    def pop(self) -> Layer:
        """Remove the last layer and return it.

        Raises
        ------
        ModelError
            If there is none.
        """
        if not self._layers:
            raise ModelError(f"{self.name} has no layers")
        layer = self._layers.pop()
        self.config["layers"].pop()
        if layer not in self._layers:
            self.parts = [part for part in self.parts if part is not layer]
        if self._stages:
            self.set_stages(self._stages[:-1])
        self.reset_programs()
        return layer

    def build_on(self, e: Expr) -> None:
        """Call the layers on an input of the graph."""
        stages: list[Expr] = [e]
        for layer in self._layers:
            stages.append(layer(stages[-1]))
        self.set_stages(stages)

    def set_stages(self, stages: list[Expr]) -> None:
        """Set the graph from the input and the outputs of all layers."""
        self._stages = stages
        calls = [CallRecord(layer, before, {}) for layer, before in zip(self._layers, stages, strict=False)]
        nodes = [CallNode(call, {0: output}) for call, output in zip(calls, stages[1:], strict=True)]
        self.set_functional_graph(FunctionalGraph(stages[:1], stages[-1:], nodes, []))

    def rebuild(self, graph: FunctionalGraph) -> None:
        """Call the layers of the graph again."""
        self.build_on(graph.inputs[0])

    def build_for(self, sample_shape: Sequence[Dim], dtype: DTypeLike | None = None) -> None:
        """Build the layers for samples of this shape."""
        self.build_on(Input(sample_shape, dtype))

    def clone_structure(self, layer_for: Callable[[Layer], Layer], name: str | None = None) -> Self:
        inputs: list[Layer | GraphInput] = [clone_input(e) for e in self.inputs] if self.built else []
        return type(self)([*inputs, *map(layer_for, self.layers)], name=name)

    def check_input(self, x: Expr | list[Expr]) -> None:
        """Leave the check to the layers."""

    def build(self, x: Expr) -> None:
        """Create the parameters for inputs like this one."""
        if not x.ndim:
            raise ShapeError(f"{self.name}: expected an input with a batch axis. Received: {x}, a scalar")
        self.build_for(x.shape[1:], x.dtype)

    def call(self, x: Expr) -> Expr:
        """Apply the layers in order."""
        for layer in self._layers:
            x = layer(x)
        return x

    def regularization(self) -> Expr | float:
        """Return the sum of the layers' regularization penalties: a scalar, or 0.0."""
        return sum((layer.regularization() for layer in dict.fromkeys(self._layers)), 0.0)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {', '.join(layer.name for layer in self._layers) or 'no layers'}>"
