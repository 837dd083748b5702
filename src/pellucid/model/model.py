"""What every model is: a layer that can be compiled, fitted, evaluated and asked for predictions, as in Keras."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from pellucid.graph.expr import Expr, Input, as_expr
from pellucid.graph.inference import inference
from pellucid.graph.types import Dim
from pellucid.model import checks
from pellucid.model.errors import ModelError
from pellucid.model.fit import Part, Plan, split, train
from pellucid.model.history import History
from pellucid.model.objective import Goal, Objective, make_goal
from pellucid.model.progress import written
from pellucid.model.saving import save_model
from pellucid.model.summary import table
from pellucid.nn.layers import Layer
from pellucid.nn.randomness import as_seed, next_seed
from pellucid.run.build import function
from pellucid.run.function import Function

Array = np.ndarray[Any, Any]


class Model(Layer):
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

    unsaved: ClassVar[Mapping[str, Callable[[], Any]]] = {"_objectives": dict, "_predictors": dict}
    """What a file leaves out, for it was compiled, and what it begins as when the model is loaded."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
        self.layers: list[Layer] = []
        self.stages: list[Expr] = []
        self.history: History | None = None
        self.training: dict[str, Any] = {}
        self._goal: Goal | None = None
        self._objectives: dict[Any, Objective] = {}
        self._predictors: dict[Any, Function] = {}

    def on(self, shape: Sequence[Dim], dtype: Any = None) -> None:
        """Build the model for samples of this shape."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it is built")

    def forget(self) -> None:
        """Drop what was compiled for an earlier form of the model."""
        self._objectives.clear()
        self._predictors.clear()

    @property
    def inputs(self) -> list[Expr]:
        """The input that the model was built on."""
        return self.checked_stages()[:1]

    @property
    def outputs(self) -> list[Expr]:
        """What the model makes of its input, while training."""
        return self.checked_stages()[-1:]

    def checked_stages(self) -> list[Expr]:
        """Return the input and what each layer makes of it, or say that the model was not built."""
        if not self.stages:
            raise ModelError(
                f"{self.name} is not built: it has no parameters before it knows what a sample looks like. Begin its "
                "layers with nn.Input(shape), call it on an expression, or fit it"
            )
        return self.stages

    def compile(self, optimizer: Any = "sgd", loss: Any = None, *, metrics: Sequence[Any] = ()) -> None:
        """Say what the model is trained for, and how.

        Parameters
        ----------
        optimizer : str or Optimizer
            A name stands for the optimizer with its defaults.
        loss : str or function
            ``loss(y_true, y_pred)``, one value a sample; what is made small is its mean over a batch and the layers'
            regularization.
        metrics : list of str or function
            What else is measured, in the same form. ``"accuracy"`` is the one that fits the shapes.

        Raises
        ------
        ValueError
            For an unknown name; the nearest is named.
        """
        self._goal = make_goal(optimizer, loss, metrics)
        self._objectives.clear()

    def fit(
        self,
        x: Any,
        y: Any,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        *,
        validation_split: float = 0.0,
        validation_data: tuple[Any, Any] | None = None,
        shuffle: bool = True,
        seed: int | None = None,
    ) -> History:
        """Train on data: every epoch is one compiled loop over all samples, in a new order.

        The data stay on the device as they are, bytes as bytes, and each batch is cast where it is used.

        Parameters
        ----------
        x : array, shape (samples, ...)
            Finite numbers. float64 is rounded to the model's float32.
        y : array, shape (samples, ...)
            What is wanted: labels (integers), or columns of real numbers.
        batch_size : int, optional
            Samples a step, 32 without it. What is left over makes a last, smaller step.
        epochs : int
            How often all samples are walked.
        verbose : {"auto", 0, 1, 2}
            0 shows nothing, 1 a bar with a line an epoch, 2 one line an epoch; ``"auto"`` is 1 on a terminal or in a
            notebook and 0 elsewhere.
        validation_split : float
            The share of the samples, from their end, that is only measured after each epoch.
        validation_data : (x, y), optional
            Other samples that are only measured.
        shuffle : bool
            Whether each epoch has an order of its own.
        seed : int, optional
            Of the orders; without it one that follows from `pellucid.nn.set_random_seed`.

        Returns
        -------
        History
            The loss and metrics of every epoch, means over the samples as they were met while training; those of the
            validation data, after it, begin with ``"val_"``.

        Raises
        ------
        ModelError, ShapeError
            If the model is not compiled, or the data do not fit it; nothing was trained then.
        Interrupted
            On Ctrl-C, a `KeyboardInterrupt`: weights stay as they are by then, and `history` has the finished epochs.

        Warns
        -----
        TrainingWarning
            Once, if the loss is no longer a number.
        """
        plan = Plan(
            checks.positive("batch_size", 32 if batch_size is None else batch_size),
            checks.positive("epochs", epochs),
            bool(shuffle),
            next_seed() if seed is None else as_seed(seed),
            verbose,
        )
        x, y = self.checked(x, y)
        (x, y), validation = self.hold_out(x, y, validation_split, validation_data)
        self.history = History()
        train(plan, self.part(x, y, training=True), validation, self.history)
        return self.history

    def hold_out(self, x: Array, y: Array, share: float, data: Any) -> tuple[tuple[Array, Array], Part | None]:
        """Return what to train on, and what to validate on if that was asked for."""
        if data is None:
            kept, rest = split(x, y, share)
            return kept, self.part(*rest, training=False) if share else None
        if share:
            raise ModelError("Give either validation_split or validation_data. Received: both")
        if not isinstance(data, (list, tuple)) or len(data) != 2:
            raise ModelError(f"Expected validation_data to be a pair (x, y). Received: {type(data).__name__}")
        return (x, y), self.part(*self.checked(data[0], data[1], "validation "), training=False)

    def evaluate(
        self, x: Any, y: Any, batch_size: int | None = None, verbose: Any = 0, *, return_dict: bool = False
    ) -> Any:
        """Measure the loss and the metrics on data, as the model is after training.

        Parameters
        ----------
        x, y : arrays
            As for `fit`.
        batch_size : int, optional
            Samples a step, 32 without it; it changes nothing but speed.
        verbose : {0, 1, 2}
            Whether the measures are printed.
        return_dict : bool
            Whether they are returned by name.

        Returns
        -------
        list of float, float or dict
            The loss and the metrics, means over the samples; the loss alone where there are no metrics.

        Raises
        ------
        ModelError, ShapeError
            If the model is not compiled, or the data do not fit it.
        """
        size = checks.positive("batch_size", 32 if batch_size is None else batch_size)
        part = self.part(*self.checked(x, y), training=False)
        with part.held():
            measures = part.measure(size)
        if verbose:
            print(written(measures))
        if return_dict:
            return measures
        return list(measures.values()) if len(measures) > 1 else measures["loss"]

    def predict(self, x: Any, batch_size: int | None = None) -> Array:
        """Compute what the model puts out for data, as it is after training.

        Parameters
        ----------
        x : array, shape (samples, ...)
            As for `fit`.
        batch_size : int, optional
            Samples a step, 32 without it; it changes nothing but speed and memory.

        Returns
        -------
        array, shape (samples, ...)
            One row for every sample.

        Raises
        ------
        ModelError, ShapeError
            If the data do not fit the model.
        """
        size = checks.positive("batch_size", 32 if batch_size is None else batch_size)
        array = self.checked_samples(x, "x")
        predictor = self.predictor(array.dtype)
        return np.concatenate([predictor(array[i : i + size]) for i in range(0, len(array), size)])

    def predictor(self, dtype: Any) -> Function:
        """Return the compiled function from samples of this dtype to predictions."""
        if dtype not in self._predictors:
            given = self.inputs[0]
            raw = Input(given.name, given.shape, dtype)
            self._predictors[dtype] = function(
                [raw], inference(self.outputs[0]), givens={given: raw.astype(given.dtype)}
            )
        return self._predictors[dtype]

    def checked_samples(self, x: Any, name: str) -> Array:
        """Hold samples against the input, building the model on the first it meets."""
        if not self.stages:
            self.on(checks.as_data(x, name).shape[1:])
        first = self.layers[0].name if self.layers else self.name
        return checks.samples(x, self.inputs[0], f"{self.name}, from its first layer {first} on,", name)

    def checked(self, x: Any, y: Any, prefix: str = "") -> tuple[Array, Array]:
        """Hold samples and targets against the model, its loss and each other."""
        goal = self.goal
        x = self.checked_samples(x, f"{prefix}x")
        y = checks.targets(y, self.outputs[0], goal.loss, f"{prefix}y")
        checks.same_length(x, y, (f"{prefix}x", f"{prefix}y"))
        return x, y

    @property
    def goal(self) -> Goal:
        """What the model was compiled for."""
        if self._goal is None:
            raise ModelError(f"{self.name} is not compiled. Call model.compile(optimizer, loss, metrics=[...]) first")
        return self._goal

    def part(self, x: Array, y: Array, training: bool) -> Part:
        """Return checked data with the compiled walk that goes over them."""
        dtype = checks.target_dtype(y, self.outputs[0])
        key = (y.shape[1:], dtype)
        if key not in self._objectives:
            self._objectives[key] = Objective(self.inputs[0], self.outputs[0], self.regularization(), self.goal, *key)
        return Part(self._objectives[key].walk(x, y, training), x, y)

    def loss_to_lint(self) -> Expr:
        """Return the training loss as an expression of the model's input and targets ``y``, for `pellucid.lint`.

        Of a model that is not compiled, its predictions.
        """
        [x], [output] = self.inputs, self.outputs
        if self._goal is None:
            return output
        goal = self._goal
        takes_labels = checks.RANGES.get(checks.formula(goal.loss)) is checks.check_labels
        shape, dtype = ((), "int32") if takes_labels else (output.shape[1:], output.dtype)
        losses = as_expr(goal.loss(Input("y", (x.shape[0], *shape), dtype), output))
        loss: Expr = losses.mean() + self.regularization()
        return loss

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
