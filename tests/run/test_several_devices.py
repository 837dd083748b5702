"""Functions and kernels on four CPU devices compared with NumPy. One process runs all fast checks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.run.native.compiler import find_compiler
from tests.run.kernels.test_batch_sharding import FAMILIES

needs_compiler = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")

FOUR = {
    "XLA_FLAGS": "--xla_force_host_platform_device_count=4",
    "PELLUCID_CACHE": "0",
    "JAX_PLATFORMS": "cpu",
}


def run_process(*arguments: str) -> Any:
    flags = f"{os.environ.get('XLA_FLAGS', '')} {FOUR['XLA_FLAGS']}"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.run.several_devices", *arguments],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
        env={**os.environ, **FOUR, "XLA_FLAGS": flags},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """Results of the process."""
    return dict(run_process())


def test_training_has_the_results_of_one_device(found: dict[str, Any]) -> None:
    one, many = found["training"]
    assert many["backend"] == "DataParallelProgram"
    np.testing.assert_allclose(many["losses"], one["losses"], rtol=2e-5)
    np.testing.assert_allclose(many["elsewhere"], one["elsewhere"], rtol=2e-4)
    np.testing.assert_allclose(many["again"], one["again"], rtol=2e-4)
    for a, b in zip(many["state"], one["state"], strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-6)
    # Random numbers do not depend on the number of devices.
    assert many["masks"] == one["masks"]
    assert 0 < np.mean(one["masks"]) < 1


def test_members_are_divided_over_devices(found: dict[str, Any]) -> None:
    one, many = found["members"]
    for a, b in zip(one, many, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-6)


def test_names_of_devices_and_copies_of_functions(found: dict[str, Any]) -> None:
    assert found["names"] == ["cpu:0", "cpu:1", "cpu:2", "cpu:3"]
    assert found["copies"] == ["DataParallelProgram", "NumpyProgram"]
    assert found["repr"] == "function of (u: float32 (?,)) in mode 'auto' on 2 devices"
    assert found["pickled"] == found["repr"]
    assert found["guard"] == (
        "devices: expected mode='auto' or 'xla', because XLA runs programs on several devices. "
        "Received: mode='guard'. Leave out devices or mode"
    )


@pytest.mark.slow
@needs_compiler
def test_devices_divide_the_kernels_of_all_families() -> None:
    by_numpy, on_four = run_process("layers")
    assert on_four["kernels"] == list(FAMILIES)
    np.testing.assert_allclose(on_four["losses"], by_numpy["losses"], rtol=2e-5)
    for a, b in zip(on_four["parameters"], by_numpy["parameters"], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
    assert on_four["collectives"]["all-reduce"] > 0
    assert on_four["collectives"]["all-gather"] == 0


@needs_compiler
@pytest.mark.parametrize("count", ["8", "6"])
def test_rows_of_even_and_uneven_batches(found: dict[str, Any], count: str) -> None:
    """Sums over the rows of an uneven batch are left to XLA, because they would include rows that fill it up."""
    by_numpy, on_four = found["rows"][count]
    for a, b in zip(on_four["results"], by_numpy["results"], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    assert on_four["kernels"] == ["product", "row fusion", *(["reduction"] if count == "8" else [])]


@needs_compiler
@pytest.mark.parametrize("count", ["4", "3"])
def test_each_device_runs_the_kernels_of_its_members(found: dict[str, Any], count: str) -> None:
    by_numpy, on_four = found["products"][count]
    np.testing.assert_allclose(on_four["results"], by_numpy["results"], rtol=1e-4, atol=1e-5)
    assert on_four["kernels"] == (["product"] if count == "4" else [])  # devices cannot share out three equally
