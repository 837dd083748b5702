"""Orders against NumPy's, with ties, with what is not a number, and along every axis."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import pellucid as pel
from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Input

draws = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
FEW = st.sampled_from([-np.inf, -1.0, -0.0, 0.0, 2.0, np.inf, np.nan])
arrays = hnp.arrays(np.float64, hnp.array_shapes(max_dims=3, max_side=5), elements=FEW)


@draws
@given(value=arrays, axis=st.integers(-1, 0) | st.none(), integers=st.booleans())
def test_orders_are_numpys(value: np.ndarray, axis: Any, integers: bool, by_numpy: Any, by_xla: Any) -> None:
    if integers:
        value = np.nan_to_num(value, posinf=7, neginf=-7).astype("int8")
    x = Input("x", value.shape, value.dtype)
    found = [pel.sort(x, axis), pel.argsort(x, axis), pel.sort(x, axis, descending=True), np.argsort(x, axis=axis)]
    order = np.argsort(value, axis=axis, stable=True)
    ascending = np.sort(value, axis=axis, stable=True)
    expected = [ascending, order, np.flip(ascending, axis=-1 if axis is None else axis), order]
    for run in (by_numpy, by_xla):
        for a, b in zip(run(found, {x: value}), expected, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)


@draws
@given(value=arrays, k=st.integers(0, 5))
def test_the_greatest_come_first_and_equal_ones_in_their_order(
    value: np.ndarray, k: int, by_numpy: Any, by_xla: Any
) -> None:
    x = Input("x", value.shape, "float64")
    k = min(k, value.shape[-1])
    # By how far from the top, then by place; what is not a number is the greatest.
    rank = np.where(np.isnan(value), np.inf, np.nan_to_num(value, posinf=1e9, neginf=-1e9))
    order = np.argsort(-rank, axis=-1, stable=True)
    expected = [np.take_along_axis(value, order[..., :k], -1), order[..., :k], order]
    for run in (by_numpy, by_xla):
        for a, b in zip(run([*pel.top_k(x, k), pel.argsort(x, descending=True)], {x: value}), expected, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 2), (0, 1, 2)])
def test_quantiles_are_numpys(axis: Any, by_numpy: Any, by_xla: Any) -> None:
    value = np.random.default_rng(0).normal(size=(4, 3, 5))
    value[0, 1, 2], value[1, 2] = np.nan, np.inf
    finite = np.nan_to_num(value, posinf=1e3)
    x, named = Input("x", value.shape, "float64"), Input("x", ("n", 3, 5), "float64")
    kinds = [(q, k) for q in (0.5, 0.0, [0.1, 0.25, 0.9], [[0.3], [1.0]]) for k in (False, True)]
    expected = [np.quantile(finite, q, axis=axis, keepdims=k) for q, k in kinds]
    found = [pel.quantile(e, q, axis=axis, keepdims=k) for e in (x, named) for q, k in kinds]
    assert [e.ndim for e in found] == [e.ndim for e in expected] * 2
    for run in (by_numpy, by_xla):
        for a, b in zip(run(found, {x: finite, named: finite}), expected * 2, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
        for a, (_, k) in zip(run(found, {x: value, named: value}), kinds * 2, strict=True):
            missing = np.isnan(value).any(axis=axis, keepdims=k)
            np.testing.assert_array_equal(np.isnan(a), np.broadcast_to(missing, a.shape))


def test_the_median_and_percentiles(by_numpy: Any, check_gradient: Any) -> None:
    value = np.array([[3.0, 1.0, np.inf], [4.0, 5.0, 9.0]])
    x = Input("x", (2, 3), "float64")
    found = [np.median(x, axis=1), np.percentile(x, 50, axis=1), pel.median(pel.ivector("i", shape=(4,)))]
    np.testing.assert_array_equal(by_numpy([found[0], found[1]], {x: value}), [[3, 5], [3, 5]])
    assert found[2].dtype == np.float32
    drawn = np.random.default_rng(1).normal(size=(2, 3))
    check_gradient((pel.quantile(x, [0.2, 0.7], axis=1) ** 2).sum(), {x: drawn}, [x])
    check_gradient((pel.sort(x, axis=None)[1:3] ** 3).sum(), {x: drawn}, [x])
    check_gradient((pel.top_k(x, 2)[0] ** 3).sum(), {x: drawn}, [x])


def test_gradients_of_equal_ones_go_where_their_order_says(by_numpy: Any, by_xla: Any) -> None:
    x = Input("x", (4,), "float64")
    value, weights = np.array([1.0, 0.0, 1.0, 1.0]), np.array([1.0, 2.0, 3.0, 4.0])
    ascending, top = (pel.sort(x) * weights).sum(), (pel.top_k(x, 2)[0] * weights[:2]).sum()
    for run in (by_numpy, by_xla):
        first, second = run([pel.grad(ascending, x), pel.grad(top, x)], {x: value})
        np.testing.assert_array_equal(first, [2, 1, 3, 4])
        np.testing.assert_array_equal(second, [1, 0, 2, 0])


def test_sizes_known_by_name() -> None:
    x = pel.matrix("x", shape=("n", "m"))
    assert pel.sort(x, axis=0).shape == pel.argsort(x).shape == ("n", "m")
    assert [e.shape for e in pel.top_k(x, 3, axis=0)] == [(3, "m"), (3, "m")]
    assert pel.quantile(x, [0.5], axis=0, keepdims=True).shape == (1, 1, "m")
    assert pel.sort(x, axis=None).ndim == 1
    assert x.argsort(axis=0) is pel.argsort(x, axis=0, stable=False)


def test_what_is_refused() -> None:
    x = pel.matrix("x", shape=("n", 4))
    with pytest.raises(ShapeError, match=r"top_k: expected k from 0 to 4, the length of axis 1 of x. Received: k=5"):
        pel.top_k(x, 5)
    with pytest.raises(ValueError, match=r"quantile: expected fractions from 0 to 1. Received: q=50"):
        pel.quantile(x, 50)
    with pytest.raises(ShapeError, match="sorting of x: expected an axis from -2 to 1"):
        pel.sort(x, axis=2)
