"""Sums of rows at given positions, alone and inside the update of a variable, compared with NumPy."""

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.run.native.compiler import find_compiler

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")


def add_rows(mode, shape, values, indices):
    """Add rows to zeros."""
    x = pel.shared(np.zeros(shape, values.dtype), "x")
    v, i = pel.shared(values, "v"), pel.shared(indices, "i")
    return pel.function([], pel.zeros_like(x).at[i].add(v), mode=mode)()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("shape", "values", "indices"),
    [
        ((5, 3), (7, 3), (7,)),
        ((5, 3), (4, 6, 3), (4, 6)),
        ((5, 3), (4, 1, 3), (4, 6)),  # each value belongs to several positions
        ((5, 3), (6, 3), (4, 6)),
        ((5, 3), (1, 1), (4, 6)),
        ((5, 3), (3,), (4, 6)),
        ((5, 3), (4, 1, 1, 3), (4, 2, 3)),
        ((5, 3), (4, 1, 3, 1), (4, 2, 3)),
        ((5, 2, 3), (4, 1, 2, 3), (4, 6)),
        ((5, 2, 3), (4, 6, 1, 3), (4, 6)),
        ((1, 3), (9, 3), (9,)),
        ((5,), (8,), (8,)),
        ((300, 70), (1000, 70), (1000,)),
        ((4, 9001), (10, 9001), (10,)),  # rows longer than a block
        ((5000, 1), (100, 1), (100,)),
        ((5, 3), (0, 3), (0,)),
        ((5, 3), (4, 0, 3), (4, 0)),
    ],
)
def test_sums_of_rows(calls, shape, values, indices, dtype):
    rng = np.random.default_rng(0)
    given = rng.normal(size=values).astype(dtype), rng.integers(-shape[0], shape[0], indices)
    found = add_rows("xla", shape, *given)
    assert len(calls) == 1
    tolerance = 2e-6 if dtype == "float32" else 1e-14
    np.testing.assert_allclose(found, add_rows("numpy", shape, *given), rtol=tolerance, atol=10 * tolerance)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint32", "int64"])
def test_types_of_positions(calls, dtype):
    values, indices = np.arange(12, dtype="float32").reshape(4, 3), np.array([100, 3, 100, 0]).astype(dtype)
    np.testing.assert_array_equal(
        add_rows("xla", (128, 3), values, indices), add_rows("numpy", (128, 3), values, indices)
    )
    assert calls


@pytest.mark.parametrize("position", [3, -4, 2**31, 2**32 + 1, -(2**40)])
def test_rows_outside_of_the_result_are_dropped(calls, position):
    values, indices = np.ones((3, 2), "float32"), np.array([1, position, 1])
    np.testing.assert_array_equal(add_rows("xla", (3, 2), values, indices), [[0, 0], [2, 2], [0, 0]])
    assert calls


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -0.0])
def test_special_values(calls, value):
    values, indices = np.array([[value, 1], [2, value]], "float32"), np.array([1, 1])
    found, expected = (add_rows(mode, (3, 2), values, indices) for mode in ("xla", "numpy"))
    np.testing.assert_array_equal(found, expected)
    assert calls


def test_xla_adds_to_other_arrays_and_at_other_indices(calls):
    x, i = pel.shared(np.ones((4, 3), "float32"), "x"), pel.shared(np.array([1, 1]), "i")
    zeros, v = pel.zeros_like(x), np.ones(2, "float32")
    for e in (x.at[i].add(1.0), zeros.at[:, i].add(1.0), zeros.at[i, i].add(v), zeros.at[i, 0].add(v)):
        np.testing.assert_allclose(*(pel.function([], e, mode=mode)() for mode in ("xla", "numpy")))
    assert not calls


def train(make_optimizer, mode, use_gradient=False):
    rng = np.random.default_rng(0)
    table = pel.shared(rng.normal(size=(50, 8)).astype("float32"), "table")
    words = pel.matrix("words", shape=("n", 6), dtype="int32")
    loss = pel.square(table[words].mean(1) - 0.5).sum()
    outputs = [loss, pel.grad(loss, table).sum()] if use_gradient else loss
    step = pel.function([words], outputs, updates=make_optimizer().updates(loss, [table]), mode=mode)
    losses = step.repeat(4, rng.integers(0, 50, (9, 6)).astype("int32"))
    return *(losses if use_gradient else [losses]), table.get_value()


OPTIMIZERS = {
    "Adam": lambda: pel.optimizers.Adam(0.05),
    "SGD": lambda: pel.optimizers.SGD(0.05),
    "momentum": lambda: pel.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "AdamW": lambda: pel.optimizers.AdamW(0.05),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_update_of_an_embedding_sums_its_gradient(calls, name):
    found, expected = (train(OPTIMIZERS[name], mode) for mode in ("xla", "numpy"))
    assert len(calls) == 1
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


def test_the_update_overwrites_the_variable(calls):
    train(OPTIMIZERS["Adam"], "xla")
    [(results, _, aliases)] = calls
    assert results == 3
    assert sorted(aliases.values()) == [0, 1, 2]


@pytest.mark.parametrize(
    ("make_optimizer", "use_gradient"),
    [(lambda: pel.optimizers.Adam(0.05, clipnorm=0.1), False), (OPTIMIZERS["Adam"], True)],
)
def test_a_gradient_with_other_uses_is_summed_once(calls, make_optimizer, use_gradient):
    found, expected = (train(make_optimizer, mode, use_gradient) for mode in ("xla", "numpy"))
    assert [results for results, *_ in calls] == [1, 3]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


def test_a_gradient_of_another_dtype(calls):
    total, i = pel.shared(np.ones((4, 3)), "total"), pel.shared(np.array([1, 1, 3]), "i")
    rows = pel.zeros_like(total, "float32").at[i].add(np.float32(0.5))
    pel.function([], [], updates={total: total + rows.astype("float64")}, mode="xla")()
    np.testing.assert_array_equal(total.get_value(), [[1] * 3, [2] * 3, [1] * 3, [1.5] * 3])


def test_two_uses_of_one_embedding(calls):
    def run(mode):
        rng = np.random.default_rng(0)
        table = pel.shared(rng.normal(size=(20, 4)).astype("float32"), "table")
        words = pel.matrix("words", shape=("n", 3), dtype="int32")
        loss = pel.square(table[words].mean(1)).sum() + pel.square(table[words[:, 0]]).sum() + (table**2).mean()
        step = pel.function([words], loss, updates=pel.optimizers.Adam(0.05).updates(loss, [table]), mode=mode)
        return step.repeat(3, rng.integers(0, 20, (7, 3)).astype("int32")), table.get_value()

    for a, b in zip(run("xla"), run("numpy"), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


def test_a_text_model_trains_as_without_kernels(calls, monkeypatch):
    def fit():
        nn.set_random_seed(0)
        layers = [nn.Embedding(100, 6), nn.GlobalAveragePooling1D(), nn.Dense(3)]
        model = pel.Sequential([nn.Input((5,), dtype="int32"), *layers])
        loss = pel.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(pel.optimizers.Adam(0.01), loss)
        rng = np.random.default_rng(1)
        x, y = rng.integers(0, 100, (40, 5)).astype("int32"), rng.integers(0, 3, 40)
        return model.fit(x, y, epochs=3, batch_size=16, verbose=0).history["loss"]

    found = fit()
    assert calls
    monkeypatch.setenv("PELLUCID_KERNELS", "0")
    np.testing.assert_allclose(found, fit(), rtol=1e-5)
