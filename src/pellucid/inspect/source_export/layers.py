"""A model as Python code with layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.inspect.layer_trace import training_of
from pellucid.inspect.source_export.config import ByOutput, input_code, layer_table, plain, spelt
from pellucid.inspect.source_export.functional import functional_code
from pellucid.inspect.source_export.training_loop import Settings, data_names, main_lines
from pellucid.model.model import Model
from pellucid.model.sequential import Sequential
from pellucid.show.literals import array_source


def layers_code(model: Model, settings: Settings) -> str:
    """Write a model as the calls of layers that make it."""
    imports: dict[str, None] = {}
    lines = sequential_lines(model) if isinstance(model, Sequential) else functional_lines(model, imports)
    main: list[str] = []
    if model._goal is not None:
        compiled = goal_table(model)
        lines += ["model.compile("]
        lines += [f"    {name}={spelt(value, name)}," for name, value in compiled.items() if value is not None]
        lines += [")"]
        fit = f"epochs={settings.epochs}, batch_size={settings.batch_size}, seed={settings.seed}"
        training = training_of(model)
        names = data_names(training.inputs, training.targets)
        main = main_lines(names, settings, imports)
        x, y = names[: len(training.inputs)], names[len(training.inputs) :]
        given = ", ".join(part[0] if len(part) == 1 else f"[{', '.join(part)}]" for part in (x, y))
        loop = [f"def fit({', '.join(names)}):", f"    return model.fit({given}, {fit}, verbose=2)"]
        main = [*loop, "", "", *main]
    if settings.weights:
        start = "        "
        arrays = [f"{start}{array_source(np.asarray(w), imports, 8)}," for w in model.get_weights()]
        lines += ["model.set_weights(", "    [", *arrays, "    ]", ")"]
    if any("np." in line for line in [*lines, *main]):
        imports["import numpy as np"] = None
    head = [*sorted(imports), *([""] if imports else []), "import pellucid as pel", "from pellucid import nn"]
    return "\n".join([*head, "", *lines, *(["", "", *main] if main else [])]) + "\n"


def sequential_lines(model: Model) -> list[str]:
    """Write layers one after the other."""
    lines = ["model = pel.Sequential(", "    [", f"        {input_code(model.inputs[0])},"]
    lines += [f"        {spelt(layer_table(layer), 'layer')}," for layer in model.layers]
    return [*lines, "    ],", f"    name={spelt(model.name, 'name')},", ")"]


def functional_lines(model: Model, imports: dict[str, None]) -> list[str]:
    """Write layers called on one another."""
    code = functional_code(model)
    imports.update({line: None for line in code.imports if line != "import numpy as np"})
    return [*code.declared, *code.writer.constants, *code.writer.lines]


def goal_table(model: Model) -> dict[str, Any]:
    """Return what a model was compiled with, as plain values; for several outputs by their names."""
    goal, names = model.goal, model.output_names
    wanted = goal.of(names)
    losses = {g.name: None if g.loss is None else plain(g.loss, "loss", model.name) for g in wanted}
    measured = {g.name: [plain(metric, "metrics", model.name) for metric in g.metrics.values()] for g in wanted}
    table: dict[str, Any] = {"optimizer": plain(goal.optimizer, "optimizer", model.name)}
    if len(names) == 1:
        return {**table, "loss": losses[names[0]], "metrics": measured[names[0]]}
    weights = {g.name: g.loss_weight for g in wanted if g.loss_weight != 1}
    by_output = {"loss": ByOutput(losses), "metrics": ByOutput(measured)}
    return {**table, **by_output, "loss_weights": ByOutput(weights) if weights else None}
