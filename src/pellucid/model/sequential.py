"""Layers one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pellucid.graph.errors import ShapeError, UseError
from pellucid.graph.expr import Expr
from pellucid.graph.expr import Input as GraphInput
from pellucid.graph.types import Dim
from pellucid.model.errors import ModelError
from pellucid.model.functional_graph import Connections, Place
from pellucid.model.model import Model
from pellucid.nn.layers import Input, Layer
from pellucid.nn.layers.call_tracking import Call


class Sequential(Model):
    r"""Layers one after the other, :math:`f_k(\dots f_2(f_1(x)))`: a layer itself, and a model that can be trained.

    Parameters
    ----------
    layers : sequence of Layer
        From the input on. `nn.Input` at their head says what a sample looks like; without it the model is built when
        it first meets an expression or data.
    name : str, optional
        Without it ``sequential``, ``sequential_1`` and so on.

    Attributes
    ----------
    layers : list of Layer
        Without the input.
    inputs, outputs : list of Expr
        The input and what becomes of it, while training; `pellucid.inference` makes it what it is afterwards.
    parameters : list of Shared
        Those of all layers, in order; empty before the model is built.
    history : History or None
        What the last `fit` measured.

    Raises
    ------
    TypeError
        For something that is no layer.
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

    def __init__(self, layers: Iterable[Layer | Input] = (), name: str | None = None) -> None:
        self.begin(name)
        self._layers: list[Layer] = []
        self._stages: list[Expr] = []
        self.config["layers"] = []
        for layer in layers:
            self.add(layer)

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the input."""
        return self._layers

    @property
    def output_names(self) -> list[str]:
        """What the output is called: as the last layer is."""
        return [self._layers[-1].name if self._layers else self.name]

    def names_to_compile(self) -> list[str]:
        """Return the name of the one output, which it has before it is built."""
        return self.output_names

    def add(self, layer: Layer | Input) -> None:
        """Put another layer after the last one.

        What was compiled for training and prediction is compiled again; parameters stay.

        Raises
        ------
        TypeError
            For something that is no layer.
        ModelError
            For an input that does not stand first.
        ShapeError
            If the layer does not fit the one before it.
        """
        if isinstance(layer, GraphInput):
            if self._layers or self._stages:
                raise ModelError(f"{self.name}: nn.Input stands first and once. Received: {layer} after {self.last()}")
            self.build_on(layer)
            self.config["layers"].append(layer)
            return
        if not isinstance(layer, Layer):
            way_out = (
                f"write {layer.__name__}(...)" if isinstance(layer, type) else "nn.Activation(f) makes a function one"
            )
            raise UseError(f"{self.name}: expected a layer. Received: {layer!r}; {way_out}")
        if self._stages:
            stages = [*self._stages, layer(self._stages[-1])]
            self._layers.append(layer)
            self.take(stages)
        else:
            self._layers.append(layer)
        self.config["layers"].append(layer)
        self.forget()

    def pop(self) -> Layer:
        """Take the last layer away and return it.

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
            self.take(self._stages[:-1])
        self.forget()
        return layer

    def last(self) -> str:
        """Name what stands last."""
        return repr(self._layers[-1]) if self._layers else str(self._stages[-1])

    def build_on(self, given: Expr) -> None:
        """Build the layers there are, on an input of the graph."""
        stages: list[Expr] = [given]
        for layer in self._layers:
            stages.append(layer(stages[-1]))
        self.take(stages)

    def take(self, stages: list[Expr]) -> None:
        """Take the input and what each layer makes of it for the model's inside."""
        self._stages = stages
        calls = [Call(layer, before, {}) for layer, before in zip(self._layers, stages, strict=False)]
        places = [Place(call, {0: made}) for call, made in zip(calls, stages[1:], strict=True)]
        self.connect(Connections(stages[:1], stages[-1:], places, []))

    def rewrite(self, before: Connections) -> None:
        """Call the layers anew."""
        self.build_on(before.inputs[0])

    def on(self, shape: Sequence[Dim], dtype: Any = None) -> None:
        """Build the layers for samples of this shape."""
        self.build_on(Input(shape, dtype))

    def check(self, x: Any) -> None:
        """Let the layers say what does not fit."""

    def build(self, x: Expr) -> None:
        """Make the parameters for inputs like this one."""
        if not x.ndim:
            raise ShapeError(f"{self.name}: expected an input with an axis for the batch. Received: {x}, a scalar")
        self.on(x.shape[1:], x.dtype)

    def call(self, x: Expr) -> Expr:
        """Return what the layers make of an expression, one after the other."""
        for layer in self._layers:
            x = layer(x)
        return x

    def regularization(self) -> Any:
        """Return what the regularizers of all layers add to a loss: a scalar, or 0.0."""
        return sum((layer.regularization() for layer in dict.fromkeys(self._layers)), 0.0)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {', '.join(layer.name for layer in self._layers) or 'no layers'}>"
