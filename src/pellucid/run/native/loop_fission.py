"""Loop fission: a long loop body over the samples becomes several loops with short bodies.

With few registers, the local variables of a long body are spilled. And WebAssembly keeps the instructions of an
expression together, so a long body is one chain of dependent instructions after another: the processor, which looks
only so far ahead, waits for each. In a short body it looks as far as the next iterations, which are independent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

MAX_ACCUMULATORS = 6
"""Maximum number of accumulators of a loop. Those of two vectors each take 12 of 16 registers."""

IDENTIFIER = re.compile(r"\b[A-Za-z_]\w*")


@dataclass(frozen=True)
class Statement:
    """A line of the body of a loop over the samples.

    Attributes
    ----------
    text : str
        The C.
    names : tuple of str
        The local variables that it defines; none if it only writes to arrays.
    dtype : numpy.dtype, optional
        Type of the variables.
    cost : int
        Approximate cost, in additions.
    accumulates : bool
        Whether it updates an accumulator.
    """

    text: str
    names: tuple[str, ...] = ()
    dtype: np.dtype[np.generic] | None = None
    cost: int = 1
    accumulates: bool = False

    def find_identifiers(self) -> set[str]:
        return set(IDENTIFIER.findall(self.text))

    def rename(self, new_names: Mapping[str, str]) -> Statement:
        """Return the statement with other names of variables."""
        return replace(self, text=IDENTIFIER.sub(lambda match: new_names.get(match[0], match[0]), self.text))


class Slot(NamedTuple):
    """An array that passes variables of one type from loop to loop."""

    number: int
    dtype: np.dtype[np.generic]


def remove_unused(statements: Sequence[Statement]) -> list[Statement]:
    """Return the statements without variables that nothing reads."""
    kept: list[Statement] = []
    read: set[str] = set()
    for s in reversed(statements):
        if not s.names or not read.isdisjoint(s.names):
            kept.append(s)
            read |= s.find_identifiers()
    return kept[::-1]


def merge_equal(statements: Sequence[Statement]) -> list[Statement]:
    """Return the statements without those that compute the same as an earlier one.

    Compilers compute equal expressions once, but not if they are in different loops.
    """
    kept: list[Statement] = []
    first: dict[str, Statement] = {}
    new_names: dict[str, str] = {}
    for s in statements:
        renamed = s.rename(new_names)
        placeholders = {name: f"#{k}" for k, name in enumerate(s.names)}
        same = first.setdefault(renamed.rename(placeholders).text, renamed)
        if same is not renamed and s.names:
            new_names |= zip(s.names, same.names, strict=True)
        else:
            kept.append(renamed)
    return kept


def find_reads(statements: Sequence[Statement]) -> list[list[int]]:
    """Return, for each statement, the positions of the other ones whose variables it reads."""
    positions = {name: k for k, s in enumerate(statements) for name in s.names}
    return [
        sorted({positions[name] for name in s.find_identifiers() & positions.keys()} - {k})
        for k, s in enumerate(statements)
    ]


def find_chains(statements: Sequence[Statement]) -> list[list[int]]:
    """Return the statements grouped into chains, each of which reads only itself and those before it.

    A statement continues the deepest chain that it reads: the tanh of a hidden unit and its derivative are one chain.
    If it reads several chains of the same depth, as a weighted sum of units does, it begins a new chain.
    """
    chains: list[list[int]] = []
    chain_of: dict[int, int] = {}
    depths: list[int] = []
    for k, read in enumerate(find_reads(statements)):
        depth = max((depths[chain_of[r]] for r in read), default=-1)
        last = {chain_of[r] for r in read if depths[chain_of[r]] == depth}
        if len(last) == 1:
            [chain] = last
        else:
            chain = len(chains)
            chains.append([])
            depths.append(depth + 1)
        chains[chain].append(k)
        chain_of[k] = chain
    return [chains[c] for c in sorted(range(len(chains)), key=lambda c: depths[c])]


def split_body(statements: Sequence[Statement], max_cost: int) -> list[list[Statement]]:
    """Return the bodies of loops that together compute what one loop would, in their order.

    Parameters
    ----------
    statements : sequence of Statement
        The body of one loop, in the order of the program.
    max_cost : int
        Operations of a body, unless a single statement needs more.
    """
    computed = [s for s in statements if not s.accumulates]
    accumulated = [s for s in statements if s.accumulates]
    if sum(s.cost for s in statements) <= max_cost and len(accumulated) <= MAX_ACCUMULATORS:
        return [list(statements)]
    bodies: list[list[Statement]] = []
    cost = max_cost
    for chain in find_chains(computed):
        chain_cost = sum(computed[k].cost for k in chain)
        for part in [chain] if chain_cost <= max_cost else [[k] for k in chain]:
            part_cost = sum(computed[k].cost for k in part)
            if cost + part_cost > max_cost:
                bodies.append([])
                cost = 0
            bodies[-1] += [computed[k] for k in part]
            cost += part_cost
    starts = range(0, len(accumulated), MAX_ACCUMULATORS)
    return [*bodies, *(accumulated[start : start + MAX_ACCUMULATORS] for start in starts)]


def assign_slots(bodies: Sequence[Sequence[Statement]]) -> dict[str, Slot]:
    """Return a slot for each variable that a later body reads. It is free again after the last body that reads it."""
    definitions = {name: (k, s) for k, body in enumerate(bodies) for s in body for name in s.names}
    last_read: dict[str, int] = {}
    for k, body in enumerate(bodies):
        for name in {name for s in body for name in s.find_identifiers()}:
            if name in definitions and definitions[name][0] < k:
                last_read[name] = k
    slots: dict[str, Slot] = {}
    busy_until: dict[Slot, int] = {}
    for name, (k, s) in definitions.items():
        if name in last_read and s.dtype is not None:
            free = (slot for slot, end in busy_until.items() if end < k and slot.dtype == s.dtype)
            slots[name] = slot = next(free, Slot(len(busy_until), s.dtype))
            busy_until[slot] = last_read[name]
    return slots
