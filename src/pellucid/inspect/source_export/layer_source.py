"""Python code with layers: a Sequential model, or the layer calls of a functional model."""

from __future__ import annotations

import ast
from collections import Counter
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.inspect.layer_trace import trace_training
from pellucid.inspect.source_export.expression_source import ExpressionSource
from pellucid.inspect.source_export.training_loop import ExportOptions, name_data, write_main_lines
from pellucid.model.functional_graph import CallNode
from pellucid.model.interfaces import ModelLike
from pellucid.model.object_config import compile_to_config, input_to_code, layer_to_config, to_code
from pellucid.nn.layers import Layer
from pellucid.show.sources.literals import array_to_source, keyword_to_source, make_variable


def write_layer_source(model: ModelLike, options: ExportOptions) -> str:
    imports: dict[str, None] = {}
    lines = write_sequential_lines(model) if model.is_sequential else write_functional_lines(model, imports)
    main: list[str] = []
    if model.is_compiled:
        arguments = compile_to_config(model)
        lines += ["model.compile("]
        lines += [f"    {name}={to_code(value, name)}," for name, value in arguments.items() if value is not None]
        lines += [")"]
        settings = f"epochs={options.epochs}, batch_size={options.batch_size}, seed={options.seed}"
        training = trace_training(model)
        names = name_data(training.inputs, training.targets)
        x, y = names[: len(training.inputs)], names[len(training.inputs) :]
        data = ", ".join(part[0] if len(part) == 1 else f"[{', '.join(part)}]" for part in (x, y))
        fit = [f"def fit({', '.join(names)}):", f"    return model.fit({data}, {settings}, verbose=2)"]
        main = [*fit, "", "", *write_main_lines(names, options, imports)]
    if options.weights:
        arrays = [f"        {array_to_source(np.asarray(w), imports, 8)}," for w in model.get_weights()]
        lines += ["model.set_weights(", "    [", *arrays, "    ]", ")"]
    if any("np." in line for line in [*lines, *main]):
        imports["import numpy as np"] = None
    head = [*sorted(imports), *([""] if imports else []), "import pellucid as pel", "from pellucid import nn"]
    return "\n".join([*head, "", *lines, *(["", "", *main] if main else [])]) + "\n"


def write_sequential_lines(model: ModelLike) -> list[str]:
    lines = ["model = pel.Sequential(", "    [", f"        {input_to_code(model.inputs[0])},"]
    lines += [f"        {to_code(layer_to_config(layer), 'layer')}," for layer in model.layers]
    return [*lines, "    ],", f"    name={to_code(model.name, 'name')},", ")"]


def write_functional_lines(model: ModelLike, imports: dict[str, None]) -> list[str]:
    """Write the layer calls of a model, with the expressions between them, and add the imports they need."""
    source = ExpressionSource()
    source.names.taken |= {"nn", "model"}
    inputs = []
    for e in model.inputs:
        inputs.append(source.writer.add_leaf(e, e.name or "x"))
        source.declared.append(f"{inputs[-1]} = {input_to_code(e)}")
    for variable_between in model.functional_graph.free_variables:
        source.declare_shared(variable_between)
    calls = Counter(node.layer for node in model.functional_graph.nodes)
    shared_layers: dict[Layer, str] = {}
    for node in model.functional_graph.nodes:
        write_call(source, node, calls[node.layer] > 1, shared_layers)
    outputs = source.writer.write(model.outputs, {})
    arguments = f"[{', '.join(inputs)}], [{', '.join(outputs)}]"
    if len(inputs) == 1 and len(outputs) == 1:
        arguments = f"{inputs[0]}, {outputs[0]}"
    source.writer.lines.append(f"model = pel.Model({arguments}, name={to_code(model.name, 'name')})")
    imports.update({line: None for line in source.imports if line != "import numpy as np"})
    return [*source.declared, *source.writer.constants, *source.writer.lines]


def write_call(source: ExpressionSource, node: CallNode, is_shared: bool, shared_layers: dict[Layer, str]) -> None:
    """Write one layer call. A layer that is called several times is first assigned to a variable."""
    layer = node.layer
    construction = to_code(layer_to_config(layer), "layer")
    if is_shared and layer not in shared_layers:
        shared_layers[layer] = source.names.new_name(f"{layer.name}_layer")
        source.writer.lines.append(f"{shared_layers[layer]} = {construction}")
    arguments = [write_argument(source, node.call.inputs)]
    arguments += [keyword_to_source(name, write_argument(source, value)) for name, value in node.call.keywords.items()]
    name = source.names.new_name(layer.name)
    source.writer.lines.append(f"{name} = {shared_layers.get(layer, construction)}({', '.join(arguments)})")
    result: ast.expr = make_variable(name)
    for i, e in node.results.items():
        item = ast.Subscript(result, ast.Constant(i), ast.Load())
        source.writer.known[e] = item if has_multiple_outputs(node) else result


def has_multiple_outputs(node: CallNode) -> bool:
    config = node.layer.config
    return max(node.results) > 0 or bool(config.get("return_state")) or bool(config.get("return_attention_scores"))


def write_argument(source: ExpressionSource, value: Any) -> str:
    if isinstance(value, Expr):
        return source.writer.write([value], {})[0]
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(write_argument(source, part) for part in value)}]"
    return to_code(value, "argument")
