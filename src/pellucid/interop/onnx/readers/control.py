"""Choices and loops: graphs inside a node."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.decomposition import symbolic as P
from pellucid.graph.expr import Constant, Expr, constant
from pellucid.graph.ops.cond import cond
from pellucid.graph.ops.scan import scan
from pellucid.graph.ops.while_loops import while_loop
from pellucid.interop.onnx.errors import UnknownValueError
from pellucid.interop.onnx.reader import Node, reads


def inner_inputs(n: Node, graph: Any, count: int) -> list[str]:
    """Return the names of what a graph inside is given."""
    names = [i.name for i in graph.input]
    if len(names) != count:
        raise n.error(f"the graph inside takes {len(names)} inputs, and is given {count}")
    return names


@reads("If")
def if_(n: Node, condition: Expr) -> Any:
    """One of two graphs; the one that is meant, where that is known."""
    yes, no = n.needs("then_branch"), n.needs("else_branch")
    if isinstance(condition, Constant):
        return n.reader.inside(yes if bool(condition.value.ravel()[0]) else no, {})
    one = condition if condition.ndim == 0 else P.reshape(condition, ())
    made = cond(one, lambda: n.reader.inside(yes, {}), lambda: n.reader.inside(no, {}))
    return list(made) if isinstance(made, (list, tuple)) else [made]


@reads("Scan")
def scan_(n: Node, *inputs: Expr) -> Any:
    """A loop along sequences."""
    if n.opset < 9:
        return old_scan(n, *inputs)
    graph, count = n.needs("body"), int(n.needs("num_scan_inputs"))
    states = len(inputs) - count
    names = inner_inputs(n, graph, len(inputs))
    axes = n.get("scan_input_axes", [0] * count)
    ways = n.get("scan_input_directions", [0] * count)
    sequences = []
    for x, axis, way in zip(inputs[states:], axes, ways, strict=True):
        turned = P.moveaxis(x, int(axis) % x.ndim, 0) if int(axis) % x.ndim else x
        sequences.append(P.flip(turned, axis=0) if way else turned)

    def step(*given: Any) -> list[Any]:
        elements, h = given[:count], given[count:]
        return n.reader.inside(graph, dict(zip(names, (*h, *elements), strict=True)))

    made = scan(step, sequences, list(inputs[:states]))
    made = list(made) if isinstance(made, (list, tuple)) else [made]
    return [*(m[-1] for m in made[:states]), *stacked(n, made[states:])]


def stacked(n: Node, results: list[Any]) -> list[Any]:
    """Put what a loop stacked in the order and along the axis that the file says."""
    axes = n.get("scan_output_axes", [0] * len(results))
    ways = n.get("scan_output_directions", [0] * len(results))
    found = []
    for e, axis, way in zip(results, axes, ways, strict=True):
        turned = P.flip(e, axis=0) if way else e
        found.append(P.moveaxis(turned, 0, int(axis) % e.ndim) if int(axis) % e.ndim else turned)
    return found


def old_scan(n: Node, *inputs: Expr | None) -> Any:
    """Run the first version of a loop, in which a batch stands before the sequences: each sample by itself."""
    graph, count = n.needs("body"), int(n.needs("num_scan_inputs"))
    lengths, *rest = inputs
    if lengths is not None or any(int(d) for d in n.get("directions", [])):
        raise n.error("a loop of version 8 is read where it goes forwards through whole sequences")
    given: list[Any] = list(rest)
    states = len(given) - count
    names = inner_inputs(n, graph, len(given))
    batch = given[0].shape[0]
    if not isinstance(batch, int):
        raise n.error("a loop of version 8 is read where the size of its batch is known")
    samples = []
    for b in range(batch):

        def step(*now: Any) -> list[Any]:
            return n.reader.inside(graph, dict(zip(names, (*now[count:], *now[:count]), strict=True)))

        made = scan(step, [e[b] for e in given[states:]], [e[b] for e in given[:states]])
        made = list(made) if isinstance(made, (list, tuple)) else [made]
        samples.append([*(m[-1] for m in made[:states]), *made[states:]])
    return [P.stack(list(parts), axis=0) for parts in zip(*samples, strict=True)]


@reads("Loop")
def loop(n: Node, trips: Expr | None = None, going: Expr | None = None, *states: Expr) -> Any:
    """A loop of so many steps, or as long as a condition holds, or both."""
    graph = n.needs("body")
    names = inner_inputs(n, graph, 2 + len(states))
    extra = len(graph.output) - 1 - len(states)
    limit = n.reader.contents(trips) if trips is not None else None
    first = constant(np.array(True)) if going is None else going
    always = isinstance(first, Constant) and bool(first.value.ravel()[0])

    def body(number: Any, condition: Any, h: Any) -> list[Any]:
        return n.reader.inside(graph, dict(zip(names, (number, condition, *h), strict=True)))

    if limit is not None and always and keeps_going(n, graph, states):
        return counted(n, int(limit.ravel()[0]), body, states)
    if extra and trips is not None and always and limit is None:
        raise n.unknown(0)
    if extra and going is not None and not isinstance(going, Constant):
        raise n.unknown(1)
    if extra:
        raise n.error(
            "it stops when a condition fails and stacks what each step makes, so that the size of its result is known "
            "only when it runs; such loops cannot be read"
        )
    number, end = constant(np.int64(0)), None if trips is None else P.reshape(trips, ())

    def holds(i: Any, condition: Any, *h: Any) -> Any:
        return condition if end is None else condition & (i < end)

    def step(i: Any, condition: Any, *h: Any) -> list[Any]:
        still, *new = body(i, condition, h)
        return [i + constant(np.int64(1)), P.reshape(still, ()), *new]

    made = while_loop(holds, step, [number, P.reshape(first, ()), *states])
    return list(made)[2:]


def keeps_going(n: Node, graph: Any, states: Any) -> bool:
    """Tell whether the condition that a loop hands on is always that it goes on."""
    name, given = graph.output[0].name, graph.input[1].name
    for node in reversed(graph.node):
        if name in node.output:
            if node.op_type == "Identity":
                name = node.input[0]
                continue
            if node.op_type != "Constant":
                return False
            from pellucid.interop.onnx.tensors import array_of

            return bool(array_of(node.attribute[0].t, n.reader.file).all())
    for tensor in graph.initializer:
        if tensor.name == name:
            from pellucid.interop.onnx.tensors import array_of

            return bool(array_of(tensor, n.reader.file).all())
    return bool(name == given)


MOST_UNROLLED = 100
"""How many steps are written one after the other, where the number of a step decides what its result looks like."""


def unrolled(count: int, body: Any, states: Any) -> list[Any]:
    """Write the steps of a loop one after the other."""
    h, kept = list(states), []
    for i in range(count):
        made = body(constant(np.int64(i)), constant(np.array(True)), h)[1:]
        h = made[: len(states)]
        kept.append(made[len(states) :])
    return [*h, *(P.stack(list(parts), axis=0) for parts in zip(*kept, strict=True))]


def counted(n: Node, count: int, body: Any, states: Any) -> list[Any]:
    """Run a loop of a known number of steps."""
    numbers, yes = constant(np.arange(count)), constant(np.array(True))
    try:
        made: Any = scan(lambda i, *h: body(i, yes, h)[1:], [numbers], list(states))
    except UnknownValueError:
        if count > MOST_UNROLLED:
            raise
        return unrolled(count, body, states)
    made = list(made) if isinstance(made, (list, tuple)) else [made]
    return [*(m[-1] for m in made[: len(states)]), *made[len(states) :]]
