"""Base of the layers of Keras 1: its arguments, layouts of weights and attributes over layers of pellucid."""

import itertools
from collections import defaultdict

import numpy as np

import pellucid as pel
from pellucid import nn
from pellucid.compat.keras import backend
from pellucid.compat.keras.arguments import bind, make_signature
from pellucid.compat.keras.named_objects import KerasInitializer, activations, constraints, regularizers
from pellucid.graph.errors import OptionError, ShapeError
from pellucid.graph.ops.permute import moveaxis

RENAMED = """
output_dim:units nb_filter:filters init:kernel_initializer inner_init:recurrent_initializer bias:use_bias
beta_init:beta_initializer gamma_init:gamma_initializer inner_activation:recurrent_activation p:rate
W_regularizer:kernel_regularizer U_regularizer:recurrent_regularizer b_regularizer:bias_regularizer
W_constraint:kernel_constraint b_constraint:bias_constraint border_mode:padding subsample:strides
subsample_length:strides atrous_rate:dilation_rate pool_length:pool_size stride:strides length:size
sigma:stddev dropout_W:dropout dropout_U:recurrent_dropout dim_ordering:data_format
forget_bias_init:unit_forget_bias
"""
COMMON = "name=None trainable=True input_shape=None batch_input_shape=None input_dim=None input_length=None "
COMMON += "input_dtype=None weights=None"
UNUSED = ("consume_less", "unroll", "output_shape", "output_mask")  # speed, and shapes that are inferred
PARAMETERS = {"W": "kernel", "b": "bias", "U": "recurrent_kernel"}

_counters = defaultdict(lambda: itertools.count(1))
make_name = lambda kind: f"{kind.lower()}_{next(_counters[kind.lower()])}"
parse_pairs = lambda text: dict(pair.split(":") for pair in text.split())
to_channels_first = lambda a: a.transpose(a.ndim - 1, a.ndim - 2, *range(a.ndim - 2)) if a.ndim > 3 else a
to_channels_last = lambda a: a.transpose(*range(2, a.ndim), 1, 0) if a.ndim > 3 else a
get_shape = lambda e: [*map(backend.int_shape, e)] if isinstance(e, (list, tuple)) else backend.int_shape(e)


class GraphAttributes:
    """Attributes that layers and models of Keras 1 have; ``get_call`` returns input and output."""

    input, output = (property(lambda self, i=i: self.get_call()[i]) for i in (0, 1))
    input_shape, output_shape = (property(lambda self, i=i: get_shape(self.get_call()[i])) for i in (0, 1))
    weights = property(lambda self: self.parameters)
    trainable_weights = property(
        lambda self: [p for p in self.parameters if p.trainable],
        lambda self, more: setattr(self, "parts", list(dict.fromkeys([*self.parts, *more]))),
    )
    count_params = lambda self: sum(int(np.prod(p.shape)) for p in self.parameters)


class KerasLayer(GraphAttributes, nn.Layer):
    """Layer with the arguments of Keras 1; the class after it among the bases computes.

    A subclass has ``arguments``, its own ones as a text; ``renamed``, pairs that differ from `RENAMED`; ``fixed``,
    arguments in pellucid; ``limits``, allowed values and advice for arguments; ``gate_order``, Keras's order of the
    gates; and ``sequences``, whether ``input_dim`` means the features of each step.
    """

    unsaved = {"first_call": lambda: None}
    arguments, renamed, fixed, limits, gate_order, sequences = "", "", {}, {}, (), False
    first_call, channels_first = None, False

    def __init_subclass__(cls):
        if "arguments" in vars(cls):
            own, common = make_signature(cls.arguments).parameters, make_signature(COMMON).parameters
            rest = (part for part in COMMON.split() if part.partition("=")[0] not in own)
            cls.signature = make_signature(" ".join([cls.arguments, *rest]))
            handled = {key for key in common if key not in own or own[key].default is None} | set(UNUSED)
            cls.own_names = [key for key in cls.signature.parameters if key not in handled]
            cls.renames = parse_pairs(RENAMED) | parse_pairs(cls.renamed)
            cls.newer = {cls.renames[key]: key for key in cls.signature.parameters if key in cls.renames}

    __new__ = lambda cls, *_, **__: object.__new__(cls)

    def __init__(self, *args, **keywords):
        kind = type(self).__name__
        options = self.config = bind(type(self), self.signature, args, keywords, self.newer)
        own = {key: options[key] for key in self.own_names}
        for key, (allowed, advice) in self.limits.items():
            if options[key] not in allowed:
                expected = " or ".join(map(repr, allowed))
                raise OptionError(f"{kind}: expected {key} to be {expected}. Received: {options[key]!r}. {advice}")
            if len(allowed) == 1:
                del own[key]
        self.activity_regularizer = regularizers.get(own.pop("activity_regularizer", None))
        if "dim_ordering" in own:
            self.channels_first = backend.resolve_ordering(own.pop("dim_ordering")) == "th"
        name = make_name(kind) if options["name"] is None else options["name"]
        super().__init__(**self.translate(own), **self.fixed, name=name)
        if not options["trainable"]:
            self.trainable = False

    def translate(self, options):
        """Return the arguments of the layer in pellucid."""
        kinds = {
            "initializer": lambda value: KerasInitializer(value, max(len(self.gate_order), 1)),
            "regularizer": regularizers.get,
            "constraint": self.get_constraint,
            "activation": activations.get,
            "seed": lambda value: backend.draw_seed() if value is None else value,
            "bias": lambda value: value in (True, "one"),
        }
        ours = {self.renames.get(key, key): value for key, value in options.items()}
        return {key: kinds.get(key.rpartition("_")[2], lambda v: v)(value) for key, value in ours.items()}

    def get_constraint(self, value):
        """Return a constraint, whose axes must be those of the kernels of pellucid."""
        if self.channels_first and hasattr(value, "axis"):
            raise OptionError(f"{type(self).__name__}: norms of kernels are constrained for dim_ordering='tf' only")
        return constraints.get(value)

    def get_sample_shape(self):
        """Return the shape of a sample that the constructor was given, or None."""
        o = self.config
        if o["batch_input_shape"] is not None or o["input_shape"] is not None:
            return tuple(o["batch_input_shape"][1:] if o["input_shape"] is None else o["input_shape"])
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
                error.add_note(
                    f"  {self.name} takes images with their channels last. If channels come first in this script, run "
                    "it with KERAS_BACKEND=theano, or call keras.backend.set_image_dim_ordering('th')"
                )
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

    def get_weights(self):
        """Return the weights in the order and layout of Keras 1."""
        parts = [part.get_weights() if isinstance(part, nn.Layer) else [part.get_value()] for part in self.parts]
        arrays = list(itertools.chain.from_iterable(parts))
        if self.gate_order and arrays:
            blocks = [np.split(a, len(self.gate_order), axis=-1) for a in arrays]
            return [parts[gate] for gate in self.gate_order for parts in blocks]
        if "filter_length" in self.config:
            return [a[:, None] if a.ndim == 3 else a for a in arrays]
        return [to_channels_first(a) if self.channels_first else a for a in arrays]

    def set_weights(self, weights):
        """Set the weights, given in the order and layout of Keras 1."""
        arrays, order = [np.asarray(w, pel.config.floatx) for w in weights], self.gate_order
        if order and len(arrays) == 3 * len(order):
            gates = [arrays[3 * order.index(g) :][:3] for g in range(len(order))]
            arrays = [np.concatenate(parts, axis=-1) for parts in zip(*gates, strict=True)]
        elif "filter_length" in self.config:
            arrays = [a[:, 0] if a.ndim == 4 else a for a in arrays]
        elif self.channels_first:
            arrays = [to_channels_last(a) for a in arrays]
        sublayers = [part for part in self.parts if isinstance(part, nn.Layer) and part.get_weights()]
        if not sublayers:
            super().set_weights(arrays)
        for layer in sublayers:
            mine, arrays = arrays[: len(layer.get_weights())], arrays[len(layer.get_weights()) :]
            layer.set_weights(mine)

    def __getattr__(self, name):
        own = vars(self)
        known = {**own.get("config", {}), **{old: own[new] for old, new in PARAMETERS.items() if new in own}}
        return known[name] if name in known else super().__getattr__(name)

    def get_call(self):
        if self.first_call is None:
            raise ShapeError(f"{self.name} has no input yet: add it to a model, or call it")
        return self.first_call

    get_config = lambda self: {**self.config, "name": self.name, "weights": None}
