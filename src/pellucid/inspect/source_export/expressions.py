"""Networks as Python code with pellucid's symbols: every formula written out, the gradient left to `pel.grad`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.state_updates import updates_of
from pellucid.graph.traversal import topological
from pellucid.graph.types import Unknown
from pellucid.inspect.layer_trace import Training, training_of
from pellucid.inspect.source_export.config import spelt
from pellucid.inspect.source_export.training_loop import Settings, data_names, fit_lines, main_lines
from pellucid.model.model import Model
from pellucid.show.literals import array_source
from pellucid.show.numpy_source import Names
from pellucid.show.pellucid_source import PelWriter

WORDS = [
    "pel",
    "step",
    "predict",
    "fit",
    "gradients",
    "losses",
    "total",
    "batch",
    "order",
    "start",
    "epoch",
    "data",
    "sys",
]


class Code:
    """Code on its way: leaves as they are declared, then lines."""

    def __init__(self) -> None:
        self.names = Names(WORDS)
        self.writer = PelWriter(self.names)
        self.imports: dict[str, None] = {"import numpy as np": None}
        self.declared: list[str] = []

    def declare_input(self, given: Input, wanted: str) -> str:
        """Declare an input."""
        name = self.writer.leaf(given, wanted)
        shape = ", ".join("None" if isinstance(dim, Unknown) else spelt(dim, "shape") for dim in given.shape)
        comma = "," * (given.ndim == 1)
        self.declared.append(f'{name} = pel.tensor("{name}", ({shape}{comma}), "{given.dtype.name}")')
        return name

    def declare_shared(self, shared: Shared) -> str:
        """Declare a shared variable with its value; the state of a random stream moves on by itself."""
        name = self.writer.leaf(shared, shared.name or "w")
        value = np.asarray(shared.get_value())
        if shared.default_update is not None:
            self.declared.append(f"{name} = pel.random.Generator(0).state")
            self.declared.append(f"{name}.name = {spelt(shared.name or name, 'name')}")
            self.declared.append(f"{name}.set_value({array_source(value, self.imports, len(name) + 11)})")
            return name
        start = f"{name} = pel.shared("
        written = array_source(value, self.imports, len(start))
        tags = "" if shared.trainable else ", trainable=False"
        self.declared.append(f"{start}{written}, {spelt(shared.name or name, 'name')}{tags})")
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

    def text(self, after: Sequence[str], docstring: str) -> str:
        """Write all of it."""
        head = [f'"""{docstring}"""', "", *sorted(self.imports), "", "import pellucid as pel", ""]
        return "\n".join([*head, *self.declared, *self.writer.constants, "", *self.writer.lines, *after]) + "\n"


def model_code(model: Model, settings: Settings) -> str:
    """Write a compiled model as expressions."""
    training = training_of(model, settings.data[1] if len(settings.data) == 2 else None)
    code = Code()
    names = data_names(training.inputs, training.targets)
    for leaf, name in zip(training.given, names, strict=True):
        code.declare_input(leaf, name)
    stages = {stage: f"h{i}" for i, stage in enumerate(model.stages) if stage.op is not None}
    wanted = {**stages, training.loss: "loss", **dict.fromkeys(training.outputs, "y_hat")}
    code.declare_all([training.loss, *training.predictions])
    code.writer.write([training.loss, *training.outputs], wanted)
    loss = written(code, training.loss, "loss")
    lines = update_lines(code, training)
    predictions = code.writer.write(training.predictions, dict.fromkeys(training.predictions, "prediction"))
    given = ", ".join(names[: len(training.inputs)])
    tail = [
        "",
        "updates = {",
        *lines,
        "}",
        f"step = pel.function([{', '.join(names)}], {loss}, updates=updates)",
        f"predict = pel.function([{given}], {in_form(None, predictions)})",
        "",
        "",
        *fit_lines(names, [i.dtype for i in training.given], settings),
        "",
        "",
        *main_lines(names, settings, code.imports),
    ]
    what = f"{model.name}: a {type(model).__name__} written out by pellucid in expressions."
    return code.text(tail, what)


def written(code: Code, e: Expr, name: str) -> str:
    """Return what stands for an expression, a variable of its own."""
    [shown] = code.writer.write([e], {e: name})
    return shown


def update_lines(code: Code, training: Training) -> list[str]:
    """Write the gradients and the update of every parameter, and return the lines of the table of updates."""
    parameters = training.parameters
    targets = [code.writer.write([p], {})[0] for p in parameters]
    letters = [Input(f"d_{name}", p.shape, p.dtype) for name, p in zip(targets, parameters, strict=True)]
    made = {**training.optimizer.apply(letters, parameters), **updates_of(training.loss)}
    gradients = [code.writer.leaf(letter, letter.name or "g") for letter in letters]
    code.declare_all([*made, *made.values()])
    loss = code.writer.write([training.loss], {})[0]
    left = ", ".join(gradients) + "," * (len(gradients) == 1)
    code.writer.lines.append(f"{left} = pel.grad({loss}, [{', '.join(targets)}])")
    news = {e: f"new_{code.writer.write([t], {})[0]}" for t, e in made.items() if e.op is not None}
    shown = code.writer.write(list(made.values()), news)
    held = [code.writer.write([t], {})[0] for t in made]
    return [f"    {t}: {new}," for t, new in zip(held, shown, strict=True)]


def expression_code(outputs: Sequence[Expr]) -> str:
    """Write expressions, and a function ``compute`` of their inputs."""
    code = Code()
    wanted = list(outputs)
    code.declare_all(wanted)
    results = code.writer.write(wanted, {e: "result" for e in wanted if e.op is not None})
    inputs = [code.writer.write([i], {})[0] for i in topological(list(wanted)) if isinstance(i, Input)]
    returned = results[0] if len(results) == 1 else f"[{', '.join(results)}]"
    tail = ["", f"compute = pel.function([{', '.join(inputs)}], {returned})"]
    return code.text(tail, "Written out by pellucid in expressions.")


def function_code(function: Any) -> str:
    """Write a function, its updates with it, as it was simplified."""
    program, structure = function.program, function._structure
    code = Code()
    for given in program.inputs:
        code.declare_input(given, given.name or "x")
    outputs, updates = list(program.outputs), dict(program.updates)
    code.declare_all([*outputs, *updates, *updates.values()])
    wanted = {e: f"new_{code.writer.write([t], {})[0]}" for t, e in updates.items() if e.op is not None}
    results = code.writer.write([*outputs, *updates.values()], wanted)
    held = [code.writer.write([t], {})[0] for t in updates]
    made = ", ".join(f"{t}: {new}" for t, new in zip(held, results[len(outputs) :], strict=True))
    names = [code.writer.write([i], {})[0] for i in program.inputs]
    returned = in_form(structure, results[: len(outputs)])
    call = "step" if updates else "compute"
    more = f", updates={{{made}}}" if updates else ""
    tail = ["", f"{call} = pel.function([{', '.join(names)}], {returned}{more})"]
    return code.text(tail, "A function written out by pellucid in expressions.")


def in_form(structure: Any, results: Sequence[str]) -> str:
    """Write the outputs of a function in the form that was asked for."""
    if isinstance(structure, Mapping):
        return "{" + ", ".join(f"{k!r}: {v}" for k, v in zip(structure, results, strict=True)) + "}"
    if isinstance(structure, (list, tuple)) or len(results) != 1:
        return f"[{', '.join(results)}]" if results else "None"
    return results[0]
