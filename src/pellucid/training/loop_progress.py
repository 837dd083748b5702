"""Position of a training run, and the metrics of its current epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.typing import Array

MetricValue: TypeAlias = float | Array
"""Value of a metric; several numbers for a metric such as the score of each class."""


@dataclass(frozen=True)
class StepMetric:
    """A metric as outputs of a step that can be combined over batches."""

    outputs: dict[str, Expr]  # one mean over the batch, or the sums that a streaming metric keeps
    result: Callable[..., Any] | None = None  # from the sums over all batches to the metric; None for a mean

    def compute(self, totals: Mapping[str, Array], samples: float) -> MetricValue:
        """Return the metric from the totals over all batches."""
        if self.result is None:
            (total,) = (totals[key] for key in self.outputs)
            return float(total / samples)
        value = self.result(*(totals[key].astype(e.dtype) for key, e in self.outputs.items()))
        return float(value) if not np.ndim(value) else value


class MetricAccumulator:
    """Totals of metrics over the batches so far.

    They are summed in float64, one batch after the other. The result therefore does not depend on how many batches are
    added per call, and a resumed run has the same metrics as an uninterrupted one. Means are multiplied by the batch
    sizes.

    Examples
    --------
    >>> accumulator = MetricAccumulator({"loss": StepMetric({"loss": pel.scalar("x")})})
    >>> accumulator.add({"loss": np.array([1.0, 4.0])}, np.array([2, 1]))
    >>> accumulator.compute()
    {'loss': 2.0}
    """

    def __init__(self, metrics: Mapping[str, StepMetric]) -> None:
        self.metrics = metrics
        self.reset()

    def reset(self) -> None:
        self.totals: dict[str, Array] = {
            key: np.zeros(value.shape, np.float64)
            for metric in self.metrics.values()
            for key, value in metric.outputs.items()
        }
        self.samples: float = 0.0

    def add(self, outputs: Mapping[str, Array], batch_sizes: Array) -> None:
        """Add the outputs of several steps."""
        for key, values in self.weight_by_size(outputs, batch_sizes).items():
            values[0] += self.totals[key]
            self.totals[key] = np.add.accumulate(values)[-1]  # in order, which `sum` does not promise
        self.samples += float(batch_sizes.sum())

    def weight_by_size(self, outputs: Mapping[str, Array], batch_sizes: Array) -> dict[str, Array]:
        """Return the outputs in float64, with means multiplied by the batch sizes."""
        weighted = {}
        for metric in self.metrics.values():
            for key in metric.outputs:
                values = outputs[key].astype(np.float64)
                weighted[key] = values * batch_sizes if metric.result is None else values
        return weighted

    def sum_epochs(self, outputs: Mapping[str, Array], batch_sizes: Array, steps: int) -> dict[str, Array]:
        """Return the totals of each of several whole epochs, added step by step as `add` does."""
        return {
            key: np.add.accumulate(values.reshape(-1, steps, *values.shape[1:]), axis=1)[:, -1]
            for key, values in self.weight_by_size(outputs, batch_sizes).items()
        }

    def compute(self) -> dict[str, MetricValue]:
        return {name: metric.compute(self.totals, self.samples) for name, metric in self.metrics.items()}

    def compute_epochs(
        self, outputs: Mapping[str, Array], batch_sizes: Array, steps: int
    ) -> dict[str, Sequence[MetricValue] | Array]:
        """Return the metrics of several whole epochs, equal to those of `add` and `compute` epoch by epoch."""
        if steps == 1 and all(
            m.result is None and survives_scaling(outputs[k]) for m in self.metrics.values() for k in m.outputs
        ):
            return {name: outputs[name] for name in self.metrics}
        samples = batch_sizes.reshape(-1, steps).sum(1).astype(np.float64)
        totals = self.sum_epochs(outputs, batch_sizes, steps)
        results: dict[str, Sequence[MetricValue] | Array] = {}
        for name, metric in self.metrics.items():
            if metric.result is None:
                results[name] = totals[name] / samples
            else:
                parts = [{key: totals[key][i] for key in metric.outputs} for i in range(len(samples))]
                results[name] = [metric.compute(part, 1.0) for part in parts]
        return results

    def get_state(self) -> dict[str, Array]:
        return {"samples": np.array(self.samples), **{key: total.copy() for key, total in self.totals.items()}}

    def set_state(self, state: Mapping[str, Array]) -> None:
        self.samples = float(state["samples"])
        self.totals = {key: np.array(state[key], np.float64) for key in self.totals}


def survives_scaling(values: Array) -> bool:
    """Whether multiplying by a batch size and dividing again gives the same values: float64 has spare digits for it."""
    return bool(values.dtype.kind == "f" and values.dtype.itemsize <= 4)


def format_metric(value: Any) -> str:
    """Format a metric briefly, with more digits for small ones; several numbers in brackets.

    Examples
    --------
    >>> format_metric(0.5), format_metric(0.000012), format_metric(np.array([0.5, 1.0]))
    ('0.5000', '1.20e-05', '[0.5000 1.0000]')
    """
    if np.ndim(value):
        return f"[{' '.join(format_metric(v) for v in np.ravel(value))}]"
    return f"{value:{'.2e' if 0 < abs(value) < 1e-3 else '.4f'}}"


@dataclass
class LoopProgress:
    """Position of a run of `Model.fit`, between two steps.

    Together with the values of ``model.state()`` it determines the rest of the run bit by bit: the order of the samples
    is a function of seed and epoch, and every random number one of a stream's seed and step count. Set it in
    ``on_train_begin``, and training continues from there.

    Attributes
    ----------
    seed : int
        Seed of the sample orders.
    epoch : int
        Current epoch, from 0; the number of epochs once the run has finished.
    batch : int
        Number of batches finished in this epoch.
    step : int
        Number of steps since the model was compiled.
    metrics : MetricAccumulator
        Metrics of the batches of this epoch.
    """

    unsaved: ClassVar[Mapping[str, Callable[[], object]]] = {"metrics": lambda: MetricAccumulator({})}
    """What model files leave out: totals of an unfinished epoch."""

    seed: int
    epoch: int
    batch: int
    step: int
    metrics: MetricAccumulator

    @classmethod
    def at_start(cls) -> LoopProgress:
        """Return the position before any training."""
        return cls(0, 0, 0, 0, MetricAccumulator({}))

    def get_state(self) -> dict[str, Array]:
        """Return the position as arrays."""
        counters = {name: np.array(getattr(self, name), np.uint64) for name in ("seed", "epoch", "batch", "step")}
        return {**counters, **{f"metrics/{name}": value for name, value in self.metrics.get_state().items()}}

    def set_state(self, state: Mapping[str, Array]) -> None:
        """Continue from the result of `get_state`."""
        self.seed, self.epoch, self.batch, self.step = (int(state[n]) for n in ("seed", "epoch", "batch", "step"))
        prefix = "metrics/"
        self.metrics.set_state({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})
