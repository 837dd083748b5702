"""Tests of shapes and dtypes: broadcasting, named and unknown dimensions, promotion."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pellucid as pel
from pellucid.graph.errors import DtypeError, ShapeError
from pellucid.graph.expr import Input
from pellucid.graph.types import (
    ShapeMismatch,
    Type,
    Unknown,
    as_dtype,
    as_shape,
    broadcast,
    common_dtype,
    covers,
    format_shape,
    is_float,
    normalize_axes,
    normalize_axis,
    unify,
)

NUMBERS = ["bool", "uint8", "int8", "int16", "int32", "int64", "uint32", "float16", "float32", "float64"]
SIZES = st.lists(st.sampled_from([1, 2, 3]), max_size=4).map(tuple)


@given(st.lists(SIZES, min_size=1, max_size=3))
def test_broadcasting_of_sizes_matches_numpy(shapes: list[tuple[int, ...]]) -> None:
    found = broadcast(shapes)
    try:
        expected = np.broadcast_shapes(*shapes)
    except ValueError:
        assert isinstance(found, ShapeMismatch)
        assert found.axis < 0
        assert found.left != found.right
    else:
        assert found == expected


def test_broadcasting_of_names() -> None:
    assert broadcast([("n", 3), (3,)]) == ("n", 3)
    assert broadcast([("n", 1), (1, "m")]) == ("n", "m")
    assert broadcast([("n",), ("m",)]) == ShapeMismatch(-1, "n", "m")
    assert broadcast([("n", 3), ("n", 4)]) == ShapeMismatch(-1, 3, 4)
    assert broadcast([("n", 3), (5, 3)]) == ShapeMismatch(-2, "n", 5)


def test_unknown_dimensions_are_distinct_and_compatible() -> None:
    a, b = Unknown(), Unknown()
    assert a != b
    assert unify(a, 3) == 3
    assert unify("n", a) == "n"
    assert unify(a, b) == a
    assert unify("n", "m") is None
    assert unify(2, 3) is None
    assert broadcast([(a,), (3,)]) == (3,)
    assert covers((a,), (3,))
    assert not covers((1,), ("n",))
    assert not covers((3,), ("n", 3))


def test_an_unknown_dimension_of_size_one_does_not_broadcast(by_numpy: Any) -> None:
    x, y = pel.vector("x"), pel.vector("y", shape=(3,))
    values = {x: np.ones(1, "float32"), y: np.ones(3, "float32")}
    with pytest.raises(ShapeError, match=r"dimension -1 is \? = 1 in x and 3 in y, and must be equal. A size of 1"):
        by_numpy([x + y], values)
    with pytest.raises(ShapeError, match=r"dimension -1 is \? = 2 in x and 3 in y, and must be equal\n"):
        by_numpy([x + y], {**values, x: np.ones(2, "float32")})


def test_as_shape() -> None:
    assert as_shape(3) == (3,)
    assert as_shape("n") == ("n",)
    assert as_shape(["n", np.int64(2)]) == ("n", 2)
    assert isinstance(as_shape([None])[0], Unknown)
    assert format_shape(()) == "()"
    assert str(Type(("n", 3), np.dtype("float32"))) == "float32 (n, 3)"
    for wrong in (-1, 2.5, True, ""):
        with pytest.raises(ShapeError, match=f"A dimension is a size of 0 or more, .* Received: {wrong!r}"):
            as_shape([wrong])  # type: ignore[list-item]


@given(st.sampled_from(NUMBERS), st.sampled_from(NUMBERS))
def test_promotion_of_arrays_matches_numpy(a: str, b: str) -> None:
    expected = np.result_type(a, b)
    if is_float(expected) and not any(is_float(np.dtype(d)) for d in (a, b)):
        expected = np.dtype("float32")
    x, y = Input("x", (), a), Input("y", (), b)
    assert (x * y).dtype == expected
    assert pel.maximum(y, x).dtype == expected
    assert pel.where(pel.constant(True), x, y).dtype == expected
    assert (x < y).dtype == bool


@given(st.sampled_from(NUMBERS), st.sampled_from([True, 2, 2.5]))
def test_python_numbers_take_the_dtype_of_the_other_operand(dtype: str, number: Any) -> None:
    expected = np.result_type(np.dtype(dtype), number)
    if is_float(expected) and not is_float(np.dtype(dtype)):
        expected = np.dtype("float32")
    assert (Input("x", (), dtype) * number).dtype == expected
    assert (number * Input("x", (), dtype)).dtype == expected


def test_float_ops_keep_float_dtypes_and_cast_integers_to_floatx() -> None:
    for f in (pel.exp, pel.tanh, pel.sqrt, pel.sigmoid, pel.softmax, pel.mean):
        for given_dtype, expected in [("float32", "float32"), ("float64", "float64"), ("int32", "float32")]:
            assert f(Input("x", (3,), given_dtype)).dtype == expected
    assert (Input("i", (), "int32") / Input("j", (), "int32")).dtype == "float32"


def test_floatx_can_be_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pel.config, "floatx", "float64")
    assert pel.vector("x").dtype == "float64"
    assert pel.shared([1.0]).dtype == "float64"
    assert pel.exp(pel.ivector("i")).dtype == "float64"


def test_invalid_dtypes_raise_errors() -> None:
    with pytest.raises(DtypeError, match=r"Expected a dtype such as 'float32' or 'int32'. Received: dtype='flaot'"):
        as_dtype("flaot")
    with pytest.raises(
        DtypeError,
        match=r"Expected a dtype of real numbers, integers or booleans, of up to 64 bits. Received: dtype='c8'",
    ):
        as_dtype("c8")
    with pytest.raises(DtypeError, match=r"uint8 cannot hold \[300\]"):
        Input("x", (), "uint8") + 300
    assert common_dtype([]) == np.float32
    assert common_dtype([], [True]).kind == "b"


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64"])
@pytest.mark.parametrize("weak", [[], [True], [2], [0.5]])
def test_python_numbers_do_not_widen_float_dtypes(dtype: str, weak: list[Any]) -> None:
    assert common_dtype([as_dtype(dtype)], weak) == as_dtype(dtype)


def test_normalize_axes() -> None:
    assert normalize_axis(-1, 3, "f") == 2
    assert normalize_axes((2, -3), 3, "f") == (0, 2)
    assert normalize_axes(None, 2, "f") == (0, 1)
    with pytest.raises(ShapeError, match=r"f: expected an axis from -2 to 1, for 2 dimensions. Received: axis=2"):
        normalize_axis(2, 2, "f")
    with pytest.raises(ShapeError, match=r"f: expected an integer axis. Received: axis=1.5"):
        normalize_axis(1.5, 2, "f")  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match=r"f: an axis is repeated. Received: axis=\(0, -2\)"):
        normalize_axes((0, -2), 2, "f")


SHAPED = [
    (lambda x: x.reshape(("n", -1)), ("n", 12)),
    (lambda x: x.reshape("n", 3, 4), ("n", 3, 4)),
    (lambda x: x.reshape((-1, 12)), ("n", 12)),
    (lambda x: x.T, (4, 3, "n")),
    (lambda x: x.transpose(1, 0, 2), (3, "n", 4)),
    (lambda x: x.transpose((1, 0, 2)), (3, "n", 4)),
    (lambda x: x.transpose(), (4, 3, "n")),
    (lambda x: x[:, 0], ("n", 4)),
    (lambda x: x[..., 1:], ("n", 3, 3)),
    (lambda x: x[:, None], ("n", 1, 3, 4)),
    (lambda x: x[:, ::-2], ("n", 2, 4)),
    (lambda x: x[0], (3, 4)),
    (lambda x: x.sum(axis=-1), ("n", 3)),
    (lambda x: x.mean(axis=(0, 2), keepdims=True), (1, 3, 1)),
    (lambda x: pel.concatenate([x, x], axis=1), ("n", 6, 4)),
    (lambda x: pel.stack([x, x], axis=1), ("n", 2, 3, 4)),
    (lambda x: pel.stack([x, x], axis=-1), ("n", 3, 4, 2)),
    (lambda x: pel.moveaxis(x, 0, -1), (3, 4, "n")),
    (lambda x: pel.swapaxes(x, 0, -1), (4, 3, "n")),
    (lambda x: pel.pad(x, ((0, 0), (1, 1), (0, 2))), ("n", 5, 6)),
    (lambda x: x @ np.zeros((4, 5)), ("n", 3, 5)),
    (lambda x: pel.one_hot(x.argmax(-1), 4), ("n", 3, 4)),
    (lambda x: pel.argmax(x), ()),
    (lambda x: pel.take(x, np.array([0, 2]), axis=1), ("n", 2, 4)),
    (lambda x: x[np.array([[0, 1]])], (1, 2, 3, 4)),
]


@pytest.mark.parametrize(("build", "shape"), SHAPED)
def test_shapes_with_a_named_dimension(build: Any, shape: Any, by_numpy: Any) -> None:
    x = Input("x", ("n", 3, 4))
    made = build(x)
    assert made.shape == shape
    [value] = by_numpy([made], {x: np.zeros((2, 3, 4), "float32")})
    assert value.shape == tuple(2 if d == "n" else d for d in shape)


def test_computed_sizes() -> None:
    x = Input("x", ("n", 3))
    made = [x[1:], pel.concatenate([x, x]), pel.pad(x, 1), x.reshape((-1,))]
    assert [e.shape[0] for e in made] == ["n - 1", "2*n", "n + 2", "3*n"]


def test_formulas_that_may_be_equal_are_compatible() -> None:
    x = Input("x", ("n", 3))
    halves = pel.repeat(x[::2], 2, axis=0)
    assert halves.shape == ("2*((n + 1)//2)", 3)
    assert (x + halves).shape == ("n", 3)
    with pytest.raises(ShapeError, match=r"shapes \(n, 3\) and \(n - 1, 3\) do not broadcast"):
        x + x[1:]


def test_one_hot_of_more_classes_than_the_dtype_of_the_indices_holds() -> None:
    x = pel.vector("x", dtype="uint8")
    for mode in ("numpy", "xla"):
        rows = pel.function([x], pel.one_hot(x, 300), mode=mode)(np.array([1, 255], "uint8"))
        assert np.argwhere(rows).tolist() == [[0, 1], [1, 255]]
