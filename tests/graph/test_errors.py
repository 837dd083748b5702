"""Tests of the error messages of the graph package."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.decomposition import symbolic
from pellucid.graph.errors import DtypeError, InputError, PrecisionWarning, ShapeError, near_miss
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Expr, Input
from pellucid.graph.op_decorator import op
from pellucid.graph.types import Type

X = pel.matrix("X", shape=("n", 3))
W = pel.matrix("W", shape=(4, 2))
Y = pel.ivector("y", shape=("n",))
B = pel.vector("b", shape=(5,))

SHAPES: dict[str, tuple[Any, str]] = {
    "add": (
        lambda: X + B,
        r"X \+ b: shapes \(n, 3\) and \(5,\) do not broadcast, because dimension -1 is 3 in one",
    ),
    "names": (lambda: X + pel.matrix("Z", shape=("m", 3)), r"X \+ Z: .* dimension -2 is n in one and m in another"),
    "where": (lambda: pel.where(X > 0, X, B), r"where\(X > 0, X, b\): shapes .* dimension -1 is 3 in one and 5"),
    "matmul": (
        lambda: X @ W,
        r"X @ W: the left operand has 3 columns and the right operand has 4 rows. They must be equal. "
        r"Received: X, of shape \(n, 3\), and W, of shape \(4, 2\)",
    ),
    "matmul of a number": (lambda: X @ 2.0, r"X @ 2: expected vectors or matrices. For a scalar use \*"),
    "matmul of stacks": (
        lambda: pel.tensor3("a", shape=(2, 3, 4)) @ pel.tensor3("b", shape=(3, 4, 5)),
        r"a @ b: the batch dimensions 2 and 3 do not broadcast",
    ),
    "reshape": (
        lambda: X.reshape(("n", 4)),
        r"reshape: X, of shape \(n, 3\), does not have the number of elements of shape \(n, 4\)",
    ),
    "reshape does not divide": (
        lambda: X.reshape(("n", -1, 2)),
        r"reshape: X, .* does not divide into shape \(n, -1, 2\)",
    ),
    "reshape of two unknowns": (
        lambda: X.reshape((-1, -1)),
        r"reshape: expected at most one -1. Received: shape=\(-1, -1\)",
    ),
    "reshape of nonsense": (
        lambda: X.reshape((2.5, 1)),
        r"reshape: expected sizes, names, and at most one -1. Received",
    ),
    "transpose": (
        lambda: X.transpose(0, 0),
        r"transpose: expected each of the 2 axes of X once. Received: axes=\(0, 0\)",
    ),
    "axis": (
        lambda: X.sum(axis=2),
        r"a reduction of X: expected an axis from -2 to 1, for 2 dimensions. Received: axis=2",
    ),
    "axis of a vector": (
        lambda: B.sum(axis=1),
        r"a reduction of b: expected an axis from -1 to 0, for 1 dimension. Received: axis=1",
    ),
    "axis of a scalar": (
        lambda: B.sum().sum(axis=0),
        r"a reduction of b.sum\(\): a scalar has no axes. Received: axis=0",
    ),
    "axis of another type": (
        lambda: X.sum(axis=1.5),
        r"a reduction of X: expected an integer axis. Received: axis=1.5",
    ),
    "shape of another type": (lambda: pel.tensor("x", 5.0), r"A dimension is a size .* Received: 5.0"),  # type: ignore[arg-type]
    "roll by nothing": (
        lambda: pel.roll(B, (), axis=()),
        r"roll of b: expected a shift for each axis. Received: shift=\(\)",
    ),
    "tensordot along axes of one array": (
        lambda: pel.tensordot(X, X, axes=(1,)),
        r"tensordot: expected a number of axes, or the axes of each array, .* Received: axes=\(1,\)",
    ),
    "squeeze": (lambda: pel.squeeze(X, axis=1), r"squeeze: axis 1 of X must have length 1. Received: shape \(n, 3\)"),
    "broadcast": (lambda: pel.broadcast_to(X, (2, 4)), r"X, of shape \(n, 3\), does not broadcast to shape \(2, 4\)"),
    "concatenate": (
        lambda: pel.concatenate([X, W]),
        r"concatenate: shapes \(n, 3\) and \(4, 2\) differ in axis 1. All axes except axis 0 must be equal",
    ),
    "pad": (lambda: pel.pad(X, -1), r"pad of X: expected widths of 0 or more. Received: pad_width=-1"),
    "index": (lambda: B[5], r"b, of shape \(5,\): index 5 is out of bounds for axis 0"),
    "index of too many": (lambda: B[0, 0], r"b has 1 axis. Received: indices for 2"),
    "index by a number": (
        lambda: B[1.5],
        r"b: an index consists of integers, .* and integer arrays. Received: 1.5",
    ),
    "take_along_axis": (
        lambda: pel.take_along_axis(X, pel.imatrix("i", shape=("m", 1)), axis=1),
        r"take_along_axis: X, of shape \(n, 3\), and indices i, of shape \(m, 1\), must agree in all axes except",
    ),
    "sparse_crossentropy": (
        lambda: pel.sparse_crossentropy(Y, B),
        r"sparse_crossentropy: expected scores of the labels' shape and one more axis .* "
        r"Received: labels y, of shape \(n,\), and scores b, of shape \(5,\)",
    ),
}

DTYPES: dict[str, tuple[Any, str]] = {
    "condition": (lambda: pel.where(X, X, 0), r"where: expected a boolean condition. Received: X, which is float32"),
    "boolean index": (lambda: X[X > 0], r"X cannot be indexed by the condition X > 0: .* Use pel.where"),
    "index by numbers": (
        lambda: X[B, Y],
        r"an index of X: expected integer indices. Received: b, which is float32; cast it",
    ),
    "float index": (lambda: pel.take(X, B), r"take: expected integer indices. Received: b, which is float32"),
    "one_hot": (lambda: pel.one_hot(B, 3), r"one_hot: expected integer indices. Received: b, which is float32"),
    "labels": (lambda: pel.sparse_crossentropy(B, X), r"sparse_crossentropy: expected integer indices. Received: b"),
    "text": (lambda: pel.constant("three"), r"Expected real numbers. Received: 'three'"),
    "complex": (lambda: pel.constant(1j), r"Expected real numbers. Received: 1j, of dtype complex128"),
    "a number out of range": (
        lambda: pel.ivector("i") * 2**40,
        r"int32 cannot hold \[1099511627776\], in an expression with i",
    ),
    "a fraction": (lambda: pel.constant(2.5, "int32"), r"int32 cannot hold \[2.5\]"),
    "an expression as a value": (lambda: pel.shared(X), r"Expected a value. Received: the expression X"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shape_errors(name: str) -> None:
    build, message = SHAPES[name]
    with pytest.raises(ShapeError, match=message):
        build()


@pytest.mark.parametrize("name", DTYPES)
def test_dtype_errors(name: str) -> None:
    build, message = DTYPES[name]
    with pytest.raises(DtypeError, match=message):
        build()


@pytest.mark.parametrize("epsilon", ["small", -1.0, float("inf"), B])
def test_an_epsilon_that_is_no_positive_number_is_rejected(epsilon: Any) -> None:
    with pytest.raises(pel.OptionError, match="standardize: expected epsilon to be a number above 0"):
        pel.standardize(X, epsilon=epsilon)


def test_shape_errors_are_raised_where_the_expression_is_built() -> None:
    with pytest.raises(ShapeError) as caught:
        pel.tanh(X @ W)
    line = next(t for t in caught.traceback if t.path.name == "test_errors.py")
    assert "X @ W" in str(line.statement)


def test_shape_errors_of_values_name_the_line_of_the_expression() -> None:
    x = pel.vector("x")
    y = x @ pel.vector("z")
    line = inspect.currentframe().f_lineno - 1  # type: ignore[union-attr]
    with pytest.raises(
        ShapeError, match=rf"(?s)x @ z: .* 2 columns .* 3 rows.*is float32 \(\), written at .*test_errors.py:{line}"
    ):
        evaluate(np, [y], {y.inputs[0]: np.ones(2, "float32"), y.inputs[1]: np.ones(3, "float32")})


def test_an_op_that_violates_its_shape_rule_raises_an_error() -> None:
    @op(name="liar_for_this_test", infer=lambda x: Type((3,), x.dtype))
    def liar(xp: Any, x: Any) -> Any:
        return x

    x = Input("x", (2,), "float64")
    with pytest.raises(ShapeError, match=r"should be float64 \(3,\) and is float64 \(2,\): .* violates its own rule"):
        evaluate(np, [liar(x)], {x: np.ones(2)})
    with pytest.raises(ValueError, match="pellucid already has a function named 'tanh'"):
        op(name="tanh")(lambda xp, x: x)


def test_missing_values_are_named() -> None:
    x = Input("x")
    with pytest.raises(InputError, match="x is needed and has no value"):
        evaluate(np, [pel.exp(x)], {})


def test_reshape_with_two_unknown_sizes_raises_an_error() -> None:
    x = pel.matrix("x")
    with pytest.raises(ShapeError, match=r"reshape: at most one size of \(n, m\) may be unknown.*reshape_like"):
        x.reshape(("n", "m"))


def test_invalid_values_of_shared_variables() -> None:
    w = pel.shared([1.0, 2.0], "w")
    with pytest.raises(ShapeError, match=r"w has shape \(2,\). Received: a value of shape \(3,\)"):
        w.set_value([1.0, 2.0, 3.0])
    with pytest.warns(PrecisionWarning, match="w is float32 and received float64 values, which were rounded"):
        w.set_value(np.array([0.1, 0.2]))
    labels = pel.shared(np.array([1, 2], "int32"), "labels")
    with pytest.raises(DtypeError, match=r"labels is int32. Received: float64 values that int32 cannot hold"):
        labels.set_value(np.array([0.5, 1.0]))
    labels.set_value(np.array([3.0, 4.0]))
    assert labels.get_value().dtype == np.int32


@pytest.mark.parametrize(
    ("wrong", "kind", "message"),
    [
        (lambda x: pel.arange(0, 10, 0), pel.OptionError, r"arange: division by zero\. Received: 0, 10, 0"),
        (lambda x: pel.linspace(0, 1, -1), pel.OptionError, r"linspace: Number of samples, -1.*Received: 0, 1, -1"),
        (lambda x: pel.eye(2.5), pel.OptionError, r"eye: .*integer\. Received: 2\.5"),
        (lambda x: x[0:2:0], ShapeError, r"x: the step of a slice cannot be 0. Received: slice\(0, 2, 0\)"),
        (lambda x: x.at[0].st(1.0), pel.NoSuchNameError, r"x\.at\[index\] has no 'st'\. Did you mean 'set'\?"),
        (lambda x: x.at[0].quux(1.0), pel.NoSuchNameError, r"has no 'quux'\. It has: add, apply, divide, get, max"),
        (lambda x: pel.vector("y", dtype=np.longdouble), DtypeError, "of up to 64 bits"),
        (lambda x: pel.constant(np.longdouble(1)), DtypeError, "Expected real numbers.*of dtype float128|longdouble"),
        (lambda x: pel.function([x], x, updates=3), InputError, r"updates: expected a dict.*Received: 3"),
        (lambda x: pel.function([x], x, givens=3), InputError, r"givens: expected a dict.*Received: 3"),
    ],
)
def test_errors_of_numpy_and_python_are_explained(wrong: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        wrong(pel.vector("x"))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Dense", "It is pel.nn.Dense."),
        ("gelu", "It is pel.nn.activations.gelu."),
        ("Adam", "It is pel.optimizers.Adam."),
        ("mean_squared_error", "It is pel.losses.mean_squared_error."),
        ("moons", "It is pel.data.moons."),
        ("flatten", "Write nn.Flatten()(x). It keeps the batch; x.flatten() and pel.ravel(x) join all axes."),
        ("nanmean", "Replace NaNs first, with pel.nan_to_num(x)"),
        ("near_miss", ""),
    ],
)
def test_the_error_for_a_misplaced_name_says_where_it_is(name: str, hint: str) -> None:
    with pytest.raises(pel.PellucidError) as error:
        getattr(pel, name)
    assert str(error.value).removeprefix(f"pellucid has no {name!r}.").strip().startswith(hint)
    assert bool(hint) == str(error.value).startswith(f"pellucid has no {name!r}. ")
    assert "import_module" not in dir(pel)


def test_similar_names_are_suggested() -> None:
    assert near_miss("sofmax", ["softmax"]) == " Did you mean 'softmax'?"
    assert near_miss("quux", ["softmax"]) == ""
    with pytest.raises(AttributeError, match=r"pellucid has no function named 'sigmoyd'. Did you mean 'sigmoid'\?"):
        _ = symbolic.sigmoyd


def test_errors_are_subclasses_of_python_errors() -> None:
    assert issubclass(ShapeError, (pel.PellucidError, ValueError))
    assert issubclass(DtypeError, pel.PellucidError)
    assert issubclass(DtypeError, TypeError)
    assert isinstance(X, Expr)
