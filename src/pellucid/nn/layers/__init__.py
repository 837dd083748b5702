"""Layers: objects called on expressions, one family a file."""

from pellucid.nn.layers.activation import Activation
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.convolution import Conv2D
from pellucid.nn.layers.dense import Dense
from pellucid.nn.layers.dropout import Dropout
from pellucid.nn.layers.input import Input
from pellucid.nn.layers.pooling import MaxPooling2D
from pellucid.nn.layers.recurrent import SimpleRNN
from pellucid.nn.layers.shape import Flatten, Reshape

__all__ = [
    "Activation",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "Input",
    "Layer",
    "MaxPooling2D",
    "Reshape",
    "SimpleRNN",
]
