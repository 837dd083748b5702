"""Speed of a model on this machine: time to the first step, training and prediction by batch size, latency, memory."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.inspect.benchmark_report import BatchSpeed, Latency, ModelBenchmark
from pellucid.inspect.cross_framework.peer_speed import keep_weights
from pellucid.inspect.equivalence.check import draw_batch
from pellucid.inspect.first_step import time_first_calls
from pellucid.inspect.layer_timing import (
    Advance,
    check_sizes,
    has_loss,
    make_measurement,
    make_repeated_measurement,
    make_step,
    summarize,
)
from pellucid.inspect.layer_trace import trace_training
from pellucid.model.model import Model
from pellucid.model.summary import count_operations, count_parameters
from pellucid.run.backends import record_backends
from pellucid.run.function import Function
from pellucid.run.machine_report import read_memory_field
from pellucid.run.profile import MINIMUM_ROUNDS, measure_in_turn, measure_run, takes_longer
from pellucid.typing import Array

BATCH_SIZES = (1, 8, 32, 128, 512)
LATENCY_SHARE, MAXIMUM_LATENCIES = 0.2, 5000
"""Fraction of the time for the latency of one sample, and most of its measurements."""

KEPT_COPIES = 2
"""Training keeps the output of each layer for the backward pass, and computes its gradient."""


def benchmark_model(
    model: Model,
    batch_sizes: Sequence[int] = BATCH_SIZES,
    seconds: float = 10.0,
    *,
    advance: Advance = lambda part: None,
) -> ModelBenchmark:
    """Measure how fast a model trains and predicts; the model keeps its weights.

    Batches are random. Measurements of all batch sizes take turns, so that a slow phase of the machine does not affect
    one of them alone. Every measurement waits for the results.

    Parameters
    ----------
    model : Model
        A built model. Without a loss, only predictions are measured.
    batch_sizes : sequence of int
        Samples per batch, in ascending order.
    seconds : float
        Time for the measurements, without compilation and the two processes that measure first calls. Batch sizes that
        take too long are left out, but not the first.
    advance : function
        Called with the name of each part before it is measured: first calls, latency, each batch size, rounds.

    Raises
    ------
    ModelError
        If the model is not built, or an input has an unknown size.
    """
    _ = model.functional_graph  # raises an error if the model is not built
    check_sizes(model)
    available, load = read_memory_field("MemAvailable"), read_load()
    advance("first calls")
    cold, warm = time_first_calls(model, batch_sizes[0])
    prediction_backends: list[str] = []
    training_backends: list[str] = []
    with keep_weights(model):
        programs = ModelPrograms(model)
        advance("latency")
        with record_backends(prediction_backends):
            latency = time_latency(programs, LATENCY_SHARE * seconds)
        speeds, skipped = time_batches(
            programs, batch_sizes, (1 - LATENCY_SHARE) * seconds, training_backends, prediction_backends, advance
        )
    counted = count_operations(model)
    known = [count for count in counted if count is not None]
    return ModelBenchmark(
        f"{type(model).__name__} {model.name}",
        count_parameters(set(model.parameters)),
        sum(known) if len(known) == len(counted) else None,
        cold,
        warm,
        latency,
        speeds,
        skipped,
        training_backends,
        prediction_backends,
        available,
        estimate_sample_bytes(model),
        load,
    )


def estimate_sample_bytes(model: Model) -> int:
    """Return the bytes of a sample and of the outputs of all layers for it, with their gradients.

    Examples
    --------
    >>> from pellucid import nn
    >>> estimate_sample_bytes(pel.Sequential([nn.Input((2,)), nn.Dense(3)]))  # float32
    32
    """
    outputs = [e for node in model.functional_graph.nodes for e in node.outputs]

    def count(e: Expr) -> int:
        return math.prod(size for size in e.shape[1:] if isinstance(size, int)) * e.dtype.itemsize

    return sum(map(count, model.inputs)) + KEPT_COPIES * sum(map(count, outputs))


class ModelPrograms:
    """The training step and the prediction of a model, for random batches."""

    def __init__(self, model: Model) -> None:
        self.model = model
        training = trace_training(model) if has_loss(model) else None
        self.targets = training.targets if training else []
        self.step: Function | None = make_step(training) if training and training.parameters else None

    def draw(self, size: int) -> list[Array]:
        """Return a batch: inputs, then targets."""
        return draw_batch(self.model.inputs, self.targets, self.model.outputs, np.random.default_rng(0), size)

    def predict(self, batch: Sequence[Array]) -> object:
        count = len(self.model.inputs)
        return self.model.predict_on_batch(batch[0] if count == 1 else list(batch[:count]))

    def train(self, batch: Sequence[Array], repetitions: int) -> object:
        """Run several steps in one call, as `fit` does."""
        assert self.step is not None
        return self.step.repeat(repetitions, *batch)


def time_latency(programs: ModelPrograms, seconds: float) -> Latency:
    """Measure single predictions of one sample."""
    batch = programs.draw(1)
    programs.predict(batch)
    found: list[float] = []
    end = time.perf_counter() + seconds
    while len(found) < MINIMUM_ROUNDS or (time.perf_counter() < end and len(found) < MAXIMUM_LATENCIES):
        found.append(measure_run(lambda: programs.predict(batch)))
    median, slow = np.quantile(found, [0.5, 0.95])
    return Latency(float(median), float(slow), len(found))


def time_batches(
    programs: ModelPrograms,
    sizes: Sequence[int],
    seconds: float,
    training_backends: list[str],
    prediction_backends: list[str],
    advance: Advance,
) -> tuple[list[BatchSpeed], list[int]]:
    """Measure steps and predictions of all batch sizes in turn; return them, and the sizes that would take too long."""
    measures: dict[tuple[int, str], Callable[[], float]] = {}
    peaks: dict[int, int | None] = {}
    each = seconds / (2 * len(sizes) * MINIMUM_ROUNDS)
    for position, size in enumerate(sizes):
        advance(f"batch size {size:,}")
        batch = programs.draw(size)
        with record_backends(prediction_backends):
            measures[size, "predict"] = make_measurement(partial(programs.predict, batch), each / 4)
        if programs.step is not None:
            with record_backends(training_backends):
                measures[size, "train"] = make_repeated_measurement(partial(programs.train, batch), each / 4)
        peaks[size] = read_peak_memory()
        following = sizes[position + 1] if position + 1 < len(sizes) else size
        limit = each * size / following
        if any(takes_longer(measure, limit) for (other, _), measure in measures.items() if other == size):
            break
    advance("rounds")
    found = measure_in_turn(measures, seconds / 2)
    spreads = {key: summarize(values) for key, values in found.items()}
    speeds = [
        BatchSpeed(size, spreads.get((size, "train")), spreads[size, "predict"], peak) for size, peak in peaks.items()
    ]
    return speeds, [size for size in sizes if size not in peaks]


def read_load() -> float | None:
    """Return the average number of running processes of the last minute; None on systems that do not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def read_peak_memory() -> int | None:
    """Return the largest memory that this process has had, in bytes; None on systems that do not tell."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
