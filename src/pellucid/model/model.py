"""What every model is: a layer with an inside that can be looked at, trained, and used on data, as in Keras."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from pellucid.graph.errors import ShapeError, brief, near_miss
from pellucid.graph.expr import Expr, Shared, agree
from pellucid.graph.types import Dim, shape_text
from pellucid.inspect.methods import Opened
from pellucid.model.cloning import check_inputs, cloned
from pellucid.model.errors import ModelError
from pellucid.model.functional_graph import Connections, as_given, connections_of, structure
from pellucid.model.summary import table
from pellucid.nn.layers import Layer
from pellucid.nn.optimizers import Optimizer
from pellucid.training.data_adapter import spread
from pellucid.training.methods import Trainable
from pellucid.training.train_state import Names, layers_inside, parameter_paths, parts_of, state_of

Array = np.ndarray[Any, Any]


class Model(Trainable, Opened, Layer):
    r"""A graph from inputs to outputs that can be trained and used on data, and is a layer itself.

    The layers are found by walking the graph. What stands in between, such as a sum of two expressions or a variable of
    one's own, is part of the model too.

    Parameters
    ----------
    inputs : Expr, or a list or dict of Expr
        Inputs of the graph, such as `nn.Input` makes them, or any other expressions from which the outputs follow.
    outputs : Expr, or a list or dict of Expr
        What becomes of them, while training.
    name : str, optional
        Without it ``model``, ``model_1`` and so on.

    Attributes
    ----------
    layers : list of Layer
        Those that were called, in the order in which they are computed.
    inputs, outputs : list of Expr
        From where to where; `pellucid.inference` makes of the outputs what they are after training.
    parameters : list of Shared
        Those of all layers, and those that stand between them.
    history : History or None
        What the last `fit` measured.
    training : dict
        Arguments for `fit`, of a model that was read by `pellucid.from_toml`.

    Raises
    ------
    ShapeError
        If an output depends on an input that is not among those given, or the inputs are no batches of one size.

    Examples
    --------
    >>> from pellucid import nn
    >>> image, age = nn.Input((64,), name="image"), nn.Input((1,), name="age")
    >>> h = nn.Dense(8, activation="relu")(image) + nn.Dense(8)(age)
    >>> kind = nn.Dense(3, activation="softmax", name="kind")(h)
    >>> size = nn.Dense(1, name="size")(h)
    >>> model = pel.Model([image, age], [kind, size])
    >>> model.compile(
    ...     "adam", {"kind": "sparse_categorical_crossentropy", "size": "mse"}, metrics={"kind": ["accuracy"]}
    ... )
    >>> x = {"image": np.ones((10, 64)), "age": np.ones((10, 1))}
    >>> history = model.fit(x, {"kind": np.zeros(10, int), "size": np.ones((10, 1))}, epochs=2)
    >>> list(history.history)
    ['loss', 'kind_loss', 'size_loss', 'kind_accuracy']
    """

    _form: Any
    _output_form: Any

    keeps_mask = False  # the layers inside hang it on by themselves

    unsaved: ClassVar[Mapping[str, Callable[[], Any]]] = {
        "_objectives": dict,
        "_predictors": dict,
        "_latest": lambda: None,
    }
    """What a file leaves out, for it was compiled, and what it begins as when the model is loaded."""

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None) -> None:
        self.begin(name)
        given, form = structure(inputs, self.name, "inputs")
        made, output_form = structure(outputs, self.name, "outputs")
        check_inputs(given, self.name)
        self._form, self._output_form = form, output_form
        self.merges = self._form is not None
        self.connect(connections_of(given, made, self.name))

    def begin(self, name: str | None) -> None:
        """Be a model without an inside yet."""
        Layer.__init__(self, name)
        self._form = self._output_form = None
        self._connections: Connections | None = None
        self._frozen: list[bool] = []
        self.training: dict[str, Any] = {}
        self.begin_training()

    def connect(self, connections: Connections) -> None:
        """Take a graph for the model's inside."""
        self._connections = connections
        own = {p for layer in connections.layers for p in layer.parameters}
        known = set(self.parts)
        for part in [*connections.layers, *(p for p in connections.loose if p not in own)]:
            if part not in known:
                self.inner(part)
        self._frozen = self.frozen_now(connections)
        self.built = True

    @property
    def connections(self) -> Connections:
        """The graph as calls of layers and what stands in between, written as the layers are now.

        A layer that is another formula while it is frozen, such as `BatchNormalization`, is written anew when that has
        changed.
        """
        if self._connections is None:
            raise ModelError(
                f"{self.name} is not built: it has no parameters before it knows what a sample looks like. Begin its "
                "layers with nn.Input(shape), call it on an expression, or fit it"
            )
        if self._frozen != self.frozen_now(self._connections):
            self.rewrite(self._connections)
        return self._connections

    def rewrite(self, before: Connections) -> None:
        """Write the graph anew."""
        self.connect(connections_of(before.inputs, before.written_on(before.inputs), self.name))

    def frozen_now(self, connections: Connections) -> list[bool]:
        """Return which layers are frozen of those that differ by it."""
        if connections.differing is None:
            connections.differing = [layer for layer in layers_inside(self) if layer.differs_when_frozen]
        return [not layer.trainable for layer in connections.differing]

    def on(self, shape: Sequence[Dim], dtype: Any = None) -> None:
        """Build the model for samples of this shape, which a `Sequential` without an input is not yet."""

    @property
    def layers(self) -> list[Layer]:
        """The layers, in the order in which they are computed."""
        return self.connections.layers

    @property
    def inputs(self) -> list[Expr]:
        """The inputs that the model was built on."""
        return self.connections.inputs

    @property
    def outputs(self) -> list[Expr]:
        """What the model makes of its inputs, while training."""
        return self.connections.outputs

    @property
    def stages(self) -> list[Expr]:
        """The inputs, and what each layer makes of what it is given; empty before the model is built."""
        return [*self.inputs, *(e for place in self.connections.places for e in place.outputs)] if self.built else []

    @property
    def input_names(self) -> list[str]:
        """What the inputs are called: by the keys of a dict, or by their own names."""
        names = Names()
        keys = self._form if isinstance(self._form, tuple) else [e.name or "input" for e in self.inputs]
        return [names(str(key)) for key in keys]

    @property
    def output_names(self) -> list[str]:
        """What the outputs are called: by the keys of a dict, or as the layers are that they come from."""
        names = Names()
        if isinstance(self._output_form, tuple):
            return [names(str(key)) for key in self._output_form]
        writers = self.connections.writers()
        last = [writers[e][-1][0].layer.name if e in writers else e.name or "output" for e in self.outputs]
        return [names(name) for name in last]

    def names_to_compile(self) -> list[str] | None:
        """Return the names of the outputs, if they are known, so that what is compiled can be held against them."""
        return self.output_names if self.built else None

    def as_given(self, outputs: Sequence[Array]) -> Any:
        """Return outputs in the form in which the model was given its own."""
        return as_given(outputs, self._output_form)

    def __call__(self, inputs: Any, *more: Any, mask: Any = None, **named: Any) -> Any:
        """Write the model into another graph, on an expression, or a list or dict of them; parameters are shared."""
        if isinstance(inputs, Mapping):
            inputs = spread(inputs, self.input_names, self.inputs, f"the inputs of {self.name}", "input")
        return super().__call__(inputs, *more, mask=mask, **named)

    def check(self, x: Any) -> None:
        """Refuse inputs that do not fit."""
        given = x if isinstance(x, list) else [x]
        if len(given) != len(self.inputs):
            raise ShapeError(
                f"{self.name}: expected {len(self.inputs)} inputs, {', '.join(self.input_names)}. "
                f"Received: {len(given)}"
            )
        for mine, e in zip(self.inputs, given, strict=True):
            if not agree(e.shape[1:], mine.shape[1:]):
                raise ShapeError(
                    f"{self.name}: expected {mine} of shape {shape_text(mine.shape)}. Received: {brief(e)}, of shape "
                    f"{shape_text(e.shape)}"
                ).about([e])

    def call(self, x: Any) -> Any:
        """Return what the layers make of expressions."""
        return as_given(self.connections.written_on(x if isinstance(x, list) else [x]), self._output_form)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return a layer by its name or its number.

        Parameters
        ----------
        name : str, optional
            Its name, or its path in `state`, such as ``"dense_1"``.
        index : int, optional
            Its place among `layers`, from 0.

        Raises
        ------
        ModelError
            For a name or number that no layer has.
        """
        if (name is None) == (index is None):
            raise ModelError(f"{self.name}: give the name of a layer, or its index. Received: {name!r} and {index!r}")
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ModelError(f"{self.name} has {len(self.layers)} layers, from 0. Received: index={index}")
            return self.layers[index]
        by_path = {path: part for path, part in parts_of(self) if isinstance(part, Layer) and "/" not in path}
        found = {**by_path, **{layer.name: layer for layer in self.layers}}
        if name not in found:
            raise ModelError(
                f"{self.name} has no layer {name!r}.{near_miss(str(name), found)} "
                f"Layers: {', '.join(layer.name for layer in self.layers)}"
            )
        return found[str(name)]

    @property
    def trainable_parameters(self) -> list[Shared]:
        """What an optimizer may change: parameters that are not frozen."""
        return [p for p in self.connections.variables if p.trainable]

    def state(self) -> dict[str, Shared]:
        """Return all that a step of training reads and writes, under unique names.

        Parameters, running means, the states of random streams, and what the optimizer remembers, its learning rate
        included; that of the optimizer is there as soon as its updates were written, which `fit` does before it calls
        ``on_train_begin``. With `run` it is all that a run needs to be taken up again, bit by bit.

        Returns
        -------
        dict from str to Shared
            The names are paths, such as ``"dense_1/kernel"`` or ``"optimizer/dense_1/kernel/momentum"``. They count
            layers of a kind inside this model, so that they are the same in another process.

        Examples
        --------
        >>> from pellucid import nn
        >>> model = pel.Sequential([nn.Input((2,)), nn.Dense(3), nn.Dropout(0.5), nn.Dense(1)])
        >>> for path, shared in model.state().items():
        ...     print(path, shared.shape)
        dense/kernel (2, 3)
        dense/bias (3,)
        dense_1/kernel (3, 1)
        dense_1/bias (1,)
        dropout/random (3,)
        """
        goal = self._goal
        optimizer: Optimizer | None = None if goal is None else goal.optimizer
        variables = dict.fromkeys([*self.connections.variables, *self.variables_of_loss()])
        return state_of(self, variables, optimizer)

    def paths(self) -> dict[str, Shared]:
        """Return the parameters alone, by their paths."""
        return parameter_paths(self)

    def summary(self) -> None:
        """Print the layers, the shapes of what they put out, their parameters, and their operations for one sample.

        Raises
        ------
        ModelError
            If the model is not built.
        """
        print(table(self))

    def get_weights(self) -> list[Array]:
        """Return copies of the values of all parameters, in order."""
        self.connections  # noqa: B018  (says that the model is not built)
        return super().get_weights()

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Put values in the place of all parameters, in order.

        Raises
        ------
        ModelError, ShapeError
            If there are more or fewer, or one has another shape; all parameters are as before then.
        """
        self.connections  # noqa: B018
        super().set_weights(weights)

    def clone(self, weights: bool = False, **changes: Any) -> Any:
        """Return a new model of new layers of the same kinds, which shares nothing with this one and is not compiled.

        Parameters
        ----------
        weights : bool
            Whether parameters, and the states of random streams, have the values that they have here; otherwise they
            begin anew.
        changes
            Another ``name``.

        Examples
        --------
        >>> model = pel.Sequential([pel.nn.Input((2,)), pel.nn.Dense(3), pel.nn.Dropout(0.5)])
        >>> bool((model.clone(weights=True).get_weights()[0] == model.get_weights()[0]).all())
        True
        """
        return cloned(self, weights, **changes)

    def __repr__(self) -> str:
        inside = ", ".join(layer.name for layer in self.layers) if self.built else "not built"
        return f"<{type(self).__name__} {self.name}: {inside or 'no layers'}>"
