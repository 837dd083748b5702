"""Programs run node by node, and stopped at the first nan or infinity with the story of how it came about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pellucid.graph.errors import NonFiniteError
from pellucid.graph.expr import Constant, Shared
from pellucid.graph.source_location import place_text
from pellucid.graph.types import Unknown
from pellucid.run.interpreter import NumpyProgram, in_order
from pellucid.run.node_values import brief, described, parts
from pellucid.run.nonfinite_trace import Finding, Inspection, bad_elements
from pellucid.run.output_history import History
from pellucid.run.program import Program

MOST_PASSED_ON = 6
"""How many of the expressions that passed it on are named."""

INSIDE = {"scan_loop": "step {} of scan", "while_steps": "step {} of while_loop", "branch": "a branch of cond"}
"""What the steps of an op with a graph inside are called."""


class GuardProgram(NumpyProgram):
    """A program that is interpreted, and refuses to make a nan or an infinity.

    An infinity that does no harm is let pass: one that reaches no result, and one that stands in the graph as a
    constant, as in a mask.
    """

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self.history: History | None = None

    def step(self, args: list[Any], watch: Any = None) -> tuple[list[Any], list[Any]]:
        """Compute outputs and new values, without keeping them.

        Raises
        ------
        NonFiniteError
            If a result is nan or infinite and was not meant to be.
        """
        seen = self.leaves(args)
        with np.errstate(all="ignore"):
            results = super().step(args, seen.__setitem__)
            found = Inspection(self.program.results, in_order(self.program.results, seen)).find()
        if found is not None:
            raise error_of(found, self.program, None if self.history is None else self.history.steps)
        return results

    def run(
        self, args: list[Any], steps: int, walk: bool, history: History, limit: Callable[[], int] | None = None
    ) -> Iterator[None]:
        """Run many steps one after the other, knowing which one it is."""
        self.history = history
        try:
            yield from super().run(args, steps, walk, history, limit)
        finally:
            self.history = None

    def shapes(self, args: list[Any], walk: bool) -> Any:
        """Return shape and dtype of every output of one step, whatever its values."""
        with np.errstate(all="ignore"):
            return NumpyProgram(self.program).shapes(args, walk)


def error_of(found: Finding, program: Program, step: int | None) -> NonFiniteError:
    """Tell the story of a nan or an infinity."""
    value = np.asarray(next(v for v in parts(found.value) if bad_elements(v).any()))
    what = str(value[found.place])
    lines = [heading(found, what, step)]
    sample = sample_text(found, program)
    count = int(bad_elements(value).sum())
    many = f"{count} of {value.size:,} elements are" if value.size > 1 else "its only element is"
    if value.ndim:
        lines.append(f"  first at {list(found.place)}{sample}; {many} nan or infinite")
    lines += [f"  from {line}" for line in dict.fromkeys(operand_lines(found))]
    if found.expr.op is not None and found.expr.origin:
        lines.append(f"  written at {place_text(found.expr.origin)}")
    if found.passed_on:
        named = [brief(e) for e in found.passed_on[:MOST_PASSED_ON]]
        more = len(found.passed_on) - len(named)
        lines.append(f"  only passed on by {', '.join(named)}{f' and {more} more' if more else ''}")
    reached = [brief(r) for r in program.outputs if r in {found.expr, *found.passed_on}]
    reached += [f"the update of {s}" for s, r in program.updates.items() if r in {found.expr, *found.passed_on}]
    if reached:
        lines.append(f"  and so reached {', '.join(reached)}")
    if program.updates:
        lines.append("  Shared variables are as they were before this step")
    error = NonFiniteError("\n".join(lines))
    error.finding = found  # type: ignore[attr-defined]
    return error


def heading(found: Finding, what: str, step: int | None) -> str:
    """Say what was made, by what, in which step."""
    where = "" if step is None else f" in step {step} of the loop (the first is 0)"
    where += "".join(f", in {INSIDE.get(name, 'step {} of ' + name).format(number)}" for name, number in found.steps)
    e = found.expr
    if isinstance(e, Shared):
        return f"The shared variable {e} itself was {what} before{where or ' this call'}"
    if e.op is None:
        at = f" at {list(found.place)}" if found.place else ""
        return f"{e} itself is {what}{at}{where}: the data, not the network"
    return f"{brief(e)} became {what}{where}"


def sample_text(found: Finding, program: Program) -> str:
    """Say which sample it is where the first axis is one that an input begins with, and what named sizes are there."""
    batches = {i.shape[0] for i in program.inputs if i.ndim and isinstance(i.shape[0], str)}
    e = found.expr
    if len(e.types) > 1:
        return ""
    if e.ndim and e.shape[0] in batches:
        return f", which is sample {found.place[0]}"
    named = zip(e.shape, found.place, strict=True)
    places = [f"{dim} = {at}" for dim, at in named if isinstance(dim, str) and not isinstance(dim, Unknown)]
    return f", which is {', '.join(places)}" if places else ""


def operand_lines(found: Finding) -> list[str]:
    """Return what the operands were: at that place for an elementwise op, or else in which range."""
    e = found.expr
    lines = []
    for source, operand in zip(e.inputs, found.operands, strict=True):
        if isinstance(source, Constant) and source.ndim == 0:
            continue
        if e.op is not None and e.op.elementwise:
            there = np.broadcast_to(operand, np.shape(found.value))[found.place]
            lines.append(f"{brief(source)} = {there}")
        else:
            lines += [f"{brief(source)}: {described(v)}" for v in parts(operand)]
    return lines
