"""Activations, each with ONNX's settings and defaults."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid.graph.decomposition import symbolic as P
from pellucid.graph.expr import Expr
from pellucid.interop.onnx.reader import Node, reads
from pellucid.interop.onnx.readers.elementwise import like


def number(n: Node, x: Expr, key: str, default: float) -> Any:
    """Return an attribute as a number of the dtype of an expression."""
    return like(x, n.get(key, default))


@reads("LeakyRelu")
def leaky_relu(n: Node, x: Expr) -> Any:
    """A slope on the left."""
    return P.leaky_relu(x, negative_slope=float(np.float32(n.get("alpha", 0.01))))


@reads("PRelu")
def prelu(n: Node, x: Expr, slope: Expr) -> Any:
    """A slope on the left that is learned; in old files, one for each channel."""
    if n.opset < 7 and slope.ndim == 1 and slope.shape != (1,) and x.ndim > 2:
        slope = P.expand_dims(slope, axis=tuple(range(1, x.ndim - 1)))
    return P.where(x < like(x, 0), slope * x, x)


@reads("Elu")
def elu(n: Node, x: Expr) -> Any:
    """An exponential on the left."""
    return P.relu(x) + number(n, x, "alpha", 1.0) * P.expm1(P.minimum(x, like(x, 0)))


@reads("Selu")
def selu(n: Node, x: Expr) -> Any:
    """Elu, scaled so that the variance is kept."""
    alpha, gamma = number(n, x, "alpha", 1.67326319217681884765625), number(n, x, "gamma", 1.05070102214813232421875)
    return gamma * (P.relu(x) + alpha * P.expm1(P.minimum(x, like(x, 0))))


@reads("Celu")
def celu(n: Node, x: Expr) -> Any:
    """Elu of which the slope is continuous."""
    alpha = number(n, x, "alpha", 1.0)
    return P.relu(x) + alpha * P.expm1(P.minimum(x, like(x, 0)) / alpha)


@reads("HardSigmoid")
def hard_sigmoid(n: Node, x: Expr) -> Any:
    """A sigmoid of three pieces."""
    return P.clip(number(n, x, "alpha", 0.2) * x + number(n, x, "beta", 0.5), like(x, 0), like(x, 1))


@reads("HardSwish")
def hard_swish(n: Node, x: Expr) -> Any:
    """Its input times a sigmoid of three pieces."""
    return x * P.clip(x / like(x, 6) + like(x, 0.5), like(x, 0), like(x, 1))


@reads("Swish")
def swish(n: Node, x: Expr) -> Any:
    """Its input times a sigmoid."""
    return x * P.sigmoid(number(n, x, "alpha", 1.0) * x) if n.get("alpha", 1.0) != 1 else x * P.sigmoid(x)


@reads("Mish")
def mish(n: Node, x: Expr) -> Any:
    """Its input times the tanh of a softplus."""
    return x * P.tanh(P.softplus(x))


@reads("Gelu")
def gelu(n: Node, x: Expr) -> Any:
    """Its input times the normal distribution's sum, or an approximation of that."""
    half = like(x, 0.5)
    if n.get("approximate", "none") == "tanh":
        inner = like(x, math.sqrt(2 / math.pi)) * (x + like(x, 0.044715) * x * x * x)
        return half * x * (like(x, 1) + P.tanh(inner))
    return half * (P.erfc(-(x / like(x, math.sqrt(2)))) * x)


@reads("ThresholdedRelu")
def thresholded_relu(n: Node, x: Expr) -> Any:
    """What is above a threshold."""
    return P.where(x > number(n, x, "alpha", 1.0), x, like(x, 0))


@reads("Shrink")
def shrink(n: Node, x: Expr) -> Any:
    """What is outside of a band, brought nearer to zero."""
    edge, bias, zero = number(n, x, "lambd", 0.5), number(n, x, "bias", 0.0), like(x, 0)
    return P.where(x < -edge, x + bias, P.where(x > edge, x - bias, zero))


@reads("Softmax", "LogSoftmax")
def softmax(n: Node, x: Expr) -> Any:
    """Probabilities along an axis; in old files, along all axes from that one on."""
    function = P.softmax if n.kind == "Softmax" else P.log_softmax
    if n.opset >= 13:
        return function(x, axis=int(n.get("axis", -1)))
    first = int(n.get("axis", 1)) % max(x.ndim, 1)
    return function(x, axis=tuple(range(first, x.ndim)))


@reads("Hardmax")
def hardmax(n: Node, x: Expr) -> Any:
    """One where the first of the greatest is, and zeros."""
    if n.opset < 13:
        first = int(n.get("axis", 1)) % x.ndim
        lead = math.prod(int(d) for d in x.shape[:first]) if all(isinstance(d, int) for d in x.shape[:first]) else -1
        flat = P.reshape(x, (lead, -1))
        return P.reshape_like(hot(flat, 1), x)
    return hot(x, int(n.get("axis", -1)) % x.ndim)


def hot(x: Expr, axis: int) -> Any:
    """Write ones where the first of the greatest elements along an axis are."""
    places = P.arange_like(x, axis=axis, dtype="int64")
    behind = tuple(range(1, x.ndim - axis))
    places = P.expand_dims(places, axis=behind) if behind else places
    return P.cast(P.equal(places, P.argmax(x, axis=axis, keepdims=True)), x.dtype)
