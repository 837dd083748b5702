"""Tests of indexing, indexed updates, search and binning against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pellucid as pel
from pellucid.graph.errors import DtypeError, InputError, ShapeError
from pellucid.graph.expr import Expr, Input

SHAPE = (3, 4, 2, 3)
UFUNCS = {"add": np.add, "multiply": np.multiply, "max": np.maximum, "min": np.minimum, "subtract": np.subtract}


@st.composite
def indices(draw: Any) -> tuple[Any, ...]:
    """Draw an index of an array of `SHAPE`, with integers, slices, None, ``...``, arrays and one condition."""
    common = draw(st.sampled_from([(), (2,), (2, 3)]))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    parts: list[Any] = []
    for length in SHAPE:
        kind = draw(st.sampled_from(["integer", "slice", "array", "line", "whole"]))
        if kind == "integer":
            parts.append(draw(st.integers(-length, length - 1)))
        elif kind == "slice":
            ends = st.one_of(st.none(), st.integers(-length, length))
            parts.append(slice(draw(ends), draw(ends), draw(st.sampled_from([None, 1, 2, -1]))))
        elif kind == "array":
            parts.append(rng.integers(-length, length, common))
        elif kind == "line" and common:
            parts.append(rng.integers(0, length, common[-1:]).astype("int8"))
        else:
            parts.append(slice(None))
    start = draw(st.integers(0, len(SHAPE)))
    parts[start : draw(st.integers(min(start + 1, len(SHAPE)), len(SHAPE)))] = [Ellipsis]
    for _ in range(draw(st.integers(0, 2))):
        parts.insert(draw(st.integers(0, len(parts))), None)
    return tuple(parts)


def as_inputs(index: Any) -> tuple[Any, dict[Expr, np.ndarray]]:
    """Replace index arrays by inputs, whose values are known only when the program runs."""
    values: dict[Expr, np.ndarray] = {}
    parts = []
    for number, part in enumerate(index):
        if isinstance(part, np.ndarray) and part.dtype != bool:
            index_input = Input(f"i{number}", part.shape, part.dtype)
            values[index_input] = part
            parts.append(index_input)
        else:
            parts.append(part)
    return tuple(parts), values


draws = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
few_draws = settings(draws, max_examples=5)  # each is a program of XLA


def check_indexing(run: Any, index: Any, known: bool) -> None:
    value = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    x = Input("x", SHAPE, "int64")
    parts, values = (index, {}) if known else as_inputs(index)
    part, expected = x[parts], value[index]
    assert part.shape == expected.shape
    np.testing.assert_array_equal(run([part], {x: value, **values})[0], expected)


def check_indexed_update(run: Any, index: Any, method: str, scalar: bool) -> None:
    rng = np.random.default_rng(0)
    value = rng.normal(size=SHAPE)
    v = np.array(1.5) if scalar else rng.normal(size=value[index].shape)
    expected = value.copy()
    if method == "set":
        expected[index] = v
    else:
        UFUNCS[method].at(expected, index, v)
    x, w = Input("x", SHAPE, "float64"), Input("v", v.shape, "float64")
    parts, values = as_inputs(index)
    found = getattr(x.at[parts], method)(w)
    np.testing.assert_allclose(run([found], {x: value, w: v, **values})[0], expected, rtol=1e-12)


UPDATES = {"index": indices(), "method": st.sampled_from(["set", *UFUNCS]), "scalar": st.booleans()}


@draws
@given(index=indices(), known=st.booleans())
def test_indexing_matches_numpy(index: Any, known: bool, by_numpy: Any) -> None:
    check_indexing(by_numpy, index, known)


@few_draws
@given(index=indices(), known=st.booleans())
def test_indexing_by_xla_matches_numpy(index: Any, known: bool, by_xla: Any) -> None:
    check_indexing(by_xla, index, known)


@pytest.mark.slow
@draws
@given(index=indices(), known=st.booleans())
def test_many_indices_by_xla_match_numpy(index: Any, known: bool, by_xla: Any) -> None:
    check_indexing(by_xla, index, known)


@draws
@given(**UPDATES)
def test_indexed_updates_match_numpy(index: Any, method: str, scalar: bool, by_numpy: Any) -> None:
    check_indexed_update(by_numpy, index, method, scalar)


@few_draws
@given(**UPDATES)
def test_indexed_updates_by_xla_match_numpy(index: Any, method: str, scalar: bool, by_xla: Any) -> None:
    check_indexed_update(by_xla, index, method, scalar)


@pytest.mark.slow
@draws
@given(**UPDATES)
def test_many_indexed_updates_by_xla_match_numpy(index: Any, method: str, scalar: bool, by_xla: Any) -> None:
    check_indexed_update(by_xla, index, method, scalar)


REPEATED = [(np.array([2, 0, 2, -1]),), (slice(None), np.array([0, 0])), (np.array([[1], [1]]), np.array([0, 1]))]


@pytest.mark.sample(2)
@pytest.mark.parametrize("method", ["set", "add", "multiply", "max", "min", "divide", "power"])
@pytest.mark.parametrize("index", REPEATED)
@pytest.mark.parametrize("known", [True, False])
def test_gradients_of_updates_with_repeated_indices(method: str, index: Any, known: bool, check_gradient: Any) -> None:
    rng = np.random.default_rng(1)
    value = rng.uniform(0.5, 2, (3, 2))
    v = rng.uniform(0.5, 2, value[index].shape)
    x, w = Input("x", value.shape, "float64"), Input("v", v.shape, "float64")
    parts, values = (index, {}) if known else as_inputs(index)
    changed = getattr(x.at[parts], method)(w)
    check_gradient((changed**3).sum(), {x: value, w: v, **values}, [x, w])


def test_gradient_of_an_indexed_product_with_zeros(by_numpy: Any) -> None:
    x, v, i = Input("x", (2,), "float64"), Input("v", (5,), "float64"), Input("i", (5,), "int32")
    y = x.at[i].multiply(v)
    values = {x: np.array([2.0, 3.0]), v: np.array([0.0, 5.0, 0.0, 0.0, 7.0]), i: np.array([0, 0, 1, 1, 1], "int32")}
    gx, gv = by_numpy(pel.grad(y.sum(), [x, v]), values)
    np.testing.assert_array_equal(gx, [0, 0])
    np.testing.assert_array_equal(gv, [10, 0, 0, 0, 0])


def test_ties_of_an_indexed_maximum_share_the_gradient(by_numpy: Any) -> None:
    x, v = Input("x", (2,), "float64"), Input("v", (3,), "float64")
    y = x.at[np.array([0, 0, 1])].max(v)
    gx, gv = by_numpy(pel.grad(y.sum(), [x, v]), {x: np.array([1.0, 5.0]), v: np.array([1.0, 1.0, 2.0])})
    np.testing.assert_allclose(gx, [1 / 3, 1])
    np.testing.assert_allclose(gv, [1 / 3, 1 / 3, 0])


def test_values_of_unknown_size_broadcast(by_numpy: Any, check_gradient: Any) -> None:
    x, i, v = pel.tensor("x", (None, 2), "float64"), pel.ivector("i"), pel.tensor("v", (None, None), "float64")
    values = {x: np.ones((3, 2)), i: np.array([0, 0, 2], "int32"), v: np.array([[2.0, 3.0]])}
    y = x.at[i].add(v)
    np.testing.assert_array_equal(by_numpy([y], values)[0], [[5, 7], [1, 1], [3, 4]])
    check_gradient((y**2).sum(), values, [x, v])


@pytest.mark.parametrize("dtype", ["float32", "int32", "bool"])
def test_last_value_wins_on_backends_with_unordered_writes(
    dtype: str, by_xla: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import jax

    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    rng = np.random.default_rng(2)
    index = rng.integers(0, 4, (50, 2))
    value, v = (rng.integers(0, 2 if dtype == "bool" else 99, s).astype(dtype) for s in [(4, 4, 3), (50, 3)])
    x, w, i, j = Input("x", value.shape, dtype), Input("v", v.shape, dtype), pel.ivector("i"), pel.ivector("j")
    expected = value.copy()
    expected[index[:, 0], index[:, 1]] = v
    index_values = {i: index[:, 0].astype("int32"), j: index[:, 1].astype("int32")}
    np.testing.assert_array_equal(by_xla([x.at[i, j].set(w)], {x: value, w: v, **index_values})[0], expected)


def test_updates_with_conditions(by_numpy: Any, by_xla: Any, check_gradient: Any) -> None:
    value, limits = np.array([[1.0, -2.0], [3.0, 4.0], [-5.0, 6.0]]), np.array([1.0, -1.0, -1.0])
    x, c = Input("x", ("n", 2), "float64"), Input("c", ("n",), "float64")
    rows, all_of_x = c < 0, x < 0
    found = [
        x.at[rows].set(0.0),
        x.at[all_of_x].set(7.0),
        x.at[all_of_x].add(1.0),
        x.at[rows].multiply(np.array([2.0, 3.0])),
        x.at[rows].divide(2.0),
        x.at[rows].power(2.0),
        x.at[all_of_x].max(-3.0),
        x.at[rows].min(0.5),
        x.at[rows].subtract(1.0),
        x.at[all_of_x].apply(pel.exp),
    ]
    selected, negative = limits < 0, value < 0
    expected = [value.copy() for _ in found]
    expected[0][selected] = 0
    expected[1][negative] = 7
    expected[2][negative] += 1
    expected[3][selected] *= [2, 3]
    expected[4][selected] /= 2
    expected[5][selected] **= 2
    expected[6][negative] = np.maximum(value[negative], -3)
    expected[7][selected] = np.minimum(value[selected], 0.5)
    expected[8][selected] -= 1
    expected[9][negative] = np.exp(value[negative])
    for run in (by_numpy, by_xla):
        for a, b in zip(run(found, {x: value, c: limits}), expected, strict=True):
            np.testing.assert_allclose(a, b)
    check_gradient((found[2] ** 2 * found[4]).sum(), {x: value, c: limits}, [x])


def test_constant_masks_become_index_arrays(by_numpy: Any) -> None:
    value, mask = np.arange(12.0).reshape(3, 4), np.arange(12).reshape(3, 4) % 3 == 0
    x = Input("x", (3, 4), "float64")
    assert x[mask].shape == (4,)
    pairs = [
        (x[mask], value[mask]),
        (x[[True, False, True]], value[[True, False, True]]),
        (x[:, pel.constant(mask[0])], value[:, mask[0]]),
        (x[1:, mask[0]], value[1:, mask[0]]),
        (x.at[mask].set(np.arange(4)), np.where(mask, np.cumsum(mask).reshape(3, 4) - 1, value)),
        (pel.compress([False, True], x, axis=0), value[1:2]),
        (np.compress(mask.ravel(), x), value.ravel()[mask.ravel()]),
    ]
    for found, expected in pairs:
        np.testing.assert_array_equal(by_numpy([found], {x: value})[0], expected)


def test_shapes_and_text_of_indexed_expressions() -> None:
    x, i, k = pel.tensor3("x", shape=("n", 4, 5)), pel.ivector("i", shape=("m",)), pel.iscalar("k")
    assert x[k].shape == (4, 5)
    assert x[[0, 1]].shape == (2, 4, 5)
    assert x[[]].shape == (0, 4, 5)
    assert x[i, :, i].shape == ("m", 4)
    assert x[:, i, i[:, None]].shape[0] == "n"
    assert x[..., i].shape == ("n", 4, "m")
    assert x[0, :, i].shape == ("m", 4)
    assert str(x[i, None, 1:]) == "x[i, None, 1:]"
    assert str(x.at[:, i].max(k.astype("float32"))).startswith("x.at[:, i].max(")
    assert pel.latex(x[:, i]) == "x_{:, i}"
    assert pel.latex(x.at[k].set(0.0)) == r"\left. x \right|_{k \gets 0}"
    assert x[i] is pel.take(x, i, axis=0)
    assert str(pel.simplify(-pel.log(pel.softmax(x[0])[np.arange(2), np.arange(2)]))) == (
        "-log_softmax(x[0])[[0, 1], [0, 1]]"
    )


def test_take(by_numpy: Any, by_xla: Any) -> None:
    value, index = np.arange(12.0).reshape(3, 4), np.array([[5, -7], [0, 2]])
    x, i = Input("x", ("n", "m"), "float64"), Input("i", (2, 2), "int64")
    pairs = [
        (pel.take(x, i, mode=m, axis=a), np.take(value, index, mode=m, axis=a))
        for m in ("clip", "wrap")
        for a in (None, 0, 1)
    ]
    pairs += [(np.take(x, [1, -1]), np.take(value, [1, -1])), (x.take(2, axis=1), value[:, 2])]
    for run in (by_numpy, by_xla):
        for found, expected in pairs:
            np.testing.assert_array_equal(run([found], {x: value, i: index})[0], expected)
    with pytest.raises(ValueError, match=r"Expected mode to be 'raise', 'clip' or 'wrap'. Received: mode='fill'"):
        pel.take(x, i, mode="fill")


def test_put_along_axis(by_numpy: Any, by_xla: Any, check_gradient: Any) -> None:
    value, index, v = np.arange(6.0).reshape(2, 3), np.array([[2, 0], [1, 2]]), np.array([[9.0, 8.0], [7.0, 6.0]])
    x, i, w = Input("x", ("n", 3), "float64"), Input("i", ("n", 2), "int64"), Input("v", ("n", 2), "float64")
    expected = value.copy()
    np.put_along_axis(expected, index, v, axis=1)
    y = pel.put_along_axis(x, i, w, axis=1)
    for run in (by_numpy, by_xla):
        np.testing.assert_array_equal(run([y], {x: value, i: index, w: v})[0], expected)
    check_gradient((y**2).sum(), {x: value, i: index, w: v}, [x, w])
    with pytest.raises(ShapeError, match="must agree in all axes except axis 1"):
        pel.put_along_axis(x, pel.imatrix("j", shape=(3, 1)), 0.0, axis=1)
    empty = pel.matrix("e", shape=(0, 3))
    assert pel.put_along_axis(empty, pel.imatrix("j", shape=(0, 1)), 0.0, axis=1).shape == (0, 3)


def test_ravel_and_unravel_index(by_numpy: Any, by_xla: Any) -> None:
    numbers = np.array([0, 5, 11])
    i = Input("i", (3,), "int64")
    for run in (by_numpy, by_xla):
        parts = run(pel.unravel_index(i, (3, 4)), {i: numbers})
        np.testing.assert_array_equal(parts, np.unravel_index(numbers, (3, 4)))
        again = pel.ravel_multi_index(pel.unravel_index(i, (3, 4)), (3, 4))
        np.testing.assert_array_equal(run([again], {i: numbers})[0], numbers)
    with pytest.raises(ShapeError, match=r"expected one index for each of 2 axes. Received: 1"):
        pel.ravel_multi_index([i], (3, 4))


def test_search_binning_and_select(by_numpy: Any, by_xla: Any) -> None:
    edges, rng = np.array([-1.0, 0.0, 0.0, 2.0]), np.random.default_rng(3)
    value, labels, weights = rng.normal(size=(3, 2)), np.array([0, 2, 2, 4]), rng.normal(size=4)
    x, y, w = Input("x", (3, 2), "float64"), Input("y", (4,), "int64"), Input("w", (4,), "float64")
    pairs = [
        (np.searchsorted(edges, x), np.searchsorted(edges, value)),
        (pel.searchsorted(edges, x, side="right"), np.searchsorted(edges, value, side="right")),
        (np.digitize(x, edges), np.digitize(value, edges)),
        (pel.digitize(x, edges, right=True), np.digitize(value, edges, right=True)),
        (pel.bincount(y, length=6), np.bincount(labels, minlength=6)),
        (pel.bincount(y, w, length=6), np.bincount(labels, weights, minlength=6)),
        (pel.select([x > 1, x > 0], [x, 2 * x], -1.0), np.select([value > 1, value > 0], [value, 2 * value], -1.0)),
    ]
    for run in (by_numpy, by_xla):
        for found, expected in pairs:
            result = run([found], {x: value, y: labels, w: weights})[0]
            assert result.dtype == expected.dtype
            np.testing.assert_allclose(result, expected)


X, M, B = pel.matrix("X", shape=("n", 3)), pel.matrix("M"), pel.vector("b", shape=(5,))
WHICH = pel.ivector("i", shape=(4,))

REFUSED = {
    "a condition": (lambda: X[X > 0], DtypeError, r"X cannot be indexed by the condition X > 0: .* x.at\[condition\]"),
    "a condition among others": (lambda: X.at[X[:, 0] > 0, 1], DtypeError, "cannot be indexed by the condition"),
    "a mask of another size": (
        lambda: B[np.ones(4, bool)],
        ShapeError,
        r"of shape \(4,\) in axis 0: the sizes must be",
    ),
    "a mask on a size without number": (lambda: X[np.ones(4, bool)], ShapeError, "the sizes must be known and equal"),
    "a boolean": (lambda: B[True], ShapeError, "b: an index consists of integers, .* Received: True"),
    "numbers": (lambda: X[B], DtypeError, "an index of X: expected integer indices. Received: b, which is float32"),
    "the end of a slice": (
        lambda: B.at[: WHICH[0]].set(0.0),
        ShapeError,
        r"b: the bounds of a slice must be integers.*x\[start \+ np.arange",
    ),
    "an update behind an ellipsis for nothing": (
        lambda: pel.tensor3("T").at[:, 0, ..., WHICH].set(0),
        ShapeError,
        r"'...' between its indices covers none",
    ),
    "two ellipses": (lambda: X[..., ...], ShapeError, r"only one '...'. Received: 2"),
    "arrays that do not broadcast": (
        lambda: M[WHICH, np.arange(3)],
        ShapeError,
        r"M: the index arrays must broadcast",
    ),
    "an array beyond the end": (lambda: B[np.array([0, 5])], ShapeError, "index 5 is out of bounds for axis 0"),
    "values too many": (
        lambda: B.at[1:].set(np.ones(3, "float32")),
        ShapeError,
        r"does not broadcast to the indexed part of b",
    ),
    "values too wide": (lambda: B.at[0].set(np.ones(1)), DtypeError, "keeps its dtype, float32. .* is float64"),
    "a fraction among integers": (lambda: WHICH.at[0].set(0.5), DtypeError, "int32 cannot hold"),
    "division of integers": (
        lambda: WHICH.at[0].divide(2),
        DtypeError,
        r"at\[...\].divide: expected a floating-point array",
    ),
    "the part where a condition holds": (lambda: B.at[B > 0].get(), ShapeError, "The number of elements of b where"),
    "a condition of another size": (lambda: B.at[WHICH > 0].set(0), ShapeError, "does not match the leading axes"),
    "too many values for a condition": (lambda: B.at[B > 0].set(M), ShapeError, "must broadcast to its shape"),
    "a condition to compress by": (
        lambda: pel.compress(B > 0, B),
        DtypeError,
        "compress: expected a condition that is known",
    ),
    "a count without length": (lambda: pel.bincount(WHICH), ShapeError, r"pel.bincount\(y, length=10\)"),
    "a count of rows": (lambda: pel.bincount(pel.imatrix("j"), length=2), ShapeError, "bincount: expected one axis"),
    "an unsorted row": (lambda: pel.searchsorted([2.0, 1.0], B), ShapeError, "expected numbers in ascending order"),
    "a matrix to search": (lambda: pel.searchsorted(M, B), ShapeError, "searchsorted: expected a sorted vector"),
    "choices too few": (lambda: pel.select([B > 0], []), ShapeError, "expected one choice for each condition"),
    "index arrays too few": (
        lambda: pel.gather(M, index=(0, pel.graph.ops.index_spec.ARRAY)),
        ShapeError,
        "expected 1 index",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_invalid_indices_raise_errors(case: str) -> None:
    make, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        make()


def test_out_of_bounds_input_raises_error_before_the_program_runs() -> None:
    x, i, j = pel.matrix("x", shape=(3, 4)), pel.ivector("i"), pel.ivector("j")
    f = pel.function([x, i, j], [x[i, j], x.at[:, i].add(1.0)])
    value = np.zeros((3, 4), "float32")
    with pytest.raises(
        InputError, match=r"Expected i to be from -3 to 2, because it is an index in x\[i, j\]. Received: 3"
    ):
        f(value, [3], [0])
    with pytest.raises(InputError, match=r"Expected j to be from -4 to 3"):
        f(value, [2], [-5])


def test_computed_out_of_bounds_index_gives_nan_in_xla_and_an_error_in_numpy(by_numpy: Any, by_xla: Any) -> None:
    x, i = pel.vector("x", shape=(3,)), pel.ivector("i", shape=(2,))
    values = {x: np.ones(3, "float32"), i: np.array([1, 2], "int32")}
    assert np.isnan(by_xla([x[i + 1]], values)[0]).tolist() == [False, True]
    with pytest.raises(ShapeError, match="index 3 is out of bounds"):
        by_numpy([x[i + 1]], values)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: np.unique(X), r"np.unique does not work .* The number of results depends on the data.* Use pel.sort"),
        (lambda: np.argwhere(X > 0), r"Write pel.nonzero\(x\). It returns one vector for each axis"),
        (lambda: np.extract(X > 0, X), r"Write x\[pel.nonzero\(x > 0\)\]. Each number of results is compiled"),
        (lambda: np.put(X, 0, 1.0), "Expressions are immutable. Use x = x.at"),
        (lambda: np.add.at(X, 0, 1.0), r"np.add.at changes an array.*, as in x.at\[index\].add\(value\)"),
        (lambda: X.__setitem__(0, 1.0), r"Elements of X cannot be assigned.* Write x = x.at\[index\].set\(value\)"),
    ],
)
def test_unsupported_numpy_functions_name_the_alternative(call: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call()
    with pytest.raises(AttributeError, match=r"pellucid has no 'unique'. The number of results depends on the data"):
        _ = pel.unique


def test_constant_out_of_bounds_index_of_an_axis_of_unknown_size_raises_error(by_numpy: Any, by_xla: Any) -> None:
    x = pel.vector("x", shape=("n",))
    for y in (x[np.array([0, -4])], x.at[np.array([3])].add(1.0)):
        for run in (by_numpy, by_xla):
            with pytest.raises(ShapeError, match=r"index (3|-4) is out of bounds"):
                run([y], {x: np.ones(3, "float32")})
