"""Tests of convolution and pooling against loops and SciPy, with strides, dilation and padding."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy.signal import correlate

import pellucid as pel
from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Input

RNG = np.random.default_rng(0)


def conv_by_loops(x: np.ndarray, w: np.ndarray, strides: Any, pads: Any, dilation: Any) -> np.ndarray:
    """Convolve with SciPy, channel by channel, on a dilated kernel."""
    axes = w.ndim - 2
    dilated = np.zeros((*((k - 1) * d + 1 for k, d in zip(w.shape, dilation, strict=False)), *w.shape[-2:]))
    dilated[tuple(slice(None, None, d) for d in dilation)] = w
    x = np.pad(x, ((0, 0), *pads, (0, 0)))
    result = [
        [
            sum(correlate(image[..., c], dilated[..., c, o], "valid") for c in range(w.shape[-2]))[
                tuple(slice(None, None, s) for s in strides)
            ]
            for o in range(w.shape[-1])
        ]
        for image in x
    ]
    return np.moveaxis(np.array(result), 1, axes + 1)


def same_pads(sizes: Any, window: Any, strides: Any, dilation: Any) -> list[tuple[int, int]]:
    """Compute "same" padding as TensorFlow documents it."""
    pads = []
    for n, k, s, d in zip(sizes, window, strides, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        pads.append((total // 2, total - total // 2))
    return pads


CONVOLUTIONS = [
    ((2, 7, 2), (3, 2, 3), 1, "valid", 1),
    ((2, 7, 2), (3, 2, 3), 2, "same", 1),
    ((2, 7, 2), (4, 2, 1), 1, "same", 2),
    ((2, 6, 5, 3), (3, 2, 3, 2), (2, 1), "valid", (1, 2)),
    ((2, 6, 5, 1), (3, 3, 1, 2), 2, "same", 1),
    ((1, 6, 5, 2), (2, 3, 2, 1), 3, ((1, 2), (0, 3)), 1),
    ((1, 6, 5, 3), (1, 1, 3, 4), 1, "valid", 1),
    ((1, 4, 5, 4, 2), (2, 2, 3, 2, 2), (1, 2, 1), "same", 1),
]


@pytest.mark.sample(2)
@pytest.mark.parametrize(("shape", "kernel", "strides", "padding", "dilation"), CONVOLUTIONS)
def test_convolution(
    shape: Any, kernel: Any, strides: Any, padding: Any, dilation: Any, by_numpy: Any, by_xla: Any, check_gradient: Any
) -> None:
    axes = len(shape) - 2
    steps, inner = (np.broadcast_to(v, axes).tolist() for v in (strides, dilation))
    pads = same_pads(shape[1:-1], kernel[:-2], steps, inner) if padding == "same" else padding
    pads = [(0, 0)] * axes if padding == "valid" else pads
    x, w = Input("x", ("n", *shape[1:]), "float64"), Input("w", kernel, "float64")
    values = {x: RNG.normal(size=shape), w: RNG.normal(size=kernel)}
    y = pel.conv(x, w, strides=strides, padding=padding, dilation=dilation)
    expected = conv_by_loops(values[x], values[w], steps, pads, inner)
    assert y.shape == ("n", *expected.shape[1:])
    outputs = [y, *pel.grad((y**2).sum(), [x, w])]
    for a, b in zip(by_numpy(outputs, values), by_xla(outputs, values), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(by_numpy([y], values)[0], expected, rtol=1e-10, atol=1e-12)
    check_gradient((y**2).sum(), values, [x, w])


def test_kernel_gradient_with_fewer_output_channels(by_numpy: Any, by_xla: Any) -> None:
    x, w = Input("x", (2, 5, 4, 3), "float64"), Input("w", (3, 2, 3, 1), "float64")
    values = {x: RNG.normal(size=(2, 5, 4, 3)), w: RNG.normal(size=(3, 2, 3, 1))}
    for padding in ("valid", "same", ((2, 0), (1, 1))):
        found = pel.grad((pel.conv(x, w, padding=padding) ** 2).sum(), w)
        np.testing.assert_allclose(by_numpy([found], values)[0], by_xla([found], values)[0], rtol=1e-10)


def pool_by_loops(x: np.ndarray, size: Any, strides: Any, pads: Any) -> tuple[np.ndarray, np.ndarray]:
    """Max-pool with loops; return the maxima and the gradient of their sum (ties go to the first)."""
    wide = np.pad(x, ((0, 0), *pads, (0, 0)), constant_values=-np.inf)
    counts = [(n - k) // s + 1 for n, k, s in zip(wide.shape[1:-1], size, strides, strict=True)]
    result, gradient = np.empty((len(x), *counts, x.shape[-1])), np.zeros(wide.shape)
    for place in np.ndindex(*result.shape):
        inner = list(
            itertools.product(*(range(i * s, i * s + k) for i, s, k in zip(place[1:-1], strides, size, strict=True)))
        )
        best = max(inner, key=lambda at: wide[(place[0], *at, place[-1])])
        result[place] = wide[(place[0], *best, place[-1])]
        gradient[(place[0], *best, place[-1])] += 1
    kept = tuple(slice(a, n - b) for n, (a, b) in zip(wide.shape[1:-1], pads, strict=True))
    return result, gradient[(slice(None), *kept, slice(None))]


POOLINGS = [
    ((2, 7, 2), 2, None, "valid"),
    ((2, 7, 2), 3, 1, "same"),
    ((2, 6, 5, 2), (3, 2), (2, 1), "valid"),
    ((2, 6, 5, 2), 3, 2, "same"),
    ((1, 6, 5, 1), 2, 2, ((1, 0), (0, 1))),
    ((1, 4, 4, 3, 2), 2, 1, "valid"),
]


@pytest.mark.sample(2)
@pytest.mark.parametrize(("shape", "size", "strides", "padding"), POOLINGS)
@pytest.mark.parametrize("ties", [False, True])
def test_pooling(shape: Any, size: Any, strides: Any, padding: Any, ties: bool, by_numpy: Any, by_xla: Any) -> None:
    axes = len(shape) - 2
    window = np.broadcast_to(size, axes).tolist()
    steps = window if strides is None else np.broadcast_to(strides, axes).tolist()
    pads = same_pads(shape[1:-1], window, steps, [1] * axes) if padding == "same" else padding
    pads = [(0, 0)] * axes if padding == "valid" else pads
    x = Input("x", ("n", *shape[1:]), "float64")
    value = RNG.integers(0, 3, shape).astype(float) if ties else RNG.normal(size=shape)
    y = pel.max_pool(x, size, strides, padding)
    expected = pool_by_loops(value, window, steps, pads)
    assert y.shape == ("n", *expected[0].shape[1:])
    for run in (by_numpy, by_xla):
        for a, b in zip(run([y, pel.grad(y.sum(), x)], {x: value}), expected, strict=True):
            np.testing.assert_array_equal(a, b)


def test_integer_pooling_pads_with_the_minimum(by_numpy: Any, by_xla: Any) -> None:
    x = Input("x", (1, 3, 1), "int32")
    value = np.array([[[-5], [-7], [-6]]], "int32")
    for run in (by_numpy, by_xla):
        found = run([pel.max_pool(x, 2, 2, "same")], {x: value})[0]
        np.testing.assert_array_equal(found, [[[-5], [-6]]])


def test_sums_that_may_overflow_are_not_moved_out_of_pooling() -> None:
    for dtype, kept in (("uint8", True), ("int32", True), ("float32", False)):
        x, b = pel.tensor4("x", shape=("n", 2, 2, 1), dtype=dtype), pel.vector("b", shape=(1,), dtype=dtype)
        y = pel.simplify(pel.max_pool(x + b, 2))
        assert y.op is not None
        assert (y.op.name == "max_pool") == kept


def test_invalid_arguments_raise_errors() -> None:
    x, w = pel.tensor4("x", shape=("n", 8, 8, 3)), pel.tensor4("w", shape=(3, 3, 3, 4))
    with pytest.raises(ShapeError, match=r"the kernel v, of shape \(3, 3, 1, 4\), expects 1 input channels. Rec"):
        pel.conv(x, pel.tensor4("v", shape=(3, 3, 1, 4)))
    with pytest.raises(ShapeError, match=r"expected an input \(batch, ..., channels\) and a kernel"):
        pel.conv(x, pel.tensor3("v", shape=(3, 3, 4)))
    with pytest.raises(ShapeError, match=r"expected a kernel whose spatial sizes are known. Received: v"):
        pel.conv(x, pel.tensor4("v", shape=(None, 3, 3, 4)))
    with pytest.raises(ShapeError, match="a window of 9 does not fit into an axis of 8, padded by 0 and 0"):
        pel.conv(x, w, dilation=4)
    with pytest.raises(ShapeError, match=r"Expected strides to be an integer of 1 or more, or 2 of them. Received"):
        pel.conv(x, w, strides=0)
    with pytest.raises(ShapeError, match=r"Expected pool_size to be an integer of 1 or more.* Received: pool_size=2.5"):
        pel.max_pool(x, 2.5)
    with pytest.raises(ShapeError, match=r"Expected padding to be 'valid', 'same'.* Received: padding='reflect'"):
        pel.conv(x, w, padding="reflect")
    with pytest.raises(ShapeError, match=r"\('causal' for one spatial axis only\).* Received: padding='causal'"):
        pel.conv(x, w, padding="causal")
    with pytest.raises(ShapeError, match=r"'valid', 'same', or \(before, after\).* Received: padding='full'"):
        pel.max_pool(x, padding="full")
    with pytest.raises(ShapeError, match=r"Expected padding to be .* Received: padding=\(1, 2, 3\)"):
        pel.conv(x, w, padding=(1, 2, 3))
    with pytest.raises(ShapeError, match=r"Expected padding to be .* Received: padding=-1"):
        pel.conv(x, w, padding=-1)
    with pytest.raises(ShapeError, match=r"expects 3 input channels in each of 2 groups. Received: x, .* which has 3"):
        pel.conv(x, w, groups=2)
    with pytest.raises(ShapeError, match=r"the 4 output channels of w cannot be divided into 3 groups"):
        pel.conv(x, w, groups=3)
    with pytest.raises(ShapeError, match=r"expected groups to be an integer of 1 or more. Received: groups=0"):
        pel.conv(x, w, groups=0)
    with pytest.raises(ShapeError, match=r"padding='same' with strides=\(2, 2\) requires known spatial sizes"):
        pel.conv(pel.tensor4("y", shape=("n", "h", "w", 3)), w, strides=2, padding="same")
    with pytest.raises(ShapeError, match=r"pooling: expected an input \(batch, ..., channels\). Received: m"):
        pel.max_pool(pel.matrix("m"))
    with pytest.raises(ShapeError, match="Expected pool_size to be an integer of 1 or more"):
        pel.max_pool(x, (2, 2, 2))


def test_named_sizes() -> None:
    x, w = pel.tensor4("x", shape=("n", "h", "w", 3)), pel.tensor4("k", shape=(3, 3, 3, 4))
    assert pel.conv(x, w, padding="same").shape == ("n", "h", "w", 4)
    assert pel.conv(x, w).ndim == 4
