"""Sweeps in worker processes: each batch of trials is a task of joblib, whose backend is local or a cluster.

A worker builds the models of a batch, gets their values from the calling process, and sends the trained ones back. It
runs the same program as the calling process would, with the same number of threads, so results are bit-identical.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
import uuid
import warnings
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from pellucid.errors import PellucidError
from pellucid.graph.errors import OptionError, UseError
from pellucid.graph.graph_batching import get_known_sizes
from pellucid.graph.validation import is_integer
from pellucid.optional_packages import require_packages
from pellucid.run.backends import record_backends
from pellucid.run.distributed.process_group import num_processes
from pellucid.training.sweeps.batched_trainer import BatchedTrainer, Curves, compile_trainers
from pellucid.training.sweeps.batching import TrialBatch, TrialGraph, count_elements, merge_trials
from pellucid.training.sweeps.trials import TrialBuilder, TrialChoice, prepare_validation
from pellucid.typing import Array, Devices

PROCESS = uuid.uuid4().hex
"""Identifies this process."""

ONE_BATCH = threading.Lock()
"""A worker with several threads trains one batch at a time: its program uses all cores."""


class WorkerError(PellucidError):
    """An error in a worker that cannot be sent to the calling process."""


@dataclass(frozen=True)
class TrainingSettings:
    """How all batches of a sweep are trained."""

    validation_data: Any
    batch_size: int
    epochs: int
    shuffle: bool
    initial_epoch: int


@dataclass(frozen=True)
class BatchTask:
    """A batch to train in a worker: how to build its trials, and the initial values of their variables."""

    number: int  # of the batch in the sweep
    builder: TrialBuilder
    choices: list[TrialChoice]
    training: TrainingSettings
    values: list[Array]
    threads: int | None  # of the worker; None for one per core
    process: str  # identifies the calling process


@dataclass(frozen=True)
class TrainedBatch:
    """Results of a batch, and the trained values of its variables."""

    number: int
    curves: Curves
    seconds: float
    backends: list[str]
    values: list[Array]


def count_workers(n_jobs: int | None, devices: Devices, batches: int) -> int:
    """Return the number of batches that are trained at the same time: 1 for training in this process.

    Without ``n_jobs`` it is that of the surrounding ``joblib.parallel_config``, or else 1.
    """
    if n_jobs is None and "joblib" not in sys.modules:
        return 1
    if n_jobs is not None and (not is_integer(n_jobs) or n_jobs == 0):
        raise OptionError(f"Expected n_jobs to be a number of processes, or -1 for one per core. Received: {n_jobs!r}")
    with require_packages("pel.sweep with n_jobs"):
        import cloudpickle  # noqa: F401
        import joblib
    jobs = int(joblib.effective_n_jobs(n_jobs))
    if n_jobs is not None and (devices is not None or num_processes() > 1):
        raise OptionError(
            "sweep: n_jobs and devices cannot be combined. Expected n_jobs for worker processes, or devices (all after "
            f"pel.distribution.initialize) to divide the trials of each program. Received: n_jobs={n_jobs!r}, "
            f"devices={devices!r}"
        )
    if devices is not None or num_processes() > 1:
        return 1
    return min(jobs, batches)


def train_in_workers(
    batches: Sequence[TrialBatch], builder: TrialBuilder, training: TrainingSettings, jobs: int
) -> Generator[TrainedBatch, None, None]:
    """Train batches in worker processes, those that take longest first, and yield each when it is trained."""
    import joblib
    from joblib.parallel import get_active_backend

    backend = get_active_backend(prefer="processes")[0]
    check_backend(backend)
    check_picklable(builder, batches)
    numbers = sorted(range(len(batches)), key=lambda i: -estimate_cost(batches[i]))
    threads = getattr(backend, "inner_max_num_threads", None)
    tasks = [make_task(number, batches[number], builder, training, threads) for number in numbers]
    kind = "generator_unordered" if backend.supports_return_generator else "list"
    # joblib joins short tasks by default, and one worker would then do them one after the other.
    parallel = joblib.Parallel(n_jobs=jobs, prefer="processes", batch_size=1, pre_dispatch="all", return_as=kind)
    trained = parallel(joblib.delayed(train_batch)(task) for task in tasks)
    try:
        for each in trained:
            for variable, values in zip(batches[each.number].variables, each.values, strict=True):
                batches[each.number].update_models(variable, values)
            yield each
    finally:
        if kind != "list":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # joblib warns of tasks that it cancels
                trained.close()


def check_backend(backend: Any) -> None:
    """Refuse backends whose workers are threads of this process or forks of it."""
    name, uses_threads = type(backend).__name__, getattr(backend, "uses_threads", False)
    if uses_threads or name == "MultiprocessingBackend":
        kind = "threads of this process" if uses_threads else "forks of this process, in which JAX cannot run"
        raise UseError(
            f"sweep: the workers of joblib's {name} are {kind}. Expected worker processes that start new: "
            '"loky" (the default), "dask" or "ray". Change the backend of joblib.parallel_config'
        )


def check_picklable(builder: TrialBuilder, batches: Sequence[TrialBatch]) -> None:
    """Raise an error if the build function or settings of trials cannot be sent to workers."""
    import cloudpickle

    try:
        cloudpickle.dumps((builder.build, [trial.settings for batch in batches for trial in batch.trials]))
    except Exception as error:
        raise UseError(
            "sweep: n_jobs sends build and its settings to worker processes, but they cannot be pickled "
            f"({type(error).__name__}: {error}). Create such objects inside build, or leave n_jobs out"
        ) from error


def estimate_cost(batch: TrialBatch) -> float:
    """Return a number that grows with the training time of a batch: weights times samples of all trials."""
    weights = max(count_elements([get_known_sizes(p) for p in graph.parameters]) for graph in batch.graphs)
    return float(weights) * sum(map(len, batch.trials))


def make_task(
    number: int, batch: TrialBatch, builder: TrialBuilder, training: TrainingSettings, threads: int | None
) -> BatchTask:
    choices = [trial.choice for trial in batch.trials]
    values = [batch.batcher.stack_values(variable) for variable in batch.variables]
    return BatchTask(number, builder, choices, training, values, threads, PROCESS)


def train_batch(task: BatchTask) -> TrainedBatch:
    """Build the trials of a batch and train them, in a worker."""
    if task.process == PROCESS:
        raise UseError(
            "sweep: the workers of joblib's backend are threads of this process. Expected worker processes, such as "
            "those of dask.distributed.LocalCluster(processes=True)"
        )
    if task.threads is not None:
        os.environ["NPROC"] = str(task.threads)
    try:
        with ONE_BATCH:
            return run_task(task)
    except KeyboardInterrupt:
        raise KeyboardInterrupt from None  # an Interrupted has results, which are not sent
    except Exception as error:
        raise describe_error(error, task.choices) from error


def run_task(task: BatchTask) -> TrainedBatch:
    trials = task.builder.make_trials(task.choices)
    batch = merge_trials(trials, [TrialGraph(trial) for trial in trials], list(range(len(trials))))
    training = task.training
    validation = prepare_validation(trials[0], training.validation_data)
    settings = training.batch_size, training.epochs, training.shuffle
    trainer = BatchedTrainer(batch, validation, *settings, initial_epoch=training.initial_epoch)
    for variable, initial in zip(trainer.values.values(), task.values, strict=True):
        variable.set_value(initial)
    backends: list[str] = []
    with closing(compile_trainers([trainer])) as compiled, record_backends(backends):
        curves, seconds = next(compiled).train(lambda epoch: None)
    return TrainedBatch(task.number, curves, seconds, backends, [v.get_value() for v in trainer.values.values()])


def describe_error(error: Exception, choices: Sequence[TrialChoice]) -> Exception:
    """Return an error that says which trials it is from, and that can be pickled."""
    others = f" and {len(choices) - 1} more" if len(choices) > 1 else ""
    error.add_note(f"  in a worker of a sweep, in the trial with {choices[0]}{others}")
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        replaced = WorkerError(f"{type(error).__name__}: {error}")
        replaced.__notes__ = list(error.__notes__)
        return replaced
    return error
