"""Writer of indented C, with loops and unique names."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

Indices = list[str]
"""C expressions, one for each axis."""

SIMD = "#pragma omp simd"
"""Tells the compiler that the iterations of the loop below are independent."""


class CWriter:
    """Lines of C with their indentation, and a counter for unique names."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.depth: int = 1
        self.counter = itertools.count()

    def add(self, line: str) -> None:
        self.lines.append("  " * self.depth + line)

    def make_name(self, prefix: str = "i") -> str:
        return f"{prefix}{next(self.counter)}"

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        self.add(f"{head} {{")
        self.depth += 1
        yield
        self.depth -= 1
        self.add("}")

    @contextmanager
    def loop(self, count: int | str, index: str | None = None, pragma: str | None = None) -> Iterator[str]:
        """Write a loop and yield its index. A single iteration without a named index needs no loop."""
        if count == 1 and index is None:
            yield "0"
            return
        index = index or self.make_name()
        if pragma:
            self.add(pragma)
        with self.block(f"for (int64_t {index} = 0; {index} < {count}; {index}++)"):
            yield index

    @contextmanager
    def loops(self, shape: Sequence[int], inner_pragma: str | None = None) -> Iterator[Indices]:
        """Write nested loops over a shape, the last axis innermost, and yield their indices."""
        if not shape:
            yield []
            return
        with (
            self.loop(shape[0], pragma=inner_pragma if len(shape) == 1 else None) as first,
            self.loops(shape[1:], inner_pragma) as rest,
        ):
            yield [first, *rest]
