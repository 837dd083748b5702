"""Python code with pellucid expressions: formulas of the forward pass and the update, gradients by `pel.grad`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.passes import collect_updates
from pellucid.graph.traversal import topological
from pellucid.graph.types import Unknown
from pellucid.inspect.layer_trace import SymbolicTraining, trace_training
from pellucid.inspect.source_export.training_loop import (
    TRAINING_LOOP_NAMES,
    ExportOptions,
    name_data,
    write_fit_lines,
    write_main_lines,
)
from pellucid.model.interfaces import ModelLike
from pellucid.model.object_config import to_code
from pellucid.show.sources.literals import array_to_source, docstring_to_source
from pellucid.show.sources.numpy_source import VariableNames
from pellucid.show.sources.pellucid_source import PelWriter


class ExpressionSource:
    """Source of a program with expressions: declared leaves, then statements."""

    def __init__(self) -> None:
        self.names: VariableNames = VariableNames(["pel", "step", "gradients", *TRAINING_LOOP_NAMES])
        self.writer: PelWriter = PelWriter(self.names)
        self.imports: dict[str, None] = {"import numpy as np": None}
        self.declared: list[str] = []

    def declare_input(self, given: Input, wanted: str) -> str:
        name = self.writer.add_leaf(given, wanted)
        shape = ", ".join("None" if isinstance(dim, Unknown) else to_code(dim, "shape") for dim in given.shape)
        comma = "," * (given.ndim == 1)
        self.declared.append(f'{name} = pel.tensor("{name}", ({shape}{comma}), "{given.dtype.name}")')
        return name

    def declare_shared(self, shared: Shared) -> str:
        """Declare a shared variable with its value. The state of a generator is declared with its automatic update."""
        name = self.writer.add_leaf(shared, shared.name or "w")
        value = np.asarray(shared.get_value())
        if shared.default_update is not None:
            self.declared.append(f"{name} = pel.random.Generator(0).state")
            self.declared.append(f"{name}.name = {to_code(shared.name or name, 'name')}")
            self.declared.append(f"{name}.set_value({array_to_source(value, self.imports, len(name) + 11)})")
            return name
        start = f"{name} = pel.shared("
        literal = array_to_source(value, self.imports, len(start))
        options = "" if shared.trainable else ", trainable=False"
        self.declared.append(f"{start}{literal}, {to_code(shared.name or name, 'name')}{options})")
        return name

    def declare_all(self, roots: Sequence[Expr]) -> None:
        """Declare the leaves of expressions: inputs first, then shared variables."""
        leaves = [e for e in topological(list(roots)) if isinstance(e, (Input, Shared)) and e not in self.writer.known]
        for e in leaves:
            if isinstance(e, Input):
                self.declare_input(e, e.name or "x")
        for e in leaves:
            if isinstance(e, Shared):
                self.declare_shared(e)

    def get_variable(self, e: Expr) -> str:
        """Return the variable of a leaf or of an expression that has been written."""
        return self.writer.write([e], {})[0]

    def text(self, after: Sequence[str], docstring: str) -> str:
        """Return the program, with further lines at the end."""
        head = [docstring_to_source(docstring), "", *sorted(self.imports), "", "import pellucid as pel", ""]
        return "\n".join([*head, *self.declared, *self.writer.constants, "", *self.writer.lines, *after]) + "\n"


def write_model_source(model: ModelLike, options: ExportOptions) -> str:
    training = trace_training(model, options.data[1] if len(options.data) == 2 else None)
    source = ExpressionSource()
    names = name_data(training.inputs, training.targets)
    for e, name in zip(training.batch_inputs, names, strict=True):
        source.declare_input(e, name)
    variables = {stage: f"h{i}" for i, stage in enumerate(model.stages) if stage.op is not None}
    variables |= {training.loss: "loss", **dict.fromkeys(training.outputs, "y_hat")}
    source.declare_all([training.loss, *training.predictions])
    source.writer.write([training.loss, *training.outputs], variables)
    [loss] = source.writer.write([training.loss], {training.loss: "loss"})
    updates = write_update_lines(source, training)
    predictions = source.writer.write(training.predictions, dict.fromkeys(training.predictions, "prediction"))
    inputs = ", ".join(names[: len(training.inputs)])
    lines = [
        "",
        "updates = {",
        *updates,
        "}",
        f"step = pel.function([{', '.join(names)}], {loss}, updates=updates)",
        f"predict = pel.function([{inputs}], {format_outputs(None, predictions)})",
        "",
        "",
        *write_fit_lines(names, [i.dtype for i in training.batch_inputs], options),
        "",
        "",
        *write_main_lines(names, options, source.imports),
    ]
    return source.text(lines, f"{model.name}: a {type(model).__name__} exported from pellucid as expressions.")


def write_update_lines(source: ExpressionSource, training: SymbolicTraining) -> list[str]:
    """Write the gradients and the new value of every parameter, and return the lines of the dict of updates."""
    parameters = training.parameters
    names = [source.get_variable(p) for p in parameters]
    gradients = [Input(f"d_{name}", p.shape, p.dtype) for name, p in zip(names, parameters, strict=True)]
    updates = {**training.optimizer.apply(gradients, parameters), **collect_updates(training.loss)}
    gradient_names = [source.writer.add_leaf(g, g.name or "g") for g in gradients]
    source.declare_all([*updates, *updates.values()])
    targets = ", ".join(gradient_names) + "," * (len(gradient_names) == 1)
    source.writer.lines.append(f"{targets} = pel.grad({source.get_variable(training.loss)}, [{', '.join(names)}])")
    new_names = {e: f"new_{source.get_variable(t)}" for t, e in updates.items() if e.op is not None}
    new_values = source.writer.write(list(updates.values()), new_names)
    return [f"    {source.get_variable(t)}: {value}," for t, value in zip(updates, new_values, strict=True)]


def write_expression_source(outputs: Sequence[Expr]) -> str:
    """Write expressions, and a function ``compute`` of their inputs."""
    source = ExpressionSource()
    source.declare_all(outputs)
    results = source.writer.write(list(outputs), {e: "result" for e in outputs if e.op is not None})
    inputs = [source.get_variable(i) for i in topological(list(outputs)) if isinstance(i, Input)]
    lines = ["", f"compute = pel.function([{', '.join(inputs)}], {format_outputs(None, results)})"]
    return source.text(lines, "Expressions exported from pellucid.")


def write_function_source(function: Any) -> str:
    """Write a simplified function with its updates: ``step`` if it has any, or else ``compute``."""
    program, structure = function.program, function._structure
    source = ExpressionSource()
    for e in program.inputs:
        source.declare_input(e, e.name or "x")
    outputs, updates = list(program.outputs), dict(program.updates)
    source.declare_all([*outputs, *updates, *updates.values()])
    new_names = {e: f"new_{source.get_variable(t)}" for t, e in updates.items() if e.op is not None}
    results = source.writer.write([*outputs, *updates.values()], new_names)
    new_values = results[len(outputs) :]
    entries = ", ".join(f"{source.get_variable(t)}: {value}" for t, value in zip(updates, new_values, strict=True))
    inputs = ", ".join(source.get_variable(i) for i in program.inputs)
    returned = format_outputs(structure, results[: len(outputs)])
    name, argument = ("step", f", updates={{{entries}}}") if updates else ("compute", "")
    lines = ["", f"{name} = pel.function([{inputs}], {returned}{argument})"]
    return source.text(lines, "Function exported from pellucid as expressions.")


def format_outputs(structure: Any, results: Sequence[str]) -> str:
    """Write the outputs of a function as a dict, a list or a single value."""
    if isinstance(structure, Mapping):
        return "{" + ", ".join(f"{k!r}: {v}" for k, v in zip(structure, results, strict=True)) + "}"
    if isinstance(structure, (list, tuple)) or len(results) != 1:
        return f"[{', '.join(results)}]" if results else "None"
    return results[0]
