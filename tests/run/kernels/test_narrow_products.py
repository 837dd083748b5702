"""Products of large matrices with a few columns, and their sums over rows, compared with NumPy."""

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.graph.operators import call_op
from pellucid.run.kernels import narrow_products
from pellucid.run.native.compiler import find_compiler

slow = pytest.mark.slow
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


def check_products(specs, rng, sizes, columns, dtype, transposed, gathered):
    """Compare products of matrices with these rows and widths, all in one program, with NumPy's."""
    products, expected = [], []
    for rows, width in sizes:
        x = rng.normal(size=(rows + 7 * gathered, width)).astype(dtype)
        positions = rng.permutation(len(x)).astype("int32")[:rows] if gathered else np.arange(rows)
        right = rng.normal(size=(rows if transposed else width, columns)).astype(dtype)
        matrix, index = pel.shared(x, "x"), pel.shared(positions, "index")
        batch = call_op("gather", matrix, index, in_bounds=True) if gathered else matrix
        products.append((batch.T if transposed else batch) @ pel.shared(right, "right"))
        chosen = x[positions].astype("float64")
        expected.append((chosen.T if transposed else chosen) @ right.astype("float64"))
    for size, found, exact in zip(sizes, pel.function([], products, mode="xla")(), expected, strict=True):
        assert_close(found, exact, size[not transposed])
    assert [(s.transposed, s.gathered, s.columns) for s in specs] == [(transposed, gathered, columns)] * len(sizes)


@pytest.mark.parametrize(
    ("columns", "dtype", "transposed", "gathered"),
    [
        *((3, "float32", transposed, gathered) for transposed in (False, True) for gathered in (False, True)),
        (1, "float64", True, False),
        (2, "float64", False, False),
    ],
)
def test_products(specs, rng, columns, dtype, transposed, gathered):
    """One kernel serves all sizes: less than a vector, parts of tiles and of segments, and several tasks and shares."""
    check_products(specs, rng, [(1, 1), (9, 47), (131, 300), (2100, 37)], columns, dtype, transposed, gathered)


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


@slow
@pytest.mark.parametrize(
    ("size", "columns", "dtype"),
    [(size, 1 + (k + j) % 3, ("float32", "float64")[(k + j) % 2]) for k, size in enumerate(SIZES) for j in range(6)],
)
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("gathered", [False, True])
def test_products_of_any_sizes(specs, rng, size, columns, dtype, transposed, gathered):
    check_products(specs, rng, [size], columns, dtype, transposed, gathered)


@pytest.mark.parametrize("transposed", [False, True])
def test_special_values(specs, transposed):
    x = np.ones((40, 40), "float32")
    matrix = pel.shared(x, "x")
    f = pel.function([], (matrix.T if transposed else matrix) @ np.ones((40, 3), "float32"), mode="xla")
    for value in (np.nan, np.inf):
        x[3, 5] = value
        matrix.set_value(x)
        expected = np.full((40, 3), 40.0)
        expected[5 if transposed else 3] = value
        np.testing.assert_array_equal(f(), expected)
    assert specs


def test_no_rows(specs):
    x = pel.matrix("x", shape=("n", 4))
    w = np.ones((4, 3), "float32")
    f = pel.function([x], [x @ w, x.T @ (x @ w)], mode="xla")
    empty, zeros = f(np.empty((0, 4), "float32"))
    assert empty.shape == (0, 3)
    np.testing.assert_array_equal(zeros, np.zeros((4, 3)))
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


def fit_regression(layers, samples):
    nn.set_random_seed(0)
    model = pel.Sequential([nn.Input((40,)), *layers()])
    model.compile(pel.optimizers.Adam(0.01), "mean_squared_error")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(samples, 40)).astype("float32")
    y = x[:, :1] - x[:, 1:2]
    losses = model.fit(x, y, epochs=3, batch_size=64, verbose=0).history["loss"]
    return [*losses, float(model.predict(x, verbose=0).sum())]


@pytest.mark.parametrize(
    ("layers", "gathered", "samples"),
    [
        (lambda: [nn.Dense(3), nn.Dense(1)], True, 128),
        (lambda: [nn.Rescaling(0.5), nn.Dense(1)], False, 128),
        pytest.param(lambda: [nn.Dense(1)], True, 200, marks=slow),
        pytest.param(lambda: [nn.Dense(3), nn.Dense(1)], True, 200, marks=slow),
        pytest.param(lambda: [nn.Dense(8, activation="tanh"), nn.Dense(1)], False, 200, marks=slow),
        pytest.param(lambda: [nn.Rescaling(0.5), nn.Dense(1)], False, 200, marks=slow),
    ],
)
def test_batches_are_read_where_they_are(specs, monkeypatch, layers, gathered, samples):
    found = fit_regression(layers, samples)
    assert any(s.gathered for s in specs) is gathered
    assert {s.transposed for s in specs} == {False, True}
    monkeypatch.setenv("PELLUCID_KERNELS", "0")
    np.testing.assert_allclose(found, fit_regression(layers, samples), rtol=2e-5)


def test_a_batch_with_other_uses_is_copied(specs, rng):
    x, index = pel.shared(rng.normal(size=(50, 20)).astype("float32"), "x"), pel.shared(np.arange(9), "index")
    batch = call_op("gather", x, index, in_bounds=True)
    f = pel.function([], [batch @ np.ones((20, 3), "float32"), (batch**2).sum()], mode="xla")
    product, total = f()
    np.testing.assert_allclose(product, x.get_value()[:9].sum(1, keepdims=True).repeat(3, 1), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(total, (x.get_value()[:9] ** 2).sum(), rtol=1e-5)
    assert [s.gathered for s in specs] == [False]
