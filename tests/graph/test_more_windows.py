"""Tests of grouped and transposed convolution, average pooling, patches and resizing against JAX and NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pellucid as pel
from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Input
from pellucid.run.jax_runtime import x64

few_examples = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def draw_per_axis(draw: Callable[[int, int], int], axes: int, low: int, high: int) -> tuple[int, ...]:
    return tuple(draw(low, high) for _ in range(axes))


def draw_geometry(draw: Callable[[int, int], int]) -> dict[str, Any]:
    """Draw compatible sizes, windows, strides, dilation, padding and groups."""
    axes = draw(1, 3)
    window, dilation = draw_per_axis(draw, axes, 1, 3), draw_per_axis(draw, axes, 1, 2)
    modes = ("valid", "same", "full", "causal", "pairs")
    mode = modes[draw(0, 4 if axes == 1 else 2)]
    return {
        "sizes": tuple((k - 1) * d + 1 + draw(0, 2) for k, d in zip(window, dilation, strict=True)),
        "window": window,
        "strides": draw_per_axis(draw, axes, 1, 3),
        "dilation": dilation,
        "padding": tuple((draw(0, 2), draw(0, 2)) for _ in range(axes)) if mode == "pairs" else mode,
        "groups": draw(1, 3),
        "channels": (draw(1, 2), draw(1, 2)),
    }


@st.composite
def geometries(draw: Any) -> dict[str, Any]:
    return draw_geometry(lambda low, high: draw(st.integers(low, high)))


def draw_geometries(count: int) -> list[dict[str, Any]]:
    """Draw geometries whose programs are compiled together."""
    rng = np.random.default_rng(count)
    return [draw_geometry(lambda low, high: int(rng.integers(low, high + 1))) for _ in range(count)]


def get_windows(value: np.ndarray, pairs: Any, window: Any, strides: Any, dilation: Any) -> np.ndarray:
    """Return NumPy's sliding windows, shape (batch, windows..., channels, window...)."""
    padded = np.pad(value, ((0, 0), *pairs, (0, 0)))
    reaches = [(k - 1) * d + 1 for k, d in zip(window, dilation, strict=True)]
    windows = np.lib.stride_tricks.sliding_window_view(padded, reaches, tuple(range(1, len(reaches) + 1)))
    outer, inner = ([slice(None, None, step) for step in steps] for steps in (strides, dilation))
    return windows[(slice(None), *outer, slice(None), *inner)]


def make_convolution(case: dict[str, Any], rng: np.random.Generator) -> tuple[Any, Any, Any, dict[Any, np.ndarray]]:
    """Return a convolution, its input, its kernel and their values."""
    groups, (c_in, c_out) = case["groups"], case["channels"]
    value = rng.normal(size=(2, *case["sizes"], c_in * groups))
    weights = rng.normal(size=(*case["window"], c_in, c_out * groups))
    x, w = Input("x", ("n", *value.shape[1:]), "float64"), Input("w", weights.shape, "float64")
    y = pel.conv(x, w, **{key: case[key] for key in ("strides", "dilation", "padding", "groups")})
    return y, x, w, {x: value, w: weights}


@few_examples
@given(case=geometries())
def test_convolutions_are_sums_over_windows(case: dict[str, Any], by_numpy: Any) -> None:
    rng = np.random.default_rng(0)
    y, x, w, values = make_convolution(case, rng)
    groups, axes = case["groups"], len(case["window"])
    windows = get_windows(values[x], y.settings["padding"], case["window"], case["strides"], case["dilation"])
    parts = zip(np.split(windows, groups, axis=axes + 1), np.split(values[w], groups, axis=-1), strict=True)
    summed = [axes + 1, *range(axes + 2, 2 * axes + 2)]
    expected = np.concatenate(
        [np.tensordot(patch, kernel, (summed, [axes, *range(axes)])) for patch, kernel in parts], axis=-1
    )
    assert y.shape == ("n", *expected.shape[1:])
    np.testing.assert_allclose(by_numpy([y], values)[0], expected, rtol=1e-10, atol=1e-10)
    # The gradients are the transposes: <g, conv(d, w)> = <d, gradient>, and likewise for the kernel.
    g = Input("g", y.shape, "float64")
    values[g] = rng.normal(size=expected.shape)
    for operand, found in zip((x, w), by_numpy(pel.grad((y * g).sum(), [x, w]), values), strict=True):
        direction = rng.normal(size=found.shape)
        forward = by_numpy([y], {**values, operand: direction})[0]
        np.testing.assert_allclose((found * direction).sum(), (forward * values[g]).sum(), rtol=1e-9, atol=1e-9)


def test_numpy_and_xla_agree_on_convolutions(by_numpy: Any, by_xla: Any) -> None:
    rng, outputs, given_values = np.random.default_rng(1), [], {}
    for case in draw_geometries(5):
        y, x, w, values = make_convolution(case, rng)
        outputs += [y, *pel.grad((y**2).sum(), [x, w])]
        given_values |= values
    for a, b in zip(by_numpy(outputs, given_values), by_xla(outputs, given_values), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def test_grouped_convolutions_match_jax(by_numpy: Any) -> None:
    import jax

    rng = np.random.default_rng(2)
    value, weights = rng.normal(size=(2, 6, 5, 4)), rng.normal(size=(3, 2, 2, 6))
    y = pel.conv(value, weights, strides=(1, 2), padding="same", dilation=(2, 1), groups=2)
    with x64():
        expected = jax.lax.conv_general_dilated(
            value,
            weights,
            (1, 2),
            "SAME",
            rhs_dilation=(2, 1),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=2,
        )
    np.testing.assert_allclose(by_numpy([y], {})[0], expected, rtol=1e-10)


@pytest.mark.sample(2)
@pytest.mark.parametrize("backend", ["cpu", "gpu"])
@pytest.mark.parametrize(("c_in", "c_out", "groups"), [(1, 1, 3), (1, 2, 2), (2, 1, 3), (2, 3, 2)])
def test_second_gradients_of_grouped_convolutions(
    backend: str, c_in: int, c_out: int, groups: int, check_gradient: Any, by_numpy: Any, by_xla: Any, monkeypatch: Any
) -> None:
    import jax

    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    rng = np.random.default_rng(1)
    values = rng.normal(size=(2, 5, 4, c_in * groups)), rng.normal(size=(3, 2, c_in, c_out * groups))
    x, w = (Input(name, v.shape, "float64") for name, v in zip("xw", values, strict=True))
    drawn = dict(zip((x, w), values, strict=True))
    cost = (pel.conv(x, w, strides=(1, 2), padding="same", groups=groups) ** 3).sum()
    for a, b in zip(*(run(pel.grad(cost, [x, w]), drawn) for run in (by_numpy, by_xla)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
    if backend == "cpu":
        check_gradient(cost, drawn, [x, w])


def get_keras_padding(reach: int, stride: int, padding: str, output_padding: int | None) -> tuple[int, int]:
    """Return the padding of the dilated input that Keras 3 documents for its JAX backend."""
    if padding == "valid":
        extra = max(reach, stride) - reach if output_padding is None else output_padding
        return reach - 1, reach - 1 + extra
    total = stride + reach - 2 if output_padding is None else reach + reach % 2 - 2 + output_padding
    before = min(total // 2 + total % 2, reach - 1)
    return before, total - before


def make_transposed_convolution(
    case: dict[str, Any], padding: str, output_padding: int | None
) -> tuple[Any, Any, dict[Any, np.ndarray]]:
    """Return a transposed convolution, Keras's padding of the dilated input, and the values of the inputs."""
    rng, (c_in, c_out) = np.random.default_rng(3), case["channels"]
    value = rng.normal(size=(2, *case["sizes"], c_in))
    weights = rng.normal(size=(*case["window"], c_out, c_in))
    x, w = Input("x", ("n", *value.shape[1:]), "float64"), Input("w", weights.shape, "float64")
    reaches = [(k - 1) * d + 1 for k, d in zip(case["window"], case["dilation"], strict=True)]
    pairs = [get_keras_padding(r, s, padding, output_padding) for r, s in zip(reaches, case["strides"], strict=True)]
    geometry = {"strides": case["strides"], "dilation": case["dilation"]}
    extra = [right - r + 1 for (_, right), r in zip(pairs, reaches, strict=True)]
    if any(e > 0 and e >= s for e, s in zip(extra, case["strides"], strict=True)):
        with pytest.raises(ShapeError, match="must be less than the stride"):
            pel.conv_transpose(x, w, padding=padding, output_padding=output_padding, **geometry)
        output_padding = None
        pairs = [get_keras_padding(r, s, padding, None) for r, s in zip(reaches, case["strides"], strict=True)]
    y = pel.conv_transpose(x, w, padding=padding, output_padding=output_padding, **geometry)
    return y, pairs, {x: value, w: weights}


def test_explicit_output_padding_must_be_less_than_the_stride() -> None:
    x, w = pel.tensor3("x", shape=(2, 4, 2)), pel.tensor3("w", shape=(3, 2, 2))
    with pytest.raises(ShapeError, match=r"adds 2 elements after the last window in axis 0. It must be less than the"):
        pel.conv_transpose(x, w, strides=2, padding=0, output_padding=2)
    y = pel.conv_transpose(x, w, strides=2, padding=0, output_padding=1)
    assert y.shape == (2, 10, 2)
    assert pel.grad(y.sum(), x).shape == x.shape


@few_examples
@given(case=geometries(), padding=st.sampled_from(["valid", "same"]), output_padding=st.none() | st.integers(0, 1))
def test_transposed_convolutions_add_scaled_kernels(
    case: dict[str, Any], padding: str, output_padding: int | None, by_numpy: Any
) -> None:
    y, pairs, values = make_transposed_convolution(case, padding, output_padding)
    value, weights = values.values()
    per_axis = list(zip(value.shape[1:-1], weights.shape, case["strides"], case["dilation"], pairs, strict=False))
    sizes = [(n - 1) * s + (k - 1) * d + 1 + s for n, k, s, d, _ in per_axis]
    uncropped = np.zeros((2, *sizes, weights.shape[-2]))
    for position in np.ndindex(*case["window"]):
        targets = [
            slice(p * d, p * d + (n - 1) * s + 1, s) for p, (n, _, s, d, _) in zip(position, per_axis, strict=True)
        ]
        uncropped[(slice(None), *targets)] += value @ weights[position].T
    cropped = []
    for n, k, s, d, (left, right) in per_axis:
        start = (k - 1) * d - left
        cropped.append(slice(start, start + (n - 1) * s + 1 + left + right - (k - 1) * d))
    expected = uncropped[(slice(None), *cropped)]
    assert y.shape == ("n", *expected.shape[1:])
    np.testing.assert_allclose(by_numpy([y], values)[0], expected, rtol=1e-9, atol=1e-9)


def test_transposed_convolutions_match_jax(by_numpy: Any, by_xla: Any) -> None:
    import jax

    outputs, given_values, expected = [], {}, []
    for number, case in enumerate(draw_geometries(4)):
        y, pairs, values = make_transposed_convolution(case, ("valid", "same")[number % 2], None)
        letters = "DHW"[-len(pairs) :]
        with x64():
            expected.append(
                jax.lax.conv_transpose(
                    *values.values(),
                    case["strides"],
                    pairs,
                    rhs_dilation=case["dilation"],
                    dimension_numbers=(f"N{letters}C", f"{letters}IO", f"N{letters}C"),
                    transpose_kernel=True,
                )
            )
        outputs.append(y)
        given_values |= values
    for run in (by_numpy, by_xla):
        for a, b in zip(run(outputs, given_values), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def test_transposed_convolution_is_the_transpose_of_convolution(by_numpy: Any) -> None:
    rng = np.random.default_rng(3)
    x, w = Input("x", (1, 7, 6, 4), "float64"), Input("w", (3, 2, 2, 6), "float64")
    y = pel.conv(x, w, strides=(2, 3), padding=((1, 0), (0, 2)), groups=2)
    g = Input("g", y.shape, "float64")
    back = pel.conv_transpose(g, w, strides=(2, 3), padding=((1, 0), (0, 2)), output_padding=(1, 0), groups=2)
    values = {e: rng.normal(size=e.shape) for e in (x, w, g)}
    assert back.shape == x.shape
    np.testing.assert_allclose(*by_numpy([(y * g).sum(), (back * x).sum()], values), rtol=1e-12)


@few_examples
@given(case=geometries(), counted=st.booleans())
def test_sum_and_average_pooling(case: dict[str, Any], counted: bool, by_numpy: Any) -> None:
    window, steps = case["window"], case["strides"]
    padding = case["padding"] if case["padding"] in ("valid", "same") else ((1, 0),) * len(window)
    value = np.random.default_rng(4).normal(size=(2, *(n + 1 for n in case["sizes"]), 2))
    x = Input("x", ("n", *value.shape[1:]), "float64")
    total, mean = pel.sum_pool(x, window, steps, padding), pel.average_pool(x, window, steps, padding, counted)
    ones, inside = (1,) * len(window), tuple(range(-len(window), 0))
    sums, counts = (
        get_windows(v, total.settings["padding"], window, steps, ones).sum(axis=inside)
        for v in (value, np.ones_like(value))
    )
    nonempty = counts > 0 if not counted else np.full(counts.shape, True)
    with np.errstate(invalid="ignore"):
        found = by_numpy([total, mean], {x: value})
    np.testing.assert_allclose(found[0], sums, rtol=1e-10, atol=1e-12)
    expected = sums[nonempty] / (math.prod(window) if counted else counts[nonempty])
    np.testing.assert_allclose(found[1][nonempty], expected, rtol=1e-10, atol=1e-12)


def test_average_pooling_of_unknown_sizes(by_numpy: Any, check_gradient: Any) -> None:
    x = pel.tensor("x", ("n", "h", "w", 2), "float64")
    value = np.random.default_rng(5).normal(size=(2, 4, 3, 2))
    y = pel.average_pool(x, 3, strides=1, padding="same")
    assert y.shape == ("n", "h", "w", 2)
    known = pel.average_pool(value, 3, strides=1, padding="same")
    np.testing.assert_allclose(by_numpy([y], {x: value})[0], by_numpy([known], {})[0])
    check_gradient((y**2).sum(), {x: value}, [x])
    assert pel.average_pool(pel.tensor3("i", shape=(1, 4, 1), dtype="int32")).dtype == np.float32


@few_examples
@given(case=geometries(), padding=st.sampled_from(["valid", "same"]))
def test_patches_match_numpy_windows(case: dict[str, Any], padding: str, by_numpy: Any) -> None:
    value = np.random.default_rng(6).normal(size=(2, *case["sizes"], 3))
    x = Input("x", ("n", *value.shape[1:]), "float64")
    y = pel.extract_patches(x, case["window"], case["strides"], case["dilation"], padding)
    windows = get_windows(value, y.settings["padding"], case["window"], case["strides"], case["dilation"])
    windows = np.moveaxis(windows, len(case["window"]) + 1, -1)
    expected = windows.reshape(*windows.shape[: len(case["window"]) + 1], -1)
    assert y.shape == ("n", *expected.shape[1:])
    np.testing.assert_array_equal(by_numpy([y], {x: value})[0], expected)


def test_sliding_windows(by_numpy: Any, by_xla: Any, check_gradient: Any) -> None:
    value = np.random.default_rng(7).normal(size=(4, 5))
    known, named = Input("x", (4, 5), "float64"), Input("x", ("n", "m"), "float64")
    kinds: list[tuple[Any, Any]] = [(2, 0), ((2, 3), None), ((3,), (-1,)), (1, 1)]
    expected = [np.lib.stride_tricks.sliding_window_view(value, window, axis) for window, axis in kinds]
    found = [pel.sliding_window_view(x, window, axis) for x in (known, named) for window, axis in kinds]
    assert [e.shape for e in found[:4]] == [e.shape for e in expected]
    for run in (by_numpy, by_xla):
        for a, b in zip(run(found, {known: value, named: value}), expected * 2, strict=True):
            np.testing.assert_array_equal(a, b)
    assert np.lib.stride_tricks.sliding_window_view(known, 2, 0).shape == (3, 5, 2)
    check_gradient((pel.sliding_window_view(named, 3, 1) ** 3).sum(), {named: value}, [named])


@pytest.mark.sample(2)
@pytest.mark.parametrize("method", ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"])
def test_resizing_matches_jax(method: str, by_numpy: Any, by_xla: Any) -> None:
    import jax

    value = np.random.default_rng(8).normal(size=(2, 7, 4, 3))
    x = Input("x", ("n", *value.shape[1:]), "float64")
    kinds: list[tuple[tuple[int, int], bool]] = [((14, 3), False), ((5, 9), True), ((3, 1), True)]
    found = [pel.resize(x, size, interpolation=method, antialias=antialias) for size, antialias in kinds]
    with x64():
        wanted = [((2, *size, 3), antialias) for size, antialias in kinds]
        expected = [jax.image.resize(value, shape, method, antialias=antialias) for shape, antialias in wanted]
    for run in (by_numpy, by_xla):
        for a, b in zip(run(found, {x: value}), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_resizing_of_sequences_and_volumes(check_gradient: Any) -> None:
    x = Input("x", (2, 5, 2), "float64")
    drawn = {x: np.random.default_rng(9).normal(size=(2, 5, 2))}
    for method in ("nearest", "bicubic"):
        check_gradient((pel.resize(x, 8, method) ** 2).sum(), drawn, [x])
    volume = pel.tensor("v", (1, 2, 3, 4, 1), "uint8")
    assert pel.resize(volume, 6, "nearest").type == pel.tensor("w", (1, 6, 6, 6, 1), "uint8").type
    assert pel.resize(volume, 6).dtype == np.float32


INVALID = {
    "an unknown size": (lambda: pel.resize(pel.tensor4("x", shape=("n", "h", 4, 1)), 2), r"of known sizes"),
    "a method": (lambda: pel.resize(pel.tensor3("x", shape=(1, 4, 1)), 2, "biliner"), "Did you mean 'bilinear'"),
    "a matrix of patches": (lambda: pel.extract_patches(pel.matrix("m")), r"extract_patches: expected \(batch"),
    "a window": (
        lambda: pel.sliding_window_view(pel.vector("v", shape=(3,)), 4),
        "a window of 4 does not fit into axis 0",
    ),
    "channels to transpose": (
        lambda: pel.conv_transpose(pel.tensor3("x", shape=(1, 4, 3)), pel.tensor3("w", shape=(3, 3, 2))),
        r"the kernel w, of shape \(3, 3, 2\), expects 2 input channels. Received: x, of shape \(1, 4, 3\), which has 3",
    ),
    "axes to transpose": (
        lambda: pel.conv_transpose(pel.tensor3("x"), pel.tensor4("w")),
        r"conv_transpose: expected an input \(batch, ..., channels\) and a kernel",
    ),
    "groups to transpose": (
        lambda: pel.conv_transpose(pel.tensor3("x", shape=(1, 4, 3)), pel.tensor3("w", shape=(3, 1, 3)), groups=2),
        r"expected groups to divide the 3 channels evenly. Received: groups=2",
    ),
    "padding to transpose": (
        lambda: pel.conv_transpose(pel.tensor3("x", shape=(1, 2, 1)), pel.tensor3("w", shape=(2, 1, 1)), padding=9),
        r"padding=\(9, 9\) crops more than the 3 elements along the axis",
    ),
    "a word to transpose": (
        lambda: pel.conv_transpose(
            pel.tensor3("x", shape=(1, 2, 1)), pel.tensor3("w", shape=(2, 1, 1)), padding="full"
        ),
        r"Expected padding to be 'valid', 'same', or",
    ),
}


@pytest.mark.parametrize("case", INVALID)
def test_invalid_arguments_raise_errors(case: str) -> None:
    make, message = INVALID[case]
    with pytest.raises(ValueError, match=message):
        make()
