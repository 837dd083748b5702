"""Tests of reductions, cumulative functions and array creation against NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pellucid as pel
from pellucid.graph.errors import ShapeError
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Expr, Input

REDUCTIONS = ["sum", "prod", "mean", "var", "std", "min", "max", "amin", "amax", "ptp", "any", "all", "count_nonzero"]
DTYPES = ["float64", "float32", "int32", "uint8", "bool"]


def to_floatx(value: Any, dtype: str) -> np.ndarray:
    """Convert NumPy's floats to floatx, which pellucid computes from integers."""
    array = np.asarray(value)
    return array.astype("float32") if array.dtype.kind == "f" and not dtype.startswith("float") else array


def compare(found: Any, wanted: np.ndarray, label: str) -> None:
    """Compare a value with NumPy's: equal shape and dtype, and elements equal up to rounding."""
    assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype), label
    tolerance = {"float64": 1e-12, "float32": 1e-5}.get(str(wanted.dtype), 0)
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance, err_msg=label)


@st.composite
def arrays_and_axes(draw: st.DrawFn) -> tuple[tuple[int, ...], Any, bool]:
    """Draw a shape, axes in any spelling, and keepdims."""
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=0, max_size=4)))
    one = st.integers(-len(shape), len(shape) - 1)
    axis = None
    if shape:
        several = st.lists(one, max_size=len(shape), unique_by=lambda a: a % len(shape)).map(tuple)
        axis = draw(st.one_of(st.none(), one, several))
    return shape, axis, draw(st.booleans())


@settings(max_examples=50)
@given(arrays_and_axes(), st.sampled_from(DTYPES), st.integers(0, 99))
def test_reductions_match_numpy_for_any_axes(case: tuple[tuple[int, ...], Any, bool], dtype: str, seed: int) -> None:
    shape, axis, keepdims = case
    values = (np.random.default_rng(seed).normal(size=shape) * 3).astype("int8").astype(dtype)
    x = Input("x", shape, dtype)
    for name in REDUCTIONS:
        if name == "ptp" and dtype == "bool":
            continue
        [found] = evaluate(np, [getattr(np, name)(x, axis=axis, keepdims=keepdims)], {x: values})
        source = values if dtype.startswith("float") or name not in ("mean", "var", "std") else values.astype("float64")
        compare(found, to_floatx(getattr(np, name)(source, axis=axis, keepdims=keepdims), dtype), name)
    one = axis if isinstance(axis, int) or axis is None else None
    for name in ("argmax", "argmin"):
        [found] = evaluate(np, [getattr(np, name)(x, axis=one, keepdims=keepdims)], {x: values})
        compare(found, np.asarray(getattr(np, name)(values, axis=one, keepdims=keepdims)), name)


ALONG_AXIS: list[Callable[[Any], Any]] = [
    np.cumsum,
    np.cumprod,
    lambda x: np.cumsum(x, axis=1),
    lambda x: x.cumprod(axis=-1),
    lambda x: x.cumsum(0),
    lambda x: np.diff(x, n=2),
    lambda x: np.diff(x, axis=0),
    lambda x: x.argmax(1, keepdims=True),
    lambda x: x.any(axis=(0, 2)),
]


@pytest.mark.parametrize("dtype", DTYPES)
def test_functions_along_an_axis_match_numpy(dtype: str, rng: np.random.Generator, by_numpy: Any, by_xla: Any) -> None:
    values = (rng.normal(size=(2, 3, 4)) * 3).astype("int8").astype(dtype)
    x = Input("x", values.shape, values.dtype)
    outputs = [case(x) for case in ALONG_AXIS]
    for run in (by_numpy, by_xla):
        for number, (found, case) in enumerate(zip(run(outputs, {x: values}), ALONG_AXIS, strict=True)):
            compare(found, np.asarray(case(values)), f"case {number}")


def test_weighted_averages_match_numpy(rng: np.random.Generator, by_numpy: Any) -> None:
    values, full, row = rng.normal(size=(2, 3, 4)), rng.random((2, 3, 4)), rng.random(3)
    x = Input("x", values.shape, values.dtype)
    for case in (
        lambda x: np.average(x),
        lambda x: np.average(x, axis=1, weights=full, keepdims=True),
        lambda x: np.average(x, axis=1, weights=row),
        lambda x: np.average(x, axis=(0, 2), weights=full[:, 0]),
        lambda x: np.average(x, axis=(2, 0), weights=full[:, 0].T),
        lambda x: np.average(x, axis=(-1, 1), weights=full[0].T),
    ):
        compare(by_numpy([case(x)], {x: values})[0], np.asarray(case(values)), "average")
    with pytest.raises(
        ShapeError, match=r"average: expected weights of the shape of x, \(n, 3\), or of its axes \(0, 1\)"
    ):
        pel.average(pel.matrix("x", shape=("n", 3)), weights=row)


def test_counts_are_exact_for_float16(by_numpy: Any, by_xla: Any) -> None:
    values = np.linspace(-1, 1, 70_000).astype("float16")
    x = Input("x", values.shape, "float16")
    made = [x.mean(), x.var(), x.var(ddof=1), x.std(ddof=7), *pel.grad(x.std(ddof=1) * 20_000, [x])]
    wide = values.astype("float64")
    slope = 20_000 * (wide - wide.mean()) / (69_999 * wide.std(ddof=1))
    for run in (by_numpy, by_xla):
        *found, gradient = run(made, {x: values})
        for a, b in zip(found, [wide.mean(), wide.var(), wide.var(ddof=1), wide.std(ddof=7)], strict=True):
            np.testing.assert_allclose(a, b, atol=1e-3)
        np.testing.assert_allclose(gradient, slope, atol=3e-3)


def test_std_of_equal_elements_has_gradient_zero(by_numpy: Any, by_xla: Any) -> None:
    x = pel.matrix("x", shape=(2, 3))
    slope = pel.grad(x.std(axis=1).sum(), x)
    for run in (by_numpy, by_xla):
        [found] = run([slope], {x: np.array([[2, 2, 2], [1, 2, 3]], "float32")})
        np.testing.assert_allclose(found, np.array([[0.0, 0.0, 0.0], [-(6**-0.5), 0.0, 6**-0.5]]), rtol=1e-6)
    assert np.isfinite(by_numpy([pel.grad((slope * slope).sum(), x)], {x: np.full((2, 3), 2, "float32")})[0]).all()


def hessian_of_product(x: np.ndarray) -> np.ndarray:
    """Return the Hessian of the product of numbers: products of all but two of them."""
    n = len(x)
    pairs = [[np.prod(np.delete(x, [i, j])) if i != j else 0.0 for j in range(n)] for i in range(n)]
    return np.array(pairs)


@pytest.mark.parametrize("mode", ["numpy", "xla", "native"])
def test_extremes_with_an_initial_value(mode: Any) -> None:
    x = pel.matrix("x", shape=("n", 3))
    top = pel.max(x, axis=0, initial=-np.inf)
    results = [top, x.min(axis=0, initial=2), pel.grad(pel.max(x, axis=0, initial=2).sum(), x)]
    f = pel.function([x], results, mode=mode)
    expected: list[Any] = [[-np.inf] * 3, [2] * 3, np.zeros((0, 3))]
    for found, e in zip(f(np.zeros((0, 3))), expected, strict=True):
        np.testing.assert_array_equal(found, e)
    for found, e in zip(f([[1, 3, 2], [1, 3, 5]]), [[1, 3, 5], [1, 2, 2], [[0, 0.5, 0], [0, 0.5, 1]]], strict=True):
        np.testing.assert_array_equal(found, e)
    assert str(top) == "x.max(axis=0, initial=-inf)"
    assert pel.show.latex(top).endswith(r",\, -\infty)")


@pytest.mark.parametrize("zeros", [[], [1], [0, 3], [1, 2, 3]])
@pytest.mark.parametrize("product", [lambda x: x.prod(), lambda x: x.cumprod()[-1], lambda x: x.reshape((2, 2)).prod()])
def test_products_with_zeros_have_first_and_second_gradients(zeros: list[int], product: Any, by_numpy: Any) -> None:
    values = np.array([2.0, -3.0, 0.5, 4.0])
    values[zeros] = 0
    x = Input("x", (4,), "float64")
    first = pel.grad(product(x), x)
    rows = [pel.grad(first[i], x, disconnected="zero") for i in range(4)]
    slope, *second = by_numpy([first, *rows], {x: values})
    np.testing.assert_allclose(slope, [np.prod(np.delete(values, i)) for i in range(4)])
    np.testing.assert_allclose(second, hessian_of_product(values))


def test_cumulative_functions_of_a_named_size(by_numpy: Any) -> None:
    x = pel.matrix("x", shape=("n", 2), dtype="float64")
    assert x.cumsum(axis=0).shape == ("n", 2)
    assert x.cumprod().ndim == 1
    assert str(x.cumsum(axis=0)) == "x.cumsum(axis=0)"
    assert str(pel.vector("y").cumsum()) == "y.cumsum()"
    values = np.array([[1.0, 2.0], [3.0, 0.0], [5.0, 6.0]])
    found = by_numpy([x.cumprod(), pel.grad(x.cumprod(axis=0).sum(), x)], {x: values})
    np.testing.assert_array_equal(found[0], values.cumprod())
    np.testing.assert_array_equal(found[1], [[1 + 3 + 15, 1 + 0 + 0], [1 + 5, 2 + 12], [3, 0]])


def test_invalid_arguments_raise_errors() -> None:
    x = pel.matrix("x", shape=("n", 2))
    with pytest.raises(ShapeError, match=r"a cumulative sum or product of x: expected an axis from -2 to 1"):
        x.cumsum(axis=2)
    with pytest.raises(TypeError, match=r"expected initial to be a number of dtype int32. Received: 1.5"):
        pel.max(pel.cast(x, "int32"), initial=1.5)
    with pytest.raises(ValueError, match=r"diff: expected n to be an integer of 0 or more. Received: n=-1"):
        pel.diff(x, n=-1)
    with pytest.raises(ShapeError, match=r"recurrence: expected equal shapes. Received: x"):
        pel.recurrence(x, pel.vector("b"))
    with pytest.raises(ShapeError, match=r"Received: shape=\(n, 3\). .* use full_like, zeros_like"):
        pel.zeros(("n", 3))
    with pytest.raises(TypeError, match=r"Expected an integer as a size. Received: x.sum\(\), of type float32"):
        pel.arange(x.sum())
    with pytest.raises(ValueError, match=r"expected indexing to be 'xy' or 'ij'. Received: indexing='yx'"):
        pel.meshgrid([1, 2], [3, 4], indexing="yx")
    with pytest.raises(ShapeError, match=r"meshgrid: expected coordinates of one axis. Received: x, of shape \(n, 2\)"):
        pel.meshgrid(x, [3, 4])


CREATED: dict[str, Callable[[Any], Any]] = {
    "zeros": lambda xp: xp.zeros((2, 3)),
    "ones": lambda xp: xp.ones(3, dtype="int32"),
    "full": lambda xp: xp.full((2, 2), 7.5),
    "full of truth": lambda xp: xp.full(3, True),
    "full of a row": lambda xp: xp.full((2, 3), np.array([1, 2, 3])),
    "eye": lambda xp: xp.eye(3, 4, 1),
    "identity": lambda xp: xp.identity(3),
    "tri": lambda xp: xp.tri(3, 4, -1),
    "arange": lambda xp: xp.arange(5),
    "arange by steps": lambda xp: xp.arange(5, 1, -2),
    "arange of reals": lambda xp: xp.arange(0, 1, 0.25),
    "arange of a dtype": lambda xp: xp.arange(1, 4, dtype="float64"),
    "linspace": lambda xp: xp.linspace(-1, 1, 5),
    "linspace without end": lambda xp: xp.linspace(0, 1, 4, endpoint=False),
    "linspace of rows": lambda xp: xp.linspace(np.zeros(2), np.array([1.0, 2.0]), 3),
    "logspace": lambda xp: xp.logspace(0, 3, 4, base=2.0),
    "geomspace": lambda xp: xp.geomspace(1, 8, 4),
    "indices": lambda xp: xp.indices((2, 3)),
    "meshgrid": lambda xp: xp.stack(xp.meshgrid(xp.arange(3), xp.arange(2), xp.arange(4))),
    "meshgrid of rows": lambda xp: xp.stack(xp.meshgrid(xp.arange(3), xp.arange(2), indexing="ij")),
    "meshgrid, sparse": lambda xp: xp.add(*xp.meshgrid(xp.arange(3), xp.arange(2), sparse=True)),
}


@pytest.mark.parametrize("name", CREATED)
def test_created_arrays_match_numpy(name: str, by_numpy: Any) -> None:
    [found] = by_numpy([CREATED[name](pel)], {})
    wanted = np.asarray(CREATED[name](np))
    real = wanted.dtype == np.float64 and name != "arange of a dtype"
    compare(found, wanted.astype("float32") if real else wanted, name)


def test_full_like_and_variants_have_the_shape_of_their_operand(by_numpy: Any) -> None:
    x, c = pel.imatrix("x", shape=("n", 2)), pel.scalar("c")
    made = [np.zeros_like(x), np.ones_like(x, dtype="float32"), np.full_like(x, 3), pel.full_like(x, c, "float64")]
    made += [pel.full((2,), c), pel.linspace(c, 2 * c, 3)]
    assert all(e.shape == ("n", 2) for e in made[:4])
    values = by_numpy(made, {x: np.ones((1, 2), "int32"), c: np.array(2, "float32")})
    expected: list[Any] = [[[0, 0]], [[1, 1]], [[3, 3]], [[2, 2]], [2, 2], [2, 3, 4]]
    for found, wanted, dtype in zip(
        values, expected, ["int32", "float32", "int32", "float64", *["float32"] * 2], strict=True
    ):
        np.testing.assert_array_equal(found, np.array(wanted, dtype), strict=True)


def test_meshgrid_of_named_sizes(by_numpy: Any) -> None:
    x, y = pel.vector("x", shape=("n",)), pel.vector("y", shape=("m",))
    grids: list[Expr] = pel.meshgrid(x, y)
    assert [g.shape for g in grids] == [("m", "n"), ("m", "n")]
    values = {x: np.array([1, 2, 3], "float32"), y: np.array([4, 5], "float32")}
    for found, wanted in zip(by_numpy(grids, values), np.meshgrid(*values.values()), strict=True):
        np.testing.assert_array_equal(found, wanted)
