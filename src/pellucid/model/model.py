"""Models: graphs of layers that can be trained, evaluated and used for predictions."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeVar

from pellucid.graph.errors import ShapeError, brief, near_miss
from pellucid.graph.expr import Expr, Operand, Shared, is_compatible_shape
from pellucid.graph.types import Dim, format_shape, unify
from pellucid.graph.unique_names import UniqueNames
from pellucid.graph.unsupported_functions import hint_at_arguments
from pellucid.graph.validation import check_integer
from pellucid.model.compile_config import CompileConfig, LossesLike, LossWeights, MetricsLike, make_compile_config
from pellucid.model.errors import ModelError
from pellucid.model.functional_graph import (
    Expressions,
    FunctionalGraph,
    Structure,
    clone_functional,
    flatten_structure,
    trace_functional_graph,
    unflatten_structure,
)
from pellucid.model.variable_paths import get_parameter_paths, get_state_paths, iter_parts, iter_sublayers
from pellucid.nn.layers import Layer
from pellucid.nn.optimizers import Optimizer
from pellucid.typing import (
    Array,
    ArrayLike,
    Batches,
    ClassWeights,
    Devices,
    DTypeLike,
    FilePath,
    Shard,
    Values,
    Verbosity,
)

if TYPE_CHECKING:
    from pellucid.inspect.cross_framework.compare import FrameworkComparison
    from pellucid.inspect.explain.explanation import Explanation
    from pellucid.inspect.layer_timing import ModelTime
    from pellucid.training.callbacks.base import Callback
    from pellucid.training.callbacks.history import History
    from pellucid.training.loop_progress import LoopProgress


class Model(Layer):
    r"""A graph from inputs to outputs that can be trained and used on data, and is a layer itself.

    The layers are found by walking the graph. Operations between them, such as a sum of two expressions, and variables
    outside of layers are part of the model too.

    Parameters
    ----------
    inputs : Expr, or a list or dict of Expr
        Inputs of the graph, such as those of `nn.Input`, or any other expressions that the outputs depend on.
    outputs : Expr, or a list or dict of Expr
        Outputs in the training form.
    name : str, optional
        By default ``model``, ``model_1`` and so on.

    Attributes
    ----------
    layers : list of Layer
        The layers, in the order in which they are computed.
    inputs, outputs : list of Expr
        Inputs and outputs in the training form; `pellucid.inference` gives the outputs in the inference form.
    parameters : list of Shared
        Parameters of all layers, and trainable variables between them.
    history : History or None
        Metrics of the last `fit`.
    run : LoopProgress
        Position of the current or last run of `fit`.
    stop_training : bool
        Set it to True in a callback to end training after the current batch or epoch.
    training : dict
        Arguments for `fit`, of a model that was read by `pellucid.from_toml`.

    Raises
    ------
    ShapeError
        If an output depends on an input that is not given, or the inputs are not batches of one size.

    Notes
    -----
    `pickle`, joblib and cloudpickle store what `save` stores, and custom classes and functions as they store any other;
    a loaded model continues training bit by bit like the original. `copy.deepcopy` returns an independent model, which
    keeps the values, the compile configuration and the state of the optimizer. `copy.copy` returns a model of the same
    layers, parameters and optimizer. Within one pickle or deep copy, models and functions that share a variable still
    share it.

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

    _input_structure: Structure
    _output_structure: Structure
    run: LoopProgress
    history: History | None
    stop_training: bool

    is_sequential: bool = False
    """Whether the layers form a chain."""

    keeps_mask = False  # the layers inside pass masks on themselves

    unsaved: ClassVar[Mapping[str, Callable[[], object]]] = {"train_steps": dict, "predictors": dict}
    """Attributes that files leave out because they are compiled, with their initial values."""

    def __init__(self, inputs: Expressions, outputs: Expressions, name: str | None = None) -> None:
        self.begin(name)
        input_list, input_structure = flatten_structure(inputs, self.name, "inputs")
        output_list, output_structure = flatten_structure(outputs, self.name, "outputs")
        check_batch_axes(input_list, self.name)
        self._input_structure, self._output_structure = input_structure, output_structure
        self.merges: bool = self._input_structure is not None
        self.set_functional_graph(trace_functional_graph(input_list, output_list, self.name))

    def begin(self, name: str | None) -> None:
        """Initialize everything but the graph."""
        from pellucid.training.loop_progress import LoopProgress

        Layer.__init__(self, name)
        self._input_structure = self._output_structure = None
        self._functional_graph: FunctionalGraph | None = None
        self._frozen: list[bool] = []
        self._compile_config: CompileConfig | None = None
        self.training: dict[str, Any] = {}
        self.history = None
        self.stop_training = False
        self.run = LoopProgress.at_start()
        self.train_steps: dict[Any, Any] = {}
        self.predictors: dict[Any, Any] = {}

    # Structure

    def set_functional_graph(self, graph: FunctionalGraph) -> None:
        """Set the graph of the model; its layers and variables become parts of the model."""
        self._functional_graph = graph
        in_layers = {p for layer in graph.layers for p in layer.parameters}
        known = set(self.parts)
        parts: list[Shared | Layer] = [*graph.layers, *(p for p in graph.free_variables if p not in in_layers)]
        for part in parts:
            if part not in known:
                self.add_sublayer(part)
        self._frozen = self.get_frozen(graph)
        self.built = True

    @property
    def functional_graph(self) -> FunctionalGraph:
        """The graph as calls of layers.

        It is rebuilt if a layer that computes something else while frozen, such as `BatchNormalization`, was frozen or
        unfrozen since.
        """
        if self._functional_graph is None:
            raise ModelError(
                f"{self.name} is not built: its parameters depend on the shape of a sample. Start its layers with "
                "nn.Input(shape), call it on an expression, or fit it"
            )
        if self._frozen != self.get_frozen(self._functional_graph):
            self.rebuild(self._functional_graph)
        return self._functional_graph

    def rebuild(self, graph: FunctionalGraph) -> None:
        """Call the layers of a graph again."""
        self.set_functional_graph(trace_functional_graph(graph.inputs, graph.rebuild_on(graph.inputs), self.name))

    def get_frozen(self, graph: FunctionalGraph) -> list[bool]:
        """Return which layers are frozen, of those that then compute something else."""
        if graph.frozen_dependent is None:
            graph.frozen_dependent = [layer for layer in iter_sublayers(self) if layer.differs_when_frozen]
        return [not layer.trainable for layer in graph.frozen_dependent]

    def build_for(self, sample_shape: Sequence[Dim], dtype: DTypeLike | None = None) -> None:
        """Build the model for samples of a shape; only a `Sequential` without an input can be unbuilt."""

    @property
    def layers(self) -> list[Layer]:
        """The layers, in the order in which they are computed."""
        return self.functional_graph.layers

    @property
    def inputs(self) -> list[Expr]:
        """Inputs of the graph."""
        return self.functional_graph.inputs

    @property
    def outputs(self) -> list[Expr]:
        """Outputs in the training form."""
        return self.functional_graph.outputs

    @property
    def stages(self) -> list[Expr]:
        """The inputs and the outputs of each layer; empty before the model is built."""
        return [*self.inputs, *(e for node in self.functional_graph.nodes for e in node.outputs)] if self.built else []

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs: the keys of a dict, or the names of the expressions."""
        names = UniqueNames()
        keys = self._input_structure
        return [
            names.add(str(k)) for k in (keys if isinstance(keys, tuple) else [e.name or "input" for e in self.inputs])
        ]

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs: the keys of a dict, or the names of the layers that compute them."""
        names = UniqueNames()
        if isinstance(self._output_structure, tuple):
            return [names.add(str(key)) for key in self._output_structure]
        producers = self.functional_graph.producers()
        last = [producers[e][-1][0].layer.name if e in producers else e.name or "output" for e in self.outputs]
        return [names.add(name) for name in last]

    def unflatten_outputs(self, outputs: Sequence[Any]) -> Any:
        """Return a list of outputs in the structure that the model was created with: single, list or dict."""
        return unflatten_structure(outputs, self._output_structure)

    def __call__(
        self,
        inputs: Operand | Sequence[Operand] | Mapping[str, Operand],
        *more: Operand,
        mask: Operand | None = None,
        **named: Any,
    ) -> Any:
        """Apply the model to an expression, or a list or dict of them; parameters are shared."""
        if isinstance(inputs, Mapping):
            from pellucid.training.data_adapter import match_arrays

            inputs = match_arrays(inputs, self.input_names, self.inputs, f"the inputs of {self.name}", "input")
        return super().__call__(inputs, *more, mask=mask, **named)

    def check_input(self, x: Expr | list[Expr]) -> None:
        """Refuse inputs that do not fit."""
        given = x if isinstance(x, list) else [x]
        if len(given) != len(self.inputs):
            raise ShapeError(
                f"{self.name}: expected {len(self.inputs)} inputs, {', '.join(self.input_names)}. "
                f"Received: {len(given)}"
            )
        for own, e in zip(self.inputs, given, strict=True):
            if not is_compatible_shape(e.shape[1:], own.shape[1:]):
                raise ShapeError(
                    f"{self.name}: expected {own} of shape {format_shape(own.shape)}. Received: {brief(e)}, of shape "
                    f"{format_shape(e.shape)}"
                ).with_operands([e])

    def call(self, x: Any) -> Any:
        """Apply the layers to expressions."""
        return self.unflatten_outputs(self.functional_graph.rebuild_on(x if isinstance(x, list) else [x]))

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return a layer by name or index.

        Parameters
        ----------
        name : str, optional
            Its name, or its path in `state`, such as ``"dense_1"``.
        index : int, optional
            Its position among `layers`, from 0.

        Raises
        ------
        ModelError
            If there is no such layer.
        """
        if (name is None) == (index is None):
            raise ModelError(f"{self.name}: give either name or index. Received: name={name!r} and index={index!r}")
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ModelError(f"{self.name} has {len(self.layers)} layers, counted from 0. Received: index={index}")
            return self.layers[index]
        by_path = {path: part for path, part in iter_parts(self) if isinstance(part, Layer) and "/" not in path}
        layers = {**by_path, **{layer.name: layer for layer in self.layers}}
        if name not in layers:
            raise ModelError(
                f"{self.name} has no layer {name!r}.{near_miss(str(name), layers)} "
                f"Layers: {', '.join(layer.name for layer in self.layers)}"
            )
        return layers[str(name)]

    def summary(self) -> None:
        """Print the layers with their output shapes, parameters, and operations per sample.

        Raises
        ------
        ModelError
            If the model is not built.
        """
        from pellucid.model.summary import format_summary

        print(format_summary(self))

    def clone(self, weights: bool = False, **changes: Any) -> Self:
        """Return a new, uncompiled model with new layers of the same kinds; it shares nothing with this one.

        Parameters
        ----------
        weights : bool
            Whether to copy the values of parameters and random streams; otherwise parameters are initialized again.
        changes
            Another ``name``.

        Examples
        --------
        >>> model = pel.Sequential([pel.nn.Input((2,)), pel.nn.Dense(3), pel.nn.Dropout(0.5)])
        >>> bool((model.clone(weights=True).get_weights()[0] == model.get_weights()[0]).all())
        True
        """
        clone_once = functools.cache(lambda layer: layer.clone(name=layer.config.get("name")))
        copy = self.clone_structure(clone_once, **changes)
        if weights:
            state = self.state()
            for path, shared in copy.state().items():
                shared.set_value(state[path].get_value())
        return copy

    def clone_structure(self, layer_for: Callable[[Layer], Layer], name: str | None = None) -> Self:
        """Return a model of the same structure, in which ``layer_for`` replaces the layers."""
        inputs, outputs = clone_functional(self.functional_graph, layer_for)
        return type(self)(
            unflatten_structure(inputs, self._input_structure), self.unflatten_outputs(outputs), name=name
        )

    def __copy__(self) -> Any:
        shallow = object.__new__(type(self))
        for name, value in vars(self).items():
            object.__setattr__(shallow, name, copy_containers(value))
        shallow.run = copy.copy(self.run)
        shallow.reset_programs()
        return shallow

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        from pellucid.model.saving import copy_model

        return copy_model(self, memo)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        from pellucid.model.saving import reduce_model

        return reduce_model(self)

    def __repr__(self) -> str:
        inside = ", ".join(layer.name for layer in self.layers) if self.built else "not built"
        return f"<{type(self).__name__} {self.name}: {inside or 'no layers'}>"

    def _repr_html_(self) -> str:
        from pellucid.model.notebook import render_model

        return render_model(self)

    # State

    @property
    def trainable_parameters(self) -> list[Shared]:
        """Parameters that are not frozen."""
        return [p for p in self.functional_graph.variables if p.trainable]

    def state(self) -> dict[str, Shared]:
        """Return everything a training step reads and writes, by unique paths.

        This includes parameters, moving averages, states of random streams, and the slots and the learning rate of
        the optimizer; slots exist once its updates were built, which `fit` does before ``on_train_begin``. Together
        with `run` it is all that is needed to resume a run bit by bit.

        Returns
        -------
        dict from str to Shared
            Paths such as ``"dense_1/kernel"`` or ``"optimizer/dense_1/kernel/momentum"``. Layers of a kind are counted
            within this model, so that paths are the same in another process.

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
        latest = next(reversed(self.train_steps.values()), None)
        in_loss = [] if latest is None else latest.variables
        variables = dict.fromkeys([*self.functional_graph.variables, *in_loss])
        optimizer = None if self._compile_config is None else self._compile_config.optimizer
        return get_state_paths(self, variables, optimizer)

    def paths(self) -> dict[str, Shared]:
        """Return the parameters by path."""
        return get_parameter_paths(self)

    def get_weights(self) -> list[Array]:
        """Return copies of the values of all parameters, in order."""
        self.check_built()
        return super().get_weights()

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Set the values of all parameters, in order.

        Raises
        ------
        ModelError, ShapeError
            If their number or a shape differs; then no parameter has changed.
        """
        self.check_built()
        super().set_weights(weights)

    def check_built(self) -> None:
        """Raise an error if the model is not built."""
        _ = self.functional_graph

    def reset_programs(self) -> None:
        """Drop everything compiled, after the structure has changed."""
        self.train_steps.clear()
        self.predictors.clear()

    # Training

    @hint_at_arguments
    def compile(
        self,
        optimizer: str | Optimizer = "rmsprop",
        loss: LossesLike | None = None,
        loss_weights: LossWeights | None = None,
        metrics: MetricsLike | None = None,
        weighted_metrics: MetricsLike | None = None,
    ) -> None:
        """Configure training.

        Parameters
        ----------
        optimizer : str, Optimizer or optax.GradientTransformation
            A name selects the optimizer with its default arguments, and ``optax.adam(1e-3)`` becomes an
            `pellucid.optimizers.Optax`. A numeric learning rate becomes a shared variable:
            ``model.optimizer.learning_rate = 0.01`` takes effect without compiling again.
        loss : str, function or Loss
            ``loss(y_true, y_pred)``, one value per sample; training minimizes its mean over a batch plus the
            regularization of the layers. For several outputs a list, or a dict by output name; None for an output
            without a loss.
        loss_weights : list or dict of float, optional
            Factors of the losses of several outputs in their sum.
        metrics : list of str, function or Metric, optional
            Metrics to compute. ``"accuracy"`` is the variant that fits the shapes. For several outputs, a list of lists
            or a dict.
        weighted_metrics : list, optional
            Metrics that use the sample weights.

        Raises
        ------
        ValueError
            For an unknown name; the message suggests the nearest.
        """
        from pellucid.training.loop_progress import LoopProgress

        config = make_compile_config(optimizer, loss, loss_weights, metrics, weighted_metrics)
        config.for_outputs(self.output_names)  # raises for arguments that do not fit the outputs
        self._compile_config = config
        self.train_steps.clear()
        self.run = LoopProgress.at_start()

    @property
    def is_compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._compile_config is not None

    @property
    def compile_config(self) -> CompileConfig:
        """Optimizer, loss and metrics of `compile`."""
        if self._compile_config is None:
            raise ModelError(f"{self.name} is not compiled. Call model.compile(optimizer, loss, metrics=[...]) first")
        return self._compile_config

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer."""
        return self.compile_config.optimizer

    @property
    def step(self) -> int:
        """Number of training steps since the model was compiled."""
        return int(self.run.step)

    @hint_at_arguments
    def fit(
        self,
        x: Values | Batches | None = None,
        y: Values | None = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Verbosity = "auto",
        callbacks: Callback | Iterable[Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: tuple[Values, ...] | Batches | None = None,
        shuffle: bool = True,
        class_weight: ClassWeights | None = None,
        sample_weight: Values | None = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Collection[int] = 1,
        *,
        seed: int | None = None,
        devices: Devices = None,
        shard: Shard = None,
    ) -> History:
        """Train the model on data.

        Compiled loops of many steps run over arrays in memory, in a new order in every epoch. Arrays stay on the device
        in their own dtype, bytes as bytes, and each batch is cast where it is used. Batches from an iterable are
        prefetched in the background while the device computes, and several run per call.

        Large memory-mapped files (``np.load(path, mmap_mode="r")``, `numpy.memmap`) are read in pieces, so that memory
        use does not grow with them. An epoch then takes blocks of neighboring rows in a new order, and shuffles the
        rows of many blocks; the order differs from that of arrays in memory. Sparse matrices and map-style data sets
        are read in pieces in the same order as arrays. The guide to data sources has an example for every kind of data.

        Parameters
        ----------
        x : array, table, data set, loader, or list or dict of arrays
            Finite numbers, samples along the first axis; float64 is rounded to the model's float32. A list or dict is
            for several inputs. Arrays of NumPy, JAX, PyTorch and TensorFlow, and all that DLPack describes; tables of
            pandas, polars and Arrow; SciPy's sparse matrices; data sets and loaders of PyTorch, TensorFlow and
            Hugging Face. Any object with ``__len__`` and ``__getitem__``, or with ``__iter__``, gives samples or
            batches: ``(x, y)``, ``(x, y, sample_weight)``, or a dict by name. A tuple is ``(x, y)`` as well if ``y``
            is None.
        y : array, list or dict of arrays, str, or list of str
            Targets: integer labels, or columns of real numbers. A string is the name of a column or key of ``x``, and
            a list of strings those of several. None if ``x`` brings the targets itself.
        batch_size : int, optional
            Samples per step, by default 32. The remainder makes a smaller last step. It cannot be given for data that
            come in batches.
        epochs : int
            Number of the last epoch, counted from 1.
        verbose : {"auto", 0, 1, 2}
            0: no output. 1: a progress bar, and a line per epoch. 2: a line per epoch, and at the end the operations
            and bytes per second of the steps, without compilation, and their shares of the machine's peaks, which are
            measured for it in less than a second. ``"auto"``: 1 on a terminal or in a notebook, otherwise 0.
        callbacks : list of Callback, optional
            See `pellucid.callbacks`. Any object with hooks such as ``on_epoch_end(epoch, logs)`` is one.
        validation_split : float
            Fraction of the samples, from the end, that is held out for validation.
        validation_data : (x, y), (x, y, sample_weight), or data that bring their targets, optional
            Data that is evaluated after each epoch. Names of columns are those of ``y``.
        shuffle : bool
            Whether each epoch has its own order; iterables have theirs.
        class_weight : dict from int to float, optional
            Weights of samples by class; 1 for missing classes. For several outputs, dicts by name.
        sample_weight : array, list or dict of arrays, or str, optional
            Weights of samples in the loss and in the weighted metrics; a string is the name of a column of ``x``.
        initial_epoch : int
            Number of epochs that an earlier run with the same seed has finished; this run continues it.
        steps_per_epoch : int, optional
            Batches per epoch, to use fewer than all, or for an infinite iterator.
        validation_steps : int, optional
            Number of batches of the validation data, to use fewer than all: the first ones, unless they come from an
            iterator.
        validation_batch_size : int, optional
            Samples per step of validation, by default ``batch_size``; it affects speed only.
        validation_freq : int or collection of int
            Interval of validations in epochs, or the epochs, counted from 1.
        seed : int, optional
            Seed of the orders; by default it follows from `pellucid.nn.set_random_seed`.
        devices : "all", int or list, optional
            Devices that share every batch: all of this machine, a number of them, or their numbers or names
            (`pellucid.distribution.list_devices`). Results equal those of one device up to rounding. By default one, or
            all if `pellucid.distribution` joined processes; every process must choose the same.
        shard : {"parameters"}, optional
            Divide parameters and optimizer state over the devices, for models that are too large for one: memory per
            device falls with the number of devices, and more data are sent between them. By default each device has a
            copy. Results are the same up to rounding.

        Returns
        -------
        History
            Loss and metrics of every epoch, as means over the samples during training; names that begin with
            ``"val_"`` are for the validation data, after the epoch.

        Raises
        ------
        ModelError, ShapeError
            If the model is not compiled, or the data do not fit it; then nothing was trained.
        DistributionError
            If a device or another process is lost; the message says how to resume.
        Interrupted
            On Ctrl-C, a `KeyboardInterrupt`: weights keep their latest values, and `history` has the finished epochs.

        Warns
        -----
        TrainingWarning
            Once, if the loss becomes NaN or infinite; and if an iterator ends before the last epoch.
        """
        from pellucid.training.fit import fit

        return fit(
            self,
            x,
            y,
            batch_size,
            epochs,
            verbose,
            callbacks,
            validation_split,
            validation_data,
            shuffle,
            class_weight,
            sample_weight,
            initial_epoch,
            steps_per_epoch,
            validation_steps,
            validation_batch_size,
            validation_freq,
            seed,
            devices,
            shard,
        )

    @hint_at_arguments
    def evaluate(
        self,
        x: Values | Batches | None = None,
        y: Values | None = None,
        batch_size: int | None = None,
        verbose: Verbosity = 0,
        sample_weight: Values | None = None,
        steps: int | None = None,
        callbacks: Callback | Iterable[Callback] | None = None,
        return_dict: bool = False,
        *,
        devices: Devices = None,
        shard: Shard = None,
    ) -> Any:
        """Compute the loss and the metrics on data, in the inference form of the model.

        Parameters
        ----------
        x, y, sample_weight
            As for `fit`.
        batch_size : int, optional
            Samples per step, by default 32; it affects speed only.
        verbose : {0, 1, 2}
            Whether to print the metrics.
        steps : int, optional
            Number of batches, to use fewer than all.
        callbacks : list of Callback, optional
            See `pellucid.callbacks`.
        return_dict : bool
            Whether to return the metrics by name.
        devices : "all", int or list, optional
            Devices that share every batch, as for `fit`; by default one, in every process.
        shard : {"parameters"}, optional
            Divide the parameters over the devices, as for `fit`.

        Returns
        -------
        list of float, float or dict
            Loss and metrics, as means over the samples; the loss alone if there are no metrics.

        Raises
        ------
        ModelError, ShapeError
            If the model is not compiled, or the data do not fit it.
        """
        from pellucid.training.fit import evaluate

        return evaluate(self, x, y, batch_size, verbose, sample_weight, steps, callbacks, return_dict, devices, shard)

    def train_on_batch(
        self,
        x: Values,
        y: Values | None = None,
        sample_weight: Values | None = None,
        class_weight: ClassWeights | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Run one training step on one batch, and return its loss and metrics from before the update.

        Parameters are those of `fit`; nothing is shuffled, and no callbacks are called.

        Parameters
        ----------
        x : array, list or dict of arrays
            One batch.
        y : array, or list or dict of arrays
            Its targets.
        sample_weight : array, optional
            Weights of the samples.
        class_weight : dict from int to float, optional
            Weights of the samples by class.
        return_dict : bool
            Whether to return a dict by name instead of a list.
        """
        from pellucid.training.fit import run_on_batch

        return run_on_batch(self, x, y, sample_weight, class_weight, return_dict, training=True)

    def test_on_batch(
        self, x: Values, y: Values | None = None, sample_weight: Values | None = None, return_dict: bool = False
    ) -> Any:
        """Return the loss and the metrics of one batch, in the inference form of the model; see `evaluate`.

        Parameters
        ----------
        x : array, list or dict of arrays
            One batch.
        y : array, or list or dict of arrays
            Its targets.
        sample_weight : array, optional
            Weights of the samples.
        return_dict : bool
            Whether to return a dict by name instead of a list.
        """
        from pellucid.training.fit import run_on_batch

        return run_on_batch(self, x, y, sample_weight, None, return_dict, training=False)

    # Prediction

    @hint_at_arguments
    def predict(
        self,
        x: Values | Batches,
        batch_size: int | None = None,
        verbose: Verbosity = 0,
        steps: int | None = None,
        callbacks: Callback | Iterable[Callback] | None = None,
        *,
        devices: Devices = None,
        shard: Shard = None,
    ) -> Any:
        """Compute the outputs for data, in the inference form of the model.

        Parameters
        ----------
        x : array, table, data set, loader, or list or dict of arrays
            As for `fit`; items of data sets, loaders and iterables are ``x``, or begin with it. Data that are no
            arrays in memory are read batch by batch.
        batch_size : int, optional
            Samples per step, by default 32; it affects speed and memory only. It cannot be given for data that come in
            batches.
        verbose : {"auto", 0, 1, 2}
            1 and ``"auto"`` show a progress bar on a terminal or in a notebook.
        steps : int, optional
            Number of batches, to use fewer than all.
        callbacks : list of Callback, optional
            See `pellucid.callbacks`.
        devices : "all", int or list, optional
            Devices that share every batch, as for `fit`; by default one, in every process.
        shard : {"parameters"}, optional
            Divide the parameters over the devices, as for `fit`.

        Returns
        -------
        array, or list or dict of arrays, shape (samples, ...)
            One row per sample; several outputs in the structure that the model was created with.

        Raises
        ------
        ModelError, ShapeError
            If the data do not fit the model.
        """
        from pellucid.training.prediction import predict

        return predict(self, x, batch_size, verbose, steps, callbacks, devices, shard)

    def predict_on_batch(self, x: Values) -> Any:
        """Compute the outputs for one batch in one step.

        Parameters
        ----------
        x : array, list or dict of arrays
            One batch.
        """
        from pellucid.training.prediction import predict_on_batch

        return predict_on_batch(self, x)

    def predict_proba(self, x: Values, batch_size: int | None = None) -> Array:
        """Return class probabilities of a model with one softmax or sigmoid output.

        Parameters
        ----------
        x, batch_size
            As for `predict`.

        Returns
        -------
        array, shape (samples, classes)
            Two columns if the model has one, which is the probability of the second class.

        Raises
        ------
        ModelError
            If the outputs are not probabilities.
        """
        from pellucid.training.prediction import predict_proba

        return predict_proba(self, x, batch_size)

    def predict_classes(self, x: Values, batch_size: int | None = None) -> Array:
        r"""Return the class of every sample: the column with the maximum; for a single column, whether it exceeds 1/2.

        Parameters
        ----------
        x, batch_size
            As for `predict`.

        Returns
        -------
        array of int, shape (samples,)
            Classes from 0.
        """
        from pellucid.training.prediction import predict_classes

        return predict_classes(self, x, batch_size)

    # Inspection

    def explain(self) -> Explanation:
        """Return the model as formulas, with its loss, its update and what inference changes; see `pellucid.explain`.

        Returns
        -------
        Explanation
            Printed as text, rendered as mathematics in a notebook, saved by ``save("model.html")``.
        """
        from pellucid.inspect.explain.model_formulas import explain

        return explain(self)

    def profile(self, batch_size: int = 32, iterations: int = 20, *, seed: int = 0) -> ModelTime:
        """Measure each layer on a random batch, and the whole training step, against the peaks of this machine.

        The layers, forward and backward, are compiled as separate programs, and the step as `fit` runs it: with XLA and
        C kernels, or as a C loop. Operations and bytes are counted in the graph. `pellucid time` prints the same.

        Parameters
        ----------
        batch_size : int
            Samples of the batch.
        iterations : int
            Number of measurements of each part; medians are reported.
        seed : int
            Seed of the batch.

        Returns
        -------
        ModelTime
            Print it, or see its ``layers``, ``step`` and ``roofline``; ``to_json()`` returns all numbers.

        Raises
        ------
        ModelError
            If the model is not built, or an input has an unknown size.

        Notes
        -----
        The weights stay as they are.

        Examples
        --------
        >>> from pellucid import nn
        >>> model = pel.Sequential([nn.Input((100,)), nn.Dense(50, name="hidden")])
        >>> roofline = model.profile(batch_size=8, iterations=3).roofline
        >>> [(row.name, row.work.operations) for row in roofline.layers]
        [('hidden (Dense)', 160800)]
        """
        from pellucid.inspect.layer_timing import time_model

        batch_size, iterations = check_integer("batch_size", batch_size), check_integer("iterations", iterations)
        return time_model(copy.deepcopy(self), batch_size, iterations, seed=seed)

    def to_source(self, level: str | int, x: Values | None = None, y: Values | None = None, **options: Any) -> str:
        """Return the model as source code or TOML; see `pellucid.to_source`, which takes the same arguments.

        Parameters
        ----------
        level, x, y, **options
            As for `pellucid.to_source`.
        """
        from pellucid.inspect.source_export.export import to_source

        return to_source(self, level, x, y, **options)

    def compare_with(
        self, against: str = "keras", x: Values | None = None, y: Values | None = None, **options: Any
    ) -> FrameworkComparison:
        """Compare with the same network in another framework; see `pellucid.compare_with`, which takes the same.

        Parameters
        ----------
        against, x, y, **options
            As for `pellucid.compare_with`; ``against`` is the framework.
        """
        from pellucid.inspect.cross_framework.compare import compare_with

        return compare_with(self, against, x, y, **options)

    def symbolic_loss(self) -> Expr | list[Expr]:
        """Return the training loss as an expression of the inputs and of targets ``y``.

        Returns
        -------
        Expr, or list of Expr
            The loss; the outputs if the model is not compiled.
        """
        from pellucid.inspect.layer_trace import get_symbolic_loss

        result: Expr | list[Expr] = get_symbolic_loss(self)
        return result

    # Files

    def save(self, path: FilePath) -> None:
        """Save the model to one file, from which `pellucid.load_model` recreates it.

        The file holds the graph, all values, the layers with their settings and names, the compile configuration, the
        slots of the optimizer, the states of random streams, and the history. It holds no code.

        A name that ends in ``.keras`` writes a file that Keras 3 opens with ``keras.models.load_model``, and that
        predicts the same there. It holds the layers with their names and settings, all weights, and the arguments of
        `compile` with the slots of the optimizer. It does not hold the history, the position in `run`, and the states
        of random streams.

        Parameters
        ----------
        path : str or path
            Such as ``"cats.pel"`` or ``"cats.keras"``, which needs h5py. A ``.pel`` file is a safetensors file. An
            existing file is replaced atomically.

        Raises
        ------
        OptionError
            If the name ends in the suffix of another format, such as ``.onnx``, which `export` writes.
        StorageError
            For an object that cannot be saved, such as an op that is not registered. Then no file is written.
        ModelError
            If Keras does not have a layer or an operation of the model, for a ``.keras`` file.

        Warns
        -----
        StorageWarning
            If Keras does not have the optimizer, a loss or a metric, and for `Nadam` and `Adafactor`, whose state is
            not written. The file leaves out the arguments of `compile` then.
        """
        from pellucid.model.saving import save_model

        save_model(self, path)

    def export(self, path: FilePath, format: Literal["onnx", "keras"] = "onnx", *, description: str = "") -> None:
        """Export the inference form of the model for other programs; see `pellucid.to_onnx`.

        Parameters
        ----------
        path : str or path
            Such as ``"cats.onnx"`` or ``"cats.keras"``. An existing file is replaced atomically.
        format : {"onnx", "keras"}
            File format. A file of Keras is that of `save`.
        description : str
            Description in an ONNX file.

        Raises
        ------
        ModelError
            For an unknown format, a model that is not built, or layers that Keras does not have.
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
        from pellucid.interop.model_export import export_model

        export_model(self, path, format, description)

    def to_page(
        self,
        path: FilePath,
        *,
        title: str | None = None,
        examples: Values | tuple[ArrayLike, ArrayLike] | None = None,
        class_names: Sequence[str] | None = None,
        feature_names: Sequence[str] | None = None,
        image_shape: Sequence[int] | None = None,
    ) -> None:
        """Write the trained model as one page that predicts in a browser, without a network.

        Samples of shape (height, width) or (height, width, channels) are images: one can draw them, or open, drop or
        paste a file, and sees the feature maps and the gradient of the winning score; see `pellucid.live.image`. For
        rows of features the page has a slider for each; see `pellucid.live.feature_inputs`. A recurrent network is
        shown step by step; see `pellucid.live.sequence`.

        Parameters
        ----------
        path : str or path
            A file that ends in ``.html``. An existing one is replaced atomically.
        title : str, optional
            Heading of the page; the name of the model by default.
        examples : array, data frame, or (x, y), optional
            Samples to begin with, with their classes or targets in y. They also give the ranges of features and pixels,
            which otherwise come from the first layer if it is a `Normalization` or `Rescaling`.
        class_names : sequence of str, optional
            Names of the classes, such as those in ``data.json`` of a run of ``pellucid train``.
        feature_names : sequence of str, optional
            Names of the features; by default the columns of a data frame, or x1, x2 and so on.
        image_shape : (int, int) or (int, int, int), optional
            Height, width and channels of samples that are flattened images.

        Raises
        ------
        ModelError
            If the model is not built, has several inputs or outputs, is too large for a page, or has a layer that
            cannot be compiled to WebAssembly: the message names it.
        ShapeError
            If examples or names do not fit the model.

        Examples
        --------
        >>> from pellucid import nn
        >>> model = pel.Sequential([nn.Input((2,)), nn.Dense(3, activation="softmax")])
        >>> model.to_page("flowers.html", class_names=["setosa", "versicolor", "virginica"])
        """
        from pellucid.live.model_page import save_model_page

        save_model_page(self, path, title, examples, class_names, feature_names, image_shape)

    def save_weights(self, path: FilePath) -> None:
        """Save the values of all parameters, without the model.

        Parameters
        ----------
        path : str or path
            The extension selects the format: ``.npz`` and ``.safetensors`` hold arrays by parameter paths, such as
            ``"dense_1/kernel"``; ``.weights.h5`` and ``.keras`` are for ``load_weights`` of the same model in Keras 3,
            and need h5py. An existing file is replaced atomically.

        Raises
        ------
        ValueError
            For an unknown extension.
        ModelError
            If the model is not built.
        """
        from pellucid.model.saving import save_weights

        self.check_built()
        save_weights(self, path)

    def load_weights(self, path: Any, mapping: Any = None) -> None:
        """Load the values of all parameters, saved by a model with the same layers in pellucid or in Keras 3.

        Parameters
        ----------
        path : str, path, or mapping from str to tensor or array
            A file of `save_weights`, a ``.keras`` file, or the ``.pel`` file of a model. For a PyTorch module: its
            state dict, or a ``.safetensors``, ``.pt`` or ``.pth`` file of it; see `pellucid.load_state_dict`.
        mapping : dict from str to str or None, or function, optional
            Names of the layers for the prefixes of a state dict. By default they are matched in order.

        Raises
        ------
        StorageError
            For a file that is damaged or in an unknown format, and for values that do not fit: the message names the
            layer and both shapes. Then no parameter has changed.
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
        from pellucid.model.saving import load_weights

        self.check_built()
        load_weights(self, path, mapping)


def copy_containers(value: Any) -> Any:
    """Return a copy of nested lists and dictionaries with the same items."""
    if type(value) is list:
        return [copy_containers(item) for item in value]
    return {key: copy_containers(item) for key, item in value.items()} if type(value) is dict else value


def check_batch_axes(inputs: Sequence[Expr], name: str) -> None:
    """Refuse inputs that are not batches of one size."""
    for e in inputs:
        if not e.ndim or unify(e.shape[0], inputs[0].shape[0]) is None:
            received = ", ".join(f"{i} {format_shape(i.shape)}" for i in inputs)
            raise ShapeError(
                f"{name}: expected inputs whose first axis is the batch, of one size or name. Received: {received}"
            )


AnyModel = TypeVar("AnyModel", bound=Model)


def clone_model(model: AnyModel) -> AnyModel:
    """Return a new model with new layers of the same kinds and new parameters; see `Model.clone`.

    Parameters
    ----------
    model : Model
        The model to copy.

    Examples
    --------
    >>> model = pel.Sequential([pel.nn.Input((2,)), pel.nn.Dense(3, name="first")])
    >>> pel.clone_model(model).layers
    [<Dense first>]
    """
    return model.clone()


def load_model(path: FilePath, custom_objects: Mapping[str, Callable[..., object]] | None = None) -> Model:
    """Load a model that `Model.save` saved; it predicts and trains bit by bit like the original.

    A ``.keras`` file may also come from Keras 3. Keras is not needed, and the model predicts the same up to rounding.
    The optimizer continues where it was, except `Nadam` and `Adafactor`, which start again. The file does not hold the
    states of random streams and the history. The argument ``training`` of calls is ignored: `fit` and `predict` decide.

    Parameters
    ----------
    path : str or path
        The file. It may come from an untrusted source: none of its content is executed.
    custom_objects : dict from str to class or function, optional
        Custom layers, losses and so on, by name. Without them the model still predicts, since the file holds its graph;
        it cannot be applied to another input or, without its custom loss, be trained. A ``.keras`` file holds no graph
        of a custom layer, so that they are required; the function of a ``Lambda`` is given by the name of the layer.

    Returns
    -------
    Model
        Of the class that was saved, compiled as it was.

    Raises
    ------
    StorageError
        For a file that is damaged, in another format, or of a later version, and for a custom op that is not
        registered. Also for a layer or an option of Keras that pellucid does not have; the message names them.
    OSError
        If the file cannot be read.

    Warns
    -----
    StorageWarning
        If pellucid does not have the optimizer, a loss or a metric of a ``.keras`` file. The model is not compiled.

    Examples
    --------
    >>> from pellucid import nn
    >>> model = pel.Sequential([nn.Input((2,)), nn.Dense(3, activation="relu"), nn.Dense(1)])
    >>> model.compile("adam", "mse")
    >>> x, y = np.ones((8, 2), "float32"), np.ones((8, 1), "float32")
    >>> history = model.fit(x, y, epochs=2, verbose=0)
    >>> model.save("line.pel")
    >>> again = pel.load_model("line.pel")
    >>> bool((again.predict(x) == model.predict(x)).all())
    True
    """
    from pellucid.model.saving import read_model

    model = read_model(path, custom_objects)
    assert isinstance(model, Model)
    return model
