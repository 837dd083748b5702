"""A model as Python code with layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.model.errors import ModelError
from pellucid.model.model import Model
from pellucid.model.peel.running import Settings, data_names, main_lines
from pellucid.model.peel.spelling import input_code, layer_table, plain, spelt
from pellucid.model.sequential import Sequential
from pellucid.model.steps import training_of
from pellucid.show.literals import array_source


def layers_code(model: Model, settings: Settings) -> str:
    """Write a model as the calls of layers that make it."""
    imports: dict[str, None] = {}
    lines = ["model = pel.Sequential(", "    [", f"        {input_code(checked(model).inputs[0])},"]
    lines += [f"        {spelt(layer_table(layer), 'layer')}," for layer in model.layers]
    lines += ["    ],", f"    name={spelt(model.name, 'name')},", ")"]
    main: list[str] = []
    if model._goal is not None:
        compiled = goal_table(model)
        lines += ["model.compile("]
        lines += [f"    {name}={spelt(value, name)}," for name, value in compiled.items()]
        lines += [")"]
        fit = f"epochs={settings.epochs}, batch_size={settings.batch_size}, seed={settings.seed}"
        training = training_of(model)
        names = data_names(training.inputs, training.targets)
        main = main_lines(names, settings, imports)
        loop = [f"def fit({', '.join(names)}):", f"    return model.fit({', '.join(names)}, {fit}, verbose=2)"]
        main = [*loop, "", "", *main]
    if settings.weights:
        start = "        "
        arrays = [f"{start}{array_source(np.asarray(w), imports, 8)}," for w in model.get_weights()]
        lines += ["model.set_weights(", "    [", *arrays, "    ]", ")"]
    if any("np." in line for line in [*lines, *main]):
        imports["import numpy as np"] = None
    head = [*sorted(imports), *([""] if imports else []), "import pellucid as pel", "from pellucid import nn"]
    return "\n".join([*head, "", *lines, *(["", "", *main] if main else [])]) + "\n"


def checked(model: Model) -> Model:
    """Return a model that can be written as layers one after the other."""
    model.connections  # noqa: B018  (says that the model is not built)
    if not isinstance(model, Sequential):
        raise ModelError(f"{model.name} is a {type(model).__name__}, and only a Sequential is written as layers yet")
    return model


def goal_table(model: Model) -> dict[str, Any]:
    """Return what a model was compiled with, as plain values."""
    goal = model.goal
    [wanted] = goal.of(model.output_names)
    return {
        "optimizer": plain(goal.optimizer, "optimizer", model.name),
        "loss": plain(goal.loss, "loss", model.name),
        "metrics": [plain(metric, "metrics", model.name) for metric in wanted.metrics.values()],
    }
