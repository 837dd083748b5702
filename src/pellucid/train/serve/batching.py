"""Batches of requests: the samples of several requests are inputs of one call of the network."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from pellucid.typing import Array

Compute = Callable[[Sequence[Array]], list[Array]]
"""A network, from the arrays of its inputs to those of its outputs."""


@dataclass(eq=False)
class Job:
    """The samples of a request, and the future of their outputs."""

    inputs: Sequence[Array]
    future: Future[list[Array]] = field(default_factory=Future)

    @property
    def samples(self) -> int:
        return len(self.inputs[0])


class Batcher:
    """A thread that computes the outputs of requests, of several in one call.

    A request waits for others only while they are being read, and at most ``seconds``. ``calls`` and ``jobs`` count
    the calls of the network and the requests in them.

    Examples
    --------
    >>> with Batcher(lambda inputs: [2 * inputs[0]], samples=32, seconds=0.003) as batcher:
    ...     batcher.submit([np.ones((2, 3))]).result()
    [array([[2., 2., 2.],
           [2., 2., 2.]])]
    """

    def __init__(self, compute: Compute, samples: int, seconds: float) -> None:
        self.compute, self.samples, self.seconds = compute, samples, seconds
        self.calls: int = 0
        self.jobs: int = 0
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._expected = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="pellucid network", daemon=True)

    def __enter__(self) -> Batcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Compute all submitted samples, and end the thread."""
        self._queue.put(None)
        self._thread.join()

    @contextmanager
    def expect(self) -> Iterator[None]:
        """Announce that samples will be submitted inside the block, so that other requests wait for them."""
        self._change_expected(1)
        try:
            yield
        finally:
            self._change_expected(-1)

    def _change_expected(self, change: int) -> None:
        with self._lock:
            self._expected += change

    def submit(self, inputs: Sequence[Array]) -> Future[list[Array]]:
        """Return the future of the outputs; cancel it if the client no longer waits."""
        job = Job(inputs)
        self._queue.put(job)
        return job.future

    def _run(self) -> None:
        is_open = True
        while is_open:
            first = self._queue.get()
            if first is None:
                return
            jobs, is_open = self._gather(first)
            self._compute([job for job in jobs if job.future.set_running_or_notify_cancel()])

    def _gather(self, first: Job) -> tuple[list[Job], bool]:
        """Return the jobs of a call, and whether the batcher is still open."""
        jobs, samples, end = [first], first.samples, time.monotonic() + self.seconds
        while samples < self.samples:
            wait = end - time.monotonic() if self._expected else 0.0
            try:
                job = self._queue.get(timeout=wait) if wait > 0 else self._queue.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return jobs, False
            jobs.append(job)
            samples += job.samples
        return jobs, True

    def _compute(self, jobs: Sequence[Job]) -> None:
        if not jobs:
            return
        self.calls += 1
        self.jobs += len(jobs)
        try:
            outputs = self.compute([np.concatenate(parts) for parts in zip(*(job.inputs for job in jobs), strict=True)])
        except Exception as error:  # each request reports it
            for job in jobs:
                job.future.set_exception(error)
            return
        start = 0
        for job in jobs:
            stop = start + job.samples
            job.future.set_result([output[start:stop] for output in outputs])
            start = stop
