"""Tests of expressions: interning, operators, NumPy functions, methods, text."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.expr import Constant, Expr, Input
from pellucid.graph.inputs import iscalar
from pellucid.graph.op_decorator import is_built_in
from pellucid.graph.operators import FUNCTIONS
from pellucid.graph.pattern import make_hole

X = Input("x", (2, 3), "float64")
Y = Input("y", (3,), "float64")
VALUES = {X: np.arange(1.0, 7).reshape(2, 3), Y: np.array([1.0, 2, 4])}


def test_equal_expressions_are_the_same_object() -> None:
    assert X + Y is X + Y
    assert X + Y is not Y + X
    assert pel.tanh(X).sum(axis=-1) is pel.tanh(X).sum(axis=1)
    assert X.sum(axis=0) is not X.sum(axis=1)
    assert X + 1 is X + 1.0
    assert pel.constant(2.0) is pel.constant(2.0)
    assert pel.constant(np.float64(2.0)) is not pel.constant(np.float32(2.0))
    assert pel.constant(np.zeros(3)) is pel.constant(np.zeros(3))
    assert pel.constant(np.zeros((1, 3))) is not pel.constant(np.zeros(3))
    assert pel.constant(0.0) is not pel.constant(-0.0)


def test_leaves_are_compared_by_identity() -> None:
    assert Input("x") is not Input("x")
    assert pel.shared(1.0, "w") is not pel.shared(1.0, "w")
    assert (Input("x") + 1) is not (Input("x") + 1)


def test_unreferenced_expressions_are_freed() -> None:
    from pellucid.graph.expr import _nodes

    gc.collect(1)
    before = len(_nodes)
    kept = pel.exp(Input("x")) + 1
    assert len(_nodes) == before + 2
    del kept
    assert len(_nodes) == before


def test_equality_is_elementwise_and_hashing_by_identity() -> None:
    assert isinstance(X == Y, Expr)
    assert (X == Y).dtype == bool
    assert isinstance(X != 2, Expr)
    assert len({X, Y, X, X + Y, X + Y}) == 3
    assert {X: 1}[X] == 1
    assert (X == "x") is False
    assert X != None  # noqa: E711


OPERATORS = {
    "x + y": lambda x, y: x + y,
    "x - y": lambda x, y: x - y,
    "x * y": lambda x, y: x * y,
    "x / y": lambda x, y: x / y,
    "x // y": lambda x, y: x // y,
    "x % y": lambda x, y: x % y,
    "x ** y": lambda x, y: x**y,
    "x == y": lambda x, y: x == y,
    "x != y": lambda x, y: x != y,
    "x < y": lambda x, y: x < y,
    "x <= y": lambda x, y: x <= y,
    "x > y": lambda x, y: x > y,
    "x >= y": lambda x, y: x >= y,
    "(x > 2) & (y > 1)": lambda x, y: (x > 2) & (y > 1),
    "(x > 2) | (y > 1)": lambda x, y: (x > 2) | (y > 1),
}


@pytest.mark.parametrize("text", OPERATORS)
def test_operators_on_expressions_and_arrays(text: str, by_numpy: Any) -> None:
    apply = OPERATORS[text]
    expected = apply(VALUES[X], VALUES[Y])
    assert str(apply(X, Y)) == text
    for made in (apply(X, Y), apply(VALUES[X], Y), apply(X, VALUES[Y])):
        assert isinstance(made, Expr)
        [found] = by_numpy([made], VALUES)
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype


@pytest.mark.parametrize("text", [t for t in OPERATORS if "&" not in t and "|" not in t])
def test_operators_on_numbers_and_lists(text: str, by_numpy: Any) -> None:
    apply = OPERATORS[text]
    for other in (2.0, 2, np.float64(2), [1.0, 2.0, 4.0]):
        for made, expected in [(apply(X, other), apply(VALUES[X], other)), (apply(other, X), apply(other, VALUES[X]))]:
            np.testing.assert_array_equal(by_numpy([made], VALUES)[0], expected)


def test_matrix_products_with_arrays(by_numpy: Any) -> None:
    A = np.arange(6.0).reshape(3, 2)
    for made, expected in [(X @ A, VALUES[X] @ A), (A @ X, A @ VALUES[X]), (X @ Y, VALUES[X] @ VALUES[Y])]:
        np.testing.assert_array_equal(by_numpy([made], VALUES)[0], expected)


def test_unary_operators() -> None:
    assert str(-X) == "-x"
    assert +X is X
    assert str(abs(X)) == "abs(x)"
    assert round(X, 2) is pel.round(X, 2)
    assert str(~(X > 1)) == "~(x > 1)"


NUMPY_CALLS = [
    lambda x: np.tanh(x),
    lambda x: np.exp(x) + np.log(x),
    lambda x: np.sum(x, axis=1),
    lambda x: np.mean(x),
    lambda x: np.max(x, axis=0),
    lambda x: np.amin(x, axis=0),
    lambda x: np.var(x, axis=1),
    lambda x: np.std(x, axis=1, keepdims=True),
    lambda x: np.where(x > 2, x, 0.0),
    lambda x: np.maximum(x, 3),
    lambda x: np.clip(x, 2, 4),
    lambda x: np.concatenate([x, x], axis=1),
    lambda x: np.stack([x, x]),
    lambda x: np.reshape(x, (3, 2)),
    lambda x: np.transpose(x),
    lambda x: np.expand_dims(x, 0),
    lambda x: np.dot(x, x.T),
    lambda x: np.matmul(x, x.T),
    lambda x: np.absolute(x),
    lambda x: np.divide(x, 2),
    lambda x: np.multiply(2, x),
    lambda x: np.argmax(x, axis=1),
    lambda x: np.take_along_axis(x, np.array([[0], [2]]), axis=1),
    lambda x: np.flip(x, axis=0),
    lambda x: np.zeros_like(x),
    lambda x: np.logical_and(x > 1, x < 3),
    lambda x: np.moveaxis(x, 0, 1),
]


@pytest.mark.parametrize("call", NUMPY_CALLS)
def test_numpy_functions_on_expressions(call: Any, by_numpy: Any) -> None:
    made = call(X)
    assert isinstance(made, Expr)
    [found] = by_numpy([made], VALUES)
    np.testing.assert_allclose(found, call(VALUES[X]))


def test_unsupported_numpy_functions_raise_errors() -> None:
    with pytest.raises(TypeError, match=r"np.fft does not work on expressions: pellucid has no op of that name"):
        np.fft.fft(X)
    with pytest.raises(TypeError, match=r"np.spacing does not work on expressions"):
        np.spacing(X)
    with pytest.raises(TypeError, match=r"np.add.reduce does not work on .* reduction such as pel.sum, pel.prod or"):
        np.add.reduce(X)
    with pytest.raises(TypeError, match=r"np.tanh on an expression takes no argument 'out'. Expressions are immutable"):
        np.tanh(X, out=np.zeros((2, 3)))
    with pytest.raises(TypeError, match=r"np.sum on an expression takes no argument 'dtype'. Cast the result"):
        np.sum(X, dtype="float64")  # type: ignore[call-overload]
    with pytest.raises(TypeError, match=r"np.add on an expression takes no argument 'where'. Use pel.where"):
        np.add(X, 1, where=[True])
    with pytest.raises(TypeError, match=r"x is an expression and has no value yet, so it cannot become a NumPy array"):
        np.asarray(X)


def test_truth_values_raise_errors() -> None:
    with pytest.raises(TypeError, match=r"The truth value of x > 2 is not known until it runs. Use pel.where"):
        bool(X > 2)
    with pytest.raises(TypeError, match="pattern p has no truth value"):
        bool(make_hole("p"))


def test_length_and_iteration() -> None:
    assert len(X) == 2
    assert [str(row) for row in X] == ["x[0]", "x[1]"]
    a, b = X
    assert a.shape == b.shape == (3,)
    with pytest.raises(TypeError, match=r"The length of m, of shape \(n, 2\), is not known until it runs"):
        len(pel.matrix("m", shape=("n", 2)))
    with pytest.raises(TypeError, match=r"s is a scalar, which has no length"):
        list(pel.scalar("s"))


def test_methods_return_the_results_of_functions() -> None:
    assert X.sum(0) is pel.sum(X, 0)
    assert X.mean(axis=1, keepdims=True) is pel.mean(X, axis=1, keepdims=True)
    assert X.max() is pel.max(X)
    assert X.min() is pel.min(X)
    assert X.prod(0) is pel.prod(X, 0)
    assert X.var(0, 1) is pel.var(X, 0, 1)
    assert X.std(0) is pel.std(X, 0)
    assert (X > 0).any() is pel.any(X > 0)
    assert (X > 0).all(0) is pel.all(X > 0, 0)
    assert X.argmax(1) is pel.argmax(X, 1)
    assert X.argmin() is pel.argmin(X)
    assert X.ravel() is pel.ravel(X)
    assert X.reshape(6) is X.reshape((6,)) is pel.reshape(X, 6)
    assert X.T is X.transpose() is X.transpose(1, 0)
    assert X.astype("int32") is pel.cast(X, "int32")


def test_origin_is_the_line_of_user_code() -> None:
    made = pel.exp(Input("here"))
    assert made.origin is not None
    assert made.origin[0] == __file__
    import inspect

    assert made.origin[1] == inspect.currentframe().f_lineno - 5  # type: ignore[union-attr]


def test_inputs_of_every_rank() -> None:
    ranks = [pel.scalar, pel.vector, pel.matrix, pel.tensor3, pel.tensor4]
    assert [make("x").ndim for make in ranks] == [0, 1, 2, 3, 4]
    assert [make("i").dtype.name for make in (iscalar, pel.ivector, pel.imatrix)] == ["int32"] * 3
    assert pel.tensor("x", ("n", None, 3)).shape[2] == 3
    with pytest.raises(pel.ShapeError, match=r"pel.matrix has 2 dimensions. Received: shape=\('n',\)"):
        pel.matrix("m", shape=("n",))
    with pytest.raises(pel.ShapeError, match=r"pel.vector has 1 dimension. Received"):
        pel.vector("v", shape=(2, 3))


def test_shared_variables() -> None:
    w = pel.shared([1.0, 2.0], "w")
    assert w.dtype == np.float32
    kept = w.get_value()
    kept[0] = 9
    np.testing.assert_array_equal(w.get_value(), [1, 2])
    w.set_value([3, 4])
    np.testing.assert_array_equal(w.get_value(), [3, 4])
    array = np.zeros(2, np.float32)
    w.set_value(array)
    array[0] = 9
    np.testing.assert_array_equal(w.get_value(), [0, 0])
    assert pel.shared(np.zeros(2)).dtype == np.float64
    assert pel.shared(np.zeros(2), dtype="float32").dtype == np.float32
    assert pel.shared(3).dtype == np.float32


def test_constants_are_copied_and_read_only() -> None:
    array = np.zeros(3)
    made = pel.constant(array)
    array[0] = 1
    np.testing.assert_array_equal(made.value, np.zeros(3))
    with pytest.raises(ValueError, match="read-only"):
        made.value[0] = 1
    assert isinstance((X + VALUES[X]).inputs[1], Constant)


def test_text() -> None:
    expected = {
        "x * 2 + 1": X * 2 + 1,
        "-(x + y)": -(X + Y),
        "(x + y).sum(axis=1)": (X + Y).sum(axis=1),
        "x[:, 0].T": X[:, 0].T,
        "where(x > 2, x, y)": pel.where(X > 2, X, Y),
        "x.reshape(3, 2)": X.reshape((3, 2)),
        "x @ y - 1e-08": X @ Y - 1e-8,
        "cast(x, dtype=int32)": X.astype("int32"),
        "[1, 2, 3] * y": pel.constant([1.0, 2, 3], "float64") * Y,
        "y * constant(float64 (9, 3))": Y * np.ones((9, 3)),
        "x * (y @ y)": X * (Y @ Y),
        "x * y % 2": X * Y % 2,
        "x * (y % 2)": X * (Y % 2),
    }
    for text, made in expected.items():
        assert str(made) == text
    assert str(pel.text(X + Y, names={X: "A"})) == "A + y"


def test_every_public_function_has_a_docstring() -> None:
    assert [name for name, f in FUNCTIONS.items() if is_built_in(f) and not f.__doc__] == []


def test_arguments_by_name_and_wrong_arguments() -> None:
    assert pel.take(x=X, indices=np.array([0]), axis=1).shape == (2, 1)
    assert pel.where(X > 2, x=X, y=Y) is pel.where(X > 2, X, Y)
    with pytest.raises(TypeError, match=r"softmax takes no argument named 'axes'. Use axis instead"):
        pel.softmax(X, axes=1)
    assert pel.maximum(y=1.0, x=X) is pel.maximum(X, 1.0)
    with pytest.raises(TypeError, match=r"softmax received its argument 'axis' twice"):
        pel.softmax(X, 1, axis=1)
    with pytest.raises(TypeError, match=r"add needs x, y. Received: 1 of 2 operands"):
        pel.add(X)
    with pytest.raises(TypeError, match=r"tanh takes at most 1 argument \(x\). Received: 2"):
        pel.tanh(X, Y)
    with pytest.raises(AttributeError, match=r"pellucid has no 'sofmax'. Did you mean 'softmax'\?"):
        _ = pel.sofmax
