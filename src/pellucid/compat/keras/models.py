"""Models of Keras 1 over those of pellucid: `Sequential` and `Model`."""

import io
import itertools
import math
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

import pellucid as pel
from pellucid.atomic_write import atomic_write
from pellucid.compat.keras import backend, layers, named_objects, optimizers
from pellucid.compat.keras.arguments import keras_arguments
from pellucid.compat.keras.callbacks import ProgressPrinter, print_line
from pellucid.compat.keras.layer_base import GraphAttributes, KerasLayer, make_name
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.programs import RECORDER
from pellucid.graph.errors import ShapeError, StorageError
from pellucid.model.errors import ModelError
from pellucid.model.functional_graph import trace_functional_graph
from pellucid.nn import metrics
from pellucid.optional_packages import require_packages
from pellucid.untrusted_files.reading import report_damage


class KerasModel(GraphAttributes, pel.Model):
    """Methods of models in Keras 1. Queues of generators, and ``sample_weight_mode``, need no settings here."""

    @keras_arguments
    def compile(self, optimizer, loss, metrics=None, loss_weights=None, sample_weight_mode=None, class_mode=None):
        losses, self.loss = resolve(loss, named_objects.objectives.get), loss
        metrics = resolve([metrics] if isinstance(metrics, str) else metrics, named_objects.metrics.get)
        if losses is named_objects.LOSSES["binary_crossentropy"]:
            metrics = resolve(metrics, lambda metric: acc if metric == "acc" else metric)
        pel.Model.compile(self, optimizers.get(optimizer), losses, loss_weights, metrics)

    @property
    def metrics_names(self):
        outputs = self.compile_config.for_outputs(self.output_names)
        if len(outputs) == 1:
            return ["loss", *outputs[0].metrics]
        names = [f"{output.name}_{metric}" for output in outputs for metric in output.metrics]
        return ["loss", *(f"{output.name}_loss" for output in outputs), *names]

    @keras_arguments
    def fit(self, x, y, batch_size=32, nb_epoch=10, verbose=1, callbacks=None, validation_split=0.0,
            validation_data=None, shuffle=True, class_weight=None, sample_weight=None, initial_epoch=0):  # fmt: skip
        (x, y), held = self.to_batch((x, y)), validation_data and self.to_batch(tuple(validation_data))
        rows, split = count_rows(x), 0.0 if held else validation_split
        kept = int(rows * (1.0 - split))
        if verbose and (held or split):
            print(f"Train on {kept} samples, validate on {count_rows(held[0]) if held else rows - kept} samples")
        options = {"sample_weight": sample_weight, "class_weight": class_weight, "initial_epoch": initial_epoch}
        options |= {"validation_split": split, "batch_size": batch_size, "validation_batch_size": batch_size}
        options |= {"validation_data": held, "shuffle": bool(shuffle)}
        return self.train([x, y], kept, batch_size, nb_epoch, verbose, callbacks, **options)

    def train(self, data, samples, size, epochs, verbose, callbacks, **options):
        """Train with the printed lines of Keras 1; the order of samples follows NumPy's global seed."""
        given = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks] if callbacks else []
        callbacks = [*([ProgressPrinter(verbose, samples, epochs)] if verbose else []), *given]
        for callback in callbacks:
            callback.fit_params = {"nb_epoch": epochs, "nb_sample": samples, "batch_size": size, "verbose": verbose}
        options |= {"epochs": epochs, "verbose": 0, "callbacks": callbacks, "seed": backend.draw_seed()}
        history = pel.Model.fit(self, *data, **options)
        if RECORDER.enabled:
            step = next(reversed(self.train_steps.values()))
            program = pel.function(step.inputs, step.loss, updates=step.updates, on_unused_input="ignore")
            RECORDER.add("model.fit", program)
        return history

    @keras_arguments
    def fit_generator(self, generator, samples_per_epoch=None, nb_epoch=1, verbose=1, callbacks=None,
                      validation_data=None, nb_val_samples=None, class_weight=None, max_q_size=10, nb_worker=1,
                      pickle_safe=False, initial_epoch=0, steps_per_epoch=None, validation_steps=None):  # fmt: skip
        """Train on batches of a generator, which a thread prepares."""
        batches, size, steps = self.open_batches(generator, samples_per_epoch, steps_per_epoch)
        held, options = validation_data, {"class_weight": class_weight, "initial_epoch": initial_epoch}
        if isinstance(held, (tuple, list)):
            held = self.to_batch(tuple(held))
        elif held is not None:
            held, _, options["validation_steps"] = self.open_batches(held, nb_val_samples, validation_steps)
        options |= {"validation_data": held, "steps_per_epoch": steps}
        return self.train([batches], samples_per_epoch or steps * size, size, nb_epoch, verbose, callbacks, **options)

    def open_batches(self, generator, samples, steps):
        """Return the batches of a generator as arrays, the length of the first, and the number for these samples."""
        if steps is None and samples is None:
            raise ModelError("Expected the number of samples to take from the generator. Received: None")
        batches = map(self.to_batch, iter(generator))
        first = next(batches)
        size = count_rows(first[0] if isinstance(first, tuple) else first)
        return itertools.chain([first], batches), size, math.ceil((samples or 0) / size) if steps is None else steps

    def to_batch(self, item):
        """Return inputs, or a tuple that begins with inputs and targets, with the dtypes of the inputs."""
        if not isinstance(item, tuple):
            return unwrap(self.to_arrays(item))
        return (unwrap(self.to_arrays(item[0])), to_targets(item[1]), *item[2:])

    def evaluate(self, x, y, batch_size=32, verbose=1, sample_weight=None):
        (x, y), start = self.to_batch((x, y)), time.perf_counter()
        result = pel.Model.evaluate(self, x, y, batch_size, 0, sample_weight)
        print_line(count_rows(x), start, {}) if verbose == 1 else None
        return result

    def evaluate_generator(
        self, generator, val_samples=None, max_q_size=10, nb_worker=1, pickle_safe=False, steps=None
    ):
        batches, _, steps = self.open_batches(generator, val_samples, steps)
        return pel.Model.evaluate(self, batches, steps=steps)

    def predict(self, x, batch_size=32, verbose=0):
        x, start = self.to_batch(x), time.perf_counter()
        result = super().predict(x, batch_size)
        if RECORDER.enabled:
            RECORDER.add("model.predict", next(reversed(self.predictors.values())))
        print_line(count_rows(x), start, {}) if verbose == 1 else None
        return result

    def predict_generator(self, generator, val_samples=None, max_q_size=10, nb_worker=1, pickle_safe=False, steps=None):
        batches, _, steps = self.open_batches(generator, val_samples, steps)
        return pel.Model.predict(self, batches, steps=steps)

    def predict_classes(self, x, batch_size=32, verbose=1):
        """Return the column with the maximum; for a single column, whether it exceeds 1/2, in a column."""
        p = self.predict(x, batch_size, verbose)
        return p.argmax(axis=-1) if p.shape[-1] > 1 else (p > 0.5).astype("int32")

    def train_on_batch(self, x, y, class_weight=None, sample_weight=None):
        return super().train_on_batch(*self.to_batch((x, y)), sample_weight, class_weight)

    predict_proba = lambda self, x, batch_size=32, verbose=1: self.predict(x, batch_size, verbose)
    predict_on_batch = lambda self, x: pel.Model.predict_on_batch(self, self.to_batch(x))
    test_on_batch = lambda self, x, y, sample_weight=None: pel.Model.test_on_batch(
        self, *self.to_batch((x, y)), sample_weight
    )

    def to_arrays(self, x):
        """Return the inputs as a list of arrays, with integers where the model takes them."""
        if not self.built:
            return [np.asarray(x)]
        inputs = self.inputs
        if isinstance(x, Mapping):
            x = [x[e.name] for e in inputs if e.name in x]
        elif len(inputs) == 1 and not (isinstance(x, (list, tuple)) and np.ndim(x[0]) >= inputs[0].ndim):
            x = [x]
        if len(x) != len(inputs):
            names = ", ".join(str(e.name) for e in inputs)
            raise ModelError(f"{self.name}: expected one array for each input, {names}. Received: {len(x)} arrays")
        pairs = [(np.asarray(value), e.dtype) for value, e in zip(x, inputs, strict=True)]
        return [a.astype(t, copy=False) if t.kind in "iu" and a.dtype.kind == "f" else a for a, t in pairs]

    get_call = lambda self: (unwrap(self.inputs), unwrap(self.outputs))
    get_weights = lambda self: [w for layer in self.layers for w in layer.get_weights()]

    def set_weights(self, weights):
        """Set the weights of all layers, given in the order and layout of Keras 1."""
        counts = [len(layer.get_weights()) for layer in self.layers]
        if sum(counts) != len(weights):
            raise ModelError(f"{self.name} has {sum(counts)} weights. Received: values for {len(weights)}")
        rest = iter(weights)
        for layer, count in zip(self.layers, counts, strict=True):
            layer.set_weights(list(itertools.islice(rest, count)))

    def save_weights(self, filepath, overwrite=True):
        """Save the weights of all layers in Keras 1's HDF5 layout."""
        check_overwrite(filepath, overwrite)
        with require_packages("keras's model.save_weights"):
            import h5py
        file = io.BytesIO()
        with h5py.File(file, "w") as store:
            store.attrs["layer_names"] = [layer.name.encode() for layer in self.layers]
            for layer in self.layers:
                group = store.create_group(layer.name)
                named = {f"{layer.name}_{number}": value for number, value in enumerate(layer.get_weights())}
                group.attrs["weight_names"] = [name.encode() for name in named]
                group.update(named)
        atomic_write(filepath, file.getvalue())

    def load_weights(self, filepath, by_name=False):
        """Load weights that `save_weights`, or genuine Keras 1, saved: in order, or by the names of the layers."""
        with require_packages("keras's model.load_weights"):
            import h5py
        with report_damage(StorageError, f"Cannot read the weights in {filepath}"), h5py.File(filepath) as store:
            root = store.get("model_weights", store)
            groups = {to_text(name): root[name] for name in root.attrs["layer_names"]}
            found = {name: [np.array(g[w]) for w in g.attrs["weight_names"]] for name, g in groups.items()}
        given, targets = [ws for ws in found.values() if ws], [layer for layer in self.layers if layer.get_weights()]
        if not by_name and len(given) != len(targets):
            raise ShapeError(f"{filepath} has weights of {len(given)} layers. Received: a model with {len(targets)}")
        pairs = list(zip(targets, [found.get(layer.name) for layer in targets] if by_name else given, strict=True))
        for layer, weights in pairs:  # before any layer changes
            shapes, own = ([w.shape for w in ws or ()] for ws in (weights, layer.get_weights()))
            if weights is not None and shapes != own:
                raise ShapeError(f"{layer.name} has weights of shapes {own}. Received: {shapes} in {filepath}")
        for layer, weights in pairs:
            layer.set_weights(weights) if weights is not None else None

    def save(self, filepath, overwrite=True):
        """Save model, weights and optimizer, in pellucid's own format whatever the name, for `load_model`."""
        check_overwrite(filepath, overwrite)
        temporary = Path(f"{filepath}.pel")
        super().save(temporary)
        temporary.replace(filepath)


class Model(KerasModel):
    """Model from inputs to outputs."""

    def __init__(self, input=None, output=None, name=None, inputs=None, outputs=None):
        ends = (unwrap(inputs if input is None else input), unwrap(outputs if output is None else output))
        super().__init__(*ends, name=make_name("model") if name is None else name)


class Sequential(KerasModel, pel.Sequential):
    """Chain of layers; the first has the shape of a sample, or merges the outputs of other models."""

    branches = None  # inputs of the models that a first `Merge` layer joins

    def __init__(self, layers=None, name=None):
        super().__init__(layers or (), make_name("sequential") if name is None else name)

    def add(self, layer):
        first = not self._stages and not self._layers
        if first and isinstance(layer, layers.Merge) and layer.config["layers"]:
            models = layer.config["layers"]
            self.branches = list(dict.fromkeys(e for model in models for e in model.inputs))
            self._layers.append(layer)
            self.set_stages([models[0].output, layer([model.output for model in models])])
            self._input_structure, self.is_sequential = len(self.branches), False
            return
        source = make_first_input(layer) if first else None
        if source is not None:
            super().add(source)
        super().add(layer)

    def set_stages(self, stages):
        if self.branches is None:
            super().set_stages(stages)
            return
        self._stages = stages
        self.set_functional_graph(trace_functional_graph(self.branches, stages[-1:], self.name))

    # A first `Merge` comes after the layers of its models.
    layers = property(lambda self: self.functional_graph.layers if self.branches else self._layers)
    rebuild = lambda self, graph: (pel.Model if self.branches else pel.Sequential).rebuild(self, graph)
    call = lambda self, x: (pel.Model if self.branches else pel.Sequential).call(self, x)


def make_first_input(layer):
    """Return an input for the first layer of a chain, or None if its shape is not known yet."""
    if isinstance(layer, KerasModel) and layer.built:
        return layers.Input(layer.inputs[0].shape[1:], dtype=layer.inputs[0].dtype)
    shape = layer.get_sample_shape() if isinstance(layer, KerasLayer) else None
    dtype = shape and (layer.config["input_dtype"] or ("int32" if isinstance(layer, layers.Embedding) else None))
    return None if shape is None else layers.Input(shape, None, make_name(f"{layer.name}_input"), dtype)


def load_model(filepath, custom_objects=None):
    """Load a model that ``model.save`` saved, with its optimizer; genuine Keras's are read by ``load_weights``."""
    known = {**vars(optimizers), **vars(layers), **globals(), **vars(named_objects), **named_objects.METRICS}
    known = {name: value for name, value in known.items() if callable(value)}
    model = pel.load_model(filepath, {**known, **named_objects.ACTIVATIONS, **(custom_objects or {})})
    for node in model.functional_graph.nodes:
        node.layer.first_call = (node.call.inputs, node.outputs[0])
    return model


def acc(y_true, y_pred):
    """Fraction of equal elements, which the binary cross-entropy made the accuracy of Keras 1."""
    return metrics.binary_accuracy(y_true, y_pred)


def resolve(value, get):
    """Resolve names in nested lists and dicts."""
    if isinstance(value, Mapping):
        return {key: resolve(v, get) for key, v in value.items()}
    return (
        [resolve(v, get) for v in value] if isinstance(value, (list, tuple)) else None if value is None else get(value)
    )


def to_targets(y):
    """Return targets as arrays: one, or a list or dict of them."""
    if isinstance(y, Mapping):
        return {key: np.asarray(v) for key, v in y.items()}
    several = isinstance(y, (list, tuple)) and len(y) and isinstance(y[0], np.ndarray) and y[0].ndim > 0
    return unwrap([np.asarray(v) for v in y]) if several else None if y is None else np.asarray(y)


def check_overwrite(path, overwrite):
    """Refuse to replace a file; Keras 1 asked on the terminal."""
    if not overwrite and Path(path).exists():
        raise StorageError(f"{path} exists. Pass overwrite=True to replace it")


to_text = lambda name: name.decode() if isinstance(name, bytes) else str(name)
unwrap = lambda values: values[0] if isinstance(values, (list, tuple)) and len(values) == 1 else values
count_rows = lambda x: len(x[0] if isinstance(x, list) else x)
SAVED = "model.save(path) and load_model(path) keep layers, weights and optimizer"
add_missing_name_errors(globals(), "keras.models", dict.fromkeys(("model_from_json", "model_from_yaml"), SAVED))
