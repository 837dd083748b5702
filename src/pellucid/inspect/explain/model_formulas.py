"""Explanation of models, layers, expressions and functions as formulas with symbols."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pellucid.graph.errors import UseError
from pellucid.graph.expr import Expr, Input, Shared, as_expr
from pellucid.graph.passes import inference
from pellucid.graph.traversal import replace_all, topological
from pellucid.inspect.explain.explanation import Explanation, LayerExplanation
from pellucid.inspect.explain.loss_notation import write_as_in_books
from pellucid.inspect.layer_trace import LayerCall, get_symbolic_loss, trace_layers
from pellucid.model.interfaces import ModelLike, is_model
from pellucid.nn.layers import Layer
from pellucid.nn.lint.linter import is_function
from pellucid.nn.optimizers.printing import get_update_rules
from pellucid.show.costs.costs import count_operations_per_sample

if TYPE_CHECKING:
    from pellucid.run.function import Function

SYMBOLS = {
    "kernel": "W",
    "bias": "b",
    "recurrent_kernel": "U",
    "depthwise_kernel": "D",
    "pointwise_kernel": "P",
    "embeddings": "E",
    "gamma": "gamma",
    "beta": "beta",
    "alpha": "alpha",
    "moving_mean": "mu",
    "moving_variance": "nu",
    "state": "random",
}
"""Symbols of parameters, by the last part of their names."""


def explain(what: ModelLike | Layer | Expr | Sequence[Expr] | Function, *inputs: Expr) -> Explanation:
    r"""Write a network as formulas, such as :math:`h_1 = \tanh(x W_1 + b_1)`.

    Explains each layer with its shape, parameters and cost, then the loss, the update, and the changes in inference
    mode.

    Parameters
    ----------
    what : Model, Layer, Expr, sequence of Expr or Function
        What to explain. The loss and the update are those a model was compiled with, or the updates of a function.
    *inputs : Expr
        For a layer, the inputs to call it on.

    Returns
    -------
    Explanation
        Prints as text, displays as mathematics in a notebook, and is saved by ``save("model.html")``.

    Raises
    ------
    ModelError
        If a model is not built.
    TypeError
        For other objects, or for a layer without an input.

    Examples
    --------
    >>> from pellucid import nn
    >>> model = pel.Sequential([nn.Input((2,)), nn.Dense(3, activation="tanh", name="hidden")], name="small")
    >>> print(model.explain())
    Sequential small: 9 parameters, 36 bytes, 45 operations per sample
    <BLANKLINE>
      x  float32 (n, 2)
    <BLANKLINE>
    1. hidden (Dense)  float32 (n, 3), 9 parameters, 45 operations
         y_hat = tanh(x @ W1 + b1)
           W1  hidden/kernel (2, 3)
           b1  hidden/bias (3,)
    <BLANKLINE>
    Inference changes nothing.
    """
    if is_model(what) and not inputs:
        return explain_model(what)
    if isinstance(what, Layer):
        if not inputs:
            raise UseError(
                f"explain needs an input for a layer: pel.explain({what.name}, pel.matrix('x', shape=('n', 4))). "
                "Received: no input"
            )
        arguments = [as_expr(i) for i in inputs]
        results: Any = what(*arguments)
        call = LayerCall(what, tuple(arguments), (results,) if isinstance(results, Expr) else tuple(results))
        return explain_layers(f"{type(what).__name__} {what.name}", arguments, [call])
    if is_function(what):
        return explain_function(what)
    outputs: object = [what] if isinstance(what, Expr) else what
    if not isinstance(outputs, (list, tuple)) or not outputs or not all(isinstance(e, Expr) for e in outputs):
        raise UseError(f"explain expects a model, a layer, expressions or a function. Received: {what!r}")
    return explain_expressions("Expression" if len(outputs) == 1 else "Expressions", outputs)


def explain_model(model: ModelLike) -> Explanation:
    """Explain the layers of a model and, if it is compiled, its training."""
    table = SymbolTable()
    title = f"{type(model).__name__} {model.name}"
    explanation = explain_layers(title, model.inputs, trace_layers(model), table, model.outputs)
    if not model.is_compiled:
        return explanation
    [loss] = replace_all([get_symbolic_loss(model)], table.symbols)
    config = model.compile_config
    losses = [(o.name, o.loss) for o in config.for_outputs(model.output_names) if o.loss is not None]
    names = [
        str(getattr(loss, "__name__", type(loss).__name__)) + (f" of {output}" if len(model.outputs) > 1 else "")
        for output, loss in losses
    ]
    return replace(
        explanation,
        losses=[("L", write_as_in_books(loss))],
        loss_name=", ".join(names),
        optimizer=repr(config.optimizer),
        updates=get_update_rules(config.optimizer),
    )


def explain_layers(
    title: str,
    inputs: Sequence[Expr],
    calls: Sequence[LayerCall],
    table: SymbolTable | None = None,
    outputs: Sequence[Expr] = (),
) -> Explanation:
    """Explain layer calls one by one; without ``outputs``, those of the last call are the outputs."""
    table = table or SymbolTable()
    symbols = [table.assign(e, "x" if len(inputs) == 1 else f"x{i}") for i, e in enumerate(inputs, start=1)]
    if not outputs and calls:
        outputs = calls[-1].outputs
    output_symbols = {e: f"y_hat{i}" if len(outputs) > 1 else "y_hat" for i, e in enumerate(outputs, start=1)}
    parts = []
    for number, call in enumerate(calls, start=1):
        layer_title = f"{call.layer.name} ({type(call.layer).__name__})"
        wanted = {e: output_symbols.get(e, f"h{number}") for e in call.outputs}
        parts.append(explain_outputs(layer_title, str(number), call.outputs, wanted, table))
    return Explanation(title, symbols, parts)


def explain_outputs(
    title: str, number: str, outputs: Sequence[Expr], wanted: dict[Expr, str], table: SymbolTable
) -> LayerExplanation:
    """Write outputs as formulas of known symbols, and assign symbols to them."""
    known = dict(table.symbols)
    shared = table.assign_parameters(outputs, number)
    formulas = replace_all(list(outputs), table.symbols)
    inference_formulas = inference(formulas)
    symbols = [table.assign(e, wanted[e]) for e in outputs]
    changed = [(s, b) for s, a, b in zip(symbols, formulas, inference_formulas, strict=True) if a is not b]
    return LayerExplanation(
        title,
        list(zip(symbols, formulas, strict=True)),
        changed,
        [(table.symbols[s], s) for s in shared if s not in known],
        count_operations_per_sample(inference_formulas),
    )


def explain_expressions(title: str, outputs: Sequence[Expr], names: Sequence[str] = ()) -> Explanation:
    """Explain each expression as one part."""
    table = SymbolTable()
    inputs = [table.assign(e, e.name or "x") for e in topological(outputs) if isinstance(e, Input)]
    shared = [e for e in topological(outputs) if isinstance(e, Shared)]
    for s in shared:
        table.assign(s, (s.name or "w").replace("/", "_"))
    parts: list[LayerExplanation] = []
    for number, e in enumerate(outputs, start=1):
        name = names[number - 1] if names else e.name if e.op is not None and e.name else "y"
        # A copy for each part: every expression is written in terms of the leaves, not of the other expressions.
        own_table = SymbolTable()
        own_table.symbols, own_table.used = dict(table.symbols), set(table.used)
        part = explain_outputs(f"output {number}", str(number), [e], {e: name}, own_table)
        parts.append(replace(part, parameters=[] if parts else [(table.symbols[s], s) for s in shared]))
    return Explanation(title, inputs, parts)


def explain_function(function: Function) -> Explanation:
    """Explain the outputs and updates of a simplified function."""
    program = function.program
    outputs, updates = list(program.outputs), dict(program.updates)
    titles = [f"output {i}" for i in range(1, len(outputs) + 1)] + [f"new {target.name or 'w'}" for target in updates]
    names = [e.name if e.op is not None and e.name else "y" for e in outputs]
    names += [f"new_{(target.name or 'w').replace('/', '_')}" for target in updates]
    explanation = explain_expressions("Function", [*outputs, *updates.values()], names)
    return replace(explanation, parts=[replace(p, title=t) for t, p in zip(titles, explanation.parts, strict=True)])


class SymbolTable:
    """Inputs with unique symbols that replace expressions in formulas."""

    def __init__(self) -> None:
        self.symbols: dict[Expr, Input] = {}
        self.used: set[str] = set()

    def assign(self, e: Expr, wanted: str) -> Input:
        """Return the symbol of an expression; assign one if it has none."""
        if e not in self.symbols:
            name, number = wanted, 1
            while name in self.used:
                number += 1
                name = f"{wanted}_{number}"
            self.used.add(name)
            self.symbols[e] = Input(name, e.shape, e.dtype)
        return self.symbols[e]

    def assign_parameters(self, outputs: Iterable[Expr], number: str) -> list[Shared]:
        """Assign symbols to the shared variables in expressions, and return those variables."""
        found = [e for e in topological(list(outputs), stop=self.symbols) if isinstance(e, Shared)]
        for shared in found:
            self.assign(shared, choose_symbol(shared.name or "w", number))
        return found


def choose_symbol(name: str, number: str) -> str:
    """Return the symbol of a parameter, such as W1 for the kernel of layer 1.

    Examples
    --------
    >>> choose_symbol("dense/kernel", "1"), choose_symbol("attention/query/kernel", "2")
    ('W1', 'W2_query')
    """
    _, *between, last = ["", *name.split("/")]
    return "_".join([SYMBOLS.get(last, last) + number, *between[1:]])
