"""Batched training of trials: one program whose variables hold the values of all trials of a batch."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, Input, Shared
from pellucid.run.device_selection import DEFAULT_PLACEMENT, Placement
from pellucid.run.epoch_loop import run_epochs, start_compilation, step_once
from pellucid.run.function import Function
from pellucid.run.interrupts import DeferSigint, Interrupted
from pellucid.run.jax_runtime import count_cores
from pellucid.run.vmap import vmap
from pellucid.training.array_source import ArrayDataset, get_epoch_order
from pellucid.training.epoch_program import ArrayEpochProgram, BatchEpochProgram, ChunkSizer
from pellucid.training.loop_progress import MetricAccumulator, StepMetric
from pellucid.training.sweeps.batching import TrialBatch
from pellucid.typing import Array, DTypeLike

Outputs = dict[str, Array]
Curves = dict[str, Array]

ORDER_BYTES = 2**27
"""Memory for sample orders that are cached between the batches of a sweep."""

INDEX_BYTES = 2**25
"""Memory for the sample indices of one call of a program."""


def cache_orders(samples: int) -> Callable[..., Array]:
    """Return `get_epoch_order` with a cache for orders of this many samples."""
    return functools.lru_cache(max(1, ORDER_BYTES // (4 * samples)))(get_epoch_order)


def compile_trainers(trainers: Iterable[BatchedTrainer]) -> Generator[BatchedTrainer, None, None]:
    """Yield each trainer once its programs are compiled, after all trainers are made.

    Programs are compiled in parallel, while later trainers are made and earlier ones train. Sample orders are computed
    before the first one is ready, up to the cache size.
    """
    pool = ThreadPoolExecutor(count_cores())
    try:
        pending = [(each, [pool.submit(finish) for finish in each.pending_compilations]) for each in trainers]
        for trainer in (t for t, _ in pending if t.batch_size < t.samples_per_trial):
            bytes_per_epoch = 4 * trainer.samples_per_trial * len(trainer.seeds) * len(pending)
            for epoch in range(min(trainer.epochs, ORDER_BYTES // bytes_per_epoch)):
                if all(future.done() for future in pending[0][1]):
                    break
                trainer.get_seed_orders(epoch)
        for trainer, futures in pending:
            for future in futures:
                future.result()
            yield trainer
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C, drop compilations that have not started


class BatchedTrainer:
    """Values of the trials of a batch, and the programs that train and evaluate them.

    ``get_order`` is `get_epoch_order`, or a cached version for batches whose trials have the same seeds. Each of the
    ``pending_compilations`` finishes the compilation of one program; see `compile_trainers`.
    """

    batch: TrialBatch
    chunk_sizer: ChunkSizer
    epochs: int
    full_batches: int
    remainder: int
    shuffle: bool
    values: dict[Shared, Shared]

    def __init__(
        self,
        batch: TrialBatch,
        validation: ArrayDataset | None,
        batch_size: int,
        epochs: int,
        shuffle: bool,
        placement: Placement = DEFAULT_PLACEMENT,
        get_order: Callable[..., Array] = get_epoch_order,
        initial_epoch: int = 0,
    ) -> None:
        self.batch, self.epochs, self.shuffle, self.placement = batch, epochs, shuffle, placement
        self.get_order, self.initial_epoch = get_order, initial_epoch
        self.samples: ArrayDataset = batch.trials[0].samples
        self.values, self.chunk_sizer = stack_trial_values(batch), ChunkSizer()
        rows = [trial.rows for trial in batch.trials if trial.rows is not None]
        self.rows: Array | None = np.stack(rows) if rows else None
        self.samples_per_trial: int = len(batch.trials[0])
        self.seeds: list[int] = list(dict.fromkeys(trial.seed for trial in batch.trials))
        self.batch_size: int = min(batch_size, self.samples_per_trial)
        self.full_batches, self.remainder = divmod(self.samples_per_trial, self.batch_size)
        self.evaluation_batch_size: int = 0 if validation is None else min(batch_size, len(validation))
        self.pending_compilations: list[Callable[[], None]] = []
        is_full_batch = self.samples_per_trial == self.batch_size
        self.run_epochs = self.make_full_batch_program() if is_full_batch else self.make_mini_batch_program()
        self.evaluate = None if validation is None else self.make_evaluation_program(validation)

    def train(self, on_epoch: Callable[[int], None]) -> tuple[Curves, float]:
        """Train all epochs, and return curves of shape (trials, epochs) and the time in seconds."""
        start = time.perf_counter()
        epochs_per_call = 1 if self.evaluate is not None else self.epochs_per_call
        sizes = np.array([self.batch_size] * self.full_batches + [self.remainder] * bool(self.remainder))
        parts: list[Curves] = []
        for first in range(0, self.epochs, epochs_per_call):
            count = min(epochs_per_call, self.epochs - first)
            try:
                outputs = self.run_epochs(
                    first, count, lambda steps, first=first: on_epoch(first + steps // self.full_batches)
                )
            except Interrupted as stop:
                raise self.add_curves(stop, sizes, parts) from None
            parts.append(self.compute_metrics(outputs, sizes, count, training=True))
            if self.evaluate is not None:
                parts[-1] |= {f"val_{name}": values for name, values in self.evaluate().items()}
        return concatenate(parts, axis=1), time.perf_counter() - start

    def add_curves(self, stop: Interrupted, sizes: Array, parts: list[Curves]) -> Interrupted:
        """Return the interruption with the curves of all complete epochs."""
        epochs = stop.steps // len(sizes)
        if epochs:
            complete = {name: values[: epochs * len(sizes)] for name, values in stop.history.items()}
            parts.append(self.compute_metrics(complete, sizes, epochs, training=True))
        return Interrupted(concatenate(parts, axis=1) if parts else None, stop.steps)

    @property
    def epochs_per_call(self) -> int:
        """Epochs in one call of a program: all for full batches, or as many as the memory for indices allows."""
        if self.samples_per_trial == self.batch_size:
            return self.epochs
        return max(1, INDEX_BYTES // (len(self.batch.trials) * self.samples_per_trial * 4))

    def make_full_batch_program(self) -> Callable[..., Outputs]:
        """Return a function that runs epochs of one step on all samples, whose order makes no difference."""
        arrays = self.samples.arrays
        program = BatchEpochProgram(
            self.batch.training,
            self.batch.updates,
            {e: a.dtype for e, a in zip(self.batch.inputs, arrays, strict=True)},
            self.placement,
        )
        leaves = get_batched_leaves(program.function, self.values)
        if self.rows is not None:
            leaves |= {i: Input(i.name, ("trials", *i.shape), i.dtype) for i in program.function.program.inputs}
            arrays = [a[self.rows] for a in arrays]
        f = vmap(program.function, leaves)

        def run(first: int, epochs: int, on_step: Callable[[int], None]) -> Outputs:
            outputs: Outputs = f.repeat(epochs, *arrays, progress=lambda done, *_: on_step(done))
            return outputs

        self.pending_compilations += [start_compilation(f, arrays, walk=False)]
        return run

    def make_mini_batch_program(self) -> Callable[..., Outputs]:
        """Return a function that runs epochs of mini-batches, in a separate order for each trial."""
        arrays = self.samples.arrays
        data = dict(zip(self.batch.inputs, arrays, strict=True))
        program = ArrayEpochProgram(self.batch.training, self.batch.updates, data, self.placement)
        (index,) = program.function.program.inputs
        indices = Input("indices", ("trials", *index.shape), index.dtype)
        f = vmap(program.function, {**get_batched_leaves(program.function, self.values), index: indices})
        program.set_arrays(arrays)

        def run(first: int, epochs: int, on_step: Callable[[int], None]) -> Outputs:
            if self.remainder:
                return self.run_with_remainder(f, first, epochs, on_step)
            batches = self.to_full_batches(self.get_orders(first, epochs))
            outputs: Outputs = f.over(batches, progress=lambda done, *_: on_step(done))
            return outputs

        for size in [self.batch_size, *[self.remainder] * bool(self.remainder)]:
            example = np.zeros((1, len(self.batch.trials), size), np.int32)
            self.pending_compilations.append(start_compilation(f, [example], walk=True))
        return run

    def to_full_batches(self, orders: Array) -> Array:
        """Return the indices of all full mini-batches: shape (steps, trials, batch)."""
        batches = orders[:, :, : self.full_batches * self.batch_size].reshape(len(orders), -1, self.batch_size)
        return batches.swapaxes(0, 1)

    def run_with_remainder(self, f: Function, first: int, epochs: int, on_step: Callable[[int], None]) -> Outputs:
        """Run epochs that end with a smaller mini-batch."""
        parts: list[Outputs] = []
        done = 0
        try:
            for start, count in self.chunk_sizer.chunks(epochs):
                orders = self.get_orders(first + start, count)
                last_batches = orders[:, :, -self.remainder :].swapaxes(0, 1)
                with DeferSigint():  # Ctrl-C must not come between training and recording the outputs
                    parts.append(run_epochs(f, [self.to_full_batches(orders)], [last_batches], count))
                    done += count
                on_step(done * self.full_batches)
        except KeyboardInterrupt:
            steps = done * (self.full_batches + 1)
            raise Interrupted(concatenate(parts, axis=0) if parts else None, steps) from None
        return concatenate(parts, axis=0)

    def get_orders(self, first: int, epochs: int) -> Array:
        """Return the sample order of each trial in some epochs: shape (trials, epochs, samples)."""
        by_seed = np.stack([self.get_seed_orders(first + epoch) for epoch in range(epochs)], axis=1)
        orders = np.empty((len(self.batch.trials), epochs, self.samples_per_trial), np.int32)
        for number, trial in enumerate(self.batch.trials):
            order = by_seed[self.seeds.index(trial.seed)]
            orders[number] = order if trial.rows is None else trial.rows[order]
        return orders

    def get_seed_orders(self, epoch: int) -> Array:
        """Return the sample order of each seed in an epoch: shape (seeds, samples)."""
        number = self.initial_epoch + epoch
        orders = [self.get_order(seed, number, self.samples_per_trial, self.shuffle) for seed in self.seeds]
        return np.concatenate(orders).reshape(len(orders), self.samples_per_trial)

    def make_evaluation_program(self, samples: ArrayDataset) -> Callable[[], Curves]:
        """Return a function that evaluates all trials on samples."""
        data = dict(zip(self.batch.inputs, samples.arrays, strict=True))
        program = ArrayEpochProgram(self.batch.evaluation, {}, data, self.placement)
        f = vmap(program.function, get_batched_leaves(program.function, self.values))
        program.set_arrays(samples.arrays)
        size = self.evaluation_batch_size
        full_batches, remainder = divmod(len(samples), size)
        indices = np.arange(len(samples), dtype=np.int32)
        sizes = np.array([size] * full_batches + [remainder] * bool(remainder))

        def evaluate() -> Curves:
            outputs: Outputs = f.over(indices[: full_batches * size].reshape(full_batches, size))
            if remainder:
                last = step_once(f, indices[-remainder:])
                outputs = {name: np.concatenate([values, last[name][None]]) for name, values in outputs.items()}
            return self.compute_metrics(outputs, sizes, 1, training=False)

        for each in dict.fromkeys(sizes.tolist()):
            self.pending_compilations.append(start_compilation(f, [indices[None, :each]], walk=True))
        return evaluate

    def compute_metrics(self, outputs: Outputs, sizes: Array, epochs: int, training: bool) -> Curves:
        """Return the metrics of whole epochs from the outputs of their steps, as curves of shape (trials, epochs)."""
        metrics: dict[str, StepMetric] = self.batch.graphs[0].train_step.get_metrics(training)
        column = np.tile(sizes, epochs)[:, None]  # the outputs have an axis for the trials
        totals = MetricAccumulator(metrics).sum_epochs(outputs, column, len(sizes))
        curves: Curves = {}
        for name, metric in metrics.items():
            if metric.result is None:
                curves[name] = (totals[name] / sizes.sum()).T
            else:
                curves[name] = self.compute_from_totals(name, totals, epochs, training)
        return curves

    def compute_from_totals(self, name: str, totals: Outputs, epochs: int, training: bool) -> Array:
        """Return a metric that is a function of totals, for each trial and epoch."""
        rows = []
        for number, graph in enumerate(self.batch.graphs):
            metric = graph.train_step.get_metrics(training)[name]
            values = [{key: totals[key][epoch, number] for key in metric.outputs} for epoch in range(epochs)]
            rows.append([metric.compute(each, 1.0) for each in values])
        return np.array(rows)

    def update_models(self) -> None:
        """Set the parameters of the models, and the state of their optimizers, to the trained values."""
        for variable, values in self.values.items():
            self.batch.update_models(variable, values.get_value())


def stack_trial_values(batch: TrialBatch) -> dict[Shared, Shared]:
    """Return, for each leaf of the merged graph, a variable with the values of all trials."""
    return {v: Shared(batch.batcher.stack_values(v), v.name, trainable=False) for v in batch.variables}


def get_batched_leaves(f: Function, values: Mapping[Shared, Shared]) -> dict[Expr, Any]:
    """Return the leaves of a function that have a value for each trial."""
    used: set[Expr] = {*f.program.updates, *f.program.read}
    return {leaf: each for leaf, each in values.items() if leaf in used}


def concatenate(parts: list[Outputs], axis: int) -> Outputs:
    """Concatenate arrays by name; one that a part lacks ends with the last part that has it."""
    return {name: np.concatenate([part[name] for part in parts if name in part], axis) for name in parts[0]}


def make_predictor(batch: TrialBatch, dtypes: Sequence[DTypeLike]) -> Function:
    """Return a function from samples to the predictions of all trials with their current values."""
    outputs = {str(i): e for i, e in enumerate(batch.predictions)}
    input_dtypes = dict(zip(batch.inputs[: len(dtypes)], dtypes, strict=True))
    f = BatchEpochProgram(outputs, {}, input_dtypes).function
    return vmap(f, get_batched_leaves(f, stack_trial_values(batch)))
