"""Recurrent loops and their gradients as kernels, compared with NumPy."""

from itertools import pairwise

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.run.kernels import ffi, recurrent_lowerings, recurrent_programs, row_products, source_assembly
from pellucid.run.native.compiler import find_compiler
from pellucid.run.native.errors import NotNative

UNITS = 7
"""Units of the layers of several tests, which then share the compiled kernels."""

SHIPPED_LIMIT = recurrent_lowerings.MIN_LOOP_MULTIPLICATIONS

slow = pytest.mark.slow
pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")


@pytest.fixture(autouse=True)
def kernels(monkeypatch):
    """Use kernels for all sizes, and collect for each call its number of operands and the shapes of its results."""
    collected, call = [], ffi.call_with_results

    def call_and_collect(target, results, *operands, **options):
        if "aliases" not in options:
            collected.append((len(operands), [tuple(r.shape) for r in results]))
        return call(target, results, *operands, **options)

    monkeypatch.setattr(ffi, "call_with_results", call_and_collect)
    monkeypatch.setattr(recurrent_lowerings, "MIN_LOOP_MULTIPLICATIONS", 0)
    recurrent_lowerings.lower_loop.cache_clear()
    yield collected
    recurrent_lowerings.lower_loop.cache_clear()


def run_in_both_modes(inputs, outputs, arguments):
    return [pel.function(inputs, outputs, mode=mode)(*arguments) for mode in ("xla", "numpy")]


def assert_close(found, expected, case=""):
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        tolerance = (3e-5 if a.dtype == np.float32 else 1e-12) * abs(b).max(initial=1)
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance, err_msg=case)


def compare_with_numpy(layer, sizes, dtype, rng, masked=False):
    """Compare the cost of a layer and all its gradients with NumPy."""
    samples, steps, features = sizes
    x, mask = pel.tensor3("x", shape=("n", steps, features), dtype=dtype), pel.tensor("mask", ("n", steps), "bool")
    y = layer(x, mask=mask) if masked else layer(x)
    cost = (y * y).sum()
    arguments = [rng.normal(size=(samples, steps, features)).astype(dtype), rng.random((samples, steps)) > 0.3]
    inputs = [x, mask][: 1 + masked]
    assert_close(*run_in_both_modes(inputs, [y, *pel.grad(cost, [x, *layer.parameters])], arguments[: 1 + masked]))


LAYERS = [
    (nn.LSTM, {}),
    (nn.LSTM, {"return_sequences": True, "go_backwards": True}),
    (nn.LSTM, {"activation": "relu", "recurrent_activation": "hard_sigmoid", "use_bias": False}),
    (nn.LSTM, {"checkpoint": 1}),
    (nn.LSTM, {"checkpoint": 3, "return_sequences": True}),
    (nn.GRU, {}),
    (nn.GRU, {"return_sequences": True}),
    (nn.GRU, {"reset_after": False, "go_backwards": True}),
    (nn.GRU, {"use_bias": False, "checkpoint": True}),
    (nn.SimpleRNN, {}),
    (nn.SimpleRNN, {"return_sequences": True, "activation": "sigmoid"}),
    (nn.SimpleRNN, {"checkpoint": 3, "return_sequences": True}),
]

FAST = {(0, True), (1, False), (2, False), (7, True), (10, False), (11, False)}
"""Positions of layers that `make test` runs, with a mask or without one: most options, each kind and each dtype."""


@pytest.mark.parametrize(
    ("kind", "options", "masked", "dtype"),
    [
        pytest.param(*layer, masked, ("float32", "float64")[k % 2], marks=[slow] * ((k, masked) not in FAST))
        for k, layer in enumerate(LAYERS)
        for masked in (False, True)
    ],
)
def test_layers_and_their_gradients(kernels, rng, kind, options, masked, dtype):
    """The sizes leave parts of panels, tiles and tasks."""
    nn.set_random_seed(0)
    layer = kind(21, **options, bias_initializer="random_normal")
    compare_with_numpy(layer, (29, 5, 3), dtype, rng, masked)
    assert len(kernels) >= 2


@pytest.mark.parametrize("kind", [nn.SimpleRNN, pytest.param(nn.GRU, marks=slow), pytest.param(nn.LSTM, marks=slow)])
def test_recurrent_dropout(kernels, rng, kind):
    x, value, results = pel.tensor3("x", shape=("n", 6, 3)), rng.normal(size=(7, 6, 3)).astype("float32"), []
    for mode in ("xla", "numpy"):  # each with the same weights and the same draws
        nn.set_random_seed(0)
        layer = kind(9, recurrent_dropout=0.3, dropout=0.2, seed=1)
        results.append(pel.function([x], pel.grad((layer(x) ** 2).sum(), layer.parameters), mode=mode)(value))
    assert_close(*results)
    assert len(kernels) == 2


@pytest.mark.parametrize(
    ("vector_bytes", "registers"), [(16, 16), pytest.param(16, 32, marks=slow), pytest.param(32, 16, marks=slow)]
)
def test_other_processors(kernels, monkeypatch, rng, vector_bytes, registers):
    for module in (recurrent_programs, row_products, source_assembly):
        monkeypatch.setattr(module, "get_vector_bytes", lambda: vector_bytes)
    monkeypatch.setattr(row_products, "count_vector_registers", lambda: registers)
    compare_with_numpy(nn.GRU(21), (19, 5, 3), "float32", rng)
    if vector_bytes > 16:
        compare_with_numpy(nn.LSTM(9), (3, 5, 3), "float64", rng)
    assert len(kernels) in (2, 4)


def divide_batch(rows, monkeypatch):
    """Use tasks with this number of rows."""
    monkeypatch.setattr(recurrent_programs, "MIN_TASK_ROWS", rows)
    monkeypatch.setattr(recurrent_programs, "MAX_TASK_ROWS", rows)
    recurrent_lowerings.lower_loop.cache_clear()


@pytest.mark.parametrize(
    ("units", "features", "with_gradients", "divisions"),
    [(UNITS, 3, False, (1, 7, 64)), pytest.param(37, 4, True, (1, 2, 3, 7, 64), marks=slow)],
)
def test_bits_do_not_depend_on_the_division_of_the_batch(monkeypatch, rng, units, features, with_gradients, divisions):
    x, layer = pel.tensor3("x", shape=("n", 6, features)), nn.LSTM(units)
    outputs = [layer(x)]
    if with_gradients:
        outputs = pel.grad((outputs[0] ** 2).sum(), [x, *layer.parameters])
    value, results = rng.normal(size=(29, 6, features)).astype("float32"), []
    for rows in divisions:
        divide_batch(rows, monkeypatch)
        results.append(pel.function([x], outputs, mode="xla")(value))
    for a, b in pairwise(results):
        assert all((p == q).all() for p, q in zip(a, b, strict=True))


def test_one_kernel_serves_all_sizes_and_bits_of_a_sample_do_not_depend_on_the_batch(monkeypatch, rng):
    codes, request = [], ffi.request_kernel
    monkeypatch.setattr(ffi, "request_kernel", lambda code: codes.append(code) or request(code))
    # A layer would multiply its input by a matrix before the loop, in XLA, whose bits depend on the batch.
    x, h, w = pel.tensor3("x"), pel.matrix("h"), pel.shared(rng.normal(size=(9, 9)).astype("float32"), "w")
    f = pel.function([x, h], pel.scan(lambda x_t, h: pel.tanh(x_t + h @ w), x, h)[-1], mode="xla")
    values, start = rng.normal(size=(6, 23, 9)).astype("float32"), rng.normal(size=(23, 9)).astype("float32")
    whole = f(values, start)
    np.testing.assert_array_equal(f(values[:, :5], start[:5]), whole[:5])
    f(values[:4, :2], start[:2])
    assert len(codes) >= 3
    assert len(set(codes)) == 1


@slow
def test_bits_of_a_sample_do_not_depend_on_the_batch(rng):
    x, layer = pel.tensor3("x", shape=("n", 6, 4)), nn.GRU(19)
    f = pel.function([x], layer(x), mode="xla")
    value = rng.normal(size=(23, 6, 4)).astype("float32")
    whole = f(value)
    assert all((f(value[:n]) == whole[:n]).all() for n in (2, 5, 16))


@slow
def test_the_gradient_of_the_weights_is_one_product_after_the_loop(kernels, rng):
    compare_with_numpy(nn.LSTM(UNITS, return_sequences=True), (4, 5, 3), "float32", rng)
    assert (5, 4, 4 * UNITS) in kernels[-1][1]  # the gradients of the gates
    assert (UNITS, 4 * UNITS) not in kernels[-1][1]


@pytest.mark.filterwarnings("ignore:.*encountered")
def test_infinities_and_nan(rng):
    x, layer = pel.tensor3("x", shape=(5, 4, 3)), nn.LSTM(UNITS, return_sequences=True)
    argument = rng.normal(size=(5, 4, 3)).astype("float32")
    y = layer(x)
    outputs = [y, *pel.grad(y.sum(), [x, *layer.parameters])]
    by_xla, by_numpy = (pel.function([x], outputs, mode=mode) for mode in ("xla", "numpy"))
    for value in (np.inf, -np.inf, np.nan, 1e38):
        argument[2, 1, 0] = value
        for a, b in zip(by_xla(argument), by_numpy(argument), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4, err_msg=str(value))


class Peephole(nn.Layer):
    """A cell with two states, joined and sliced columns, a table of numbers, and an output that is no state."""

    state_size = (6, 3)

    def build(self, x):
        self.first = self.parameter("first", (6, 9), "glorot_uniform", x)
        self.second = self.parameter("second", (9, 3), "glorot_uniform", x)

    def call(self, x_t, states):
        h, c = states
        both = pel.tanh(h @ self.first + pel.concatenate([x_t[:, 1:4], h * np.arange(6.0, dtype="float32")], axis=1))
        c = pel.where(c > 0, c, 0.5 * c) + both @ self.second
        return both[:, 1:6] + 1, [pel.concatenate([c, both[:, 2:5]], axis=1), c]


def test_custom_cells(kernels, rng):
    nn.set_random_seed(0)
    compare_with_numpy(nn.RNN(Peephole(), return_sequences=True), (11, 5, 4), "float32", rng)
    assert len(kernels) == 2


def test_states_that_are_sums_over_rows_and_steps(kernels, rng):
    x, h = pel.tensor3("x", shape=(6, 5, 4)), pel.matrix("h", shape=(5, 4))
    w, b, total = pel.matrix("w", shape=(4, 4)), pel.vector("b", shape=(4,)), pel.matrix("s", shape=(4, 2))

    def step(x_t, h, total, bias):
        new = pel.tanh(x_t + h @ w)
        return [new, total + (x_t.T @ new)[:, 1:3], bias + new.sum(axis=0)]

    arguments = [rng.normal(size=i.shape).astype("float32") for i in (x, h, w, b, total)]
    results = pel.scan(step, x, [h, total, b])
    assert_close(*run_in_both_modes([x, h, w, b, total], [r[-1] for r in results], arguments))
    assert kernels == [(3, [(6, 5, 4), (5, 4)])]


def mix_rows(x_t, h, w):
    return pel.tanh(x_t + h @ w - h.mean(axis=0))


def flip_rows(x_t, h, w):
    return pel.tanh(x_t + pel.flip(h @ w, axis=0))


def normalize(x_t, h, w):
    h = x_t + h @ w
    return h / (1 + pel.absolute(h).sum(axis=1, keepdims=True))


def change_weights(x_t, h, w):
    return pel.tanh(x_t + h @ (w * x_t.sum()))


def transpose(x_t, h, w):
    return pel.tanh(x_t + (h @ w).T)


def use_no_product(x_t, h, w):
    return pel.tanh(x_t + h * w)


def test_xla_runs_other_loops(kernels, rng):
    x, h, w = pel.tensor3("x", shape=(6, 4, 4)), pel.matrix("h", shape=(4, 4)), pel.matrix("w", shape=(4, 4))
    arguments = [rng.normal(size=i.shape).astype("float32") for i in (x, h, w)]
    results = []
    steps = (mix_rows, flip_rows, normalize, change_weights, transpose, use_no_product)
    for step in steps:
        y = pel.scan(step, x, h, w)
        results += [y[-1], pel.grad(y.sum(), w)]
    found, expected = run_in_both_modes([x, h, w], results, arguments)
    for k, step in enumerate(steps):
        pair = slice(2 * k, 2 * k + 2)
        assert_close(found[pair], expected[pair], step.__name__)
    assert not kernels


def test_a_total_that_the_step_reads_stays_in_the_loop(kernels, rng):
    x, h, w = pel.tensor3("x", shape=(6, 5, 4)), pel.matrix("h", shape=(5, 4)), pel.matrix("w", shape=(4, 4))
    arguments = [rng.normal(size=i.shape).astype("float32") for i in (x, h, w)]

    def step(x_t, h, total):
        new = pel.tanh(x_t + h @ w + total)
        return [new, total + new.sum(axis=0)]

    results = pel.scan(step, x, [h, pel.zeros((4,))])
    assert_close(*run_in_both_modes([x, h, w], [r[-1] for r in results], arguments))
    assert not kernels


@pytest.mark.parametrize("shape", [(0, 5, 3), (4, 0, 3)])
def test_empty_batches_and_sequences(kernels, shape):
    samples, steps, _ = shape
    x, h = pel.tensor3("x", shape=("t", samples, 3)), pel.matrix("h", shape=(samples, 3))
    w = pel.matrix("w", shape=(3, 3))
    y = pel.scan(lambda x_t, h: pel.tanh(x_t + h @ w), x, h)
    arguments = [np.ones(s, "float32") for s in ((steps, samples, 3), (samples, 3), (3, 3))]
    assert_close(*run_in_both_modes([x, h, w], [y, pel.grad(y.sum(), w)], arguments))
    assert not kernels


def test_large_loops_use_kernels_by_default(monkeypatch, kernels, rng):
    monkeypatch.setattr(recurrent_lowerings, "MIN_LOOP_MULTIPLICATIONS", SHIPPED_LIMIT)
    x = pel.tensor3("x", shape=(40, 10, 3))
    for units, calls in ((2, 0), (UNITS, 1)):
        pel.function([x], nn.LSTM(units)(x))(rng.normal(size=(40, 10, 3)).astype("float32"))
        assert len(kernels) == calls
    assert kernels[0][1] == [(40, UNITS)] * 2  # inference stores only the last states


def test_a_kernel_that_does_not_compile_leaves_the_loop_to_xla(monkeypatch, rng):
    def reject(code):
        raise NotNative("rejected")

    monkeypatch.setattr(ffi, "request_kernel", reject)
    x, layer = pel.tensor3("x", shape=(4, 5, 3)), nn.LSTM(6)
    with pytest.warns(RuntimeWarning, match="compiling the CPU kernel failed, so XLA computes it"):
        assert_close(*run_in_both_modes([x], [layer(x)], [rng.normal(size=(4, 5, 3)).astype("float32")]))
