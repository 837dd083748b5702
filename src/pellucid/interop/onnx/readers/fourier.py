"""Fourier transforms, as products with matrices of sines and cosines."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.decomposition import symbolic as P
from pellucid.graph.expr import Expr, constant
from pellucid.interop.onnx.dtypes import dtype_of
from pellucid.interop.onnx.reader import Node, reads


def waves(old: int, new: int, dtype: Any, sign: float) -> tuple[Any, Any]:
    """Return cosines and sines of every frequency at every place, (places, frequencies)."""
    angle = 2 * np.pi * np.outer(np.arange(old), np.arange(new)) / new
    return constant(np.cos(angle).astype(dtype)), constant((sign * np.sin(angle)).astype(dtype))


def along(x: Any, axis: int, matrix: Any) -> Any:
    """Multiply an axis by a matrix."""
    return P.moveaxis(P.moveaxis(x, axis, -1) @ matrix, -1, axis)


def transformed(x: Expr, axis: int, length: int, inverse: bool, onesided: bool) -> Any:
    """Transform an axis of numbers whose last axis is real part and, if it has two, imaginary part."""
    size = x.shape[axis]
    assert isinstance(size, int)
    x = x[(*(slice(None),) * axis, slice(0, min(size, length)))]
    cosines, sines = waves(min(size, length), length, x.dtype, 1.0 if inverse else -1.0)
    real, imaginary = x[..., 0], x[..., 1] if x.shape[-1] == 2 else None
    parts = [along(real, axis, cosines), along(real, axis, sines)]
    if imaginary is not None:
        parts = [parts[0] - along(imaginary, axis, sines), parts[1] + along(imaginary, axis, cosines)]
    made = P.stack(parts, axis=-1)
    made = made / constant(np.asarray(length, x.dtype)) if inverse else made
    return made[(*(slice(None),) * axis, slice(0, length // 2 + 1))] if onesided else made


@reads("DFT")
def dft(n: Node, x: Expr, *others: Any) -> Any:
    """The discrete Fourier transform along an axis, or its inverse, or only the first half of it."""
    axis = int(n.get("axis", 1)) if n.opset < 20 else int(n.known(2, -2).ravel()[0])
    axis = axis % x.ndim
    size, inverse, onesided = x.shape[axis], bool(n.get("inverse", 0)), bool(n.get("onesided", 0))
    if not isinstance(size, int):
        raise n.error(f"the size of the axis it goes along is not known: {x.type}")
    length = size if n.input(1) is None else int(n.known(1).ravel()[0])
    if inverse and onesided:
        return back_to_real(x, axis, length if n.input(1) is not None else 2 * (size - 1))
    return transformed(x, axis, length, inverse, onesided)


def back_to_real(x: Expr, axis: int, length: int) -> Any:
    """Return the real signal of which the first half of the transform is there: the other half mirrors it."""
    size = x.shape[axis]
    assert isinstance(size, int)
    inner = (slice(None),) * axis
    mirrored = P.flip(x[(*inner, slice(1, length - size + 1))], axis=axis)
    turned = P.stack([mirrored[..., 0], -mirrored[..., 1]], axis=-1)
    whole = P.concatenate([x, turned], axis=axis)
    return transformed(whole, axis, length, True, False)[..., :1]


@reads("STFT")
def stft(n: Node, signal: Expr, step: Expr, window: Expr | None = None, length: Expr | None = None) -> Any:
    """Transforms of windows that slide along a signal."""
    hop = int(n.known(1).ravel()[0])
    if length is not None:
        size = int(n.known(3).ravel()[0])
    elif window is not None and isinstance(window.shape[0], int):
        size = window.shape[0]
    else:
        raise n.error("neither a window nor its length is known")
    total = signal.shape[1]
    if not isinstance(total, int):
        raise n.error(f"the length of the signal is not known: {signal.type}")
    starts = np.arange(0, total - size + 1, hop)
    frames = signal[:, starts[:, None] + np.arange(size)[None]]
    frames = frames if window is None else frames * window[:, None]
    return transformed(frames, 2, size, False, bool(n.get("onesided", 1)))


@reads("MelWeightMatrix")
def mel_weight_matrix(n: Node, *inputs: Expr) -> Any:
    """Triangles that are equally wide on the mel scale of pitch, over the frequencies of a transform."""
    bins, size, rate = (int(n.known(i).ravel()[0]) for i in range(3))
    low, high = (float(n.known(i).ravel()[0]) for i in (3, 4))
    edges = np.arange(bins + 2, dtype=np.float64)
    lowest, highest = (2595 * np.log10(1 + f / 700) for f in (low, high))
    pitches = edges * ((highest - lowest) / (bins + 2)) + lowest
    places = np.floor((size + 1) * 700 * (10 ** (pitches / 2595) - 1) / rate).astype(int)
    made = np.zeros((size // 2 + 1, bins), np.float64)
    for i in range(bins):
        left, middle, right = places[i], places[i + 1], places[i + 2]
        if middle == left:
            made[middle, i] = 1
        else:
            made[left : middle + 1, i] = (np.arange(left, middle + 1) - left) / (middle - left)
        if right > middle:
            made[middle:right, i] = (right - np.arange(middle, right)) / (right - middle)
    return constant(made.astype(dtype_of(n.get("output_datatype", 1), f"{n.reader.file}: {n}")))
