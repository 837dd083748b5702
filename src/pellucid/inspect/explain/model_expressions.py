"""Expressions of a model with the symbols of its explanation: x, W1, h1, y_hat."""

from __future__ import annotations

from typing import Any

from pellucid import extension_points
from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.naming import restore_names, strip_calls
from pellucid.graph.passes import inference
from pellucid.graph.traversal import replace_all
from pellucid.inspect.explain.model_formulas import SymbolTable, explain_layers
from pellucid.inspect.layer_trace import get_symbolic_loss, trace_layers
from pellucid.model.interfaces import ModelLike
from pellucid.nn.layers import Layer
from pellucid.show.formulas.formula import Formula
from pellucid.show.formulas.model_expressions import ModelExpressions


@extension_points.model_expressions.register
def write_model_expressions(model: ModelLike, with_loss: bool) -> ModelExpressions:
    """Return the outputs, and the loss if it is wanted, with symbols in place of inputs and parameters."""
    table = SymbolTable()
    explain_layers(model.name, model.inputs, trace_layers(model), table, model.outputs)
    names = {e: str(symbol.name) for e, symbol in table.symbols.items()}
    leaves: dict[Expr, Expr] = {e: copy_leaf(e, name) for e, name in names.items() if e.op is None}
    computed = {e: name for e, name in names.items() if e.op is not None}
    originals = list(computed)
    in_inference = list(zip(inference(originals), computed.values(), strict=True))
    outputs = attach_symbols(inference(list(model.outputs)), in_inference, leaves)
    loss = None
    if with_loss:
        _ = model.compile_config  # raises for a model that is not compiled
        [loss] = attach_symbols([get_symbolic_loss(model)], list(computed.items()), leaves)
    return ModelExpressions(
        model.name,
        outputs,
        loss,
        [leaves[e] for e in model.inputs],
        {**{e.name: symbol for e, symbol in leaves.items()}, **{s.name: s for s in leaves.values()}, **leaves},
        collect_layer_parameters(model, leaves),
    )


def copy_leaf(leaf: Expr, name: str) -> Expr:
    """Return a leaf with another name, and the present value of a parameter."""
    if not isinstance(leaf, Shared):
        return Input(name, leaf.shape, leaf.dtype)
    copied = Shared(leaf.get_value(), name, dtype=leaf.dtype, trainable=leaf.trainable)
    copied.default_update = leaf.default_update
    return copied


def attach_symbols(outputs: list[Expr], names: list[tuple[Expr, str]], leaves: dict[Expr, Expr]) -> list[Expr]:
    """Replace leaves by their symbols, and name the outputs of layers.

    A layer that does nothing in inference mode returns its input, which keeps its first name.
    """
    stripped, by_expr = strip_calls(outputs, dict(reversed(names)))
    named = list(by_expr)
    replaced = replace_all([*stripped, *named], leaves)
    symbols = {e: name for e, name in zip(replaced[len(stripped) :], by_expr.values(), strict=True) if e.op is not None}
    return restore_names(replaced[: len(stripped)], symbols)


def collect_layer_parameters(model: ModelLike, leaves: dict[Expr, Expr]) -> dict[Layer | str, list[Expr]]:
    found: dict[Layer | str, list[Expr]] = {}
    for layer in model.layers:
        parameters = [leaves[p] for p in layer.parameters if p in leaves and p.trainable]
        if parameters:
            found[layer] = found[layer.name] = parameters
    return found


@extension_points.model_latex.register
def model_to_latex(model: ModelLike, names: Any, shapes: bool) -> str:
    """Return the output of a model and the definitions of its symbols."""
    output = write_model_expressions(model, with_loss=False).get_output("pel.latex")
    return Formula(output, names, shapes).latex()
