r"""Loops as recurrences: the step of a `scan` written as :math:`h_t = f(x_t, h_{t-1})`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from pellucid.graph.expr import Constant, Expr
from pellucid.graph.op_def import OUTPUT
from pellucid.graph.ops.index_spec import real_index
from pellucid.graph.printing import own_name

Write = Callable[[Expr, Mapping[Any, str]], str]
Line = tuple[str, str]
"""What is defined, and as what, in LaTeX."""


def indexed(name: str, index: str) -> str:
    r"""Give a name in LaTeX another index.

    Examples
    --------
    >>> indexed("h", "t"), indexed("h_{1}", "t-1")
    ('h_{t}', 'h_{1, t-1}')
    """
    return f"{name[:-1]}, {index}}}" if "_{" in name and name.endswith("}") else f"{name}_{{{index}}}"


def is_loop(e: Expr) -> bool:
    """Tell whether an expression is a loop whose step can be written as a recurrence."""
    return e.op is not None and e.op.name == "scan_loop"


def loop_result(e: Expr) -> tuple[Expr, int] | None:
    """Return the loop and the place of a result, if an expression is the result of a loop."""
    if e.op is OUTPUT and is_loop(e.inputs[0]):
        return e.inputs[0], e.settings["index"]
    return (e, 0) if is_loop(e) and len(e.types) == 1 else None


def output_of(loop: Expr, place: int) -> tuple[int, bool]:
    """Return which output of a loop's step a result is made of, and whether it is that of all steps or of the last."""
    kept = loop.settings["kept"]
    return (kept[place], True) if place < len(kept) else (place - len(kept), False)


def inside_names(loop: Expr, results: Mapping[int, str], names: Mapping[Any, str], style: Style) -> dict[Any, str]:
    """Name what a step is given: elements of sequences by an index, states by the step before, the rest as outside."""
    body, states, sequences = (loop.settings[key] for key in ("body", "states", "sequences"))
    before = "t+1" if loop.settings["reverse"] else "t-1"
    inside: dict[Any, str] = {}
    for place, (inner, outer) in enumerate(zip(body.inputs, loop.inputs, strict=True)):
        if place < sequences:
            inside[inner] = element(*shifted_from(outer), names, style)
        elif place >= sequences + states:
            inside[inner] = plain(outer, names, style)
        elif place - sequences in results:
            inside[inner] = style.index(results[place - sequences], before)
    return inside


def shifted_from(outer: Expr) -> tuple[Expr, str]:
    """Return of which sequence, and with what index, a step is given an element: states are given one step late."""
    if outer.op is not None and outer.op.name == "slice":
        joined, (part, *rest) = outer.inputs[0], real_index(outer.settings["index"])
        whole = all(isinstance(r, slice) and r == slice(None) for r in rest)
        if whole and joined.op is not None and joined.op.name == "join" and len(joined.inputs) == 2:
            first, last = joined.inputs
            if part == slice(None, -1) and first.shape[0] == 1:
                return last, "t-1"
            if part == slice(1, None) and last.shape[0] == 1:
                return first, "t+1"
    return outer, "t"


def element(e: Expr, index: str, names: Mapping[Any, str], style: Style, depth: int = 3) -> str:
    """Write an element of a sequence: a name with an index, or an op on elements where it takes them one by one."""
    same = e
    while same.op is not None and same.op.name in ("broadcast_like", "broadcast_to"):
        same = same.inputs[0]
    if isinstance(same, Constant) and not same.ndim:
        return style.write(same, names)
    if e in names or own_name(e) or e.op is None or not e.op.elementwise or not depth:
        return style.index(plain(e, names, style), index)
    parts = {i: element(i, index, names, style, depth - 1) for i in e.inputs if i.ndim == e.ndim and i not in names}
    parts.update({i: style.index(names[i], index) for i in e.inputs if i.ndim == e.ndim and i in names})
    return style.parenthesized(style.write(e, {**names, **parts}))


def plain(e: Expr, names: Mapping[Any, str], style: Style) -> str:
    """Write an expression that takes an index or stands in a product: by its name, or in parentheses."""
    written = style.write(e, names)
    return written if e in names or own_name(e) or e.op is None else style.parenthesized(written)


class Style(Protocol):
    """How recurrences are written: in LaTeX or in text."""

    write: Write

    def index(self, name: str, index: str) -> str:
        """Write an element of a sequence."""

    def numbered(self, name: str, number: int) -> str:
        """Write a letter with a number."""

    def parenthesized(self, written: str) -> str:
        """Write something in parentheses."""

    def total(self, written: str) -> str:
        """Write a sum over all steps."""


class Latex:
    """The notation of mathematics."""

    def __init__(self, write: Write) -> None:
        self.write = write

    def index(self, name: str, index: str) -> str:
        """Write an element of a sequence."""
        return indexed(name, index)

    def numbered(self, name: str, number: int) -> str:
        """Write a letter with a number."""
        return f"{name}_{{{number}}}"

    def parenthesized(self, written: str) -> str:
        """Write something in parentheses."""
        return rf"\left({written}\right)"

    def total(self, written: str) -> str:
        """Write a sum over all steps."""
        return rf"\sum_{{t}} {written}"


class Plain:
    """Python's notation, with steps counted from 1."""

    def __init__(self, write: Write) -> None:
        self.write = write

    def index(self, name: str, index: str) -> str:
        """Write an element of a sequence."""
        return f"{name}[{index}]"

    def numbered(self, name: str, number: int) -> str:
        """Write a letter with a number."""
        return f"{name}{number}"

    def parenthesized(self, written: str) -> str:
        """Write something in parentheses."""
        return f"({written})"

    def total(self, written: str) -> str:
        """Write a sum over all steps."""
        return f"sum over t of {written}"
