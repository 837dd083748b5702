"""Base of the layers of Keras 1: its arguments, layouts of weights and attributes over layers of pellucid."""

from __future__ import annotations

import inspect
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

import pellucid as pel
from pellucid import nn
from pellucid.compat.keras import activations, backend, constraints, regularizers
from pellucid.compat.keras.arguments import bind, make_signature
from pellucid.compat.keras.initializations import KerasInitializer
from pellucid.graph.errors import OptionError, ShapeError
from pellucid.graph.expr import Expr, Shared
from pellucid.graph.ops.permute import moveaxis
from pellucid.typing import Array

RENAMED = """
output_dim:units nb_filter:filters init:kernel_initializer inner_init:recurrent_initializer bias:use_bias
beta_init:beta_initializer gamma_init:gamma_initializer inner_activation:recurrent_activation p:rate
W_regularizer:kernel_regularizer U_regularizer:recurrent_regularizer b_regularizer:bias_regularizer
W_constraint:kernel_constraint b_constraint:bias_constraint border_mode:padding subsample:strides
subsample_length:strides atrous_rate:dilation_rate pool_length:pool_size stride:strides length:size
sigma:stddev dropout_W:dropout dropout_U:recurrent_dropout dim_ordering:data_format nb_row:kernel_size
"""
RENAMES: dict[str, str] = dict(pair.split(":", 1) for pair in RENAMED.split())
"""Arguments of Keras 1 and what they are called today."""

COMMON = (
    "name=None trainable=True input_shape=None batch_input_shape=None input_dim=None input_length=None "
    "input_dtype=None weights=None"
)
"""Arguments of every layer, handled by `KerasLayer`."""

COMMON_NAMES = tuple(make_signature(COMMON).parameters)
UNUSED = ("consume_less", "unroll", "output_shape", "output_mask")
"""Arguments that do not change results here: speed of the old backends, and shapes that are inferred."""

Adapt = Callable[[dict[str, Any]], Any]
_counters: dict[str, Iterator[int]] = defaultdict(lambda: itertools.count(1))


def make_name(kind: str) -> str:
    """Return the next name for a kind of layer: ``dense_1``, ``dense_2`` and so on."""
    return f"{kind.lower()}_{next(_counters[kind.lower()])}"


class ClassSignature:
    """Descriptor of a class for the signature of its constructor; instances have none."""

    def __get__(self, instance: Any, cls: Any) -> inspect.Signature:
        if instance is not None:
            raise AttributeError("__signature__")
        return cls.signature  # type: ignore[no-any-return]


class KerasLayer(nn.Layer):
    """Layer with the arguments of Keras 1; the class after it among the bases computes."""

    unsaved: ClassVar[Mapping[str, Callable[[], Any]]] = {"first_call": lambda: None}
    signature: ClassVar[inspect.Signature] = make_signature(COMMON)
    renames: ClassVar[Mapping[str, str]] = RENAMES
    newer: ClassVar[Mapping[str, str]] = {}
    adapt: ClassVar[Adapt | None] = None
    gate_order: ClassVar[Sequence[int]] = ()
    sequences: ClassVar[bool] = False
    """Whether ``input_dim`` means the features of each step of a sequence."""

    first_call: tuple[Any, Any] | None = None
    channels_first = False
    options: Mapping[str, Any]

    def __new__(cls, *args: Any, **keywords: Any) -> Any:
        return super().__new__(cls, *args, **{cls.newer.get(key, key): value for key, value in keywords.items()})

    def __init__(self, *args: Any, **keywords: Any) -> None:
        cls = type(self)
        options = bind(cls, self.signature, args, keywords, self.newer)
        self.options = MappingProxyType(options)  # not a dict, in whose values a layer looks for its parts
        required = [n for n, p in self.signature.parameters.items() if p.default is p.empty]
        left = {key: value for key, value in options.items() if key in required or key not in COMMON_NAMES}
        if cls.adapt is not None:
            cls.adapt(left)
        self.activity_regularizer = regularizers.get(left.pop("activity_regularizer", None))
        if "dim_ordering" in left:
            self.channels_first = backend.resolve_ordering(left.pop("dim_ordering")) == "th"
        if left.pop("stateful", False):
            raise OptionError(
                f"{cls.__name__}: stateful=True is not supported. Give longer sequences, or pass the states between "
                "calls with return_state=True and initial_state= of pel.nn layers"
            )
        name = make_name(cls.__name__) if options["name"] is None else options["name"]
        super().__init__(**self.translate(left), name=name)
        if not options["trainable"]:
            self.trainable = False

    def translate(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of the layer in pellucid."""
        gates = max(len(self.gate_order), 1)
        kinds: dict[str, Callable[[Any], Any]] = {
            "initializer": lambda value: KerasInitializer(value, gates),
            "regularizer": regularizers.get,
            "constraint": self.get_constraint,
            "activation": activations.get,
            "seed": lambda value: backend.draw_seed() if value is None else value,
        }
        ours = {self.renames.get(key, key): value for key, value in options.items() if key not in UNUSED}
        return {key: kinds.get(key.rpartition("_")[2], lambda v: v)(value) for key, value in ours.items()}

    def get_constraint(self, value: Any) -> Any:
        """Return a constraint, whose axes must be those of the kernels of pellucid."""
        if self.channels_first and hasattr(value, "axis"):
            raise OptionError(f"{type(self).__name__}: norms of kernels are constrained for dim_ordering='tf' only")
        return constraints.get(value)

    def get_sample_shape(self) -> tuple[Any, ...] | None:
        """Return the shape of a sample that the constructor was given, or None."""
        o = self.options
        if o["batch_input_shape"] is not None or o["input_shape"] is not None:
            return tuple(o["batch_input_shape"][1:] if o["input_shape"] is None else o["input_shape"])
        if self.signature.parameters["input_dim"].default is inspect.Parameter.empty:
            return (o["input_length"],)
        if o["input_dim"] is None:
            inner = o.get("layer")
            return inner.get_sample_shape() if isinstance(inner, KerasLayer) and self.sequences else None
        return (o["input_length"], o["input_dim"]) if self.sequences else (o["input_dim"],)

    def __call__(self, inputs: Any, *more: Any, mask: Any = None, **named: Any) -> Any:
        result = super().__call__(inputs, *more, mask=mask, **named)
        if self.first_call is None:
            self.first_call = (inputs, result)
        return result

    def apply(self, x: Any, mask: Expr | None, named: dict[str, Any]) -> Any:
        moved = moveaxis(x, 1, -1) if self.channels_first and x.ndim > 2 else x
        try:
            y = super().apply(moved, mask, named)
        except ShapeError as error:
            if "dim_ordering" in self.options and x.ndim > 3 and not self.channels_first:
                error.add_note(
                    f"  {self.name} takes images with their channels last. If channels come first in this script, run "
                    "it with KERAS_BACKEND=theano, or call keras.backend.set_image_dim_ordering('th')"
                )
            raise
        return moveaxis(y, -1, 1) if moved is not x and y.ndim == x.ndim else y

    def maybe_build(self, x: Any) -> None:
        first = not self.built
        super().maybe_build(x)
        if first and self.options["weights"] is not None:
            self.set_weights(self.options["weights"])

    def regularization(self) -> Any:
        penalty = super().regularization()
        active = self.activity_regularizer is not None and self.first_call is not None
        return penalty + self.activity_regularizer(self.output) if active else penalty

    def get_weights(self) -> list[Array]:
        """Return the weights in the order and layout of Keras 1."""
        parts = [part.get_weights() if isinstance(part, nn.Layer) else [part.get_value()] for part in self.parts]
        arrays = list(itertools.chain.from_iterable(parts))
        if self.gate_order and arrays:
            blocks = [np.split(a, len(self.gate_order), axis=-1) for a in arrays]
            return [parts[gate] for gate in self.gate_order for parts in blocks]
        if "filter_length" in self.options:
            return [a[:, None] if a.ndim == 3 else a for a in arrays]
        return [to_channels_first(a) if self.channels_first else a for a in arrays]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set the weights, given in the order and layout of Keras 1."""
        arrays, order = [np.asarray(w, pel.config.floatx) for w in weights], self.gate_order
        if order and len(arrays) == 3 * len(order):
            gates = [arrays[3 * order.index(g) :][:3] for g in range(len(order))]
            arrays = [np.concatenate(parts, axis=-1) for parts in zip(*gates, strict=True)]
        elif "filter_length" in self.options:
            arrays = [a[:, 0] if a.ndim == 4 else a for a in arrays]
        elif self.channels_first:
            arrays = [to_channels_last(a) for a in arrays]
        sublayers = [part for part in self.parts if isinstance(part, nn.Layer) and part.get_weights()]
        if not sublayers:
            super().set_weights(arrays)
        for layer in sublayers:
            mine, arrays = arrays[: len(layer.get_weights())], arrays[len(layer.get_weights()) :]
            layer.set_weights(mine)

    def __getattr__(self, name: str) -> Any:
        known = {**vars(self).get("options", {})}
        known |= {
            k: vars(self)[v] for k, v in (("W", "kernel"), ("b", "bias"), ("U", "recurrent_kernel")) if v in vars(self)
        }
        return known[name] if name in known else super().__getattr__(name)  # type: ignore[misc]

    def get_call(self) -> tuple[Any, Any]:
        """Return input and output of the first call."""
        if self.first_call is None:
            raise ShapeError(f"{self.name} has no input yet: add it to a model, or call it")
        return self.first_call

    input = property(lambda self: self.get_call()[0], doc="The input of the first call.")
    output = property(lambda self: self.get_call()[1], doc="The output of the first call.")
    input_shape = property(lambda self: get_shape(self.input), doc="Shape of the input, None for the batch.")
    output_shape = property(lambda self: get_shape(self.output), doc="Shape of the output, None for the batch.")
    weights = property(lambda self: self.parameters, doc="All parameters.")

    @property
    def trainable_weights(self) -> list[Shared]:
        """Parameters that an optimizer may change."""
        return [p for p in self.parameters if p.trainable]

    @trainable_weights.setter
    def trainable_weights(self, value: Sequence[Shared]) -> None:
        self.parts = list(dict.fromkeys([*self.parts, *value]))

    def count_params(self) -> int:
        """Return the number of elements of all parameters."""
        return sum(int(np.prod(p.shape)) for p in self.parameters)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments, without weights."""
        return {**self.options, "name": self.name, "weights": None}


def make_layer(name: str, base: type, text: str = "", **options: Any) -> Any:
    """Return a class of Keras 1 on a layer of pellucid, with the arguments in a text.

    Parameters
    ----------
    name : str
        Its name.
    base : type
        The layer of pellucid.
    text : str
        Its own arguments; see `make_signature`.
    **options
        Another ``mixin`` than `KerasLayer`, ``renames`` that differ from `RENAMES`, and class attributes.
    """
    doc = f"`pel.nn.{base.__name__}` with the arguments of Keras 1."
    kind: Any = type(name, (options.pop("mixin", KerasLayer), base), {"__doc__": doc})
    return set_arguments(kind, text, options.pop("renames", {}), **options)


def set_arguments(cls: Any, text: str, renames: Mapping[str, str], **attributes: Any) -> Any:
    """Give a class constructor arguments of Keras 1 and other attributes, and return it."""
    own = make_signature(text).parameters
    common = " ".join(part for part in COMMON.split() if part.partition("=")[0] not in own)
    cls.signature, cls.__signature__ = make_signature(f"{text} {common}"), ClassSignature()
    cls.renames = {**RENAMES, **renames}
    cls.newer = {cls.renames[key]: key for key in cls.signature.parameters if key in cls.renames}
    for key, value in attributes.items():
        setattr(cls, key, staticmethod(value) if callable(value) else value)
    return cls


def to_channels_first(kernel: Array) -> Array:
    """Return a convolution kernel in the layout of ``dim_ordering='th'``."""
    last = kernel.ndim - 1
    return kernel.transpose(last, last - 1, *range(last - 1)) if kernel.ndim > 3 else kernel


def to_channels_last(kernel: Array) -> Array:
    """Return a convolution kernel in the layout of pellucid."""
    return kernel.transpose(*range(2, kernel.ndim), 1, 0) if kernel.ndim > 3 else kernel


def get_shape(e: Any) -> Any:
    """Return the shape of an expression or of several, None where a length is unknown."""
    return [backend.int_shape(part) for part in e] if isinstance(e, (list, tuple)) else backend.int_shape(e)
