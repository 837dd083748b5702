"""Convolution and pooling kernels compared with the NumPy interpreter, and their bits with those of a second run."""

import itertools
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import pellucid as pel
from pellucid.run import xla
from pellucid.run.kernels import (
    convolution_lowerings,
    convolution_programs,
    ffi,
    loading,
    lowerings,
    pooling_programs,
    source_assembly,
)
from pellucid.run.kernels.convolution_programs import split_evenly
from pellucid.run.native.compiler import find_compiler
from pellucid.run.native.errors import NotNative
from tests.sampled_cases import sample_cases

slow = pytest.mark.slow
pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")

CONVOLUTIONS = [
    ("valid", (3, 9, 8, 4), (3, 3, 4, 5), {}),
    ("same, one channel", (2, 12, 11, 1), (5, 5, 1, 18), {"padding": "same"}),
    ("strides", (2, 9, 8, 3), (3, 2, 3, 33), {"strides": (2, 1), "padding": ((1, 2), (0, 1))}),
    ("strides larger than the window", (2, 11, 10, 2), (2, 2, 2, 4), {"strides": 3}),
    ("rows that no window meets", (2, 1, 9, 3), (2, 2, 3, 4), {"strides": (3, 1), "padding": ((2, 3), (0, 0))}),
    ("strides of rows of odd height", (2, 13, 7, 5), (3, 3, 5, 6), {"strides": (2, 3), "padding": "same"}),
    ("dilation", (2, 9, 12, 4), (3, 2, 4, 20), {"dilation": (2, 3), "padding": ((1, 0), (2, 1))}),
    ("1 x 1", (2, 5, 6, 40), (1, 1, 40, 50), {}),
    ("many channels", (2, 4, 4, 70), (3, 3, 70, 64), {"padding": "same"}),
    ("full", (2, 4, 5, 3), (3, 3, 3, 2), {"padding": "full"}),
    ("one axis", (3, 30, 4), (5, 4, 7), {"padding": "same", "strides": 2}),
    ("causal", (2, 14, 3), (3, 3, 4), {"padding": "causal", "dilation": 2}),
    ("one image, many rows", (1, 70, 20, 3), (3, 3, 3, 16), {}),
    ("many images", (41, 6, 6, 2), (3, 3, 2, 16), {}),
]

WHOLE_TILES = [
    ("few filters", (3, 9, 8, 32), (3, 2, 32, 20), {"padding": ((1, 2), (0, 1))}),
    ("dilation of rows", (2, 9, 7, 32), (3, 2, 32, 64), {"dilation": (2, 1), "padding": "same"}),
    ("dilation of columns", (2, 4, 9, 64), (2, 3, 64, 32), {"dilation": (1, 3)}),
    ("one tall image", (1, 60, 5, 32), (3, 3, 32, 32), {}),
    ("rows that end inside a tile", (2, 7, 34, 48), (2, 3, 48, 32), {}),
    ("one axis", (4, 21, 32), (4, 32, 32), {"padding": "causal"}),
    ("1 x 1 with padding", (2, 8, 9, 32), (1, 1, 32, 32), {"padding": ((1, 0), (0, 2))}),
]

POOLINGS = [
    ("halves", (3, 8, 6, 5), {"pool_size": 2}),
    ("overlapping", (2, 9, 11, 18), {"pool_size": 3, "strides": 2}),
    ("same", (2, 7, 8, 3), {"pool_size": (3, 2), "strides": (2, 1), "padding": "same"}),
    ("gaps", (2, 9, 9, 4), {"pool_size": 2, "strides": 3}),
    ("one axis", (2, 12, 4), {"pool_size": 3, "strides": 2, "padding": "same"}),
    ("padding only", (2, 5, 6, 3), {"pool_size": 2, "strides": 20, "padding": ((0, 0), (9, 0))}),
    ("many places", (3, 12, 13, 5), {"pool_size": (4, 5), "strides": (2, 3), "padding": "same"}),
    ("the whole sequence", (4, 35, 16), {"pool_size": 35}),
    ("many channels", (2, 11, 1030), {"pool_size": 10}),
]


def with_dtypes(cases):
    """Return all cases in float32, and every fourth in float64 too."""
    return [(*c, "float32") for c in cases] + [(*c, "float64") for c in cases[::4]]


@pytest.fixture
def kernels(monkeypatch):
    """Use kernels for all sizes, and collect their C programs."""
    monkeypatch.setattr(convolution_lowerings, "MIN_CONV_MULTIPLICATIONS", 0)
    monkeypatch.setattr(source_assembly, "MAX_XLA_VECTOR_BYTES", 0)
    monkeypatch.setattr(lowerings, "MIN_POOLED_ELEMENTS", 0)
    programs, request = [], ffi.request_kernel
    monkeypatch.setattr(ffi, "request_kernel", lambda code: programs.append(code) or request(code))
    return programs


@pytest.fixture
def any_waste(monkeypatch):
    """Use AMX even where most of a tile is padding."""
    monkeypatch.setattr(convolution_programs, "MAX_AMX_WASTE", np.inf)


def assert_close(found, expected, dtype):
    tolerance = 2e-5 if dtype == "float32" else 1e-12
    for f, e in zip(found, expected, strict=True):
        largest = np.abs(e).max(initial=1, where=np.isfinite(e))
        np.testing.assert_allclose(f, e, rtol=0, atol=tolerance * largest)


def check_convolution(kernels, shape, window, settings, dtype):
    """Compare a convolution and its gradients with NumPy's, and with a second run."""
    rng = np.random.default_rng(0)
    images = pel.tensor("images", shape=("n", *shape[1:]), dtype=dtype)
    kernel = pel.tensor("kernel", shape=window, dtype=dtype)
    gradient = pel.tensor("gradient", shape=(None,) * len(shape), dtype=dtype)
    output = pel.conv(images, kernel, **settings)
    results = [output, *pel.grad((output * gradient).sum(), [images, kernel])]
    x, w = (rng.normal(size=size).astype(dtype) for size in (shape, window))
    g = rng.normal(size=pel.conv(x, w, **settings).shape).astype(dtype)
    by_kernels, by_numpy = (pel.function([images, kernel, gradient], results, mode=mode) for mode in ("xla", "numpy"))
    assert_close(by_kernels(x, w, g), by_numpy(x, w, g), dtype)
    assert len(kernels) >= 3
    for first, second in zip(by_kernels(x, w, g), by_kernels(x, w, g), strict=True):
        np.testing.assert_array_equal(first, second)


FAST_CONVOLUTIONS = {
    ("valid", "float64"),
    ("strides", "float32"),
    ("rows that no window meets", "float32"),
    ("dilation", "float32"),
    ("one image, many rows", "float32"),
}


@pytest.mark.parametrize(
    ("name", "shape", "window", "settings", "dtype"),
    sample_cases(with_dtypes(CONVOLUTIONS), lambda *case: (case[0], case[-1]) in FAST_CONVOLUTIONS),
)
def test_convolutions_and_their_gradients(kernels, no_amx, name, shape, window, settings, dtype):
    check_convolution(kernels, shape, window, settings, dtype)
    assert not any("TDPBF16PS" in code for code in kernels)


FAST_WITH_AMX = ("few filters", "dilation of columns", "rows that end inside a tile", "1 x 1 with padding")


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("name", "shape", "window", "settings"),
    sample_cases([*CONVOLUTIONS[::8], *WHOLE_TILES], lambda name, *_: name in FAST_WITH_AMX),
)
def test_convolutions_and_their_gradients_with_amx(
    amx, kernels, convolutions, any_waste, name, shape, window, settings
):
    check_convolution(kernels, shape, window, settings, "float32")
    has_strides = settings.get("strides", 1) != 1
    assert any(c.parts and c.tile is None for c in convolutions) or has_strides or "dilation" in settings
    assert any(not c.parts and c.tile is None for c in convolutions) == (
        (name, shape, window, settings) in WHOLE_TILES and window[-2] % 32 == 0
    )


@pytest.mark.slow
def test_amx_computes_large_images_in_bands(amx, kernels, convolutions, any_waste, monkeypatch):
    monkeypatch.setattr(convolution_programs, "PLANE_BYTES", 2**14)
    check_convolution(kernels, (3, 23, 8, 32), (3, 3, 32, 64), {"padding": "same"}, "float32")
    assert sum(c.plan["bands"] == 4 for c in convolutions) >= 2


def test_amx_leaves_values_that_cannot_be_split_to_vector_registers(amx, kernels, any_waste, rng):
    x, w = rng.normal(size=(3, 9, 8, 32)).astype("float32"), rng.normal(size=(3, 3, 32, 32)).astype("float32")
    g = rng.normal(size=(3, 7, 6, 32)).astype("float32")
    images, kernel, gradient = pel.tensor4("images"), pel.shared(w, "kernel"), pel.tensor4("gradient")
    output = pel.conv(images, kernel)
    results = [output, *pel.grad((output * gradient).sum(), [images, kernel])]
    by_kernels, by_numpy = (pel.function([images, gradient], results, mode=mode) for mode in ("xla", "numpy"))
    places = ((x, (1, 4, 4, 5)), (g, (2, 0, 0, 31)), (w, (1, 1, 3, 30)))
    for value, (array, place) in itertools.product((np.nan, np.inf, -np.inf), places):
        original, array[place] = array[place], value
        kernel.set_value(w)
        with np.errstate(all="ignore"):
            expected = by_numpy(x, g)
        for number, (f, e) in enumerate(zip(by_kernels(x, g), expected, strict=True)):
            if (
                array is w and number == 1
            ):  # the kernel is multiplied with the zeros around the gradient, unlike in NumPy
                f = np.where(np.isnan(f), e, f)
            np.testing.assert_allclose(f, e, rtol=1e-4, atol=1e-3, err_msg=f"{value} at {place}")
        array[place] = original
    assert len(kernels) >= 3


FAST_POOLINGS = {
    ("same", "float32"),
    ("gaps", "float32"),
    ("padding only", "float32"),
    ("many places", "float32"),
    ("many channels", "float32"),
    ("one axis", "float64"),
}


@pytest.mark.parametrize(
    ("name", "shape", "settings", "dtype"),
    sample_cases(with_dtypes(POOLINGS), lambda *case: (case[0], case[-1]) in FAST_POOLINGS),
)
def test_max_pooling_and_its_gradient(kernels, name, shape, settings, dtype):
    rng = np.random.default_rng(0)
    images = pel.tensor("images", shape=("n", *shape[1:]), dtype=dtype)
    gradient = pel.tensor("gradient", shape=(None,) * len(shape), dtype=dtype)
    output = pel.max_pool(images, **settings)
    results = [output, pel.grad((output * gradient).sum(), images)]
    x = rng.integers(0, 4, size=shape).astype(dtype)  # many equal elements, of which the first gets the gradient
    g = rng.normal(size=pel.max_pool(x, **settings).shape).astype(dtype)
    by_kernels, by_numpy = (pel.function([images, gradient], results, mode=mode) for mode in ("xla", "numpy"))
    assert_close(by_kernels(x, g), by_numpy(x, g), dtype)
    assert len(kernels) == 2


@pytest.mark.parametrize("size", [16, pytest.param(32, marks=slow)])
def test_shorter_vector_registers(kernels, no_amx, monkeypatch, size):
    monkeypatch.setattr(convolution_programs, "get_vector_bytes", lambda: size)
    monkeypatch.setattr(convolution_programs, "count_vector_registers", lambda: 16)
    monkeypatch.setattr(source_assembly, "get_vector_bytes", lambda: size)
    check_convolution(kernels, *CONVOLUTIONS[1][1:], "float32")


def test_max_pooling_keeps_nan_and_infinity(kernels):
    """Windows of few places, and of the whole image, whose program is a loop."""
    x = np.arange(32, dtype="float32").reshape(1, 4, 4, 2)
    x[0, 1, 0, 0], x[0, 3, 3, 1] = np.nan, -np.inf
    images = pel.tensor4("images")
    outputs = [pel.max_pool(images, size) for size in (2, 4)]
    results = [*outputs, *(pel.grad(output.sum(), images) for output in outputs)]
    found, expected = (pel.function([images], results, mode=mode)(x) for mode in ("xla", "numpy"))
    assert all(np.isnan(output[0, 0, 0, 0]) for output in found[:2])
    assert len(kernels) == 4
    for f, e in zip(found, expected, strict=True):
        np.testing.assert_array_equal(f, e)


def train_kernel(steps):
    """Train a small network on large images for some steps, and return its kernel."""
    rng = np.random.default_rng(1)
    images = pel.shared(rng.normal(size=(64, 20, 20, 3)).astype("float32"), trainable=False)
    kernel = pel.shared(0.1 * rng.normal(size=(3, 3, 3, 32)).astype("float32"), "kernel")
    loss = pel.max_pool(pel.relu(pel.conv(images, kernel)), 2).mean()
    pel.function([], loss, updates={kernel: kernel - 0.5 * pel.grad(loss, kernel)}, mode="xla").repeat(steps)
    return kernel.get_value()


@pytest.mark.slow
def test_a_second_run_and_another_process_give_the_same_bits(tmp_path):
    module = "tests.run.kernels.test_convolution_and_pooling"
    code = f"from {module} import train_kernel; print(train_kernel(20).tobytes().hex())"
    first, second = train_kernel(20).tobytes().hex(), train_kernel(20).tobytes().hex()
    assert first == second
    environment = {**os.environ, "PELLUCID_CACHE": str(tmp_path)}
    for _ in range(2):  # the second process loads everything from the cache
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
        assert done.stdout.strip() == first
    assert list(tmp_path.glob("*.so"))


def test_vmap_uses_kernels(kernels):
    j = xla.jax()
    rng = np.random.default_rng(2)
    x, weights = rng.normal(size=(2, 6, 6, 3)).astype("float32"), rng.normal(size=(4, 3, 3, 3, 8)).astype("float32")
    settings = ((1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    found = j.jit(j.vmap(lambda kernel: convolution_lowerings.conv(x, kernel, *settings)))(weights)
    expected = np.stack([np.asarray(pel.function([], pel.conv(x, kernel), mode="numpy")()) for kernel in weights])
    assert_close([np.asarray(found)], [expected], "float32")
    assert kernels


@pytest.mark.parametrize(
    ("x", "kernel", "groups"),
    [((1, 4, 4, 4, 2), (2, 2, 2, 2, 3), 1), ((1, 9, 9, 4), (3, 3, 4, 4), 1)],
    ids=["three axes", "small"],
)
def test_xla_computes_other_convolutions(x, kernel, groups):
    axes = len(x) - 2
    x, kernel = (SimpleNamespace(shape=s, ndim=len(s), size=int(np.prod(s)), dtype="float32") for s in (x, kernel))
    x.reshape = kernel.reshape = None
    assert convolution_lowerings.conv(x, kernel, (1,) * axes, ((0, 0),) * axes, (1,) * axes, groups) is None


@pytest.mark.parametrize("vector_bytes", [32, 64])
def test_xla_computes_many_channels_where_vectors_are_short(monkeypatch, vector_bytes):
    monkeypatch.setattr(source_assembly, "get_vector_bytes", lambda: vector_bytes)
    sizes = {"input_size": (9, 9), "window": (3, 3), "output_size": (7, 7), "strides": (1, 1), "padding": (0, 0)}
    found = [
        convolution_lowerings.is_worthwhile(
            convolution_programs.ConvolutionSpec(channels=n, filters=n, groups=groups, dtype="float32", **sizes),
            np.empty((32, 9, 9, n)),
        )
        for n, groups in ((64, 1), (128, 1), (128, 4))
    ]
    assert found == [True, vector_bytes == 64, True]


def test_there_are_no_kernels_without_a_compiler(monkeypatch):
    monkeypatch.setattr(lowerings, "find_compiler", lambda: None)
    assert not lowerings.get_lowerings()


def test_xla_computes_everything_if_the_compiler_fails(kernels, monkeypatch):
    def fail(code):
        raise NotNative("there are no headers")

    monkeypatch.setattr(ffi, "request_kernel", fail)
    x = np.ones((1, 4, 4, 1), "float32")
    f = pel.function([], pel.max_pool(pel.conv(x, np.ones((2, 2, 1, 1), "float32")), 3), mode="xla")
    message = r"compiling the CPU kernel failed, so XLA computes it, more slowly: there are no headers"
    with pytest.warns(RuntimeWarning, match=message):
        assert f().item() == 4


def test_threads_may_register_one_kernel_at_the_same_time(monkeypatch):
    sizes = {"input_size": (4, 6), "window": (2, 3), "output_size": (2, 2), "strides": (2, 3), "padding": (0, 0)}
    spec = pooling_programs.PoolingSpec(channels=3, dtype="float64", **sizes)
    monkeypatch.setenv("PELLUCID_CACHE", "0")  # so that each thread would compile its own
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(ffi.request_kernel, [pooling_programs.emit_max_pool(spec)] * 4))) == 1


def test_a_length_is_divided_into_nearly_equal_parts():
    for length in range(1, 40):
        for max_size in range(1, 15):
            parts = split_evenly(length, max_size)
            sizes = [size for _, size in parts]
            assert [start for start, _ in parts] == [0, *np.cumsum(sizes)[:-1]]
            assert sum(sizes) == length
            assert max(sizes) <= min(max_size, min(sizes) + 1)


def test_large_kernels_have_fewer_partial_sums():
    sizes = {"input_size": (9, 9), "window": (3, 3), "output_size": (7, 7), "strides": (1, 1), "padding": (0, 0)}
    small, large = (
        convolution_programs.ConvolutionSpec(channels=n, filters=n, dtype="float32", **sizes) for n in (32, 1024)
    )
    programs = [convolution_programs.make_conv_kernel_gradient(conv) for conv in (small, large)]
    assert [program.plan["shares"] for program in programs] == [16, 3]


@pytest.mark.parametrize("part", ["code", "tile"])
def test_xla_computes_an_op_whose_kernel_cannot_be_compiled(kernels, no_amx, monkeypatch, part):
    def make(spec):
        program = make_conv_forward(spec)
        return replace(program, **{part: getattr(program, part) + "\nthis is not C"})

    make_conv_forward = convolution_programs.make_conv_forward
    monkeypatch.setattr(ffi, "make_conv_forward", make)
    x = np.ones((1, 4, 4, 1), "float32")
    f = pel.function([], pel.max_pool(pel.conv(x, np.ones((2, 2, 1, 1), "float32")), 3), mode="xla")
    with pytest.warns(RuntimeWarning, match="compiling the CPU kernel failed, so XLA computes it, more slowly"):
        assert f().item() == 4
    if part == "code":  # it takes longer to compile than to trace
        assert sum("void pool_window(" in code for code in kernels) == 2  # the program was traced twice


def test_a_call_of_a_kernel_that_is_not_loaded_fails(kernels, monkeypatch):
    monkeypatch.setattr(loading, "load_kernel", lambda code: None)
    f = pel.function([], pel.max_pool(np.full((1, 6, 6, 7), 2.5, "float32"), 3), mode="xla")
    with pytest.raises(Exception, match="a pellucid kernel is not loaded"):
        f()


def test_a_convolution_whose_tile_is_not_loaded_fails(kernels, no_amx, monkeypatch):
    load = loading.load_kernel
    monkeypatch.setattr(loading, "load_kernel", lambda code: None if "int rectified) {" in code else load(code))
    f = pel.function([], pel.conv(np.ones((1, 5, 7, 3), "float32"), np.ones((2, 3, 3, 11), "float32")), mode="xla")
    with pytest.raises(Exception, match="a pellucid kernel is not loaded"):
        f()
