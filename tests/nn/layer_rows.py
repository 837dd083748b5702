"""Table of all layers with their test data, used by `test_every_layer.py` and other tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import pellucid as pel
from pellucid import nn
from pellucid.graph.expr import Expr
from pellucid.nn.layers.base import Layer

Shape = tuple[int, ...]
ROW, LINE, IMAGE, VOLUME = (4,), (5, 2), (4, 3, 2), (2, 3, 2, 2)
BATCH = 2


@dataclass(frozen=True)
class Row:
    """A layer and its test data.

    Attributes
    ----------
    make : function
        Creates the layer.
    shape : tuple of int, or list of them
        Shape of the input without the batch axis; a list for a layer that merges several inputs.
    two_forms : bool
        Whether training and inference differ.
    wrong : tuple of int or None
        Shape of an input that the layer must reject, without the batch axis.
    invalid : dict
        An argument that the class must reject.
    vocabulary : int or None
        Number of different integers, for a layer of integers.
    kwargs : dict
        Keyword arguments of the call.
    masked : bool
        Whether the first input has a mask of steps.
    formula : function or None
        The inference form in NumPy, from the inputs and weights. Required for layers without a case in `peers`.
    """

    make: Callable[[], Layer]
    shape: Shape | list[Shape]
    two_forms: bool = False
    wrong: Shape | None = None
    invalid: dict[str, Any] = field(default_factory=dict)
    vocabulary: int | None = None
    kwargs: dict[str, Any] = field(default_factory=dict)
    masked: bool = False
    formula: Callable[..., Any] | None = None

    @property
    def shapes(self) -> list[Shape]:
        return self.shape if isinstance(self.shape, list) else [self.shape]


def make_inputs(row: Row, batch: str | None = None, dtype: str = "float32") -> list[Expr]:
    """Return inputs with a named or unknown batch size."""
    kind = "int32" if row.vocabulary is not None else dtype
    return [pel.tensor(f"x{i}", shape=(batch, *shape), dtype=kind) for i, shape in enumerate(row.shapes)]


def make_data(row: Row, dtype: str = "float32") -> list[np.ndarray]:
    """Return values for the inputs, all different, so that no maximum is a tie."""
    rng = np.random.default_rng(0)
    sizes = [(BATCH, *shape) for shape in row.shapes]
    if row.vocabulary is not None:
        return [rng.integers(0, row.vocabulary, size).astype("int32") for size in sizes]
    count = sum(map(np.prod, sizes))
    values = rng.permutation(count) / count * 2 - 1.03
    parts = np.split(values, np.cumsum([np.prod(size) for size in sizes])[:-1])
    return [part.reshape(size).astype(dtype) for part, size in zip(parts, sizes, strict=True)]


def call_layer(layer: Layer, x: list[Expr], row: Row) -> list[Expr]:
    """Call a layer and return the list of its results."""
    first, *others = x
    if row.masked:
        first = pel.attach_mask(first, first[:, :, 0] > -0.5)
    result = layer([first, *others] if layer.merges else first, **row.kwargs)
    return list(result) if isinstance(result, (list, tuple)) else [result]


class Gated(nn.Layer):
    """A user's layer: half of the features, gated by the other half."""

    def build(self, x: Any) -> None:
        self.slope = self.parameter("slope", (x.shape[-1] // 2,), nn.initializers.Constant(0.5), x)

    def call(self, x: Any) -> Any:
        a, b = pel.split(x, 2, axis=-1)
        return a * pel.sigmoid(self.slope * b)


class Total(nn.Layer):
    """A user's recurrent cell: a running sum."""

    state_size = 2

    def build(self, x: Any) -> None:
        self.gain = self.parameter("gain", (2,), nn.initializers.Constant(0.5), x)

    def call(self, x_t: Any, states: Any) -> Any:
        total = states[0] + self.gain * pel.tanh(x_t)
        return total, total


def make_adapted() -> Layer:
    layer = nn.Normalization()
    layer.adapt([[0.0, 1.0, 2.0, 5.0], [1.0, 3.0, -2.0, 4.0]])
    return layer


def scaled_tanh(x: Any) -> Any:
    """A user's function that creates a parameter."""
    return pel.tanh(x) * pel.shared([1.0, 2.0, 3.0, 4.0], "scale")


LAYERS: dict[str, Row] = {
    "Activation": Row(lambda: nn.Activation("tanh"), ROW, invalid={"activation": "tanhh"}),
    "ReLU": Row(lambda: nn.ReLU(0.7, 0.1, 0.2), ROW, invalid={"max_value": -1}),
    "LeakyReLU": Row(nn.LeakyReLU, ROW, invalid={"negative_slope": -1}),
    "PReLU": Row(lambda: nn.PReLU("random_normal"), ROW, wrong=(5,), invalid={"alpha_initializer": "zeross"}),
    "PReLU, shared": Row(lambda: nn.PReLU(shared_axes=[1]), LINE, wrong=(5, 3), invalid={"shared_axes": "all"}),
    "ELU": Row(nn.ELU, ROW, invalid={"alpha": "one"}),
    "Softmax": Row(nn.Softmax, ROW, invalid={"axis": "last"}),
    "Maxout": Row(
        lambda: nn.Maxout(2),
        ROW,
        wrong=(5,),
        invalid={"num_pieces": 0},
        formula=lambda x: np.maximum(x[:, ::2], x[:, 1::2]),
    ),
    "Maxout, axis": Row(
        lambda: nn.Maxout(3, 1),
        (6, 2),
        wrong=(5, 2),
        invalid={"axis": "first"},
        formula=lambda x: np.stack([x[:, :3].max(1), x[:, 3:].max(1)], 1),
    ),
    "Identity": Row(nn.Identity, ROW),
    "Lambda": Row(
        lambda: nn.Lambda(scaled_tanh),
        ROW,
        wrong=(5,),
        invalid={"function": 3},
        formula=lambda x, scale: np.tanh(x) * scale,
    ),
    "Gated": Row(Gated, ROW, formula=lambda x, slope: x[:, :2] / (1 + np.exp(-slope * x[:, 2:]))),
    "Dense": Row(lambda: nn.Dense(3, activation="tanh"), ROW, wrong=(5,), invalid={"units": 0}),
    "Dense, sequence": Row(lambda: nn.Dense(3, use_bias=False), LINE, wrong=(5, 3), invalid={"units": 1.5}),
    "EinsumDense": Row(
        lambda: nn.EinsumDense("bsf,sfu->bsu", (5, 3), activation="tanh", bias_axes="su"),
        LINE,
        wrong=ROW,
        invalid={"equation": "bsf,sfu"},
        formula=lambda x, kernel, bias: np.tanh(np.einsum("bsf,sfu->bsu", x, kernel) + bias),
    ),
    "EinsumDense, members": Row(
        lambda: nn.EinsumDense("bf,kf->bkf", (3, None), bias_axes="k", bias_initializer="random_normal"),
        ROW,
        wrong=LINE,
        invalid={"bias_axes": "b"},
        formula=lambda x, kernel, bias: x[:, None] * kernel + bias,
    ),
    "PiecewiseLinearEncoding": Row(
        lambda: nn.PiecewiseLinearEncoding(edges=[[-1, 0, 0.5], [0.0], [-0.5, 0.5], [0, 1]]),
        ROW,
        wrong=(3,),
        invalid={"bins": 0},
        formula=lambda x: np.clip(np.stack([x[:, 0] + 1, 2 * x[:, 0], x[:, 2] + 0.5, x[:, 3]], axis=1), 0, 1),
    ),
    "Embedding": Row(lambda: nn.Embedding(5, 3), ROW, vocabulary=5, invalid={"input_dim": 0}),
    "Embedding, masked": Row(lambda: nn.Embedding(5, 3, mask_zero=True), ROW, vocabulary=5, invalid={"output_dim": -1}),
    "Masking": Row(nn.Masking, LINE, wrong=ROW, invalid={"mask_value": "none"}),
    "Flatten": Row(nn.Flatten, LINE),
    "Reshape": Row(lambda: nn.Reshape((3, 2)), (6,), wrong=(7,), invalid={"target_shape": (2, 2.5)}),
    "Permute": Row(lambda: nn.Permute((2, 1)), LINE, wrong=IMAGE, invalid={"dims": (2, 2)}),
    "SelectFeatures": Row(
        lambda: nn.SelectFeatures([2, 0]),
        ROW,
        wrong=(2,),
        invalid={"indices": [0, -1]},
        formula=lambda x: x[:, [2, 0]],
    ),
    "RepeatVector": Row(lambda: nn.RepeatVector(2), ROW, wrong=LINE, invalid={"n": 0}),
    "Conv1D": Row(lambda: nn.Conv1D(3, 2), LINE, wrong=(5, 3), invalid={"filters": 0}),
    "Conv1D, causal": Row(
        lambda: nn.Conv1D(2, 2, padding="causal", dilation_rate=2), LINE, wrong=(5, 3), invalid={"padding": "caussal"}
    ),
    "Conv2D": Row(
        lambda: nn.Conv2D(3, 2, padding="same", activation="tanh"), IMAGE, wrong=(4, 3, 3), invalid={"strides": 0}
    ),
    "Conv2D, groups": Row(lambda: nn.Conv2D(4, 2, groups=2), IMAGE, wrong=(4, 3, 3), invalid={"groups": 3}),
    "Conv3D": Row(lambda: nn.Conv3D(2, (1, 2, 2)), VOLUME, wrong=(2, 3, 2, 3), invalid={"kernel_size": (1, 2)}),
    "Conv1DTranspose": Row(lambda: nn.Conv1DTranspose(2, 3, 2), LINE, wrong=(5, 3), invalid={"output_padding": -1}),
    "Conv2DTranspose": Row(
        lambda: nn.Conv2DTranspose(2, 2, 2, "same"), IMAGE, wrong=(4, 3, 3), invalid={"kernel_size": 0}
    ),
    "Conv3DTranspose": Row(
        lambda: nn.Conv3DTranspose(2, (1, 2, 1)), VOLUME, wrong=(2, 3, 2, 3), invalid={"dilation_rate": 0}
    ),
    "DepthwiseConv1D": Row(lambda: nn.DepthwiseConv1D(2), LINE, wrong=(5, 3), invalid={"depth_multiplier": 0}),
    "DepthwiseConv2D": Row(lambda: nn.DepthwiseConv2D(2), IMAGE, wrong=(4, 3, 3), invalid={"padding": "ful"}),
    "SeparableConv1D": Row(lambda: nn.SeparableConv1D(3, 2), LINE, wrong=(5, 3), invalid={"filters": None}),
    "SeparableConv2D": Row(lambda: nn.SeparableConv2D(3, 2), IMAGE, wrong=(4, 3, 3), invalid={"strides": "one"}),
    "MaxPooling1D": Row(nn.MaxPooling1D, LINE, wrong=ROW, invalid={"pool_size": 0}),
    "MaxPooling2D": Row(nn.MaxPooling2D, IMAGE, wrong=ROW, invalid={"padding": "no"}),
    "MaxPooling3D": Row(nn.MaxPooling3D, VOLUME, wrong=ROW, invalid={"strides": -1}),
    "AveragePooling1D": Row(lambda: nn.AveragePooling1D(3, 2, "same"), LINE, wrong=ROW, invalid={"pool_size": (1, 2)}),
    "AveragePooling2D": Row(nn.AveragePooling2D, IMAGE, wrong=ROW, invalid={"pool_size": 1.5}),
    "AveragePooling3D": Row(nn.AveragePooling3D, VOLUME, wrong=ROW, invalid={"padding": 1}),
    "GlobalMaxPooling1D": Row(nn.GlobalMaxPooling1D, LINE, wrong=ROW),
    "GlobalMaxPooling2D": Row(nn.GlobalMaxPooling2D, IMAGE, wrong=ROW),
    "GlobalMaxPooling3D": Row(lambda: nn.GlobalMaxPooling3D(True), VOLUME, wrong=ROW),
    "GlobalAveragePooling1D": Row(nn.GlobalAveragePooling1D, LINE, wrong=ROW, masked=True),
    "GlobalAveragePooling2D": Row(nn.GlobalAveragePooling2D, IMAGE, wrong=ROW),
    "GlobalAveragePooling3D": Row(nn.GlobalAveragePooling3D, VOLUME, wrong=ROW),
    "UpSampling1D": Row(nn.UpSampling1D, LINE, wrong=ROW, invalid={"size": 0}),
    "UpSampling2D": Row(nn.UpSampling2D, IMAGE, wrong=ROW, invalid={"interpolation": "linear"}),
    "UpSampling2D, bilinear": Row(
        lambda: nn.UpSampling2D((2, 1), interpolation="bilinear"), IMAGE, wrong=ROW, invalid={"size": (1, 2, 3)}
    ),
    "UpSampling3D": Row(lambda: nn.UpSampling3D((1, 2, 1)), VOLUME, wrong=ROW, invalid={"size": 0.5}),
    "ZeroPadding1D": Row(nn.ZeroPadding1D, LINE, wrong=ROW, invalid={"padding": -1}),
    "ZeroPadding2D": Row(lambda: nn.ZeroPadding2D(((1, 0), (2, 0))), IMAGE, wrong=ROW, invalid={"padding": (1,)}),
    "ZeroPadding3D": Row(nn.ZeroPadding3D, VOLUME, wrong=ROW, invalid={"padding": "same"}),
    "Cropping1D": Row(nn.Cropping1D, LINE, wrong=ROW, invalid={"cropping": -1}),
    "Cropping2D": Row(lambda: nn.Cropping2D(((1, 0), (0, 1))), IMAGE, wrong=ROW, invalid={"cropping": None}),
    "Cropping3D": Row(lambda: nn.Cropping3D((0, 1, 0)), VOLUME, wrong=ROW, invalid={"cropping": 0.5}),
    "Resizing": Row(lambda: nn.Resizing(3, 5), IMAGE, wrong=ROW, invalid={"interpolation": "cubic"}),
    "CenterCrop": Row(lambda: nn.CenterCrop(2, 2), IMAGE, wrong=ROW, invalid={"height": 0}),
    "BatchNormalization": Row(nn.BatchNormalization, LINE, two_forms=True, wrong=(5, 3), invalid={"momentum": 2}),
    "BatchNormalization, masked": Row(
        nn.BatchNormalization, LINE, two_forms=True, wrong=(5, 3), masked=True, invalid={"epsilon": -1}
    ),
    "LayerNormalization": Row(nn.LayerNormalization, ROW, wrong=(5,), invalid={"axis": "last"}),
    "GroupNormalization": Row(lambda: nn.GroupNormalization(2), IMAGE, wrong=(4, 3, 3), invalid={"groups": 0}),
    "RMSNormalization": Row(nn.RMSNormalization, ROW, wrong=(5,), invalid={"epsilon": "small"}),
    "UnitNormalization": Row(nn.UnitNormalization, ROW, invalid={"axis": None}),
    "LocalResponseNormalization": Row(lambda: nn.LocalResponseNormalization(0.5, n=3), ROW, invalid={"n": 2}),
    "Normalization": Row(make_adapted, ROW, wrong=(5,), invalid={"axis": "last"}),
    "Normalization, given": Row(lambda: nn.Normalization(mean=1.0, variance=4.0), ROW, invalid={"variance": -1}),
    "Rescaling": Row(lambda: nn.Rescaling(0.5, 1.0), ROW, invalid={"scale": "half"}),
    "Dropout": Row(lambda: nn.Dropout(0.5, seed=1), ROW, two_forms=True, invalid={"rate": 1}),
    "Dropout, shared": Row(lambda: nn.Dropout(0.5, (None, 1, 2)), LINE, two_forms=True, invalid={"seed": -1}),
    "SpatialDropout1D": Row(lambda: nn.SpatialDropout1D(0.5), LINE, two_forms=True, wrong=ROW, invalid={"rate": -0.1}),
    "SpatialDropout2D": Row(
        lambda: nn.SpatialDropout2D(0.5), IMAGE, two_forms=True, wrong=ROW, invalid={"rate": "half"}
    ),
    "SpatialDropout3D": Row(
        lambda: nn.SpatialDropout3D(0.5), VOLUME, two_forms=True, wrong=ROW, invalid={"rate": True}
    ),
    "AlphaDropout": Row(lambda: nn.AlphaDropout(0.5), ROW, two_forms=True, invalid={"rate": 2}),
    "GaussianDropout": Row(lambda: nn.GaussianDropout(0.5), ROW, two_forms=True, invalid={"rate": None}),
    "GaussianNoise": Row(lambda: nn.GaussianNoise(0.5), ROW, two_forms=True, invalid={"stddev": -1}),
    "Add": Row(nn.Add, [ROW, ROW, ROW], wrong=(5,)),
    "Subtract": Row(nn.Subtract, [ROW, ROW], wrong=(5,)),
    "Multiply": Row(nn.Multiply, [ROW, ROW], wrong=(5,)),
    "Average": Row(nn.Average, [ROW, ROW, ROW], wrong=(5,)),
    "Maximum": Row(nn.Maximum, [ROW, ROW], wrong=(5,)),
    "Minimum": Row(nn.Minimum, [ROW, ROW], wrong=(5,)),
    "Concatenate": Row(nn.Concatenate, [LINE, (5, 3)], wrong=(4, 3), invalid={"axis": "last"}),
    "Dot": Row(lambda: nn.Dot(1), [ROW, ROW], wrong=(5,), invalid={"axes": (1, 2, 3)}),
    "Dot, cosine": Row(lambda: nn.Dot(2, normalize=True), [LINE, (3, 2)], wrong=(5, 3), invalid={"axes": 0}),
    "Attention": Row(
        lambda: nn.Attention(True), [LINE, LINE], wrong=(5, 3), masked=True, invalid={"score_mode": "dott"}
    ),
    "Attention, causal": Row(
        lambda: nn.Attention(dropout=0.5), [LINE, LINE], two_forms=True, wrong=(5, 3), kwargs={"use_causal_mask": True}
    ),
    "AdditiveAttention": Row(nn.AdditiveAttention, [LINE, (3, 2)], wrong=(5, 3), invalid={"dropout": 1}),
    "MultiHeadAttention": Row(
        lambda: nn.MultiHeadAttention(2, 3), [LINE, LINE], wrong=(5, 3), masked=True, invalid={"num_heads": 0}
    ),
    "MultiHeadAttention, all": Row(
        lambda: nn.MultiHeadAttention(1, 2, 3, dropout=0.5, output_shape=4),
        [LINE, (3, 2), (3, 3)],
        two_forms=True,
        kwargs={"use_causal_mask": True, "return_attention_scores": True},
        invalid={"key_dim": 0},
    ),
    "GroupQueryAttention": Row(
        lambda: nn.GroupQueryAttention(2, 2, 1), [LINE, LINE], wrong=(5, 3), invalid={"num_query_heads": 0}
    ),
    "SimpleRNN": Row(lambda: nn.SimpleRNN(3, return_sequences=True), LINE, wrong=(5, 3), invalid={"units": 0}),
    "GRU": Row(lambda: nn.GRU(2, go_backwards=True), LINE, wrong=(5, 3), masked=True, invalid={"dropout": 1.0}),
    "GRU, before": Row(lambda: nn.GRU(2, reset_after=False), LINE, wrong=(5, 3), invalid={"activation": "tan"}),
    "LSTM": Row(
        lambda: nn.LSTM(2, return_state=True), LINE, wrong=(5, 3), masked=True, invalid={"kernel_constraint": "nonneg"}
    ),
    "LSTM, dropped": Row(
        lambda: nn.LSTM(2, dropout=0.5, recurrent_dropout=0.5),
        LINE,
        two_forms=True,
        wrong=(5, 3),
        invalid={"recurrent_dropout": -1},
    ),
    "RNN": Row(
        lambda: nn.RNN(Total(), return_sequences=True),
        LINE,
        wrong=ROW,
        invalid={"cell": 3},
        formula=lambda x, gain: np.cumsum(gain * np.tanh(x), axis=1),
    ),
    "Bidirectional": Row(
        lambda: nn.Bidirectional(nn.SimpleRNN(2)), LINE, wrong=(5, 3), masked=True, invalid={"merge_mode": "add"}
    ),
    "TimeDistributed": Row(lambda: nn.TimeDistributed(nn.Dense(3)), LINE, wrong=ROW, invalid={"layer": "Dense"}),
    "RandomFlip": Row(nn.RandomFlip, IMAGE, two_forms=True, wrong=ROW, invalid={"mode": "up"}),
    "RandomRotation": Row(
        lambda: nn.RandomRotation(0.2), IMAGE, two_forms=True, wrong=ROW, invalid={"fill_mode": "zero"}
    ),
    "RandomZoom": Row(lambda: nn.RandomZoom(0.3), IMAGE, two_forms=True, wrong=ROW, invalid={"height_factor": -2}),
    "RandomTranslation": Row(
        lambda: nn.RandomTranslation(0.3, 0.3), IMAGE, two_forms=True, wrong=ROW, invalid={"interpolation": "cubic"}
    ),
    "RandomCrop": Row(lambda: nn.RandomCrop(2, 2), IMAGE, two_forms=True, wrong=ROW, invalid={"width": 0}),
    "RandomContrast": Row(
        lambda: nn.RandomContrast(0.5, (-2, 2)), IMAGE, two_forms=True, wrong=ROW, invalid={"factor": "much"}
    ),
    "RandomBrightness": Row(
        lambda: nn.RandomBrightness(0.5, (-2, 2)), IMAGE, two_forms=True, wrong=ROW, invalid={"value_range": 3}
    ),
}
