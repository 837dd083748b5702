"""Report of the speed of a model: times, samples per second, memory, and the comparison with other frameworks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pellucid.graph.printing import format_duration
from pellucid.inspect.cross_framework.peer_speed import PeerSpeed
from pellucid.inspect.first_step import FirstCalls
from pellucid.inspect.layer_timing import TimeSpread
from pellucid.run.jax_runtime import count_cores
from pellucid.run.machine_report import format_bytes
from pellucid.show.pages.text_table import align_cells

TRAINING_PASSES = 3
"""The backward pass has about twice the operations of the forward pass."""

NOTICEABLE_BYTES = 2**28
"""Growth of the memory with the batch size, above which the memory of a sample is measured instead of estimated."""

BUSY_FRACTION = 0.5
"""Load average, as a fraction of the number of cores, above which other programs affect the times."""

USEFUL_FRACTION = 0.9
"""A batch size is worth using if its speed has this fraction of the best."""


class Latency(NamedTuple):
    """Seconds of a prediction for one sample: median, 95th percentile, and number of measurements."""

    median: float
    slow: float
    calls: int


@dataclass(frozen=True)
class BatchSpeed:
    """Seconds per training step and per prediction of a batch, and the peak memory of the process after both."""

    batch_size: int
    step: TimeSpread | None
    prediction: TimeSpread
    peak_bytes: int | None

    @property
    def training_rate(self) -> float | None:
        """Samples per second in training."""
        return None if self.step is None else self.batch_size / self.step.median

    @property
    def prediction_rate(self) -> float:
        """Samples per second in prediction."""
        return self.batch_size / self.prediction.median

    def to_json(self) -> dict[str, Any]:
        return {
            "batch_size": self.batch_size,
            "training_step": self.step._asdict() if self.step else None,
            "training_samples_per_second": self.training_rate,
            "prediction": self.prediction._asdict(),
            "prediction_samples_per_second": self.prediction_rate,
            "peak_bytes": self.peak_bytes,
        }


@dataclass(frozen=True)
class ModelBenchmark:
    """Speed of a model.

    Attributes
    ----------
    title : str
        Class and name of the model.
    parameters : int
        Number of weights.
    operations : int or None
        Arithmetic operations of the forward pass for a sample.
    cold, warm : FirstCalls
        First calls of a process that compiles, and of one that reads the compilation cache.
    latency : Latency
        Prediction for one sample, from NumPy to NumPy.
    speeds : list of BatchSpeed
        Speed by batch size, in ascending order.
    skipped_sizes : list of int
        Batch sizes for which the time was too short.
    training_backends, prediction_backends : list of str
        What computed the training and the predictions.
    peers : list of PeerSpeed
        The same network in other frameworks.
    available_bytes : int or None
        Memory that was free before.
    estimated_bytes : int
        Memory of a sample in training, estimated from the outputs of the layers.
    load : float or None
        Average number of running processes in the minute before.
    """

    title: str
    parameters: int
    operations: int | None
    cold: FirstCalls
    warm: FirstCalls
    latency: Latency
    speeds: list[BatchSpeed]
    skipped_sizes: list[int]
    training_backends: list[str]
    prediction_backends: list[str]
    available_bytes: int | None
    estimated_bytes: int
    load: float | None
    peers: list[PeerSpeed] = field(default_factory=list)

    @property
    def training_flops(self) -> float | None:
        """Operations per second of the fastest training, with a backward pass of twice the forward pass."""
        rates = [each.training_rate for each in self.speeds if each.training_rate is not None]
        return max(rates) * TRAINING_PASSES * self.operations if rates and self.operations else None

    @property
    def prediction_flops(self) -> float | None:
        """Operations per second of the fastest prediction."""
        return max(each.prediction_rate for each in self.speeds) * self.operations if self.operations else None

    @property
    def measured_bytes(self) -> int | None:
        """Memory by which the process grew for a sample; None if it grew too little to tell."""
        first, last = self.speeds[0], self.speeds[-1]
        if first.peak_bytes is None or last.peak_bytes is None:
            return None
        growth = last.peak_bytes - first.peak_bytes
        return growth // (last.batch_size - first.batch_size) if growth >= NOTICEABLE_BYTES else None

    @property
    def sample_bytes(self) -> int:
        """Memory that a further sample of a batch takes."""
        return self.measured_bytes or self.estimated_bytes

    @property
    def largest_batch(self) -> int | None:
        """Estimate of the largest batch that fits into the memory that was free."""
        return None if self.available_bytes is None else self.available_bytes // max(self.sample_bytes, 1)

    def find_useful_size(self, get_rate: Callable[[BatchSpeed], float | None]) -> int | None:
        """Return the smallest batch size that is nearly as fast as the best."""
        rates = {each.batch_size: rate for each in self.speeds if (rate := get_rate(each)) is not None}
        return next((size for size, rate in rates.items() if rate >= USEFUL_FRACTION * max(rates.values())), None)

    def to_json(self) -> dict[str, Any]:
        """Return all numbers; times are in seconds."""
        return {
            "model": self.title,
            "parameters": self.parameters,
            "operations_per_sample": self.operations,
            "multiply_adds_per_sample": None if self.operations is None else self.operations // 2,
            "start": {"cold": self.cold.start, "warm": self.warm.start},
            "first_step": {"cold": self.cold.step, "warm": self.warm.step},
            "first_prediction": {"cold": self.cold.prediction, "warm": self.warm.prediction},
            "latency": {"median": self.latency.median, "percentile_95": self.latency.slow, "calls": self.latency.calls},
            "batch_sizes": [each.to_json() for each in self.speeds],
            "skipped_batch_sizes": self.skipped_sizes,
            "training_operations_per_second": self.training_flops,
            "prediction_operations_per_second": self.prediction_flops,
            "peak_bytes": self.speeds[-1].peak_bytes,
            "bytes_per_sample": self.sample_bytes,
            "largest_batch_estimate": self.largest_batch,
            "load_average": self.load,
            "backends": {"training": self.training_backends, "prediction": self.prediction_backends},
            "peers": [each.to_json() for each in self.peers],
        }

    def __str__(self) -> str:
        return "\n".join(
            [
                self.format_size(),
                "",
                *self.format_first_calls(),
                f"prediction for one sample: median {format_duration(self.latency.median)}, 95% within "
                f"{format_duration(self.latency.slow)} ({self.latency.calls:,} calls)",
                "",
                *self.format_table(),
                "",
                *self.format_advice(),
                *self.format_load(),
                *(f"training by    {name}" for name in self.training_backends),
                *(f"prediction by  {name}" for name in self.prediction_backends),
                *self.format_peers(),
            ]
        )

    def format_size(self) -> str:
        operations = f", {self.operations // 2:,} multiply-adds per sample" if self.operations is not None else ""
        return f"{self.title}: {self.parameters:,} weights{operations}"

    def format_first_calls(self) -> list[str]:
        """Return the times of the first calls as a table."""
        cells = [["first call of a process", "compiled (cold)", "from the cache (warm)"]]
        for name, cold, warm in (
            ("imports and start of XLA", self.cold.start, self.warm.start),
            ("training step", self.cold.step, self.warm.step),
            ("prediction", self.cold.prediction, self.warm.prediction),
        ):
            if cold is not None and warm is not None:
                cells.append([name, format_duration(cold), format_duration(warm)])
        return align_cells(cells)

    def format_table(self) -> list[str]:
        """Return a line for each batch size."""
        cells = [["batch size", "training step", "samples/s", "prediction", "samples/s", "peak memory"]]
        for each in self.speeds:
            rate = each.training_rate
            cells.append(
                [
                    f"{each.batch_size:,}",
                    each.step.text if each.step else "-",
                    "-" if rate is None else f"{rate:,.0f}",
                    each.prediction.text,
                    f"{each.prediction_rate:,.0f}",
                    format_bytes(each.peak_bytes),
                ]
            )
        return align_cells(cells)

    def format_advice(self) -> list[str]:
        """Return the useful batch sizes, the largest one, and the speed in operations per second."""
        lines = []
        training = self.find_useful_size(lambda each: each.training_rate)
        prediction = self.find_useful_size(lambda each: each.prediction_rate)
        if training is not None:
            lines.append(f"Training reaches {USEFUL_FRACTION:.0%} of its best speed at batch size {training:,}.")
        lines.append(f"Prediction reaches {USEFUL_FRACTION:.0%} of its best speed at batch size {prediction:,}.")
        if self.largest_batch is not None:
            source = "measured" if self.measured_bytes else "estimated from the outputs of the layers"
            lines.append(
                f"A sample of a batch takes about {self.sample_bytes / 1e6:,.3g} MB ({source}): about "
                f"{self.largest_batch:,} fit into the {format_bytes(self.available_bytes)} that were free."
            )
        if self.skipped_sizes:
            sizes = ", ".join(f"{size:,}" for size in self.skipped_sizes)
            lines.append(f"Not measured: batch size {sizes}. Give more time with --seconds.")
        flops = [
            f"{count / 1e9:,.3g} GFLOP/s in {name}"
            for name, count in (("training", self.training_flops), ("prediction", self.prediction_flops))
            if count is not None
        ]
        if flops:
            lines.append(f"At best {' and '.join(flops)}; a training step counts as {TRAINING_PASSES} forward passes.")
        return lines

    def format_load(self) -> list[str]:
        """Return a warning if other programs were running."""
        cores = count_cores()
        if self.load is None or self.load <= BUSY_FRACTION * cores:
            return []
        return [
            f"Other programs were running: load average {self.load:.1f} on {pluralize_cores(cores)}. Times are longer "
            "than on a quiet machine, most of all where threads wait for each other."
        ]

    def format_peers(self) -> list[str]:
        """Return the comparison with other frameworks."""
        if not self.peers:
            return []
        cells = [["", "batch size", "training step", "prediction", "largest difference"]]
        for each in self.peers:
            cells += [
                [each.title, f"{size:,}", *each.format_times(size), each.format_difference()] for size in each.sizes
            ]
        skipped = [f"{each.title}: skipped, {each.skipped}" for each in self.peers if each.skipped]
        note = "The same weights and batches, without dropout; training by SGD. Seconds per batch, measured in turn."
        return ["", *(align_cells(cells) if len(cells) > 1 else []), note, *skipped]


def pluralize_cores(count: int) -> str:
    return f"{count} core{'s' * (count != 1)}"
