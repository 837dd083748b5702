r"""Loops as recurrences: the step of a `scan` written as :math:`h_t = f(x_t, h_{t-1})`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from pellucid.graph.expr import Expr
from pellucid.graph.op import OUTPUT, Body, output
from pellucid.graph.ops.indices import real_index
from pellucid.graph.text import own_name
from pellucid.graph.walk import topological
from pellucid.show.letters import name_tex

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


def loops_in(outputs: Iterable[Expr]) -> list[Expr]:
    """Return the scans in a graph, in the order in which they run."""
    return [e for e in topological(outputs) if e.op is not None and isinstance(e.settings.get("body"), Body)]


def result_names(loop: Expr, names: Mapping[Any, str]) -> dict[Expr, str]:
    """Name what a loop stacks: as given, or h (g for one that runs backwards, as gradients do), h1, ..., and o."""
    body, states = loop.settings["body"], loop.settings["states"]
    leaves = [name_tex(e.name) for e in topological([loop]) if e.name]
    used, found = {*names.values(), *leaves}, {}
    for place in range(len(body.outputs)):
        stacked = output(loop, place)
        letter = "o" if place >= states else "g" if loop.settings["reverse"] else "h"
        found[stacked] = names.get(stacked) or fresh(letter, used)
        used.add(found[stacked])
    return found


def fresh(letter: str, used: set[str]) -> str:
    """Return a letter, with a number if need be, that is not in use."""
    candidates = itertools.chain([letter], (name_tex(f"{letter}{number}") for number in itertools.count(1)))
    return next(name for name in candidates if name not in used)


def stacked_by(loops: Iterable[Expr]) -> set[Expr]:
    """Return what loops stack, which their steps define."""
    return {output(loop, place) for loop in loops for place in range(len(loop.settings["body"].outputs))}


def last_states(e: Expr, names: Mapping[Any, str]) -> dict[Any, str]:
    """Name the last states of loops in an expression after what the loops stack: h with the index T."""
    found: dict[Any, str] = {}
    for node in topological([e]):
        if node.op is OUTPUT and isinstance(body := node.inputs[0].settings.get("body"), Body):
            loop, place = node.inputs[0], node.settings["index"] - len(body.outputs)
            if place >= 0 and output(loop, place) in names:
                found[node] = indexed(names[output(loop, place)], "1" if loop.settings["reverse"] else "T")
    return found


def step_lines(loop: Expr, names: Mapping[Any, str], write: Write) -> list[Line]:
    """Write the first states and one step of a loop.

    Parameters
    ----------
    loop : Expr
        The scan.
    names : mapping from Expr to str
        The names of expressions, those of `result_names` among them.
    write : function
        Writes an expression in terms of names.

    Returns
    -------
    list of (str, str)
        What is defined, and as what.
    """
    body, states, sequences = (loop.settings[key] for key in ("body", "states", "sequences"))
    results = [names[output(loop, place)] for place in range(len(body.outputs))]
    inside = inside_names(loop, dict(enumerate(results)), names, Latex(write))
    starts = loop.inputs[sequences : sequences + states]
    first = "T+1" if loop.settings["reverse"] else "0"
    lines = [(indexed(r, first), write(e, names)) for r, e in zip(results, starts, strict=False)]
    for result, e in zip(results, body.outputs, strict=True):
        lines.append((indexed(result, "t"), write(e, inside)))
        # What a step returns first may be used by what it returns after.
        inside.setdefault(e, indexed(result, "t"))
    return lines


def inside_names(loop: Expr, results: Mapping[int, str], names: Mapping[Any, str], style: Style) -> dict[Any, str]:
    """Name what a step is given: elements of sequences by an index, states by the step before, the rest as outside."""
    body, states, sequences = (loop.settings[key] for key in ("body", "states", "sequences"))
    before = "t+1" if loop.settings["reverse"] else "t-1"
    inside: dict[Any, str] = {}
    for place, (inner, outer) in enumerate(zip(body.inputs, loop.inputs, strict=True)):
        if place < sequences:
            source, index = shifted_from(outer)
            inside[inner] = style.index(plain(source, names, style), index)
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


def plain(e: Expr, names: Mapping[Any, str], style: Style) -> str:
    """Write an expression that takes an index or stands in a product: by its name, or in parentheses."""
    written = style.write(e, names)
    return written if e in names or own_name(e) or e.op is None else style.parenthesized(written)


class Style(Protocol):
    """How recurrences are written: in LaTeX or in text."""

    write: Write

    def index(self, name: str, index: str) -> str:
        """Write an element of a sequence."""

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

    def parenthesized(self, written: str) -> str:
        """Write something in parentheses."""
        return f"({written})"

    def total(self, written: str) -> str:
        """Write a sum over all steps."""
        return f"sum over t of {written}"
