"""Readers of normalization operators."""

from __future__ import annotations

import numpy as np

from pellucid.graph.expr import Expr, Shared
from pellucid.interop.onnx.layout import channels_first, channels_last
from pellucid.interop.onnx.reader import OnnxNode, reads
from pellucid.interop.onnx.readers.elementwise import like
from pellucid.interop.onnx.symbolic import P


def get_epsilon(n: OnnxNode) -> float:
    """Return epsilon, rounded to float32 as in the file."""
    return float(np.float32(n.get("epsilon", 1e-5)))


@reads("BatchNormalization")
def batch_normalization(n: OnnxNode, x: Expr, scale: Expr, bias: Expr, mean: Expr, variance: Expr) -> Expr | list[Expr]:
    """Batch normalization by stored statistics, or in training mode by those of the batch."""
    last = channels_last(x) if x.ndim > 2 else x
    if n.get("training_mode", 0) and n.opset >= 14:
        return normalize_by_batch(n, x, last, scale, bias, mean, variance)
    for parameter in (mean, variance):
        if isinstance(parameter, Shared):
            parameter.trainable = parameter.trainable_by_default = False
    result = scale * ((last - mean) / P.sqrt(variance + like(variance, get_epsilon(n)))) + bias
    result = result if result.dtype == x.dtype else P.cast(result, x.dtype)
    return channels_first(result) if x.ndim > 2 else result


def normalize_by_batch(
    n: OnnxNode, x: Expr, last: Expr, scale: Expr, bias: Expr, mean: Expr, variance: Expr
) -> list[Expr]:
    """Normalize by batch statistics, and update the running ones."""
    over = tuple(range(last.ndim - 1))
    batch_mean, spread = P.mean(last, axis=over), P.var(last, axis=over)
    result = scale * ((last - batch_mean) / P.sqrt(spread + like(spread, get_epsilon(n)))) + bias
    keep = np.float32(n.get("momentum", 0.9))
    pairs = ((mean, batch_mean), (variance, spread))
    running = [old * like(old, keep) + new * like(old, 1 - keep) for old, new in pairs]
    return [channels_first(result) if x.ndim > 2 else result, *running]


@reads("InstanceNormalization")
def instance_normalization(n: OnnxNode, x: Expr, scale: Expr, bias: Expr) -> Expr:
    last = channels_last(x)
    result = scale * P.standardize(last, axis=tuple(range(1, x.ndim - 1)), epsilon=get_epsilon(n)) + bias
    return channels_first(result)


@reads("GroupNormalization")
def group_normalization(n: OnnxNode, x: Expr, scale: Expr, bias: Expr) -> Expr:
    groups, (batch, channels, *spatial) = int(n.require("num_groups")), x.shape
    (count,) = n.require_known([channels], "the number of channels")
    wide = P.reshape(x, (batch, groups, count // groups, *spatial))
    result = P.standardize(wide, axis=tuple(range(2, wide.ndim)), epsilon=get_epsilon(n))
    if n.opset < 21:  # scale and bias have one element per group
        per_group = (slice(None), *(None,) * (wide.ndim - 2))
        return P.reshape_like(scale[per_group] * result + bias[per_group], x)
    last = channels_last(P.reshape_like(result, x))
    return channels_first(scale * last + bias)


@reads("LayerNormalization")
def layer_normalization(n: OnnxNode, x: Expr, scale: Expr, bias: Expr | None = None) -> Expr | list[Expr]:
    """Layer normalization, with the mean and the inverse standard deviation as further outputs."""
    axes = tuple(range(int(n.get("axis", -1)) % x.ndim, x.ndim))
    wide = P.cast(x, "float32") if x.dtype.itemsize < 4 else x
    result = P.standardize(wide, axis=axes, epsilon=get_epsilon(n))
    result = result if result.dtype == x.dtype else P.cast(result, x.dtype)
    result = scale * result
    result = result if bias is None else result + bias
    if len(n.outputs) == 1:
        return result
    mean = P.mean(wide, axis=axes, keepdims=True)
    spread = P.var(wide, axis=axes, keepdims=True)
    return [result, mean, like(wide, 1) / P.sqrt(spread + like(wide, get_epsilon(n)))]


@reads("RMSNormalization")
def rms_normalization(n: OnnxNode, x: Expr, scale: Expr) -> Expr:
    axes = tuple(range(int(n.get("axis", -1)) % x.ndim, x.ndim))
    wide = P.cast(x, "float32") if x.dtype.itemsize < 4 else x
    result = P.rms_normalize(wide, axis=axes, epsilon=get_epsilon(n))
    return P.cast(result, scale.dtype) * scale if result.dtype != scale.dtype else result * scale


@reads("LpNormalization")
def lp_normalization(n: OnnxNode, x: Expr) -> Expr:
    """Division by the L1 or L2 norm; zeros remain zeros."""
    axis, p = int(n.get("axis", -1)), int(n.get("p", 2))
    total = P.sum(abs(x), axis=axis, keepdims=True) if p == 1 else P.sqrt(P.sum(x * x, axis=axis, keepdims=True))
    return P.divide_no_nan(x, total)


@reads("LRN")
def lrn(n: OnnxNode, x: Expr) -> Expr:
    """Local response normalization across channels."""
    size = int(n.require("size"))
    alpha, beta, bias = (float(np.float32(n.get(k, d))) for k, d in (("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0)))
    (channels,) = n.require_known([x.shape[1]], "the number of channels")
    # At most `channels` neighbors exist on each side.
    before, after = (min(reach, channels) for reach in ((size - 1) // 2, size - 1 - (size - 1) // 2))
    padded = P.pad(x * x, [(0, 0), (before, after), *[(0, 0)] * (x.ndim - 2)])
    parts = [padded[:, i : i + channels] for i in range(before + after + 1)]
    total = sum(parts[1:], parts[0])
    return x / (like(x, bias) + like(x, alpha / size) * total) ** like(x, beta)


@reads("MeanVarianceNormalization")
def mean_variance_normalization(n: OnnxNode, x: Expr) -> Expr:
    axes = tuple(int(a) % x.ndim for a in n.get("axes", [0, 2, 3]))
    centered = x - P.mean(x, axis=axes, keepdims=True)
    return centered / (P.sqrt(P.mean(centered * centered, axis=axes, keepdims=True)) + like(x, 1e-9))
