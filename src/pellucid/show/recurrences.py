r"""Helpers for printing a `scan` as a recurrence: :math:`h_t = f(x_t, h_{t-1})`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pellucid.graph.expr import Constant, Expr
from pellucid.graph.op_def import OUTPUT
from pellucid.graph.ops.index_spec import to_numpy_index
from pellucid.graph.printing import get_own_name
from pellucid.show.renderers import Names, Style


def is_scan(e: Expr) -> bool:
    return e.op is not None and e.op.name == "scan_loop"


def find_scan_result(e: Expr) -> tuple[Expr, int] | None:
    """Return the scan and the result index of an expression, or None if it is not a result of a scan."""
    if e.op is OUTPUT and is_scan(e.inputs[0]):
        return e.inputs[0], e.settings["index"]
    return (e, 0) if is_scan(e) and len(e.types) == 1 else None


def get_step_output(scan: Expr, result: int) -> tuple[int, bool]:
    """Return the step output of a scan result, and whether the result stacks all steps or is the last one."""
    kept = scan.settings["kept"]
    return (kept[result], True) if result < len(kept) else (result - len(kept), False)


def name_step_inputs(scan: Expr, outputs: Mapping[int, str], names: Names, style: Style) -> dict[Any, str]:
    """Name the inputs of a step: elements of sequences, states of the previous step, and outer expressions."""
    body, states, sequences = (scan.settings[key] for key in ("body", "states", "sequences"))
    previous = "t+1" if scan.settings["reverse"] else "t-1"
    inside: dict[Any, str] = {}
    for place, (inner, outer) in enumerate(zip(body.inputs, scan.inputs, strict=True)):
        if place < sequences:
            inside[inner] = write_element(*find_shifted_sequence(outer), names, style)
        elif place >= sequences + states:
            inside[inner] = write_atom(outer, names, style)
        elif place - sequences in outputs:
            inside[inner] = style.index(outputs[place - sequences], previous)
    return inside


def find_shifted_sequence(outer: Expr) -> tuple[Expr, str]:
    """Return the sequence and the index of a step input. The gradient of a scan reads states shifted by one step."""
    if outer.op is not None and outer.op.name == "slice":
        joined, (part, *rest) = outer.inputs[0], to_numpy_index(outer.settings["index"])
        is_full = all(isinstance(r, slice) and r == slice(None) for r in rest)
        if is_full and joined.op is not None and joined.op.name == "join" and len(joined.inputs) == 2:
            first, last = joined.inputs
            if part == slice(None, -1) and first.shape[0] == 1:
                return last, "t-1"
            if part == slice(1, None) and last.shape[0] == 1:
                return first, "t+1"
    return outer, "t"


def write_element(e: Expr, index: str, names: Names, style: Style, depth: int = 3) -> str:
    """Write an element of a sequence: an indexed name, or an elementwise op on elements."""
    source = e
    while source.op is not None and source.op.name in ("broadcast_like", "broadcast_to"):
        source = source.inputs[0]
    if isinstance(source, Constant) and not source.ndim:
        return style.write(source, names)
    if e in names or get_own_name(e) or e.op is None or not e.op.elementwise or not depth:
        return style.index(write_atom(e, names, style), index)
    sequences = [i for i in e.inputs if i.ndim == e.ndim]
    parts = {
        i: style.index(names[i], index) if i in names else write_element(i, index, names, style, depth - 1)
        for i in sequences
    }
    return style.parenthesize(style.write(e, {**names, **parts}))


def write_atom(e: Expr, names: Names, style: Style) -> str:
    """Write an expression so that it can take an index: by its name or in parentheses."""
    written = style.write(e, names)
    return written if e in names or get_own_name(e) or e.op is None else style.parenthesize(written)
