"""NaN guard: interprets a program op by op, and stops at the first NaN or infinity with its origin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import NonFiniteError
from pellucid.graph.expr import Constant, Expr, Shared
from pellucid.graph.source_location import format_location
from pellucid.graph.types import Unknown
from pellucid.run.buffers import Buffer
from pellucid.run.graph_program import OutputHistory, Program, Shapes
from pellucid.run.interpreter import NumpyProgram, order_values
from pellucid.run.node_values import abbreviate, as_list, summarize
from pellucid.run.nonfinite_trace import NonFiniteFinding, NonFiniteTrace, is_nonfinite
from pellucid.typing import Array

MAX_PROPAGATED = 6
"""How many of the affected expressions an error lists."""

STEP_NAMES = {"scan_loop": "step {} of scan", "while_steps": "step {} of while_loop", "branch": "a branch of cond"}
"""Names of the steps of ops that contain graphs."""


class GuardProgram(NumpyProgram):
    """An interpreted program that raises an error for a harmful NaN or infinity."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self.history: OutputHistory | None = None

    def step(self, args: Sequence[Buffer], values: dict[Expr, Any] | None = None) -> tuple[list[Array], list[Array]]:
        """Compute outputs and new state, without keeping them. Raises `NonFiniteError` for NaN or infinity."""
        values = {} if values is None else values
        with np.errstate(all="ignore"):
            results = super().step(args, values)
            ordered = order_values(self.program.results, values)
            finding = NonFiniteTrace(self.program.results, ordered).find_origin()
        if finding is not None:
            raise make_error(finding, self.program, None if self.history is None else self.history.steps)
        return results

    def run(
        self,
        args: Sequence[Buffer],
        steps: int,
        walk: bool,
        history: OutputHistory,
        limit: Callable[[], int] | None = None,
    ) -> Iterator[None]:
        self.history = history
        try:
            yield from super().run(args, steps, walk, history, limit)
        finally:
            self.history = None

    def infer_shapes(self, args: Sequence[Buffer], walk: bool) -> Shapes:
        """Return shape and dtype of every output of one step, without checking its values."""
        with np.errstate(all="ignore"):
            return NumpyProgram(self.program).infer_shapes(args, walk)


def make_error(finding: NonFiniteFinding, program: Program, step: int | None) -> NonFiniteError:
    """Return the error for a finding: what, where, from which operands, and which results it reached."""
    value = np.asarray(next(v for v in as_list(finding.value) if is_nonfinite(v).any()))
    lines = [format_heading(finding, str(value[finding.position]), step)]
    count = int(is_nonfinite(value).sum())
    many = f"{count} of {value.size:,} elements are" if value.size > 1 else "its only element is"
    if value.ndim:
        sample = format_sample(finding, program)
        lines.append(f"  first at {list(finding.position)}{sample}; {many} nan or infinite")
    lines += [f"  from {line}" for line in dict.fromkeys(format_operands(finding))]
    if finding.expr.op is not None and finding.expr.origin:
        lines.append(f"  created at {format_location(finding.expr.origin)}")
    affected = finding.propagated_to
    if affected:
        names = [abbreviate(e) for e in affected[:MAX_PROPAGATED]]
        more = len(affected) - len(names)
        lines.append(f"  propagated by {', '.join(names)}{f' and {more} more' if more else ''}")
    reached = [abbreviate(r) for r in program.outputs if r in {finding.expr, *affected}]
    reached += [f"the update of {s}" for s, r in program.updates.items() if r in {finding.expr, *affected}]
    if reached:
        lines.append(f"  to {', '.join(reached)}")
    if program.updates:
        lines.append("  Shared variables have the values from before this step")
    lines.append(f"  fix: {finding.fix}")
    error = NonFiniteError("\n".join(lines))
    error.finding = finding  # type: ignore[attr-defined]
    return error


def format_heading(finding: NonFiniteFinding, value: str, step: int | None) -> str:
    where = "" if step is None else f" in step {step} of the loop (the first is 0)"
    for name, number in finding.loop_steps:
        where += f", in {STEP_NAMES.get(name, 'step {} of ' + name).format(number)}"
    e = finding.expr
    if isinstance(e, Shared):
        return f"The shared variable {e} was {value} before{where or ' this call'}"
    if e.op is None:
        at = f" at {list(finding.position)}" if finding.position else ""
        return f"The data contain {value}: {e} is {value}{at}{where}"
    return f"{abbreviate(e)} became {value}{where}"


def format_sample(finding: NonFiniteFinding, program: Program) -> str:
    """Return which sample of the batch the first element belongs to, or its position on named dimensions."""
    batch_dims = {i.shape[0] for i in program.inputs if i.ndim and isinstance(i.shape[0], str)}
    e = finding.expr
    if len(e.types) > 1:
        return ""
    if e.ndim and e.shape[0] in batch_dims:
        return f", which is sample {finding.position[0]}"
    pairs = zip(e.shape, finding.position, strict=True)
    named = [f"{dim} = {at}" for dim, at in pairs if isinstance(dim, str) and not isinstance(dim, Unknown)]
    return f", which is {', '.join(named)}" if named else ""


def format_operands(finding: NonFiniteFinding) -> list[str]:
    """Return the operands: their element at the position for an elementwise op, otherwise their range."""
    e = finding.expr
    lines = []
    for source, operand in zip(e.inputs, finding.operands, strict=True):
        if isinstance(source, Constant) and source.ndim == 0:
            continue
        if e.op is not None and e.op.elementwise:
            element = np.broadcast_to(operand, np.shape(finding.value))[finding.position]
            lines.append(f"{abbreviate(source)} = {element}")
        else:
            lines += [f"{abbreviate(source)}: {summarize(v)}" for v in as_list(operand)]
    return lines
