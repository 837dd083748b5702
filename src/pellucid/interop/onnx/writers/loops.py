"""Writers of loops and branches, whose bodies become subgraphs."""

from __future__ import annotations

from typing import Any

from pellucid.graph.expr import Expr
from pellucid.interop.onnx.writer import OnnxWriter, writes


@writes("scan_loop")
def scan(w: OnnxWriter, e: Expr, *operands: str) -> Any:
    """Scan; loop-invariant values are referenced by their outer name."""
    settings, body = e.settings, e.settings["body"]
    states, sequences = settings["states"], settings["sequences"]
    walked, inits, fixed = (
        operands[:sequences],
        operands[sequences : sequences + states],
        operands[sequences + states :],
    )
    places = body.inputs
    elements, hs, rest = places[:sequences], places[sequences : sequences + states], places[sequences + states :]
    given = {p: w.root.names.fresh(p.name or "x") for p in (*hs, *elements)}
    given.update(zip(rest, fixed, strict=True))
    kept = [*body.outputs[:states], *(body.outputs[i] for i in settings["kept"])]
    graph = w.subgraph("step", body, given, [*hs, *elements], kept)
    count = sequences
    if not sequences:
        # Scan needs at least one sequence: scan over the iteration numbers.
        count, number = 1, w.root.names.fresh("step_number")
        walked = (w.constant(range(settings["length"]), "int64"),)
        graph.input.append(make_iteration_number(number))
    way = [int(settings["reverse"])]
    made = w.node(
        "Scan",
        *inits,
        *walked,
        outputs=len(kept),
        body=graph,
        num_scan_inputs=count,
        scan_input_directions=way * count,
        scan_output_directions=way * len(settings["kept"]) or None,
    )
    made = made if isinstance(made, tuple) else (made,)
    results = (*made[states:], *made[:states])
    return results if len(results) > 1 else results[0]


def make_iteration_number(name: str) -> Any:
    """Return the declaration of an iteration number."""
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, TensorProto.INT64, [])


@writes("branch")
def branch(w: OnnxWriter, e: Expr, predicate: str, *operands: str) -> Any:
    """If; both branches reference outer values by name."""
    graphs = {}
    for key, attribute in (("then", "then_branch"), ("otherwise", "else_branch")):
        body = e.settings[key]
        given = dict(zip(body.inputs, (predicate, *operands), strict=True))
        graphs[attribute] = w.subgraph(key, body, given, [], body.outputs)
    return w.node("If", predicate, outputs=len(e.types), **graphs)


@writes("while_steps")
def loop(w: OnnxWriter, e: Expr, *operands: str) -> Any:
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
    holds = write_condition(inside, condition, [o.name for o in graph.output], operands[states:])
    number, before = names.fresh("step_number"), names.fresh("going")
    declared = [
        make_iteration_number(number),
        helper.make_tensor_value_info(before, TensorProto.BOOL, []),
        *graph.input,
    ]
    returned = [helper.make_tensor_value_info(holds, TensorProto.BOOL, []), *graph.output]
    body = helper.make_graph(inside.nodes, graph.name, declared, returned)
    first = write_condition(w, condition, operands[:states], operands[states:])
    return w.node("Loop", "", first, *operands[:states], outputs=states, body=body)


def write_condition(w: OnnxWriter, body: Any, states: Any, fixed: Any) -> str:
    """Write the condition's graph into another graph."""
    from pellucid.interop.onnx.decomposer import decompose

    given = dict(zip(body.inputs, (*states, *fixed), strict=True))
    [output] = decompose(body.outputs, stop=body.inputs)
    kept, plan = dict(w.values), w.plan
    w.values.update(given)
    w.write([output], body.inputs)
    made: str = w.node("Identity", w.get_name(output))
    w.values, w.plan = kept, plan
    return made
