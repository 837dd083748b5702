"""Measured rates: they wait for results, check them, and work without a compiler."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pellucid.run import machine_rates
from pellucid.run.jax_runtime import count_cores
from pellucid.run.native.compiler import find_compiler
from pellucid.run.native.errors import NotNative
from pellucid.show import this_machine
from pellucid.show.costs import roofline

compiled = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")


class SlowArray:
    """A result that is there after a delay, like that of an asynchronous call."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def block_until_ready(self) -> SlowArray:
        time.sleep(0.02)
        return self

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return self.value


def replace_product(monkeypatch: pytest.MonkeyPatch, change: Callable[[Any], Any]) -> None:
    """Make compiled functions return at once and store a changed product in the variable that they update."""

    def function(inputs: Any, updates: dict[Any, Any]) -> Callable[[], None]:
        [(target, product)] = updates.items()
        a, b = (e.storage for e in product.inputs)
        return lambda: setattr(target, "storage", change(a @ b))

    monkeypatch.setattr(machine_rates, "function", function)


def test_the_product_is_timed_until_its_result_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_rates, "MATRIX_ROWS", 8)
    assert machine_rates.measure_product_rate() > 2 * 8**3 / 0.02
    replace_product(monkeypatch, SlowArray)
    assert 0 < machine_rates.measure_product_rate() <= 2 * 8**3 / 0.02


def test_a_wrong_product_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_rates, "MATRIX_ROWS", 8)
    replace_product(monkeypatch, lambda product: 1.001 * product)
    with pytest.raises(RuntimeError, match=r"The matrix product that is timed is wrong by 0\.001 of its largest"):
        machine_rates.measure_product_rate()


@compiled
def test_multiply_adds_run_on_every_core(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds, runs = 0.5, []

    def measure(work: Callable[[], int], rounds: int) -> float:
        runs.append(work())
        return seconds

    monkeypatch.setattr(machine_rates, "measure_fastest", measure)
    monkeypatch.setattr(machine_rates, "MULTIPLY_ADD_ROUNDS", 1000)
    one = machine_rates.measure_multiply_add_rate(1)
    assert one is not None
    assert one * seconds % (2 * 1000) == 0
    assert one * seconds / (2 * 1000) >= 4 * 12  # numbers of a vector, vectors
    assert machine_rates.measure_multiply_add_rate(3) == 3 * one
    assert runs == [one * seconds] * 4


def test_without_a_compiler_the_peaks_are_those_of_a_product(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(code: str) -> None:
        raise NotNative("there is no C compiler")

    monkeypatch.setattr(machine_rates, "load_library", refuse)
    monkeypatch.setattr(machine_rates, "measure_product_rate", lambda: 8e10)
    monkeypatch.setattr(machine_rates, "measure_memory_bandwidth", lambda cache_bytes: 2e10)
    monkeypatch.setattr(machine_rates, "measure_cache_bandwidth", lambda: 5e10)
    roofline.measure_core_peak.cache_clear()
    try:
        assert machine_rates.measure_multiply_add_rate(1) is None
        machine = this_machine.__wrapped__()
        assert (machine.rate, machine.peak, machine.core_peak) == (8e10, 8e10, 8e10 / count_cores())
        assert (machine.bandwidth, machine.cache_bandwidth) == (2e10, 5e10 * count_cores())
    finally:
        roofline.measure_core_peak.cache_clear()


def test_bandwidths_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_rates, "SUMMED_BYTES", (2**20, 2**20))
    monkeypatch.setattr(machine_rates, "measure_fastest", lambda work: (work(), 0.5)[1])
    size = 2**20 // (12 * count_cores())
    assert machine_rates.measure_memory_bandwidth(0) == 12 * size * count_cores() / 0.5
    assert machine_rates.measure_device_bandwidth() == 3 * 4 * (2**20 // 12) / 0.5
    assert machine_rates.measure_cache_bandwidth() == 200 * 12 * 2**14 / 0.5


def test_the_size_of_the_last_level_cache(tmp_path: Path) -> None:
    assert machine_rates.find_cache_bytes(tmp_path / "missing") == 0
    for number, size in enumerate(["48K", "2048K", "32M", "", "many"]):
        (tmp_path / f"index{number}").mkdir()
        (tmp_path / f"index{number}" / "size").write_text(f"{size}\n")
    assert machine_rates.find_cache_bytes(tmp_path) == 32 * 2**20


def test_the_first_run_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(machine_rates, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    durations = iter([1.0, 4.0, 3.0, 5.0])
    assert machine_rates.measure_fastest(lambda: clock.append(clock.pop() + next(durations)), rounds=3) == 3


@pytest.mark.slow
def test_this_machine_is_plausible() -> None:
    machine = this_machine()
    assert 1e8 < machine.core_peak <= 1.05 * machine.peak
    assert machine.rate <= machine.peak
    assert machine.cores == count_cores()
    assert np.isfinite([machine.bandwidth, machine.cache_bandwidth]).all()
