"""Sums of rows at given positions, alone and inside the update of a variable, compared with NumPy."""

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.run.native.compiler import find_compiler

slow = pytest.mark.slow
pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")


def add_rows(mode, cases):
    """Add rows to zeros for all shapes, values and indices, in one program."""
    results = []
    for shape, values, indices in cases:
        x = pel.shared(np.zeros(shape, values.dtype), "x")
        results.append(pel.zeros_like(x).at[pel.shared(indices, "i")].add(pel.shared(values, "v")))
    return pel.function([], results, mode=mode)()


SHAPES = [
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
]


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=slow)])
def test_sums_of_rows(calls, dtype):
    rng = np.random.default_rng(0)
    cases = [
        (shape, rng.normal(size=values).astype(dtype), rng.integers(-shape[0], shape[0], indices))
        for shape, values, indices in SHAPES
    ]
    found, expected = (add_rows(mode, cases) for mode in ("xla", "numpy"))
    assert len(calls) == len(SHAPES)
    tolerance = 2e-6 if dtype == "float32" else 1e-14
    for shapes, f, e in zip(SHAPES, found, expected, strict=True):
        np.testing.assert_allclose(f, e, rtol=tolerance, atol=10 * tolerance, err_msg=str(shapes))


def test_types_of_positions(calls):
    values, indices = np.arange(12, dtype="float32").reshape(4, 3), np.array([100, 3, 100, 0])
    dtypes = ("int8", "uint8", "int16", "uint32", "int64")
    cases = [((128, 3), values, indices.astype(dtype)) for dtype in dtypes]
    for dtype, found, expected in zip(dtypes, add_rows("xla", cases), add_rows("numpy", cases), strict=True):
        np.testing.assert_array_equal(found, expected, dtype)
    assert len(calls) == len(cases)


def test_rows_outside_of_the_result_are_dropped(calls):
    positions = (3, -4, 2**31, 2**32 + 1, -(2**40))
    cases = [((3, 2), np.ones((3, 2), "float32"), np.array([1, position, 1])) for position in positions]
    for position, found in zip(positions, add_rows("xla", cases), strict=True):
        np.testing.assert_array_equal(found, [[0, 0], [2, 2], [0, 0]], str(position))
    assert len(calls) == len(cases)


def test_special_values(calls):
    cases = [
        ((3, 2), np.array([[value, 1], [2, value]], "float32"), np.array([1, 1]))
        for value in (np.nan, np.inf, -np.inf, -0.0)
    ]
    for found, expected in zip(add_rows("xla", cases), add_rows("numpy", cases), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert len(calls) == len(cases)


def test_xla_adds_to_other_arrays_and_at_other_indices(calls):
    x, i = pel.shared(np.ones((4, 3), "float32"), "x"), pel.shared(np.array([1, 1]), "i")
    zeros, v = pel.zeros_like(x), np.ones(2, "float32")
    results = [x.at[i].add(1.0), zeros.at[:, i].add(1.0), zeros.at[i, i].add(v), zeros.at[i, 0].add(v)]
    for found, expected in zip(*(pel.function([], results, mode=mode)() for mode in ("xla", "numpy")), strict=True):
        np.testing.assert_allclose(found, expected)
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


@pytest.mark.parametrize(
    "name", ["Adam", "SGD", pytest.param("momentum", marks=slow), pytest.param("AdamW", marks=slow)]
)
def test_the_update_of_an_embedding_sums_its_gradient(calls, name):
    found, expected = (train(OPTIMIZERS[name], mode) for mode in ("xla", "numpy"))
    [(results, _, aliases)] = calls
    assert sorted(aliases.values()) == list(range(results))  # the variable and its slots are overwritten
    assert results == {"Adam": 3, "AdamW": 3, "momentum": 2, "SGD": 1}[name]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("make_optimizer", "use_gradient"),
    [pytest.param(lambda: pel.optimizers.Adam(0.05, clipnorm=0.1), False, marks=slow), (OPTIMIZERS["Adam"], True)],
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


@slow
def test_a_text_model_trains_as_without_kernels(calls, monkeypatch):
    def fit():
        nn.set_random_seed(0)
        layers = [nn.Embedding(100, 6), nn.GlobalAveragePooling1D(), nn.Dense(3)]
        model = pel.Sequential([nn.Input((5,), dtype="int32"), *layers])
        loss = pel.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(pel.optimizers.Adam(0.01), loss)
        rng = np.random.default_rng(1)
        x, y = rng.integers(0, 100, (48, 5)).astype("int32"), rng.integers(0, 3, 48)
        return model.fit(x, y, epochs=3, batch_size=16, verbose=0).history["loss"]

    found = fit()
    assert calls
    monkeypatch.setenv("PELLUCID_KERNELS", "0")
    np.testing.assert_allclose(found, fit(), rtol=1e-5)
