"""Layers one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pellucid.graph.errors import ShapeError, UseError
from pellucid.graph.expr import Expr
from pellucid.graph.types import Dim
from pellucid.model.errors import ModelError
from pellucid.model.model import Model
from pellucid.nn.layers import Input, Layer


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
        super().__init__(name)
        self.config["layers"] = []
        for layer in layers:
            self.add(layer)

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
        if isinstance(layer, Input):
            if self.layers or self.stages:
                raise ModelError(f"{self.name}: nn.Input stands first and once. Received: {layer} after {self.last()}")
            self.begin(layer)
            self.config["layers"].append(layer)
            return
        if not isinstance(layer, Layer):
            way_out = (
                f"write {layer.__name__}(...)" if isinstance(layer, type) else "nn.Activation(f) makes a function one"
            )
            raise UseError(f"{self.name}: expected a layer. Received: {layer!r}; {way_out}")
        if self.stages:
            self.stages.append(self.after(self.stages[-1], layer))
        self.layers.append(layer)
        self.config["layers"].append(layer)
        self.forget()

    def names_to_compile(self) -> list[str]:
        """Return the name of the one output, which it has before it is built."""
        return self.output_names

    def last(self) -> str:
        """Name what stands last."""
        return repr(self.layers[-1]) if self.layers else str(self.stages[-1])

    def begin(self, given: Input) -> None:
        """Build the layers there are, for samples of this kind."""
        stages: list[Expr] = [given.expression()]
        for layer in self.layers:
            stages.append(self.after(stages[-1], layer))
        self.stages = stages
        self.built = True

    def after(self, x: Expr, layer: Layer) -> Expr:
        """Call a layer, and count its parameters among the model's."""
        result: Expr = layer(x)
        if layer not in self.parts:
            self.inner(layer)
        return result

    def on(self, shape: Sequence[Dim], dtype: Any = None) -> None:
        """Build the layers for samples of this shape."""
        self.begin(Input(shape, dtype))

    def build(self, x: Expr) -> None:
        """Make the parameters for inputs like this one."""
        if not x.ndim:
            raise ShapeError(f"{self.name}: expected an input with an axis for the batch. Received: {x}, a scalar")
        self.on(x.shape[1:], x.dtype)

    def call(self, x: Expr) -> Expr:
        """Return what the layers make of an expression, one after the other."""
        for layer in self.layers:
            x = layer(x)
        return x

    def regularization(self) -> Any:
        """Return what the regularizers of all layers add to a loss: a scalar, or 0.0."""
        return sum((layer.regularization() for layer in dict.fromkeys(self.layers)), 0.0)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {', '.join(layer.name for layer in self.layers) or 'no layers'}>"
