"""Loops and branches inside a step."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from pellucid.run.native.buffer_assignment import kept_values
from pellucid.run.native.elementwise import is_pointwise
from pellucid.run.native.equations import Block, Equation, Value

if TYPE_CHECKING:
    from pellucid.run.native.loop_nests import Plain


def _copy(plain: Plain, target: str, source: str, value: Value) -> None:
    plain.text.add(f"memcpy({target}, {source}, {value.size * value.dtype.itemsize});")


def inside(plain: Plain, block: Block, given: list[str], late: Collection[Value] = ()) -> None:
    """Write the equations of a block whose inputs lie in arrays; those that make what is late are left for later."""
    for value, name in zip(block.inputs, given, strict=True):
        plain.stored[value] = name
    kept = kept_values(block.equations, [v for v in block.outputs if v not in late])
    plain.block([e for e in block.equations if e.outputs[0] not in late], kept.difference(late))


def in_place(body: Block, carried: range) -> dict[Value, Value]:
    """Return which new states can be written over the old ones, element by element: new to old.

    Nothing else must read the old one, and nothing else the new one.
    """
    found = {}
    for k in carried:
        old, new = body.inputs[k], body.outputs[k - carried.start]
        e = new.maker
        readers = [r for r in body.equations if old in r.inputs]
        if (
            e in body.equations
            and is_pointwise(e)
            and readers == [e]
            and old.shape == new.shape
            and body.outputs.count(new) == 1
            and old not in body.outputs
            and not any(new in r.inputs for r in body.equations)
        ):
            found[new] = old
    return found


def result(plain: Plain, value: Value, target: str) -> None:
    """Put a block's output into an array."""
    if value in plain.stored:
        _copy(plain, target, plain.stored[value], value)
    else:
        plain.fill(target, value)


def arrays(plain: Plain, values: list[Value]) -> list[str]:
    """Return arrays that hold some values, making them where there are none."""
    found = []
    for value in values:
        if value not in plain.stored:
            name = plain.room(plain.text.fresh("x"), value.dtype, value.size)
            plain.fill(name, value)
            if value.constant is None:
                plain.stored[value] = name
            found.append(name)
        else:
            found.append(plain.stored[value])
    return found


def scan(plain: Plain, e: Equation) -> None:
    """Write a loop over the elements of sequences."""
    text, [body] = plain.text, e.blocks
    consts, carried, length = e.params["num_consts"], e.params["num_carry"], e.params["length"]
    start = arrays(plain, e.inputs)
    carries = e.outputs[:carried]
    for c, first in zip(carries, start[consts : consts + carried], strict=True):
        _copy(plain, plain.array(c), first, c)
    for y in e.outputs[carried:]:
        plain.array(y)
    written_over = in_place(body, range(consts, consts + carried))
    before = len(text.lines), text.depth, set(start[:consts])
    with text.loop(length, text.fresh()) as i, plain.outside(*before):
        t = f"({length - 1} - {i})" if e.params["reverse"] else i
        sequences = [
            f"({name} + {t} * {x.size // max(length, 1)})"
            for name, x in zip(start[consts + carried :], e.inputs[consts + carried :], strict=True)
        ]
        inside(plain, body, [*start[:consts], *[plain.stored[c] for c in carries], *sequences], written_over)
        for y, value in zip(e.outputs[carried:], body.outputs[carried:], strict=True):
            result(plain, value, f"({plain.stored[y]} + {t} * {y.size // max(length, 1)})")
        for c, new in zip(carries, body.outputs[:carried], strict=True):
            if new in written_over:
                plain.fill(plain.stored[c], new)
        rest = [(c, new) for c, new in zip(carries, body.outputs[:carried], strict=True) if new not in written_over]
        renew(plain, [c for c, _ in rest], [new for _, new in rest])


def renew(plain: Plain, carries: list[Value], new: list[Value]) -> None:
    """Put the new states in the place of the old ones, once all are there."""
    names = []
    for value in new:
        if value in plain.stored and value.maker is not None:
            names.append(plain.stored[value])
        else:
            name = plain.room(plain.text.fresh("x"), value.dtype, value.size)
            result(plain, value, name)
            names.append(name)
    for c, name in zip(carries, names, strict=True):
        _copy(plain, plain.stored[c], name, c)


def while_loop(plain: Plain, e: Equation) -> None:
    """Write a loop as long as a condition holds."""
    text = plain.text
    named = dict(zip((k for k in e.params if k.endswith("_jaxpr")), e.blocks, strict=True))
    condition, body = named["cond_jaxpr"], named["body_jaxpr"]
    of_condition, of_body = e.params["cond_nconsts"], e.params["body_nconsts"]
    start = arrays(plain, e.inputs)
    for c, first in zip(e.outputs, start[of_condition + of_body :], strict=True):
        _copy(plain, plain.array(c), first, c)
    states = [plain.stored[c] for c in e.outputs]
    text.add("for (;;) {")
    text.depth += 1
    inside(plain, condition, [*start[:of_condition], *states])
    text.add(f"if (!{plain.at(condition.outputs[0], [])}) break;")
    inside(plain, body, [*start[of_condition : of_condition + of_body], *states])
    renew(plain, e.outputs, body.outputs)
    text.depth -= 1
    text.add("}")


def cond(plain: Plain, e: Equation) -> None:
    """Write branches of which one is computed."""
    text = plain.text
    which, *given = e.inputs
    start = arrays(plain, given)
    for y in e.outputs:
        plain.array(y)
    chosen = text.fresh("t")
    text.add(f"int64_t {chosen} = clamped({plain.at(which, [])}, {len(e.blocks) - 1});")
    for number, branch in enumerate(e.blocks):
        text.add(f"if ({chosen} == {number}) {{")
        text.depth += 1
        inside(plain, branch, start)
        for y, value in zip(e.outputs, branch.outputs, strict=True):
            result(plain, value, plain.stored[y])
        text.depth -= 1
        text.add("}")


CONTROL: dict[str, Callable[[Plain, Equation], None]] = {"scan": scan, "while": while_loop, "cond": cond}
