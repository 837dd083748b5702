"""NumPy versions of functions of formulas that NumPy lacks."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]


def mean(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    # np.mean warns of empty arrays.
    total = np.sum(x, axis=axis, keepdims=keepdims)
    return np.asarray(total / np.float64(x.size / max(total.size, 1)))


def logsumexp(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    # The maximum is subtracted, because exp of large numbers overflows; an infinite maximum would give inf - inf.
    top = np.max(x, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    result = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return np.asarray(result if keepdims else np.squeeze(result, axis=axis))


def softmax(x: Array, axis: int = -1) -> Array:
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return np.asarray(e / np.sum(e, axis=axis, keepdims=True))


def log_softmax(x: Array, axis: int = -1) -> Array:
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return np.asarray(shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True)))


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def relu(x: Array) -> Array:
    return np.maximum(x, 0.0)


def one_hot(x: Array, num_classes: int) -> Array:
    return np.asarray(np.asarray(x)[..., None] == np.arange(num_classes), dtype=np.float64)


def correlate(x: Array, kernel: Array) -> Array:
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape)
    return np.asarray(np.einsum("ijkl,kl->ij", windows, kernel))
