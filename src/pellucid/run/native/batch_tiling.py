"""A batch in blocks of samples: each goes through the whole step in arrays so small that they stay in the first cache.

This is for samples that are too large for a loop in which each of their numbers is a variable.
"""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.run.native.batch_axis_analysis import Axes, NoLanes
from pellucid.run.native.buffer_assignment import before_product, kept_values
from pellucid.run.native.c_writer import SIMD
from pellucid.run.native.elementwise import type_of
from pellucid.run.native.equations import Equation, Value
from pellucid.run.native.index_maps import STRIDED, Indices, linear
from pellucid.run.native.layout import Arrangement
from pellucid.run.native.loop_nests import Plain
from pellucid.run.native.matmul import Product
from pellucid.run.native.simd_reductions import LIVE, begin

MOST_NUMBERS = 64
"""How many numbers of a sample are given at most: they are copied into blocks."""

MOST_SUMS = 512
"""How many numbers are summed up over samples at most: each block adds to all of them."""


class Blocks:
    """Writes what is computed sample by sample, as loops over blocks of samples.

    Parameters
    ----------
    plain : Plain
        Writes the loops inside a block, and everything else.
    axes : Axes
        Where the samples lie.
    """

    VECTORS = 1
    """How many vectors a block has."""

    def __init__(self, plain: Plain, axes: Axes) -> None:
        self.plain = plain
        self.axes = axes
        self.arranged = Arrangement(axes)
        self.lying: dict[Value, str] = {}
        """Where all blocks of a value lie."""
        self.filled: set[Value] = set()
        """Values that are 0 where there is no sample."""
        sums = [e for e in axes.equations if e.result not in axes.of]
        products = [e for e in sums if e.name == "dot_general"]
        if sum(e.result.size for e in sums) > MOST_SUMS:
            raise NoLanes("too much is summed up over samples")
        if not all(e.name in ("reduce_sum", "dot_general") and e.result.dtype.kind == "f" for e in sums):
            raise NoLanes("samples are compared with one another")
        if not all(x in axes.of for e in sums for x in e.inputs) or any(
            Product.of(e).left_axes["batch"] for e in products
        ):
            raise NoLanes("samples are summed up in a way that is not done in blocks")

    @property
    def count(self) -> int:
        """How many blocks there are."""
        return self.axes.padded // self.axes.lanes

    def begin(self) -> None:
        """Write which lanes are samples."""
        begin(self.plain, self.axes, "int32_t")

    def take(self, v: Value) -> None:
        """Copy an array into blocks, filled up with zeros."""
        if v.size > MOST_NUMBERS * self.axes.count:
            raise NoLanes("too much is copied")
        name, block = self.room(v), self.arranged.value(v)
        self.filled.add(block)
        text, axis, lanes = self.plain.text, self.axes.of[v], self.axes.lanes
        text.add(f"memset({name}, 0, sizeof {name});")
        with text.loop(self.axes.count, text.fresh()) as n, text.loops(block.shape[:-1]) as place:
            to = linear((self.count, *block.shape), [f"({n} / {lanes})", *place, f"({n} % {lanes})"])
            text.add(f"{name}[{to}] = {self.plain.at(v, [*place[:axis], n, *place[axis:]])};")

    def room(self, v: Value) -> str:
        """Make room for all blocks of a value."""
        block = self.arranged.value(v)
        self.lying[block] = self.plain.room(f"{block.name}_all", block.dtype, block.size * self.count)
        return self.lying[block]

    def loop(self, equations: Sequence[Equation], later: set[Value], whole: set[Value]) -> None:
        """Write a loop over all blocks.

        Parameters
        ----------
        equations : sequence of Equation
            What is computed for each.
        later : set of Value
            What later loops need: it gets arrays that hold all blocks.
        whole : set of Value
            What is needed as an array like any other.
        """
        plain, text = self.plain, self.plain.text
        made = self.arranged.all_of([e for e in equations if e.result in self.axes.of])
        sums = [e for e in equations if e.result not in self.axes.of]
        earlier = dict(self.lying)
        for v in later:
            self.room(v)
        for v in whole:
            plain.array(v)
        for e in sums:
            name = plain.room(f"{e.result.name}_sums", e.result.dtype, e.result.size * self.axes.lanes)
            text.add(f"memset({name}, 0, sizeof {name});")
        with text.loop(self.count, text.fresh()) as b:
            self.point(earlier, b)
            plain.block(made, self.kept(made, sums, [*later, *whole]))
            self.silence(sums, b)
            for e in sums:
                self.add_up(e, b)
            for v in whole:
                self.put_out(v, b)
            for v in later:
                self.hand_on(v, b)
        for v in [*self.lying, *(o for e in made for o in e.outputs)]:
            plain.stored.pop(v, None)
        for e in sums:
            self.total(e)

    def point(self, lying: dict[Value, str], b: str) -> None:
        """Say where a block lies in arrays that hold all of them."""
        for block, name in lying.items():
            kind = type_of(block.dtype)
            self.plain.text.add(f"{kind} *restrict {block.name} = {name} + {b} * {block.size};")
            self.plain.stored[block] = block.name

    def kept(self, made: Sequence[Equation], sums: Sequence[Equation], wanted: Sequence[Value]) -> set[Value]:
        """Return what of a block gets an array."""
        makers = {o: e for e in made for o in e.outputs}
        read = [self.arranged.value(v) for v in wanted]
        for e in sums:
            for x in e.inputs:
                if e.name == "dot_general" and x in self.axes.of:
                    read += before_product(self.arranged.value(x), makers)
        return kept_values(made, [v for v in read if v in makers])

    def hand_on(self, v: Value, b: str) -> None:
        """Copy a value of a block to where later loops find it."""
        block = self.arranged.value(v)
        to = f"({self.lying[block]} + {b} * {block.size})"
        if block in self.plain.stored:
            self.plain.text.add(f"memcpy({to}, {self.plain.stored[block]}, {block.size * block.dtype.itemsize});")
        else:
            self.plain.fill(to, block)

    def put_out(self, v: Value, b: str) -> None:
        """Copy the samples of a block to where they lie in the whole array."""
        block, text, axis = self.arranged.value(v), self.plain.text, self.axes.of[v]
        with text.loops(block.shape[:-1]) as place, text.loop(self.axes.lanes, text.fresh()) as lane:
            sample = f"({b} * {self.axes.lanes} + {lane})"
            to = f"{self.plain.stored[v]}[{linear(v.shape, [*place[:axis], sample, *place[axis:]])}]"
            text.add(f"if ({sample} < {self.axes.count}) {to} = {self.plain.at(block, [*place, lane])};")

    def silence(self, sums: Sequence[Equation], b: str) -> None:
        """Make fillers 0 in the arrays that are summed up, in the last block."""
        text, full = self.plain.text, self.axes.count % self.axes.lanes
        arrays = dict.fromkeys(self.array(self.arranged.value(x)) for e in sums for x in e.inputs)
        for v in arrays:
            if full and v is not None and v not in self.filled:
                with text.loop(v.size // self.axes.lanes, text.fresh()) as row:
                    at = f"l < {self.axes.lanes}; l++) {self.plain.stored[v]}[{row} * {self.axes.lanes} + l] = 0;"
                    text.add(f"if ({b} == {self.count - 1}) for (int l = {full}; {at}")

    def array(self, v: Value) -> Value | None:
        """Return the value whose array holds the elements of another; None if they are computed as they are read."""
        while v not in self.plain.stored:
            if v.maker is None or v.maker.name not in STRIDED:
                return None
            v = v.maker.inputs[0]
        return v

    def add_up(self, e: Equation, b: str) -> None:
        """Write what a block adds to the sums of all lanes; fillers add 0."""
        text, lanes = self.plain.text, self.axes.lanes
        with (
            text.loops(e.result.shape) as place,
            text.loops(self.within(e)) as more,
            text.loop(lanes, text.fresh(), SIMD) as lane,
        ):
            parts = [self.element(x, indices, b, lane) for x, indices in self.operands(e, place, more)]
            to = f"{e.result.name}_sums[{linear((*e.result.shape, lanes), [*place, lane])}]"
            text.add(f"{to} += {' * '.join(parts)};")

    def within(self, e: Equation) -> list[int]:
        """Return the lengths of the axes within samples that are summed over too."""
        x = e.inputs[0]
        axes = e.params["axes"] if e.name == "reduce_sum" else Product.of(e).left_axes["sum"]
        return [x.shape[a] for a in axes if a != self.axes.of[x]]

    def operands(self, e: Equation, place: Indices, more: Indices) -> list[tuple[Value, Indices]]:
        """Return what is multiplied for a sum, with the indices of an element within a sample."""
        if e.name == "reduce_sum":
            x = e.inputs[0]
            free = [a for a in range(x.ndim) if a not in e.params["axes"]]
            sides = [(x, free, list(e.params["axes"]), place)]
        else:
            p = Product.of(e)
            rows = len(p.left_axes["free"])
            sides = [(p.left, p.left_axes["free"], p.left_axes["sum"], place[:rows])]
            sides += [(p.right, p.right_axes["free"], p.right_axes["sum"], place[rows:])]
        found = []
        for x, free, over, indices in sides:
            at = dict(zip(free, indices, strict=True))
            at |= dict(zip([a for a in over if a != self.axes.of[x]], more, strict=True))
            found.append((x, [at[a] for a in range(x.ndim) if a != self.axes.of[x]]))
        return found

    def element(self, x: Value, indices: Indices, b: str, lane: str) -> str:
        """Write a number of a sample that is 0 in fillers."""
        block = self.arranged.value(x)
        element = self.plain.at(block, [*indices, lane])
        if self.array(block) is not None or self.axes.padded == self.axes.count:
            return element
        return f"alive_{x.dtype.name}({element}, {LIVE}[{b} * {self.axes.lanes} + {lane}])"

    def total(self, e: Equation) -> None:
        """Write how the sums of all lanes become one."""
        name, text, lanes = self.plain.array(e.result), self.plain.text, self.axes.lanes
        with text.loop(e.result.size) as i:
            text.add(f"{name}[{i}] = total_{type_of(e.result.dtype)}({e.result.name}_sums + {i} * {lanes}, {lanes});")
