"""Bias and rectifier in the kernel of a convolution, compared with the NumPy interpreter."""

import numpy as np
import pytest

import pellucid as pel
from pellucid.run.kernels import convolution_lowerings, convolution_programs, ffi, source_assembly
from pellucid.run.native.compiler import find_compiler
from pellucid.run.native.errors import NotNative
from tests.sampled_cases import sample_cases

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")

SHAPES = [
    ("dense", (2, 6, 7, 5), (3, 3, 5, 20), {"padding": "same"}, "float32"),
    ("groups", (2, 6, 7, 6), (3, 2, 3, 38), {"strides": (1, 2), "groups": 2}, "float64"),
    ("depthwise", (2, 6, 7, 20), (3, 3, 1, 20), {"padding": "same", "groups": 20}, "float32"),
    ("several pixels per vector", (2, 12, 3), (3, 1, 6), {"groups": 3}, "float32"),
]


@pytest.fixture
def kernels(monkeypatch):
    """Use kernels for all sizes, and collect the C programs and the numbers of operands of their calls."""
    monkeypatch.setattr(convolution_lowerings, "MIN_CONV_MULTIPLICATIONS", 0)
    monkeypatch.setattr(source_assembly, "MAX_XLA_VECTOR_BYTES", 0)
    calls, call = [], ffi.call_with_results

    def call_with_results(code, results, *operands, **options):
        calls.append((code, len(operands)))
        return call(code, results, *operands, **options)

    monkeypatch.setattr(ffi, "call_with_results", call_with_results)
    return calls


def check_layer(make_results, shape, window, options, dtype, value=1.0):
    """Compare results of a convolution with bias, of which one element of the input has a given value, with NumPy's."""
    rng = np.random.default_rng(0)
    x, w, b = (
        pel.tensor("x", shape=shape, dtype=dtype),
        pel.tensor("w", shape=window, dtype=dtype),
        pel.tensor("b", shape=window[-1:], dtype=dtype),
    )
    results = make_results(pel.conv(x, w, **options), b, x, w)
    data = [rng.normal(size=size).astype(dtype) for size in (shape, window, window[-1:])]
    data[0][(1, *(2 for _ in shape[1:]))] = value
    with np.errstate(all="ignore"):
        found, expected = (pel.function([x, w, b], results, mode=mode)(*data) for mode in ("xla", "numpy"))
    for f, e in zip(found, expected, strict=True):
        largest = np.abs(e).max(initial=1, where=np.isfinite(e))
        np.testing.assert_allclose(f, e, rtol=0, atol=largest * (2e-5 if dtype == "float32" else 1e-12))


def make_training(convolution, b, x, w):
    y = pel.relu(convolution + b)
    return [y, *pel.grad((y * pel.tanh(y)).sum(), [x, w, b])]


def count_rectified(kernels):
    """Count the convolutions with a bias."""
    return sum(operands == 3 for _, operands in kernels)


@pytest.mark.parametrize(
    ("name", "shape", "window", "options", "dtype"),
    sample_cases(SHAPES, lambda name, *_: name != "depthwise"),
)
def test_training_with_a_fused_rectifier(kernels, no_amx, name, shape, window, options, dtype):
    check_layer(make_training, shape, window, options, dtype)
    assert count_rectified(kernels) == 1
    assert len(kernels) >= 3


def test_amx_rectifies_too(amx, kernels, convolutions, monkeypatch):
    monkeypatch.setattr(convolution_programs, "MAX_AMX_WASTE", np.inf)
    check_layer(make_training, (2, 6, 7, 32), (3, 3, 32, 40), {"padding": "same"}, "float32")
    [rectified] = [code for code, operands in kernels if operands == 3]
    assert any(c.code == rectified and c.tile is None for c in convolutions)


@pytest.mark.parametrize("shape", SHAPES[::2], ids=lambda shape: shape[0])
def test_nan_passes_a_fused_rectifier(kernels, no_amx, shape):
    check_layer(lambda convolution, b, x, w: [pel.relu(b + convolution)], *shape[1:], value=np.nan)
    assert count_rectified(kernels) == 1


@pytest.mark.parametrize(
    "make_results",
    [
        lambda convolution, b, x, w: [pel.relu(convolution + b), convolution + b],
        lambda convolution, b, x, w: [pel.relu(convolution + b), pel.tanh(convolution + b)],
        lambda convolution, b, x, w: [pel.relu(convolution + b), convolution],
        lambda convolution, b, x, w: [pel.relu(convolution + b), pel.where(convolution + b > 0.5, b, 0)],
        lambda convolution, b, x, w: [pel.where(convolution + b > 0, b, 0)],
        lambda convolution, b, x, w: [pel.relu(convolution + b.sum())],
    ],
    ids=["output", "another user", "convolution used", "another threshold", "no rectifier", "scalar bias"],
)
def test_sums_that_are_needed_are_not_rectified(kernels, no_amx, make_results):
    check_layer(make_results, *SHAPES[0][1:])
    assert count_rectified(kernels) == 0
    assert kernels


def test_xla_rectifies_if_the_compiler_fails(kernels, monkeypatch):
    def fail(code):
        raise NotNative("there are no headers")

    monkeypatch.setattr(ffi, "request_kernel", fail)
    with pytest.warns(RuntimeWarning, match="there are no headers"):
        check_layer(lambda convolution, b, x, w: [pel.relu(convolution + b)], *SHAPES[0][1:])


def test_graphs_that_normalize_keep_the_sum(kernels, no_amx):
    """Their reductions compute the sum and the rectifier again, from the convolution."""

    def normalize(convolution, b, x, w):
        y = pel.relu(convolution + b)
        return [pel.standardize(y, axis=(0, 1, 2)), *pel.grad((y * pel.tanh(y)).sum(), [w, b])]

    check_layer(normalize, (4, 9, 9, 8), (3, 3, 8, 16), {}, "float32")
    assert kernels
    assert count_rectified(kernels) == 0
