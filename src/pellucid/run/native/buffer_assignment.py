"""Buffer assignment: which values of a step are stored in arrays, and which are computed where they are used."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.run.native.elementwise import get_cost, is_elementwise
from pellucid.run.native.equations import Equation, Value
from pellucid.run.native.index_maps import INDEX_MAPS, RESHAPES, STRIDED, has_same_axes

BRANCHING = ("gather", "concatenate", "stack", "pad", "dynamic_slice", "dynamic_update_slice")
"""Movements whose index map has conditions. Nested in each other, their expressions grow exponentially."""


def is_inlinable(e: Equation) -> bool:
    """Whether an element of the result can be computed where it is used."""
    return e.name in INDEX_MAPS or e.name == "split" or is_elementwise(e)


def choose_buffers(equations: Sequence[Equation], outputs: Sequence[Value]) -> set[Value]:
    """Return the values of a block that get arrays.

    These are outputs, values that are read several times and are not cheap, and operands of products and loops.
    """
    buffers = set(outputs)
    reads: dict[Value, float] = {}  # how often each element is read
    producers = {o: e for e in equations for o in e.outputs}
    for e in reversed(equations):
        inlinable = is_inlinable(e)
        for output in e.outputs:
            if inlinable and output not in buffers and is_worth_storing(e, reads.get(output, 0.0), producers):
                buffers.add(output)
        inlined = inlinable and e.outputs[0] not in buffers
        evaluations = sum(reads.get(o, 0.0) for o in e.outputs) if inlined else 1.0
        for x in dict.fromkeys(e.inputs):
            if e.name in ("scan", "while", "cond"):
                buffers.add(x)
            elif e.name == "dot_general":
                buffers.update(get_computed_operand(x, producers))
            per_element = evaluations * e.result.size / max(x.size, 1) if inlinable else 1.0
            reads[x] = reads.get(x, 0.0) + per_element
    return {v for v in buffers if v in producers}


def is_worth_storing(e: Equation, reads: float, producers: dict[Value, Equation]) -> bool:
    """Whether an inlinable value is stored: it is read more than once and costs more than a load."""
    nested = e.name in BRANCHING and any(x.producer is not None and x.producer.name in BRANCHING for x in e.inputs)
    if reads <= 1.0 and not nested:
        return False
    if e.name in INDEX_MAPS:
        return e.name in BRANCHING and (reads > 2 or nested)
    cheap = get_cost(e) <= 1 and all(x not in producers or producers[x].name in INDEX_MAPS for x in e.inputs)
    return not (cheap and reads <= 2.0)


def get_computed_operand(x: Value, producers: dict[Value, Equation]) -> list[Value]:
    """Return the value behind strided movements of a product's operand, if it must be computed before the product."""
    e = producers.get(x)
    while e is not None and e.name in STRIDED and (e.name not in RESHAPES or has_same_axes(x, e.inputs[0])):
        x = e.inputs[0]
        e = producers.get(x)
    return [x] if e is not None and is_inlinable(e) else []
