"""Readers of activation functions."""

from __future__ import annotations

import math

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.interop.onnx.reader import OnnxNode, reads
from pellucid.interop.onnx.readers.elementwise import add_axes, like, number
from pellucid.interop.onnx.readers.shapes import flatten
from pellucid.interop.onnx.symbolic import P


@reads("LeakyRelu")
def leaky_relu(n: OnnxNode, x: Expr) -> Expr:
    return P.leaky_relu(x, negative_slope=float(np.float32(n.get("alpha", 0.01))))


@reads("PRelu")
def prelu(n: OnnxNode, x: Expr, slope: Expr) -> Expr:
    """Leaky ReLU with a learned slope; before opset 7 the slope is per channel."""
    if n.opset < 7 and slope.ndim == 1 and slope.shape != (1,) and x.ndim > 2:
        slope = P.expand_dims(slope, axis=tuple(range(1, x.ndim - 1)))
    return P.where(x < like(x, 0), slope * x, x)


@reads("Elu")
def elu(n: OnnxNode, x: Expr) -> Expr:
    return P.relu(x) + number(n, x, "alpha", 1.0) * P.expm1(P.minimum(x, like(x, 0)))


@reads("Selu")
def selu(n: OnnxNode, x: Expr) -> Expr:
    alpha, gamma = number(n, x, "alpha", 1.67326319217681884765625), number(n, x, "gamma", 1.05070102214813232421875)
    return gamma * (P.relu(x) + alpha * P.expm1(P.minimum(x, like(x, 0))))


@reads("Celu")
def celu(n: OnnxNode, x: Expr) -> Expr:
    alpha = number(n, x, "alpha", 1.0)
    return P.relu(x) + alpha * P.expm1(P.minimum(x, like(x, 0)) / alpha)


@reads("HardSigmoid")
def hard_sigmoid(n: OnnxNode, x: Expr) -> Expr:
    return P.clip(number(n, x, "alpha", 0.2) * x + number(n, x, "beta", 0.5), like(x, 0), like(x, 1))


@reads("HardSwish")
def hard_swish(n: OnnxNode, x: Expr) -> Expr:
    return x * P.clip(x / like(x, 6) + like(x, 0.5), like(x, 0), like(x, 1))


@reads("Swish")
def swish(n: OnnxNode, x: Expr) -> Expr:
    return x * P.sigmoid(x if n.get("alpha", 1.0) == 1 else number(n, x, "alpha", 1.0) * x)


@reads("Mish")
def mish(n: OnnxNode, x: Expr) -> Expr:
    return x * P.tanh(P.softplus(x))


@reads("Gelu")
def gelu(n: OnnxNode, x: Expr) -> Expr:
    half = like(x, 0.5)
    if n.get("approximate", "none") == "tanh":
        inner = like(x, math.sqrt(2 / math.pi)) * (x + like(x, 0.044715) * x * x * x)
        return half * x * (like(x, 1) + P.tanh(inner))
    return half * (P.erfc(-(x / like(x, math.sqrt(2)))) * x)


@reads("ThresholdedRelu")
def thresholded_relu(n: OnnxNode, x: Expr) -> Expr:
    return P.where(x > number(n, x, "alpha", 1.0), x, like(x, 0))


@reads("Shrink")
def shrink(n: OnnxNode, x: Expr) -> Expr:
    edge, bias = number(n, x, "lambd", 0.5), number(n, x, "bias", 0.0)
    return P.where(x < -edge, x + bias, P.where(x > edge, x - bias, like(x, 0)))


@reads("Softmax", "LogSoftmax")
def softmax(n: OnnxNode, x: Expr) -> Expr:
    """Softmax along an axis; before opset 13 over that axis and all later ones."""
    function = P.softmax if n.kind == "Softmax" else P.log_softmax
    if n.opset >= 13:
        return function(x, axis=int(n.get("axis", -1)))
    first = int(n.get("axis", 1)) % max(x.ndim, 1)
    return function(x, axis=tuple(range(first, x.ndim)))


@reads("Hardmax")
def hardmax(n: OnnxNode, x: Expr) -> Expr:
    """One-hot encoding of the first maximum."""
    if n.opset < 13:
        return P.reshape_like(one_hot_argmax(flatten(n, x), 1), x)
    return one_hot_argmax(x, int(n.get("axis", -1)) % x.ndim)


def one_hot_argmax(x: Expr, axis: int) -> Expr:
    """Return ones at the first maximum along an axis, and zeros elsewhere."""
    places = P.arange_like(x, axis=axis, dtype="int64")
    return P.cast(P.equal(add_axes(places, range(1, x.ndim - axis)), P.argmax(x, axis=axis, keepdims=True)), x.dtype)
