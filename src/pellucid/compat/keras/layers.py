"""Layers of Keras 1 over those of pellucid, as a table of their constructor arguments.

Kernels of convolutions are not flipped, as with Keras's TensorFlow backend. With ``dim_ordering='th'`` images keep
their channels first outside of a layer, and weights have Keras's layout.
"""

import functools
import inspect
import itertools
from collections import defaultdict

import numpy as np

import pellucid as pel
from pellucid import nn
from pellucid.compat.keras import backend, named_objects
from pellucid.compat.keras.named_objects import activations, bind, constraints, regularizers
from pellucid.graph.errors import OptionError, ShapeError
from pellucid.graph.ops.permute import moveaxis
from pellucid.nn.masks import attach_mask, find_mask

__path__ = []  # `keras.layers.core` and others are this module

RENAMED = """
output_dim:units nb_filter:filters init:kernel_initializer inner_init:recurrent_initializer bias:use_bias p:rate
beta_init:beta_initializer gamma_init:gamma_initializer inner_activation:recurrent_activation sigma:stddev length:size
W_regularizer:kernel_regularizer U_regularizer:recurrent_regularizer b_regularizer:bias_regularizer stride:strides
W_constraint:kernel_constraint b_constraint:bias_constraint border_mode:padding subsample:strides nb_row:kernel_size
subsample_length:strides atrous_rate:dilation_rate pool_length:pool_size dropout_W:dropout dropout_U:recurrent_dropout
dim_ordering:data_format forget_bias_init:unit_forget_bias filter_length:kernel_size kernel_dim1:kernel_size
init:embeddings_initializer W_regularizer:embeddings_regularizer W_constraint:embeddings_constraint
init:alpha_initializer alpha:negative_slope theta:threshold
"""  # a layer has the pairs whose second name is an argument of its base
COMMON = "name=None trainable=True input_shape=None batch_input_shape=None input_dim=None input_length=None "
COMMON += "input_dtype=None weights=None"
LENGTHS = "filter_length nb_row nb_col kernel_dim1 kernel_dim2 kernel_dim3"  # of windows
NOT_PASSED = (
    "consume_less unroll output_shape input_length dropout stateful mode"  # to the base: speed, or handled here
)
LIMITS = {  # allowed values, and advice
    "stateful": ([False], "Give longer sequences, or use pel.nn layers with return_state=True and initial_state="),
    "mode": ([0], "For mode=1, which normalizes each sample, use pel.nn.LayerNormalization()"),
    "forget_bias_init": (["one", "zero"], ""),
}
CHANNELS_FIRST = "If they come first in this script, call keras.backend.set_image_dim_ordering('th') at its beginning"
PARAMETERS = {"W": "kernel", "b": "bias", "U": "recurrent_kernel"}

_counters = defaultdict(lambda: itertools.count(1))
make_name = lambda kind: f"{kind.lower()}_{next(_counters[kind.lower()])}"
to_channels_first = lambda a: a.transpose(a.ndim - 1, a.ndim - 2, *range(a.ndim - 2)) if a.ndim > 3 else a
to_channels_last = lambda a: a.transpose(*range(2, a.ndim), 1, 0) if a.ndim > 3 else a
unfreeze = lambda weight: [setattr(weight, name, True) for name in ("trainable", "trainable_by_default")]
get_shape = lambda e: [*map(backend.int_shape, e)] if isinstance(e, (list, tuple)) else backend.int_shape(e)


class GraphAttributes:
    """Attributes that layers and models of Keras 1 have; ``get_call`` returns input and output."""

    input, output = (property(lambda self, i=i: self.get_call()[i]) for i in (0, 1))
    input_shape, output_shape = (property(lambda self, i=i: get_shape(self.get_call()[i])) for i in (0, 1))
    weights = property(lambda self: self.parameters)
    trainable_weights = property(lambda self: [p for p in self.parameters if p.trainable])
    count_params = lambda self: sum(int(np.prod(p.shape)) for p in self.parameters)


class KerasLayer(GraphAttributes, nn.Layer):
    """Layer with the arguments of Keras 1; the class after it among the bases computes. See `make_layer`.

    ``fixed`` are arguments today, ``gate_order`` is that of Keras, and with ``sequences``, ``input_dim`` is the length
    of each step.
    """

    unsaved = {"first_call": lambda: None}
    fixed, gate_order, sequences, first_call, channels_first = {}, (), False, None, False
    __new__ = lambda cls, *_, **__: object.__new__(cls)

    def __init__(self, *args, **keywords):
        kind = type(self).__name__
        options = bind(type(self), self.signature, args, keywords, self.newer)
        self.config = options | vars(self).get("config", {})
        own = {key: options[key] for key in self.own_names if key not in NOT_PASSED.split()}
        for key, (allowed, advice) in LIMITS.items():
            if key in self.own_names and options[key] not in allowed:
                expected = " or ".join(map(repr, allowed))
                raise OptionError(f"{kind}: expected {key} to be {expected}. Received: {options[key]!r}. {advice}")
        self.activity_regularizer = regularizers.get(own.pop("activity_regularizer", None))
        if "dim_ordering" in own:
            self.channels_first = backend.resolve_ordering(own.pop("dim_ordering")) == "th"
        lengths = [own.pop(key) for key in LENGTHS.split() if key in own]
        if lengths:  # Keras 2 has all in the first
            own["kernel_size"] = lengths[0] if all(n is None for n in lengths[1:]) else tuple(lengths)
        convert = {
            "initializer": lambda value: named_objects.KerasInitializer(value, max(len(self.gate_order), 1)),
            "regularizer": regularizers.get,
            "constraint": constraints.get,
            "activation": activations.get,
            "seed": lambda value: backend.draw_seed() if value is None else value,
            "bias": lambda value: value in (True, "one"),
        }
        ours = {self.renames.get(key, key): value for key, value in own.items()}
        ours = {key: convert.get(key.rpartition("_")[2], lambda v: v)(value) for key, value in ours.items()}
        if self.channels_first and hasattr(ours.get("kernel_constraint"), "axis"):  # whose kernels have other axes here
            raise OptionError(f"{kind}: norms of kernels are constrained for dim_ordering='tf' only")
        super().__init__(**ours, **self.fixed, name=make_name(kind) if options["name"] is None else options["name"])
        if not options["trainable"]:
            self.trainable = False

    def get_sample_shape(self):
        """Return the shape of a sample that the constructor was given, or None."""
        o = self.config
        if o["batch_input_shape"] or o["input_shape"]:
            return tuple(o["input_shape"] or o["batch_input_shape"][1:])
        if isinstance(self, nn.Embedding):
            return (o["input_length"],)
        if o["input_dim"] is None:
            return o["layer"].get_sample_shape() if isinstance(o.get("layer"), KerasLayer) else None
        return (o["input_length"], o["input_dim"]) if self.sequences else (o["input_dim"],)

    def __call__(self, inputs, *more, mask=None, **named):
        result = super().__call__(inputs, *more, mask=mask, **named)
        self.first_call = self.first_call or (inputs, result)
        return result

    def apply(self, x, mask, named):
        moved = moveaxis(x, 1, -1) if self.channels_first and x.ndim > 2 else x
        try:
            y = super().apply(moved, mask, named)
        except ShapeError as error:
            if "dim_ordering" in self.config and x.ndim > 3 and not self.channels_first:
                error.add_note(f"  {self.name} takes images with their channels last. {CHANNELS_FIRST}")
            raise
        return moveaxis(y, -1, 1) if moved is not x and y.ndim == x.ndim else y

    def maybe_build(self, x):
        first = not self.built
        super().maybe_build(x)
        if first and self.config["weights"] is not None:
            self.set_weights(self.config["weights"])

    def regularization(self):
        penalty, active = super().regularization(), self.activity_regularizer is not None and self.first_call
        return penalty + self.activity_regularizer(self.output) if active else penalty

    # Weights have the order and layout of Keras 1.
    sublayers = property(lambda self: [part for part in self.parts if isinstance(part, KerasLayer)])

    def get_weights(self):
        if self.sublayers:
            return [w for layer in self.sublayers for w in layer.get_weights()]
        arrays = super().get_weights()
        if self.gate_order and arrays:
            blocks = [np.split(a, len(self.gate_order), axis=-1) for a in arrays]
            return [parts[gate] for gate in self.gate_order for parts in blocks]
        if "filter_length" in self.config:
            return [a[:, None] if a.ndim == 3 else a for a in arrays]
        return [to_channels_first(a) if self.channels_first else a for a in arrays]

    def set_weights(self, weights):
        arrays, order = [np.asarray(w, pel.config.floatx) for w in weights], self.gate_order
        if order and len(arrays) == 3 * len(order):
            gates = [arrays[3 * order.index(g) :][:3] for g in range(len(order))]
            arrays = [np.concatenate(parts, axis=-1) for parts in zip(*gates, strict=True)]
        elif "filter_length" in self.config:
            arrays = [a[:, 0] if a.ndim == 4 else a for a in arrays]
        elif self.channels_first:
            arrays = [to_channels_last(a) for a in arrays]
        for layer in self.sublayers:
            count = len(layer.get_weights())
            layer.set_weights(arrays[:count])
            arrays = arrays[count:]
        super().set_weights(arrays) if not self.sublayers else None

    def __getattr__(self, name):
        own = vars(self)
        known = {**own.get("config", {}), **{old: own[new] for old, new in PARAMETERS.items() if new in own}}
        return known[name] if name in known else super().__getattr__(name)

    def get_call(self):
        if self.first_call is None:
            raise ShapeError(f"{self.name} has no input yet: add it to a model, or call it")
        return self.first_call


class Layer(KerasLayer):
    """Base of layers of scripts: ``build`` receives shapes, and ``call`` receives expressions and their mask."""

    signature, own_names, newer, renames = COMMON, [], {}, {}
    merges, keeps_mask, supports_masking, __new__ = True, False, False, nn.Layer.__new__

    def __init_subclass__(cls):
        cls.takes_mask, build = "mask" in inspect.signature(cls.call).parameters, cls.build
        cls.build = lambda self, x: build(self, x if isinstance(x, tuple) else get_shape(x))

    def add_weight(self, shape, initializer, name="weight", trainable=True, regularizer=None, constraint=None):
        draw, bounds = named_objects.KerasInitializer(initializer), constraints.get(constraint)
        options = {"regularizer": regularizers.get(regularizer), "constraint": bounds, "trainable": trainable}
        return self.parameter(name, tuple(shape), draw, pel.zeros(()), **options)

    def apply(self, x, mask, named):
        mask = find_mask(x[0] if isinstance(x, list) else x) if mask is None else mask
        y, mask = super().apply(x, mask, named), self.compute_mask(x, mask)
        if vars(self).get("regularizers") or vars(self).get("constraints"):
            raise OptionError(f"{self.name}: give regularizers and constraints to add_weight, not as attributes")
        return y if mask is None else attach_mask(y, mask)

    compute_mask = lambda self, x, mask=None: mask if self.supports_masking else None
    trainable_weights = property(GraphAttributes.trainable_weights.fget, lambda self, ws: [*map(unfreeze, ws)])


def embed(self, x):
    """Return the rows at indices; during training, dropout sets whole rows of the matrix to zero."""
    rate = self.config["dropout"]
    if rate and "kept" not in vars(self):
        self.kept = self.add_sublayer(nn.Dropout(rate, seed=backend.draw_seed()))
    vectors = self.embeddings[x] * self.kept(pel.ones((self.input_dim, 1)))[x] if rate else self.embeddings[x]
    return attach_mask(vectors, x != 0) if self.mask_zero else vectors


START, ORDERED, VALID = "init='glorot_uniform' activation=None", "dim_ordering='default'", "border_mode='valid'"
REST = "W_regularizer=None b_regularizer=None activity_regularizer=None W_constraint=None b_constraint=None bias=True"
POOL = f"strides=None {VALID} {ORDERED}"
GATES = "activation='tanh' inner_activation='hard_sigmoid'"
UNITS = "output_dim init='glorot_uniform' inner_init='orthogonal'"
RECURRENT = "W_regularizer=None U_regularizer=None b_regularizer=None dropout_W=0.0 dropout_U=0.0 "
RECURRENT += "return_sequences=False go_backwards=False stateful=False unroll=False consume_less='cpu' seed=None"
LAYERS = f"""
Dense output_dim {START} {REST} | TimeDistributedDense:Dense output_dim {START} {REST} | Activation activation |
Dropout p noise_shape=None seed=None | GaussianNoise sigma seed=None | GaussianDropout p seed=None | Permute dims |
Reshape target_shape | RepeatVector n | Masking mask_value=0.0 | Lambda function output_shape=None arguments=None |
Flatten | LeakyReLU alpha=0.3 | ELU alpha=1.0 | ThresholdedReLU:ReLU theta=1.0 | PReLU init='zero' shared_axes=None |
BatchNormalization epsilon=1e-3 mode=0 axis=-1 momentum=0.99 beta_init='zero' gamma_init='one' |
Embedding input_dim output_dim init='uniform' input_length=None W_regularizer=None activity_regularizer=None
       W_constraint=None mask_zero=False dropout=0.0 | TimeDistributed layer | Bidirectional layer merge_mode='concat' |
SimpleRNN {UNITS} activation='tanh' {RECURRENT} | GRU {UNITS} {GATES} {RECURRENT} |
LSTM {UNITS} forget_bias_init='one' {GATES} {RECURRENT} |
Convolution1D:Conv1D nb_filter filter_length {START} {VALID} subsample_length=1 {REST} |
Convolution2D:Conv2D nb_filter nb_row nb_col=None {START} {VALID} subsample=(1,1) {ORDERED} {REST} |
Convolution3D:Conv3D nb_filter kernel_dim1 kernel_dim2=None kernel_dim3=None {START} {VALID} subsample=(1,1,1)
                     {ORDERED} {REST} |
MaxPooling1D pool_length=2 stride=None {VALID} | AveragePooling1D pool_length=2 stride=None {VALID} |
MaxPooling2D pool_size=(2,2) {POOL} | AveragePooling2D pool_size=(2,2) {POOL} |
MaxPooling3D pool_size=(2,2,2) {POOL} | AveragePooling3D pool_size=(2,2,2) {POOL} |
GlobalMaxPooling1D | GlobalMaxPooling2D {ORDERED} | GlobalMaxPooling3D {ORDERED} |
GlobalAveragePooling1D | GlobalAveragePooling2D {ORDERED} | GlobalAveragePooling3D {ORDERED} |
UpSampling1D length=2 | UpSampling2D size=(2,2) {ORDERED} | UpSampling3D size=(2,2,2) {ORDERED} |
ZeroPadding1D padding=1 | ZeroPadding2D padding=(1,1) {ORDERED} | ZeroPadding3D padding=(1,1,1) {ORDERED} |
Cropping1D cropping=(1,1) | Cropping2D cropping=((0,0),(0,0)) {ORDERED} | SpatialDropout1D p seed=None |
Cropping3D cropping=((1,1),(1,1),(1,1)) {ORDERED} | SpatialDropout2D p seed=None {ORDERED} |
SpatialDropout3D p seed=None {ORDERED}
"""  # names, those in pellucid if they differ, and arguments that others do not have
SEQUENCES = "Convolution1D TimeDistributedDense TimeDistributed Bidirectional SimpleRNN GRU LSTM"
GATE_ORDERS = {"SimpleRNN": (0,), "GRU": (0, 1, 2), "LSTM": (0, 2, 1, 3)}  # in Keras


def make_layer(names, *own):
    """Create a class of Keras 1 on a layer of pellucid, from an entry of `LAYERS`."""
    name, _, today = names.partition(":")
    base, own_names = getattr(nn, today or name), [argument.partition("=")[0] for argument in own]
    known, pairs = {*inspect.signature(base).parameters, "data_format"}, [pair.split(":") for pair in RENAMED.split()]
    renames = {old: new for old, new in pairs if old in own_names and old not in known and new in known}
    rest = [argument for argument in COMMON.split() if argument.partition("=")[0] not in own_names]
    attributes = {"signature": " ".join([*own, *rest]), "own_names": own_names}
    attributes |= {"renames": renames, "newer": {new: old for old, new in renames.items()}}
    attributes |= {"sequences": name in SEQUENCES.split(), "gate_order": GATE_ORDERS.get(name, ())}
    attributes |= {"__doc__": f"`{base.__name__}` of pellucid.", "__module__": __name__}
    globals()[name] = type(name, (KerasLayer, base), attributes)


for _entry in LAYERS.split("|"):
    make_layer(*_entry.split())
Conv1D, Conv2D, Conv3D = (globals()[f"Convolution{_n}D"] for _n in (1, 2, 3))
globals()["Embedding"].call = embed
globals()["GRU"].fixed = {"reset_after": False}


def merge(inputs, mode="sum", concat_axis=-1, dot_axes=-1, output_shape=None, output_mask=None, name=None):
    """Merge expressions by a layer of pellucid, or by a function."""
    axes = dot_axes if isinstance(dot_axes, int) else tuple(dot_axes)
    known = {"sum": nn.Add, "mul": nn.Multiply, "ave": nn.Average, "max": nn.Maximum}
    known |= {"concat": lambda name: nn.Concatenate(concat_axis, name), "dot": lambda name: nn.Dot(axes, name=name)}
    if not callable(mode) and mode not in known:
        raise OptionError(f"merge: expected mode to be one of {', '.join(known)}. Received: mode={mode!r}")
    merged = mode(list(inputs)) if callable(mode) else known[mode](name=name or make_name("merge"))(list(inputs))
    return merged[0] if isinstance(merged, list) and len(merged) == 1 else merged  # as of K.gradients


def Merge(layers=None, mode="sum", **options):
    """Return `merge` as a function of expressions; in `Sequential`, it merges the outputs of ``layers``."""
    function = functools.partial(merge, mode=mode, **options)
    function.layers = layers
    return function


def Input(shape=None, batch_shape=None, name=None, dtype=None):
    """Return an input of a model; ``batch_shape`` fixes the size of a batch."""
    if shape is None and batch_shape is None:
        raise ShapeError("Input: expected the shape of one sample, as in Input(shape=(784,)). Received: shape=None")
    size, *sample = (None, *shape) if batch_shape is None else batch_shape
    return nn.Input(sample, dtype or pel.config.floatx, make_name("input") if name is None else name, size or "n")


ADVICE = {"InputSpec": "Leave input_spec out: call(x) checks the shapes"}
ADVICE |= dict.fromkeys(("ConvLSTM2D", "convolutional_recurrent"), "Loop over the frames with pel.scan and pel.conv")
