"""Layers of Keras 1 over those of pellucid, as a table of their constructor arguments.

Kernels of convolutions are not flipped, as with Keras's TensorFlow backend. With ``dim_ordering='th'`` images keep
their channels first outside of a layer, and weights have Keras's layout.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pellucid as pel
from pellucid import nn
from pellucid.compat.keras.layer_base import KerasLayer, get_shape, make_layer, make_name, set_arguments
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.graph.errors import OptionError, ShapeError
from pellucid.graph.expr import Expr, Shared
from pellucid.graph.expr import Input as GraphInput
from pellucid.nn.regularizers import L1L2

__path__: list[str] = []  # `keras.layers.core` and others are this module

PENALTIES = "W_regularizer=None b_regularizer=None activity_regularizer=None"
BOUNDS = "W_constraint=None b_constraint=None bias=True"
START = "init='glorot_uniform' activation=None weights=None"
DENSE = f"{START} {PENALTIES} {BOUNDS}"
ORDERED = "dim_ordering='default'"


def gather_sizes(*names: str) -> Callable[[dict[str, Any]], None]:
    """Return a function that joins lengths of windows to ``kernel_size``; the first may be all, as in Keras 2."""

    def adapt(options: dict[str, Any]) -> None:
        first, *rest = (options.pop(name) for name in names)
        options["kernel_size"] = first if all(n is None for n in rest) else (first, *rest)
        if "depth_multiplier" in options:
            options["depthwise_initializer"] = options["pointwise_initializer"] = options.pop("init")

    return adapt


class FullPadding(KerasLayer):
    """Convolution that also pads ``border_mode="full"``, so that windows overlap the input by one element or more."""

    full = False

    def translate(self, options: Any) -> dict[str, Any]:
        self.full, mode = options["border_mode"] == "full", options["border_mode"]
        return super().translate({**options, "border_mode": {"full": "valid", "half": "same"}.get(mode, mode)})

    def call(self, x: Expr) -> Expr:
        spatial = [(k - 1, k - 1) for k in self.kernel_size]
        result: Expr = super().call(pel.pad(x, ((0, 0), *spatial, (0, 0))) if self.full else x)
        return result


def make_convolution(name: str, base: type, sizes: str, text: str, **options: Any) -> Any:
    """Return a convolution of Keras 1 from the names of its window lengths and its own arguments."""
    first, *rest = sizes.split()
    window = " ".join([first, *(f"{name}=None" for name in rest)])
    options = {"mixin": FullPadding, "adapt": gather_sizes(first, *rest), "sequences": not rest, **options}
    text = f"nb_filter {window} {START} border_mode='valid' {text} {ORDERED if rest else ''} {PENALTIES} {BOUNDS}"
    return make_layer(name, base, text, renames={first: "kernel_size"}, **options)


class OutputShape(KerasLayer):
    """Transposed convolution with a given output shape."""

    def call(self, x: Expr) -> Expr:
        rows, columns = self.options["output_shape"][2:] if self.channels_first else self.options["output_shape"][1:3]
        if self.padding == "valid":
            sizes = zip((rows, columns), x.shape[1:3], self.strides, self.kernel_size, strict=True)
            added = tuple(wanted - (n - 1) * s - k for wanted, n, s, k in sizes)
            self.output_padding: Any = added if any(added) else None
        y: Expr = super().call(x)
        if y.shape[1:3] != (rows, columns):
            raise ShapeError(f"{self.name}: output_shape={self.options['output_shape']} does not fit {y.shape}")
        return y


ATROUS = "subsample_length=1 atrous_rate=1"
PAIR, TRIPLE, STRIDES = "nb_row nb_col", "kernel_dim1 kernel_dim2 kernel_dim3", "subsample=(1,1)"
Convolution1D = Conv1D = make_convolution("Convolution1D", nn.Conv1D, "filter_length", "subsample_length=1")
Convolution2D = Conv2D = make_convolution("Convolution2D", nn.Conv2D, PAIR, STRIDES)
Convolution3D = Conv3D = make_convolution("Convolution3D", nn.Conv3D, TRIPLE, "subsample=(1,1,1)")
AtrousConvolution1D = make_convolution("AtrousConvolution1D", nn.Conv1D, "filter_length", ATROUS)
AtrousConvolution2D = make_convolution("AtrousConvolution2D", nn.Conv2D, PAIR, f"{STRIDES} atrous_rate=(1,1)")
SeparableConvolution2D = SeparableConv2D = make_layer(
    "SeparableConvolution2D",
    nn.SeparableConv2D,
    f"nb_filter nb_row nb_col=None {START} border_mode='valid' {STRIDES} depth_multiplier=1 {ORDERED} "
    "b_regularizer=None depthwise_regularizer=None pointwise_regularizer=None activity_regularizer=None bias=True "
    "b_constraint=None",
    adapt=gather_sizes("nb_row", "nb_col"),
)
Deconvolution2D = Deconv2D = make_layer(
    "Deconvolution2D",
    nn.Conv2DTranspose,
    f"nb_filter nb_row nb_col output_shape {START} border_mode='valid' {STRIDES} {ORDERED} {PENALTIES} {BOUNDS}",
    adapt=gather_sizes("nb_row", "nb_col"),
    mixin=OutputShape,
)

Dense = make_layer("Dense", nn.Dense, f"output_dim {DENSE}")
TimeDistributedDense = make_layer("TimeDistributedDense", nn.Dense, f"output_dim {DENSE}", sequences=True)
Activation = make_layer("Activation", nn.Activation, "activation")
Dropout = make_layer("Dropout", nn.Dropout, "p noise_shape=None seed=None")
GaussianNoise = make_layer("GaussianNoise", nn.GaussianNoise, "sigma seed=None")
GaussianDropout = make_layer("GaussianDropout", nn.GaussianDropout, "p seed=None")
Flatten = make_layer("Flatten", nn.Flatten)
Reshape = make_layer("Reshape", nn.Reshape, "target_shape")
Permute = make_layer("Permute", nn.Permute, "dims")
RepeatVector = make_layer("RepeatVector", nn.RepeatVector, "n")
Masking = make_layer("Masking", nn.Masking, "mask_value=0.0")
Lambda = make_layer("Lambda", nn.Lambda, "function output_shape=None arguments=None")
LeakyReLU = make_layer("LeakyReLU", nn.LeakyReLU, "alpha=0.3", renames={"alpha": "negative_slope"})
ELU = make_layer("ELU", nn.ELU, "alpha=1.0")
ThresholdedReLU = make_layer("ThresholdedReLU", nn.ReLU, "theta=1.0", renames={"theta": "threshold"})
PReLU = make_layer(
    "PReLU", nn.PReLU, "init='zero' weights=None shared_axes=None", renames={"init": "alpha_initializer"}
)
TimeDistributed = make_layer("TimeDistributed", nn.TimeDistributed, "layer", sequences=True)
Bidirectional = make_layer("Bidirectional", nn.Bidirectional, "layer merge_mode='concat'", sequences=True)
ActivityRegularization = make_layer(
    "ActivityRegularization",
    nn.Identity,
    "l1=0.0 l2=0.0",
    adapt=lambda o: o.update(activity_regularizer=L1L2(o.pop("l1"), o.pop("l2"))),
)

for _n in (1, 2, 3):
    _ones, _twos, _order = (1,) * _n, (2,) * _n, ORDERED if _n > 1 else ""
    _window = f"pool_size={_twos} strides=None" if _n > 1 else "pool_length=2 stride=None"
    for _name, _text in {
        **{f"{kind}Pooling{_n}D": f"{_window} border_mode='valid'" for kind in ("Max", "Average")},
        **{f"Global{kind}Pooling{_n}D": "" for kind in ("Max", "Average")},
        f"UpSampling{_n}D": f"size={_twos}" if _n > 1 else "length=2",
        f"ZeroPadding{_n}D": f"padding={_ones}" if _n > 1 else "padding=1",
        f"Cropping{_n}D": {1: "cropping=(1,1)", 2: "cropping=((0,0),(0,0))", 3: "cropping=((1,1),(1,1),(1,1))"}[_n],
        f"SpatialDropout{_n}D": "p seed=None",
    }.items():
        globals()[_name] = make_layer(_name, getattr(nn, _name), f"{_text.replace(', ', ',')} {_order}")


def check_mode(options: dict[str, Any]) -> None:
    """Refuse the modes of batch normalization that nothing has today."""
    mode = options.pop("mode")
    if mode:
        raise OptionError(
            f"BatchNormalization: expected mode=0. Received: mode={mode!r}. For mode=1, which normalizes each sample, "
            "use pel.nn.LayerNormalization()"
        )


BatchNormalization = make_layer(
    "BatchNormalization",
    nn.BatchNormalization,
    "epsilon=1e-3 mode=0 axis=-1 momentum=0.99 weights=None beta_init='zero' gamma_init='one' gamma_regularizer=None "
    "beta_regularizer=None",
    adapt=check_mode,
)


def set_forget_bias(options: dict[str, Any]) -> None:
    """Convert the initial bias of the forget gate."""
    start = options.pop("forget_bias_init")
    if start not in ("one", "zero"):
        raise OptionError(f"LSTM: expected forget_bias_init to be 'one' or 'zero'. Received: {start!r}")
    options["unit_forget_bias"] = start == "one"


def make_recurrent(name: str, base: type, order: Sequence[int], extra: str = "", adapt: Any = None) -> Any:
    """Return a recurrent layer of Keras 1 from the order of its gates and the arguments that only it has."""
    return make_layer(
        name,
        base,
        f"output_dim init='glorot_uniform' inner_init='orthogonal' {extra} W_regularizer=None U_regularizer=None "
        "b_regularizer=None dropout_W=0.0 dropout_U=0.0 weights=None return_sequences=False go_backwards=False "
        "stateful=False unroll=False consume_less='cpu' input_dim=None input_length=None seed=None",
        gate_order=order,
        adapt=adapt,
        sequences=True,
    )


INNER = "activation='tanh' inner_activation='hard_sigmoid'"
SimpleRNN = make_recurrent("SimpleRNN", nn.SimpleRNN, (0,), "activation='tanh'")
GRU = make_recurrent("GRU", nn.GRU, (0, 1, 2), INNER, lambda options: options.update(reset_after=False))
LSTM = make_recurrent("LSTM", nn.LSTM, (0, 2, 1, 3), f"forget_bias_init='one' {INNER}", set_forget_bias)


class Lookup(KerasLayer):
    """Embedding of indices, which may be given as floats."""

    def check_input(self, x: Expr) -> None:
        """Accept floats."""

    def call(self, x: Expr) -> Expr:
        result: Expr = super().call(x if x.dtype.kind in "iu" else x.astype("int32"))
        return result


def refuse_dropout(options: dict[str, Any]) -> None:
    """Refuse dropout of whole words."""
    if options.pop("dropout"):
        raise OptionError("Embedding: dropout of words is not supported. Add SpatialDropout1D or Dropout after it")


EMBEDDED = {"init": "embeddings_initializer", "output_dim": "output_dim", "W_regularizer": "embeddings_regularizer"}
Embedding = make_layer(
    "Embedding",
    nn.Embedding,
    "input_dim output_dim init='uniform' input_length=None W_regularizer=None activity_regularizer=None "
    "W_constraint=None mask_zero=False weights=None dropout=0.0",
    renames={**EMBEDDED, "W_constraint": "embeddings_constraint"},
    adapt=refuse_dropout,
    mixin=Lookup,
)

MERGED = {"sum": nn.Add, "mul": nn.Multiply, "ave": nn.Average, "max": nn.Maximum}


class Merge(KerasLayer):
    """Layer that merges several expressions, or the outputs of several models at the start of a `Sequential`."""

    merges = True

    def translate(self, options: Any) -> dict[str, Any]:
        mode, axes = options["mode"], options["dot_axes"]
        known: dict[str, Callable[[], Any]] = {
            **MERGED,
            "concat": lambda: nn.Concatenate(options["concat_axis"]),
            **{
                m: lambda: nn.Dot(axes if isinstance(axes, int) else tuple(axes), mode == "cos") for m in ("dot", "cos")
            },
        }
        if not callable(mode) and mode not in known:
            raise OptionError(f"Merge: expected mode to be one of {', '.join(known)}. Received: mode={mode!r}")
        self.merge = mode if callable(mode) else known[mode]()
        return {}

    def call(self, x: list[Expr]) -> Expr:
        result: Expr = self.merge(x, **(self.options["arguments"] or {}))
        return pel.expand_dims(result, 1) if self.options["mode"] == "cos" else result


set_arguments(
    Merge, "layers=None mode='sum' concat_axis=-1 dot_axes=-1 output_shape=None output_mask=None arguments=None", {}
)


def merge(inputs: Sequence[Any], mode: Any = "sum", **options: Any) -> Any:
    """Merge expressions by a new `Merge` layer."""
    return Merge(mode=mode, **options)(list(inputs))


def Input(
    shape: Any = None, batch_shape: Any = None, name: str | None = None, dtype: Any = None, **_: Any
) -> GraphInput:
    """Return an input of a model; ``batch_shape`` fixes the size of a batch."""
    size, *sample = (None, *(() if shape is None else shape)) if batch_shape is None else batch_shape
    if shape is None and batch_shape is None:
        raise ShapeError("Input: expected the shape of one sample, as in Input(shape=(784,)). Received: shape=None")
    name = make_name("input") if name is None else name
    return nn.Input(sample, dtype or pel.config.floatx, name, size or "n")


def InputLayer(
    input_shape: Any = None, batch_input_shape: Any = None, input_dtype: Any = None, name: str | None = None
) -> GraphInput:
    """Return the input with which a `Sequential` begins."""
    return Input(batch_input_shape[1:] if input_shape is None else input_shape, None, name, input_dtype)


class Layer(KerasLayer):
    """Base of layers that scripts define, by ``build(input_shape)`` and ``call(x, mask=None)``."""

    def __init_subclass__(cls) -> None:
        if "__init__" in vars(cls):
            cls.__signature__ = vars(nn.Layer)["__signature__"]

    def maybe_build(self, x: Any) -> None:
        build, self.like = type(self).build, x[0] if isinstance(x, list) else x
        if not self.built and build is not nn.Layer.build:
            vars(self)["build"] = lambda e: build(self, get_shape(e))
        super().maybe_build(x)
        vars(self).pop("build", None)
        del self.like

    def add_weight(
        self, shape: Any, initializer: Any = "glorot_uniform", name: str = "W", trainable: bool = True, **options: Any
    ) -> Shared:
        """Create a parameter."""
        given = {f"W_{key}": options.get(key) for key in ("regularizer", "constraint")}
        start, penalty, bound = self.translate({"init": initializer, **given}).values()
        return self.parameter(name, tuple(shape), start, self.like, penalty, constraint=bound, trainable=trainable)


set_arguments(Layer, "", {})
InputSpec = SimpleNamespace  # what layers of scripts expect, which is not checked
add_missing_name_errors(globals(), "keras.layers")
