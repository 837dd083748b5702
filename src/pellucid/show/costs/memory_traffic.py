"""Memory traffic of a graph after the fusion that compilers do."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from pellucid.graph.expr import Constant, Expr
from pellucid.graph.op import OUTPUT

VIEW_OPS = {"reshape", "reshape_like", "expand_dims", "squeeze", "transpose", "broadcast_like", "broadcast_to", "slice"}
"""Ops that move no data."""

SELECTING_OPS = {"slice", "slice_like", "gather", "take_along_axis"}
"""Ops that read only the elements of their first operand that they return."""

READ_OPERANDS = {"reshape_like": 1, "broadcast_like": 1, "sum_like": 1, "slice_like": 1, "arange_like": 0}
"""For ops that read only the shapes of their last operands, the number of operands whose elements they read."""

FUSING_MODULES = ("reductions", "statistics")
"""Modules of ops whose operands are computed inside their loops."""


class MemoryTraffic(NamedTuple):
    """Bytes that a program moves, and bytes that it works on.

    Attributes
    ----------
    moved : int
        Bytes read and written.
    working_set : int
        Bytes of all values that are read or written. Of a value that is indexed, only the selected elements count.
    """

    moved: int
    working_set: int


def is_fused(e: Expr) -> bool:
    """Whether compilers compute an expression inside the loops of its users."""
    assert e.op is not None
    return e.op.elementwise or e.op.name in VIEW_OPS | SELECTING_OPS or not get_read_operands(e)


def get_read_operands(e: Expr) -> list[Expr]:
    """Return the operands whose elements an op reads."""
    assert e.op is not None
    return list(e.inputs[: READ_OPERANDS.get(e.op.name, len(e.inputs))])


def fuses_operands(e: Expr) -> bool:
    """Whether compilers compute the operands of an expression inside its own loop."""
    assert e.op is not None
    return e.op.value.__module__.rpartition(".")[2] in FUSING_MODULES


def find_base(e: Expr) -> Expr:
    """Return the expression that a chain of views shows."""
    while e.op is OUTPUT or (e.op is not None and e.op.name in VIEW_OPS):
        e = e.inputs[0]
    return e


def find_stored(order: Sequence[Expr], outputs: Sequence[Expr]) -> set[Expr]:
    """Return the expressions whose values are written to memory."""
    stored = {e if find_base(e).op is None else find_base(e) for e in outputs}
    for e in order:
        if e.op is None or e.op is OUTPUT or is_fused(e):
            continue
        stored.add(e)
        if not fuses_operands(e):
            stored.update(map(find_base, get_read_operands(e)))
    return {e for e in stored if e.op is not None}


def count_memory_traffic(
    order: Sequence[Expr], outputs: Sequence[Expr], count_bytes: Callable[[Expr], int]
) -> MemoryTraffic:
    """Count the bytes that a graph in topological order moves if elementwise ops are fused into their users.

    Leaves, outputs, and the operands and results of products, convolutions, loops, sorts and reductions are in memory;
    those of reductions need not be. Each value is written once, and read once by every fused loop that uses it.

    Examples
    --------
    >>> x, W = pel.matrix("x", shape=(10, 20)), pel.matrix("W", shape=(20, 30))
    >>> y = pel.tanh(2 * (x @ W) + 1)
    >>> pel.cost(y).traffic  # reads x and W, writes and reads the product, writes y
    MemoryTraffic(moved=6800, working_set=5600)
    """
    stored = find_stored(order, outputs)
    sizes: list[int] = []
    sources: dict[Expr, int] = {}
    """For each expression, the values in memory that it is computed from, as bits: positions in ``sizes``."""
    moved = used = 0

    def add_value(size: int) -> int:
        sizes.append(size)
        return 1 << (len(sizes) - 1)

    def find_sources(e: Expr) -> int:
        assert e.op is not None
        operands, selected = get_read_operands(e), 0
        if e.op.name in SELECTING_OPS and is_in_memory(operands[0]):
            operands, selected = operands[1:], add_value(count_bytes(e))
        return functools.reduce(operator.or_, (sources[i] for i in operands), selected)

    def is_in_memory(e: Expr) -> bool:
        base = find_base(e)
        return base.op is None or base in stored

    for e in order:
        if e.op is None:
            sources[e] = 0 if isinstance(e, Constant) and e.ndim == 0 else add_value(count_bytes(e))
            continue
        sources[e] = find_sources(e)
        if e in stored:
            moved += sum(sizes[number] for number in iter_bits(sources[e])) + count_bytes(e)
            used |= sources[e]
            sources[e] = add_value(count_bytes(e))
            used |= sources[e]
    return MemoryTraffic(moved, sum(sizes[number] for number in iter_bits(used)))


def iter_bits(bits: int) -> Iterator[int]:
    """Yield the positions of the ones of a binary number.

    Examples
    --------
    >>> list(iter_bits(0b1011))
    [0, 1, 3]
    """
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest
