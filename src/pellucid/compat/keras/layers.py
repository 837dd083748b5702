"""Layers of Keras 1 over those of pellucid, as a table of their constructor arguments.

Kernels of convolutions are not flipped, as with Keras's TensorFlow backend. With ``dim_ordering='th'`` images keep
their channels first outside of a layer, and weights have Keras's layout.
"""

import pellucid as pel
from pellucid import nn
from pellucid.compat.keras.layer_base import KerasLayer, get_shape, make_name
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.graph.errors import OptionError, ShapeError

__path__ = []  # `keras.layers.core` and others are this module

PENALTIES = "W_regularizer=None b_regularizer=None activity_regularizer=None W_constraint=None b_constraint=None"
START, ORDERED = "init='glorot_uniform' activation=None weights=None", "dim_ordering='default'"
DENSE = f"output_dim {START} {PENALTIES} bias=True"
NORMALIZED = "epsilon=1e-3 mode=0 axis=-1 momentum=0.99 weights=None beta_init='zero' gamma_init='one'"
EMBEDDED = "input_dim output_dim init='uniform' input_length=None W_regularizer=None activity_regularizer=None"
GATES = "activation='tanh' inner_activation='hard_sigmoid'"
RECURRENT = "W_regularizer=None U_regularizer=None b_regularizer=None dropout_W=0.0 dropout_U=0.0 weights=None "
RECURRENT += "return_sequences=False go_backwards=False stateful=False unroll=False consume_less='cpu' seed=None"
STATEFUL = ([False], "Give longer sequences, or use pel.nn layers with return_state=True and initial_state=")
MODES = ([0], "For mode=1, which normalizes each sample, use pel.nn.LayerNormalization()")


class ConvolutionMixin(KerasLayer):
    """Convolution with an argument for each length of its window; ``"full"`` padding overlaps by one element."""

    window, full = (), False

    def translate(self, options):
        first, *rest = (options.pop(name) for name in self.window)  # Keras 2 has all lengths in the first
        options["kernel_size"] = first if all(n is None for n in rest) else (first, *rest)
        self.full, mode = options["border_mode"] == "full", options["border_mode"]
        return super().translate({**options, "border_mode": {"full": "valid", "half": "same"}.get(mode, mode)})

    def call(self, x):
        spatial = [(k - 1, k - 1) for k in self.kernel_size]
        return super().call(pel.pad(x, ((0, 0), *spatial, (0, 0))) if self.full else x)


def make_layer(name, base, arguments="", **attributes):
    """Create a class of Keras 1 on a layer of pellucid; see `KerasLayer` for the attributes."""
    own = {"arguments": arguments, "__doc__": f"`{base.__name__}` of pellucid.", "__module__": __name__, **attributes}
    globals()[name] = type(name, (ConvolutionMixin if "window" in own else KerasLayer, base), own)


for _name, _base, _sizes, _text in (
    ("Convolution1D", nn.Conv1D, "filter_length", "subsample_length=1"),
    ("Convolution2D", nn.Conv2D, "nb_row nb_col", f"subsample=(1,1) {ORDERED}"),
    ("Convolution3D", nn.Conv3D, "kernel_dim1 kernel_dim2 kernel_dim3", f"subsample=(1,1,1) {ORDERED}"),
    ("AtrousConvolution2D", nn.Conv2D, "nb_row nb_col", f"subsample=(1,1) atrous_rate=(1,1) {ORDERED}"),
):
    _first, *_rest = _sizes.split()
    _attributes = {"window": (_first, *_rest), "renamed": f"{_first}:kernel_size", "sequences": not _rest}
    _text = f"{' '.join([_first, *(f'{n}=None' for n in _rest)])} {START} border_mode='valid' {_text}"
    make_layer(_name, _base, f"nb_filter {_text} {PENALTIES} bias=True", **_attributes)
Conv1D, Conv2D, Conv3D = (globals()[f"Convolution{_n}D"] for _n in (1, 2, 3))

make_layer("Dense", nn.Dense, DENSE)
make_layer("TimeDistributedDense", nn.Dense, DENSE, sequences=True)
make_layer("Activation", nn.Activation, "activation")
make_layer("Dropout", nn.Dropout, "p noise_shape=None seed=None")
make_layer("GaussianNoise", nn.GaussianNoise, "sigma seed=None")
make_layer("GaussianDropout", nn.GaussianDropout, "p seed=None")
make_layer("Flatten", nn.Flatten)
make_layer("Reshape", nn.Reshape, "target_shape")
make_layer("Permute", nn.Permute, "dims")
make_layer("RepeatVector", nn.RepeatVector, "n")
make_layer("Masking", nn.Masking, "mask_value=0.0")
make_layer("Lambda", nn.Lambda, "function output_shape=None arguments=None")
make_layer("LeakyReLU", nn.LeakyReLU, "alpha=0.3", renamed="alpha:negative_slope")
make_layer("ELU", nn.ELU, "alpha=1.0")
make_layer("ThresholdedReLU", nn.ReLU, "theta=1.0", renamed="theta:threshold")
make_layer("PReLU", nn.PReLU, "init='zero' weights=None shared_axes=None", renamed="init:alpha_initializer")
make_layer("TimeDistributed", nn.TimeDistributed, "layer", sequences=True)
make_layer("Bidirectional", nn.Bidirectional, "layer merge_mode='concat'", sequences=True)
make_layer("BatchNormalization", nn.BatchNormalization, NORMALIZED, limits={"mode": MODES})
_renamed = "init:embeddings_initializer W_regularizer:embeddings_regularizer W_constraint:embeddings_constraint"
_limits = {"dropout": ([0.0], "Add SpatialDropout1D or Dropout after it")}
_text = f"{EMBEDDED} W_constraint=None mask_zero=False weights=None dropout=0.0"
make_layer("Embedding", nn.Embedding, _text, renamed=f"{_renamed} output_dim:output_dim", limits=_limits)

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
        make_layer(_name, getattr(nn, _name), f"{_text.replace(', ', ',')} {_order}")

for _name, _order, _text, _fixed, _limits in (
    ("SimpleRNN", (0,), "activation='tanh'", {}, {}),
    ("GRU", (0, 1, 2), GATES, {"reset_after": False}, {}),
    ("LSTM", (0, 2, 1, 3), f"forget_bias_init='one' {GATES}", {}, {"forget_bias_init": (["one", "zero"], "")}),
):
    _text = f"output_dim init='glorot_uniform' inner_init='orthogonal' {_text} {RECURRENT}"
    _attributes = {"gate_order": _order, "sequences": True, "fixed": _fixed}
    make_layer(_name, getattr(nn, _name), _text, limits={"stateful": STATEFUL, **_limits}, **_attributes)

MERGED = {"sum": nn.Add, "mul": nn.Multiply, "ave": nn.Average, "max": nn.Maximum}


class Merge(KerasLayer):
    """Layer that merges several expressions, or the outputs of several models at the start of a `Sequential`."""

    merges = True
    arguments = "layers=None mode='sum' concat_axis=-1 dot_axes=-1 output_shape=None output_mask=None arguments=None"

    def translate(self, options):
        mode, axes = options["mode"], options["dot_axes"]
        dot = lambda: nn.Dot(axes if isinstance(axes, int) else tuple(axes), mode == "cos")
        known = {**MERGED, "concat": lambda: nn.Concatenate(options["concat_axis"]), "dot": dot, "cos": dot}
        if not callable(mode) and mode not in known:
            raise OptionError(f"Merge: expected mode to be one of {', '.join(known)}. Received: mode={mode!r}")
        self.merge = mode if callable(mode) else known[mode]()
        return {}

    def call(self, x):
        result = self.merge(x, **(self.config["arguments"] or {}))
        return pel.expand_dims(result, 1) if self.config["mode"] == "cos" else result


merge = lambda inputs, mode="sum", **options: Merge(mode=mode, **options)(list(inputs))


def Input(shape=None, batch_shape=None, name=None, dtype=None):
    """Return an input of a model; ``batch_shape`` fixes the size of a batch."""
    if shape is None and batch_shape is None:
        raise ShapeError("Input: expected the shape of one sample, as in Input(shape=(784,)). Received: shape=None")
    size, *sample = (None, *shape) if batch_shape is None else batch_shape
    return nn.Input(sample, dtype or pel.config.floatx, make_name("input") if name is None else name, size or "n")


InputLayer = lambda input_shape=None, batch_input_shape=None, input_dtype=None, name=None: Input(
    batch_input_shape[1:] if input_shape is None else input_shape, None, name, input_dtype
)


class Layer(KerasLayer):
    """Base of layers that scripts define, by ``build(input_shape)`` and ``call(x, mask=None)``."""

    arguments = ""

    def maybe_build(self, x):
        build, self.like = type(self).build, x[0] if isinstance(x, list) else x
        if not self.built and build is not nn.Layer.build:
            vars(self)["build"] = lambda e: build(self, get_shape(e))
        super().maybe_build(x)
        vars(self).pop("build", None)
        del self.like

    def add_weight(
        self, shape, initializer="glorot_uniform", name="W", trainable=True, regularizer=None, constraint=None
    ):
        given = {"init": initializer, "W_regularizer": regularizer, "W_constraint": constraint}
        start, penalty, bound = self.translate(given).values()
        return self.parameter(name, tuple(shape), start, self.like, penalty, constraint=bound, trainable=trainable)


InputSpec = lambda **_: None  # what layers of scripts expect, which is not checked
add_missing_name_errors(globals(), "keras.layers")
