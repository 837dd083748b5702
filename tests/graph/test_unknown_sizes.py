"""Tests of sizes that are unknown while a graph is built."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.errors import ShapeError


def test_gradient_of_broadcasting_to_an_unknown_size(by_numpy: Any) -> None:
    X, b = pel.matrix("X"), pel.shared(np.zeros(3, "float32"), "b")
    h = X + b
    cost = h.mean(axis=0).sum() + h.mean(axis=1).sum()
    f = pel.function([X], pel.grad(cost, b), mode="numpy", on_unused_input="ignore")
    np.testing.assert_allclose(f(np.ones((4, 3), "float32")), np.full(3, 1 + 4 / 3), rtol=1e-6)


def test_rules_keep_unknown_sizes() -> None:
    z, y = pel.vector("z", shape=(1,)), pel.vector("y")
    total = (pel.broadcast_like(pel.constant(2.0), y) * z).sum()
    f = pel.function([z, y], total, mode="numpy", on_unused_input="ignore")
    assert f([5.0], [1.0, 2.0, 3.0]) == 30
    ratio = z * y / y
    assert pel.simplify(ratio).shape == ratio.shape


def test_an_unknown_size_of_one_does_not_broadcast() -> None:
    x, z = pel.vector("x"), pel.vector("z")
    total = (x + z).sum()
    f = pel.function([x, z], [total, pel.grad(total, x)], mode="numpy")
    with pytest.raises(ShapeError, match="is declared, as in shape"):
        f([1.0], [1.0, 2.0, 3.0])


def test_matrix_stacks_do_not_broadcast_along_an_unknown_size() -> None:
    x, z = pel.tensor3("x"), pel.tensor3("z")
    for product in (x @ z, pel.solve(x, z), pel.cross(x, z)):
        f = pel.function([x, z], product, mode="numpy")
        with pytest.raises(ShapeError, match=r"dimension -3 is \? = 1 in x and \? = 2 in z, and must be equal"):
            f(np.ones((1, 3, 3)), np.ones((2, 3, 3)))


def test_gradient_of_crossentropy_with_an_unknown_number_of_classes() -> None:
    y, z = pel.ivector("y"), pel.matrix("z")
    g = pel.grad(pel.sparse_crossentropy(y, z).sum(), z)
    values = np.array([[1.0, 2.0, 3.0]], "float32")
    p = np.exp(values) / np.exp(values).sum()
    for mode in ("numpy", "xla"):
        np.testing.assert_allclose(pel.function([y, z], g, mode=mode)([1], values), p - np.eye(3)[[1]], rtol=1e-5)


def test_incompatible_sizes_are_reported_for_empty_data_too() -> None:
    A, b = pel.matrix("A"), pel.vector("b")
    for mode in ("numpy", "xla"):
        with pytest.raises(ShapeError, match="the left operand has 3 columns and the right operand has 4 rows"):
            pel.function([A, b], A @ b, mode=mode)(np.zeros((0, 3), "float32"), np.zeros(4, "float32"))


def test_updates_cannot_change_a_shape() -> None:
    s, x = pel.shared(np.zeros(3, "float32"), "s"), pel.vector("x")
    for mode in ("numpy", "xla"):
        f = pel.function([x], updates={s: x}, mode=mode)
        with pytest.raises(
            ShapeError, match=r"The update of s must have its shape \(3,\). Received: shape \(5,\), from x"
        ):
            f([1.0, 2.0, 3.0, 4.0, 5.0])
        assert s.get_value().shape == (3,)


def test_an_unknown_size_of_1_is_not_broadcast_to_another() -> None:
    x = pel.vector("x", shape=(None,))
    f = pel.function([x], pel.broadcast_to(x, (2, 3)), mode="numpy")
    assert f(np.ones(3, "float32")).shape == (2, 3)
    with pytest.raises(ShapeError, match=r"dimension -1 is \? = 1 in x and 3 in the result, and must be equal"):
        f(np.ones(1, "float32"))


@pytest.mark.parametrize("mode", ["numpy", "xla", "native"])
def test_no_declared_size_broadcasts(mode: Any) -> None:
    """Only a size that is declared as 1 broadcasts: gradients and shapes of results rely on it."""
    x, z = pel.tensor("x", ("n",)), pel.tensor("z", (None,))
    e, like, half = x * z, pel.broadcast_to(x, z.shape), x * x[: x.shape[0] // 2]
    for inputs, results, values in (
        ([x, z], [e.sum() / e.shape[0], pel.grad((e**2).mean(), x)], ([2.0], [1.0, 2.0, 6.0])),
        ([x, z], [pel.where(x > 0, z, 0.0)], ([2.0], [1.0, 2.0, 6.0])),
        ([x, z], [like.sum() / like.shape[0]], ([2.0], [1.0, 2.0, 6.0])),
        ([x], [half.sum()], ([2.0],)),
    ):
        with pytest.raises(ShapeError, match=r"dimension -1 is n = 1 in x.* must be equal. A size of 1 broadc"):
            pel.function(inputs, results, mode=mode)(*values)
    assert pel.function([x, z], e.sum() / e.shape[0], mode=mode)([2.0], [6.0]) == 12


@pytest.mark.parametrize(
    "make",
    [
        lambda z: pel.scan(lambda x_t, h: pel.tanh(x_t[:, :2] + h), pel.swapaxes(z, 0, 1), pel.zeros((z.shape[0], 2))),
        lambda z: pel.map(lambda row: row[1:] * 2, z),
        lambda z: pel.cond(z.sum() > 0, lambda: z * 2, lambda: z),
    ],
    ids=["scan", "map", "cond"],
)
@pytest.mark.parametrize("mode", ["numpy", "xla"])
def test_sizes_of_loops_and_branches_are_those_of_their_operands(mode: Any, make: Any) -> None:
    z = pel.tensor("z", (None, 4, 3))
    o = make(z)
    gc.collect(1)  # the placeholders of a body are freed with the last use of its expressions
    results = [o.sum() / o.shape[0], pel.zeros(o.shape), o[: o.shape[0] // 2], o]
    values = np.arange(24.0, dtype="float32").reshape(2, 4, 3)
    mean, zeros, half, whole = pel.function([z], results, mode=mode)(values)
    assert zeros.shape == whole.shape
    assert mean == pytest.approx(whole.sum() / len(whole), rel=1e-6)
    np.testing.assert_array_equal(half, whole[: len(whole) // 2])


EMPTY: list[Any] = [
    lambda a: 1 / (1.5 + pel.exp(a).sum(axis=0) ** 2),
    lambda a: pel.log(pel.exp(a).sum(axis=0)),
    lambda a: pel.log(1 + (2 * pel.exp(a)).sum(axis=0)),
    lambda a: pel.exp(a) / pel.exp(a).sum(axis=0),
    lambda a: pel.log(pel.softmax(a, axis=0)).sum(axis=0),
    lambda a: pel.log(1 - pel.softmax(a, axis=0)).sum(axis=0),
    lambda a: pel.prod(1 + a, axis=0) - 1,
    lambda a: pel.sqrt((a**2).sum(axis=0)),
    lambda a: 1 - pel.prod(pel.sigmoid(a), axis=0),
]


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
@pytest.mark.parametrize("mode", ["numpy", "xla", "native"])
def test_rewriting_allows_for_empty_data(mode: Any) -> None:
    a = pel.tensor("a", (None, 3), dtype="float64")
    formulas = [form(a[: a.shape[0] // 2]) for form in EMPTY]
    results = [*formulas, *(pel.grad(e.sum(), a) for e in formulas if not str(e).startswith(("log(exp", "sqrt")))]
    found = pel.function([a], results, mode=mode)([[1, 2, 3]])
    wanted = pel.function([a], results, mode="numpy", rewrite=False)([[1, 2, 3]])
    for e, left, right in zip(results, found, wanted, strict=True):
        np.testing.assert_array_equal(left, right, str(e))


def test_formulas_of_sizes_keep_their_names_in_loops() -> None:
    w, u = pel.tensor("w", ("n",)), pel.tensor("u", (None,))
    assert pel.map(lambda v: v * w[1:], w).shape == ("n", "n - 1")
    part = (2 * w[1:])[1:]
    assert pel.map(lambda v: part * v, w).shape == ("n", *part.shape)
    assert pel.map(lambda v: v * u[::2], u).shape[1] not in u.shape


@pytest.mark.parametrize("mode", ["numpy", "xla"])
def test_loops_of_no_steps_have_the_sizes_of_their_operands(mode: Any) -> None:
    xs, s, w = pel.tensor("xs", ("t", 3)), pel.tensor("s", (None,)), pel.tensor("w", ("m",))
    results = pel.scan(lambda x, s: (s + x.sum(), w[1:] * 2, (2 * w[1:])[1:]), xs, s)
    f = pel.function([xs, s, w], list(results), mode=mode)
    for steps in (0, 2):
        shapes = [r.shape for r in f(np.ones((steps, 3)), np.ones(4), np.ones(6))]
        assert shapes == [(steps, 4), (steps, 5), (steps, 4)]


@pytest.mark.parametrize("mode", ["numpy", "xla"])
def test_loops_whose_sizes_differ_are_refused(mode: Any) -> None:
    x, y, s = pel.tensor("x", ("n",)), pel.tensor("y", (None,)), pel.tensor("s", (None,))
    f = pel.function([x, y], pel.scan(lambda a, b, s: s + a * b, [x, y], 0.0), mode=mode)
    with pytest.raises(ShapeError, match=r"the sequences must be equally long. Received: lengths 2, 5"):
        f([1.0, 2.0], [1.0, 2.0, 3.0, 4.0, 5.0])
    f = pel.function([x, y, s], pel.scan(lambda a, s: y + a, x, s), mode=mode)
    assert f([1.0], [1.0, 2.0], [0.0, 0.0]).tolist() == [[2.0, 3.0]]
    with pytest.raises(ShapeError, match=r"a state has shape \(1,\) and becomes \(2,\) after a step|carry"):
        f([1.0], [1.0, 2.0], [0.0])
