"""A model of any graph as Python code: the calls of its layers, and what stands in between written out."""

from __future__ import annotations

import ast
from collections import Counter
from typing import Any

from pellucid.graph.expr import Expr
from pellucid.inspect.source_export.config import input_code, layer_table, spelt
from pellucid.inspect.source_export.expressions import Code
from pellucid.model.functional_graph import Place
from pellucid.model.model import Model
from pellucid.nn.layers import Layer
from pellucid.show.literals import variable


def functional_code(model: Model) -> Code:
    """Write the calls of a model's layers, and the model they make, as lines of code."""
    code = Code()
    code.names.taken |= {"nn", "model"}
    names = []
    for given in model.inputs:
        names.append(code.writer.leaf(given, given.name or "x"))
        code.declared.append(f"{names[-1]} = {input_code(given)}")
    for loose in model.connections.loose:
        code.declare_shared(loose)
    uses = Counter(place.layer for place in model.connections.places)
    shared: dict[Layer, str] = {}
    for place in model.connections.places:
        write_place(code, place, uses[place.layer] > 1, shared)
    outputs = code.writer.write(model.outputs, {})
    made = f"pel.Model([{', '.join(names)}], [{', '.join(outputs)}], name={spelt(model.name, 'name')})"
    if len(names) == 1 and len(outputs) == 1:
        made = f"pel.Model({names[0]}, {outputs[0]}, name={spelt(model.name, 'name')})"
    code.writer.lines.append(f"model = {made}")
    return code


def write_place(code: Code, place: Place, is_shared: bool, shared: dict[Layer, str]) -> None:
    """Write one call of a layer; a layer that is called again is made once, under a name of its own."""
    layer = place.layer
    made = spelt(layer_table(layer), "layer")
    if is_shared and layer not in shared:
        shared[layer] = code.names.fresh(f"{layer.name}_layer")
        code.writer.lines.append(f"{shared[layer]} = {made}")
    arguments = [argument(code, place.call.inputs)]
    arguments += [f"{name}={argument(code, value)}" for name, value in place.call.named.items()]
    call = f"{shared.get(layer, made)}({', '.join(arguments)})"
    name = code.names.fresh(layer.name)
    code.writer.lines.append(f"{name} = {call}")
    for number, e in place.made.items():
        whole: ast.expr = variable(name)
        code.writer.known[e] = ast.Subscript(whole, ast.Constant(number), ast.Load()) if has_several(place) else whole


def has_several(place: Place) -> bool:
    """Tell whether a call has several results."""
    config = place.layer.config
    return max(place.made) > 0 or bool(config.get("return_state")) or bool(config.get("return_attention_scores"))


def argument(code: Code, value: Any) -> str:
    """Write what a layer is called on."""
    if isinstance(value, Expr):
        return code.writer.write([value], {})[0]
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(argument(code, part) for part in value)}]"
    return spelt(value, "argument")
