"""A whole program as C: the state is fetched, what does not change is computed once, and then come the steps."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.run.native.batch_axis_analysis import FEWEST_LANES, Axes, NoLanes
from pellucid.run.native.batch_tiling import Blocks
from pellucid.run.native.buffer_assignment import kept_values
from pellucid.run.native.c_writer import Text
from pellucid.run.native.elementwise import type_of
from pellucid.run.native.equations import Block, Equation, Value
from pellucid.run.native.errors import NotNative
from pellucid.run.native.index_maps import looks_up_rows
from pellucid.run.native.loop_nests import Plain
from pellucid.run.native.matmul import Product
from pellucid.run.native.simd_batch import Lanes
from pellucid.run.native.vector_math import preamble

MOST_BYTES = 1 << 20
"""How much room a program may take for what it computes, so that it lies in the caches."""

MOST_OPERATIONS = 1 << 22
"""How many operations the products of a step may take; for more, XLA's products on all cores are better."""


@dataclass(frozen=True)
class Signature:
    """How many values of a step are state, are only read, and are arguments, and whether each step has its own."""

    state: int
    read: int
    args: int
    walk: bool


def source(block: Block, signature: Signature) -> str:
    """Write a program.

    Raises
    ------
    NotNative
        If it is too large, or computes what is not written as C.
    """
    check_size(block)
    ways: tuple[type[Lanes | Blocks], ...] = (Lanes, Blocks)
    for way, seeds in itertools.product(ways, candidates(block, signature)):
        with contextlib.suppress(NoLanes):
            return Source(block, signature, seeds, way).code
    return Source(block, signature, [], Lanes).code


def check_size(block: Block) -> None:
    """Leave large products to XLA."""
    operations = 0
    for e in block.equations:
        if e.name == "dot_general":
            p = Product.of(e)
            operations += 2 * e.result.size * int(np.prod(p.sizes(p.left_axes, p.left, "sum"), dtype=np.int64))
    if operations > MOST_OPERATIONS:
        raise NotNative(f"its products take {operations:,} operations a step, which XLA does on all cores")


def candidates(block: Block, signature: Signature) -> list[list[Value]]:
    """Return which rows may be samples: those of inputs that are as long as an argument, or rows that are looked up."""
    given = block.inputs[signature.state :]
    args = block.inputs[signature.state + signature.read :]
    sizes = dict.fromkeys(v.shape[0] for v in [*args, *given] if v.ndim and v.shape[0] >= FEWEST_LANES)
    found = [[v for v in given if v.ndim and v.shape[0] == n] for n in sizes]
    looked_up = [e for e in block.equations if looks_up_rows(e) and e.result.shape[0] >= FEWEST_LANES]
    others = {source for e in looked_up for x in e.inputs for source in sources(x)}  # numbers of rows, and all rows
    for n in dict.fromkeys(e.result.shape[0] for e in looked_up):
        rows = [e.result for e in looked_up if e.result.shape[0] == n]
        found.append([*rows, *(v for v in given if v.ndim and v.shape[0] == n and v not in others)])
    return found


def sources(v: Value) -> set[Value]:
    """Return the inputs that a value is made of."""
    waiting, seen = [v], set()
    while waiting:
        v = waiting.pop()
        if v not in seen:
            seen.add(v)
            waiting += v.maker.inputs if v.maker is not None else []
    return {v for v in seen if v.maker is None}


class Source:
    """Writes one program."""

    def __init__(self, block: Block, signature: Signature, seeds: Sequence[Value], way: type[Lanes | Blocks]) -> None:
        self.block = block
        self.signature = signature
        self.text = Text()
        self.plain = Plain(self.text)
        self.axes = Axes(block.equations, seeds, way.VECTORS) if seeds else None
        self.lanes = way(self.plain, self.axes) if self.axes else None
        if self.axes is not None and not self.axes.equations:
            raise NoLanes("nothing is computed for samples")
        state, rest = block.inputs[: signature.state], block.inputs[signature.state :]
        self.state, self.read, self.args = state, rest[: signature.read], rest[signature.read :]
        self.lasting = self.constant_equations()
        self.code = self.written()
        if self.plain.scratch > MOST_BYTES:
            raise NotNative(f"it needs {self.plain.scratch:,} bytes")

    def constant_equations(self) -> set[Equation]:
        """Return the equations that give the same at every step."""
        moving = {*self.state, *(self.args if self.signature.walk else [])}
        found = set()
        for e in self.block.equations:
            if moving.isdisjoint(e.inputs):
                found.add(e)
            else:
                moving.update(e.outputs)
        return found

    def written(self) -> str:
        """Return the whole text."""
        t = self.text
        for k, v in enumerate(self.state):
            self.fetch(v, "state", k)
        for k, v in enumerate(self.read):
            self.point(v, "read", k)
        if not self.signature.walk:
            for k, v in enumerate(self.args):
                self.point(v, "args", k)
        if self.lanes is not None:
            self.lanes.begin()
        self.computed(lasting=True)
        t.add("for (int64_t turn = 0; turn < count; turn++) {")
        t.depth += 1
        if self.signature.walk:
            for k, v in enumerate(self.args):
                kind = type_of(v.dtype)
                t.add(f"const {kind} *restrict {v.name} = (const {kind} *)args[{k}] + (first + turn) * {v.size};")
                self.plain.stored[v] = v.name
        self.computed(lasting=False)
        outputs, new = self.results()
        for k, v in enumerate(outputs):
            self.put(v, f"({type_of(v.dtype)} *)history[{k}] + turn * {v.size}")
        self.renew(new)
        t.depth -= 1
        t.add("}")
        for k, v in enumerate(self.state):
            t.add(f"memcpy(state[{k}], {v.name}, {v.size * v.dtype.itemsize});")
        head = "void run(void **state, void **read, void **args, void **history, int64_t first, int64_t count) {"
        return "\n".join([preamble(), *self.plain.tables, head, *t.lines, "}", ""])

    def results(self) -> tuple[list[Value], list[Value]]:
        """Return the outputs and the new state."""
        count = len(self.block.outputs) - len(self.state)
        return self.block.outputs[:count], self.block.outputs[count:]

    def fetch(self, v: Value, kind: str, number: int) -> None:
        """Copy a value that will change."""
        name = self.plain.array(v)
        self.text.add(f"memcpy({name}, {kind}[{number}], {v.size * v.dtype.itemsize});")

    def point(self, v: Value, kind: str, number: int) -> None:
        """Say where a value lies that stays."""
        c = type_of(v.dtype)
        self.text.add(f"const {c} *restrict {v.name} = (const {c} *){kind}[{number}];")
        self.plain.stored[v] = v.name

    def put(self, v: Value, target: str) -> None:
        """Copy a result to where it is wanted."""
        if v not in self.plain.stored:
            name = self.text.fresh("y")
            self.text.add(f"{type_of(v.dtype)} *restrict {name} = {target};")
            self.plain.fill(name, v)
        else:
            self.text.add(f"memcpy({target}, {self.plain.stored[v]}, {v.size * v.dtype.itemsize});")

    def renew(self, new: list[Value]) -> None:
        """Put the new state in the place of the old one, once all of it is there."""
        for v in new:
            if v not in self.plain.stored:
                name = self.plain.room(self.text.fresh("x"), v.dtype, v.size)
                self.plain.fill(name, v)
                self.plain.stored[v] = name
        moved = [(s, v) for s, v in zip(self.state, new, strict=True) if s is not v]
        crossing = {v for _, v in moved} & set(self.state)
        spare = {}
        for v in crossing:
            spare[v] = self.plain.room(self.text.fresh("x"), v.dtype, v.size)
            self.text.add(f"memcpy({spare[v]}, {v.name}, {v.size * v.dtype.itemsize});")
        for s, v in moved:
            self.text.add(f"memcpy({s.name}, {spare.get(v, self.plain.stored[v])}, {v.size * v.dtype.itemsize});")

    def computed(self, lasting: bool) -> None:
        """Write the equations that last for all steps, or those of one step, in the order of their levels."""
        some = [e for e in self.block.equations if (e in self.lasting) == lasting]
        if self.axes is None or self.lanes is None:
            self.plain.block(some, self.kept(some, set()))
            return
        of_samples = set(self.axes.equations)
        self.columns(
            self.read + ([] if self.signature.walk else self.args) if lasting else [*self.args] * self.signature.walk
        )
        needed = {x for e in self.block.equations if e in of_samples for x in e.inputs if x not in self.axes.of}
        plain = [e for e in some if e not in of_samples]
        kept = self.kept(plain, needed)
        levels = self.axes.levels
        alone = {x for e in self.block.equations if e not in of_samples for x in e.inputs} | set(self.block.outputs)
        for level in range(max(levels.values(), default=0) + 1):
            self.plain.block([e for e in plain if levels[e.outputs[0]] == level], kept)
            for e in plain:
                if e.outputs[0] in self.axes.of and levels[e.outputs[0]] == level:
                    self.lanes.take(e.outputs[0])
            now = [e for e in some if e in of_samples and levels[e.result] - (e.result not in self.axes.of) == level]
            if now:
                others = [e for e in self.block.equations if e in of_samples and e not in now]
                later = {x for e in others for x in e.inputs} & {e.result for e in now}
                whole = {e.result for e in now if e.result in alone and e.result in self.axes.of}
                self.lanes.loop(now, later & set(self.axes.of), whole)

    def columns(self, given: Sequence[Value]) -> None:
        """Copy samples so that neighbours are neighbours in memory."""
        assert self.axes is not None
        assert self.lanes is not None
        for v in given:
            if v in self.axes.of:
                self.lanes.take(v)

    def kept(self, equations: Sequence[Equation], needed: set[Value]) -> set[Value]:
        """Return what of some equations gets an array."""
        made = {o for e in equations for o in e.outputs}
        elsewhere = {x for e in self.block.equations if e not in set(equations) for x in e.inputs}
        if self.axes is not None:  # rows that are looked up are copied where they are wanted
            elsewhere.difference_update(self.axes.of)
        return kept_values(equations, [v for v in elsewhere | needed | set(self.block.outputs) if v in made])
