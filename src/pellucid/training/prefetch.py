"""Batches that somebody else makes, fetched in the background while the device computes."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self

import numpy as np

from pellucid.model.errors import ModelError


def is_stream(x: Any) -> bool:
    """Tell whether data come batch by batch: from an iterator, or from what is no array, list or dict."""
    if isinstance(x, (np.ndarray, list, tuple, dict, str, bytes)) or hasattr(x, "__array__"):
        return False
    return hasattr(x, "__iter__") or hasattr(x, "__next__") or (hasattr(x, "__len__") and hasattr(x, "__getitem__"))


class Batches:
    """What yields batches, epoch by epoch.

    Parameters
    ----------
    given : iterable or iterator
        An iterable is gone through anew in every epoch; an iterator goes on where it was. What has a length and items
        but no iterator, as Keras's ``PyDataset``, gives its items, and its ``on_epoch_end`` is called after each epoch.
    steps : int or None
        How many batches make an epoch; None for all there are.
    """

    def __init__(self, given: Any, steps: int | None) -> None:
        self.given = given
        self.once = isinstance(given, Iterator)
        if steps is None and not self.once and hasattr(given, "__len__"):
            steps = len(given)
        self.steps = steps
        self.kept: Iterator[Any] = iter(())
        self.waiting: Iterator[Any] | None = given if self.once else None

    def peek(self) -> Any:
        """Return the first batch, which comes again when the first epoch begins."""
        iterator = self.begun()
        try:
            first = next(iterator)
        except StopIteration:
            raise ModelError("Expected batches. Received: an iterable without any") from None
        self.waiting = itertools.chain([first], iterator)
        return first

    def begun(self) -> Iterator[Any]:
        """Return an iterator: the one that is under way, or a new one."""
        if self.waiting is not None:
            return self.waiting
        if hasattr(self.given, "__iter__"):
            return iter(self.given)
        return (self.given[i] for i in range(len(self.given)))

    def epoch(self, skip: int = 0) -> Iterator[Any]:
        """Go through the batches of an epoch, but for so many at its beginning.

        With a number of steps, an iterable that ends before them begins again, as an iterator cannot.
        """
        if self.steps is None:
            source = self.begun()
            self.waiting = self.given if self.once else None
            yield from itertools.islice(source, skip, None)
        else:
            for number in range(self.steps):
                batch = self.following()
                if batch is None:
                    break
                if number >= skip:
                    yield batch[0]
            if not self.once and hasattr(self.given, "__len__") and len(self.given) == self.steps:
                self.waiting = None
        if hasattr(self.given, "on_epoch_end"):
            self.given.on_epoch_end()

    def following(self) -> tuple[Any] | None:
        """Return the next batch in a tuple, or None if there is none any more."""
        for fresh in (False, True):
            if fresh and self.once:
                return None
            iterator = self.begun()
            self.waiting = iterator
            for batch in iterator:
                return (batch,)
            self.waiting = None if not self.once else self.given
        return None


class Failure:
    """What went wrong while batches were made."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


END = object()


class Prefetch:
    """A thread that makes batches ready before they are asked for; a context manager around one epoch.

    Parameters
    ----------
    batches : iterable
        What is to be fetched.
    prepare : function
        What is made of each, in the thread.
    depth : int
        How many may wait.
    """

    def __init__(self, batches: Iterable[Any], prepare: Callable[[Any], Any], depth: int) -> None:
        self.batches, self.prepare = batches, prepare
        self.queue: queue.Queue[Any] = queue.Queue(depth)
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.fetch, name="pellucid prefetch", daemon=True)

    def fetch(self) -> None:
        """Make batches ready until there are no more, or nobody wants them."""
        try:
            for batch in self.batches:
                if not self.put(self.prepare(batch)):
                    return
            self.put(END)
        except BaseException as error:  # whatever it is, it is raised again where the batch is asked for
            self.put(Failure(error))

    def put(self, item: Any) -> bool:
        """Hand something over, unless nobody wants it any more."""
        while not self.stopped.is_set():
            try:
                self.queue.put(item, timeout=0.05)
            except queue.Full:
                continue
            return True
        return False

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopped.set()
        self.thread.join(timeout=5)

    def get(self, wait: bool = True) -> Any:
        """Return the next batch, END, or None if there is none yet and one does not want to wait.

        Raises
        ------
        Exception
            What making the batch raised.
        """
        try:
            item = self.queue.get(block=wait)
        except queue.Empty:
            return None
        if isinstance(item, Failure):
            raise item.error
        return item
