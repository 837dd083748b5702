"""Updates of variables and their optimizer slots in one pass, compared with XLA and NumPy."""

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.run.kernels import ffi, update_fusion
from pellucid.run.native.compiler import find_compiler

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")

OPTIMIZERS = ["Adam", "AdamW", "RMSprop", "Nadam", "Adagrad", "Adadelta", "Adamax", "Ftrl", "Lion", "momentum"]


def make_optimizer(name):
    if name == "momentum":
        return pel.optimizers.SGD(0.05, momentum=0.9, nesterov=True)
    return getattr(pel.optimizers, name)(0.05)


def train(names, dtype, mode, steps=4):
    """Train a variable with each optimizer, all in one program; return the losses and the variables."""
    rng = np.random.default_rng(0)
    x, target = (pel.matrix(n, shape=("n", w), dtype=dtype) for n, w in (("x", 5), ("y", 3)))
    start, losses, variables, updates = rng.normal(size=(5, 3)).astype(dtype), [], [], {}
    for name in names:
        W = pel.shared(start, f"W of {name}")
        losses.append(((pel.tanh(x @ W) - target) ** 2).mean() + 0.01 * (W**2).sum())
        variables.append(W)
        updates |= make_optimizer(name).updates(losses[-1], [W])
    step = pel.function([x, target], losses, updates=updates, mode=mode)
    history = step.repeat(steps, *(rng.normal(size=(8, w)).astype(dtype) for w in (5, 3)))
    return [*history, *(W.get_value() for W in variables)]


FAST = ["Adam", "Ftrl"]


@pytest.mark.parametrize("names", [FAST, pytest.param(sorted({*OPTIMIZERS} - {*FAST}), marks=pytest.mark.slow)])
def test_all_updates_of_a_variable_are_one_pass(calls, names):
    found, expected = (train(names, "float32", mode) for mode in ("xla", "numpy"))
    assert len(calls) == len(names)
    assert all(results >= 2 for results, _, _ in calls)
    for name, a, b in zip([*names, *names], found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6, err_msg=name)


def test_double_precision(calls):
    found = train(["Adam"], "float64", "xla")
    assert len(calls) == 1
    for a, b in zip(found, train(["Adam"], "float64", "numpy"), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_new_values_use_the_memory_of_old_ones(calls):
    train(["Adam"], "float32", "xla")
    [(results, operands, aliases)] = calls
    # The parameter and two slots; the gradient, the scaled rate, and the product that reads the old parameter before.
    assert (results, operands) == (3, 6)
    assert sorted(aliases.values()) == [0, 1, 2]


def test_values_that_are_not_finite(calls):
    values = np.float32([np.nan, np.inf, -np.inf, 1e30])

    def step(mode):
        w, m = (pel.shared(np.tile(np.float32([1, -2, 3]), (4, 1)), name) for name in "wm")
        g = pel.matrix("g", shape=(4, 3))
        new = 0.9 * m + g
        f = pel.function([g], [], updates={m: new, w: w - 0.1 * new / (pel.sqrt(pel.square(new)) + 1e-7)}, mode=mode)
        with np.errstate(invalid="ignore"):
            f(np.stack([values, 0 * np.ones_like(values), np.full_like(values, -0.0)], axis=1))
        return w.get_value(), m.get_value()

    for a, b in zip(step("xla"), step("numpy"), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    assert calls


def test_variables_of_equal_shape_are_updated_separately(calls):
    a, b = (pel.shared(np.arange(6.0, dtype="float32"), name) for name in "ab")
    x = pel.vector("x", shape=(6,))
    pel.function([x], [], updates={a: a + x, b: b * 2}, mode="xla")(np.ones(6, "float32"))
    assert not calls
    np.testing.assert_array_equal(b.get_value(), 2 * np.arange(6))


def test_exchanged_values(calls):
    a, b = pel.shared(np.zeros(4, "float32"), "a"), pel.shared(np.ones(4, "float32"), "b")
    pel.function([], [], updates={a: b + a, b: a - b}, mode="xla")()
    np.testing.assert_array_equal(a.get_value(), np.ones(4))
    np.testing.assert_array_equal(b.get_value(), -np.ones(4))
    assert calls


def test_xla_updates_small_variables_and_other_dtypes(calls, monkeypatch):
    h = pel.shared(np.ones(4, "float16"), "h")
    m = pel.shared(np.zeros(4, "float16"), "m")
    x = pel.vector("x", shape=(4,), dtype="float16")
    pel.function([x], [], updates={m: m + x, h: h - (m + x)}, mode="xla")(np.ones(4, "float16"))
    assert not calls
    monkeypatch.setattr(update_fusion, "MIN_ELEMENTS", 2**14)
    train(["Adam"], "float32", "xla")
    assert not calls


def test_a_model_trains_as_without_kernels(calls, monkeypatch):
    def fit():
        nn.set_random_seed(0)
        model = pel.Sequential([nn.Input((7,)), nn.Dense(9, activation="tanh"), nn.Dense(4, activation="softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        rng = np.random.default_rng(1)
        x, y = rng.normal(size=(96, 7)).astype("float32"), rng.integers(0, 4, 96)
        return model.fit(x, y, batch_size=32, epochs=3, verbose=0, seed=0).history["loss"]

    found = fit()
    assert calls
    monkeypatch.setenv("PELLUCID_KERNELS", "0")
    np.testing.assert_allclose(found, fit(), rtol=1e-5)


def test_xla_computes_very_long_expressions(calls):
    x = pel.vector("x", shape=(5,))
    y = x
    for _ in range(150):
        y = pel.tanh(y) * x
    found = pel.function([x], [y, y + x], mode="xla")(np.ones(5, "float32"))
    assert not calls
    np.testing.assert_allclose(found[1], found[0] + 1, rtol=1e-6)


def test_one_kernel_updates_small_and_large_variables(calls, monkeypatch):
    monkeypatch.setattr(update_fusion, "MIN_ELEMENTS", 2**14)
    codes, request = [], ffi.request_kernel
    monkeypatch.setattr(ffi, "request_kernel", lambda code: codes.append(code) or request(code))
    rng = np.random.default_rng(0)
    x = pel.matrix("x", shape=("n", 100))
    W, b = (
        pel.shared(rng.normal(size=size).astype("float32"), name) for name, size in (("W", (100, 60)), ("b", (60,)))
    )
    loss = pel.tanh(x @ W + b).mean()
    values = []
    for mode in ("xla", "numpy"):
        W.set_value(0.01 * np.ones((100, 60), "float32"))
        b.set_value(np.zeros(60, "float32"))
        step = pel.function([x], loss, updates=pel.optimizers.Adam(0.05).updates(loss, [W, b]), mode=mode)
        step(np.ones((8, 100), "float32"))
        values.append([W.get_value(), b.get_value()])
    assert [results for results, _, _ in calls] == [3, 3]
    assert len({code for code in codes if "compute_elements" in code}) == 1
    for found, expected in zip(*values, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5)
