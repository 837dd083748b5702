"""Models of Keras 1 over those of pellucid: `Sequential` and `Model`."""

import functools
import itertools
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

import pellucid as pel
from pellucid.compat.keras import backend, layers, named_objects, optimizers
from pellucid.compat.keras.layers import GraphAttributes, KerasLayer, make_name
from pellucid.compat.keras.named_objects import bind
from pellucid.compat.programs import RECORDER
from pellucid.graph.errors import ShapeError, StorageError
from pellucid.model.errors import ModelError
from pellucid.nn import metrics
from pellucid.optional_packages import require_packages
from pellucid.saving.container import parse_json
from pellucid.untrusted_files.reading import report_damage

NEWER = {"nb_epoch": "epochs"}
FIT = "x y batch_size=32 epochs=10 verbose=1 callbacks=None validation_split=0.0 validation_data=None shuffle=True "
FIT += "class_weight=None sample_weight=None initial_epoch=0"
FIT_GENERATOR = "generator samples_per_epoch epochs verbose=1 callbacks=None validation_data=None nb_val_samples=None "
FIT_GENERATOR += "class_weight=None max_q_size=10 nb_worker=1 pickle_safe=False initial_epoch=0"


class KerasModel(GraphAttributes, pel.Model):
    """Methods of models in Keras 1. Queues of generators, and ``sample_weight_mode``, need no settings here."""

    compiled, unsaved = None, pel.Model.unsaved | {"compiled": lambda: None}

    def compile(self, optimizer, loss, metrics=None, loss_weights=None, sample_weight_mode=None, class_mode=None):
        losses, self.loss = resolve(loss, named_objects.objectives.get), loss
        metrics = resolve([metrics] if isinstance(metrics, str) else metrics, named_objects.metrics.get)
        if losses is named_objects.LOSSES["binary_crossentropy"]:
            metrics = resolve(metrics, lambda metric: acc if metric == "acc" else metric)
        pel.Model.compile(self, optimizers.get(optimizer), losses, loss_weights, metrics)
        self.compiled = self.trainable_weights if self.built else None

    # As in Keras 1, layers that are frozen after `compile` are trained until the next `compile`.
    trainable_parameters = property(lambda self: self.compiled or pel.Model.trainable_parameters.fget(self))

    @property
    def metrics_names(self):
        outputs = self.compile_config.for_outputs(self.output_names)
        losses = [f"{output.name}_loss" for output in outputs] if len(outputs) > 1 else []
        names = [f"{output.name}_{metric}" if losses else metric for output in outputs for metric in output.metrics]
        return ["loss", *losses, *names]

    def fit(self, *args, **keywords):
        a = bind(KerasModel.fit, FIT, args, keywords, NEWER)
        a["x"], a["y"] = self.to_batch((a["x"], a["y"]))
        a["validation_data"] = a["validation_data"] and self.to_batch(tuple(a["validation_data"]))
        samples, size = int(count_rows(a["x"]) * (1.0 - a["validation_split"])), a["batch_size"]
        return self.train(samples, size, **{**a, "shuffle": bool(a["shuffle"]), "validation_batch_size": size})

    def fit_generator(self, *args, **keywords):
        a = bind(KerasModel.fit_generator, FIT_GENERATOR, args, keywords, NEWER)
        options = {key: a[key] for key in ("epochs", "verbose", "callbacks", "class_weight", "initial_epoch")}
        batches, size = self.open_batches(a["generator"], a["samples_per_epoch"])
        if a["nb_val_samples"] is None:
            held, steps = a["validation_data"] and self.to_batch(tuple(a["validation_data"])), None
        else:
            held, steps = self.open_batches(a["validation_data"], a["nb_val_samples"])[0].values()
        options |= {"x": batches["x"], "steps_per_epoch": batches["steps"], "validation_data": held}
        return self.train(a["samples_per_epoch"], size, validation_steps=steps, **options)

    def train(self, samples, size, callbacks, verbose, **options):
        """Train; the order of samples follows NumPy's global seed."""
        callbacks = list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks] if callbacks else []
        for callback in callbacks:
            callback.fit_params = {"nb_epoch": options["epochs"], "nb_sample": samples, "batch_size": size}
        options |= {"verbose": min(verbose, 1), "callbacks": callbacks, "seed": backend.draw_seed()}
        history = pel.Model.fit(self, **options)
        if RECORDER.enabled:
            step = next(reversed(self.train_steps.values()))
            program = pel.function(step.inputs, step.loss, updates=step.updates, on_unused_input="ignore")
            RECORDER.add("model.fit", program)
        return history

    def open_batches(self, generator, samples):
        """Return the batches of a generator and the number for these samples, and the length of the first."""
        batches = map(self.to_batch, iter(generator))
        first = next(batches)
        size = count_rows(first[0] if isinstance(first, tuple) else first)
        return {"x": itertools.chain([first], batches), "steps": math.ceil(samples / size)}, size

    def evaluate(self, x, y, batch_size=32, verbose=1, sample_weight=None):
        return super().evaluate(*self.to_batch((x, y)), batch_size, 0, sample_weight)

    def predict(self, x, batch_size=32, verbose=0):
        result = super().predict(self.to_batch(x), batch_size)
        RECORDER.add("model.predict", next(reversed(self.predictors.values())))
        return result

    def predict_classes(self, x, batch_size=32, verbose=1):
        """Return the column with the maximum; for a single column, whether it exceeds 1/2, in a column."""
        p = self.predict(x, batch_size)
        return p.argmax(axis=-1) if p.shape[-1] > 1 else (p > 0.5).astype("int32")

    def train_on_batch(self, x, y, class_weight=None, sample_weight=None):
        return super().train_on_batch(*self.to_batch((x, y)), sample_weight, class_weight)

    def run_generator(self, method, generator, val_samples, max_q_size=10, nb_worker=1, pickle_safe=False):
        return method(self, **self.open_batches(generator, val_samples)[0])

    evaluate_generator = functools.partialmethod(run_generator, pel.Model.evaluate)
    predict_generator = functools.partialmethod(run_generator, pel.Model.predict)
    predict_proba = lambda self, x, batch_size=32, verbose=1: self.predict(x, batch_size)

    def to_batch(self, item):
        """Return inputs, or a tuple that begins with inputs and targets, as arrays with the dtypes of the inputs."""
        if isinstance(item, tuple):
            return (self.to_batch(item[0]), to_targets(item[1]), *item[2:])
        inputs = self.inputs if self.built else []
        if isinstance(item, Mapping):
            item = [item[e.name] for e in inputs if e.name in item]
        elif len(inputs) < 2 and not (inputs and isinstance(item, list) and np.ndim(item[0]) >= inputs[0].ndim):
            item = [item]
        if inputs and len(item) != len(inputs):
            names = ", ".join(str(e.name) for e in inputs)
            raise ModelError(f"{self.name}: expected one array for each input, {names}. Received: {len(item)} arrays")
        arrays, whole = map(np.asarray, item), [e.dtype.kind in "iu" for e in inputs] or [False]
        return unwrap([a.astype(int) if i and a.dtype.kind == "f" else a for a, i in zip(arrays, whole, strict=True)])

    get_call = lambda self: (unwrap(self.inputs), unwrap(self.outputs))
    get_weights = lambda self: [w for layer in self.layers for w in layer.get_weights()]

    def set_weights(self, weights):
        count, rest = len(self.get_weights()), iter(weights)
        if count != len(weights):
            raise ModelError(f"{self.name} has {count} weights. Received: values for {len(weights)}")
        for layer in self.layers:
            layer.set_weights(list(itertools.islice(rest, len(layer.get_weights()))))

    def check_overwrite(self, path, overwrite):
        if not overwrite and Path(path).exists():  # about which Keras 1 asked on the terminal
            raise StorageError(f"{path} exists. Pass overwrite=True to replace it")

    def save_weights(self, filepath, overwrite=True):
        """Save the weights of all layers in Keras 1's HDF5 layout."""
        self.check_overwrite(filepath, overwrite)
        with open_hdf5(filepath, "w") as store:
            store.attrs["layer_names"] = [layer.name.encode() for layer in self.layers]
            for layer in self.layers:
                weights = {f"{layer.name}_{number}": value for number, value in enumerate(layer.get_weights())}
                store.create_group(layer.name).update(weights)
                store[layer.name].attrs["weight_names"] = [name.encode() for name in weights]

    def load_weights(self, filepath):
        """Load weights that `save_weights`, or genuine Keras 1, saved, by the names or in the order of layers."""
        with report_damage(StorageError, f"Cannot read the weights in {filepath}"), open_hdf5(filepath, "r") as store:
            root = store.get("model_weights", store)
            names = [n for n in np.asarray(root.attrs["layer_names"], str) if len(root[n].attrs["weight_names"])]
            own = [layer.name for layer in self.layers]
            names = sorted(names, key=own.index) if {*names} <= {*own} else names
            weights = [np.array(root[n][weight]) for n in names for weight in root[n].attrs["weight_names"]]
        own, shapes = [w.shape for w in self.get_weights()], [w.shape for w in weights]
        if shapes != own:
            raise ShapeError(f"{self.name} has weights of shapes {own}. Received: {shapes} in {filepath}")
        self.set_weights(weights)

    def save(self, filepath, overwrite=True):
        """Save model, weights and optimizer, in pellucid's own format whatever the name, for `load_model`."""
        self.check_overwrite(filepath, overwrite)
        temporary = Path(f"{filepath}.pel")
        super().save(temporary)
        temporary.replace(filepath)


class Model(KerasModel):
    """Model from inputs to outputs."""

    def __init__(self, input=None, output=None, name=None, inputs=None, outputs=None):
        ends = (unwrap(inputs if input is None else input), unwrap(outputs if output is None else output))
        super().__init__(*ends, name=make_name("model") if name is None else name)


class Sequential(KerasModel, pel.Sequential):
    """Chain of layers; the first has the shape of a sample."""

    def __init__(self, layers=None, name=None):
        super().__init__(layers or (), make_name("sequential") if name is None else name)

    def add(self, layer):
        if getattr(layer, "layers", None) and isinstance(layer, functools.partial) and not self._layers:  # `Merge`
            branches = [b if isinstance(b, KerasModel) else Sequential([b]) for b in layer.layers]
            inputs = dict.fromkeys(e for branch in branches for e in branch.inputs)
            self.__class__ = MergedSequential
            Model.__init__(self, list(inputs), layer([branch.output for branch in branches]), self.name)
            return
        source = None if self._stages or self._layers else make_first_input(layer)
        if source is not None:
            super().add(source)
        super().add(layer)


class MergedSequential(Model):
    """Chain of layers after a `Merge` of models."""

    add = lambda self, layer: Model.__init__(self, self.inputs, layer(self.output), self.name)


def open_hdf5(path, mode):
    with require_packages("Keras's files of weights"):
        import h5py
    return h5py.File(path, mode)


def make_first_input(layer):
    """Return an input for the first layer of a chain, or None if its shape is not known yet."""
    if isinstance(layer, KerasModel) and layer.built:
        return layers.Input(layer.inputs[0].shape[1:], dtype=layer.inputs[0].dtype)
    shape = layer.get_sample_shape() if isinstance(layer, KerasLayer) else None
    dtype = shape and (layer.config["input_dtype"] or ("int32" if isinstance(layer, layers.Embedding) else None))
    return None if shape is None else layers.Input(shape, None, make_name(f"{layer.name}_input"), dtype)


def load_model(filepath, custom_objects=None):
    """Load a model that ``model.save`` saved, with its optimizer; that of genuine Keras 1 starts without its state."""
    with Path(filepath).open("rb") as file:
        if file.read(4) == b"\x89HDF":
            return read_hdf5(filepath, custom_objects or {})
    known = {**vars(optimizers), **vars(layers), **globals(), **vars(named_objects)}
    known |= {**named_objects.ACTIVATIONS, **named_objects.METRICS, **(custom_objects or {})}
    model = pel.load_model(filepath, {name: value for name, value in known.items() if callable(value)})
    for node in model.functional_graph.nodes:
        node.layer.first_call = (node.call.inputs, node.outputs[0])
    return model


def read_hdf5(path, custom):
    """Return the model of a file of genuine Keras 1, compiled if its optimizer is known."""
    with report_damage(StorageError, f"Cannot read {path}"):
        with open_hdf5(path, "r") as store:
            texts = dict(store.attrs)
        if "model_config" not in texts:
            raise StorageError("it has weights and no model. Read it with model.load_weights")
        model = read_part(parse_json(texts["model_config"], "model"), custom)
        model.load_weights(path)
        settings = parse_json(texts.get("training_config", "{}"), "training configuration")
        if settings and settings["optimizer_config"]["class_name"] in KINDS:
            loss, measures = (resolve(settings[k], lambda name: custom.get(name, name)) for k in ("loss", "metrics"))
            optimizer = read_part(settings["optimizer_config"], custom)
            model.compile(optimizer, loss, measures, settings["loss_weights"])
    return model


def model_from_json(json_string, custom_objects=None):
    """Return the model of a JSON text of genuine Keras 1, with new weights."""
    with report_damage(StorageError, "Cannot read a model of Keras 1"):
        return read_part(parse_json(json_string, "JSON text"), custom_objects or {})


def read_part(value, custom):
    """Return the layer, model, optimizer, regularizer or constraint that a dict describes, or another value."""
    if isinstance(value, list):
        return tuple(read_part(part, custom) for part in value)
    if not isinstance(value, dict):
        return custom.get(value, value) if isinstance(value, str) else value
    kinds, kind = {**KINDS, **custom}, value.get("class_name", value.get("name"))
    config = value.get("config", {key: part for key, part in value.items() if key != "name"})
    if isinstance(config, list):
        return Sequential(read_part(config, custom), value.get("name"))
    if kind == "Model":
        return read_graph(custom, **config)
    if kind not in kinds:
        advice = "Write the model in Python and use model.load_weights, or pass custom_objects"
        raise StorageError(f"expected layers of Keras 1. Received: {kind}. {advice}")
    return kinds[kind](**{k: read_part(v, custom) for k, v in config.items() if v is not None and k not in UNUSED})


def read_graph(custom, name, layers, input_layers, output_layers):
    """Return the model of layers whose calls take outputs of others, each given by name, call and number."""
    results = {}
    find = lambda ends: unwrap([results[name][call][number] for name, call, number in ends])
    for spec in layers:
        layer, calls = read_part(spec, custom), spec["inbound_nodes"]
        results[spec["name"]] = made = [layer.outputs] if isinstance(layer, KerasModel) else [] if calls else [[layer]]
        made += [y if isinstance(y, list) else [y] for y in (layer(find(ends)) for ends in calls)]
    return Model(find(input_layers), find(output_layers), name)


UNUSED = {"mode_type", "output_shape_type", "output_mask_type", "arguments", "sparse"}
make_input = lambda batch_input_shape, name, input_dtype=None: layers.Input(None, batch_input_shape, name, input_dtype)
KINDS = {n: k for n, k in vars(layers).items() if isinstance(k, type) and issubclass(k, KerasLayer)}
KINDS |= {kind.__name__: kind for kind in optimizers.NAMED.values()}
del KINDS["Lambda"]  # whose files hold byte code
KINDS |= {"InputLayer": make_input, "Merge": layers.Merge, "MaxNorm": named_objects.maxnorm}
KINDS |= {"NonNeg": named_objects.BOUNDS["nonneg"], "UnitNorm": named_objects.BOUNDS["unitnorm"]}
KINDS |= dict.fromkeys(("WeightRegularizer", "L1L2Regularizer", "ActivityRegularizer"), named_objects.L1L2)
"""Makers of layers, optimizers, regularizers and constraints by their class in Keras 1."""


def resolve(value, get):
    """Resolve names in nested lists and dicts."""
    if isinstance(value, Mapping):
        return {key: resolve(v, get) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [resolve(v, get) for v in value]
    return get(value)


def slice_X(X, start=None, stop=None):
    rows = start if hasattr(start, "__len__") else slice(start, stop)
    return [x[rows] for x in X] if isinstance(X, list) else X[rows]


def to_targets(y):
    """Return targets as arrays: one, or a list or dict of them."""
    if isinstance(y, (list, tuple)) and len(y) and isinstance(y[0], np.ndarray) and y[0].ndim:
        return unwrap(list(y))
    return y if y is None or isinstance(y, Mapping) else np.asarray(y)


acc = lambda y_true, y_pred: metrics.binary_accuracy(y_true, y_pred)  # with the binary cross-entropy
acc.__name__ = "acc"
unwrap = lambda values: values[0] if isinstance(values, (list, tuple)) and len(values) == 1 else values
count_rows = lambda x: len(x[0] if isinstance(x, list) else x)
SAVED = "model.save(path) and load_model(path) keep layers, weights and optimizer"
ADVICE = {"model_from_yaml": SAVED}
