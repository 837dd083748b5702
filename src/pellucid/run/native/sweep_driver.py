"""Driver of compiled loops: many trials on all cores, and epochs with a smaller last batch."""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.run.jax_runtime import count_cores
from pellucid.run.native.compile_cache import CompiledLoop
from pellucid.run.native.compiler import load_library
from pellucid.typing import Array


class TrialArrays(ctypes.Structure):
    """The struct of that name in ``sweep_driver.c``."""

    _fields_ = [
        ("count", ctypes.c_int64),
        ("addresses", ctypes.POINTER(ctypes.c_void_p)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
    ]


@functools.cache
def load_driver() -> Any:
    return load_library(Path(__file__).with_name("sweep_driver.c").read_text("utf-8")).run_trials


@functools.cache
def get_thread_pool() -> tuple[ThreadPoolExecutor, int]:
    """Return a pool with one thread per core, and the number of threads."""
    return ThreadPoolExecutor(count_cores(), "pellucid trials"), count_cores()


if hasattr(os, "register_at_fork"):
    # A forked child has no threads, and would wait forever for those of the pool.
    os.register_at_fork(after_in_child=get_thread_pool.cache_clear)


@dataclass
class SweepDriver:
    """Runs the steps of all trials."""

    steps: CompiledLoop
    last_step: CompiledLoop | None  # ends an epoch, with a batch of another size
    mapped: Sequence[Sequence[bool]] | None  # which leaves have an axis of trials; None for a single trial
    trials: int

    def __post_init__(self) -> None:
        self.driver: Any = load_driver()

    def __call__(
        self,
        state: Sequence[Array],
        read: Sequence[Array],
        args: Sequence[Array],
        last_args: Sequence[Array],
        first: int,
        steps_per_epoch: int,
        epochs: int,
    ) -> list[Array]:
        """Run epochs, overwriting the state, and return the outputs of every step, with an axis of trials after it."""
        total_steps = epochs * (steps_per_epoch + (self.last_step is not None))
        history = [np.empty((self.trials, total_steps, *shape), dtype) for shape, dtype in self.steps.outputs]
        state_mapped, read_mapped, args_mapped = self.mapped or [[False] * len(a) for a in (state, read, args)]
        arrays = [
            make_trial_arrays(state, state_mapped),
            make_trial_arrays(read, read_mapped),
            make_trial_arrays(args, args_mapped),
            make_trial_arrays(last_args, args_mapped[: len(last_args)]),
            make_trial_arrays(history, [True] * len(history)),
        ]
        output_bytes = (ctypes.c_int64 * max(len(history), 1))(*self.steps.output_bytes)
        functions = [self.steps.function, self.last_step.function if self.last_step else None]
        addresses = [ctypes.cast(f, ctypes.c_void_p) if f else ctypes.c_void_p() for f in functions]

        next_trial = ctypes.c_int64(0)

        def run_trials() -> None:
            self.driver(
                *addresses,
                *(ctypes.c_int64(n) for n in (epochs, steps_per_epoch, first, self.trials)),
                ctypes.byref(next_trial),
                *(ctypes.byref(each) for each in arrays),
                output_bytes,
            )

        if self.trials == 1:
            run_trials()
        else:
            pool, threads = get_thread_pool()
            for future in [pool.submit(run_trials) for _ in range(min(threads, self.trials))]:
                future.result()
        if self.mapped is None:
            return [h[0] for h in history]
        return [np.asarray(np.moveaxis(h, 0, 1), order="C") for h in history]


def make_trial_arrays(arrays: Sequence[Array], mapped: Sequence[bool]) -> TrialArrays:
    addresses = (ctypes.c_void_p * max(len(arrays), 1))(*[a.ctypes.data for a in arrays])
    strides = [a.nbytes // len(a) if m else 0 for a, m in zip(arrays, mapped, strict=True)]
    return TrialArrays(len(arrays), addresses, (ctypes.c_int64 * max(len(arrays), 1))(*strides))
