"""NumPy script of a model: training step with backpropagation, predictions, training loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, Shared
from pellucid.graph.gradient import grad
from pellucid.graph.traversal import topological
from pellucid.inspect.layer_trace import trace_training
from pellucid.inspect.source_export.backpropagation import BackpropagationWriter, assign_in_place
from pellucid.inspect.source_export.training_loop import (
    TRAINING_LOOP_NAMES,
    ExportOptions,
    name_data,
    write_fit_lines,
    write_main_lines,
)
from pellucid.model.interfaces import ModelLike
from pellucid.run.function_builder import function
from pellucid.show.sources.literals import array_to_source, docstring_to_source
from pellucid.show.sources.numpy_script import Script
from pellucid.show.sources.numpy_source import NumpyWriter, VariableNames, collect_definition_names


def write_numpy_script(model: ModelLike, options: ExportOptions) -> str:
    """Write a compiled model as a script that needs only NumPy, and SciPy for functions that NumPy does not have."""
    training = trace_training(model, options.data[1] if len(options.data) == 2 else None)
    updates = training.optimizer.updates(training.loss)
    parameters = training.parameters
    step = function(training.batch_inputs, [training.loss, *grad(training.loss, parameters)], updates=updates)
    predict = function(training.inputs, training.predictions)
    return ModelScript(step, predict, model, options, parameters).write()


class ModelScript(Script):
    """Script with the functions step, predict and fit, of the compiled training step and predictions of a model.

    The outputs of the step are the loss and the gradients of the parameters.
    """

    predict: Any

    model: ModelLike
    options: ExportOptions

    def __init__(
        self, step: Any, predict: Any, model: ModelLike, options: ExportOptions, parameters: Sequence[Shared]
    ) -> None:
        super().__init__(step)
        self.names.taken |= TRAINING_LOOP_NAMES | collect_definition_names(predict.program.outputs)
        self.predict, self.model, self.options = predict.program, model, options
        used = set(topological([*self.outputs[:1], *self.updates.values()]))
        gradients = dict(zip(parameters, self.outputs[1:], strict=True))
        self.gradients: dict[Shared, Expr] = {p: g for p, g in gradients.items() if g in used and g.op is not None}
        self.writer: BackpropagationWriter = BackpropagationWriter(self.extractor, self.names)
        self.writer.prepare(self.outputs[0], list(self.gradients.values()), list(self.gradients))

    def write(self) -> str:
        data = self.inputs[len(self.predict.inputs) :]
        names = name_data(self.predict.inputs, data)
        parameters = [self.writer.add_leaf(i, name) for i, name in zip(self.inputs, names, strict=True)]
        roots = [*self.outputs, *self.updates.values(), *self.predict.outputs]
        shared = [n for n in topological(roots) if isinstance(n, Shared)]
        state = {s: self.writer.add_leaf(s, s.name or "w") for s in dict.fromkeys([*shared, *self.updates])}
        globals_taken = set(self.names.taken)
        step_docstring = '"""Train on one batch, and return the loss before the update."""'
        step = [step_docstring, *self.write_step_body(state)]
        predict = self.write_predict_body(state, globals_taken)
        imports = self.extractor.imports
        assignments = [
            f"{name} = {array_to_source(np.asarray(s.get_value()), imports, len(name) + len(' = '))}"
            for s, name in state.items()
        ]
        main = write_main_lines(parameters, self.options, imports)
        fit = write_fit_lines(parameters, [i.dtype for i in self.inputs], self.options)
        docstring = docstring_to_source(
            f"{self.model.name}: a {type(self.model).__name__} exported from pellucid as plain NumPy."
        )
        predict_parameters = ", ".join(parameters[: len(self.predict.inputs)])
        blocks = [
            [docstring, "", *imports, "", *assignments],
            *[[part] for part in self.writer.constants],
            *[[part] for part in self.extractor.parts.values()],
            [f"def step({', '.join(parameters)}):", *["    " + line for line in step]],
            [f"def predict({predict_parameters}):", *["    " + line for line in predict]],
            fit,
            main,
        ]
        return "\n\n\n".join("\n".join(block) for block in blocks) + "\n"

    def write_step_body(self, state: Mapping[Shared, str]) -> list[str]:
        """Write the forward pass, the backward pass and the update, and return the loss."""
        loss = self.outputs[0]
        wanted = {e: f"new_{state[s]}" for s, e in self.updates.items() if e.op is not None}
        wanted |= {g: f"d_{state[p]}" for p, g in self.gradients.items()}
        wanted |= {e: "rate" for e in topological([*self.updates.values()]) if is_learning_rate(e)}
        wanted[loss] = "loss"
        targets = [state[s] for s in self.updates]
        results = self.writer.write([loss, *self.gradients.values(), *self.updates.values()], wanted)
        new_values = dict(zip(targets, results[len(results) - len(targets) :], strict=True))
        lines, left = assign_in_place(self.writer.lines, new_values, results[0])
        lines += [f"{', '.join(left)} = {', '.join(left.values())}"] if left else []
        declared = wrap(", ".join(targets), 100, break_long_words=False)
        return [*(f"global {line.rstrip(',')}" for line in declared), *lines, f"return {results[0]}"]

    def write_predict_body(self, state: dict[Shared, str], globals_taken: set[str]) -> list[str]:
        constants = {line.split(" ")[0] for line in self.writer.constants}
        names = VariableNames([*globals_taken, *self.extractor.parts, *self.names.taken & constants])
        writer = NumpyWriter(self.extractor, names)
        writer.known = {e: self.writer.known[e] for e in [*self.predict.inputs, *state]}
        results = writer.write(self.predict.outputs, {})
        self.writer.constants += writer.constants
        docstring = '"""Return the predictions of the network, in inference mode."""'
        returned = f"return [{', '.join(results)}]" if len(results) > 1 else f"return {results[0]}"
        return [docstring, *writer.lines, returned]


def is_learning_rate(e: Expr) -> bool:
    """Check for the learning rate in the dtype of the parameters."""
    is_cast = e.op is not None and e.op.name == "cast"
    return is_cast and isinstance(e.inputs[0], Shared) and e.inputs[0].name == "learning_rate"
