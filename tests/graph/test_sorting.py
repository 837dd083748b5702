"""Tests of sorting and quantiles against NumPy, with ties and NaN, along every axis."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import pellucid as pel
from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Input

SHAPE = (3, 4, 5)
FEW = st.sampled_from([-np.inf, -1.0, -0.0, 0.0, 2.0, np.inf, np.nan])
AXES = (None, 0, 1, -1)


def compile_sorts(dtype: str) -> dict[str, pel.Function]:
    """Compile all sorts of an array of one shape, once for each mode."""
    x = Input("x", SHAPE, dtype)
    outputs = [
        output
        for axis in AXES
        for output in (
            np.argsort(x, axis=axis),
            np.sort(x, axis=axis),
            pel.sort(x, axis, descending=True),
            pel.argsort(x, axis, descending=True),
        )
    ]
    return {mode: pel.function([x], [*outputs, *pel.top_k(x, 3)], mode=mode) for mode in ("numpy", "xla")}


SORTS = {dtype: functools.cache(functools.partial(compile_sorts, dtype)) for dtype in ("float64", "int8")}


@settings(max_examples=40)
@given(value=hnp.arrays(np.float64, SHAPE, elements=FEW), dtype=st.sampled_from(["float64", "int8"]))
def test_sorting_matches_numpy(value: np.ndarray, dtype: str) -> None:
    if dtype == "int8":
        value = np.nan_to_num(value, nan=9, posinf=7, neginf=-7).astype(dtype)
    # NaN is the largest, as in NumPy.
    rank = np.nan_to_num(value.astype(float), nan=1e9, posinf=1e8, neginf=-1e8)
    expected = []
    for axis in AXES:
        order, ascending = np.argsort(value, axis=axis, stable=True), np.sort(value, axis=axis)
        descending = np.flip(ascending, 0 if axis is None else axis)
        expected += [order, ascending, descending, np.argsort(-rank, axis=axis, stable=True)]
    top = np.argsort(-rank, axis=-1, stable=True)[..., :3]
    expected += [np.take_along_axis(value, top, -1), top]
    for f in SORTS[dtype]().values():
        for a, b in zip(f(value), expected, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("axis", [None, 1, (0, 2)])
def test_quantiles_match_numpy(axis: Any, by_numpy: Any, by_xla: Any) -> None:
    value = np.random.default_rng(0).normal(size=(4, 3, 5))
    value[0, 1, 2], value[1, 2] = np.nan, np.inf
    finite = np.nan_to_num(value, posinf=1e3)
    x, named = Input("x", value.shape, "float64"), Input("x", ("n", 3, 5), "float64")
    kinds: list[tuple[Any, bool]] = [(0.5, True), (0.0, False), ([[0.3, 1.0]], True), ([0.1], False)]
    expected = [np.quantile(finite, q, axis=axis, keepdims=k) for q, k in kinds]
    found = [pel.quantile(e, q, axis=axis, keepdims=k) for e in (x, named) for q, k in kinds]
    assert [e.ndim for e in found] == [e.ndim for e in expected] * 2
    for run in (by_numpy, by_xla):
        for a, b in zip(run(found, {x: finite, named: finite}), expected * 2, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
        for a, (_, k) in zip(run(found, {x: value, named: value}), kinds * 2, strict=True):
            missing = np.isnan(value).any(axis=axis, keepdims=k)
            np.testing.assert_array_equal(np.isnan(a), np.broadcast_to(missing, a.shape))


def test_median_and_percentiles(by_numpy: Any, check_gradient: Any) -> None:
    value = np.array([[3.0, 1.0, np.inf], [4.0, 5.0, 9.0]])
    x = Input("x", (2, 3), "float64")
    found = [np.median(x, axis=1), np.percentile(x, 50, axis=1), pel.median(pel.ivector("i", shape=(4,)))]
    np.testing.assert_array_equal(by_numpy([found[0], found[1]], {x: value}), [[3, 5], [3, 5]])
    assert found[2].dtype == np.float32
    drawn = np.random.default_rng(1).normal(size=(2, 3))
    check_gradient((pel.quantile(x, [0.2, 0.7], axis=1) ** 2).sum(), {x: drawn}, [x])
    check_gradient((pel.sort(x, axis=None)[1:3] ** 3).sum(), {x: drawn}, [x])
    check_gradient((pel.top_k(x, 2)[0] ** 3).sum(), {x: drawn}, [x])


def test_gradients_of_equal_elements_follow_the_stable_order(by_numpy: Any, by_xla: Any) -> None:
    x = Input("x", (4,), "float64")
    value, weights = np.array([1.0, 0.0, 1.0, 1.0]), np.array([1.0, 2.0, 3.0, 4.0])
    ascending, top = (pel.sort(x) * weights).sum(), (pel.top_k(x, 2)[0] * weights[:2]).sum()
    for run in (by_numpy, by_xla):
        first, second = run([pel.grad(ascending, x), pel.grad(top, x)], {x: value})
        np.testing.assert_array_equal(first, [2, 1, 3, 4])
        np.testing.assert_array_equal(second, [1, 0, 2, 0])


def test_named_sizes() -> None:
    x = pel.matrix("x", shape=("n", "m"))
    assert pel.sort(x, axis=0).shape == pel.argsort(x).shape == ("n", "m")
    assert [e.shape for e in pel.top_k(x, 3, axis=0)] == [(3, "m"), (3, "m")]
    assert pel.quantile(x, [0.5], axis=0, keepdims=True).shape == (1, 1, "m")
    assert pel.sort(x, axis=None).ndim == 1
    assert x.argsort(axis=0) is pel.argsort(x, axis=0, stable=False)


def test_invalid_arguments_raise_errors() -> None:
    x = pel.matrix("x", shape=("n", 4))
    with pytest.raises(ShapeError, match=r"top_k: expected k from 0 to 4, the length of axis 1 of x. Received: k=5"):
        pel.top_k(x, 5)
    with pytest.raises(ValueError, match=r"quantile: expected fractions from 0 to 1. Received: q=50"):
        pel.quantile(x, 50)
    with pytest.raises(ShapeError, match="sorting of x: expected an axis from -2 to 1"):
        pel.sort(x, axis=2)
