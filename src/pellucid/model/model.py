"""What every model is: a layer with an inside that can be looked at, trained, and used on data, as in Keras."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from pellucid.graph.expr import Expr, Shared
from pellucid.graph.types import Dim
from pellucid.graph.walk import parameters as parameters_of
from pellucid.model.errors import ModelError
from pellucid.model.saving import load_weights, save_model, save_weights
from pellucid.model.state import parameter_paths, state_of
from pellucid.model.summary import table
from pellucid.model.training import Trainable
from pellucid.nn.layers import Layer
from pellucid.nn.optimizers import Optimizer

Array = np.ndarray[Any, Any]


class Model(Trainable, Layer):
    """A layer that can be trained and used on data.

    What kind of model it is says where its `stages` come from, and how it is built `on` samples of a shape.

    Attributes
    ----------
    layers : list of Layer
        Without the input.
    stages : list of Expr
        The input, and what each layer makes of it; empty before the model is built.
    inputs, outputs : list of Expr
        The input and what becomes of it, while training; `pellucid.inference` makes it what it is afterwards.
    history : History or None
        What the last `fit` measured.
    training : dict
        Arguments for `fit`, of a model that was read by `pellucid.from_toml`.
    """

    unsaved: ClassVar[Mapping[str, Callable[[], Any]]] = {
        "_objectives": dict,
        "_predictors": dict,
        "_latest": lambda: None,
    }
    """What a file leaves out, for it was compiled, and what it begins as when the model is loaded."""

    def __init__(self, name: str | None = None) -> None:
        Layer.__init__(self, name)
        self.layers: list[Layer] = []
        self.stages: list[Expr] = []
        self.begin_training()
        self.training: dict[str, Any] = {}

    def on(self, shape: Sequence[Dim], dtype: Any = None) -> None:
        """Build the model for samples of this shape."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it is built")

    @property
    def inputs(self) -> list[Expr]:
        """The input that the model was built on."""
        return self.checked_stages()[:1]

    @property
    def outputs(self) -> list[Expr]:
        """What the model makes of its input, while training."""
        return self.checked_stages()[-1:]

    @property
    def input_names(self) -> list[str]:
        """What the inputs are called."""
        return [e.name or f"input_{i}" for i, e in enumerate(self.inputs)]

    @property
    def output_names(self) -> list[str]:
        """What the outputs are called: as the layers are that they come from."""
        return [self.layers[-1].name if self.layers else self.name]

    def checked_stages(self) -> list[Expr]:
        """Return the input and what each layer makes of it, or say that the model was not built."""
        if not self.stages:
            raise ModelError(
                f"{self.name} is not built: it has no parameters before it knows what a sample looks like. Begin its "
                "layers with nn.Input(shape), call it on an expression, or fit it"
            )
        return self.stages

    def names_to_compile(self) -> list[str] | None:
        """Return the names of the outputs, if they are known, so that what is compiled can be held against them."""
        return self.output_names if self.stages else None

    def as_given(self, outputs: list[Array]) -> Any:
        """Return outputs in the form in which the model was given its own."""
        return outputs[0]

    @property
    def trainable_parameters(self) -> list[Shared]:
        """What an optimizer may change: parameters that are not frozen."""
        return [p for p in parameters_of(self.outputs) if p.trainable]

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
        return state_of(self, [*self.outputs, *self.written_losses()], optimizer)

    def paths(self) -> dict[str, Shared]:
        """Return the parameters alone, by their paths."""
        self.checked_stages()
        return parameter_paths(self)

    def summary(self) -> None:
        """Print the layers, the shapes of what they put out, their parameters, and their operations for one sample.

        Raises
        ------
        ModelError
            If the model is not built.
        """
        self.checked_stages()
        print(table(self))

    def explain(self) -> Any:
        """Return the model as the formulas it is, with its loss, its update and what inference changes; see `explain`.

        Returns
        -------
        Explanation
            Printed as text, shown as mathematics in a notebook, saved by ``save("model.html")``.
        """
        from pellucid.model.explain import explain

        return explain(self)

    def peel(self, level: str | int, x: Any = None, y: Any = None, **options: Any) -> str:
        """Return the same network as a program of another level; see `pellucid.peel`, which takes the same."""
        from pellucid.model.peel import peel

        return peel(self, level, x, y, **options)

    def verify(self, against: str = "keras", x: Any = None, y: Any = None, **options: Any) -> Any:
        """Compare with the same network in another framework; see `pellucid.verify`, which takes the same."""
        from pellucid.model.verify import verify

        return verify(self, against, x, y, **options)

    def get_weights(self) -> list[Array]:
        """Return copies of the values of all parameters, in order."""
        self.checked_stages()
        return super().get_weights()

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Put values in the place of all parameters, in order.

        Raises
        ------
        ModelError, ShapeError
            If there are more or fewer, or one has another shape; all parameters are as before then.
        """
        self.checked_stages()
        super().set_weights(weights)

    def save(self, path: Any) -> None:
        """Save the model in one file, from which `pellucid.load_model` makes it again.

        The file holds the graph, all values, the layers with their settings and names, what the model was compiled for,
        what the optimizer remembers, the states of random streams, and the history. It holds no code.

        Parameters
        ----------
        path : str or path
            Such as ``"cats.pel"``. The file is a safetensors file; an older one is replaced once the new one is whole.

        Raises
        ------
        StorageError
            For what cannot be written, such as an op that is not registered. No file is written then.
        """
        save_model(self, path)

    def export(self, path: Any, format: str = "onnx", *, description: str = "") -> None:
        """Write what the model predicts with as a file for other programs; see `pellucid.to_onnx`.

        Parameters
        ----------
        path : str or path
            Such as ``"cats.onnx"``. An older file is replaced once the new one is whole.
        format : {"onnx"}
            Which kind of file.
        description : str
            What the file says of itself.

        Raises
        ------
        ModelError
            For another format, or a model that is not built.
        OnnxError
            For a part that ONNX cannot express.

        Examples
        --------
        >>> from pellucid import nn
        >>> model = pel.Sequential([nn.Input((2,)), nn.Dense(3)])
        >>> model.export("line.onnx")
        >>> pel.from_onnx("line.onnx").parameters
        {'dense/kernel': dense/kernel, 'dense/bias': dense/bias}
        """
        from pellucid.interop.onnx.exporting import to_onnx

        if format != "onnx":
            raise ModelError(f"{self.name}: expected format='onnx', the one that can be written. Received: {format!r}")
        to_onnx(self, path, description=description)

    def save_weights(self, path: Any) -> None:
        """Save the values of all parameters, without the model.

        Parameters
        ----------
        path : str or path
            How it ends says what file it is: ``.npz`` and ``.safetensors`` hold arrays by the paths of the parameters,
            such as ``"dense_1/kernel"``; ``.weights.h5`` and ``.keras`` are for ``load_weights`` of the same model in
            Keras 3, and need h5py. An older file is replaced once the new one is whole.

        Raises
        ------
        ValueError
            For another ending.
        ModelError
            If the model is not built.
        """
        self.checked_stages()
        save_weights(self, path)

    def load_weights(self, path: Any) -> None:
        """Load the values of all parameters, which a model of the same layers saved, in pellucid or in Keras 3.

        Parameters
        ----------
        path : str or path
            A file as `save_weights` writes them, a ``.keras`` file, or the ``.pel`` file of a model.

        Raises
        ------
        StorageError
            For a file that is damaged or foreign, and for values that do not fit: the layer, the shape it has and the
            shape in the file are named. All parameters are as before then.
        ModelError
            If the model is not built.

        Examples
        --------
        >>> from pellucid import nn
        >>> one, other = (pel.Sequential([nn.Input((2,)), nn.Dense(3)]) for _ in range(2))
        >>> one.save_weights("line.npz")
        >>> other.load_weights("line.npz")
        >>> bool((other.get_weights()[0] == one.get_weights()[0]).all())
        True
        """
        self.checked_stages()
        load_weights(self, path)
