"""A model as a script of plain NumPy: the step with backpropagation written out, predictions, and the loop."""

from __future__ import annotations

from typing import Any

from pellucid.graph.expr import Shared
from pellucid.graph.traversal import topological
from pellucid.inspect.layer_trace import training_of
from pellucid.inspect.source_export.training_loop import Settings, data_names, fit_lines, main_lines
from pellucid.model.model import Model
from pellucid.run.function_builder import function
from pellucid.show.numpy_script import Script
from pellucid.show.numpy_source import Names, Writer


def numpy_script(model: Model, settings: Settings) -> str:
    """Write a compiled model as a script that needs NumPy alone (and SciPy for functions that NumPy does not have)."""
    training = training_of(model, settings.data[1] if len(settings.data) == 2 else None)
    updates = training.optimizer.updates(training.loss)
    step = function(training.given, training.loss, updates=updates)
    predict = function(training.inputs, training.predictions)
    return ModelScript(step, predict, model, settings).written()


class ModelScript(Script):
    """A training step and predictions on their way to one script.

    Parameters
    ----------
    step, predict : Function
        What is written.
    model : Model
        Of which they are.
    settings : Settings
        How the script trains.
    """

    def __init__(self, step: Any, predict: Any, model: Model, settings: Settings) -> None:
        super().__init__(step)
        self.names.taken |= {"fit", "predict", "losses", "total", "batch", "order", "start", "epoch", "data", "sys"}
        self.predict, self.model, self.settings = predict.program, model, settings

    def written(self) -> str:
        """Write the script."""
        targets = len(self.inputs) - len(self.predict.inputs)
        names = data_names(self.predict.inputs, self.inputs[len(self.inputs) - targets :])
        parameters = [self.writer.leaf(i, name) for i, name in zip(self.inputs, names, strict=True)]
        roots = [*self.outputs, *self.updates.values(), *self.predict.outputs]
        shared = [n for n in topological(roots) if isinstance(n, Shared)]
        state = {s: self.writer.leaf(s, s.name or "w") for s in dict.fromkeys([*shared, *self.updates])}
        outside = set(self.names.taken)
        step = self.body(state)
        predict = self.predicting(state, outside)
        imports = self.extract.imports
        first = [self.assignment(name, s.get_value()) for s, name in state.items()]
        main = main_lines(parameters, self.settings, imports)
        loop = fit_lines(parameters, [i.dtype for i in self.inputs], self.settings)
        docstring = f'"""{self.model.name}: a {type(self.model).__name__} written out by pellucid in plain NumPy."""'
        blocks = [
            [docstring, "", *imports, "", *first],
            *[[part] for part in self.writer.constants],
            *[[part] for part in self.extract.parts.values()],
            [f"def step({', '.join(parameters)}):", *["    " + line for line in [*STEP, *step]]],
            [
                f"def predict({', '.join(parameters[: len(self.predict.inputs)])}):",
                *["    " + line for line in predict],
            ],
            loop,
            main,
        ]
        return "\n\n\n".join("\n".join(block) for block in blocks) + "\n"

    def predicting(self, state: dict[Shared, str], outside: set[str]) -> list[str]:
        """Write what is computed once training is over."""
        names = Names([*outside, *self.extract.parts, *self.names.taken & {p.split(" ")[0] for p in self.constants}])
        writer = Writer(self.extract, names)
        writer.known = {e: self.writer.known[e] for e in [*self.predict.inputs, *state]}
        results = writer.write(self.predict.outputs, {})
        self.writer.constants += writer.constants
        what = '"""Return what the network puts out, as it is after training."""'
        several = f"return [{', '.join(results)}]" if len(results) > 1 else f"return {results[0]}"
        return [what, *writer.lines, several]

    @property
    def constants(self) -> list[str]:
        """Arrays that the step holds."""
        return self.writer.constants


STEP = ['"""Make one step on a batch, and return the loss that it had before: forwards, backwards, update."""']
