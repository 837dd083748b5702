"""Products of large matrices with a few columns, and their sums over rows, compared with NumPy."""

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.graph.operators import call_op
from pellucid.run.kernels import narrow_products
from pellucid.run.native.compiler import find_compiler
from tests.sampled_cases import sample_cases

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")


@pytest.fixture
def specs(monkeypatch):
    """Use kernels for all sizes, and collect the products that they compute."""
    monkeypatch.setattr(narrow_products, "MIN_ELEMENTS", 0)
    monkeypatch.setenv("PELLUCID_NATIVE", "0")
    collected, emit = [], narrow_products.ffi.emit_code

    def emit_code(function, spec):
        if isinstance(spec, narrow_products.NarrowSpec):
            collected.append(spec)
        return emit(function, spec)

    monkeypatch.setattr(narrow_products.ffi, "emit_code", emit_code)
    return collected


def assert_close(found, expected, summed):
    tolerance = (1e-6 if found.dtype == np.float32 else 1e-14) * (1 + summed) ** 0.5 * 4
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


SIZES = [
    (1, 1),
    (3, 5),
    (4, 16),
    (5, 31),
    (9, 33),
    (130, 257),
    (700, 70),
    (33, 600),
    (5, 1500),
    (2100, 20),
    (300_000, 2),
]


@pytest.mark.parametrize(
    ("rows", "width", "columns", "dtype"),
    sample_cases(
        (*size, 1 + (k + j) % 3, ("float32", "float64")[(k + j) % 2]) for k, size in enumerate(SIZES) for j in range(6)
    ),
)
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("gathered", [False, True])
def test_products(specs, rng, rows, width, columns, dtype, transposed, gathered):
    x = rng.normal(size=(rows + 7 * gathered, width)).astype(dtype)
    positions = rng.permutation(len(x)).astype("int32")[:rows] if gathered else np.arange(rows)
    right = rng.normal(size=(rows if transposed else width, columns)).astype(dtype)
    matrix, index = pel.shared(x, "x"), pel.shared(positions, "index")
    batch = call_op("gather", matrix, index, in_bounds=True) if gathered else matrix
    product = (batch.T if transposed else batch) @ pel.shared(right, "right")
    found = pel.function([], product, mode="xla")()
    chosen = x[positions].astype("float64")
    assert_close(found, (chosen.T if transposed else chosen) @ right.astype("float64"), rows if transposed else width)
    assert [(s.transposed, s.gathered, s.columns) for s in specs] == [(transposed, gathered, columns)]


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("transposed", [False, True])
def test_special_values(specs, value, transposed):
    x = np.ones((40, 40), "float32")
    x[3, 5] = value
    matrix = pel.shared(x, "x")
    found = pel.function([], (matrix.T if transposed else matrix) @ np.ones((40, 1), "float32"), mode="xla")()
    expected = np.full((40, 1), 40.0)
    expected[5 if transposed else 3] = value
    np.testing.assert_array_equal(found, expected)
    assert specs


def test_no_rows(specs):
    x = pel.matrix("x", shape=("n", 4))
    w = np.ones((4, 1), "float32")
    f = pel.function([x], [x @ w, x.T @ (x @ w)], mode="xla")
    empty, zeros = f(np.empty((0, 4), "float32"))
    assert empty.shape == (0, 1)
    np.testing.assert_array_equal(zeros, np.zeros((4, 1)))
    assert specs


def test_xla_multiplies_by_more_columns(specs, rng):
    x = pel.shared(rng.normal(size=(50, 20)).astype("float32"), "x")
    pel.function([], x @ np.ones((20, 4), "float32"), mode="xla")()
    assert not specs


def test_small_transposed_matrices_are_not_copied(monkeypatch, rng):
    monkeypatch.setattr(narrow_products, "MIN_ELEMENTS", 2**40)
    x = rng.normal(size=(50, 20)).astype("float32")
    right = rng.normal(size=(50, 2)).astype("float32")
    found = pel.function([], pel.shared(x, "x").T @ right, mode="xla")()
    assert_close(found, x.T.astype("float64") @ right, 50)


def fit_regression(layers):
    nn.set_random_seed(0)
    model = pel.Sequential([nn.Input((40,)), *layers()])
    model.compile(pel.optimizers.Adam(0.01), "mean_squared_error")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 40)).astype("float32")
    y = x[:, :1] - x[:, 1:2]
    losses = model.fit(x, y, epochs=3, batch_size=64, verbose=0).history["loss"]
    return [*losses, float(model.predict(x, verbose=0).sum())]


@pytest.mark.parametrize(
    ("layers", "gathered"),
    [
        (lambda: [nn.Dense(1)], True),
        (lambda: [nn.Dense(3), nn.Dense(1)], True),
        (lambda: [nn.Dense(8, activation="tanh"), nn.Dense(1)], False),
        (lambda: [nn.Rescaling(0.5), nn.Dense(1)], False),
    ],
)
def test_batches_are_read_where_they_are(specs, monkeypatch, layers, gathered):
    found = fit_regression(layers)
    assert any(s.gathered for s in specs) is gathered
    assert {s.transposed for s in specs} == {False, True}
    monkeypatch.setenv("PELLUCID_KERNELS", "0")
    np.testing.assert_allclose(found, fit_regression(layers), rtol=2e-5)


def test_a_batch_with_other_uses_is_copied(specs, rng):
    x, index = pel.shared(rng.normal(size=(50, 20)).astype("float32"), "x"), pel.shared(np.arange(9), "index")
    batch = call_op("gather", x, index, in_bounds=True)
    f = pel.function([], [batch @ np.ones((20, 1), "float32"), (batch**2).sum()], mode="xla")
    product, total = f()
    np.testing.assert_allclose(product, x.get_value()[:9].sum(1, keepdims=True), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(total, (x.get_value()[:9] ** 2).sum(), rtol=1e-5)
    assert [s.gathered for s in specs] == [False]
