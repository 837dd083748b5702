"""Kernels of our own against the NumPy interpreter, and against themselves."""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

import pellucid as pel
from pellucid.run import xla
from pellucid.run.kernels import convolution_programs, ffi, lowerings, pooling_programs, source_assembly
from pellucid.run.kernels.amx.detection import matrix_units
from pellucid.run.kernels.convolution_programs import parts
from pellucid.run.native.compiler import compiler
from pellucid.run.native.errors import NotNative

pytestmark = pytest.mark.skipif(compiler() is None, reason="there is no C compiler")

CONVOLUTIONS = [
    ("plain", (3, 9, 8, 4), (3, 3, 4, 5), {}),
    ("same, one channel", (2, 12, 11, 1), (5, 5, 1, 18), {"padding": "same"}),
    ("strides", (2, 9, 8, 3), (3, 2, 3, 33), {"strides": (2, 1), "padding": ((1, 2), (0, 1))}),
    ("strides over the window", (2, 11, 10, 2), (2, 2, 2, 4), {"strides": 3}),
    ("dilation", (2, 9, 12, 4), (3, 2, 4, 20), {"dilation": (2, 3), "padding": ((1, 0), (2, 1))}),
    ("points", (2, 5, 6, 40), (1, 1, 40, 50), {}),
    ("many channels", (2, 4, 4, 70), (3, 3, 70, 64), {"padding": "same"}),
    ("full", (2, 4, 5, 3), (3, 3, 3, 2), {"padding": "full"}),
    ("lines", (3, 30, 4), (5, 4, 7), {"padding": "same", "strides": 2}),
    ("causal", (2, 14, 3), (3, 3, 4), {"padding": "causal", "dilation": 2}),
    ("one image, many rows", (1, 70, 20, 3), (3, 3, 3, 16), {}),
    ("many images", (41, 6, 6, 2), (3, 3, 2, 16), {}),
]

WHOLE_TILES = [
    ("few filters", (3, 9, 8, 32), (3, 2, 32, 20), {"padding": ((1, 2), (0, 1))}),
    ("dilation of rows", (2, 9, 7, 32), (3, 2, 32, 64), {"dilation": (2, 1), "padding": "same"}),
    ("dilation of columns", (2, 4, 9, 64), (2, 3, 64, 32), {"dilation": (1, 3)}),
    ("one tall image", (1, 60, 5, 32), (3, 3, 32, 32), {}),
    ("rows that end within a tile", (2, 7, 34, 48), (2, 3, 48, 32), {}),
    ("lines", (4, 21, 32), (4, 32, 32), {"padding": "causal"}),
    ("zeros around points", (2, 8, 9, 32), (1, 1, 32, 32), {"padding": ((1, 0), (0, 2))}),
]

POOLINGS = [
    ("halves", (3, 8, 6, 5), {"pool_size": 2}),
    ("overlapping", (2, 9, 11, 18), {"pool_size": 3, "strides": 2}),
    ("same", (2, 7, 8, 3), {"pool_size": (3, 2), "strides": (2, 1), "padding": "same"}),
    ("gaps", (2, 9, 9, 4), {"pool_size": 2, "strides": 3}),
    ("lines", (2, 12, 4), {"pool_size": 3, "strides": 2, "padding": "same"}),
    ("nothing but border", (2, 5, 6, 3), {"pool_size": 2, "strides": 20, "padding": ((0, 0), (9, 0))}),
]


def in_both(cases):
    """Return all cases in float32, and every fourth in float64 too."""
    return [(*c, "float32") for c in cases] + [(*c, "float64") for c in cases[::4]]


@pytest.fixture
def asked(monkeypatch):
    """Have everything computed by kernels, however small, and tell which were asked for."""
    monkeypatch.setattr(lowerings, "LEAST_OPERATIONS", 0)
    monkeypatch.setattr(lowerings, "LEAST_POOLED", 0)
    found, whole = [], ffi.target
    monkeypatch.setattr(ffi, "target", lambda code: found.append(code) or whole(code))
    for targets in (ffi.forward_target, ffi.gradient_target, ffi.pool_target, ffi.pool_gradient_target):
        targets.cache_clear()
    return found


by_units = pytest.mark.skipif(not matrix_units(), reason="this processor has no units for matrices")


@pytest.fixture
def by_vectors(asked, monkeypatch):
    """Leave units for matrices alone."""
    monkeypatch.setattr(convolution_programs, "matrix_units", lambda: False)
    return asked


@pytest.fixture
def with_units(asked, monkeypatch):
    """Use units for matrices wherever they can be used."""
    monkeypatch.setattr(convolution_programs, "MOST_WASTE", np.inf)
    return asked


def close(found, wanted, dtype):
    tolerance = 2e-5 if dtype == "float32" else 1e-12
    for f, w in zip(found, wanted, strict=True):
        largest = np.abs(w).max(initial=1, where=np.isfinite(w))
        np.testing.assert_allclose(f, w, rtol=0, atol=tolerance * largest)


@pytest.mark.parametrize(("name", "shape", "window", "settings", "dtype"), in_both(CONVOLUTIONS))
def test_a_convolution_and_its_gradients(by_vectors, name, shape, window, settings, dtype):
    check(by_vectors, shape, window, settings, dtype)
    assert not any("tdpbf16ps" in code for code in by_vectors)


@by_units
@pytest.mark.parametrize(("name", "shape", "window", "settings"), CONVOLUTIONS[::4] + WHOLE_TILES)
def test_a_convolution_and_its_gradients_by_units_for_matrices(with_units, name, shape, window, settings):
    check(with_units, shape, window, settings, "float32")
    steps = settings.get("strides", 1) == 1
    assert any("rows_by_thirds(const uint16_t" in code for code in with_units) or not steps or "dilation" in settings
    assert any("add_band(const char *room, real *sum, Ahead *ahead) {\n" in code for code in with_units) == (
        (name, shape, window, settings) in WHOLE_TILES and window[-2] % 32 == 0
    )


@by_units
def test_an_image_is_split_band_by_band(with_units, monkeypatch):
    monkeypatch.setattr(convolution_programs, "PLANE_BYTES", 2**14)
    check(with_units, (3, 23, 8, 32), (3, 3, 32, 64), {"padding": "same"}, "float32")
    assert sum("BANDS = 4" in code for code in with_units) >= 2


@by_units
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_has_no_three_parts_is_left_to_vector_units(with_units, rng, value):
    x, w = rng.normal(size=(5, 9, 8, 32)).astype("float32"), rng.normal(size=(3, 3, 32, 32)).astype("float32")
    u = rng.normal(size=(5, 7, 6, 32)).astype("float32")
    images, kernel, slopes = pel.tensor4("images"), pel.shared(w, "kernel"), pel.tensor4("slopes")
    made = pel.conv(images, kernel)
    results = [made, *pel.grad((made * slopes).sum(), [images, kernel])]
    ours, plain = (pel.function([images, slopes], results, mode=mode) for mode in ("xla", "numpy"))
    for array, place in ((x, (2, 4, 4, 5)), (u, (4, 0, 0, 31)), (w, (1, 1, 3, 30))):
        before, array[place] = array[place], value
        kernel.set_value(w)
        with np.errstate(all="ignore"):
            wanted = plain(x, u)
        for number, (found, expected) in enumerate(zip(ours(x, u), wanted, strict=True)):
            if array is w and number == 1:  # the kernel meets zeros around the slopes, which NumPy leaves out
                found = np.where(np.isnan(found), expected, found)
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)
        array[place] = before
    assert len(with_units) >= 3


def check(asked, shape, window, settings, dtype):
    """Hold a convolution and its gradients against NumPy's, twice."""
    rng = np.random.default_rng(0)
    images, kernel = (
        pel.tensor("images", shape=("n", *shape[1:]), dtype=dtype),
        pel.tensor("kernel", shape=window, dtype=dtype),
    )
    made = pel.conv(images, kernel, **settings)
    slopes = pel.tensor("slopes", shape=(None,) * len(shape), dtype=dtype)
    results = [made, *pel.grad((made * slopes).sum(), [images, kernel])]
    x, w = (rng.normal(size=size).astype(dtype) for size in (shape, window))
    u = rng.normal(size=pel.conv(x, w, **settings).shape).astype(dtype)
    ours, plain = (pel.function([images, kernel, slopes], results, mode=mode) for mode in ("xla", "numpy"))
    close(ours(x, w, u), plain(x, w, u), dtype)
    assert len(asked) >= 3
    for once, again in zip(ours(x, w, u), ours(x, w, u), strict=True):
        np.testing.assert_array_equal(once, again)


@pytest.mark.parametrize(("name", "shape", "settings", "dtype"), in_both(POOLINGS))
def test_a_pooling_and_its_gradient(asked, name, shape, settings, dtype):
    rng = np.random.default_rng(0)
    images = pel.tensor("images", shape=("n", *shape[1:]), dtype=dtype)
    slopes = pel.tensor("slopes", shape=(None,) * len(shape), dtype=dtype)
    made = pel.max_pool(images, **settings)
    results = [made, pel.grad((made * slopes).sum(), images)]
    x = rng.integers(0, 4, size=shape).astype(dtype)  # many equal ones, of which the first has the gradient
    u = rng.normal(size=pel.max_pool(x, **settings).shape).astype(dtype)
    ours, plain = (pel.function([images, slopes], results, mode=mode) for mode in ("xla", "numpy"))
    close(ours(x, u), plain(x, u), dtype)
    assert len(asked) == 2


@pytest.mark.parametrize("size", [16, 32])
def test_shorter_registers(by_vectors, monkeypatch, size):
    monkeypatch.setattr(convolution_programs, "vector_bytes", lambda: size)
    monkeypatch.setattr(convolution_programs, "registers", lambda: 16)
    monkeypatch.setattr(source_assembly, "vector_bytes", lambda: size)
    check(by_vectors, *CONVOLUTIONS[1][1:], "float32")


def test_what_is_no_number_stays_none(asked):
    x = np.arange(32, dtype="float32").reshape(1, 4, 4, 2)
    x[0, 1, 0, 0], x[0, 3, 3, 1] = np.nan, -np.inf
    images = pel.tensor4("images")
    made = pel.max_pool(images, 2)
    results = [made, pel.grad(made.sum(), images)]
    ours, plain = (pel.function([images], results, mode=mode)(x) for mode in ("xla", "numpy"))
    assert np.isnan(ours[0][0, 0, 0, 0])
    assert len(asked) == 2
    for a, b in zip(ours, plain, strict=True):
        np.testing.assert_array_equal(a, b)


def training(steps):
    """Train a small network on large images for some steps, and return its kernel."""
    rng = np.random.default_rng(1)
    images = pel.shared(rng.normal(size=(64, 20, 20, 3)).astype("float32"), trainable=False)
    kernel = pel.shared(0.1 * rng.normal(size=(3, 3, 3, 32)).astype("float32"), "kernel")
    loss = pel.max_pool(pel.relu(pel.conv(images, kernel)), 2).mean()
    pel.function([], loss, updates={kernel: kernel - 0.5 * pel.grad(loss, kernel)}, mode="xla").repeat(steps)
    return kernel.get_value()


def test_a_run_gives_the_same_bits_again_and_in_another_process(tmp_path):
    code = "from tests.run.kernels.test_kernels import training; print(training(20).tobytes().hex())"
    once, again = training(20).tobytes().hex(), training(20).tobytes().hex()
    assert once == again
    environment = {**os.environ, "PELLUCID_CACHE": str(tmp_path)}
    for _ in range(2):  # the second finds everything compiled
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
        assert done.stdout.strip() == once
    assert list(tmp_path.glob("*.so"))


def test_members_of_a_batch_have_kernels_too(asked):
    j = xla.jax()
    rng = np.random.default_rng(2)
    x, kernels = rng.normal(size=(2, 6, 6, 3)).astype("float32"), rng.normal(size=(4, 3, 3, 3, 8)).astype("float32")
    settings = ((1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    found = j.jit(j.vmap(lambda kernel: lowerings.conv(x, kernel, *settings)))(kernels)
    wanted = np.stack([np.asarray(pel.function([], pel.conv(x, kernel), mode="numpy")()) for kernel in kernels])
    close([np.asarray(found)], [wanted], "float32")


@pytest.mark.parametrize(
    ("x", "kernel", "groups"),
    [((1, 9, 9, 4), (3, 3, 2, 4), 2), ((1, 4, 4, 4, 2), (2, 2, 2, 2, 3), 1), ((1, 9, 9, 4), (3, 3, 4, 4), 1)],
    ids=["groups", "three axes", "little work"],
)
def test_what_has_no_kernel_is_left_to_xla(x, kernel, groups):
    axes = len(x) - 2
    x, kernel = (SimpleNamespace(shape=s, ndim=len(s), size=int(np.prod(s)), dtype="float32") for s in (x, kernel))
    x.reshape = kernel.reshape = None
    assert lowerings.conv(x, kernel, (1,) * axes, ((0, 0),) * axes, (1,) * axes, groups) is None


def test_without_a_compiler_there_are_no_kernels(monkeypatch):
    monkeypatch.setattr(lowerings, "compiler", lambda: None)
    assert not lowerings.own_kernels()


def test_a_compiler_that_fails_leaves_all_to_xla(asked, monkeypatch):
    def fail(code):
        raise NotNative("there are no headers")

    monkeypatch.setattr(ffi, "target", fail)
    x = np.ones((1, 4, 4, 1), "float32")
    f = pel.function([], pel.max_pool(pel.conv(x, np.ones((2, 2, 1, 1), "float32")), 3), mode="xla")
    with pytest.warns(RuntimeWarning, match=r"is left to XLA, and slower for it: there are no headers"):
        assert f().item() == 4


def test_threads_may_ask_for_one_kernel_at_once(monkeypatch):
    code = pooling_programs.forward_text(pooling_programs.Pooling((4, 6), (2, 3), (2, 2), 3, (2, 3), (0, 0), "float64"))
    monkeypatch.setenv("PELLUCID_CACHE", "0")  # so that each would compile one of its own
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(ffi.target, [code] * 4))) == 1


def test_a_length_is_cut_into_parts_of_nearly_one_size():
    for whole in range(1, 40):
        for most in range(1, 15):
            found = parts(whole, most)
            assert [a for a, _ in found] == [0, *np.cumsum([n for _, n in found])[:-1]]
            assert sum(n for _, n in found) == whole
            sizes = {n for _, n in found}
            assert max(sizes) <= min(most, min(sizes) + 1)


def test_sums_of_large_kernels_are_fewer():
    small, large = (
        convolution_programs.Convolution((9, 9), (3, 3), (7, 7), n, n, (1, 1), (1, 1), (0, 0), "float32")
        for n in (32, 1024)
    )
    found = [re.search(r"SHARES = (\d+)", convolution_programs.gradient_text(conv)) for conv in (small, large)]
    assert [int(shares[1]) for shares in found] == [16, 3]
