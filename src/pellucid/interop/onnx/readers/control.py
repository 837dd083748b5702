"""Readers of control flow: If, Scan and Loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.expr import Constant, Expr, constant
from pellucid.graph.ops.closure_conversion import as_list
from pellucid.graph.ops.cond import cond
from pellucid.graph.ops.scan import scan
from pellucid.graph.ops.while_loops import while_loop
from pellucid.interop.onnx.errors import UnknownValueError
from pellucid.interop.onnx.reader import OnnxNode, reads
from pellucid.interop.onnx.symbolic import P
from pellucid.interop.onnx.tensors import to_array

if TYPE_CHECKING:
    from onnx import GraphProto


def get_body_inputs(n: OnnxNode, graph: GraphProto, count: int) -> list[str]:
    names = [i.name for i in graph.input]
    if len(names) != count:
        raise n.error(f"the subgraph takes {len(names)} inputs. Received: {count}")
    return names


@reads("If")
def if_(n: OnnxNode, condition: Expr) -> list[Expr]:
    """Conditional; a constant condition selects its branch on import."""
    yes, no = n.require("then_branch"), n.require("else_branch")
    if isinstance(condition, Constant):
        return n.reader.read_subgraph(yes if bool(condition.value.ravel()[0]) else no, {})
    one = condition if condition.ndim == 0 else P.reshape(condition, ())
    return as_list(cond(one, lambda: n.reader.read_subgraph(yes, {}), lambda: n.reader.read_subgraph(no, {})))


@reads("Scan")
def scan_(n: OnnxNode, *inputs: Expr) -> list[Expr]:
    if n.opset < 9:
        return scan_opset_8(n, *inputs)
    graph, count = n.require("body"), int(n.require("num_scan_inputs"))
    states = len(inputs) - count
    names = get_body_inputs(n, graph, len(inputs))
    axes = n.get("scan_input_axes", [0] * count)
    directions = n.get("scan_input_directions", [0] * count)
    sequences = []
    for x, axis, direction in zip(inputs[states:], axes, directions, strict=True):
        x = P.moveaxis(x, int(axis) % x.ndim, 0) if int(axis) % x.ndim else x
        sequences.append(P.flip(x, axis=0) if direction else x)

    def step(*given: Expr) -> list[Expr]:
        elements, h = given[:count], given[count:]
        return n.reader.read_subgraph(graph, dict(zip(names, (*h, *elements), strict=True)))

    made = as_list(scan(step, sequences, list(inputs[:states])))
    return [*(m[-1] for m in made[:states]), *arrange_scan_outputs(n, made[states:])]


def arrange_scan_outputs(n: OnnxNode, results: list[Expr]) -> list[Expr]:
    """Apply the direction and axis of each scan output."""
    axes = n.get("scan_output_axes", [0] * len(results))
    directions = n.get("scan_output_directions", [0] * len(results))
    found = []
    for e, axis, direction in zip(results, axes, directions, strict=True):
        e = P.flip(e, axis=0) if direction else e
        found.append(P.moveaxis(e, 0, int(axis) % e.ndim) if int(axis) % e.ndim else e)
    return found


def scan_opset_8(n: OnnxNode, *inputs: Expr | None) -> list[Expr]:
    """Read Scan of opset 8, whose inputs have a leading batch axis: one loop per sample."""
    graph, count = n.require("body"), int(n.require("num_scan_inputs"))
    lengths, *rest = inputs
    if lengths is not None or any(int(d) for d in n.get("directions", [])):
        raise n.error("Scan of opset 8 is supported in forward direction without sequence_lens only")
    given: list[Any] = list(rest)
    states = len(given) - count
    names = get_body_inputs(n, graph, len(given))
    (batch,) = n.require_known(given[0].shape[:1], "the batch size of a Scan of opset 8")

    def step(*now: Expr) -> list[Expr]:
        return n.reader.read_subgraph(graph, dict(zip(names, (*now[count:], *now[:count]), strict=True)))

    samples = []
    for b in range(batch):
        made = as_list(scan(step, [e[b] for e in given[states:]], [e[b] for e in given[:states]]))
        samples.append([*(m[-1] for m in made[:states]), *made[states:]])
    return [P.stack(list(parts), axis=0) for parts in zip(*samples, strict=True)]


@reads("Loop")
def loop(n: OnnxNode, trips: Expr | None = None, condition: Expr | None = None, *states: Expr) -> list[Expr]:
    graph = n.require("body")
    names = get_body_inputs(n, graph, 2 + len(states))
    extra = len(graph.output) - 1 - len(states)
    limit = n.reader.get_contents(trips) if trips is not None else None
    first = constant(np.array(True)) if condition is None else condition
    always = isinstance(first, Constant) and bool(first.value.ravel()[0])

    def body(number: Expr, condition: Expr, h: Sequence[Expr]) -> list[Expr]:
        return n.reader.read_subgraph(graph, dict(zip(names, (number, condition, *h), strict=True)))

    if limit is not None and always and has_true_condition(n, graph):
        return run_for_loop(n, int(limit.ravel()[0]), body, states)
    if extra and trips is not None and always and limit is None:
        raise n.unknown_value_error(0)
    if extra and condition is not None and not isinstance(condition, Constant):
        raise n.unknown_value_error(1)
    if extra:
        raise n.error(
            "the loop ends when a condition fails, so the sizes of its scan outputs are unknown before it runs. "
            "Such loops are not supported"
        )
    number, end = constant(np.int64(0)), None if trips is None else P.reshape(trips, ())

    def should_continue(i: Expr, condition: Expr, *h: Expr) -> Expr:
        return condition if end is None else condition & (i < end)

    def step(i: Expr, condition: Expr, *h: Expr) -> list[Expr]:
        condition, *new = body(i, condition, h)
        return [i + constant(np.int64(1)), P.reshape(condition, ()), *new]

    made = while_loop(should_continue, step, [number, P.reshape(first, ()), *states])
    return list(made)[2:]


def has_true_condition(n: OnnxNode, graph: GraphProto) -> bool:
    """Return whether the loop condition that the body returns is constant and true."""
    name, given = graph.output[0].name, graph.input[1].name
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in reversed(graph.node):
        if name in node.output and node.op_type == "Identity":
            name = node.input[0]
        elif name in node.output:
            if node.op_type != "Constant":
                return False
            constants[name] = node.attribute[0].t
    return bool(to_array(constants[name], n.reader.file).all()) if name in constants else bool(name == given)


MAX_UNROLLED = 100
"""Maximum trip count of a loop that is unrolled because shapes in its body depend on the iteration number."""


def unroll(count: int, body: Any, states: Any) -> list[Expr]:
    h, kept = list(states), []
    for i in range(count):
        made = body(constant(np.int64(i)), constant(np.array(True)), h)[1:]
        h = made[: len(states)]
        kept.append(made[len(states) :])
    return [*h, *(P.stack(list(parts), axis=0) for parts in zip(*kept, strict=True))]


def run_for_loop(n: OnnxNode, count: int, body: Any, states: Any) -> list[Expr]:
    """Run a loop with a known trip count."""
    if count < 1 and len(states) == len(n.outputs):
        return list(states)
    n.spend(max(count, 0), "the numbers of the iterations")
    numbers, yes = constant(np.arange(count)), constant(np.array(True))
    try:
        made: Any = scan(lambda i, *h: body(i, yes, h)[1:], [numbers], list(states))
    except UnknownValueError:
        if count > MAX_UNROLLED:
            raise
        return unroll(count, body, states)
    made = as_list(made)
    return [*(m[-1] for m in made[: len(states)]), *made[len(states) :]]
