r"""What is taken from a loop, written as few lines as it needs: only the states asked for, sums as :math:`\sum_t`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pellucid.graph.expr import Expr
from pellucid.graph.walk import topological
from pellucid.show.readable import loop_result, readable
from pellucid.show.recurrences import Line, Style, inside_names

QUIET = frozenset(["expand_dims", "squeeze", "transpose", "cast"])
"""Ops that are too little to be given a name for."""


class LoopForms:
    """The results of one loop that an expression uses, and the lines that define them.

    Parameters
    ----------
    loop : Expr
        The scan.
    wanted : list of int
        The places of the results.
    names : mapping from Expr to str
        Names of expressions outside.
    letters : dict from str to str
        The letters for ``"state"`` and ``"repeated"`` expressions of the step.
    style : Style
        How it is written.
    """

    def __init__(
        self, loop: Expr, wanted: list[int], names: Mapping[Any, str], letters: Mapping[str, str], style: Style
    ) -> None:
        self.loop, self.style, self.names = loop, style, names
        self.body, self.count = loop.settings["body"], len(loop.settings["body"].outputs)
        self.states, self.sequences = loop.settings["states"], loop.settings["sequences"]
        self.reverse = loop.settings["reverse"]
        self.formulas = [readable(e) for e in self.body.outputs]
        self.places = {k: k if k < self.count else k - self.count for k in wanted}
        self.sums = {
            k: term for k, place in self.places.items() if k >= self.count and (term := self.term(place)) is not None
        }
        self.lines: list[Line] = []
        self.written = self.write(letters)

    def term(self, place: int) -> Expr | None:
        """Return what each step adds to a state that is nothing but a sum."""
        state, formula = self.body.inputs[self.sequences + place], self.formulas[place]
        if formula.op is None or formula.op.name != "add" or not any(i is state for i in formula.inputs):
            return None
        rest = [i for i in formula.inputs if i is not state]
        if len(rest) != 1 or state in set(topological(rest)):
            return None
        return rest[0] if is_zero(self.loop.inputs[self.sequences + place]) else None

    def needed(self) -> list[int]:
        """Return the states that what is wanted depends on, one through another."""
        found: dict[int, None] = {}
        roots = [self.sums.get(k, self.formulas[place]) for k, place in self.places.items()]
        found.update({place: None for k, place in self.places.items() if k not in self.sums})
        while roots:
            inside = set(topological([roots.pop()]))
            for place in range(self.states):
                if self.body.inputs[self.sequences + place] in inside and place not in found:
                    found[place] = None
                    roots.append(self.formulas[place])
        return list(found)

    def write(self, letters: Mapping[str, str]) -> dict[int, str]:
        """Write the lines, and return how each result that is wanted is written."""
        needed, index = self.needed(), self.style.index
        results = {p: letters["state"] + (str(n) if len(needed) > 1 else "") for n, p in enumerate(needed, start=1)}
        inside = inside_names(self.loop, results, self.names, self.style)
        roots = [*(self.formulas[p] for p in needed), *self.sums.values()]
        for e in repeated(roots):
            self.lines.append((index(letters["repeated"], "t"), self.style.write(e, inside)))
            inside[e] = index(letters["repeated"], "t")
        first = "T+1" if self.reverse else "0"
        for place in needed:
            if place < self.states:
                start = self.loop.inputs[self.sequences + place]
                begun = "0" if is_zero(start) else self.style.write(start, self.names)
                self.lines.append((index(results[place], first), begun))
            self.lines.append((index(results[place], "t"), self.style.write(self.formulas[place], inside)))
        written = {}
        for k, place in self.places.items():
            if k in self.sums:
                written[k] = self.style.total(self.style.write(self.sums[k], inside))
            else:
                last = "1" if self.reverse else "T"
                written[k] = results[place] if k < self.count else index(results[place], last)
        return written


def repeated(roots: list[Expr]) -> list[Expr]:
    """Return the largest expression that stands at several places of a step, if there is one."""
    uses: dict[Expr, int] = {}
    order = topological(roots)
    for e in [*order, None]:
        for i in set(roots if e is None else e.inputs):
            uses[i] = uses.get(i, 0) + 1
    often = [e for e in order if uses.get(e, 0) > 1 and e.op is not None and e.op.name not in QUIET and e.inputs]
    return often[-1:]


def is_zero(e: Expr) -> bool:
    """Tell whether an expression is nothing but zeros."""
    while e.op is not None and e.op.name in ("broadcast_like", "broadcast_to", "cast"):
        e = e.inputs[0]
    value = getattr(e, "value", None)
    return (value is not None and not value.any()) or (e.op is not None and e.op.name in ("zeros_like", "zeros"))


def results_used(expr: Expr, names: Mapping[Any, str]) -> dict[Expr, list[int]]:
    """Return the loops whose results stand in an expression outside what is named, with the places of the results."""
    found: dict[Expr, list[int]] = {}
    for e in topological([expr], stop=[n for n in names if n is not expr]):
        result = loop_result(e)
        if result is not None and (e not in names or e is expr):
            places = found.setdefault(result[0], [])
            if result[1] not in places:
                places.append(result[1])
    return found
