"""Functions of shapes are NumPy's: the same call on arrays and on expressions gives the same values and shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pellucid as pel
from pellucid.graph.errors import DtypeError, ShapeError
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Expr, Input

CUBE = np.arange(24.0).reshape(2, 3, 4)
quickly = settings(max_examples=60, deadline=None, derandomize=True)


def hold(function: Callable[..., Any], *arrays: np.ndarray, named: bool = True) -> None:
    """Compare a call of NumPy on arrays with the same call on expressions, with fixed and with named sizes."""
    wanted = function(*arrays)
    wanted = wanted if isinstance(wanted, (list, tuple)) else [wanted]

    def sizes(array: np.ndarray) -> list[tuple[Any, ...]]:
        return [array.shape, *([tuple(f"n{d}" if d > 1 else d for d in array.shape)] if named else [])]

    for shapes in zip(*map(sizes, arrays), strict=True):
        inputs = [Input(f"x{i}", s, a.dtype) for i, (s, a) in enumerate(zip(shapes, arrays, strict=True))]
        found = function(*inputs)
        found = list(found) if isinstance(found, (list, tuple)) else [found]
        assert len(found) == len(wanted)
        assert all(isinstance(e, Expr) for e in found)
        for e, value, want in zip(
            found, evaluate(np, found, dict(zip(inputs, arrays, strict=True))), wanted, strict=True
        ):
            assert e.ndim == value.ndim
            assert value.dtype == e.dtype == want.dtype
            np.testing.assert_array_equal(value, want)


cubes = st.tuples(*[st.integers(1, 4)] * 3).map(lambda s: np.arange(float(np.prod(s))).reshape(s))
axes = st.integers(-3, 2)


def test_orders_of_axes() -> None:
    for call in (
        np.transpose,
        lambda x: np.permute_dims(x, (2, 0, 1)),
        lambda x: np.moveaxis(x, (0, 1), (-1, 0)),
        lambda x: np.moveaxis(x, -1, 0),
        lambda x: np.swapaxes(x, 0, 2),
        np.matrix_transpose,
        np.flip,
        np.flipud,
        np.fliplr,
        *[lambda x, k=k: np.rot90(x, k, (2, 0)) for k in range(-1, 4)],
    ):
        hold(call, CUBE)


@quickly
@given(cubes, st.data())
def test_roll(x: np.ndarray, data: Any) -> None:
    shift = data.draw(st.integers(-5, 5) | st.lists(st.integers(-5, 5), min_size=1, max_size=3).map(tuple))
    axis = data.draw(st.none() | axes | st.lists(axes, min_size=1, max_size=3).map(tuple))
    try:
        np.roll(x, shift, axis)
    except ValueError:
        with pytest.raises(ShapeError, match="a shift for each axis"):
            pel.roll(Input("x", x.shape), shift, axis)
        return
    hold(lambda x: np.roll(x, shift, axis), x)


@quickly
@given(cubes, st.data())
def test_reshape(x: np.ndarray, data: Any) -> None:
    shape = list(data.draw(st.permutations([*x.shape, 1])))
    if data.draw(st.booleans()):
        shape[0:2] = [shape[0] * shape[1]]
    if data.draw(st.booleans()):
        shape[data.draw(st.integers(0, len(shape) - 1))] = -1
    hold(lambda x: np.reshape(x, shape), x, named=False)


def test_reshape_keeps_named_axes(by_numpy: Any, by_xla: Any) -> None:
    x = pel.tensor4("x", shape=("batch", "time", 4, 5), dtype="float64")
    value = np.arange(2 * 3 * 20.0).reshape(2, 3, 4, 5)
    y = [x.reshape("batch", "time", -1), x.reshape(-1, 20), x.reshape(x.shape[1], x.shape[0], 20), x.reshape(4, 5, -1)]
    assert y[0].shape == ("batch", "time", 20)
    assert pel.matrix("z", shape=("n", 12)).reshape(-1, 3, 4).shape == ("n", 3, 4)
    assert pel.latex(y[0]) == r"\operatorname{reshape}_{batch \times time \times 20}(x)"
    cost = sum((e * e).sum() for e in y)
    for run in (by_numpy, by_xla):
        *values, gradient = run([*y, pel.grad(cost, x)], {x: value})
        for found, shape in zip(values, [(2, 3, 20), (6, 20), (3, 2, 20), (4, 5, 6)], strict=True):
            np.testing.assert_array_equal(found, value.reshape(shape))
        np.testing.assert_allclose(gradient, 8 * value)


def test_joining() -> None:
    x, y, v, w = CUBE[0], CUBE[1], CUBE[0, 0], CUBE[0, 1]
    for call in (np.vstack, np.hstack, np.dstack, np.column_stack, np.stack, np.concatenate, np.concat):
        hold(lambda a, b, f=call: f([a, b]), v, w)
        hold(lambda a, b, f=call: f((a, b)), x, y)
    hold(lambda a, b: np.vstack([a, b]), x, v)
    hold(lambda a, b: np.column_stack([a, b]), x.T.copy(), v)
    hold(lambda a, b: np.concatenate([a, b], axis=None), x, v)
    hold(lambda a, b: np.concatenate([a, b], axis=-1), x, y)
    hold(lambda a, b: np.stack([a, b], axis=-1), x, y)
    hold(lambda a, b: np.append(a, b), x, v)
    hold(lambda a, b: np.append(a, b, axis=1), x, y)
    hold(lambda a: np.hstack([a, a]), np.array(2.0))


@quickly
@given(cubes, axes, st.integers(1, 5), st.lists(st.integers(0, 5), max_size=3).map(sorted))
def test_split(x: np.ndarray, axis: int, sections: int, cuts: list[int]) -> None:
    hold(lambda x: np.array_split(x, sections, axis), x, named=False)
    hold(lambda x: np.split(x, cuts, axis), x)
    if x.shape[axis] % sections == 0:
        hold(lambda x: np.split(x, sections, axis), x, named=False)
    hold(lambda x: np.unstack(x, axis=axis), x, named=False)


def test_delete() -> None:
    for where in (0, -1, [0, 2], slice(1, 3), [True, False, False, True]):
        hold(lambda x, w=where: np.delete(x, w, axis=2), CUBE, named=False)
    hold(lambda x: np.delete(x, 5), CUBE, named=False)


def test_split_along_one_axis() -> None:
    hold(lambda x: np.hsplit(x, 3), CUBE, named=False)
    hold(lambda x: np.hsplit(x, 2), CUBE[0, 0], named=False)
    hold(lambda x: np.vsplit(x, 2), CUBE, named=False)
    hold(lambda x: np.dsplit(x, [1, 2]), CUBE)


@quickly
@given(cubes, st.data())
def test_tile_and_repeat(x: np.ndarray, data: Any) -> None:
    reps = data.draw(st.integers(0, 3) | st.lists(st.integers(0, 3), min_size=1, max_size=4).map(tuple))
    hold(lambda x: np.tile(x, reps), x)
    axis = data.draw(st.none() | axes)
    count = data.draw(st.integers(0, 3))
    hold(lambda x: np.repeat(x, count, axis), x)
    length = x.size if axis is None else x.shape[axis]
    counts = data.draw(st.lists(st.integers(0, 3), min_size=length, max_size=length))
    hold(lambda x: np.repeat(x, counts, axis), x, named=False)


@quickly
@given(cubes, st.sampled_from(["constant", "edge", "reflect", "symmetric", "wrap"]), st.data())
def test_pad(x: np.ndarray, mode: str, data: Any) -> None:
    width = st.integers(0, 7)
    pair = st.tuples(width, width)
    widths = data.draw(width | pair | st.tuples(pair, pair, pair))
    hold(lambda x: np.pad(x, widths, mode), x)
    values = data.draw(st.just(3) | st.just((1, 2)) | st.just(((1, 2), (3, 4), (5, 6))))
    hold(lambda x: np.pad(x, widths, constant_values=values), x)


def test_gradients_of_borders_follow_the_elements_they_were_copied_from(check_gradient: Any, by_xla: Any) -> None:
    x = Input("x", ("n", 4), "float64")
    value = np.random.default_rng(1).normal(size=(3, 4))
    for mode in ("constant", "edge", "reflect", "symmetric", "wrap"):
        y = pel.pad(x, ((4, 5), (1, 0)), mode)
        cost = (y * y * y).sum()
        check_gradient(cost, {x: value}, [x])
        assert by_xla([pel.grad(cost, x)], {x: value})[0].shape == (3, 4)


def test_pad_takes_widths_by_axis() -> None:
    hold(lambda x: np.pad(x, {0: 2, -1: (1, 3)}), CUBE)


def test_axes_come_and_go() -> None:
    for x in (CUBE, CUBE[0], CUBE[0, 0], np.array(3.0)):
        for call in (np.atleast_1d, np.atleast_2d, np.atleast_3d, np.ravel, np.squeeze):
            hold(call, x)
    hold(lambda x: np.expand_dims(x, (0, -1)), CUBE)
    hold(lambda x: np.squeeze(x, 0), CUBE[:1])
    hold(lambda a, b: np.broadcast_arrays(a, b), CUBE, CUBE[0, :, :1])
    hold(lambda a, b: np.broadcast_arrays(a, b), CUBE[:, :1], CUBE[:1, :, :1])
    hold(lambda x: np.broadcast_to(x, (5, *x.shape)), CUBE)


def test_diagonals_and_triangles() -> None:
    for k in (-4, -2, -1, 0, 1, 3):
        for call in (np.tril, np.triu, lambda x, k: np.diagonal(x, k, 1, 2), lambda x, k: np.diagonal(x, k, 2, 0)):
            hold(lambda x, f=call, k=k: f(x, k), CUBE)
        for x in (CUBE[0], CUBE[0].T, CUBE[0, 0]):
            hold(lambda x, k=k: np.diag(x, k), x)
        hold(lambda x, k=k: np.diagflat(x, k), CUBE[0])
        hold(lambda x, k=k: np.trace(x, k), CUBE)
    for ours, theirs in ((pel.tril_indices, np.tril_indices), (pel.triu_indices, np.triu_indices)):
        for a, b in zip(ours(3, 1, 4), theirs(3, 1, 4), strict=True):
            np.testing.assert_array_equal(a.value, b)
    hold(np.trace, np.arange(9, dtype="int32").reshape(3, 3))


def test_sizes_are_known_before_anything_runs() -> None:
    x = pel.matrix("x", shape=("n", 3))
    assert np.shape(x) == ("n", 3)
    assert np.ndim(x) == 2
    assert evaluate(np, [np.size(x), np.size(x, 0)], {x: np.zeros((5, 3), "float32")}) == [15, 5]


def test_methods_are_those_of_arrays() -> None:
    for call in (
        lambda x: x.flatten(),
        lambda x: x[:1].squeeze(0),
        lambda x: x.swapaxes(0, 1),
        lambda x: x.repeat(2, axis=1),
        lambda x: x.dot(np.ones(4)),
        lambda x: x.trace(1, 1, 2),
        lambda x: x.diagonal(1),
        lambda x: x.mT,
        lambda x: x.T,
    ):
        hold(call, CUBE, named=False)


def test_names_on_the_page() -> None:
    x, v = pel.matrix("x", shape=("n", 3)), pel.vector("v", shape=(3,))
    assert str(pel.tensor3("x").mT) == "x.mT"
    assert pel.latex(pel.tensor3("x").mT) == r"x^\top"
    assert pel.latex(pel.roll(v, 1)) == r"\operatorname{roll}(v,\, 1)"
    assert pel.latex(pel.diag(v, 1)) == r"\operatorname{diag}_{+1}(v)"
    assert pel.latex(pel.pad(v, 1, mode="edge")) == r"\operatorname{pad}_{\text{edge}}(v,\, 1)"
    assert str(pel.pad(v, (1, 2), "edge")) == "pad(v, (1, 2), 'edge')"
    assert str(pel.repeat(v, 2)) == "repeat(v, 2, axis=0)"
    assert pel.latex(pel.tril(x @ x.T)) == r"\operatorname{tril}(x x^\top)"
    assert pel.latex(pel.reshape(v, (3, 1))) == r"\operatorname{reshape}_{3 \times 1}(v)"


MISTAKES: list[tuple[Callable[[], Any], str]] = [
    (lambda: pel.matrix("x").reshape("a", "b"), "at most one may be open.*pel.reshape_like"),
    (lambda: pel.moveaxis(pel.matrix("x"), (0, 1), 0), "as many destinations as sources"),
    (lambda: pel.matrix_transpose(pel.vector("x")), "expected at least two axes"),
    (lambda: pel.rot90(pel.matrix("x"), axes=(0, 1, 1)), "rot90"),
    (lambda: pel.roll(pel.vector("x"), pel.iscalar("s")), "For a shift that is computed, use pel.take"),
    (lambda: pel.split(pel.vector("x", shape=(5,)), 2), "does not divide into 2 equal parts. Use pel.array_split"),
    (lambda: pel.split(pel.vector("x", shape=("n",)), 2), r"must be a number to be divided.*\(n,\)"),
    (lambda: pel.array_split(pel.vector("x", shape=(5,)), 0), "at least one part"),
    (lambda: pel.unstack(pel.matrix("x", shape=("n", 2))), "unstack: the length of axis 0 must be a number"),
    (
        lambda: pel.repeat(pel.vector("x", shape=(3,)), [1, 2]),
        "needs a number for each element along axis 0.*2 repeats",
    ),
    (lambda: pel.repeat(pel.vector("x"), pel.iscalar("s")), "expected an integer of 0 or more"),
    (lambda: pel.tile(pel.vector("x"), 1.5), "tile of x: expected integers of 0 or more"),
    (lambda: pel.pad(pel.vector("x"), 1, mode="mean"), "mode='mean'. NumPy has it, pellucid has not"),
    (lambda: pel.pad(pel.vector("x"), 1, mode="edgy"), "Did you mean 'edge'?"),
    (lambda: pel.pad(pel.vector("x"), -1), "expected widths of 0 or more"),
    (lambda: pel.pad(pel.vector("x"), ((1, 2), (3, 4))), "one such pair for each of 1 axes"),
    (lambda: pel.pad(pel.vector("x"), 1, "edge", 3), "mode 'edge' takes no constant_values"),
    (lambda: pel.pad(pel.vector("x", shape=(0,)), 1, "edge"), "has no elements to continue"),
    (lambda: pel.diagonal(pel.vector("x")), "Expected a matrix, or a stack of them, to have a diagonal"),
    (lambda: pel.diagonal(pel.matrix("x"), axis1=1), "needs two different axes"),
    (lambda: pel.diag(pel.tensor3("x")), "diag: expected a vector or a matrix"),
    (lambda: pel.diag(pel.scalar("x")), "diag: expected a vector or a matrix"),
    (lambda: pel.tril(pel.vector("x")), "to have triangles"),
    (lambda: pel.concatenate([]), "concatenate: expected at least one array"),
    (lambda: pel.broadcast_to(pel.vector("x", shape=(3,)), ("n", 3)), "does not tell the size n.*pel.broadcast_like"),
]


@pytest.mark.parametrize(("mistake", "message"), MISTAKES)
def test_mistakes_are_named(mistake: Callable[[], Any], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        mistake()


def test_a_border_that_the_dtype_cannot_hold_is_refused() -> None:
    with pytest.raises(DtypeError, match="The border of x is int32"):
        pel.pad(pel.ivector("x"), 1, constant_values=0.5)
