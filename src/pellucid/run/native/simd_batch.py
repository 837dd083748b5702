"""SIMD over the batch axis: one loop iteration runs the network on one vector of samples.

Every element of a sample is a local variable of the loop, so no values of the batch are stored between operations. Sums
over the batch stay in registers. For some targets a long loop is split into several; see `loop_fission`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.run.native.batch_axis_analysis import MIN_SAMPLES, BatchAxes, Elements, NotVectorizable
from pellucid.run.native.c_writer import SIMD
from pellucid.run.native.element_emitter import ElementEmitter
from pellucid.run.native.elementwise import (
    FIRST_HALF_COST,
    Halves,
    c_literal,
    c_type,
    emit_elementwise,
    get_cost,
    is_elementwise,
    split_exponential,
)
from pellucid.run.native.equations import Equation, Value
from pellucid.run.native.index_maps import get_default_fill, linear_index
from pellucid.run.native.loop_fission import Slot, Statement, assign_slots, merge_equal, remove_unused, split_body
from pellucid.run.native.matmul import DotGeneral
from pellucid.run.native.reductions import REDUCTIONS, emit_combination, emit_initial_value
from pellucid.run.native.simd_reductions import LANE_MASK, LaneAccumulators, emit_lane_mask, is_sum, skip_padding
from pellucid.run.native.value_ranges import find_subtracted_max

MAX_ELEMENTS = 180
"""Maximum number of elements per sample: C compilers take long for long loop bodies."""

MAX_BLOCK_BYTES = 16 * 1024
"""Maximum size of the arrays that pass values from loop to loop, which should stay in the L1 cache."""


class SimdEmitter:
    """Writes equations as loops over vectors of samples, with the elements of a sample as local variables."""

    @staticmethod
    def count_lanes(batch: BatchAxes, width: int) -> int:
        """Return the number of samples per iteration: two vectors, so that one computes while the other waits."""
        return width if batch.count <= width else 2 * width

    def __init__(self, emitter: ElementEmitter, batch: BatchAxes) -> None:
        if batch.num_elements > MAX_ELEMENTS:
            raise NotVectorizable("a sample has too many elements")
        self.emitter = emitter
        self.batch = batch
        self.max_cost: int | None = emitter.target.max_body_cost
        self.elements: dict[Value, Elements] = {}
        self.columns: dict[tuple[Value, int], Elements] = {}
        """Arrays that the current loop reads along an axis as long as the batch."""
        self.zero_padded: set[str] = set()
        """Elements that are 0 in the padding of the last vector."""
        self.body: list[Statement] = []
        self.accumulators: LaneAccumulators = LaneAccumulators(emitter, batch)

    def emit_lane_mask(self) -> None:
        """Write the lane mask, with 16 bits per lane for float32 samples.

        From the smallest type in the loop compilers choose the number of lanes, so this makes them use two vectors of
        floats.
        """
        emit_lane_mask(self.emitter, self.batch, "int16_t" if self.batch.lanes > MIN_SAMPLES else "int32_t")

    def emit_loop(self, equations: Sequence[Equation], spilled: Sequence[Value], stored: Sequence[Value]) -> None:
        """Write a loop over all samples.

        Later loops over samples read ``spilled``: each of their elements gets an array over the samples. ``stored`` are
        read as ordinary arrays.
        """
        self.body, self.accumulators, self.columns = [], LaneAccumulators(self.emitter, self.batch), {}
        known = set(self.elements)
        for e in equations:
            self.emit_equation(e)
        stores = [line for e in equations if e.result in stored for line in self.emit_stores(e.result)]
        spills: dict[Value, Elements] = {}
        for e in equations:
            if e.result in spilled:
                spills[e.result], lines = self.spill(e.result, self.elements[e.result])
                stores += lines
        self.accumulators.emit_initialization()
        self.emit_bodies([*self.body, *map(Statement, stores)])
        self.accumulators.emit_combination()
        for value in set(self.elements) - known:
            del self.elements[value]
        self.elements.update(spills)

    def emit_bodies(self, statements: Sequence[Statement]) -> None:
        """Write one loop over all samples, or several for each block of samples, which pass values through arrays."""
        writer, lanes = self.emitter.writer, self.batch.lanes
        bodies: Sequence[Sequence[Statement]] = [statements]
        slots: dict[str, Slot] = {}
        if self.max_cost is not None:
            bodies = split_body(merge_equal(remove_unused(statements)), self.max_cost)
            slots = assign_slots(bodies)
        groups = self.batch.padded_count // lanes
        group_bytes = lanes * sum(slot.dtype.itemsize for slot in set(slots.values()))
        block = max(1, min(groups, MAX_BLOCK_BYTES // max(group_bytes, 1)))
        arrays = {slot: writer.make_name("c") for slot in dict.fromkeys(slots.values())}
        for slot, array in arrays.items():
            self.emitter.declare_array(array, slot.dtype, block * lanes)
        single = block == groups
        passed = {name: f"{arrays[slot]}[{'l' if single else 'k'}]" for name, slot in slots.items()}
        with writer.loop(-(-groups // block)) as number:
            first = f"{number} * {block}"
            rest = f"({groups} - {first} < {block} ? {groups} - {first} : {block})" if groups % block else block
            for body in bodies:
                with writer.loop(rest) as group, writer.loop(lanes, "j", SIMD):
                    writer.add(f"const int32_t {'l' if single else 'k'} = (int32_t){group} * {lanes} + j;")
                    if not single:
                        writer.add(f"const int32_t l = k + (int32_t)({first}) * {lanes};")
                    self.emit_body(body, passed, slots)

    def emit_body(self, body: Sequence[Statement], passed: Mapping[str, str], slots: Mapping[str, Slot]) -> None:
        """Write statements, after copies of what earlier loops passed to them, and before copies for later loops."""
        writer = self.emitter.writer
        defined = {name for s in body for name in s.names}
        read = {name for s in body for name in s.find_identifiers()} - defined if passed else set()
        for name, place in passed.items():
            if name in read:
                writer.add(f"const {c_type(slots[name].dtype)} {name} = {place};")
        for s in body:
            writer.add(s.text)
        for name, place in passed.items():
            if name in defined:
                writer.add(f"{place} = {name};")

    def spill(self, value: Value, elements: Elements) -> tuple[Elements, list[str]]:
        """Declare an array over the samples for each element; return the elements in them, and the stores."""
        spilled, lines = np.empty_like(elements), []
        for place in np.ndindex(elements.shape):
            if elements[place] in self.zero_padded:
                spilled[place] = elements[place]
                continue
            name = self.emitter.writer.make_name(f"{value.name}_l")
            self.emitter.declare_array(name, value.dtype, self.batch.padded_count)
            spilled[place] = f"{name}[l]"
            lines.append(f"{name}[l] = {elements[place]};")
        return spilled, lines

    def load(self, value: Value) -> None:
        """Write the copy of a stored value into arrays over the samples."""
        self.elements[value] = self.load_columns(value, self.batch.axis[value])

    def load_columns(self, value: Value, axis: int) -> Elements:
        """Copy each element along an axis into an array over the samples, padded with zeros."""
        writer = self.emitter.writer
        columns, lines = self.spill(value, self.read_array(value, axis))
        with writer.loop(self.batch.count, "l", SIMD):
            writer.add(" ".join(lines))
        if self.batch.padded_count != self.batch.count:
            zeros = " ".join(f"{name} = 0;" for name in columns.ravel())
            writer.add(f"for (int64_t l = {self.batch.count}; l < {self.batch.padded_count}; l++) {{ {zeros} }}")
        self.zero_padded.update(columns.ravel())
        return columns

    def mask_padding(self, elements: Elements, dtype: np.dtype[np.generic]) -> Elements:
        """Return elements that are 0 in padding.

        Factors are masked and not their product, so that product and sum remain one FMA instruction.
        """
        if not self.batch.has_padding:
            return elements
        masked = elements.copy()
        for place, element in np.ndenumerate(elements):
            if element not in self.zero_padded:
                masked[place] = f"mask_lane_{dtype.name}({element}, {LANE_MASK}[l])"
        return masked

    def emit_stores(self, value: Value) -> list[str]:
        name = self.emitter.allocate(value)
        axis, elements = self.batch.axis[value], self.elements[value]
        lines = []
        for place in np.ndindex(elements.shape):
            indices = ["l" if a == axis else str(i) for a, i in enumerate(place)]
            store = f"{name}[{linear_index(value.shape, indices)}] = {elements[place]};"
            lines.append(skip_padding(self.batch, store))
        return lines

    def read_array(self, value: Value, axis: int | None) -> Elements:
        """Return the elements of a stored value; on ``axis`` only the one of the current sample."""
        elements = np.empty(get_sample_shape(value, axis), object)
        for place in np.ndindex(elements.shape):
            indices = ["l" if a == axis else str(i) for a, i in enumerate(place)]
            elements[place] = self.emitter.emit_element(value, indices)
        return elements

    def get_elements(self, value: Value, axis: int | None = None) -> Elements:
        """Return the elements of a value that a sample reads; ``axis`` is the axis that runs along the batch."""
        if value in self.elements:
            return self.elements[value]
        if axis is not None and 0 <= axis < value.ndim and value.shape[axis] == self.batch.count:
            if (value, axis) not in self.columns:
                self.columns[value, axis] = self.load_columns(value, axis)
            return self.columns[value, axis]
        return self.read_array(value, None)

    def add_variable(self, name: str, dtype: Any, element: str, cost: int = 1) -> None:
        text = f"const {c_type(dtype)} {name} = {element};"
        self.body.append(Statement(text, (name,), np.dtype(dtype), cost))

    def define(self, e: Equation, elements: Elements, cost: int = 1) -> None:
        """Write local variables for the elements of a result, each of an approximate cost in additions.

        Booleans and positions are int: one byte or eight per lane would make the compiler use shorter vectors.
        """
        dtype, form = e.result.dtype, "{}"
        if dtype.kind == "b":
            dtype, form = np.dtype(np.int32), "({}) != 0"
        elif e.name in ("argmax", "argmin"):
            dtype = np.dtype(np.int32)
        names = np.empty_like(elements)
        for k, place in enumerate(np.ndindex(elements.shape)):
            names[place] = name = f"{e.result.name}_{k}"
            self.add_variable(name, dtype, form.format(elements[place]), cost)
        self.elements[e.result] = names

    def emit_equation(self, e: Equation) -> None:
        if self.emit_exponentials_of_two(e):
            return
        if is_elementwise(e):
            axis = self.batch.axis[e.result]
            shape = get_sample_shape(e.result, axis)
            operands = [np.broadcast_to(self.get_elements(x, axis - e.result.ndim + x.ndim), shape) for x in e.inputs]
            elements = np.empty(shape, object)
            cost = 0
            for place in np.ndindex(shape):
                elements[place], cost = self.emit_element(e, [str(x[place]) for x in operands])
            self.define(e, elements, cost)
        elif e.name in REDUCTIONS:
            self.emit_reduction(e)
        elif e.name == "dot_general":
            self.emit_dot(e)
        elif e.name == "gather":
            self.emit_gather(e)
        elif e.name in ("argmax", "argmin"):
            self.emit_arg_extremum(e)
        else:
            self.elements[e.result] = move_elements(e, self.batch.axis[e.result], self.get_elements)

    def emit_exponential(self, halves: Halves, x: str, dtype: np.dtype[np.generic]) -> str:
        """Write the first half of an exponential function, and return the second."""
        argument = x
        for step in halves.steps:
            name = self.emitter.writer.make_name("t")
            self.add_variable(name, dtype, step.format(argument))
            argument = name
        q, w = (self.emitter.writer.make_name(letter) for letter in "qw")
        c = c_type(dtype)
        text = f"{c} {w}; const {c} {q} = {halves.first.format(argument, w=w)};"
        self.body.append(Statement(text, (q, w), dtype, FIRST_HALF_COST))
        return halves.second.format(x=x, q=q, w=w)

    def emit_exponentials_of_two(self, e: Equation) -> bool:
        """Write ``exp(x - max(x))`` of two elements as one exponential, and tell whether the equation is that.

        The exponential of the maximum is 1, or NaN if it is infinite.
        """
        maximum = find_subtracted_max(e.inputs[0]) if e.name == "exp" else None
        if maximum is None or maximum.inputs[0] not in self.elements:
            return False
        x, axes, batch_axis = maximum.inputs[0], tuple(maximum.params["axes"]), self.batch.axis[e.result]
        if [x.shape[a] for a in axes] != [2] or axes == (batch_axis,):
            return False
        pairs = np.moveaxis(self.elements[x], axes[0], -1)
        elements = np.empty(pairs.shape, object)
        absolute = "fabsf" if x.dtype.itemsize == 4 else "fabs"
        for place in np.ndindex(pairs.shape[:-1]):
            a, b = pairs[place]
            smaller = self.emitter.writer.make_name("t")
            self.add_variable(smaller, x.dtype, *self.emit_element(e, [f"(-{absolute}({a} - {b}))"]))
            for k, (one, other) in enumerate(((a, b), (b, a))):
                elements[(*place, k)] = f"({one} >= {other} ? 1 + ({one} - {one}) : {smaller})"
        self.define(e, np.moveaxis(elements, -1, axes[0]))
        return True

    def emit_element(self, e: Equation, operands: list[str]) -> tuple[str, int]:
        """Return the C expression of an element and its cost. Loops may be split in the middle of an exponential."""
        halves = split_exponential(e) if self.max_cost else None
        if halves is None:
            return emit_elementwise(e, operands), get_cost(e)
        return self.emit_exponential(halves, operands[0], e.result.dtype), halves.cost

    def emit_reduction(self, e: Equation) -> None:
        """Write a reduction, inside each sample or over the samples."""
        x, axes = self.get_elements(e.inputs[0]), tuple(e.params["axes"])
        kept = [a for a in range(x.ndim) if a not in axes]
        rows = x.transpose([*kept, *axes]).reshape(*[x.shape[a] for a in kept], -1)
        elements = np.empty(rows.shape[:-1], object)
        for place in np.ndindex(elements.shape):
            elements[place] = self.reduce_row(e, list(rows[place]))
        if e.result in self.batch.axis:
            self.define(e, elements, rows.shape[-1])
        else:
            self.accumulate(e, self.mask_padding(elements, e.result.dtype) if is_sum(e) else elements)

    def reduce_row(self, e: Equation, elements: Sequence[str]) -> str:
        operator = REDUCTIONS[e.name][0]
        if not elements:
            return emit_initial_value(e)
        if operator in "><":
            total = elements[0]
            for element in elements[1:]:
                name = self.emitter.writer.make_name("t")
                self.add_variable(name, e.result.dtype, emit_combination(e, total, element))
                total = name
            return total
        return f" {operator} ".join(elements)

    def accumulate(self, e: Equation, elements: Elements) -> None:
        name = self.emitter.allocate(e.result)
        for k, place in enumerate(np.ndindex(elements.shape)):
            line = self.accumulators.add(e, str(elements[place]), f"{name}[{k}]")
            self.body.append(Statement(line, accumulates=True))

    def emit_dot(self, e: Equation) -> None:
        """Write a product, summed inside each sample or over the samples."""
        p = DotGeneral.from_equation(e)
        operands = []
        for x, axes, other, other_axes in (
            (p.left, p.left_axes, p.right, p.right_axes),
            (p.right, p.right_axes, p.left, p.left_axes),
        ):
            axis = None
            if x not in self.batch.axis:
                for kind in ("batch", "sum"):
                    if self.batch.axis[other] in other_axes[kind]:
                        axis = axes[kind][other_axes[kind].index(self.batch.axis[other])]
            elements = self.get_elements(x, axis).transpose([*axes["batch"], *axes["free"], *axes["sum"]])
            num_kept = len(axes["batch"]) + len(axes["free"])
            operands.append(elements.reshape((*elements.shape[:num_kept], -1)))
        left, right = operands
        if e.result not in self.batch.axis:
            left, right = self.mask_padding(left, p.left.dtype), self.mask_padding(right, p.right.dtype)
        num_batch = len(p.left_axes["batch"])
        products = np.empty((*left.shape[:-1], *right.shape[num_batch:-1]), object)
        for place in np.ndindex(products.shape):
            b, m, n = place[:num_batch], place[num_batch : left.ndim - 1], place[left.ndim - 1 :]
            terms = zip(left[(*b, *m)], right[(*b, *n)], strict=True)
            products[place] = " + ".join(f"{x} * {y}" for x, y in terms) or c_literal(0, e.result.dtype)
        if e.result in self.batch.axis:
            self.define(e, products, 2 * left.shape[-1])
        else:
            self.accumulate(e, products)

    def emit_gather(self, e: Equation) -> None:
        """Write a gather inside each sample, as a selection among all its elements."""
        x, where = e.inputs
        [axis] = e.params["dimension_numbers"].start_index_map
        elements = np.moveaxis(self.get_elements(x), axis, -1)
        index = self.get_elements(where)[..., 0]
        batch_dims = e.params["dimension_numbers"].start_indices_batching_dims
        fill = e.params["fill_value"]
        fill_text = c_literal(get_default_fill(x.dtype) if fill is None else fill, x.dtype)
        if "FILL" not in str(e.params["mode"]):
            raise NotVectorizable("a gather clips its indices")
        found = np.empty(index.shape, object)
        for place in np.ndindex(index.shape):
            row = elements[tuple(min(place[s], n - 1) for s, n in zip(batch_dims, elements.shape[:-1], strict=True))]
            text = fill_text
            for k in range(len(row) - 1, -1, -1):
                text = f"({index[place]} == {k} ? {row[k]} : {text})"
            found[place] = text
        self.define(e, found.reshape(get_sample_shape(e.result, self.batch.axis[e.result])))

    def emit_arg_extremum(self, e: Equation) -> None:
        [axis] = e.params["axes"]
        rows = np.moveaxis(self.get_elements(e.inputs[0]), axis, -1)
        sign, is_real = (">" if e.name == "argmax" else "<"), e.inputs[0].dtype.kind == "f"
        positions = np.empty(rows.shape[:-1], object)
        for place in np.ndindex(positions.shape):
            best, position = rows[place][0], "0"
            for k, element in enumerate(rows[place][1:], 1):
                better, next_best, next_position = (self.emitter.writer.make_name("t") for _ in range(3))
                nan = f" || ({element} != {element} && {best} == {best})" if is_real else ""
                self.add_variable(better, np.int32, f"{element} {sign} {best}{nan}")
                self.add_variable(next_best, e.inputs[0].dtype, f"{better} ? {element} : {best}")
                self.add_variable(next_position, np.int32, f"{better} ? {k} : {position}")
                best, position = next_best, next_position
            positions[place] = position
        self.define(e, positions)


def get_sample_shape(v: Value, axis: int | None) -> tuple[int, ...]:
    """Return the shape of a value with length one on the batch axis."""
    return tuple(1 if a == axis else n for a, n in enumerate(v.shape))


def move_elements(e: Equation, axis: int, get_elements: Callable[[Value, int | None], Elements]) -> Elements:
    """Return the elements of a result that only moves elements, with length one on the batch axis.

    ``get_elements`` returns those of an operand, given the batch axis of the result if the operand has the same axes.
    """
    shape = get_sample_shape(e.result, axis)
    if e.name == "concatenate":
        parts = [np.broadcast_to(get_elements(v, axis), get_sample_shape(v, axis)) for v in e.inputs]
        return np.concatenate(parts, axis=e.params["dimension"])
    x = get_elements(e.inputs[0], None)
    if e.name == "broadcast_in_dim":
        wide = [1] * e.result.ndim
        for n, d in zip(x.shape, e.params["broadcast_dimensions"], strict=True):
            wide[d] = n
        return np.broadcast_to(x.reshape(wide), shape)
    if e.name in ("reshape", "squeeze"):
        return x.reshape(shape)
    if e.name == "transpose":
        return x.transpose(e.params["permutation"])
    if e.name == "rev":
        return np.flip(x, e.params["dimensions"])
    if e.name == "slice":
        strides = e.params["strides"] or (1,) * x.ndim
        spans = zip(e.params["start_indices"], e.params["limit_indices"], strides, strict=True)
        return x[tuple(slice(0, 1) if a == axis else slice(*span) for a, span in enumerate(spans))]
    assert e.name == "pad", e.name
    padded = np.full(shape, get_elements(e.inputs[1], None).item(), object)
    padding = zip(x.shape, e.params["padding_config"], strict=True)
    places = (slice(low, low + (n - 1) * (interior + 1) + 1, interior + 1) for n, (low, _, interior) in padding)
    padded[tuple(places)] = x
    return padded
