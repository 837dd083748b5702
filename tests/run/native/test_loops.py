"""Loops compiled from C compared with the interpreter: state, batches, SIMD, tiles, control flow; refused programs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.graph.expr import Shared
from pellucid.run.function import Function
from pellucid.run.native import program
from pellucid.run.native.compile_cache import CompiledLoop
from pellucid.run.native.compiler import find_compiler, get_vector_bytes
from pellucid.run.native.vector_math import INLINE_FUNCTIONS

slow = pytest.mark.slow
optimized = pytest.mark.usefixtures("optimized_code")
pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")


def copy_in_mode(f: Function, mode: str) -> tuple[Function, list[Shared]]:
    """Return the same function in another mode, on copies of its shared variables."""
    copies = {s: pel.shared(s.get_value(), str(s.name)) for s in f.program.updates}
    return f.copy(swap=copies, mode=mode), list(copies.values())


def compare_with_interpreter(f: Function, steps: int, *args: Any, walk: bool = False, tolerance: float = 1e-12) -> str:
    """Compare outputs and state of a compiled function with the interpreter's, and return its C."""
    results = []
    for mode in ("native", "numpy"):
        g, state = copy_in_mode(f, mode)
        outputs = g.over(*args) if walk else g.repeat(steps, *args)
        results.append(
            [*(outputs if isinstance(outputs, (list, tuple)) else [outputs]), *(s.get_value() for s in state)]
        )
        if mode == "native":
            [loop] = [c for c in g.backend.compiled.values() if isinstance(c, CompiledLoop)]
    for number, (found, expected) in enumerate(zip(*results, strict=True)):
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance, err_msg=f"result {number}")
    return loop.code


def is_vectorized(code: str, rows: int, item_size: int = 8) -> bool:
    """Whether an iteration computes two vectors of samples, and the last one has padding if they do not fill it."""
    width = get_vector_bytes() // item_size
    lanes = width if rows <= width else 2 * width
    padded = -(-rows // lanes) * lanes
    return f"j < {lanes}; j++" in code and (f"lane_mask[{padded}]" in code) == (padded > rows)


def make_network(
    rows: int, dtype: str = "float64", walk: bool = False, hidden: int = 3
) -> tuple[Function, list[np.ndarray]]:
    """Return a training step of two layers with sums, gathers and statistics of the batch."""
    rng = np.random.default_rng(0)
    X, y = pel.matrix("X", shape=("n", 2), dtype=dtype), pel.ivector("y", shape=("n",))
    W, b, V = (
        pel.shared(rng.normal(size=s).astype(dtype), n)
        for s, n in (((2, hidden), "W"), ((hidden,), "b"), ((hidden + 2, 4), "V"))
    )
    h = pel.tanh(pel.standardize(X @ W, axis=0) + b)
    p = pel.softmax(pel.concatenate([h, X], axis=1) @ V)
    loss = pel.losses.sparse_categorical_crossentropy(y, p).mean() + 0.01 * (W**2).sum()
    outputs = [loss, p.argmax(axis=-1), h]
    f = pel.function([X, y], outputs, updates=pel.optimizers.Adam(0.05).updates(loss))
    batches = (5,) if walk else ()
    return f, [rng.normal(size=(*batches, rows, 2)).astype(dtype), rng.integers(0, 4, (*batches, rows)).astype("int32")]


@optimized
@pytest.mark.parametrize("rows", [150, pytest.param(144, marks=slow)])
def test_samples_are_vectorized(rows: int) -> None:
    f, data = make_network(rows)
    code = compare_with_interpreter(f, 7, *data)
    assert "const int32_t l = " in code
    assert is_vectorized(code, rows)


def test_the_batch_may_be_any_axis() -> None:
    rng = np.random.default_rng(0)
    x, W = pel.matrix("x", shape=(3, "n")), pel.shared(rng.normal(size=(30, 3)).astype("float32"), "W")
    h = pel.tanh(W @ x)
    rows = pel.concatenate([h[::-1], h[:5] * 2], axis=0)
    loss = (rows.T.reshape((-1, 5, 7)) ** 2).mean(axis=1).max(axis=1).sum()
    f = pel.function([x], [h, rows.argmin(axis=0), loss], updates=pel.optimizers.SGD(0.01).updates(loss))
    compare_with_interpreter(f, 3, rng.normal(size=(3, 21)).astype("float32"), tolerance=1e-5)


def test_samples_may_be_compared_with_each_other() -> None:
    x, w = pel.matrix("x", shape=("n", 2), dtype="float32"), pel.shared(np.array([0.5, -2], "float32"), "w")
    h = pel.exp(x * w) / (1 + pel.exp(x * w)) ** 2
    loss = h.max(axis=0).sum() + h.T.min() + pel.log(h).sum()
    f = pel.function([x], [h.T, loss], updates={w: w - 0.01 * pel.grad(loss, w)})
    values = np.random.default_rng(0).normal(size=(37, 2)).astype("float32")
    assert is_vectorized(compare_with_interpreter(f, 3, values, tolerance=2e-6), 37, item_size=4)
    for value in (np.nan, np.inf):
        values[3, 1] = value
        with np.errstate(all="ignore"):
            compare_with_interpreter(f, 1, values, tolerance=2e-6)


@pytest.mark.parametrize(
    ("hidden", "rows"), [(4, 140), (14, 20), pytest.param(4, 20, marks=slow), pytest.param(14, 140, marks=slow)]
)
def test_slices_and_updates_of_samples(hidden: int, rows: int) -> None:
    x, weights = pel.matrix("x", shape=("n", 4), dtype="float64"), np.linspace(-1, 1, 4 * hidden)
    W, V = pel.shared(weights.reshape(4, hidden), "W"), np.ones((hidden, 4))
    h = (x @ W) @ V if hidden > 4 else x @ W
    gated = h[:, :2] * pel.sigmoid(h[:, 2:]) + h[:, 3:]
    loss = (gated.at[:, 1].set(h[:, 2]).at[:, 1:].add(h[:, -1:]) ** 2).sum()
    f = pel.function([x], loss, updates=pel.optimizers.SGD(0.01).updates(loss))
    values = np.random.default_rng(0).normal(size=(rows, 4))
    code = compare_with_interpreter(f, 3, values, tolerance=1e-11)
    assert is_vectorized(code, rows) == (hidden == 4 and rows == 140)


def test_slices_and_updates_of_variables() -> None:
    a = pel.shared(np.arange(30.0).reshape(5, 6), "a")
    new = [a.at[1:3, 2:5].set(a[:2, :3]), a.at[-1].add(a[0]), a.at[2, 3].set(-1.0), a.at[::2].set(a[::-2])]
    compare_with_interpreter(pel.function([], new, updates={a: a + 1}), 2)


@optimized
def test_strength_reduction_loses_no_digits() -> None:
    x, w = pel.matrix("x", shape=(3, 4), dtype="float64"), pel.shared(2.0, "w")
    small, p = x * 1e-300, pel.softmax(x * w)
    results = [x / 3, x / 8, (x + 1e300) / 1e308, small / small, x / (x - x), p, 4 * p / (1 + pel.exp(x)) ** 2]
    square = x[:, :3]
    results += [
        pel.exp(square - m).sum(axis=1) for m in (square.max(axis=1, keepdims=True), square.max(axis=0)[:, None])
    ]
    f = pel.function([x], results, updates={w: w / 7})
    values = np.array([[0.0, 1, -3, 700], [np.inf, 0, 2, 3], [np.nan, 1, 2, 3]])
    with np.errstate(all="ignore"):
        code = compare_with_interpreter(f, 2, values)
    assert "/ 0x1.8" not in code


@pytest.mark.parametrize(
    ("rows", "dtype", "walk"),
    [pytest.param(16, "float64", False, marks=slow), (37, "float32", False), (20, "float64", True)],
)
def test_large_samples_are_computed_in_tiles(rows: int, dtype: str, walk: bool) -> None:
    f, data = make_network(rows, dtype, walk, hidden=20)
    code = compare_with_interpreter(f, 5, *data, walk=walk, tolerance=1e-11 if dtype == "float64" else 1e-4)
    assert "_sums" in code


def test_few_samples_are_not_vectorized() -> None:
    f, data = make_network(6)
    assert "lane_mask" not in compare_with_interpreter(f, 7, *data).partition("void run")[2]


@pytest.mark.parametrize(
    ("rows", "dtype"),
    [(144, "float64"), pytest.param(140, "float64", marks=slow), pytest.param(20, "float32", marks=slow)],
)
def test_each_step_may_have_its_own_batch(rows: int, dtype: str) -> None:
    f, data = make_network(rows, dtype, walk=True)
    code = compare_with_interpreter(f, 5, *data, walk=True, tolerance=1e-12 if dtype == "float64" else 3e-5)
    assert is_vectorized(code, rows) == (rows > 20)


def test_state_may_be_permuted_and_outputs_use_old_values() -> None:
    a, b, c = pel.shared([1.0, 2.0], "a"), pel.shared([3.0, 5.0], "b"), pel.shared(7, "c")
    compare_with_interpreter(pel.function([], [a, b + 1, c], updates={a: b, b: a + b, c: c + 1}), 9)


def test_control_flow_and_random_numbers_in_a_step() -> None:
    x, w, rng = pel.matrix("x", shape=(5, 3), dtype="float64"), pel.shared(np.eye(3), "w"), pel.random.Generator(0)
    h, _ = pel.scan(lambda x_t, h, c: (pel.tanh(x_t @ w + c), 0.5 * c + h), x, [np.zeros(3), np.ones(3)])
    n = pel.while_loop(lambda i: i < 20, lambda i: i + 3, 1)
    loss = pel.cond(h.sum() > 0, lambda: (h**2).sum(), lambda: (h * pel.sigmoid(h)).sum()) + n + rng.uniform()
    f = pel.function([x], loss, updates={w: w - 0.1 * pel.grad(loss, w)})
    compare_with_interpreter(f, 6, np.random.default_rng(1).normal(size=(5, 3)), tolerance=1e-6)


def test_an_embedding_layer() -> None:
    table = nn.Embedding(9, 4)
    i, t = pel.imatrix("i", shape=("n", 3)), pel.matrix("t", shape=("n", 2))
    loss = ((nn.Dense(2)(table(i).mean(axis=1)) - t) ** 2).mean()
    f = pel.function([i, t], loss, updates=pel.optimizers.SGD(0.1, momentum=0.9).updates(loss))
    rng = np.random.default_rng(0)
    compare_with_interpreter(
        f, 8, rng.integers(0, 9, (6, 3)).astype("int32"), rng.normal(size=(6, 2)).astype("float32"), tolerance=1e-5
    )


def test_gathered_rows_of_a_large_array_are_prefetched() -> None:
    rng = np.random.default_rng(0)
    images = pel.shared(rng.integers(0, 256, (3000, 400)).astype("uint8"), "images", trainable=False)
    batch, W = pel.ivector("batch", shape=("n",)), pel.shared(rng.normal(size=(400, 10)), "W")
    loss = (pel.tanh(images[batch].astype("float64") / 255 @ W / 20) ** 2).sum()
    f = pel.function([batch], loss, updates=pel.optimizers.SGD(1e-3).updates(loss, [W]))
    code = compare_with_interpreter(f, 3, rng.integers(-3000, 3000, (3, 7)).astype("int32"), walk=True)
    assert "__builtin_prefetch" in code


@pytest.mark.parametrize(
    ("hidden", "rows"), [(3, 140), (30, 20), pytest.param(3, 20, marks=slow), pytest.param(30, 140, marks=slow)]
)
def test_gathered_rows_are_samples(hidden: int, rows: int) -> None:
    rng = np.random.default_rng(0)
    x = pel.shared(rng.normal(size=(50, 2)), "x", trainable=False)
    y = pel.shared(rng.integers(0, 2, 50).astype("int32"), "y", trainable=False)
    batch, weight = pel.ivector("batch", shape=("n",)), pel.vector("weight", shape=("n",), dtype="float64")
    W, V = pel.shared(rng.normal(size=(2, hidden)), "W"), pel.shared(rng.normal(size=(hidden, 2)), "V")
    p = pel.softmax(pel.tanh(x[batch] @ W) @ V)
    loss = (weight * pel.losses.sparse_categorical_crossentropy(y[batch], p)).sum()
    f = pel.function([batch, weight], [loss, p], updates=pel.optimizers.SGD(1e-2).updates(loss, [W, V]))
    numbers, weights = rng.integers(-50, 50, (3, rows)).astype("int32"), rng.uniform(size=(3, rows))
    code = compare_with_interpreter(f, 3, numbers, weights, walk=True)
    assert is_vectorized(code, rows) == (hidden == 3 and rows == 140)


@pytest.mark.parametrize(
    "sizes",
    [
        [(9, 40, 10), (21, 7, 1)],
        [(1, 33, 26), (12, 5, 70)],
        pytest.param([(40, 40, 60)], marks=slow),
    ],
)
def test_matrix_products_of_many_sizes(sizes: list[tuple[int, int, int]]) -> None:
    rng = np.random.default_rng(0)
    losses = []
    for rows, summed, columns in sizes:
        A, B = pel.shared(rng.normal(size=(rows, summed)), "A"), pel.shared(rng.normal(size=(summed, columns)), "B")
        losses.append(((A @ B) ** 2).sum() / 2 + pel.tanh(A @ B).sum())
    updates = pel.optimizers.SGD(1e-3).updates(sum(losses[1:], losses[0]))
    compare_with_interpreter(pel.function([], losses, updates=updates), 4)


@optimized
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_elementary_functions_are_accurate_to_three_ulps(dtype: str) -> None:
    rng, limits = np.random.default_rng(0), np.finfo(dtype)
    wide = 88 if dtype == "float32" else 709
    near = rng.normal(size=4000) * 10.0 ** rng.uniform(-6, 1, 4000)
    values = {
        "exp": np.concatenate([near, rng.uniform(-wide, wide, 4000), [0, np.inf, -np.inf, 1000, -1000]]),
        "expm1": np.concatenate([near, rng.uniform(-wide, wide, 2000), [0, np.inf, -np.inf]]),
        "log": np.concatenate([10.0 ** rng.uniform(-37, 37, 4000), rng.uniform(0.5, 2, 4000), [0, 1, np.inf, -1.0]]),
        "log1p": np.concatenate([np.abs(near), rng.uniform(-0.99, 1, 2000), [0, -1, np.inf]]),
        "tanh": np.concatenate([near, rng.uniform(-20, 20, 2000), [0, np.inf, -np.inf]]),
    }
    assert set(values) == set(INLINE_FUNCTIONS)
    inputs = [pel.vector(name, dtype=dtype) for name in values]
    f = pel.function(inputs, [getattr(pel, str(i.name))(i) for i in inputs], mode="native")
    arguments = [np.append(v, np.nan).astype(dtype) for v in values.values()]
    for name, found, x in zip(values, f(*arguments), arguments, strict=True):
        with np.errstate(all="ignore"):
            exact = getattr(np, name)(x.astype(np.longdouble)).astype(dtype)
        same = (found == exact) | (np.isnan(found) & np.isnan(exact))
        error = np.abs(found[~same].astype(np.longdouble) - exact[~same]) / np.maximum(
            np.spacing(np.abs(exact[~same])), limits.tiny
        )
        assert error.max(initial=0) <= 3, (name, x[~same][error.argmax()])


def test_mode_auto_compiles_small_loops_to_c_and_leaves_large_ones_to_xla() -> None:
    w, big = pel.shared(1.0, "w"), pel.shared(np.ones((600, 600), "float32"), "big")
    f, g = pel.function([], w, updates={w: 0.5 * w}), pel.function([], big.sum(), updates={big: 0.5 * big})
    assert f.repeat(3).tolist() == [1, 0.5, 0.25]
    assert [type(c) for c in f.backend.compiled.values()] == [CompiledLoop]
    assert g.repeat(2).tolist() == [360000, 180000]
    assert None in g.backend.compiled.values()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda x: pel.sort(x), r'cannot be compiled as C: it uses sort\. Use mode="auto"'),
        (lambda x: pel.cast(x, "bfloat16"), "it uses the dtype bfloat16"),
        (lambda x: pel.outer(x, x) @ pel.outer(x, x), "its matrix products take .* operations per step"),
        (lambda x: sum((pel.sin(k * x).sum() for k in range(10)), 0.0), r"it has \d\d expressions, more than 20"),
    ],
)
def test_mode_native_refuses_unsupported_programs(build: Any, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert program.MAX_EXPRESSIONS == 3000
    monkeypatch.setattr(program, "MAX_EXPRESSIONS", 20)
    x = pel.vector("x")
    with pytest.raises(pel.UseError, match=message):
        pel.function([x], build(x), mode="native").repeat(2, np.ones(400, "float32"))


def test_variables_exchange_their_values() -> None:
    a, b, c = (pel.shared(np.full(5, float(i), "float32"), n) for i, n in enumerate("abc"))
    swap = pel.function([], (a - b).sum(), updates={a: b, b: a}, mode="native")
    assert swap.repeat(3).tolist() == [-5, 5, -5]
    assert (a.get_value()[0], b.get_value()[0]) == (1, 0)
    rotate = pel.function([], updates={a: b, b: c, c: a + 1}, mode="native")
    rotate.repeat(4)
    assert [v.get_value()[-1] for v in (a, b, c)] == [1, 3, 3]


def test_products_with_strided_slices() -> None:
    rng = np.random.default_rng(0)
    X, W = pel.matrix("X", shape=(5, 6), dtype="float64"), pel.shared(rng.normal(size=(6, 8)), "W")
    V = pel.shared(rng.normal(size=(8, 6)), "V")
    outputs = [X @ W[:, ::2], X[:, ::2] @ W[1::2], X[::2] @ V[::3].T, X @ V.T[:, 1::3], X[1::2, ::-1] @ W[:, :3]]
    f = pel.function([X], outputs, updates={W: 0.9 * W})
    compare_with_interpreter(f, 2, rng.normal(size=(5, 6)))


def test_programs_with_side_effects_are_left_to_xla() -> None:
    import jax

    received: list[float] = []

    def report(x: Any) -> Any:
        jax.debug.callback(lambda value: received.append(float(value)), x)
        return jax.lax.reduce_precision(x, 8, 4)

    w = pel.shared(1.0, "w")
    f = pel.function([], updates={w: pel.from_jax(report)(w) + 0.01})
    f.repeat(2)
    assert len(received) == 2
    assert None in f.backend.compiled.values()


@optimized
def test_subnormal_numbers_are_zero_in_loops_and_the_mode_of_the_process_stays() -> None:
    w = pel.shared(np.full(40, 1e-30, "float32"), "w")
    small, tiny = np.float32(1e-30), np.float32(1e-40)
    f = pel.function([], w, updates={w: 1e-9 * w + 1e-30 * (w < 0)}, mode="native")
    assert f.repeat(2)[1].tolist() == [0] * 40
    assert small * np.float32(1e-9) > 0  # NumPy still computes subnormal numbers
    assert tiny + tiny > tiny
