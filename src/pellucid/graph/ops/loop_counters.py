"""Step counters of the loops being traced, folded into random keys so that each step draws different numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pellucid.graph.expr import Expr

_counters: list[Expr] = []


@contextmanager
def push_loop_counter(counter: Expr) -> Iterator[None]:
    """Trace the step of a loop with this step counter."""
    _counters.append(counter)
    try:
        yield
    finally:
        _counters.pop()


def get_loop_counters() -> tuple[Expr, ...]:
    """Return the step counters of the loops being traced, outermost first."""
    return tuple(_counters)
