"""The table of all layers: a layer is one row, or several where its forms differ. `test_every_layer.py` tries each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import pellucid as pel
from pellucid import nn
from pellucid.nn.layers.base import Layer

Shape = tuple[int, ...]
ROW, LINE, IMAGE, VOLUME = (4,), (5, 2), (4, 3, 2), (2, 3, 2, 2)


@dataclass(frozen=True)
class Row:
    """A layer on trial.

    Attributes
    ----------
    make : function
        Makes the layer.
    shape : tuple of int, or list of them
        Of what it is called on, without the batch; a list for a layer that is called on several.
    two : bool
        Whether it is another formula in training than after it.
    wrong : tuple of int or None
        The shape of an input that does not fit, without the batch; None where every input does.
    refused : dict
        A setting that the class refuses.
    integers : int or None
        For a layer that is called on integers, how many there are.
    named : dict
        Keywords of the call.
    masked : bool
        Whether a mask of steps hangs on the first input.
    formula : function or None
        In NumPy, from the inputs and the weights to what the layer is after training; needed of a layer that has no
        case in `peers`.
    """

    make: Callable[[], Layer]
    shape: Shape | list[Shape]
    two: bool = False
    wrong: Shape | None = None
    refused: dict[str, Any] = field(default_factory=dict)
    integers: int | None = None
    named: dict[str, Any] = field(default_factory=dict)
    masked: bool = False
    formula: Callable[..., Any] | None = None

    @property
    def shapes(self) -> list[Shape]:
        """Of all inputs."""
        return self.shape if isinstance(self.shape, list) else [self.shape]


class Gated(nn.Layer):
    """A class of a few lines: half of the features, each as far as the other half lets it through."""

    def build(self, x: Any) -> None:
        self.slope = self.parameter("slope", (x.shape[-1] // 2,), nn.initializers.Constant(0.5), x)

    def call(self, x: Any) -> Any:
        a, b = pel.split(x, 2, axis=-1)
        return a * pel.sigmoid(self.slope * b)


class Total(nn.Layer):
    """A cell of a few lines: what it remembers is a sum."""

    state_size = 2

    def build(self, x: Any) -> None:
        self.gain = self.parameter("gain", (2,), nn.initializers.Constant(0.5), x)

    def call(self, x_t: Any, states: Any) -> Any:
        total = states[0] + self.gain * pel.tanh(x_t)
        return total, total


def adapted() -> Layer:
    """Return a normalization that has seen data."""
    layer = nn.Normalization()
    layer.adapt([[0.0, 1.0, 2.0, 5.0], [1.0, 3.0, -2.0, 4.0]])
    return layer


def scaled(x: Any) -> Any:
    """Return a function of a few lines, which makes a parameter."""
    return pel.tanh(x) * pel.shared([1.0, 2.0, 3.0, 4.0], "scale")


LAYERS: dict[str, Row] = {
    "Activation": Row(lambda: nn.Activation("tanh"), ROW, refused={"activation": "tanhh"}),
    "ReLU": Row(lambda: nn.ReLU(0.7, 0.1, 0.2), ROW, refused={"max_value": -1}),
    "LeakyReLU": Row(nn.LeakyReLU, ROW, refused={"negative_slope": -1}),
    "PReLU": Row(lambda: nn.PReLU("random_normal"), ROW, wrong=(5,), refused={"alpha_initializer": "zeross"}),
    "PReLU, shared": Row(lambda: nn.PReLU(shared_axes=[1]), LINE, wrong=(5, 3), refused={"shared_axes": "all"}),
    "ELU": Row(nn.ELU, ROW, refused={"alpha": "one"}),
    "Softmax": Row(nn.Softmax, ROW, refused={"axis": "last"}),
    "Maxout": Row(
        lambda: nn.Maxout(2),
        ROW,
        wrong=(5,),
        refused={"num_pieces": 0},
        formula=lambda x: np.maximum(x[:, ::2], x[:, 1::2]),
    ),
    "Maxout, axis": Row(
        lambda: nn.Maxout(3, 1),
        (6, 2),
        wrong=(5, 2),
        refused={"axis": "first"},
        formula=lambda x: np.stack([x[:, :3].max(1), x[:, 3:].max(1)], 1),
    ),
    "Identity": Row(nn.Identity, ROW),
    "Lambda": Row(
        lambda: nn.Lambda(scaled),
        ROW,
        wrong=(5,),
        refused={"function": 3},
        formula=lambda x, scale: np.tanh(x) * scale,
    ),
    "Gated": Row(Gated, ROW, formula=lambda x, slope: x[:, :2] / (1 + np.exp(-slope * x[:, 2:]))),
    "Dense": Row(lambda: nn.Dense(3, activation="tanh"), ROW, wrong=(5,), refused={"units": 0}),
    "Dense, sequence": Row(lambda: nn.Dense(3, use_bias=False), LINE, wrong=(5, 3), refused={"units": 1.5}),
    "Embedding": Row(lambda: nn.Embedding(5, 3), ROW, integers=5, refused={"input_dim": 0}),
    "Embedding, masked": Row(lambda: nn.Embedding(5, 3, mask_zero=True), ROW, integers=5, refused={"output_dim": -1}),
    "Masking": Row(nn.Masking, LINE, wrong=ROW, refused={"mask_value": "none"}),
    "Flatten": Row(nn.Flatten, LINE),
    "Reshape": Row(lambda: nn.Reshape((3, 2)), (6,), wrong=(7,), refused={"target_shape": (2, 2.5)}),
    "Permute": Row(lambda: nn.Permute((2, 1)), LINE, wrong=IMAGE, refused={"dims": (2, 2)}),
    "RepeatVector": Row(lambda: nn.RepeatVector(2), ROW, wrong=LINE, refused={"n": 0}),
    "Conv1D": Row(lambda: nn.Conv1D(3, 2), LINE, wrong=(5, 3), refused={"filters": 0}),
    "Conv1D, causal": Row(
        lambda: nn.Conv1D(2, 2, padding="causal", dilation_rate=2), LINE, wrong=(5, 3), refused={"padding": "caussal"}
    ),
    "Conv2D": Row(
        lambda: nn.Conv2D(3, 2, padding="same", activation="tanh"), IMAGE, wrong=(4, 3, 3), refused={"strides": 0}
    ),
    "Conv2D, groups": Row(lambda: nn.Conv2D(4, 2, groups=2), IMAGE, wrong=(4, 3, 3), refused={"groups": 3}),
    "Conv3D": Row(lambda: nn.Conv3D(2, (1, 2, 2)), VOLUME, wrong=(2, 3, 2, 3), refused={"kernel_size": (1, 2)}),
    "Conv1DTranspose": Row(lambda: nn.Conv1DTranspose(2, 3, 2), LINE, wrong=(5, 3), refused={"output_padding": -1}),
    "Conv2DTranspose": Row(
        lambda: nn.Conv2DTranspose(2, 2, 2, "same"), IMAGE, wrong=(4, 3, 3), refused={"kernel_size": 0}
    ),
    "Conv3DTranspose": Row(
        lambda: nn.Conv3DTranspose(2, (1, 2, 1)), VOLUME, wrong=(2, 3, 2, 3), refused={"dilation_rate": 0}
    ),
    "DepthwiseConv1D": Row(lambda: nn.DepthwiseConv1D(2), LINE, wrong=(5, 3), refused={"depth_multiplier": 0}),
    "DepthwiseConv2D": Row(lambda: nn.DepthwiseConv2D(2), IMAGE, wrong=(4, 3, 3), refused={"padding": "ful"}),
    "SeparableConv1D": Row(lambda: nn.SeparableConv1D(3, 2), LINE, wrong=(5, 3), refused={"filters": None}),
    "SeparableConv2D": Row(lambda: nn.SeparableConv2D(3, 2), IMAGE, wrong=(4, 3, 3), refused={"strides": "one"}),
    "MaxPooling1D": Row(nn.MaxPooling1D, LINE, wrong=ROW, refused={"pool_size": 0}),
    "MaxPooling2D": Row(nn.MaxPooling2D, IMAGE, wrong=ROW, refused={"padding": "no"}),
    "MaxPooling3D": Row(nn.MaxPooling3D, VOLUME, wrong=ROW, refused={"strides": -1}),
    "AveragePooling1D": Row(lambda: nn.AveragePooling1D(3, 2, "same"), LINE, wrong=ROW, refused={"pool_size": (1, 2)}),
    "AveragePooling2D": Row(nn.AveragePooling2D, IMAGE, wrong=ROW, refused={"pool_size": 1.5}),
    "AveragePooling3D": Row(nn.AveragePooling3D, VOLUME, wrong=ROW, refused={"padding": 1}),
    "GlobalMaxPooling1D": Row(nn.GlobalMaxPooling1D, LINE, wrong=ROW),
    "GlobalMaxPooling2D": Row(nn.GlobalMaxPooling2D, IMAGE, wrong=ROW),
    "GlobalMaxPooling3D": Row(lambda: nn.GlobalMaxPooling3D(True), VOLUME, wrong=ROW),
    "GlobalAveragePooling1D": Row(nn.GlobalAveragePooling1D, LINE, wrong=ROW, masked=True),
    "GlobalAveragePooling2D": Row(nn.GlobalAveragePooling2D, IMAGE, wrong=ROW),
    "GlobalAveragePooling3D": Row(nn.GlobalAveragePooling3D, VOLUME, wrong=ROW),
    "UpSampling1D": Row(nn.UpSampling1D, LINE, wrong=ROW, refused={"size": 0}),
    "UpSampling2D": Row(nn.UpSampling2D, IMAGE, wrong=ROW, refused={"interpolation": "linear"}),
    "UpSampling2D, bilinear": Row(
        lambda: nn.UpSampling2D((2, 1), interpolation="bilinear"), IMAGE, wrong=ROW, refused={"size": (1, 2, 3)}
    ),
    "UpSampling3D": Row(lambda: nn.UpSampling3D((1, 2, 1)), VOLUME, wrong=ROW, refused={"size": 0.5}),
    "ZeroPadding1D": Row(nn.ZeroPadding1D, LINE, wrong=ROW, refused={"padding": -1}),
    "ZeroPadding2D": Row(lambda: nn.ZeroPadding2D(((1, 0), (2, 0))), IMAGE, wrong=ROW, refused={"padding": (1,)}),
    "ZeroPadding3D": Row(nn.ZeroPadding3D, VOLUME, wrong=ROW, refused={"padding": "same"}),
    "Cropping1D": Row(nn.Cropping1D, LINE, wrong=ROW, refused={"cropping": -1}),
    "Cropping2D": Row(lambda: nn.Cropping2D(((1, 0), (0, 1))), IMAGE, wrong=ROW, refused={"cropping": None}),
    "Cropping3D": Row(lambda: nn.Cropping3D((0, 1, 0)), VOLUME, wrong=ROW, refused={"cropping": 0.5}),
    "Resizing": Row(lambda: nn.Resizing(3, 5), IMAGE, wrong=ROW, refused={"interpolation": "cubic"}),
    "CenterCrop": Row(lambda: nn.CenterCrop(2, 2), IMAGE, wrong=ROW, refused={"height": 0}),
    "BatchNormalization": Row(nn.BatchNormalization, LINE, two=True, wrong=(5, 3), refused={"momentum": 2}),
    "BatchNormalization, masked": Row(
        nn.BatchNormalization, LINE, two=True, wrong=(5, 3), masked=True, refused={"epsilon": -1}
    ),
    "LayerNormalization": Row(nn.LayerNormalization, ROW, wrong=(5,), refused={"axis": "last"}),
    "GroupNormalization": Row(lambda: nn.GroupNormalization(2), IMAGE, wrong=(4, 3, 3), refused={"groups": 0}),
    "RMSNormalization": Row(nn.RMSNormalization, ROW, wrong=(5,), refused={"epsilon": "small"}),
    "UnitNormalization": Row(nn.UnitNormalization, ROW, refused={"axis": None}),
    "LocalResponseNormalization": Row(lambda: nn.LocalResponseNormalization(0.5, n=3), ROW, refused={"n": 2}),
    "Normalization": Row(adapted, ROW, wrong=(5,), refused={"axis": "last"}),
    "Normalization, given": Row(lambda: nn.Normalization(mean=1.0, variance=4.0), ROW, refused={"variance": -1}),
    "Rescaling": Row(lambda: nn.Rescaling(0.5, 1.0), ROW, refused={"scale": "half"}),
    "Dropout": Row(lambda: nn.Dropout(0.5, seed=1), ROW, two=True, refused={"rate": 1}),
    "Dropout, shared": Row(lambda: nn.Dropout(0.5, (None, 1, 2)), LINE, two=True, refused={"seed": -1}),
    "SpatialDropout1D": Row(lambda: nn.SpatialDropout1D(0.5), LINE, two=True, wrong=ROW, refused={"rate": -0.1}),
    "SpatialDropout2D": Row(lambda: nn.SpatialDropout2D(0.5), IMAGE, two=True, wrong=ROW, refused={"rate": "half"}),
    "SpatialDropout3D": Row(lambda: nn.SpatialDropout3D(0.5), VOLUME, two=True, wrong=ROW, refused={"rate": True}),
    "AlphaDropout": Row(lambda: nn.AlphaDropout(0.5), ROW, two=True, refused={"rate": 2}),
    "GaussianDropout": Row(lambda: nn.GaussianDropout(0.5), ROW, two=True, refused={"rate": None}),
    "GaussianNoise": Row(lambda: nn.GaussianNoise(0.5), ROW, two=True, refused={"stddev": -1}),
    "Add": Row(nn.Add, [ROW, ROW, ROW], wrong=(5,)),
    "Subtract": Row(nn.Subtract, [ROW, ROW], wrong=(5,)),
    "Multiply": Row(nn.Multiply, [ROW, ROW], wrong=(5,)),
    "Average": Row(nn.Average, [ROW, ROW, ROW], wrong=(5,)),
    "Maximum": Row(nn.Maximum, [ROW, ROW], wrong=(5,)),
    "Minimum": Row(nn.Minimum, [ROW, ROW], wrong=(5,)),
    "Concatenate": Row(nn.Concatenate, [LINE, (5, 3)], wrong=(4, 3), refused={"axis": "last"}),
    "Dot": Row(lambda: nn.Dot(1), [ROW, ROW], wrong=(5,), refused={"axes": (1, 2, 3)}),
    "Dot, cosine": Row(lambda: nn.Dot(2, normalize=True), [LINE, (3, 2)], wrong=(5, 3), refused={"axes": 0}),
    "Attention": Row(
        lambda: nn.Attention(True), [LINE, LINE], wrong=(5, 3), masked=True, refused={"score_mode": "dott"}
    ),
    "Attention, causal": Row(
        lambda: nn.Attention(dropout=0.5), [LINE, LINE], two=True, wrong=(5, 3), named={"use_causal_mask": True}
    ),
    "AdditiveAttention": Row(nn.AdditiveAttention, [LINE, (3, 2)], wrong=(5, 3), refused={"dropout": 1}),
    "MultiHeadAttention": Row(
        lambda: nn.MultiHeadAttention(2, 3), [LINE, LINE], wrong=(5, 3), masked=True, refused={"num_heads": 0}
    ),
    "MultiHeadAttention, all": Row(
        lambda: nn.MultiHeadAttention(1, 2, 3, dropout=0.5, output_shape=4),
        [LINE, (3, 2), (3, 3)],
        two=True,
        named={"use_causal_mask": True, "return_attention_scores": True},
        refused={"key_dim": 0},
    ),
    "GroupQueryAttention": Row(
        lambda: nn.GroupQueryAttention(2, 2, 1), [LINE, LINE], wrong=(5, 3), refused={"num_query_heads": 0}
    ),
    "SimpleRNN": Row(lambda: nn.SimpleRNN(3, return_sequences=True), LINE, wrong=(5, 3), refused={"units": 0}),
    "GRU": Row(lambda: nn.GRU(2, go_backwards=True), LINE, wrong=(5, 3), masked=True, refused={"dropout": 1.0}),
    "GRU, before": Row(lambda: nn.GRU(2, reset_after=False), LINE, wrong=(5, 3), refused={"activation": "tan"}),
    "LSTM": Row(
        lambda: nn.LSTM(2, return_state=True), LINE, wrong=(5, 3), masked=True, refused={"kernel_constraint": "nonneg"}
    ),
    "LSTM, dropped": Row(
        lambda: nn.LSTM(2, dropout=0.5, recurrent_dropout=0.5),
        LINE,
        two=True,
        wrong=(5, 3),
        refused={"recurrent_dropout": -1},
    ),
    "RNN": Row(
        lambda: nn.RNN(Total(), return_sequences=True),
        LINE,
        wrong=ROW,
        refused={"cell": 3},
        formula=lambda x, gain: np.cumsum(gain * np.tanh(x), axis=1),
    ),
    "Bidirectional": Row(
        lambda: nn.Bidirectional(nn.SimpleRNN(2)), LINE, wrong=(5, 3), masked=True, refused={"merge_mode": "add"}
    ),
    "TimeDistributed": Row(lambda: nn.TimeDistributed(nn.Dense(3)), LINE, wrong=ROW, refused={"layer": "Dense"}),
    "RandomFlip": Row(nn.RandomFlip, IMAGE, two=True, wrong=ROW, refused={"mode": "up"}),
    "RandomRotation": Row(lambda: nn.RandomRotation(0.2), IMAGE, two=True, wrong=ROW, refused={"fill_mode": "zero"}),
    "RandomZoom": Row(lambda: nn.RandomZoom(0.3), IMAGE, two=True, wrong=ROW, refused={"height_factor": -2}),
    "RandomTranslation": Row(
        lambda: nn.RandomTranslation(0.3, 0.3), IMAGE, two=True, wrong=ROW, refused={"interpolation": "cubic"}
    ),
    "RandomCrop": Row(lambda: nn.RandomCrop(2, 2), IMAGE, two=True, wrong=ROW, refused={"width": 0}),
    "RandomContrast": Row(
        lambda: nn.RandomContrast(0.5, (-2, 2)), IMAGE, two=True, wrong=ROW, refused={"factor": "much"}
    ),
    "RandomBrightness": Row(
        lambda: nn.RandomBrightness(0.5, (-2, 2)), IMAGE, two=True, wrong=ROW, refused={"value_range": 3}
    ),
}
