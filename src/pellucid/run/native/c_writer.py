"""Lines of C, indented, and the loops around them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pellucid.run.native.index_maps import Indices

SIMD = "#pragma omp simd"
"""What stands above a loop whose turns are independent."""


class Text:
    """Lines of C with their indentation, and names that were not used before."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.depth = 1
        self.names = itertools.count()

    def add(self, line: str) -> None:
        """Write a line."""
        self.lines.append("  " * self.depth + line)

    def fresh(self, letter: str = "i") -> str:
        """Return a new name."""
        return f"{letter}{next(self.names)}"

    @contextmanager
    def loop(self, count: int, index: str | None = None, note: str | None = None) -> Iterator[str]:
        """Write a loop around what is written meanwhile; one turn needs none."""
        if count == 1 and index is None:
            yield "0"
            return
        index = index or self.fresh()
        if note:
            self.add(note)
        self.add(f"for (int64_t {index} = 0; {index} < {count}; {index}++) {{")
        self.depth += 1
        yield index
        self.depth -= 1
        self.add("}")

    @contextmanager
    def loops(self, shape: Sequence[int], inner_note: str | None = None) -> Iterator[Indices]:
        """Write loops over a shape, the last axis innermost."""
        if not shape:
            yield []
            return
        with (
            self.loop(shape[0], note=inner_note if len(shape) == 1 else None) as first,
            self.loops(shape[1:], inner_note) as rest,
        ):
            yield [first, *rest]
