"""Models of Keras 1 over those of pellucid: `Sequential` and `Model`."""

from __future__ import annotations

import itertools
import json
import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import pellucid as pel
from pellucid.compat.keras import activations, backend, initializations, layers, model_files, objectives, optimizers
from pellucid.compat.keras.arguments import bind, make_signature
from pellucid.compat.keras.callbacks import ProgressPrinter, print_line
from pellucid.compat.keras.layer_base import KerasLayer, get_shape, make_name
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.programs import RECORDER
from pellucid.graph.errors import StorageError
from pellucid.graph.expr import Expr
from pellucid.graph.expr import Input as GraphInput
from pellucid.model.errors import ModelError
from pellucid.model.functional_graph import trace_functional_graph
from pellucid.nn import metrics
from pellucid.typing import Array

COMPILE = make_signature(
    "optimizer loss metrics=None loss_weights=None sample_weight_mode=None class_mode=None theano_mode=None"
)
FIT = make_signature(
    "x y batch_size=32 nb_epoch=10 verbose=1 callbacks=None validation_split=0.0 validation_data=None shuffle=True "
    "class_weight=None sample_weight=None initial_epoch=0 show_accuracy=False"
)
EVALUATE = make_signature("x y batch_size=32 verbose=1 sample_weight=None show_accuracy=False")
FIT_GENERATOR = make_signature(
    "generator samples_per_epoch=None nb_epoch=1 verbose=1 callbacks=None validation_data=None nb_val_samples=None "
    "class_weight=None max_q_size=10 nb_worker=1 pickle_safe=False initial_epoch=0 steps_per_epoch=None "
    "validation_steps=None"
)
GENERATOR = make_signature("generator val_samples=None max_q_size=10 nb_worker=1 pickle_safe=False steps=None")


class KerasModel(pel.Model):
    """Methods of models in Keras 1. Queues of generators, and ``sample_weight_mode``, need no settings here."""

    def compile(self, *args: Any, **keywords: Any) -> None:
        """Configure training."""
        a = bind(KerasModel.compile, COMPILE, args, keywords)
        metrics = [a["metrics"]] if isinstance(a["metrics"], str) else a["metrics"]
        loss, self.loss = resolve(a["loss"], objectives.get), a["loss"]
        if loss is objectives.LOSSES["binary_crossentropy"] and metrics is not None:
            metrics = resolve(metrics, lambda name: acc if name in ("acc", "accuracy") else name)
        pel.Model.compile(
            self, optimizers.get(a["optimizer"]), loss, a["loss_weights"], resolve(metrics, objectives.get_metric)
        )

    def show_accuracy(self, show: bool) -> None:
        """Add the accuracy to the metrics, as the argument ``show_accuracy`` of Keras 0.3 did."""
        config = self.compile_config
        if show and not config.metrics:
            pel.Model.compile(
                self, config.optimizer, config.loss, config.loss_weights, [["acc"]] * len(self.output_names)
            )

    @property
    def metrics_names(self) -> list[str]:
        """Names of the loss and the metrics, in the order of `evaluate`."""
        outputs = self.compile_config.for_outputs(self.output_names)
        if len(outputs) == 1:
            return ["loss", *outputs[0].metrics]
        names = [f"{output.name}_{metric}" for output in outputs for metric in output.metrics]
        return ["loss", *(f"{output.name}_loss" for output in outputs), *names]

    def fit(self, *args: Any, **keywords: Any) -> Any:
        """Train the model; the order of samples follows NumPy's global seed."""
        a = bind(KerasModel.fit, FIT, args, keywords)
        self.show_accuracy(a.pop("show_accuracy"))
        parts = [self.to_arrays(a.pop("x")), to_targets(a.pop("y")), a.pop("sample_weight")]
        data, split, held = a.pop("validation_data"), a.pop("validation_split"), None
        if data is not None:
            held = [self.to_arrays(data[0]), to_targets(data[1]), *data[2:]]
        elif split:
            at = int(len(parts[0][0]) * (1.0 - split))
            held = [cut(part, slice(at, None)) for part in parts]
            parts = [cut(part, slice(at)) for part in parts]
        count = len(parts[0][0])
        if a["verbose"] and held is not None:
            print(f"Train on {count} samples, validate on {len(held[0][0])} samples")
        size, validation = a.pop("batch_size"), None if held is None else tuple(held)
        given = {
            "sample_weight": parts[2],
            "batch_size": size,
            "validation_batch_size": size,
            "shuffle": bool(a.pop("shuffle")),
        }
        return self.train(parts[:2], a, count, size, validation_data=validation, **given)

    def train(self, data: Sequence[Any], a: dict[str, Any], samples: int, size: int, **options: Any) -> Any:
        """Train with the printed lines of Keras 1."""
        epochs, verbose = a["nb_epoch"], a["verbose"]
        given = (
            a["callbacks"] if isinstance(a["callbacks"], (list, tuple)) else [a["callbacks"]] if a["callbacks"] else []
        )
        callbacks: list[Any] = [*([ProgressPrinter(verbose, samples, epochs)] if verbose else []), *given]
        params = {"nb_epoch": epochs, "nb_sample": samples, "batch_size": size, "verbose": verbose}
        for callback in callbacks:
            callback.fit_params = {**params, "do_validation": options["validation_data"] is not None}
        options |= {"class_weight": a["class_weight"], "initial_epoch": a["initial_epoch"], "seed": backend.draw_seed()}
        options |= {"epochs": epochs, "verbose": 0, "callbacks": callbacks}
        history = pel.Model.fit(self, *data, **options)
        if RECORDER.enabled:
            step = next(reversed(self.train_steps.values()))
            RECORDER.add(
                "model.fit", pel.function(step.inputs, step.loss, updates=step.updates, on_unused_input="ignore")
            )
        return history

    def fit_generator(self, *args: Any, **keywords: Any) -> Any:
        """Train on batches of a generator, which a thread prepares."""
        a = bind(KerasModel.fit_generator, FIT_GENERATOR, args, keywords)
        batches, size, steps = self.open_batches(a["generator"], a["samples_per_epoch"], a["steps_per_epoch"])
        held, options = a["validation_data"], {"steps_per_epoch": steps}
        if isinstance(held, (tuple, list)):
            held = (self.to_arrays(held[0]), to_targets(held[1]), *held[2:])
        elif held is not None:
            held, _, options["validation_steps"] = self.open_batches(held, a["nb_val_samples"], a["validation_steps"])
        return self.train([batches], a, a["samples_per_epoch"] or steps * size, size, validation_data=held, **options)

    def open_batches(self, generator: Any, samples: int | None, steps: int | None) -> tuple[Iterator[Any], int, int]:
        """Return the batches of a generator as arrays, the length of the first, and the number for these samples."""
        items = iter(generator)
        batches = map(self.to_batch, items)
        first = next(batches)
        x = first[0] if isinstance(first, tuple) else first
        size = len(x[0] if isinstance(x, list) else x)
        if steps is None and samples is None:
            raise ModelError("Expected the number of samples to take from the generator. Received: None")
        return itertools.chain([first], batches), size, math.ceil((samples or 0) / size) if steps is None else steps

    def to_batch(self, item: Any) -> Any:
        """Return a batch of a generator with the dtypes of the inputs."""
        if not isinstance(item, tuple):
            return unwrap(self.to_arrays(item))
        return (unwrap(self.to_arrays(item[0])), to_targets(item[1]), *item[2:])

    def evaluate(self, *args: Any, **keywords: Any) -> Any:
        """Return the loss, or a list of the loss and the metrics."""
        a, start = bind(KerasModel.evaluate, EVALUATE, args, keywords), time.perf_counter()
        self.show_accuracy(a["show_accuracy"])
        x = self.to_arrays(a["x"])
        result = pel.Model.evaluate(self, x, to_targets(a["y"]), a["batch_size"], 0, a["sample_weight"])
        if a["verbose"] == 1:
            print_line(len(x[0]), start, {})
        return result

    def evaluate_generator(self, *args: Any, **keywords: Any) -> Any:
        """Return the loss, or a list of the loss and the metrics, on batches of a generator."""
        a = bind(KerasModel.evaluate_generator, GENERATOR, args, keywords)
        batches, _, steps = self.open_batches(a["generator"], a["val_samples"], a["steps"])
        return pel.Model.evaluate(self, batches, steps=steps)

    def predict(self, x: Any, batch_size: int = 32, verbose: int = 0) -> Any:  # type: ignore[override]
        """Return the outputs for data."""
        arrays, start = self.to_arrays(x), time.perf_counter()
        result = super().predict(unwrap(arrays), batch_size)
        if RECORDER.enabled:
            RECORDER.add("model.predict", next(reversed(self.predictors.values())))
        if verbose == 1:
            print_line(len(arrays[0]), start, {})
        return result

    def predict_generator(self, *args: Any, **keywords: Any) -> Any:
        """Return the outputs for batches of a generator."""
        a = bind(KerasModel.predict_generator, GENERATOR, args, keywords)
        batches, _, steps = self.open_batches(a["generator"], a["val_samples"], a["steps"])
        inputs = (batch[0] if isinstance(batch, tuple) else batch for batch in batches)
        parts = [super(KerasModel, self).predict_on_batch(x) for x in itertools.islice(inputs, steps)]
        several = isinstance(parts[0], list)
        return [np.concatenate(p) for p in zip(*parts, strict=True)] if several else np.concatenate(parts)

    def predict_proba(self, x: Any, batch_size: int = 32, verbose: int = 1) -> Any:  # type: ignore[override]
        """Return the outputs, as `predict` does."""
        return self.predict(x, batch_size, verbose)

    def predict_classes(self, x: Any, batch_size: int = 32, verbose: int = 1) -> Any:  # type: ignore[override]
        """Return the column with the maximum; for a single column, whether it exceeds 1/2, in a column."""
        p = self.predict(x, batch_size, verbose)
        return p.argmax(axis=-1) if p.shape[-1] > 1 else (p > 0.5).astype("int32")

    def predict_on_batch(self, x: Any) -> Any:
        return super().predict_on_batch(unwrap(self.to_arrays(x)))

    def train_on_batch(self, x: Any, y: Any, class_weight: Any = None, sample_weight: Any = None) -> Any:  # type: ignore[override]
        """Run one training step; its loss and metrics are from before the update."""
        return super().train_on_batch(self.to_arrays(x), to_targets(y), sample_weight, class_weight)

    def test_on_batch(self, x: Any, y: Any, sample_weight: Any = None) -> Any:  # type: ignore[override]
        """Return the loss, or a list of the loss and the metrics, of one batch."""
        return super().test_on_batch(self.to_arrays(x), to_targets(y), sample_weight)

    def to_arrays(self, x: Any) -> list[Array]:
        """Return the inputs as a list of arrays, with integers where the model takes them."""
        if not self.built:
            return [np.asarray(x)]
        inputs = self.inputs
        if isinstance(x, Mapping):
            x = [x[e.name] for e in inputs if e.name in x]
        listed = (
            isinstance(x, (list, tuple)) and isinstance(x[0], (np.ndarray, list)) and np.ndim(x[0]) >= inputs[0].ndim
        )
        arrays = [np.asarray(value) for value in (x if listed or len(inputs) > 1 else [x])]
        if len(arrays) != len(inputs):
            names = ", ".join(str(e.name) for e in inputs)
            raise ModelError(f"{self.name}: expected one array for each input, {names}. Received: {len(arrays)} arrays")
        kinds = [
            e.dtype if e.dtype.kind in "iu" and a.dtype.kind == "f" else a.dtype
            for a, e in zip(arrays, inputs, strict=True)
        ]
        return [a.astype(kind, copy=False) for a, kind in zip(arrays, kinds, strict=True)]

    input = property(lambda self: unwrap(self.inputs), doc="The input, or a list of them.")
    output = property(lambda self: unwrap(self.outputs), doc="The output, or a list of them.")
    input_shape = property(lambda self: get_shape(self.input), doc="Shape of the input, None for the batch.")
    output_shape = property(lambda self: get_shape(self.output), doc="Shape of the output, None for the batch.")
    weights = property(lambda self: self.parameters, doc="All parameters.")
    trainable_weights = property(lambda self: self.trainable_parameters, doc="Parameters that are not frozen.")
    count_params = KerasLayer.count_params

    def get_weights(self) -> list[Array]:
        """Return the weights of all layers in the order and layout of Keras 1."""
        return [w for layer in self.layers for w in layer.get_weights()]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set the weights of all layers, given in the order and layout of Keras 1."""
        counts = [len(layer.get_weights()) for layer in self.layers]
        if sum(counts) != len(weights):
            raise ModelError(f"{self.name} has {sum(counts)} weights. Received: values for {len(weights)}")
        rest = iter(weights)
        for layer, count in zip(self.layers, counts, strict=True):
            layer.set_weights(list(itertools.islice(rest, count)))

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Save the weights of all layers in Keras 1's HDF5 layout."""
        model_files.write_weights(filepath, self, overwrite)

    def load_weights(self, filepath: Any, by_name: bool = False) -> None:
        """Load weights that `save_weights`, or genuine Keras 1, saved."""
        model_files.read_weights(filepath, self, by_name)

    def save(self, filepath: Any, overwrite: bool = True) -> None:
        """Save model, weights and optimizer, in pellucid's own format whatever the name, for `load_model`."""
        model_files.check_overwrite(filepath, overwrite)
        temporary = Path(f"{filepath}.pel")
        super().save(temporary)
        temporary.replace(filepath)

    def get_config(self) -> Any:
        """Return the structure in Keras 1's form."""
        return model_files.describe_functional(self)

    def to_json(self, **options: Any) -> str:
        """Return the structure, without weights, as JSON."""
        return json.dumps({**model_files.encode(self), "keras_version": "1.2.2"}, default=model_files.encode, **options)


class Model(KerasModel):
    """Model from inputs to outputs."""

    def __init__(
        self, input: Any = None, output: Any = None, name: str | None = None, inputs: Any = None, outputs: Any = None
    ) -> None:
        ends = (unwrap(inputs if input is None else input), unwrap(outputs if output is None else output))
        super().__init__(*ends, name=make_name("model") if name is None else name)


class Sequential(KerasModel, pel.Sequential):
    """Chain of layers; the first has the shape of a sample."""

    branches: list[Expr] | None = None
    """Inputs of the models that a first `Merge` layer joins."""

    def __init__(self, layers: Any = None, name: str | None = None) -> None:
        super().__init__(layers or (), make_name("sequential") if name is None else name)

    def add(self, layer: Any) -> None:
        """Add a layer after the last one."""
        if not self._stages and not self._layers and isinstance(layer, layers.Merge) and layer.options["layers"]:
            models = layer.options["layers"]
            self.branches = list(dict.fromkeys(e for model in models for e in model.inputs))
            self._layers.append(layer)
            self.set_stages([models[0].output, layer([model.output for model in models])])
            self._input_structure, self.is_sequential = len(self.branches), False
            return
        source = None if self._stages or self._layers else make_first_input(layer)
        if source is not None:
            super().add(source)
        super().add(layer)

    def set_stages(self, stages: list[Expr]) -> None:
        if self.branches is None:
            super().set_stages(stages)
            return
        self._stages = stages
        self.set_functional_graph(trace_functional_graph(self.branches, stages[-1:], self.name))

    def rebuild(self, graph: Any) -> None:
        (pel.Model if self.branches else pel.Sequential).rebuild(self, graph)

    def call(self, x: Any) -> Any:
        return pel.Model.call(self, x) if self.branches else super().call(x)

    @property
    def layers(self) -> list[Any]:
        """The layers, without the input; a first `Merge` comes after the layers of its models."""
        return self.functional_graph.layers if self.branches else self._layers

    def get_config(self) -> Any:
        entries = [model_files.encode(layer) for layer in self._layers]
        if self.branches or not self.built or isinstance(self._layers[0], KerasModel):
            return super().get_config() if self.branches else entries
        shape, dtype = get_shape(self.input), self.inputs[0].dtype.name
        first = {**entries[0]["config"], "batch_input_shape": shape, "input_dtype": dtype}
        return [{**entries[0], "config": first}, *entries[1:]]


def make_first_input(layer: Any) -> GraphInput | None:
    """Return an input for the first layer of a chain, or None if its shape is not known yet."""
    if isinstance(layer, KerasModel) and layer.built:
        return layers.Input(layer.inputs[0].shape[1:], dtype=layer.inputs[0].dtype)
    shape = layer.get_sample_shape() if isinstance(layer, KerasLayer) else None
    if shape is None:
        return None
    dtype = layer.options["input_dtype"] or ("int32" if isinstance(layer, layers.Embedding) else None)
    return layers.Input(shape, None, make_name(f"{layer.name}_input"), dtype)


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return a new model of the structure that ``to_json`` wrote."""
    model_files.CUSTOM_OBJECTS.update(custom_objects or {})
    return model_files.make_from_config(json.loads(json_string))


def load_model(filepath: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Load a model that ``model.save`` saved, with its optimizer."""
    with Path(filepath).open("rb") as file:
        if file.read(4) == b"\x89HDF":
            raise StorageError(
                f"{filepath} holds a model of genuine Keras in HDF5. Build the model in the script, or by "
                "model_from_json, and use model.load_weights, which reads the weights in such a file"
            )
    modules = (activations, objectives, initializations, optimizers, layers, sys.modules[__name__])
    known = {name: value for module in modules for name, value in vars(module).items() if callable(value)}
    model: Any = pel.load_model(filepath, {**known, **model_files.CUSTOM_OBJECTS, **(custom_objects or {})})
    for node in model.functional_graph.nodes:
        node.layer.first_call = (node.call.inputs, node.outputs[0])
    return model


def acc(y_true: Any, y_pred: Any) -> Any:
    """Fraction of equal elements, which the binary cross-entropy made the accuracy of Keras 1."""
    return metrics.binary_accuracy(y_true, y_pred)


def resolve(value: Any, get: Any) -> Any:
    """Resolve names in nested lists and dicts."""
    if isinstance(value, Mapping):
        return {key: resolve(v, get) for key, v in value.items()}
    return (
        [resolve(v, get) for v in value] if isinstance(value, (list, tuple)) else None if value is None else get(value)
    )


def unwrap(values: Any) -> Any:
    """Return the only value of a list, or the list."""
    return values[0] if isinstance(values, (list, tuple)) and len(values) == 1 else values


def to_targets(y: Any) -> Any:
    """Return targets as arrays: one, or a list or dict of them."""
    if isinstance(y, Mapping):
        return {key: np.asarray(v) for key, v in y.items()}
    several = isinstance(y, (list, tuple)) and len(y) and isinstance(y[0], np.ndarray) and y[0].ndim > 0
    return unwrap([np.asarray(v) for v in y]) if several else None if y is None else np.asarray(y)


def cut(value: Any, part: slice) -> Any:
    """Return some samples of an array, or of each in a list or dict."""
    if isinstance(value, Mapping):
        return {key: cut(v, part) for key, v in value.items()}
    return [v[part] for v in value] if isinstance(value, list) else None if value is None else value[part]


add_missing_name_errors(globals(), "keras.models")
