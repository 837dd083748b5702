"""Normalizations."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.decomposition import symbolic as P
from pellucid.graph.expr import Expr, Shared
from pellucid.graph.types import is_float
from pellucid.interop.onnx.layout import channels_first, channels_last
from pellucid.interop.onnx.reader import Node, reads
from pellucid.interop.onnx.readers.elementwise import like


def epsilon_of(n: Node, default: float = 1e-5) -> float:
    """Return what keeps a deviation away from zero; the file has it in float32."""
    return float(np.float32(n.get("epsilon", default)))


@reads("BatchNormalization")
def batch_normalization(n: Node, x: Expr, scale: Expr, bias: Expr, mean: Expr, variance: Expr) -> Any:
    """By means and variances that the file has; in training, by those of the batch, with new running ones."""
    last = channels_last(x) if x.ndim > 2 else x
    if n.get("training_mode", 0) and n.opset >= 14:
        return in_training(n, x, last, scale, bias, mean, variance)
    for parameter in (mean, variance):
        if isinstance(parameter, Shared):
            parameter.trainable = parameter.learns = False
    made = (last - mean) / P.sqrt(variance + like(variance, epsilon_of(n)))
    made = scale * made + bias
    made = made if made.dtype == x.dtype else P.cast(made, x.dtype)
    return channels_first(made) if x.ndim > 2 else made


def in_training(n: Node, x: Expr, last: Expr, scale: Expr, bias: Expr, mean: Expr, variance: Expr) -> Any:
    """Normalize by the batch, and move the running averages on."""
    over = tuple(range(last.ndim - 1))
    own, spread = P.mean(last, axis=over), P.var(last, axis=over)
    made = scale * ((last - own) / P.sqrt(spread + like(spread, epsilon_of(n)))) + bias
    keep = np.float32(n.get("momentum", 0.9))
    moved = [old * like(old, keep) + new * like(old, 1 - keep) for old, new in ((mean, own), (variance, spread))]
    return [channels_first(made) if x.ndim > 2 else made, *moved]


@reads("InstanceNormalization")
def instance_normalization(n: Node, x: Expr, scale: Expr, bias: Expr) -> Any:
    """Each channel of each sample by itself."""
    last = channels_last(x)
    made = scale * P.standardize(last, axis=tuple(range(1, x.ndim - 1)), epsilon=epsilon_of(n)) + bias
    return channels_first(made)


@reads("GroupNormalization")
def group_normalization(n: Node, x: Expr, scale: Expr, bias: Expr) -> Any:
    """Groups of channels of each sample by themselves."""
    groups, (batch, channels, *spatial) = int(n.needs("num_groups")), x.shape
    wide = P.reshape(x, (batch, groups, int(channels) // groups, *spatial))
    made = P.standardize(wide, axis=tuple(range(2, wide.ndim)), epsilon=epsilon_of(n))
    if n.opset < 21:  # one number a group, then
        own = (slice(None), *(None,) * (wide.ndim - 2))
        return P.reshape_like(scale[own] * made + bias[own], x)
    last = channels_last(P.reshape_like(made, x))
    return channels_first(scale * last + bias)


@reads("LayerNormalization")
def layer_normalization(n: Node, x: Expr, scale: Expr, bias: Expr | None = None) -> Any:
    """The last axes of each sample by themselves, with the mean and the reciprocal of the deviation."""
    axes = tuple(range(int(n.get("axis", -1)) % x.ndim, x.ndim))
    wide = P.cast(x, "float32") if x.dtype.itemsize < 4 else x
    made = P.standardize(wide, axis=axes, epsilon=epsilon_of(n))
    made = made if made.dtype == x.dtype else P.cast(made, x.dtype)
    made = scale * made
    made = made if bias is None else made + bias
    if len(n.outputs) == 1:
        return made
    mean = P.mean(wide, axis=axes, keepdims=True)
    spread = P.var(wide, axis=axes, keepdims=True)
    return [made, mean, like(wide, 1) / P.sqrt(spread + like(wide, epsilon_of(n)))]


@reads("RMSNormalization")
def rms_normalization(n: Node, x: Expr, scale: Expr) -> Any:
    """The last axes of each sample by their root mean square."""
    axes = tuple(range(int(n.get("axis", -1)) % x.ndim, x.ndim))
    wide = P.cast(x, "float32") if x.dtype.itemsize < 4 else x
    made = P.rms_normalize(wide, axis=axes, epsilon=epsilon_of(n))
    return P.cast(made, scale.dtype) * scale if made.dtype != scale.dtype else made * scale


@reads("LpNormalization")
def lp_normalization(n: Node, x: Expr) -> Any:
    """By the sum of sizes or the root of the sum of squares; zeros stay zeros."""
    axis, p = int(n.get("axis", -1)), int(n.get("p", 2))
    total = P.sum(abs(x), axis=axis, keepdims=True) if p == 1 else P.sqrt(P.sum(x * x, axis=axis, keepdims=True))
    return P.divide_no_nan(x, total)


@reads("LRN")
def lrn(n: Node, x: Expr) -> Any:
    """Each channel by the squares of its neighbours."""
    size = int(n.needs("size"))
    alpha, beta, bias = (float(np.float32(n.get(k, d))) for k, d in (("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0)))
    squares = x * x
    channels = x.shape[1]
    if not isinstance(channels, int):
        raise n.error(f"the number of channels is not known: {x.type}")
    # Beyond as many neighbours as there are channels, all are none.
    before, after = (min(reach, channels) for reach in ((size - 1) // 2, size - 1 - (size - 1) // 2))
    padded = P.pad(squares, [(0, 0), (before, after), *[(0, 0)] * (x.ndim - 2)])
    parts = [padded[:, i : i + channels] for i in range(before + after + 1)]
    total = sum(parts[1:], parts[0])
    return x / (like(x, bias) + like(x, alpha / size) * total) ** like(x, beta)


@reads("MeanVarianceNormalization")
def mean_variance_normalization(n: Node, x: Expr) -> Any:
    """To mean 0 and variance 1 over some axes."""
    axes = tuple(int(a) % x.ndim for a in n.get("axes", [0, 2, 3]))
    centred = x - P.mean(x, axis=axes, keepdims=True)
    spread = P.sqrt(P.mean(centred * centred, axis=axes, keepdims=True))
    assert is_float(x.dtype)
    return centred / (spread + like(x, 1e-9))
