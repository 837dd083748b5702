"""The line of rates after `fit` with verbose=2."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.graph.errors import ShapeError
from pellucid.run.native.compiler import find_compiler
from pellucid.show.costs.roofline import Machine, Work
from pellucid.training import step_rate
from pellucid.training.step_rate import StepMeter

MACHINE = Machine(1e11, 1e10, peak=1e12, core_peak=1e11, cache_bandwidth=1e11, cache_bytes=2**20, cores=2)
XLA = ["XLA: JAX"]


class Clock:
    """Replaces the module `time`; its time passes only in `sleep`."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def perf_counter(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class FakeSource:
    """Steps of 1,000 operations and 10 bytes per sample."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.backend = SimpleNamespace(compile_seconds=0.0)
        self.program: Any = SimpleNamespace(function=SimpleNamespace(backend=self.backend), count_work=self.count_work)

    def count_work(self, batch_size: int) -> Work:
        return Work(1000 * batch_size, 10 * batch_size, 2**30)

    def run(self) -> Iterator[Any]:
        """Yield chunks, of which the first and the third are compiled."""
        for sizes, compiled in (([8], 0.5), ([8, 8], 0.0), ([8, 4], 0.25), ([8, 4], 0.0)):
            self.backend.compile_seconds += compiled
            self.clock.sleep(0.25)
            yield {}, np.array(sizes)


@pytest.fixture(autouse=True)
def known_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_rate, "this_machine", lambda: MACHINE)
    monkeypatch.setattr(step_rate, "measure_core_peak", lambda: MACHINE.core_peak)


def test_chunks_that_are_compiled_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(step_rate, "time", clock)
    source: Any = FakeSource(clock)
    meter = StepMeter(source)
    for _ in meter.measure(source.run()):
        clock.sleep(2.0)  # the time of the display and of callbacks does not count
    assert meter.steps == {8: 3, 4: 1}
    assert meter.seconds == 0.5
    reached = meter.get_utilization(XLA)
    assert reached == (28_000 / 0.5, 28_000 / 0.5 / 1e12, 280 / 0.5, 280 / 0.5 / 1e10)


def test_a_program_of_an_earlier_run_counts_at_once() -> None:
    source: Any = FakeSource()
    source.backend.compile_seconds = 3.0
    meter = StepMeter(source)
    meter.add([8], 0.25)
    assert (meter.steps, meter.seconds) == ({8: 1}, 0.25)


def test_there_are_no_rates_without_measured_steps_or_sizes() -> None:
    source: Any = FakeSource()
    meter = StepMeter(source)
    assert meter.get_utilization(XLA) is None
    meter.add([8], 0.25)

    def refuse(batch_size: int) -> Work:
        raise ShapeError("unknown size")

    source.program.count_work = refuse
    assert meter.get_utilization(XLA) is None


def test_c_loops_are_compared_with_one_core() -> None:
    source: Any = FakeSource()
    meter = StepMeter(source)
    meter.add([8], 0.5)
    assert meter.get_utilization(["C loops: gcc"]) == (16_000, 16_000 / 1e11, None, None)
    mixed = meter.get_utilization(["C loops: gcc", *XLA])
    assert mixed is not None
    assert mixed.bytes_rate == 160


def make_model(units: int = 3) -> pel.Sequential:
    model = pel.Sequential([nn.Input((4,)), nn.Dense(units, activation="tanh"), nn.Dense(2, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


X, Y = np.ones((80, 4), "float32"), np.zeros(80, "int32")
LINE = re.compile(r"Training steps: \S+ GFLOP/s, \S+% of the peak( of one core|; \S+ GB/s, \S+%)")


@pytest.mark.parametrize("kind", ["arrays", "all at once", "files", "batches"])
def test_every_kind_of_data_ends_with_a_line(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x: Any = X
    if kind == "files":
        np.save(tmp_path / "x.npy", X)
        x = np.load(tmp_path / "x.npy", mmap_mode="r")
    model = make_model()
    if kind == "batches":
        model.fit([(X[:16], Y[:16])] * 5, epochs=3, verbose=2)
    else:
        model.fit(x, Y, batch_size=80 if kind == "all at once" else 16, epochs=3, verbose=2)
    *epochs, last = capsys.readouterr().out.splitlines()
    assert [line[:9] for line in epochs] == ["Epoch 1/3", "Epoch 2/3", "Epoch 3/3"]
    assert LINE.fullmatch(last)


@pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")
def test_small_networks_are_c(capsys: pytest.CaptureFixture[str]) -> None:
    make_model().fit(X, Y, batch_size=16, epochs=3, verbose=2)
    assert capsys.readouterr().out.splitlines()[-1].endswith("% of the peak of one core")


@pytest.mark.parametrize("batch_size", [16, 80])
def test_the_operations_of_a_step_are_those_of_the_graph(batch_size: int) -> None:
    model = make_model(100)
    model.fit(X, Y, batch_size=batch_size)
    [step] = model.train_steps.values()
    [program] = step.programs.values()
    work = program.count_work(batch_size)
    products = 2 * batch_size * (2 * 4 * 100 + 3 * 100 * 2)  # the input has no gradient
    tanh = 22 * batch_size * 100  # and its derivative
    assert products + tanh < work.operations < 1.25 * (products + tanh)
    weights, batch = 2 * 4 * (4 * 100 + 100 * 3 + 2), 4 * batch_size * 4
    assert weights + batch < work.working_set < work.moved


def test_other_displays_measure_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("nothing may be measured")

    monkeypatch.setattr(step_rate, "StepMeter", refuse)
    for verbose in (0, 1, "auto"):
        make_model().fit(X, Y, batch_size=16, epochs=2, verbose=verbose)  # type: ignore[arg-type]
    assert "GFLOP" not in capsys.readouterr().out
