"""Readers of Fourier transforms, computed as products with matrices of sines and cosines."""

from __future__ import annotations

import numpy as np

from pellucid.graph.expr import Expr, constant
from pellucid.interop.onnx.reader import OnnxNode, reads
from pellucid.interop.onnx.symbolic import P
from pellucid.interop.onnx.tensors import to_dtype
from pellucid.typing import DTypeLike


def make_waves(old: int, new: int, dtype: DTypeLike, sign: float) -> tuple[Expr, Expr]:
    """Return the cosines and sines of every frequency at every sample, (samples, frequencies)."""
    angle = 2 * np.pi * np.outer(np.arange(old), np.arange(new)) / new
    return constant(np.cos(angle).astype(dtype)), constant((sign * np.sin(angle)).astype(dtype))


def multiply_axis(x: Expr, axis: int, matrix: Expr) -> Expr:
    return P.moveaxis(P.moveaxis(x, axis, -1) @ matrix, -1, axis)


def transform_axis(n: OnnxNode, x: Expr, axis: int, length: int, inverse: bool, onesided: bool) -> Expr:
    """Transform an axis. The last axis holds the real part and, if it has size 2, the imaginary part."""
    size = x.shape[axis]
    assert isinstance(size, int)
    x = x[(*(slice(None),) * axis, slice(0, min(size, length)))]
    n.spend(2 * min(size, length) * max(length, 1), "the matrices of the transform")
    cosines, sines = make_waves(min(size, length), length, x.dtype, 1.0 if inverse else -1.0)
    real, imaginary = x[..., 0], x[..., 1] if x.shape[-1] == 2 else None
    parts = [multiply_axis(real, axis, cosines), multiply_axis(real, axis, sines)]
    if imaginary is not None:
        parts = [parts[0] - multiply_axis(imaginary, axis, sines), parts[1] + multiply_axis(imaginary, axis, cosines)]
    result = P.stack(parts, axis=-1)
    result = result / constant(np.asarray(length, x.dtype)) if inverse else result
    return result[(*(slice(None),) * axis, slice(0, length // 2 + 1))] if onesided else result


@reads("DFT")
def dft(n: OnnxNode, x: Expr, *others: Expr) -> Expr:
    """Discrete Fourier transform along an axis, its inverse, or its one-sided half."""
    axis = int(n.get("axis", 1)) if n.opset < 20 else int(n.get_constant(2, -2).ravel()[0])
    axis = axis % x.ndim
    inverse, onesided = bool(n.get("inverse", 0)), bool(n.get("onesided", 0))
    (size,) = n.require_known([x.shape[axis]], f"the size of axis {axis}")
    length = size if n.input(1) is None else int(n.get_constant(1).ravel()[0])
    if inverse and onesided:
        return invert_onesided(n, x, axis, length if n.input(1) is not None else 2 * (size - 1))
    return transform_axis(n, x, axis, length, inverse, onesided)


def invert_onesided(n: OnnxNode, x: Expr, axis: int, length: int) -> Expr:
    """Return the real signal of a one-sided transform, whose other half is the mirrored conjugate."""
    size = x.shape[axis]
    assert isinstance(size, int)
    mirrored = P.flip(x[(*(slice(None),) * axis, slice(1, length - size + 1))], axis=axis)
    conjugate = P.stack([mirrored[..., 0], -mirrored[..., 1]], axis=-1)
    return transform_axis(n, P.concatenate([x, conjugate], axis=axis), axis, length, True, False)[..., :1]


@reads("STFT")
def stft(n: OnnxNode, signal: Expr, step: Expr, window: Expr | None = None, length: Expr | None = None) -> Expr:
    hop = int(n.get_constant(1).ravel()[0])
    if length is not None:
        size = int(n.get_constant(3).ravel()[0])
    elif window is not None and isinstance(window.shape[0], int):
        size = window.shape[0]
    else:
        raise n.error("the frame length must be known: pass frame_length, or a window of known size")
    (total,) = n.require_known(signal.shape[1:2], "the length of the signal")
    n.spend(total * size, "the frames")
    starts = np.arange(0, total - size + 1, hop)
    frames = signal[:, starts[:, None] + np.arange(size)[None]]
    frames = frames if window is None else frames * window[:, None]
    return transform_axis(n, frames, 2, size, False, bool(n.get("onesided", 1)))


@reads("MelWeightMatrix")
def mel_weight_matrix(n: OnnxNode, *inputs: Expr) -> Expr:
    """Triangular filters with equal widths on the mel scale."""
    bins, size, rate = (int(n.get_constant(i).ravel()[0]) for i in range(3))
    low, high = (float(n.get_constant(i).ravel()[0]) for i in (3, 4))
    n.spend((max(bins, 0) + 2) * (max(size, 0) // 2 + 1), "the matrix")
    edges = np.arange(bins + 2, dtype=np.float64)
    lowest, highest = (2595 * np.log10(1 + f / 700) for f in (low, high))
    pitches = edges * ((highest - lowest) / (bins + 2)) + lowest
    places = np.floor((size + 1) * 700 * (10 ** (pitches / 2595) - 1) / rate).astype(int)
    result = np.zeros((size // 2 + 1, bins), np.float64)
    for i in range(bins):
        left, middle, right = places[i], places[i + 1], places[i + 2]
        if middle == left:
            result[middle, i] = 1
        else:
            result[left : middle + 1, i] = (np.arange(left, middle + 1) - left) / (middle - left)
        if right > middle:
            result[middle:right, i] = (right - np.arange(middle, right)) / (right - middle)
    return constant(result.astype(to_dtype(n.get("output_datatype", 1), f"{n.reader.file}: {n}")))
