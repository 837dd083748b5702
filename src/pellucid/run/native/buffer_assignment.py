"""Which values of a step get arrays, and which are computed where they are used."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.run.native.elementwise import cost_of, is_pointwise
from pellucid.run.native.equations import Equation, Value
from pellucid.run.native.index_maps import RESHAPES, STRIDED, VIEWS, same_axes

BRANCHING = ("gather", "concatenate", "pad", "dynamic_slice", "dynamic_update_slice")
"""Views for which an element is looked for: one inside the other they grow long."""


def is_simple(e: Equation) -> bool:
    """Tell whether an element of a result can be written where it is used."""
    return e.name in VIEWS or e.name == "split" or is_pointwise(e)


def kept_values(equations: Sequence[Equation], outputs: Sequence[Value]) -> set[Value]:
    """Return which values are worth an array: results, what is read several times, and operands of products and loops.

    The equations are those of one block. What an element costs is counted roughly; what only moves elements is never
    stored for its own sake.
    """
    kept = set(outputs)
    reads: dict[Value, float] = {}
    made = {o: e for e in equations for o in e.outputs}
    for e in reversed(equations):
        simple = is_simple(e)
        for output in e.outputs:
            if simple and output not in kept and worth_storing(e, reads.get(output, 0.0), made):
                kept.add(output)
        often = sum(reads.get(o, 0.0) for o in e.outputs) if simple and e.outputs[0] not in kept else 1.0
        size = e.result.size if simple else 0
        for x in dict.fromkeys(e.inputs):
            if e.name in ("scan", "while", "cond"):
                kept.add(x)
            elif e.name == "dot_general":
                kept.update(before_product(x, made))
            part = often * size / max(x.size, 1) if simple else 1.0
            reads[x] = reads.get(x, 0.0) + part
    return {v for v in kept if v in made}


def worth_storing(e: Equation, reads: float, made: dict[Value, Equation]) -> bool:
    """Tell whether a simple value is stored: it is read more than once and costs more than a look."""
    nested = e.name in BRANCHING and any(x.maker is not None and x.maker.name in BRANCHING for x in e.inputs)
    if reads <= 1.0 and not nested:
        return False
    if e.name in VIEWS:
        return e.name in BRANCHING and (reads > 2 or nested)
    cheap = cost_of(e) <= 1 and all(x not in made or made[x].name in VIEWS for x in e.inputs)
    return not (cheap and reads <= 2.0)


def before_product(x: Value, made: dict[Value, Equation]) -> list[Value]:
    """Return what has to be computed before a product reads an operand: if that only looks at an array, the array."""
    e = made.get(x)
    while e is not None and e.name in STRIDED and (e.name not in RESHAPES or same_axes(x, e.inputs[0])):
        x = e.inputs[0]
        e = made.get(x)
    return [x] if e is not None and is_simple(e) else []
