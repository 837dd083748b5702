"""A batch as the lanes of vector registers: every sample goes through the whole network in one turn of a loop.

All values that belong to one sample are numbers of their own in that loop, so nothing of a batch lies in memory between
the operations of a step; what is summed over the batch is summed in registers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.run.native.batch_axis_analysis import FEWEST_LANES, Axes, Elements, NoLanes
from pellucid.run.native.c_writer import SIMD
from pellucid.run.native.elementwise import is_pointwise, literal, type_of, written
from pellucid.run.native.equations import Equation, Value
from pellucid.run.native.index_maps import default_fill, linear
from pellucid.run.native.loop_nests import REDUCTIONS, Plain, joined, start_of
from pellucid.run.native.matmul import Product
from pellucid.run.native.simd_movement import moved
from pellucid.run.native.simd_reductions import LIVE, LaneSums, begin, sums

MOST_STATEMENTS = 180
"""How many numbers a sample may have on its way: C compilers take long over long loops."""


class Lanes:
    """Writes what is computed sample by sample, as loops over samples.

    Parameters
    ----------
    plain : Plain
        Writes everything else, and says where it lies.
    axes : Axes
        Where the samples lie.
    """

    VECTORS = 2
    """How many vectors of samples are computed at once."""

    def __init__(self, plain: Plain, axes: Axes) -> None:
        if axes.statements > MOST_STATEMENTS:
            raise NoLanes("a sample is too large")
        self.plain = plain
        self.axes = axes
        self.elements: dict[Value, Elements] = {}
        self.copied: dict[tuple[Value, int], Elements] = {}
        """What one loop looks at along an axis as long as that of the samples."""
        self.filled: set[str] = set()
        """Elements that are 0 where there is no sample."""
        self.body: list[str] = []
        self.sums = LaneSums(plain, axes.lanes)

    def begin(self) -> None:
        """Write which lanes are samples, in numbers half as long as those of most samples.

        Because of that length, compilers take two vectors of samples at once, so that neither waits for itself.
        """
        begin(self.plain, self.axes, "int16_t" if self.axes.lanes > FEWEST_LANES else "int32_t")

    def loop(self, equations: Sequence[Equation], later: set[Value], whole: set[Value]) -> None:
        """Write a loop over all samples.

        Parameters
        ----------
        equations : sequence of Equation
            What is computed for each.
        later : set of Value
            What later loops need: each number of it gets an array of its own.
        whole : set of Value
            What is needed as an array like any other.
        """
        text = self.plain.text
        self.body, self.sums, self.copied = [], LaneSums(self.plain, self.axes.lanes), {}
        known = set(self.elements)
        for e in equations:
            self.write(e)
        stores = []
        for e in equations:
            value = e.result
            if value in whole:
                stores += self.stored(value)
        kept = {e.result: self.elements[e.result] for e in equations if e.result in later}
        names: dict[Value, Elements] = {}
        for value, elements in kept.items():
            names[value], lines = self.handed_on(value, elements)
            stores += lines
        self.sums.begin()
        with text.loop(self.axes.padded // self.axes.lanes) as block, text.loop(self.axes.lanes, "j", SIMD):
            text.add(f"const int32_t l = (int32_t){block} * {self.axes.lanes} + j;")
            for line in [*self.body, *stores]:
                text.add(line)
        self.sums.end()
        for value in set(self.elements) - known:
            del self.elements[value]
        self.elements.update(names)

    def handed_on(self, value: Value, elements: Elements) -> tuple[Elements, list[str]]:
        """Give each number of a sample an array, over all samples, and return how it is read and written."""
        found, lines = np.empty_like(elements), []
        for place in np.ndindex(elements.shape):
            if elements[place] in self.filled:
                found[place] = elements[place]
                continue
            name = self.plain.room(self.plain.text.fresh(f"{value.name}_l"), value.dtype, self.axes.padded)
            found[place] = f"{name}[l]"
            lines.append(f"{name}[l] = {elements[place]};")
        return found, lines

    def take(self, value: Value) -> None:
        """Copy an array so that neighbouring samples are neighbours."""
        self.elements[value] = self.column(value, self.axes.of[value])

    def column(self, value: Value, axis: int) -> Elements:
        """Copy what lies in an array so that neighbouring samples are neighbours, and fill up with zeros."""
        elements, text = self.read(value, axis), self.plain.text
        found, lines = self.handed_on(value, elements)
        with text.loop(self.axes.count, "l", SIMD):
            text.add(" ".join(lines))
        if self.axes.padded != self.axes.count:
            zeros = " ".join(f"{name} = 0;" for name in found.ravel())
            text.add(f"for (int64_t l = {self.axes.count}; l < {self.axes.padded}; l++) {{ {zeros} }}")
        self.filled.update(found.ravel())
        return found

    def alive(self, elements: Elements, dtype: Any) -> Elements:
        """Write numbers of a sample that are 0 in fillers.

        It is written of what is multiplied, not of products, because to add a product is one instruction.
        """
        found = elements.copy()
        for place, element in np.ndenumerate(elements):
            if element not in self.filled:
                found[place] = f"alive_{dtype.name}({element}, {LIVE}[l])"
        return found

    def stored(self, value: Value) -> list[str]:
        """Put a value into an array, row after row."""
        name = self.plain.array(value)
        axis, elements = self.axes.of[value], self.elements[value]
        lines = []
        for place in np.ndindex(elements.shape):
            indices = ["l" if a == axis else str(i) for a, i in enumerate(place)]
            lines.append(f"if ({LIVE}[l]) {name}[{linear(value.shape, indices)}] = {elements[place]};")
        return lines

    def read(self, value: Value, axis: int | None) -> Elements:
        """Return the elements of a value outside of the samples; along ``axis`` there is one for each of them."""
        shape = tuple(1 if a == axis else n for a, n in enumerate(value.shape))
        found = np.empty(shape, object)
        for place in np.ndindex(shape):
            indices = ["l" if a == axis else str(i) for a, i in enumerate(place)]
            found[place] = self.plain.at(value, indices)
        return found

    def of(self, value: Value, axis: int | None = None) -> Elements:
        """Return the numbers that a sample meets in a value."""
        if value in self.elements:
            return self.elements[value]
        if axis is not None and 0 <= axis < value.ndim and value.shape[axis] == self.axes.count:
            if (value, axis) not in self.copied:
                self.copied[value, axis] = self.column(value, axis)
            return self.copied[value, axis]
        return self.read(value, None)

    def named(self, e: Equation, elements: Elements) -> None:
        """Give the numbers that an equation makes names.

        Truth is an int here: single bytes among floats, or integers of eight bytes, make several vectors of one.
        """
        kind, form = type_of(e.result.dtype), "{}"
        if e.result.dtype.kind == "b":
            kind, form = "int", "({}) != 0"
        elif e.name in ("argmax", "argmin"):
            kind = "int"
        found = np.empty_like(elements)
        for k, place in enumerate(np.ndindex(elements.shape)):
            found[place] = f"{e.result.name}_{k}"
            self.body.append(f"const {kind} {found[place]} = {form.format(elements[place])};")
        self.elements[e.result] = found

    def write(self, e: Equation) -> None:
        """Write an equation for one sample."""
        if is_pointwise(e):
            axis = self.axes.of[e.result]
            shape = tuple(1 if a == axis else n for a, n in enumerate(e.result.shape))
            parts = [np.broadcast_to(self.of(x, axis - e.result.ndim + x.ndim), shape) for x in e.inputs]
            made = np.empty(shape, object)
            for place in np.ndindex(shape):
                made[place] = written(e, [str(p[place]) for p in parts])
            self.named(e, made)
        elif e.name in REDUCTIONS:
            self.reduce(e)
        elif e.name == "dot_general":
            self.dot(e)
        elif e.name == "gather":
            self.gather(e)
        elif e.name in ("argmax", "argmin"):
            self.extreme(e)
        else:
            self.elements[e.result] = moved(self, e)

    def reduce(self, e: Equation) -> None:
        """Write a sum and its kin, within samples or over them."""
        x, over = self.of(e.inputs[0]), tuple(e.params["axes"])
        kept = [a for a in range(x.ndim) if a not in over]
        rows = x.transpose([*kept, *over]).reshape(*[x.shape[a] for a in kept], -1)
        made = np.empty(rows.shape[:-1], object)
        for place in np.ndindex(made.shape):
            made[place] = self.row(e, list(rows[place]))
        if e.result in self.axes.of:
            self.named(e, made)
        else:
            self.summed(e, self.alive(made, e.result.dtype) if sums(e) else made)

    def row(self, e: Equation, elements: Sequence[str]) -> str:
        """Write a reduction of some numbers."""
        operation = REDUCTIONS[e.name][0]
        if not elements:
            return start_of(e)
        if operation in "><":
            total = elements[0]
            for element in elements[1:]:
                name = self.plain.text.fresh("t")
                self.body.append(f"const {type_of(e.result.dtype)} {name} = {joined(e, total, element)};")
                total = name
            return total
        return f" {operation} ".join(elements)

    def summed(self, e: Equation, made: Elements) -> None:
        """Write numbers that are added up over all samples."""
        name = self.plain.array(e.result)
        for k, place in enumerate(np.ndindex(made.shape)):
            self.body.append(self.sums.add(e, str(made[place]), f"{name}[{k}]"))

    def dot(self, e: Equation) -> None:
        """Write a product, whose sums are within samples or over them."""
        p = Product.of(e)
        sides = []
        for x, of, other, others in (
            (p.left, p.left_axes, p.right, p.right_axes),
            (p.right, p.right_axes, p.left, p.left_axes),
        ):
            axis = None
            if x not in self.axes.of:
                for kind in ("batch", "sum"):
                    if self.axes.of[other] in others[kind]:
                        axis = of[kind][others[kind].index(self.axes.of[other])]
            elements = self.of(x, axis)
            elements = elements.transpose([*of["batch"], *of["free"], *of["sum"]])
            batch, free = len(of["batch"]), len(of["free"])
            sides.append(elements.reshape((*elements.shape[: batch + free], -1)))
        left, right = sides
        if e.result not in self.axes.of:
            left, right = self.alive(left, p.left.dtype), self.alive(right, p.right.dtype)
        batch = len(p.left_axes["batch"])
        made = np.empty((*left.shape[:-1], *right.shape[batch:-1]), object)
        for place in np.ndindex(made.shape):
            b, m, n = place[:batch], place[batch : left.ndim - 1], place[left.ndim - 1 :]
            terms = zip(left[(*b, *m)], right[(*b, *n)], strict=True)
            made[place] = " + ".join(f"{x} * {y}" for x, y in terms) or literal(0, e.result.dtype)
        if e.result in self.axes.of:
            self.named(e, made)
        else:
            self.summed(e, made)

    def gather(self, e: Equation) -> None:
        """Write a look into the numbers of a sample, as a choice among all of them."""
        x, where = e.inputs
        [axis] = e.params["dimension_numbers"].start_index_map
        elements = np.moveaxis(self.of(x), axis, -1)
        index = self.of(where)[..., 0]
        sides = e.params["dimension_numbers"].start_indices_batching_dims
        fill = e.params["fill_value"]
        filler = literal(default_fill(x.dtype) if fill is None else fill, x.dtype)
        if "FILL" not in str(e.params["mode"]):
            raise NoLanes("an index is moved into its range")
        made = np.empty(index.shape, object)
        for place in np.ndindex(index.shape):
            row = elements[tuple(min(place[s], n - 1) for s, n in zip(sides, elements.shape[:-1], strict=True))]
            text = filler
            for k in range(len(row) - 1, -1, -1):
                text = f"({index[place]} == {k} ? {row[k]} : {text})"
            made[place] = text
        self.named(
            e, made.reshape(tuple(1 if a == self.axes.of[e.result] else n for a, n in enumerate(e.result.shape)))
        )

    def extreme(self, e: Equation) -> None:
        """Write which of the numbers of a sample is the greatest or the least."""
        [axis] = e.params["axes"]
        rows = np.moveaxis(self.of(e.inputs[0]), axis, -1)
        sign, real = (">" if e.name == "argmax" else "<"), e.inputs[0].dtype.kind == "f"
        kind = type_of(e.inputs[0].dtype)
        made = np.empty(rows.shape[:-1], object)
        for place in np.ndindex(made.shape):
            best, at = rows[place][0], "0"
            for k, element in enumerate(rows[place][1:], 1):
                better, next_best, next_at = (self.plain.text.fresh("t") for _ in range(3))
                nan = f" || ({element} != {element} && {best} == {best})" if real else ""
                self.body.append(f"const int {better} = {element} {sign} {best}{nan};")
                self.body.append(f"const {kind} {next_best} = {better} ? {element} : {best};")
                self.body.append(f"const int {next_at} = {better} ? {k} : {at};")
                best, at = next_best, next_at
            made[place] = at
        self.named(e, made)
