"""Linear algebra is NumPy's: the same call on arrays and on expressions gives the same values and shapes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pellucid as pel
from pellucid.graph.errors import DtypeError, LinAlgError, ShapeError
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Expr, Input

rng = np.random.default_rng(3)
V, W = rng.normal(size=3), rng.normal(size=4)
A, B, S = rng.normal(size=(3, 4)), rng.normal(size=(4, 2)), rng.normal(size=(3, 3)) + 3 * np.eye(3)
C, D, SS = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 4, 5)), rng.normal(size=(2, 3, 3)) + 3 * np.eye(3)
E = rng.normal(size=(5, 1, 4, 2))
P = SS @ SS.swapaxes(-1, -2)


def hold(function: Callable[..., Any], *arrays: np.ndarray, tolerance: float = 1e-10) -> None:
    """Compare a call of NumPy on arrays with the same call on expressions, with fixed and with named sizes."""
    wanted = function(*arrays)
    wanted = wanted if isinstance(wanted, (list, tuple)) else [wanted]
    names = {size: f"n{size}" for a in arrays for size in a.shape if size > 3}
    for shape in (lambda a: a.shape, lambda a: tuple(names.get(d, d) for d in a.shape)):
        inputs = [Input(f"x{i}", shape(a), a.dtype) for i, a in enumerate(arrays)]
        found = function(*inputs)
        found = list(found) if isinstance(found, (list, tuple)) else [found]
        assert all(isinstance(e, Expr) for e in found)
        values = evaluate(np, found, dict(zip(inputs, arrays, strict=True)))
        for e, value, want in zip(found, values, wanted, strict=True):
            assert e.ndim == np.ndim(want)
            assert value.dtype == e.dtype == want.dtype
            np.testing.assert_allclose(value, want, rtol=tolerance, atol=tolerance)


def test_products_of_all_ranks() -> None:
    for x, y in [(V, V), (V, A), (A, W), (A, B), (C, W), (V, C), (C, B), (C, D), (A, D), (C, E), (E, B.T), (A[0], E)]:
        hold(np.matmul, x, y)
    for x, y in [(V, V), (V, A), (A, B), (C, W), (C, B), (A, D), (C, D), (C, E), (W[0], A), (A, W[0])]:
        hold(np.dot, np.asarray(x), np.asarray(y))
        hold(np.inner, np.asarray(x), np.moveaxis(y, -2, -1) if np.ndim(y) > 1 else np.asarray(y))
    hold(np.vdot, A, A * 2)
    hold(np.vecdot, C, A)
    hold(lambda x, y: np.vecdot(x, y, axis=0), A, V[:, None])
    hold(np.matvec, C, C[:, 0])
    hold(np.vecmat, C[:, :, 0], C)


def test_outer_kronecker_and_cross_products() -> None:
    hold(np.outer, V, W)
    hold(np.outer, A, V)
    hold(np.kron, np.ones((2, 1)) * 3, A)
    hold(np.cross, V, V[::-1].copy())
    hold(lambda x, y: np.cross(x, y, axis=0), A, A[:, ::-1].copy())
    hold(np.kron, np.ones(3), SS)
    hold(np.linalg.cross, C.mT, V)
    for n in (-2, -1, 0, 1, 2, 5):
        hold(lambda x, n=n: np.linalg.matrix_power(x, n), SS)


def test_tensordot() -> None:
    hold(lambda x, y: np.tensordot(x, y, 1), C, B)
    hold(lambda x, y: np.tensordot(x, y, 0), A, V)
    hold(lambda x, y: np.tensordot(x, y, 2), C, A[..., None] * V)
    hold(lambda x, y: np.tensordot(x, y, axes=((0, 2), (0, 1))), C, D)
    hold(lambda x, y: np.tensordot(x, y, axes=(-1, 1)), C, D)
    assert str(pel.tensordot(pel.matrix("A"), pel.matrix("B"), 1)) == "A @ B"
    assert str(pel.inner(pel.vector("a"), pel.vector("b"))) == "a @ b"


@st.composite
def contractions(draw: Any) -> tuple[str, list[np.ndarray]]:
    """Draw subscripts with repeated, summed, shared and elided indices, and arrays that fit them."""
    sizes = dict(zip("ijkl", draw(st.permutations([1, 2, 3, 4])), strict=True))
    inputs = draw(st.lists(st.text("ijkl", min_size=0, max_size=3), min_size=1, max_size=3))
    used = sorted(set("".join(inputs)))
    elided = draw(st.booleans())
    arrow = draw(st.booleans())
    output = "".join(draw(st.permutations(used)))[: draw(st.integers(0, 4))]
    arrays = []
    for position, indices in enumerate(inputs):
        extra = [(), (2,), (3, 1)][draw(st.integers(0, 2))] if elided else ()
        arrays.append(np.random.default_rng(position).normal(size=(*[sizes[c] for c in indices], *extra)))
        inputs[position] += "..." if elided else ""
    return ",".join(inputs) + (f"->{'...' if elided else ''}{output}" if arrow else ""), arrays


@settings(max_examples=150, deadline=None, derandomize=True)
@given(contractions())
def test_einsum(drawn: tuple[str, list[np.ndarray]]) -> None:
    subscripts, arrays = drawn
    hold(lambda *a: np.einsum(subscripts, *a), *arrays)


def test_gradients_of_einsum(check_gradient: Any) -> None:
    for subscripts, arrays in [
        ("ii", [S]),
        ("ii->i", [S]),
        ("ij,jk", [A, B]),
        ("...ij,...jk->...ik", [C, B]),
        ("ijk,ij->", [C, C[:, :, 0].copy()]),
        ("ij,jk,ik->i", [A, B, rng.normal(size=(3, 2))]),
        ("iij,j->i", [rng.normal(size=(3, 3, 4)), W]),
    ]:
        inputs = [Input(f"x{i}", a.shape, a.dtype) for i, a in enumerate(arrays)]
        y = pel.einsum(subscripts, *inputs)
        cost = (y * np.arange(1.0, 1 + math.prod(y.shape)).reshape(y.shape)).sum()
        check_gradient(cost, dict(zip(inputs, arrays, strict=True)), inputs)


def test_einsum_reads_as_index_notation() -> None:
    x, y = pel.matrix("A", shape=(3, 4)), pel.matrix("B", shape=(4, 2))
    z = pel.einsum("ij,jk->ik", x, y)
    assert str(z) == "einsum('ij,jk->ik', A, B)"
    assert pel.latex(z) == r"\left[\sum_{j} A_{ij} B_{jk} \right]_{ik}"
    assert str(pel.grad((z * z).sum() / 2, x)) == "einsum('ik,jk->ij', einsum('ij,jk->ik', A, B), B)"
    assert str(pel.einsum("ij->ji", x)) == "A.T"
    assert str(pel.einsum("ij->j", x)) == "A.sum(axis=0)"


def test_equations_inverses_and_determinants() -> None:
    for a in (S, SS):
        for b in (V, rng.normal(size=(3, 4)), rng.normal(size=(2, 3, 4))):
            hold(np.linalg.solve, a, b)
        for function in (np.linalg.inv, np.linalg.det, np.linalg.slogdet):
            hold(function, a)
    hold(np.linalg.cholesky, P)
    L = np.linalg.cholesky(P)
    for b in (V, rng.normal(size=(3, 4))):
        x = pel.solve_triangular(L, pel.constant(b), lower=True)
        np.testing.assert_allclose(evaluate(np, [x], {})[0], np.linalg.solve(L, b))
    singular = evaluate(np, list(pel.slogdet(np.ones((2, 2)))), {})
    assert singular == [0, -math.inf]


def test_single_matrices_have_gradients_to_second_order(check_gradient: Any) -> None:
    x, b = Input("x", (3, 3), "float64"), Input("b", (3,), "float64")
    weights = np.arange(9.0).reshape(3, 3) / 5
    for y in (pel.inv(x), pel.cholesky(x), pel.det(x) * x, pel.slogdet(x).logabsdet * x, pel.matrix_power(x, 3)):
        check_gradient((y * weights).sum(), {x: P[0]}, [x])
    for y in (pel.solve(x, b), pel.solve_triangular(x, b), pel.cross(b, x[0])):
        check_gradient((y * weights[1]).sum(), {x: S, b: V}, [x, b])


def test_norms() -> None:
    for order in (None, 0, 1, 2, 3, 0.5, -1, math.inf, -math.inf):
        hold(lambda x, o=order: np.linalg.norm(x, o), V)
        hold(lambda x, o=order: np.linalg.norm(x, o, axis=1), C)
        hold(lambda x, o=order: np.linalg.vector_norm(x, ord=2 if o is None else o, axis=(0, 2), keepdims=True), C)
    for order in (None, "fro", 1, -1, math.inf, -math.inf):
        hold(lambda x, o=order: np.linalg.norm(x, o), A)
        hold(lambda x, o=order: np.linalg.norm(x, o, axis=(2, 0)), C)
        hold(lambda x, o=order: np.linalg.norm(x, o, axis=(0, 1), keepdims=True), C)
        hold(lambda x, o=order: np.linalg.matrix_norm(x, ord=o or "fro"), C)
    hold(np.linalg.norm, C)
    hold(np.linalg.norm, np.zeros((0,)))


@pytest.mark.parametrize("order", [1, 2, 3, 0.5, math.inf, -math.inf])
def test_the_gradient_of_a_norm_of_zeros_is_zero(order: float, by_numpy: Any, by_xla: Any) -> None:
    x = Input("x", (3,), "float64")
    first = pel.grad(pel.norm(x, order), x)
    second = pel.grad((first * np.arange(3.0)).sum(), x, disconnected="zero")
    for run in (by_numpy, by_xla):
        for value in run([first, second], {x: np.zeros(3)}):
            np.testing.assert_array_equal(value, np.zeros(3))


def test_a_norm_does_not_overflow_on_the_way(by_numpy: Any, by_xla: Any) -> None:
    x = Input("x", (2,), "float32")
    y = [pel.norm(x), pel.grad(pel.norm(x), x)]
    for run in (by_numpy, by_xla):
        for scale in (1e30, 1e-30):
            length, direction = run(y, {x: np.array([3, 4], "float32") * np.float32(scale)})
            np.testing.assert_allclose(length, 5 * scale, rtol=1e-6)
            np.testing.assert_allclose(direction, [0.6, 0.8], rtol=1e-6)


def test_traces_take_the_first_axes_in_np_and_the_last_in_linalg() -> None:
    hold(np.trace, C)
    hold(np.linalg.trace, C)
    hold(np.linalg.diagonal, C)
    hold(lambda x: np.trace(x, -1, 2, 1), C)
    x = pel.tensor3("x")
    assert np.linalg.trace(x) is pel.linalg.trace(x)
    assert pel.linalg.norm is pel.norm


def test_what_stands_on_the_right_of_a_product_is_parenthesized() -> None:
    X, b = pel.matrix("X", shape=(3, 3)), pel.vector("b", shape=(3,))
    assert str(X @ (2 * b)) == "X @ (2 * b)"
    assert str((b * 2) @ X @ (b * 3)) == "b * 2 @ X @ (b * 3)"
    assert str(pel.grad((b @ X * [1.0, 2.0, 3.0]).sum(), X)) == "outer(b, [1, 2, 3])"


def test_latex_reads_like_a_textbook() -> None:
    X, b = pel.matrix("A", shape=(3, 3)), pel.vector("b", shape=(3,))
    assert pel.latex(pel.inv(X)) == r"A^{-1}"
    assert pel.latex(pel.inv(X + X.T)) == r"\left(A + A^\top\right)^{-1}"
    assert pel.latex(pel.solve(X, b)) == r"A^{-1} b"
    assert pel.latex(pel.det(X)) == r"\det(A)"
    assert pel.latex(pel.slogdet(X).logabsdet) == r"\log \left|\det(A)\right|"
    assert pel.latex(pel.trace(X)) == r"\operatorname{tr}(A)"
    assert pel.latex(pel.outer(b, b)) == r"b \otimes b"
    assert pel.latex(pel.cross(b, b)) == r"b \times b"
    assert pel.latex(pel.norm(b)) == r"\left\| b \right\|_{2}"
    assert pel.latex(pel.norm(X)) == r"\left\| A \right\|_{F}"
    assert pel.latex(pel.norm(b, math.inf)) == r"\left\| b \right\|_{\infty}"
    assert pel.latex(pel.grad(pel.det(X), X)) == r"\det(A) \, \left(A^{-1}\right)^\top"


def test_singular_matrices_stop_the_interpreter_and_are_nan_or_inf_in_xla(by_numpy: Any, by_xla: Any) -> None:
    x = Input("x", (2, 2), "float64")
    for y, problem in [(pel.inv(x), "Singular"), (pel.solve(x, x[0]), "Singular"), (pel.cholesky(-x), "positive def")]:
        with pytest.raises(LinAlgError, match=rf"(?s){re.escape(str(y))}: .*{problem}.*identity.*test_linear.py:\d+"):
            by_numpy([y], {x: np.ones((2, 2))})
        assert not np.isfinite(by_xla([y], {x: np.ones((2, 2))})[0]).all()
    assert issubclass(LinAlgError, np.linalg.LinAlgError)


MISTAKES: list[tuple[Callable[[], Any], str]] = [
    (lambda: pel.inv(pel.matrix("A", shape=(2, 3))), r"inv: expected a square matrix.*A, of shape \(2, 3\)"),
    (lambda: pel.det(pel.vector("v")), "det: expected a square matrix"),
    (
        lambda: pel.solve(pel.matrix("A", shape=(2, 2)), pel.vector("b", shape=(3,))),
        r"solve: the right side must have as many rows.*\(2, 2\).*\(3,\)",
    ),
    (
        lambda: pel.solve(pel.tensor3("A", shape=(2, 2, 2)), pel.tensor3("b", shape=(3, 2, 1))),
        "solve: the leading dimensions do not broadcast, 2 with 3",
    ),
    (lambda: pel.cross(pel.vector("a", shape=(2,)), pel.vector("b", shape=(2,))), "cross: expected vectors of 3"),
    (
        lambda: pel.cross(pel.matrix("a", shape=(2, 3)), pel.matrix("b", shape=(4, 3))),
        "cross: .* do not broadcast: 2 with 4",
    ),
    (lambda: pel.cross(pel.matrix("a"), pel.vector("b"), axis=0), "cross: expected an axis counted from the end"),
    (lambda: pel.matrix_power(pel.matrix("A", shape=(2, 3)), 2), "matrix_power: expected square matrices"),
    (lambda: pel.matrix_power(pel.matrix("A"), 0.5), "expected an integer power. Received: n=0.5"),
    (lambda: pel.norm(pel.matrix("A"), 2), "norm needs singular values"),
    (lambda: pel.norm(pel.matrix("A"), "fra"), "Did you mean 'fro'?"),
    (lambda: pel.norm(pel.vector("a"), "fro"), "expected a number, inf or -inf as ord"),
    (lambda: pel.norm(pel.tensor3("A"), 1), "norm: expected a vector or a matrix"),
    (lambda: pel.tensordot(pel.matrix("A"), pel.vector("b"), 2), "expected 0 to 1 axes to sum over"),
    (lambda: pel.tensordot(pel.matrix("A"), pel.matrix("b"), ((0, 0), (0, 1))), "as many axes of each, each once"),
    (
        lambda: pel.tensordot(pel.matrix("A", shape=(2, 3)), pel.matrix("B", shape=(2, 4)), (1, 1)),
        "index j of 'ij,kj->ik' is 3 in one operand and 4 in another",
    ),
    (lambda: pel.einsum(pel.matrix("A"), "ij"), "expected subscripts such as"),
    (lambda: pel.einsum("ij,jk", pel.matrix("A")), "'ij,jk' is for 2 operands. Received: 1"),
    (lambda: pel.einsum("ijk", pel.matrix("A")), "has 3 indices, and A, .* has 2 axes"),
    (lambda: pel.einsum("i", pel.matrix("A")), "has 1 indices, and A, .* has 2 axes"),
    (lambda: pel.einsum("i1", pel.matrix("A")), "expected letters, commas, ... and ->. Received: '1'"),
    (lambda: pel.einsum("ij->ii", pel.matrix("A")), "has the index i twice"),
    (lambda: pel.einsum("ij->k", pel.matrix("A")), "has the index k, which no operand has"),
    (lambda: pel.einsum("ii", pel.matrix("A", shape=(2, 3))), "index i stands for both 2 and 3"),
]


@pytest.mark.parametrize(("mistake", "message"), MISTAKES)
def test_mistakes_are_named(mistake: Callable[[], Any], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        mistake()


def test_names_that_linalg_has_not() -> None:
    with pytest.raises(AttributeError, match=r"pel.linalg has no 'choleski'. Did you mean 'cholesky'?"):
        _ = pel.linalg.choleski
    with pytest.raises(AttributeError, match=r"pel.linalg has no 'svd'. For what is not here, .* pel.from_jax"):
        _ = pel.linalg.svd
    assert all(getattr(pel.linalg, name) for name in pel.linalg.__all__)


def test_half_precision_is_refused_where_no_library_has_it() -> None:
    with pytest.raises(DtypeError, match="inv: expected float32 or float64"):
        pel.inv(pel.matrix("A", shape=(2, 2), dtype="float16"))


M, T, U = pel.matrix("M", dtype="float64"), pel.tensor3("T", dtype="float64"), pel.vector("U", dtype="float64")
OF_UNKNOWN_SIZES: list[Callable[[], Any]] = [
    lambda: [pel.solve(M, U), pel.solve(T, U), pel.solve_triangular(M, T), pel.inv(T), pel.det(T), pel.slogdet(T)[1]],
    lambda: [pel.cholesky(M @ M.T), pel.matrix_power(T, -3), pel.trace(T), pel.diag(U, 1)],
    lambda: [pel.norm(T, axis=(0, 1)), pel.norm(M, 1), pel.diag(M, -1), pel.tril(T, 1), pel.rot90(T), pel.roll(T, 2)],
    lambda: [pel.outer(M, U), pel.kron(U, U), pel.kron(M, M), pel.kron(U, T), pel.cross(T, U), pel.vdot(M, M)],
    lambda: [pel.einsum("...ii,i->...", T, U), pel.tensordot(T, M, 2), pel.inner(T, M), pel.dot(M, T)],
    lambda: [pel.matvec(T, M), pel.vecmat(M, T), pel.vecdot(T, U), pel.pad(T, 2, "wrap"), pel.tile(T, (2, 1, 1, 3))],
    lambda: [pel.repeat(T, 2, 1), pel.repeat(T, 2), T.flatten(), pel.vstack([M, U]), pel.dstack([M, M])],
    lambda: [pel.concatenate([M, U], axis=None), pel.column_stack([M, U]), *pel.split(T, [1, 2], 1)],
    lambda: [*pel.broadcast_arrays(T, U)],
]


@pytest.mark.parametrize("write", OF_UNKNOWN_SIZES)
def test_gradients_where_no_size_is_known(write: Callable[[], list[Expr]], by_numpy: Any) -> None:
    values = {M: S, T: np.stack([S, S.T, S @ S.T]), U: V}
    for result in write():
        gradients = pel.grad((result * result).sum(), list(values), disconnected="zero")
        found = by_numpy([result, *gradients], values)
        for g, value in zip(found[1:], values.values(), strict=True):
            assert g.shape == value.shape
        assert any(np.any(g) for g in found[1:])
