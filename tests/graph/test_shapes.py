"""Tests of changes of shape against NumPy: the same call on arrays and on expressions gives the same result."""

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

TENSOR = np.arange(24.0).reshape(2, 3, 4)
few_examples = settings(max_examples=60, deadline=None, derandomize=True)


def check_call(function: Callable[..., Any], *arrays: np.ndarray, named: bool = True) -> None:
    """Compare a call of NumPy on arrays with the same call on expressions, with fixed and with named sizes."""
    wanted = function(*arrays)
    wanted = wanted if isinstance(wanted, (list, tuple)) else [wanted]

    def get_shapes(array: np.ndarray) -> list[tuple[Any, ...]]:
        return [array.shape, *([tuple(f"n{d}" if d > 1 else d for d in array.shape)] if named else [])]

    for shapes in zip(*map(get_shapes, arrays), strict=True):
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


tensors = st.tuples(*[st.integers(1, 4)] * 3).map(lambda s: np.arange(float(np.prod(s))).reshape(s))
axes = st.integers(-3, 2)


def test_permutations_of_axes() -> None:
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
        check_call(call, TENSOR)


@few_examples
@given(tensors, st.data())
def test_roll(x: np.ndarray, data: Any) -> None:
    shift = data.draw(st.integers(-5, 5) | st.lists(st.integers(-5, 5), min_size=1, max_size=3).map(tuple))
    axis = data.draw(st.none() | axes | st.lists(axes, min_size=1, max_size=3).map(tuple))
    try:
        np.roll(x, shift, axis)
    except ValueError:
        with pytest.raises(ShapeError, match="a shift for each axis"):
            pel.roll(Input("x", x.shape), shift, axis)
        return
    check_call(lambda x: np.roll(x, shift, axis), x)


@few_examples
@given(tensors, st.data())
def test_reshape(x: np.ndarray, data: Any) -> None:
    shape = list(data.draw(st.permutations([*x.shape, 1])))
    if data.draw(st.booleans()):
        shape[0:2] = [shape[0] * shape[1]]
    if data.draw(st.booleans()):
        shape[data.draw(st.integers(0, len(shape) - 1))] = -1
    check_call(lambda x: np.reshape(x, shape), x, named=False)


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


def test_concatenation() -> None:
    x, y, v, w = TENSOR[0], TENSOR[1], TENSOR[0, 0], TENSOR[0, 1]
    for call in (np.vstack, np.hstack, np.dstack, np.column_stack, np.stack, np.concatenate, np.concat):
        check_call(lambda a, b, f=call: f([a, b]), v, w)
        check_call(lambda a, b, f=call: f((a, b)), x, y)
    check_call(lambda a, b: np.vstack([a, b]), x, v)
    check_call(lambda a, b: np.column_stack([a, b]), x.T.copy(), v)
    check_call(lambda a, b: np.concatenate([a, b], axis=None), x, v)
    check_call(lambda a, b: np.concatenate([a, b], axis=-1), x, y)
    check_call(lambda a, b: np.stack([a, b], axis=-1), x, y)
    check_call(lambda a, b: np.append(a, b), x, v)
    check_call(lambda a, b: np.append(a, b, axis=1), x, y)
    check_call(lambda a: np.hstack([a, a]), np.array(2.0))


@few_examples
@given(tensors, axes, st.integers(1, 5), st.lists(st.integers(0, 5), max_size=3).map(sorted))
def test_split(x: np.ndarray, axis: int, sections: int, cuts: list[int]) -> None:
    check_call(lambda x: np.array_split(x, sections, axis), x, named=False)
    check_call(lambda x: np.split(x, cuts, axis), x)
    if x.shape[axis] % sections == 0:
        check_call(lambda x: np.split(x, sections, axis), x, named=False)
    check_call(lambda x: np.unstack(x, axis=axis), x, named=False)


def test_delete() -> None:
    for where in (0, -1, [0, 2], slice(1, 3), [True, False, False, True]):
        check_call(lambda x, w=where: np.delete(x, w, axis=2), TENSOR, named=False)
    check_call(lambda x: np.delete(x, 5), TENSOR, named=False)


def test_split_along_one_axis() -> None:
    check_call(lambda x: np.hsplit(x, 3), TENSOR, named=False)
    check_call(lambda x: np.hsplit(x, 2), TENSOR[0, 0], named=False)
    check_call(lambda x: np.vsplit(x, 2), TENSOR, named=False)
    check_call(lambda x: np.dsplit(x, [1, 2]), TENSOR)


@few_examples
@given(tensors, st.data())
def test_tile_and_repeat(x: np.ndarray, data: Any) -> None:
    reps = data.draw(st.integers(0, 3) | st.lists(st.integers(0, 3), min_size=1, max_size=4).map(tuple))
    check_call(lambda x: np.tile(x, reps), x)
    axis = data.draw(st.none() | axes)
    count = data.draw(st.integers(0, 3))
    check_call(lambda x: np.repeat(x, count, axis), x)
    length = x.size if axis is None else x.shape[axis]
    counts = data.draw(st.lists(st.integers(0, 3), min_size=length, max_size=length))
    check_call(lambda x: np.repeat(x, counts, axis), x, named=False)


@few_examples
@given(tensors, st.sampled_from(["constant", "edge", "reflect", "symmetric", "wrap"]), st.data())
def test_pad(x: np.ndarray, mode: str, data: Any) -> None:
    width = st.integers(0, 7)
    pair = st.tuples(width, width)
    widths = data.draw(width | pair | st.tuples(pair, pair, pair))
    check_call(lambda x: np.pad(x, widths, mode), x)
    values = data.draw(st.just(3) | st.just((1, 2)) | st.just(((1, 2), (3, 4), (5, 6))))
    check_call(lambda x: np.pad(x, widths, constant_values=values), x)


def test_gradients_of_padding_in_every_mode(check_gradient: Any, by_xla: Any) -> None:
    x = Input("x", ("n", 4), "float64")
    value = np.random.default_rng(1).normal(size=(3, 4))
    for mode in ("constant", "edge", "reflect", "symmetric", "wrap"):
        y = pel.pad(x, ((4, 5), (1, 0)), mode)
        cost = (y * y * y).sum()
        check_gradient(cost, {x: value}, [x])
        assert by_xla([pel.grad(cost, x)], {x: value})[0].shape == (3, 4)


def test_pad_takes_widths_by_axis() -> None:
    check_call(lambda x: np.pad(x, {0: 2, -1: (1, 3)}), TENSOR)


def test_new_and_removed_axes() -> None:
    for x in (TENSOR, TENSOR[0], TENSOR[0, 0], np.array(3.0)):
        for call in (np.atleast_1d, np.atleast_2d, np.atleast_3d, np.ravel, np.squeeze):
            check_call(call, x)
    check_call(lambda x: np.expand_dims(x, (0, -1)), TENSOR)
    check_call(lambda x: np.squeeze(x, 0), TENSOR[:1])
    check_call(lambda a, b: np.broadcast_arrays(a, b), TENSOR, TENSOR[0, :, :1])
    check_call(lambda a, b: np.broadcast_arrays(a, b), TENSOR[:, :1], TENSOR[:1, :, :1])
    check_call(lambda x: np.broadcast_to(x, (5, *x.shape)), TENSOR)


def test_diagonals_and_triangles() -> None:
    for k in (-4, -2, -1, 0, 1, 3):
        for call in (np.tril, np.triu, lambda x, k: np.diagonal(x, k, 1, 2), lambda x, k: np.diagonal(x, k, 2, 0)):
            check_call(lambda x, f=call, k=k: f(x, k), TENSOR)
        for x in (TENSOR[0], TENSOR[0].T, TENSOR[0, 0]):
            check_call(lambda x, k=k: np.diag(x, k), x)
        check_call(lambda x, k=k: np.diagflat(x, k), TENSOR[0])
        check_call(lambda x, k=k: np.trace(x, k), TENSOR)
    for ours, theirs in ((pel.tril_indices, np.tril_indices), (pel.triu_indices, np.triu_indices)):
        for a, b in zip(ours(3, 1, 4), theirs(3, 1, 4), strict=True):
            np.testing.assert_array_equal(a.value, b)
    check_call(np.trace, np.arange(9, dtype="int32").reshape(3, 3))


def test_shape_ndim_and_size() -> None:
    x = pel.matrix("x", shape=("n", 3))
    assert np.shape(x) == ("n", 3)
    assert np.ndim(x) == 2
    assert evaluate(np, [np.size(x), np.size(x, 0)], {x: np.zeros((5, 3), "float32")}) == [15, 5]


def test_methods_match_numpy_arrays() -> None:
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
        check_call(call, TENSOR, named=False)


def test_text_and_latex() -> None:
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
    (lambda: pel.matrix("x").reshape("a", "b"), "at most one size of .* may be unknown.*pel.reshape_like"),
    (lambda: pel.moveaxis(pel.matrix("x"), (0, 1), 0), "equally many sources and destinations"),
    (lambda: pel.matrix_transpose(pel.vector("x")), "expected at least two axes"),
    (lambda: pel.rot90(pel.matrix("x"), axes=(0, 1, 1)), "rot90"),
    (lambda: pel.roll(pel.vector("x"), pel.iscalar("s")), "For a shift that is computed in the graph, use pel.take"),
    (lambda: pel.split(pel.vector("x", shape=(5,)), 2), "does not divide into 2 equal parts. Use pel.array_split"),
    (lambda: pel.split(pel.vector("x", shape=("n",)), 2), r"split: expected a known length of axis 0.*\(n,\)"),
    (lambda: pel.array_split(pel.vector("x", shape=(5,)), 0), "at least one part"),
    (lambda: pel.unstack(pel.matrix("x", shape=("n", 2))), "unstack: expected a known length of axis 0"),
    (
        lambda: pel.repeat(pel.vector("x", shape=(3,)), [1, 2]),
        "expected one number for each element along axis 0.*2 numbers",
    ),
    (lambda: pel.repeat(pel.vector("x"), pel.ivector("s")), "expected integers of 0 or more"),
    (lambda: pel.tile(pel.vector("x"), 1.5), "tile of x: expected integers of 0 or more"),
    (lambda: pel.pad(pel.vector("x"), 1, mode="mean"), "mode='mean'. pellucid does not support this mode of NumPy"),
    (lambda: pel.pad(pel.vector("x"), 1, mode="edgy"), "Did you mean 'edge'?"),
    (lambda: pel.pad(pel.vector("x"), -1), "expected widths of 0 or more"),
    (lambda: pel.pad(pel.vector("x"), ((1, 2), (3, 4))), "one such pair for each of 1 axes"),
    (lambda: pel.pad(pel.vector("x"), 1, "edge", 3), "mode 'edge' takes no constant_values"),
    (lambda: pel.pad(pel.vector("x", shape=(0,)), 1, "edge"), "has an empty axis, which 'edge' cannot pad"),
    (lambda: pel.diagonal(pel.vector("x")), "diagonal: expected a matrix or a stack of matrices"),
    (lambda: pel.diagonal(pel.matrix("x"), axis1=1), "expected two different axes"),
    (lambda: pel.diag(pel.tensor3("x")), "diag: expected a vector or a matrix"),
    (lambda: pel.diag(pel.scalar("x")), "diag: expected a vector or a matrix"),
    (lambda: pel.tril(pel.vector("x")), "tril, triu: expected a matrix or a stack of matrices"),
    (lambda: pel.concatenate([]), "concatenate: expected at least one array"),
    (lambda: pel.broadcast_to(pel.vector("x", shape=(3,)), ("n", 3)), "has no axis n. Take .*pel.broadcast_like"),
]


@pytest.mark.parametrize(("mistake", "message"), MISTAKES)
def test_invalid_arguments_raise_errors(mistake: Callable[[], Any], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        mistake()


def test_a_border_outside_the_dtype_raises_an_error() -> None:
    with pytest.raises(DtypeError, match="The border of x is int32"):
        pel.pad(pel.ivector("x"), 1, constant_values=0.5)
