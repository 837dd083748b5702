"""Memory budget of a reader: decoded content may be far larger than the file."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from pellucid.errors import OptionError

if TYPE_CHECKING:
    from threading import Condition

DEFAULT_MAX_BYTES = 4 * 2**30
"""Default budget of a reader: 4 GiB."""

DEFAULT_WORKING_BYTES = 2**30
"""Default budget of images that are decoded at one time, and of folded constants: 1 GiB."""


TRUSTED = "If the file is from a source that you trust,"
REMEDY = f"{TRUSTED} pass a larger max_bytes"
"""What to do if the file is not an attack."""

UNCOMPRESSED_REMEDY = f"{TRUSTED} pass a larger max_bytes or store it uncompressed"
"""For files that may always take as much memory as they have bytes."""


class MemoryBudget:
    """Number of bytes that a reader may still allocate. Several threads may share it.

    Parameters
    ----------
    max_bytes : int
        The budget; the argument ``max_bytes`` of the reader.
    error : class
        Error of the reader.
    file : str or path
        For the message.
    remedy : str
        What to do if the file is not an attack.

    Examples
    --------
    >>> budget = MemoryBudget(100, pel.StorageError, "a.npz", "Pass max_bytes")
    >>> budget.spend(60, "the array 'x'")
    >>> budget.left
    40
    """

    left: int
    remedy: str

    def __init__(
        self,
        max_bytes: Any,
        error: type[Exception],
        file: Any,
        remedy: str = REMEDY,
    ) -> None:
        if not isinstance(max_bytes, int) or isinstance(max_bytes, bool) or max_bytes < 1:
            raise OptionError(f"Expected max_bytes to be a whole number of bytes above 0. Received: {max_bytes!r}")
        self.max_bytes = self.left = max_bytes
        self.error: type[Exception] = error
        self.file: Any = file
        self.remedy: str = remedy
        self.released: Condition = threading.Condition()

    def spend(self, number: int, what: str) -> None:
        """Take bytes from the budget, or raise the error of the reader if fewer are left."""
        if number > self.left:
            raise self.error(
                f"{self.file}: {what} takes {number:,} bytes, and {self.left:,} of the budget of {self.max_bytes:,} "
                f"are left. {self.remedy}"
            )
        self.left -= number

    @contextmanager
    def reserve(self, number: int, what: str) -> Iterator[None]:
        """Take bytes from the budget for a while, after waiting for other threads to release theirs."""
        if number > self.max_bytes:
            raise self.error(
                f"{what} takes {number:,} bytes, more than the budget of {self.max_bytes:,}. {self.remedy}"
            )
        with self.released:
            self.released.wait_for(lambda: number <= self.left)
            self.left -= number
        try:
            yield
        finally:
            with self.released:
                self.left += number
                self.released.notify_all()


_parameter_budget: ContextVar[MemoryBudget | None] = ContextVar("parameter_budget", default=None)


@contextmanager
def limit_parameters(budget: MemoryBudget) -> Iterator[None]:
    """Take the parameters that layers create from a budget, while a reader builds them."""
    token = _parameter_budget.set(budget)
    try:
        yield
    finally:
        _parameter_budget.reset(token)


def spend_parameter(number: int, name: str) -> None:
    """Take a parameter from the budget of the reader that builds its layer, if there is one."""
    budget = _parameter_budget.get()
    if budget is not None:
        budget.spend(number, f"the parameter {name}")
