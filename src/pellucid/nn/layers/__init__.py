"""Layers: objects called on expressions, one family a file."""

from pellucid.nn.layers.activation import Activation
from pellucid.nn.layers.activation_layers import ELU, LeakyReLU, PReLU, ReLU
from pellucid.nn.layers.attention import AdditiveAttention, Attention
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.batch_normalization import BatchNormalization
from pellucid.nn.layers.competing import Maxout, Softmax
from pellucid.nn.layers.convolution import Conv1D, Conv2D, Conv3D
from pellucid.nn.layers.convolution_transpose import Conv1DTranspose, Conv2DTranspose, Conv3DTranspose
from pellucid.nn.layers.dense import Dense
from pellucid.nn.layers.depthwise import DepthwiseConv1D, DepthwiseConv2D
from pellucid.nn.layers.dropout import AlphaDropout, Dropout, SpatialDropout1D, SpatialDropout2D, SpatialDropout3D
from pellucid.nn.layers.embedding import Embedding
from pellucid.nn.layers.global_pooling import (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GlobalMaxPooling3D,
)
from pellucid.nn.layers.input import Input
from pellucid.nn.layers.lambda_layer import Lambda
from pellucid.nn.layers.masking import Masking
from pellucid.nn.layers.merging import Add, Average, Concatenate, Dot, Maximum, Minimum, Multiply, Subtract
from pellucid.nn.layers.multi_head_attention import GroupQueryAttention, MultiHeadAttention
from pellucid.nn.layers.noise import GaussianDropout, GaussianNoise
from pellucid.nn.layers.normalization import (
    GroupNormalization,
    LayerNormalization,
    LocalResponseNormalization,
    RMSNormalization,
    UnitNormalization,
)
from pellucid.nn.layers.padding import Cropping1D, Cropping2D, Cropping3D, ZeroPadding1D, ZeroPadding2D, ZeroPadding3D
from pellucid.nn.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
)
from pellucid.nn.layers.random_affine import RandomRotation, RandomTranslation, RandomZoom
from pellucid.nn.layers.random_images import RandomBrightness, RandomContrast, RandomCrop, RandomFlip
from pellucid.nn.layers.recurrent import RNN
from pellucid.nn.layers.recurrent_gates import GRU, LSTM
from pellucid.nn.layers.recurrent_units import SimpleRNN
from pellucid.nn.layers.rescaling import Normalization, Rescaling
from pellucid.nn.layers.resizing import CenterCrop, Resizing, UpSampling1D, UpSampling2D, UpSampling3D
from pellucid.nn.layers.separable import SeparableConv1D, SeparableConv2D
from pellucid.nn.layers.shape import Flatten, Reshape
from pellucid.nn.layers.shaping import Identity, Permute, RepeatVector
from pellucid.nn.layers.wrappers import Bidirectional, TimeDistributed

__all__ = [
    "ELU",
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "Add",
    "AdditiveAttention",
    "AlphaDropout",
    "Attention",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "BatchNormalization",
    "Bidirectional",
    "CenterCrop",
    "Concatenate",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "Dense",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Dot",
    "Dropout",
    "Embedding",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "GroupNormalization",
    "GroupQueryAttention",
    "Identity",
    "Input",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "LocalResponseNormalization",
    "Masking",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "Maximum",
    "Maxout",
    "Minimum",
    "MultiHeadAttention",
    "Multiply",
    "Normalization",
    "PReLU",
    "Permute",
    "RMSNormalization",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "Resizing",
    "SeparableConv1D",
    "SeparableConv2D",
    "SimpleRNN",
    "Softmax",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "Subtract",
    "TimeDistributed",
    "UnitNormalization",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
]
