"""Normalizations and their gradients by a kernel, compared with the NumPy interpreter in double precision."""

import itertools

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.graph.op import OPS
from pellucid.run.kernels import elementwise_terms, ffi, reduction_lowerings, reduction_programs
from pellucid.run.native.compiler import find_compiler
from tests.sampled_cases import sample_cases

slow = pytest.mark.slow
pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")

SHAPE = (40, 3, 5, 20)


@pytest.fixture
def kernels(monkeypatch):
    """Use kernels for all sizes, and collect the number of results of each call."""
    monkeypatch.setattr(reduction_lowerings, "MIN_REDUCED_ELEMENTS", 0)
    monkeypatch.setattr(reduction_lowerings, "MIN_CHANNELS", 1)
    calls, call = [], ffi.call_kernel

    def call_kernel(target, shape, *operands, **options):
        calls.append(shape[0])
        return call(target, shape, *operands, **options)

    monkeypatch.setattr(ffi, "call_kernel", call_kernel)
    return calls


def build(shape, dtype, activation=pel.relu, residual=False, offset=0.0, momentum=0.5, make=nn.BatchNormalization):
    """Return inputs, and the output, gradients and updates of a normalization, as expressions."""
    inputs = [pel.tensor(name, shape=("n", *shape[1:]), dtype=dtype) for name in ("x", "g", "shortcut")]
    x, g, shortcut = inputs
    x = x + np.asarray(offset, dtype)
    layer = make(name="layer") if make is nn.GroupNormalization else make(momentum=momentum, name="layer")
    z = layer(x)
    for k, p in enumerate(layer.parameters):
        p.set_value(np.random.default_rng(k).uniform(0.5, 1.5, p.shape).astype(dtype))
    y = activation(z + shortcut if residual else z)
    wrt = [x, *(p for p in layer.parameters if p.trainable), *[shortcut] * residual]
    inputs = inputs[: 2 + residual]
    return inputs, [y, *pel.grad((y * g).sum(), wrt), *pel.collect_updates(y).values()]


def run(mode, arrays, dtype, **options):
    inputs, results = build(arrays[0].shape, dtype, **options)
    return pel.function(inputs, results, mode=mode)(*(a.astype(dtype) for a in arrays))


def check(arrays, dtype="float32", tolerance=4e-6, **options):
    """Compare with double precision."""
    compare(run("xla", arrays, dtype, **options), run("numpy", arrays, "float64", **options), tolerance)


def compare(found, expected, tolerance):
    """Compare results, each within a tolerance relative to its largest element."""
    for f, e in zip(found, expected, strict=True):
        np.testing.assert_allclose(f, e, rtol=0, atol=tolerance * max(1.0, np.abs(e).max()))


def draw(rng, shape, count=3):
    return [rng.normal(size=shape).astype("float32") for _ in range(count)]


ACTIVATIONS = {
    "none": lambda z: z,
    "relu": pel.relu,
    "leaky_relu": lambda z: pel.leaky_relu(z, 0.1),
    "tanh": pel.tanh,
    "clip": lambda z: pel.clip(z, 0, 1),
    "silu": nn.activations.silu,
}

FAST = [("relu", True), ("silu", False)]


@pytest.mark.parametrize(
    ("activation", "residual"),
    sample_cases(itertools.product(ACTIVATIONS, (False, True)), lambda *case: case in FAST),
)
def test_batch_normalization_and_its_gradients(kernels, rng, activation, residual):
    check(draw(rng, SHAPE, 2 + residual), activation=ACTIVATIONS[activation], residual=residual)
    assert kernels[0] == 2  # mean and variance, also of the updates
    assert len(kernels) == 2 or residual  # one pass for the sums of all gradients


SHAPES = [(300, 16), (7, 1), (2000, 5), (6, 9, 7, 24), (130, 300), (5, 64, 41), (3, 1, 1, 8), (66, 260), (70000, 3)]


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((131, 297), "float32"),  # two blocks of rows and of columns, and parts of all strips
        ((5001, 14), "float32"),  # two shares of the rows
        *(pytest.param(shape, dtype, marks=slow) for shape in SHAPES for dtype in ("float32", "float64")),
    ],
    ids=str,
)
def test_any_shape(kernels, rng, shape, dtype):
    check(draw(rng, shape, 2), dtype, tolerance=2e-5 if dtype == "float32" else 1e-11)
    assert kernels == [2, 2]


def test_one_row(kernels, rng):
    check(draw(rng, (1, 20), 2))
    assert kernels


def test_the_offset_of_a_layer_is_added_on_the_way(kernels, rng):
    """Nothing but the normalization reads the sum, so it is not stored."""
    check(draw(rng, SHAPE, 2), offset=rng.normal(size=20))
    assert kernels == [2, 2]


def test_a_mean_far_from_zero_loses_no_digits(kernels, rng):
    x = (1000 + 0.1 * rng.normal(size=(3000, 16))).astype("float32")
    x[0] = -1e4  # an outlier in the first row must not become the origin of all deviations
    found, expected = (run(mode, [x, x], dtype)[-2:] for mode, dtype in (("xla", "float32"), ("numpy", "float64")))
    np.testing.assert_allclose(found, expected, rtol=5e-7)
    assert kernels


def test_moments_of_a_constant_and_of_values_that_are_not_finite(kernels):
    x = np.tile(np.float32([0.1, 3e4, 0, 1, 1, 1, 1, 2]), (200, 1))
    x[150, 3:7] = np.inf, -np.inf, np.nan, 3e38
    x[10, 4] = np.inf
    g = np.ones_like(x)
    with np.errstate(all="ignore"):
        found, expected = run("xla", [x, g], "float32"), run("numpy", [x, g], "float32")
    assert kernels == [2, 2]
    for f, e in zip(found, expected, strict=True):
        finite = np.isfinite(e)
        np.testing.assert_array_equal(np.isnan(f), np.isnan(e))
        np.testing.assert_array_equal(f[~finite], e[~finite])
        np.testing.assert_allclose(f[finite], e[finite], rtol=1e-4, atol=1e-2)


def test_two_normalizations_of_one_gradient_share_a_pass(kernels, rng):
    """As in a residual block whose shortcut is normalized, too."""
    x, s, g = (pel.matrix(name, shape=("n", 16)) for name in ("x", "s", "g"))
    first, second = nn.BatchNormalization(name="first"), nn.BatchNormalization(name="second")
    y = pel.relu(first(x) + second(s))
    parameters = [first.gamma, first.beta, second.gamma, second.beta]
    results = [y, *pel.grad((y * g).sum(), [x, s, *parameters])]
    arrays = draw(rng, (500, 16))
    by_kernels, by_numpy = (pel.function([x, s, g], results, mode=mode)(*arrays) for mode in ("xla", "numpy"))
    for f, e in zip(by_kernels, by_numpy, strict=True):
        np.testing.assert_allclose(f, e, rtol=0, atol=1e-5 * max(1, np.abs(e).max()))
    assert kernels == [2, 2, 3]


@slow
@pytest.mark.parametrize("activation", [lambda y: y, pel.tanh], ids=["none", "tanh"])
def test_second_derivatives(kernels, rng, activation):
    x = pel.matrix("x", shape=("n", 12))
    y = activation(nn.BatchNormalization(name="bn")(x))
    gradient = pel.grad((y**3).sum(), x)
    results = [pel.grad((gradient**2).sum(), x)]
    a = rng.normal(size=(50, 12)).astype("float32")
    found, expected = (pel.function([x], results, mode=mode)(a)[0] for mode in ("xla", "numpy"))
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-4 * np.abs(expected).max())
    assert kernels


def test_masks_and_other_axes_are_left_to_xla(kernels, rng):
    x, moving = pel.tensor3("x", shape=("n", 6, 8)), pel.shared(np.ones(8, "float32"))
    mask, rows = pel.matrix("mask", shape=("n", 6), dtype="bool"), pel.shared(np.ones(6, "float32"))
    results = [
        pel.batch_normalization(x, moving, moving, mask),
        pel.batch_normalization(x, rows, rows, axis=1),
        pel.standardize(x),
    ]
    arrays = rng.normal(size=(30, 6, 8)).astype("float32"), rng.uniform(size=(30, 6)) < 0.7
    found, expected = (pel.function([x, mask], results, mode=mode)(*arrays) for mode in ("xla", "numpy"))
    for f, e in zip(found, expected, strict=True):
        np.testing.assert_allclose(f, e, rtol=1e-4, atol=1e-5)
    assert not kernels


@pytest.mark.parametrize("axis", [(0, 1), pytest.param((0, 1, 2), marks=slow)], ids=str)
def test_standardization_over_rows(kernels, rng, axis):
    x = pel.tensor("x", shape=("n", 6, 8, 9)[: len(axis) + 1])
    results = [pel.standardize(x, axis=axis), pel.grad((pel.standardize(x, axis=axis) ** 3).sum(), x)]
    a = rng.normal(size=(30, 6, 8, 9)[: len(axis) + 1]).astype("float32")
    found, expected = (pel.function([x], results, mode=mode)(a) for mode in ("xla", "numpy"))
    for f, e in zip(found, expected, strict=True):
        np.testing.assert_allclose(f, e, rtol=1e-3, atol=1e-4)
    assert kernels


def test_long_expressions_are_divided(kernels, rng, monkeypatch):
    monkeypatch.setattr(elementwise_terms, "MAX_DEPTH", 4)

    def activation(z):
        for k in range(8):
            z = z * pel.sigmoid(z + k)
        return z

    check(draw(rng, (300, 16), 2), activation=activation, tolerance=1e-4)
    assert kernels


def test_many_arrays_in_one_term_are_left_to_xla(kernels, rng, monkeypatch):
    monkeypatch.setattr(reduction_lowerings, "MAX_ARRAYS", 1)
    check(draw(rng, (300, 16), 2))
    assert kernels == [2]  # the gradient reads two arrays


def test_float16_is_left_to_xla(kernels):
    x = pel.matrix("x", shape=("n", 8), dtype="float16")
    a = np.random.default_rng(0).normal(size=(20, 8)).astype("float16")
    found, expected = (pel.function([x], pel.standardize(x, axis=0), mode=mode)(a) for mode in ("xla", "numpy"))
    np.testing.assert_allclose(found, expected, atol=1e-2)
    assert not kernels


def test_results_do_not_depend_on_threads_and_are_repeated(kernels, rng):
    """More rows than one share has; each share has its own sums."""
    arrays = draw(rng, (9001, 14), 2)
    arrays[0] += np.linspace(0, 3, 9001, dtype="float32")[:, None]  # the shares have different means
    assert arrays[0].size > 3 * reduction_programs.SHARING["SHARE_ELEMENTS"]
    inputs, results = build(arrays[0].shape, "float32")
    f = pel.function(inputs, results, mode="xla")
    first = f(*arrays)
    for _ in range(20):
        for a, b in zip(first, f(*arrays), strict=True):
            np.testing.assert_array_equal(a, b)
    compare(first, run("numpy", arrays, "float64"), 2e-5)


@slow
@pytest.mark.parametrize("is_convolution", [False, True])
def test_a_network_trains_as_without_kernels(kernels, monkeypatch, is_convolution):
    monkeypatch.setenv("PELLUCID_NATIVE", "0")
    initialize, shape = nn.initializers.GlorotUniform, (8, 8, 3) if is_convolution else (9,)

    def train():
        rng = np.random.default_rng(0)
        x, target = rng.normal(size=(64, *shape)).astype("float32"), rng.integers(0, 4, 64)
        first = nn.Dense(16, kernel_initializer=initialize(seed=1))
        if is_convolution:
            first = nn.Conv2D(16, 3, padding="same", kernel_initializer=initialize(seed=1))
        last = [nn.GlobalAveragePooling2D()] * is_convolution
        last.append(nn.Dense(4, kernel_initializer=initialize(seed=2)))
        model = pel.Sequential([nn.Input(shape), first, nn.BatchNormalization(), nn.ReLU(), *last])
        model.compile(optimizer="sgd", loss=nn.losses.SparseCategoricalCrossentropy(from_logits=True))
        history = model.fit(x, target, epochs=5, batch_size=32, shuffle=False, verbose=0)
        return history.history["loss"]

    found = train()
    assert kernels
    count = len(kernels)
    monkeypatch.setenv("PELLUCID_KERNELS", "0")
    np.testing.assert_allclose(found, train(), rtol=1e-5)
    assert len(kernels) == count


def build_loss(shape, dtype="float32", reduce=pel.mean, transform=pel.softplus, batch="n", **options):
    """Return inputs, the elements of a loss of logits added up in a given way with the gradient, and arguments."""
    rng = np.random.default_rng(0)
    z, y = (pel.tensor(name, shape=(batch, *shape[1:]), dtype=dtype) for name in "zy")
    elements = transform(z) - z * y
    results = [reduce(elements, **options), pel.grad(elements.mean(), z)]
    return [z, y], results, [rng.normal(size=shape).astype(dtype), rng.integers(0, 2, shape).astype(dtype)]


SUMS = [
    (shape, dtype, reduce, keepdims)
    for shape, dtype in (((5, 32, 32, 1), "float32"), ((4096, 1), "float64"), ((6000,), "float32"))
    for reduce in (pel.sum, pel.mean)
    for keepdims in (False, True)
]


@pytest.mark.parametrize(
    ("shape", "dtype", "reduce", "keepdims"),
    sample_cases(SUMS, lambda *case: case in (SUMS[3], SUMS[4], SUMS[10])),
)
def test_elements_of_a_loss_are_added_up(kernels, reduce, shape, dtype, keepdims):
    inputs, results, arrays = build_loss(shape, dtype, reduce, keepdims=keepdims)
    by_kernel, by_numpy = (pel.function(inputs, results, mode=mode)(*arrays) for mode in ("xla", "numpy"))
    assert len(kernels) == (len(shape) > 1)  # the last axis of the vector is long
    for f, e in zip(by_kernel, by_numpy, strict=True):
        np.testing.assert_allclose(f, e, rtol=1e-5 if dtype == "float32" else 1e-12)
        assert f.shape == e.shape


def test_xla_adds_up_other_elements(kernels, monkeypatch):
    monkeypatch.setattr(reduction_lowerings, "MIN_CHANNELS", 8)
    cases = {
        "few elements": ((64, 32, 1), {}),
        "a long last axis": ((300, 16), {}),
        "no columns of equal length": ((4097, 1), {}),
        "a cheap op": ((4096, 1), {"transform": pel.square}),
        "other axes": ((64, 64, 1), {"axis": (1, 2)}),
    }
    parts = [build_loss(shape, batch=f"n{k}", **options) for k, (shape, options) in enumerate(cases.values())]
    inputs, results, arrays = ([e for part in parts for e in part[k]] for k in range(3))
    by_xla, by_numpy = (pel.function(inputs, results, mode=mode)(*arrays) for mode in ("xla", "numpy"))
    for k, name in enumerate(cases):
        np.testing.assert_allclose(by_xla[2 * k], by_numpy[2 * k], rtol=1e-5, err_msg=name)
    assert not kernels


def test_cheap_ops_are_elementwise_ops():
    assert all(OPS[name].elementwise for name in reduction_lowerings.CHEAP_OPS)
