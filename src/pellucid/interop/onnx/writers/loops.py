"""Writers of loops and branches, whose bodies become subgraphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from pellucid.graph.expr import Expr
from pellucid.graph.subgraph import Subgraph
from pellucid.interop.onnx.decompositions import decompose
from pellucid.interop.onnx.writer import OnnxWriter, writes

Item = TypeVar("Item")


@writes("scan_loop")
def scan(w: OnnxWriter, e: Expr, *operands: str) -> str | tuple[str, ...]:
    """Scan; loop-invariant values are referenced by their outer name."""
    settings, body = e.settings, e.settings["body"]
    states, sequences = settings["states"], settings["sequences"]

    def split(values: Sequence[Item]) -> tuple[Sequence[Item], ...]:
        return values[:sequences], values[sequences : sequences + states], values[sequences + states :]

    (scanned, inits, fixed), (elements, hs, rest) = split(operands), split(body.inputs)
    given = {p: w.root.names.fresh(p.name or "x") for p in (*hs, *elements)}
    given.update(zip(rest, fixed, strict=True))
    outputs = [*body.outputs[:states], *(body.outputs[i] for i in settings["kept"])]
    graph = w.subgraph("step", body, given, [*hs, *elements], outputs)
    if not sequences:
        # Scan needs at least one sequence: scan over the iteration numbers.
        scanned = (w.constant(range(settings["length"]), "int64"),)
        graph.input.append(make_iteration_number(w.root.names.fresh("step_number")))
    direction = [int(settings["reverse"])]
    names = w.node_with_outputs(
        "Scan",
        *inits,
        *scanned,
        outputs=len(outputs),
        body=graph,
        num_scan_inputs=len(scanned),
        scan_input_directions=direction * len(scanned),
        scan_output_directions=direction * len(settings["kept"]) or None,
    )
    return unwrap((*names[states:], *names[:states]))


def unwrap(names: tuple[str, ...]) -> str | tuple[str, ...]:
    return names if len(names) > 1 else names[0]


def make_iteration_number(name: str) -> str:
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, TensorProto.INT64, [])


@writes("branch")
def branch(w: OnnxWriter, e: Expr, predicate: str, *operands: str) -> str | tuple[str, ...]:
    """If; both branches reference outer values by name."""
    graphs = {}
    for key, attribute in (("then", "then_branch"), ("otherwise", "else_branch")):
        body = e.settings[key]
        given = dict(zip(body.inputs, (predicate, *operands), strict=True))
        graphs[attribute] = w.subgraph(key, body, given, [], body.outputs)
    return unwrap(w.node_with_outputs("If", predicate, outputs=len(e.types), **graphs))


@writes("while_steps")
def loop(w: OnnxWriter, e: Expr, *operands: str) -> str | tuple[str, ...]:
    """Loop: ONNX evaluates the condition before the first iteration and after each."""
    from onnx import TensorProto, helper

    condition, step, states = e.settings["condition"], e.settings["step"], e.settings["states"]
    names, places = w.root.names, step.inputs
    fixed = dict(zip(places[states:], operands[states:], strict=True))
    inner = {p: names.fresh(p.name or "h") for p in places[:states]}
    graph = w.subgraph("step", step, {**inner, **fixed}, places[:states], step.outputs)
    # The condition is evaluated on the new states.
    inside = OnnxWriter(w)
    inside.scope = w.scope
    inside.nodes = list(graph.node)
    after = write_condition(inside, condition, [o.name for o in graph.output], operands[states:])
    number, before = make_iteration_number(names.fresh("step_number")), names.fresh("condition")
    declared = [number, helper.make_tensor_value_info(before, TensorProto.BOOL, []), *graph.input]
    returned = [helper.make_tensor_value_info(after, TensorProto.BOOL, []), *graph.output]
    body = helper.make_graph(inside.nodes, graph.name, declared, returned)
    first = write_condition(w, condition, operands[:states], operands[states:])
    return unwrap(w.node_with_outputs("Loop", "", first, *operands[:states], outputs=states, body=body))


def write_condition(w: OnnxWriter, body: Subgraph, states: Sequence[str], fixed: Sequence[str]) -> str:
    """Write the condition's graph into another graph."""
    given = dict(zip(body.inputs, (*states, *fixed), strict=True))
    [output] = decompose(body.outputs, stop=body.inputs)
    values, plan = dict(w.values), w.plan
    w.values.update(given)
    w.write([output], body.inputs)
    name = w.node("Identity", w.get_name(output))
    w.values, w.plan = values, plan
    return name
