"""Kernels and loops that are compiled for another processor than this one, compared with the NumPy interpreter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.run.jax_runtime import x64
from pellucid.run.kernels import ffi, recurrent_lowerings
from pellucid.run.kernels.amx.detection import has_amx
from pellucid.run.native import compiler
from pellucid.run.native.errors import NotNative
from pellucid.run.native.instruction_set import find_instructions
from pellucid.run.native.target import get_native_target
from tests.run.kernels.test_batch_sharding import FAMILIES, collect_kernels, find_families, make_network
from tests.run.native.test_loops import compare_with_interpreter, is_vectorized
from tests.run.native.test_loops import make_network as make_loop

pytestmark = pytest.mark.skipif(compiler.find_compiler() is None, reason="there is no C compiler")

AVX2, SSE2 = "x86-64-v3", "x86-64"


@pytest.fixture(params=[AVX2, pytest.param(SSE2, marks=pytest.mark.slow)])
def architecture(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Compile C for an older processor than this one."""
    if "avx2" not in compiler.get_instructions():
        pytest.skip("this processor has no AVX2")
    monkeypatch.setenv("PELLUCID_MARCH", request.param)
    caches = ffi.emit_code, recurrent_lowerings.lower_loop
    for cached in caches:
        cached.cache_clear()
    yield request.param
    for cached in caches:
        cached.cache_clear()


def train(mode: pel.typing.Mode) -> list[np.ndarray]:
    """Return losses and parameters after two steps."""
    nn.set_random_seed(0)
    rng = np.random.default_rng(0)
    images, sequences = pel.tensor4("images", shape=("n", 8, 8, 3)), pel.tensor3("sequences", shape=("n", 4, 8))
    loss = (make_network(images, sequences) ** 2).mean()
    updates = pel.optimizers.Adam(0.01, epsilon=1e-3).updates(loss)
    arguments = [rng.normal(size=(5, *i.shape[1:])).astype("float32") for i in (images, sequences)]
    losses = pel.function([images, sequences], loss, updates=updates, mode=mode).repeat(2, *arguments)
    return [losses, *(p.get_value() for p in pel.parameters(loss))]


VECTOR_BYTES = {AVX2: 32, SSE2: 16}


@pytest.mark.slow
def test_kernels_of_every_family(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    requested = collect_kernels(monkeypatch)
    found, expected = train("xla"), train("numpy")
    assert find_families(requested) == list(FAMILIES)
    assert all(f"vector_size({VECTOR_BYTES[architecture]})" in code for code in requested)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-5)


def test_kernels_have_the_registers_of_the_processor(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    requested = collect_kernels(monkeypatch)
    rng = np.random.default_rng(0)
    x, w = pel.matrix("x", shape=("n", 7)), rng.normal(size=(7, 21)).astype("float32")
    argument = rng.normal(size=(9, 7)).astype("float32")
    found, expected = (pel.function([x], pel.softmax(x @ w), mode=mode)(argument) for mode in ("xla", "numpy"))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert find_families(requested) == ["product", "row fusion"]
    assert all(f"vector_size({VECTOR_BYTES[architecture]})" in code for code in requested)


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
def test_loops_of_steps(architecture: str, dtype: str) -> None:
    f, data = make_loop(150, dtype)
    code = compare_with_interpreter(f, 5, *data, tolerance=3e-5 if dtype == "float32" else 1e-12)
    assert is_vectorized(code, 150, item_size=int(dtype[5:]) // 8)
    assert f"-march={architecture}" in compiler.describe_compiler()


def test_registers_of_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    targets = {}
    for instructions in ("avx512f avx2 sse2", "avx2 sse2", "sse2", "asimd aarch64"):
        monkeypatch.setattr(compiler, "get_instructions", lambda names=instructions: frozenset(names.split()))
        target = get_native_target()
        targets[instructions] = target.vector_bytes, compiler.count_vector_registers(), target.tile_vectors
    assert list(targets.values()) == [(64, 32, 24), (32, 16, 12), (16, 16, 12), (16, 32, 24)]


def test_older_processors_have_no_amx(architecture: str) -> None:
    assert not has_amx()


def test_a_processor_that_the_compiler_does_not_know_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PELLUCID_MARCH", "abacus")
    message = r"PELLUCID_MARCH: expected a processor that the compiler's option -march accepts.* Received: 'abacus'"
    with pytest.raises(pel.OptionError, match=message):
        compiler.get_flags()
    x = pel.tensor4("x")
    f = pel.function([x], pel.conv(x, np.ones((3, 3, 8, 16), "float32")), mode="xla")
    with x64(), pytest.raises(pel.OptionError, match=message):
        f(np.ones((4, 34, 34, 8), "float32"))


def test_a_compiler_that_fails_says_nothing_about_a_processor(tmp_path: Path) -> None:
    broken = tmp_path / "cc"
    broken.write_text("#!/bin/sh\necho license expired >&2; exit 1\n")
    broken.chmod(0o700)
    with pytest.raises(NotNative, match="cc does not say which instructions it uses: license expired"):
        find_instructions("x86-64", (str(broken),))
