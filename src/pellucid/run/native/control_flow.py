"""Loops and branches inside a step."""

from __future__ import annotations

from collections.abc import Collection

from pellucid.run.native.buffer_assignment import choose_buffers
from pellucid.run.native.element_emitter import ElementEmitter
from pellucid.run.native.elementwise import is_elementwise
from pellucid.run.native.equations import Block, Equation, Value


def emit_body(emitter: ElementEmitter, block: Block, arrays: list[str], skipped: Collection[Value] = ()) -> None:
    """Write the equations of a block whose inputs are stored in arrays, except those of skipped values."""
    for value, name in zip(block.inputs, arrays, strict=True):
        emitter.arrays[value] = name
    buffers = choose_buffers(block.equations, [v for v in block.outputs if v not in skipped])
    emitter.emit_block([e for e in block.equations if e.outputs[0] not in skipped], buffers.difference(skipped))


def find_in_place_updates(body: Block, carry: range) -> dict[Value, Value]:
    """Return new carries that can overwrite the old ones element by element: a dict from new to old.

    Nothing else may read the old carry, and nothing may read the new one.
    """
    updates = {}
    for k in carry:
        old, new = body.inputs[k], body.outputs[k - carry.start]
        e = new.producer
        readers = [r for r in body.equations if old in r.inputs]
        if (
            e in body.equations
            and is_elementwise(e)
            and readers == [e]
            and old.shape == new.shape
            and body.outputs.count(new) == 1
            and old not in body.outputs
            and not any(new in r.inputs for r in body.equations)
        ):
            updates[new] = old
    return updates


def store_operands(emitter: ElementEmitter, values: list[Value]) -> list[str]:
    """Return the arrays of some values, after storing those that have none."""
    names = []
    for value in values:
        name = emitter.arrays.get(value)
        if name is None:
            name = emitter.declare_array(emitter.writer.make_name("x"), value.dtype, value.size)
            emitter.store(name, value)
            if value.constant is None:
                emitter.arrays[value] = name
        names.append(name)
    return names


def emit_scan(emitter: ElementEmitter, e: Equation) -> None:
    writer, [body] = emitter.writer, e.blocks
    num_consts, num_carry, length = e.params["num_consts"], e.params["num_carry"], e.params["length"]
    end_of_carry = num_consts + num_carry
    operands = store_operands(emitter, e.inputs)
    carry, sequences = e.outputs[:num_carry], e.outputs[num_carry:]
    for c, start in zip(carry, operands[num_consts:end_of_carry], strict=True):
        emitter.emit_copy(emitter.allocate(c), start, c)
    for y in sequences:
        emitter.allocate(y)
    in_place = find_in_place_updates(body, range(num_consts, end_of_carry))
    with emitter.hoisting_from_here(set(operands[:num_consts])), writer.loop(length, writer.make_name()) as i:
        t = f"({length - 1} - {i})" if e.params["reverse"] else i
        elements = [
            f"({name} + {t} * {x.size // max(length, 1)})"
            for name, x in zip(operands[end_of_carry:], e.inputs[end_of_carry:], strict=True)
        ]
        carry_arrays = [emitter.arrays[c] for c in carry]
        emit_body(emitter, body, [*operands[:num_consts], *carry_arrays, *elements], in_place)
        for y, value in zip(sequences, body.outputs[num_carry:], strict=True):
            emitter.store_or_copy(f"({emitter.arrays[y]} + {t} * {y.size // max(length, 1)})", value)
        for c, new in zip(carry, body.outputs[:num_carry], strict=True):
            if new in in_place:
                emitter.store(emitter.arrays[c], new)
        copied = [(c, v) for c, v in zip(carry, body.outputs[:num_carry], strict=True) if v not in in_place]
        update_carry(emitter, [c for c, _ in copied], [v for _, v in copied])


def update_carry(emitter: ElementEmitter, carry: list[Value], new: list[Value]) -> None:
    """Copy new carries over the old ones, after all are computed."""
    names = []
    for value in new:
        name = None if value.producer is None else emitter.arrays.get(value)
        if name is None:
            name = emitter.declare_array(emitter.writer.make_name("x"), value.dtype, value.size)
            emitter.store_or_copy(name, value)
        names.append(name)
    for c, name in zip(carry, names, strict=True):
        emitter.emit_copy(emitter.arrays[c], name, c)


def emit_while(emitter: ElementEmitter, e: Equation) -> None:
    writer = emitter.writer
    blocks = dict(zip((k for k in e.params if k.endswith("_jaxpr")), e.blocks, strict=True))
    condition, body = blocks["cond_jaxpr"], blocks["body_jaxpr"]
    cond_consts, body_consts = e.params["cond_nconsts"], e.params["body_nconsts"]
    operands = store_operands(emitter, e.inputs)
    for c, start in zip(e.outputs, operands[cond_consts + body_consts :], strict=True):
        emitter.emit_copy(emitter.allocate(c), start, c)
    carry = [emitter.arrays[c] for c in e.outputs]
    with writer.block("for (;;)"):
        emit_body(emitter, condition, [*operands[:cond_consts], *carry])
        writer.add(f"if (!{emitter.emit_element(condition.outputs[0], [])}) break;")
        emit_body(emitter, body, [*operands[cond_consts : cond_consts + body_consts], *carry])
        update_carry(emitter, e.outputs, body.outputs)


def emit_cond(emitter: ElementEmitter, e: Equation) -> None:
    writer = emitter.writer
    which, *others = e.inputs
    operands = store_operands(emitter, others)
    for y in e.outputs:
        emitter.allocate(y)
    chosen = writer.make_name("t")
    writer.add(f"int64_t {chosen} = clamp_index({emitter.emit_element(which, [])}, {len(e.blocks) - 1});")
    for number, branch in enumerate(e.blocks):
        with writer.block(f"if ({chosen} == {number})"):
            emit_body(emitter, branch, operands)
            for y, value in zip(e.outputs, branch.outputs, strict=True):
                emitter.store_or_copy(emitter.arrays[y], value)
