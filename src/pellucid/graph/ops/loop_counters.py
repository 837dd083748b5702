"""Which steps of loops are being written, so that whoever draws random numbers inside draws others at every step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pellucid.graph.expr import Expr

_counters: list[Expr] = []


@contextmanager
def stepping(counter: Expr) -> Iterator[None]:
    """Say that what is written meanwhile is a step of a loop, and which expression counts the steps."""
    _counters.append(counter)
    try:
        yield
    finally:
        _counters.pop()


def counters() -> tuple[Expr, ...]:
    """Return the numbers of the steps that are being written, the outermost loop's first."""
    return tuple(_counters)
