"""Groups, transposed convolution, pooling by means, patches and resizing against JAX and NumPy's own windows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pellucid as pel
from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Input
from pellucid.run.jax_runtime import x64

draws = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def each(draw: Callable[[int, int], int], axes: int, low: int, high: int) -> tuple[int, ...]:
    """Draw one integer for each axis."""
    return tuple(draw(low, high) for _ in range(axes))


def geometry(draw: Callable[[int, int], int]) -> dict[str, Any]:
    """Draw sizes, a window, strides, dilation, padding and groups that fit together."""
    axes = draw(1, 3)
    window, dilation = each(draw, axes, 1, 3), each(draw, axes, 1, 2)
    words = ("valid", "same", "full", "causal", "pairs")
    word = words[draw(0, 4 if axes == 1 else 2)]
    return {
        "sizes": tuple((k - 1) * d + 1 + draw(0, 2) for k, d in zip(window, dilation, strict=True)),
        "window": window,
        "strides": each(draw, axes, 1, 3),
        "dilation": dilation,
        "padding": tuple((draw(0, 2), draw(0, 2)) for _ in range(axes)) if word == "pairs" else word,
        "groups": draw(1, 3),
        "channels": (draw(1, 2), draw(1, 2)),
    }


@st.composite
def geometries(draw: Any) -> dict[str, Any]:
    """Draw a geometry by Hypothesis."""
    return geometry(lambda low, high: draw(st.integers(low, high)))


def some_geometries(count: int) -> list[dict[str, Any]]:
    """Draw geometries for what is compiled all at once."""
    rng = np.random.default_rng(count)
    return [geometry(lambda low, high: int(rng.integers(low, high + 1))) for _ in range(count)]


def windows_of(value: np.ndarray, pairs: Any, window: Any, strides: Any, dilation: Any) -> np.ndarray:
    """Return what NumPy's own windows see, shape (batch, windows..., channels, window...)."""
    wide = np.pad(value, ((0, 0), *pairs, (0, 0)))
    reaches = [(k - 1) * d + 1 for k, d in zip(window, dilation, strict=True)]
    seen = np.lib.stride_tricks.sliding_window_view(wide, reaches, tuple(range(1, len(reaches) + 1)))
    kept, inner = ([slice(None, None, step) for step in steps] for steps in (strides, dilation))
    return seen[(slice(None), *kept, slice(None), *inner)]


def convolution(case: dict[str, Any], rng: np.random.Generator) -> tuple[Any, Any, Any, dict[Any, np.ndarray]]:
    """Write a convolution on inputs of drawn values."""
    groups, (seen, made) = case["groups"], case["channels"]
    value = rng.normal(size=(2, *case["sizes"], seen * groups))
    weights = rng.normal(size=(*case["window"], seen, made * groups))
    x, w = Input("x", ("n", *value.shape[1:]), "float64"), Input("w", weights.shape, "float64")
    y = pel.conv(x, w, **{key: case[key] for key in ("strides", "dilation", "padding", "groups")})
    return y, x, w, {x: value, w: weights}


@draws
@given(case=geometries())
def test_convolutions_are_sums_over_windows(case: dict[str, Any], by_numpy: Any) -> None:
    rng = np.random.default_rng(0)
    y, x, w, values = convolution(case, rng)
    groups, axes = case["groups"], len(case["window"])
    seen = windows_of(values[x], y.settings["padding"], case["window"], case["strides"], case["dilation"])
    parts = zip(np.split(seen, groups, axis=axes + 1), np.split(values[w], groups, axis=-1), strict=True)
    summed = [axes + 1, *range(axes + 2, 2 * axes + 2)]
    expected = np.concatenate(
        [np.tensordot(patch, kernel, (summed, [axes, *range(axes)])) for patch, kernel in parts], axis=-1
    )
    assert y.shape == ("n", *expected.shape[1:])
    np.testing.assert_allclose(by_numpy([y], values)[0], expected, rtol=1e-10, atol=1e-10)
    # The gradients are the transposes: <g, conv(d, w)> = <d, gradient>, and so for the kernel.
    g = Input("g", y.shape, "float64")
    values[g] = rng.normal(size=expected.shape)
    for operand, found in zip((x, w), by_numpy(pel.grad((y * g).sum(), [x, w]), values), strict=True):
        direction = rng.normal(size=found.shape)
        ahead = by_numpy([y], {**values, operand: direction})[0]
        np.testing.assert_allclose((found * direction).sum(), (ahead * values[g]).sum(), rtol=1e-9, atol=1e-9)


def test_xla_agrees_on_convolutions(by_numpy: Any, by_xla: Any) -> None:
    rng, outputs, given_values = np.random.default_rng(1), [], {}
    for case in some_geometries(5):
        y, x, w, values = convolution(case, rng)
        outputs += [y, *pel.grad((y**2).sum(), [x, w])]
        given_values |= values
    for a, b in zip(by_numpy(outputs, given_values), by_xla(outputs, given_values), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def test_convolutions_in_groups_are_jaxs(by_numpy: Any) -> None:
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


@pytest.mark.parametrize("backend", ["cpu", "gpu"])
@pytest.mark.parametrize(("seen", "made", "groups"), [(1, 1, 3), (1, 2, 2), (2, 1, 3), (2, 3, 2)])
def test_second_gradients_in_groups(
    backend: str, seen: int, made: int, groups: int, check_gradient: Any, by_numpy: Any, by_xla: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    rng = np.random.default_rng(1)
    values = rng.normal(size=(2, 5, 4, seen * groups)), rng.normal(size=(3, 2, seen, made * groups))
    x, w = (Input(name, v.shape, "float64") for name, v in zip("xw", values, strict=True))
    drawn = dict(zip((x, w), values, strict=True))
    cost = (pel.conv(x, w, strides=(1, 2), padding="same", groups=groups) ** 3).sum()
    for a, b in zip(*(run(pel.grad(cost, [x, w]), drawn) for run in (by_numpy, by_xla)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
    if backend == "cpu":
        check_gradient(cost, drawn, [x, w])


def keras_sides(reach: int, stride: int, padding: str, output_padding: int | None) -> tuple[int, int]:
    """Pad the spread input as Keras 3 documents it for its JAX backend."""
    if padding == "valid":
        more = max(reach, stride) - reach if output_padding is None else output_padding
        return reach - 1, reach - 1 + more
    total = stride + reach - 2 if output_padding is None else reach + reach % 2 - 2 + output_padding
    before = min(total // 2 + total % 2, reach - 1)
    return before, total - before


def transposed(
    case: dict[str, Any], padding: str, output_padding: int | None
) -> tuple[Any, Any, dict[Any, np.ndarray]]:
    """Write a transposed convolution, and say how Keras pads the input that is spread out."""
    rng, (seen, made) = np.random.default_rng(3), case["channels"]
    value = rng.normal(size=(2, *case["sizes"], seen))
    weights = rng.normal(size=(*case["window"], made, seen))
    x, w = Input("x", ("n", *value.shape[1:]), "float64"), Input("w", weights.shape, "float64")
    reaches = [(k - 1) * d + 1 for k, d in zip(case["window"], case["dilation"], strict=True)]
    sides = [keras_sides(r, s, padding, output_padding) for r, s in zip(reaches, case["strides"], strict=True)]
    geometry = {"strides": case["strides"], "dilation": case["dilation"]}
    beyond = [right - r + 1 for (_, right), r in zip(sides, reaches, strict=True)]
    if any(more > 0 and more >= s for more, s in zip(beyond, case["strides"], strict=True)):
        with pytest.raises(ShapeError, match="only less than its stride"):
            pel.conv_transpose(x, w, padding=padding, output_padding=output_padding, **geometry)
        output_padding = None
        sides = [keras_sides(r, s, padding, None) for r, s in zip(reaches, case["strides"], strict=True)]
    y = pel.conv_transpose(x, w, padding=padding, output_padding=output_padding, **geometry)
    return y, sides, {x: value, w: weights}


@draws
@given(case=geometries(), padding=st.sampled_from(["valid", "same"]), output_padding=st.none() | st.integers(0, 1))
def test_transposed_convolutions_spread_the_kernel(
    case: dict[str, Any], padding: str, output_padding: int | None, by_numpy: Any
) -> None:
    y, sides, values = transposed(case, padding, output_padding)
    value, weights = values.values()
    per_axis = list(zip(value.shape[1:-1], weights.shape, case["strides"], case["dilation"], sides, strict=False))
    room = [(n - 1) * s + (k - 1) * d + 1 + s for n, k, s, d, _ in per_axis]
    everything = np.zeros((2, *room, weights.shape[-2]))
    for place in np.ndindex(*case["window"]):
        spots = [slice(p * d, p * d + (n - 1) * s + 1, s) for p, (n, _, s, d, _) in zip(place, per_axis, strict=True)]
        everything[(slice(None), *spots)] += value @ weights[place].T
    kept = []
    for n, k, s, d, (left, right) in per_axis:
        start = (k - 1) * d - left
        kept.append(slice(start, start + (n - 1) * s + 1 + left + right - (k - 1) * d))
    expected = everything[(slice(None), *kept)]
    assert y.shape == ("n", *expected.shape[1:])
    np.testing.assert_allclose(by_numpy([y], values)[0], expected, rtol=1e-9, atol=1e-9)


def test_transposed_convolutions_are_jaxs(by_numpy: Any, by_xla: Any) -> None:
    outputs, given_values, expected = [], {}, []
    for number, case in enumerate(some_geometries(4)):
        y, sides, values = transposed(case, ("valid", "same")[number % 2], None)
        letters = "DHW"[-len(sides) :]
        with x64():
            expected.append(
                jax.lax.conv_transpose(
                    *values.values(),
                    case["strides"],
                    sides,
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


@draws
@given(case=geometries(), counted=st.booleans())
def test_pooling_by_sums_and_means(case: dict[str, Any], counted: bool, by_numpy: Any) -> None:
    window, steps = case["window"], case["strides"]
    padding = case["padding"] if case["padding"] in ("valid", "same") else ((1, 0),) * len(window)
    value = np.random.default_rng(4).normal(size=(2, *(n + 1 for n in case["sizes"]), 2))
    x = Input("x", ("n", *value.shape[1:]), "float64")
    total, mean = pel.sum_pool(x, window, steps, padding), pel.average_pool(x, window, steps, padding, counted)
    ones, inside = (1,) * len(window), tuple(range(-len(window), 0))
    seen, there = (
        windows_of(v, total.settings["padding"], window, steps, ones).sum(axis=inside)
        for v in (value, np.ones_like(value))
    )
    some = there > 0 if not counted else np.full(there.shape, True)
    with np.errstate(invalid="ignore"):
        found = by_numpy([total, mean], {x: value})
    np.testing.assert_allclose(found[0], seen, rtol=1e-10, atol=1e-12)
    expected = seen[some] / (math.prod(window) if counted else there[some])
    np.testing.assert_allclose(found[1][some], expected, rtol=1e-10, atol=1e-12)


def test_means_of_images_of_unknown_size(by_numpy: Any, check_gradient: Any) -> None:
    x = pel.tensor("x", ("n", "h", "w", 2), "float64")
    value = np.random.default_rng(5).normal(size=(2, 4, 3, 2))
    y = pel.average_pool(x, 3, strides=1, padding="same")
    assert y.shape == ("n", "h", "w", 2)
    known = pel.average_pool(value, 3, strides=1, padding="same")
    np.testing.assert_allclose(by_numpy([y], {x: value})[0], by_numpy([known], {})[0])
    check_gradient((y**2).sum(), {x: value}, [x])
    assert pel.average_pool(pel.tensor3("i", shape=(1, 4, 1), dtype="int32")).dtype == np.float32


@draws
@given(case=geometries(), padding=st.sampled_from(["valid", "same"]))
def test_patches_are_what_windows_see(case: dict[str, Any], padding: str, by_numpy: Any) -> None:
    value = np.random.default_rng(6).normal(size=(2, *case["sizes"], 3))
    x = Input("x", ("n", *value.shape[1:]), "float64")
    y = pel.extract_patches(x, case["window"], case["strides"], case["dilation"], padding)
    seen = windows_of(value, y.settings["padding"], case["window"], case["strides"], case["dilation"])
    rows = np.moveaxis(seen, len(case["window"]) + 1, -1)
    expected = rows.reshape(*rows.shape[: len(case["window"]) + 1], -1)
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


@pytest.mark.parametrize("method", ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"])
def test_resizing_is_jaxs(method: str, by_numpy: Any, by_xla: Any) -> None:
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


def test_resizing_of_other_arrays(check_gradient: Any) -> None:
    x = Input("x", (2, 5, 2), "float64")
    drawn = {x: np.random.default_rng(9).normal(size=(2, 5, 2))}
    for method in ("nearest", "bicubic"):
        check_gradient((pel.resize(x, 8, method) ** 2).sum(), drawn, [x])
    volume = pel.tensor("v", (1, 2, 3, 4, 1), "uint8")
    assert pel.resize(volume, 6, "nearest").type == pel.tensor("w", (1, 6, 6, 6, 1), "uint8").type
    assert pel.resize(volume, 6).dtype == np.float32


REFUSED = {
    "an unknown size": (lambda: pel.resize(pel.tensor4("x", shape=("n", "h", 4, 1)), 2), r"whose sizes are known"),
    "a method": (lambda: pel.resize(pel.tensor3("x", shape=(1, 4, 1)), 2, "biliner"), "Did you mean 'bilinear'"),
    "a matrix of patches": (lambda: pel.extract_patches(pel.matrix("m")), r"extract_patches: expected \(batch"),
    "a window": (
        lambda: pel.sliding_window_view(pel.vector("v", shape=(3,)), 4),
        "a window of 4 does not fit into axis 0",
    ),
    "channels to transpose": (
        lambda: pel.conv_transpose(pel.tensor3("x", shape=(1, 4, 3)), pel.tensor3("w", shape=(3, 3, 2))),
        r"the kernel w, of shape \(3, 3, 2\), is for 2 channels. Received: x, of shape \(1, 4, 3\), which has 3",
    ),
    "axes to transpose": (
        lambda: pel.conv_transpose(pel.tensor3("x"), pel.tensor4("w")),
        r"conv_transpose: expected an input \(batch, ..., channels\) and a kernel",
    ),
    "groups to transpose": (
        lambda: pel.conv_transpose(pel.tensor3("x", shape=(1, 4, 3)), pel.tensor3("w", shape=(3, 1, 3)), groups=2),
        r"expected groups into which 3 channels divide. Received: groups=2",
    ),
    "padding to transpose": (
        lambda: pel.conv_transpose(pel.tensor3("x", shape=(1, 2, 1)), pel.tensor3("w", shape=(2, 1, 1)), padding=9),
        r"padding=\(9, 9\) takes away more than there is",
    ),
    "a word to transpose": (
        lambda: pel.conv_transpose(
            pel.tensor3("x", shape=(1, 2, 1)), pel.tensor3("w", shape=(2, 1, 1)), padding="full"
        ),
        r"Expected padding to be 'valid', 'same', or",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str) -> None:
    make, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        make()
