"""Kernels of depthwise, grouped and transposed convolutions compared with the NumPy interpreter."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pellucid as pel
from pellucid.run.kernels import (
    convolution_lowerings,
    convolution_programs,
    ffi,
    grouped_programs,
    grouped_shapes,
    source_assembly,
)
from pellucid.run.kernels.convolution_programs import ConvolutionSpec
from pellucid.run.kernels.grouped_shapes import make_grouped_spec, make_transposed_spec
from pellucid.run.native.compiler import find_compiler
from tests.sampled_cases import sample_cases

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")

DEPTHWISE = [
    ("same", (2, 7, 9, 20), (3, 3, 1, 20), {"padding": "same"}, "float32"),
    ("no padding, whole vectors", (2, 6, 12, 32), (3, 2, 1, 32), {}, "float32"),
    ("several pixels per vector", (2, 5, 12, 3), (3, 3, 1, 3), {"padding": "same", "dilation": (1, 2)}, "float32"),
    ("strides", (2, 9, 8, 18), (3, 2, 1, 18), {"strides": (2, 3), "padding": ((1, 2), (0, 1))}, "float64"),
    ("strides larger than the window", (1, 11, 10, 5), (2, 2, 1, 5), {"strides": 3}, "float32"),
    ("strides and dilation", (2, 12, 11, 17), (3, 2, 1, 17), {"strides": 2, "dilation": (3, 2)}, "float32"),
    ("depth multiplier", (2, 6, 7, 5), (3, 3, 1, 20), {"padding": "same"}, "float32"),
    ("long window", (3, 40, 9), (25, 1, 9), {"padding": "causal"}, "float64"),
    ("one axis, strides", (2, 21, 4), (9, 1, 8), {"strides": 2, "padding": "same"}, "float32"),
]

GROUPED = [
    ("few filters", (2, 6, 7, 24), (3, 3, 3, 16), {"padding": "same"}, "float32"),
    ("few filters, strides", (2, 9, 8, 12), (3, 2, 2, 18), {"strides": (2, 1), "padding": "full"}, "float32"),
    ("whole vectors", (3, 6, 7, 16), (3, 3, 8, 32), {"padding": "same"}, "float64"),
    ("padded filters", (2, 7, 6, 6), (2, 3, 3, 38), {"strides": (2, 1), "dilation": (1, 2)}, "float32"),
    ("windows inside the image", (2, 8, 11, 6), (1, 1, 3, 40), {"strides": (2, 3)}, "float32"),
]

TRANSPOSED = [
    ("same", (2, 5, 6, 4), (3, 3, 20, 4), {"strides": 2, "padding": "same"}, "float32"),
    ("window of the strides", (2, 4, 5, 3), (2, 2, 5, 3), {"strides": 2}, "float64"),
    (
        "window smaller than the strides",
        (2, 4, 3, 3),
        (2, 1, 5, 3),
        {"strides": 3, "output_padding": (1, 2)},
        "float32",
    ),
    ("odd sizes", (2, 4, 3, 3), (3, 4, 5, 3), {"strides": (2, 3), "padding": ((1, 0), (1, 2))}, "float32"),
    ("one axis, depthwise", (2, 7, 6), (4, 1, 6), {"strides": 2, "groups": 6}, "float32"),
    ("groups", (2, 4, 5, 12), (3, 3, 20, 12), {"strides": 2, "padding": "same", "groups": 2}, "float32"),
]


@pytest.fixture
def kernels(monkeypatch):
    """Use kernels for all sizes, and collect their C programs."""
    monkeypatch.setattr(convolution_lowerings, "MIN_CONV_MULTIPLICATIONS", 0)
    monkeypatch.setattr(source_assembly, "MAX_XLA_VECTOR_BYTES", 0)
    programs, request = [], ffi.request_kernel
    monkeypatch.setattr(ffi, "request_kernel", lambda code: programs.append(code) or request(code))
    return programs


def make_functions(op, shape, window, options, dtype):
    """Return a convolution and its gradients, by kernels and by NumPy, and random operands."""
    rng = np.random.default_rng(0)
    images = pel.tensor("images", shape=("n", *shape[1:]), dtype=dtype)
    kernel = pel.tensor("kernel", shape=window, dtype=dtype)
    gradient = pel.tensor("gradient", shape=(None,) * len(shape), dtype=dtype)
    output = op(images, kernel, **options)
    results = [output, *pel.grad((output * gradient).sum(), [images, kernel])]
    x, w = (rng.normal(size=size).astype(dtype) for size in (shape, window))
    g = rng.normal(size=op(x, w, **options).shape).astype(dtype)
    return (*(pel.function([images, kernel, gradient], results, mode=mode) for mode in ("xla", "numpy")), [x, w, g])


def check_convolution(kernels, op, shape, window, options, dtype):
    by_kernels, by_numpy, operands = make_functions(op, shape, window, options, dtype)
    tolerance = 2e-5 if dtype == "float32" else 1e-12
    found = by_kernels(*operands)
    for f, e in zip(found, by_numpy(*operands), strict=True):
        np.testing.assert_allclose(f, e, rtol=0, atol=tolerance * np.abs(e).max(initial=1))
    assert len(kernels) >= 3
    for first, second in zip(found, by_kernels(*operands), strict=True):
        np.testing.assert_array_equal(first, second)


FAST = {
    *("several pixels per vector", "depth multiplier", "one axis, strides"),
    *("few filters", "windows inside the image"),
    *("window smaller than the strides", "one axis, depthwise"),
}


def is_fast(name, *_):
    return name in FAST


@pytest.mark.parametrize(
    ("name", "shape", "window", "options", "dtype"),
    sample_cases(DEPTHWISE, is_fast),
)
def test_depthwise_convolutions_and_their_gradients(kernels, name, shape, window, options, dtype):
    check_convolution(kernels, pel.conv, shape, window, {**options, "groups": shape[-1]}, dtype)
    fills_vectors = window[-1] > shape[-1]  # where they are short
    assert fills_vectors or all("Rows of images for grouped convolutions" in code for code in kernels)


@pytest.mark.parametrize(("name", "shape", "window", "options", "dtype"), sample_cases(GROUPED, is_fast))
def test_grouped_convolutions_and_their_gradients(kernels, name, shape, window, options, dtype):
    check_convolution(kernels, pel.conv, shape, window, {**options, "groups": shape[-1] // window[-2]}, dtype)


@pytest.mark.parametrize(
    ("name", "shape", "window", "options", "dtype"),
    sample_cases(TRANSPOSED, is_fast),
)
def test_transposed_convolutions_and_their_gradients(kernels, name, shape, window, options, dtype):
    check_convolution(kernels, pel.conv_transpose, shape, window, options, dtype)


def test_shorter_vector_registers(kernels, monkeypatch):
    for module in (convolution_programs, grouped_shapes, source_assembly):
        monkeypatch.setattr(module, "get_vector_bytes", lambda: 16)
    for module in (convolution_programs, grouped_programs):
        monkeypatch.setattr(module, "count_vector_registers", lambda: 16)
    check_convolution(kernels, pel.conv, (2, 7, 9, 6), (5, 3, 1, 6), {"padding": "same", "groups": 6}, "float32")


def test_strided_gradients_with_amx(amx, kernels, convolutions, monkeypatch):
    monkeypatch.setattr(convolution_programs, "MAX_AMX_WASTE", np.inf)
    check_convolution(kernels, pel.conv, (2, 7, 8, 32), (3, 3, 32, 32), {"padding": "same", "strides": 2}, "float32")
    assert [len(c.parts) for c in convolutions if c.tile is None] == [4]  # one for all remainders


@pytest.mark.parametrize("height", [11, 61])
def test_strided_gradients_in_bands(kernels, no_amx, height):
    """The bands of one image, whose last row belongs to some remainders only."""
    shape, window = (1, height, 20, 4), (3, 3, 4, 5)
    check_convolution(kernels, pel.conv, shape, window, {"padding": "same", "strides": 2}, "float32")


@pytest.mark.parametrize(
    ("shape", "window", "options"),
    [
        ((2, 6, 10, 3), (2, 2, 1, 3), {"strides": (2, 1), "groups": 3}),
        ((2, 7, 8, 20), (2, 3, 1, 20), {"strides": 2, "groups": 20}),
    ],
)
def test_infinity_and_nan_reach_the_same_places(kernels, shape, window, options):
    """Places that no window reaches, at the end of strided rows and in unused lanes, must not reach results."""
    by_kernels, by_numpy, (x, w, g) = make_functions(pel.conv, shape, window, options, "float32")
    places = ((x, (0, -1, -1, 2)), (x, (1, 2, 3, 0)), (g, (1, 0, -1, 1)))
    for value, (array, place) in itertools.product((np.nan, np.inf), places):
        original, array[place] = array[place], value
        with np.errstate(all="ignore"):
            expected = by_numpy(x, w, g)
        for f, e in zip(by_kernels(x, w, g), expected, strict=True):
            np.testing.assert_allclose(f, e, rtol=1e-4, atol=1e-4, err_msg=f"{value} at {place}")
        array[place] = original


def test_empty_batches(kernels):
    by_kernels, by_numpy, (x, w, g) = make_functions(
        pel.conv, (2, 6, 7, 20), (3, 3, 1, 20), {"padding": "same", "groups": 20}, "float32"
    )
    for f, e in zip(by_kernels(x[:0], w, g[:0]), by_numpy(x[:0], w, g[:0]), strict=True):
        np.testing.assert_array_equal(f, e)


sizes = st.integers(1, 4)
pairs = st.tuples(st.integers(-2, 3), st.integers(0, 3))


@settings(max_examples=100)
@given(st.tuples(st.integers(1, 12), st.integers(1, 12)), *(st.tuples(sizes, sizes) for _ in range(3)), pairs)
def test_taps_connect_the_places_that_a_convolution_connects(input_size, window, strides, dilation, padding):
    output_size = tuple(
        max(0, (n + low + 2 - (k - 1) * d - 1) // s + 1)
        for n, k, s, d, low in zip(input_size, window, strides, dilation, padding, strict=True)
    )
    conv = ConvolutionSpec(
        input_size=input_size,
        window=window,
        output_size=output_size,
        channels=4,
        filters=4,
        groups=4,
        strides=strides,
        dilation=dilation,
        padding=padding,
        dtype="float32",
    )
    for spec, is_transposed in ((make_grouped_spec(conv), False), (make_transposed_spec(conv), True)):
        for axis in range(2):
            phases, step = spec.phases[axis], spec.steps[axis]
            found = {
                (i // len(phases) * step + at, i, k)
                for i in range(spec.output_size[axis])
                for at, k in phases[i % len(phases)]
            }
            everywhere = range(-30, 60)
            expected = set()
            for i, k in itertools.product(range(spec.output_size[axis]), range(window[axis])):
                for j in everywhere:
                    x, y = (i, j) if is_transposed else (j, i)
                    if x == y * strides[axis] + k * dilation[axis] - padding[axis]:
                        expected.add((j, i, k))
            assert found == expected
            reached = [j - spec.first_place[axis] for j, _, _ in found]
            assert all(0 <= j < spec.needed_size[axis] for j in reached)
