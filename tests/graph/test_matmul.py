"""Tests of linear algebra against NumPy: the same call on arrays and on expressions."""

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


def compare_with_numpy(function: Callable[..., Any], *arrays: np.ndarray, tolerance: float = 1e-10) -> None:
    """Compare a NumPy call on arrays with the same call on expressions, with known and with named sizes."""
    expected = function(*arrays)
    expected = expected if isinstance(expected, (list, tuple)) else [expected]
    names = {size: f"n{size}" for a in arrays for size in a.shape if size > 3}
    for shape in (lambda a: a.shape, lambda a: tuple(names.get(d, d) for d in a.shape)):
        inputs = [Input(f"x{i}", shape(a), a.dtype) for i, a in enumerate(arrays)]
        results = function(*inputs)
        results = list(results) if isinstance(results, (list, tuple)) else [results]
        assert all(isinstance(e, Expr) for e in results)
        values = evaluate(np, results, dict(zip(inputs, arrays, strict=True)))
        for e, value, want in zip(results, values, expected, strict=True):
            assert e.ndim == np.ndim(want)
            assert value.dtype == e.dtype == want.dtype
            np.testing.assert_allclose(value, want, rtol=tolerance, atol=tolerance)


def test_products_of_operands_of_all_ranks() -> None:
    for x, y in [(V, V), (V, A), (A, W), (A, B), (C, W), (V, C), (C, B), (C, D), (A, D), (C, E), (E, B.T), (A[0], E)]:
        compare_with_numpy(np.matmul, x, y)
    for x, y in [(V, V), (V, A), (A, B), (C, W), (C, B), (A, D), (C, D), (C, E), (W[0], A), (A, W[0])]:
        compare_with_numpy(np.dot, np.asarray(x), np.asarray(y))
        compare_with_numpy(np.inner, np.asarray(x), np.moveaxis(y, -2, -1) if np.ndim(y) > 1 else np.asarray(y))
    compare_with_numpy(np.vdot, A, A * 2)
    compare_with_numpy(np.vecdot, C, A)
    compare_with_numpy(lambda x, y: np.vecdot(x, y, axis=0), A, V[:, None])
    compare_with_numpy(np.matvec, C, C[:, 0])
    compare_with_numpy(np.vecmat, C[:, :, 0], C)


def test_outer_kronecker_and_cross_products() -> None:
    compare_with_numpy(np.outer, V, W)
    compare_with_numpy(np.outer, A, V)
    compare_with_numpy(np.kron, np.ones((2, 1)) * 3, A)
    compare_with_numpy(np.cross, V, V[::-1].copy())
    compare_with_numpy(lambda x, y: np.cross(x, y, axis=0), A, A[:, ::-1].copy())
    compare_with_numpy(np.kron, np.ones(3), SS)
    compare_with_numpy(np.linalg.cross, C.mT, V)
    for n in (-2, -1, 0, 1, 2, 5):
        compare_with_numpy(lambda x, n=n: np.linalg.matrix_power(x, n), SS)


def test_tensordot() -> None:
    compare_with_numpy(lambda x, y: np.tensordot(x, y, 1), C, B)
    compare_with_numpy(lambda x, y: np.tensordot(x, y, 0), A, V)
    compare_with_numpy(lambda x, y: np.tensordot(x, y, 2), C, A[..., None] * V)
    compare_with_numpy(lambda x, y: np.tensordot(x, y, axes=((0, 2), (0, 1))), C, D)
    compare_with_numpy(lambda x, y: np.tensordot(x, y, axes=(-1, 1)), C, D)
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


@settings(max_examples=75)
@given(contractions())
def test_einsum(drawn: tuple[str, list[np.ndarray]]) -> None:
    subscripts, arrays = drawn
    compare_with_numpy(lambda *a: np.einsum(subscripts, *a), *arrays)


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


def test_einsum_text_and_latex() -> None:
    x, y = pel.matrix("A", shape=(3, 4)), pel.matrix("B", shape=(4, 2))
    z = pel.einsum("ij,jk->ik", x, y)
    assert str(z) == "einsum('ij,jk->ik', A, B)"
    assert pel.latex(z) == r"\left[\sum_{j} A_{ij} B_{jk} \right]_{ik}"
    assert str(pel.grad((z * z).sum() / 2, x)) == "einsum('ik,jk->ij', einsum('ij,jk->ik', A, B), B)"
    assert str(pel.einsum("ij->ji", x)) == "A.T"
    assert str(pel.einsum("ij->j", x)) == "A.sum(axis=0)"


def test_solve_inverse_and_determinant() -> None:
    for a in (S, SS):
        for b in (V, rng.normal(size=(3, 4)), rng.normal(size=(2, 3, 4))):
            compare_with_numpy(np.linalg.solve, a, b)
        for function in (np.linalg.inv, np.linalg.det, np.linalg.slogdet):
            compare_with_numpy(function, a)
    compare_with_numpy(np.linalg.cholesky, P)
    L = np.linalg.cholesky(P)
    for b in (V, rng.normal(size=(3, 4))):
        x = pel.solve_triangular(L, pel.constant(b), lower=True)
        np.testing.assert_allclose(evaluate(np, [x], {})[0], np.linalg.solve(L, b))
    singular = evaluate(np, list(pel.slogdet(np.ones((2, 2)))), {})
    assert singular == [0, -math.inf]


def test_first_and_second_gradients_of_single_matrices(check_gradient: Any) -> None:
    x, b = Input("x", (3, 3), "float64"), Input("b", (3,), "float64")
    weights = np.arange(9.0).reshape(3, 3) / 5
    for y in (pel.inv(x), pel.cholesky(x), pel.det(x) * x, pel.slogdet(x).logabsdet * x, pel.matrix_power(x, 3)):
        check_gradient((y * weights).sum(), {x: P[0]}, [x])
    for y in (pel.solve(x, b), pel.solve_triangular(x, b), pel.cross(b, x[0])):
        check_gradient((y * weights[1]).sum(), {x: S, b: V}, [x, b])


def test_norms() -> None:
    for order in (None, 0, 1, 2, 3, 0.5, -1, math.inf, -math.inf):
        compare_with_numpy(lambda x, o=order: np.linalg.norm(x, o), V)
        compare_with_numpy(lambda x, o=order: np.linalg.norm(x, o, axis=1), C)
        compare_with_numpy(
            lambda x, o=order: np.linalg.vector_norm(x, ord=2 if o is None else o, axis=(0, 2), keepdims=True), C
        )
    for order in (None, "fro", 1, -1, math.inf, -math.inf):
        compare_with_numpy(lambda x, o=order: np.linalg.norm(x, o), A)
        compare_with_numpy(lambda x, o=order: np.linalg.norm(x, o, axis=(2, 0)), C)
        compare_with_numpy(lambda x, o=order: np.linalg.norm(x, o, axis=(0, 1), keepdims=True), C)
        compare_with_numpy(lambda x, o=order: np.linalg.matrix_norm(x, ord=o or "fro"), C)
    compare_with_numpy(np.linalg.norm, C)
    compare_with_numpy(np.linalg.norm, np.zeros((0,)))


@pytest.mark.parametrize("order", [1, 2, 3, 0.5, math.inf, -math.inf])
def test_gradient_of_the_norm_of_zeros_is_zero(order: float, by_numpy: Any, by_xla: Any) -> None:
    x = Input("x", (3,), "float64")
    first = pel.grad(pel.norm(x, order), x)
    second = pel.grad((first * np.arange(3.0)).sum(), x, disconnected="zero")
    for run in (by_numpy, by_xla):
        for value in run([first, second], {x: np.zeros(3)}):
            np.testing.assert_array_equal(value, np.zeros(3))


def test_norm_does_not_overflow(by_numpy: Any, by_xla: Any) -> None:
    x = Input("x", (2,), "float32")
    y = [pel.norm(x), pel.grad(pel.norm(x), x)]
    for run in (by_numpy, by_xla):
        for scale in (1e30, 1e-30):
            length, direction = run(y, {x: np.array([3, 4], "float32") * np.float32(scale)})
            np.testing.assert_allclose(length, 5 * scale, rtol=1e-6)
            np.testing.assert_allclose(direction, [0.6, 0.8], rtol=1e-6)


def test_trace_uses_first_axes_in_np_and_last_axes_in_linalg() -> None:
    compare_with_numpy(np.trace, C)
    compare_with_numpy(np.linalg.trace, C)
    compare_with_numpy(np.linalg.diagonal, C)
    compare_with_numpy(lambda x: np.trace(x, -1, 2, 1), C)
    x = pel.tensor3("x")
    assert np.linalg.trace(x) is pel.linalg.trace(x)
    assert pel.linalg.norm is pel.norm


def test_right_operand_of_a_product_is_parenthesized() -> None:
    X, b = pel.matrix("X", shape=(3, 3)), pel.vector("b", shape=(3,))
    assert str(X @ (2 * b)) == "X @ (2 * b)"
    assert str((b * 2) @ X @ (b * 3)) == "b * 2 @ X @ (b * 3)"
    assert str(pel.grad((b @ X * [1.0, 2.0, 3.0]).sum(), X)) == "outer(b, [1, 2, 3])"


def test_latex() -> None:
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
    assert pel.latex(pel.grad(pel.det(X), X)) == r"\operatorname{cof}(A)"


def test_singular_matrix_raises_error_in_numpy_and_gives_nan_or_inf_in_xla(by_numpy: Any, by_xla: Any) -> None:
    x = Input("x", (2, 2), "float64")
    for y, problem in [(pel.inv(x), "Singular"), (pel.solve(x, x[0]), "Singular"), (pel.cholesky(-x), "positive def")]:
        with pytest.raises(LinAlgError, match=rf"(?s){re.escape(str(y))}: .*{problem}.*identity.*test_matmul.py:\d+"):
            by_numpy([y], {x: np.ones((2, 2))})
        assert not np.isfinite(by_xla([y], {x: np.ones((2, 2))})[0]).all()
    assert issubclass(LinAlgError, np.linalg.LinAlgError)


MISTAKES: list[tuple[Callable[[], Any], str]] = [
    (lambda: pel.inv(pel.matrix("A", shape=(2, 3))), r"inv: expected a square matrix.*A, of shape \(2, 3\)"),
    (lambda: pel.det(pel.vector("v")), "det: expected a square matrix"),
    (
        lambda: pel.solve(pel.matrix("A", shape=(2, 2)), pel.vector("b", shape=(3,))),
        r"solve: the right-hand side and the matrix must have the same number of rows.*\(2, 2\).*\(3,\)",
    ),
    (
        lambda: pel.solve(pel.tensor3("A", shape=(2, 2, 2)), pel.tensor3("b", shape=(3, 2, 1))),
        "solve: the batch dimensions 2 and 3 do not broadcast",
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
    (lambda: pel.matrix_norm(pel.matrix("A"), None), "expected 'fro', 1, -1, inf or -inf. Received: ord=None"),
    (lambda: pel.norm(pel.vector("a"), "fro"), "expected a number, inf or -inf as ord"),
    (lambda: pel.norm(pel.tensor3("A"), 1), "norm: expected a vector or a matrix"),
    (lambda: pel.tensordot(pel.matrix("A"), pel.vector("b"), 2), "expected 0 to 1 axes to sum over"),
    (lambda: pel.tensordot(pel.matrix("A"), pel.matrix("b"), ((0, 0), (0, 1))), "equally many axes of both arrays"),
    (
        lambda: pel.tensordot(pel.matrix("A", shape=(2, 3)), pel.matrix("B", shape=(2, 4)), (1, 1)),
        "index j of 'ij,kj->ik' is 3 in one operand and 4 in another",
    ),
    (lambda: pel.einsum(pel.matrix("A"), "ij"), "expected subscripts such as"),
    (lambda: pel.einsum("ij,jk", pel.matrix("A")), "'ij,jk' expects 2 operands. Received: 1"),
    (lambda: pel.einsum("ijk", pel.matrix("A")), "indices in 'ijk', 3, does not match the 2 axes of A"),
    (lambda: pel.einsum("i", pel.matrix("A")), "indices in 'i', 1, does not match the 2 axes of A"),
    (lambda: pel.einsum("i1", pel.matrix("A")), "expected letters, commas, ... and ->. Received: '1'"),
    (lambda: pel.einsum("ij->ii", pel.matrix("A")), "index i appears twice"),
    (lambda: pel.einsum("ij->k", pel.matrix("A")), "index k .* appears in no operand"),
    (lambda: pel.einsum("ii", pel.matrix("A", shape=(2, 3))), "repeated index i has the sizes 2 and 3"),
]


@pytest.mark.parametrize(("call", "message"), MISTAKES)
def test_invalid_arguments_raise_errors(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        call()


def test_unknown_linalg_names_raise_errors() -> None:
    with pytest.raises(AttributeError, match=r"pel.linalg has no 'choleski'. Did you mean 'cholesky'?"):
        _ = pel.linalg.choleski
    with pytest.raises(AttributeError, match=r"no 'svd'. For other functions, wrap one of JAX with pel.from_jax"):
        _ = pel.linalg.svd
    assert all(getattr(pel.linalg, name) for name in pel.linalg.__all__)


def test_inverse_of_float16_raises_error() -> None:
    with pytest.raises(DtypeError, match="inv: expected float32 or float64"):
        pel.inv(pel.matrix("A", shape=(2, 2), dtype="float16"))


M, T, U = pel.matrix("M", dtype="float64"), pel.tensor3("T", dtype="float64"), pel.vector("U", dtype="float64")
WITH_UNKNOWN_SIZES: list[Callable[[], Any]] = [
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


@pytest.mark.parametrize("build", WITH_UNKNOWN_SIZES)
def test_gradients_with_unknown_sizes(build: Callable[[], list[Expr]], by_numpy: Any) -> None:
    values = {M: S, T: np.stack([S, S.T, S @ S.T]), U: V}
    for result in build():
        gradients = pel.grad((result * result).sum(), list(values), disconnected="zero")
        found = by_numpy([result, *gradients], values)
        for g, value in zip(found[1:], values.values(), strict=True):
            assert g.shape == value.shape
        assert any(np.any(g) for g in found[1:])


def test_the_gradient_of_weights_that_a_stack_shares_is_one_product() -> None:
    x = pel.tensor4("x", shape=("n", 2, 3, 4))
    W = pel.shared(np.ones((4, 5), "float32"), "W")
    gradient = pel.grad((pel.tanh(x @ W) ** 2).sum(), W)
    assert "sum" not in str(gradient)
    rng = np.random.default_rng(0)
    value = rng.normal(size=(6, 2, 3, 4)).astype("float32")
    y = np.tanh(value @ np.ones((4, 5), "float32"))
    expected = np.einsum("abcf,abcu->fu", value, 2 * y * (1 - y**2))
    np.testing.assert_allclose(pel.function([x], gradient)(value), expected, rtol=1e-4, atol=1e-5)
