"""Lowering of scans to kernels: recurrent layers and their gradients, and other loops of the same kind.

A step may be anything that keeps rows (samples) separate: products of rows with loop-invariant matrices, and
elementwise functions. In the gradient of a layer, the gradients of the weights are sums over all rows and steps. They
leave the loop: it stacks their factors, and one product after the loop sums over both.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pellucid.graph.evaluate import LoweringContext, evaluate
from pellucid.graph.expr import Constant, Expr, Input
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.traversal import replace_all, topological
from pellucid.run.jax_runtime import jax
from pellucid.run.kernels import ffi
from pellucid.run.kernels.batch_sharding import Combine, add_parts, divides_evenly, is_sharded, shard_batch
from pellucid.run.kernels.recurrent_programs import RecurrentLoop, emit_recurrent_loop
from pellucid.run.native.errors import NotNative
from pellucid.run.native.jaxpr_reader import trace_step

if TYPE_CHECKING:
    from jax import Array as JaxArray

MIN_LOOP_MULTIPLICATIONS = 2**16
"""XLA runs loops with fewer multiplications: compiling a kernel would take longer than it saves."""

LINEAR_OPS = (
    "transpose",
    "reshape",
    "expand_dims",
    "squeeze",
    "slice",
    "join",
    "set_at",
    "add",
    "subtract",
    "negative",
)
"""Ops of which a sum over steps is the same as the op of the sums."""

Type = tuple[tuple[int, ...], str]
"""Shape and dtype of an array."""


@dataclass(frozen=True, eq=False)
class LoweredLoop:
    """A loop as a kernel.

    Attributes
    ----------
    code : str
        The C program.
    has_rows : list of bool, optional
        Which operands of the kernel have rows of samples. None if devices cannot divide them.
    multiplications : int
        The number of multiplications of its matrix products in one step.
    stacked : list of Expr
        The outputs of the step and the factors of totals that it stacks.
    stacked_types : list
        Their shapes and dtypes in one step.
    totals : dict from int to Expr
        For each state that is a sum over rows and steps, the term of a step. The kernel computes the other states.
    """

    code: str
    has_rows: list[bool] | None
    multiplications: int
    stacked: list[Expr]
    stacked_types: list[Type]
    totals: dict[int, Expr]


def scan_loop(node: Expr, context: LoweringContext) -> tuple[JaxArray, ...] | JaxArray | None:
    """Return the results of a scan, or None to leave it to XLA."""
    j, settings = jax(), node.settings
    body, sequences, states, kept = (settings[key] for key in ("body", "sequences", "states", "kept"))
    operands = [j.numpy.asarray(context.values[i]) for i in node.inputs]
    steps = len(operands[0]) if sequences else 0
    types = tuple((x.shape[1:] if i < sequences else x.shape, str(x.dtype)) for i, x in enumerate(operands))
    loop = lower_loop(body, sequences, states, tuple(kept), settings["reverse"], types) if steps else None
    if loop is None or steps * loop.multiplications < MIN_LOOP_MULTIPLICATIONS:
        return None
    row_states = [i for i in range(states) if i not in loop.totals]
    if is_sharded() and not can_shard(loop, types[sequences + row_states[0]][0][0]):
        return None
    used = [i for i in range(len(operands)) if i - sequences not in loop.totals]

    def run(*parts: JaxArray) -> list[JaxArray]:
        """Return the stacked results, the last states that have rows, and the sums that are added to the others."""
        rows = parts[used.index(sequences + row_states[0])].shape[:1]
        shapes = [j.ShapeDtypeStruct((steps, *rows, *shape[1:]), dtype) for shape, dtype in loop.stacked_types]
        last = [types[sequences + i] for i in row_states]
        shapes += [j.ShapeDtypeStruct((*rows, *shape[1:]), dtype) for shape, dtype in last]
        found = ffi.call_with_results(loop.code, shapes, *parts)
        values = {body.inputs[i]: part for i, part in zip(used, parts, strict=True)}
        values.update(zip(loop.stacked, found, strict=False))
        return [*found, *(sum_over_steps(added, body, sequences, states, values) for added in loop.totals.values())]

    axes = [int(i < sequences) if rows else None for i, rows in zip(used, loop.has_rows or [], strict=False)]
    result_axes: list[int | Combine | None] = [
        *[1] * len(loop.stacked),
        *[0] * len(row_states),
        *[add_parts] * len(loop.totals),
    ]
    found = list(shard_batch(run, [operands[i] for i in used], axes, result_axes))
    values = {e: found.pop(0) for e in loop.stacked}
    last = {i: found.pop(0) for i in row_states}
    last |= {i: operands[sequences + i] + found.pop(0) for i in loop.totals}
    results = (*(values[body.outputs[i]] for i in kept), *(last[i] for i in range(states)))
    return results if len(results) > 1 else results[0]


def can_shard(loop: LoweredLoop, batch: int) -> bool:
    """Whether devices can divide a loop. Sums over rows must not include those that fill up an uneven batch."""
    return loop.has_rows is not None and (divides_evenly(batch) or not loop.totals)


@functools.lru_cache(maxsize=256)
def lower_loop(
    body: Subgraph, sequences: int, states: int, kept: tuple[int, ...], reverse: bool, types: tuple[Type, ...]
) -> LoweredLoop | None:
    """Return the kernel of a loop, given the types of the elements of its sequences and of its other operands."""
    totals = {i: added for i in range(states) if (added := match_total(body, sequences, i)) is not None}
    row_states = [i for i in range(states) if i not in totals]
    if not row_states or totals.keys() & set(kept) or not types[sequences + row_states[0]][0]:
        return None
    try:
        factors = [f for added in totals.values() for f in find_factors(added, body, sequences, states)]
        elements = set(body.inputs[:sequences])
        stacked = list(dict.fromkeys([*(body.outputs[i] for i in kept), *(f for f in factors if f not in elements)]))
        inputs = [e for i, e in enumerate(body.inputs) if i - sequences not in totals]
        outputs = [*(body.outputs[i] for i in row_states), *stacked]
        j = jax()
        block = trace_step(
            lambda *values: evaluate(j.numpy, outputs, dict(zip(inputs, values, strict=True))),
            *(j.ShapeDtypeStruct(*t) for i, t in enumerate(types) if i - sequences not in totals),
        )
        batch = types[sequences + row_states[0]][0][0]
        loop = RecurrentLoop(block, sequences, len(row_states), batch, reverse)
        program = emit_recurrent_loop(loop)
    except NotNative:
        return None
    stacked_types = [(v.shape, str(v.dtype)) for v in loop.stacked]
    return LoweredLoop(*program, loop.multiplications, stacked, stacked_types, totals)


def match_total(body: Subgraph, sequences: int, index: int) -> Expr | None:
    """Return the expression that a step adds to a state, if it does nothing else with the state; otherwise None."""
    state, new = body.inputs[sequences + index], body.outputs[index]
    if new.op is None or new.op.name != "add" or state not in set(new.inputs):
        return None
    added = new.inputs[new.inputs[0] is state]  # the state itself if it is added twice
    others = [added, *(e for i, e in enumerate(body.outputs) if i != index)]
    return None if state in set(topological(others)) else added


def find_row_values(root: Expr, body: Subgraph, sequences: int, states: int) -> set[Expr]:
    """Return the values below an expression that depend on an element of a sequence or on a state."""
    found = set(body.inputs[: sequences + states])
    for e in topological([root]):
        if found.intersection(e.inputs):
            found.add(e)
    return found


def find_factors(added: Expr, body: Subgraph, sequences: int, states: int) -> list[Expr]:
    """Return the row values of which an expression is a sum over rows. Raises `NotNative` if it is none."""
    rows = find_row_values(added, body, sequences, states)
    factors, pending = list[Expr](), [added]
    while pending:
        e = pending.pop()
        name = e.op.name if e.op is not None else ""
        if name == "matmul" and (left := get_transposed(e.inputs[0])) is not None and {left, e.inputs[1]} <= rows:
            factors += [left, e.inputs[1]]
        elif name == "sum" and 0 in e.settings["axis"] and e.inputs[0] in rows:
            factors.append(e.inputs[0])
        elif name in LINEAR_OPS and all(i in rows or is_zero(i) for i in e.inputs):
            pending += [i for i in e.inputs if i in rows]
        else:
            raise NotNative("a state is not a sum over rows")
    return factors


def get_transposed(e: Expr) -> Expr | None:
    """Return the matrix of which an expression is the transpose, or None."""
    is_transpose = e.op is not None and e.op.name == "transpose" and e.ndim == 2
    return e.inputs[0] if is_transpose and e.settings["axes"] == (1, 0) else None


def is_zero(e: Expr) -> bool:
    while e.op is not None and e.op.name == "broadcast_like":
        e = e.inputs[0]
    return isinstance(e, Constant) and not np.any(e.value)


def sum_over_steps(
    added: Expr, body: Subgraph, sequences: int, states: int, values: Mapping[Expr, JaxArray]
) -> JaxArray:
    """Return the sum of an expression over all steps, from its factors with the rows of all steps on one axis."""
    merged: dict[Expr, JaxArray] = dict(values)
    inputs: dict[Expr, Expr] = {}
    for factor in find_factors(added, body, sequences, states):
        value = values[factor].reshape(-1, *values[factor].shape[2:])
        inputs[factor] = Input(factor.name or "rows", value.shape, str(value.dtype))
        merged[inputs[factor]] = value
    result: JaxArray = evaluate(jax().numpy, replace_all([added], inputs), merged)[0]
    return result
