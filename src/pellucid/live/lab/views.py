"""Views of the lab: the data points with their split, losses of both parts, and scores next to baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.naming import strip_calls
from pellucid.graph.traversal import topological
from pellucid.live.lab.arithmetic_cache import get_arithmetic_path, load_arithmetic, save_arithmetic
from pellucid.live.lab.baselines import score_baselines
from pellucid.live.lab.division import divide_rows
from pellucid.live.lab.inputs import LabInputs
from pellucid.live.lab.networks import LabNetwork
from pellucid.live.lab.training_step import evaluate
from pellucid.live.views.base import FigureContext, View
from pellucid.live.views.decision_boundary import DecisionBoundary
from pellucid.live.views.heat_map import HeatMap
from pellucid.live.views.numbers import Numbers, add_function
from pellucid.run.function import Function
from pellucid.typing import Json

PARTS = ("training", "held-out")


def add_expressions(context: FigureContext, name: str, outputs: Mapping[str, Expr], hot: bool = False) -> str:
    """Add a function of the inputs of the training step, unless another view has added it, and return its name."""
    if name not in context.functions.functions:
        found = topological(list(outputs.values()))
        used = {i: context.inputs[i] for i in found if isinstance(i, Input)}
        context.functions.add_outputs(name, list(outputs.values()), used, hot=hot, output_names=list(outputs))
    return name


class DividedBoundary(DecisionBoundary):
    """Decision boundary with noise on the points, and held-out points drawn hollow."""

    def __init__(self, inputs: LabInputs, predict: Function, title: str) -> None:
        super().__init__(predict, title)
        self.inputs = inputs

    def build(self, context: FigureContext) -> tuple[dict[str, Json], dict[str, Json]]:
        shared, own = super().build(context)
        _, is_held_out = divide_rows(self.inputs).weights
        outputs = {"features": self.inputs.noisy_X, "held out": is_held_out}
        name = add_expressions(context, "division", outputs)
        return shared, {**own, "division": {"function": name, "features": 0, "held_out": 1}}


class DividedLossCurve(View):
    """Losses of the mini-batches and of the held-out rows."""

    inputs: LabInputs
    network: LabNetwork

    kind = "loss_curve"

    def __init__(self, inputs: LabInputs, network: LabNetwork, title: str = "Loss") -> None:
        super().__init__(title)
        self.inputs, self.network = inputs, network

    def build(self, context: FigureContext) -> tuple[dict[str, Json], dict[str, Json]]:
        name = add_expressions(context, "evaluation", evaluate(self.inputs, self.network), hot=True)
        series = [
            {"label": "training loss", "set": "training", "metric": "loss"},
            {"label": "held-out loss", "set": "held_out", "metric": "loss"},
        ]
        shared: dict[str, Json] = {"kind": self.kind, "title": self.title, "scale": "linear", "series": series}
        return shared, {"series": [None, {"function": name, "args": {}, "output": 0}]}


class ScoreTable(View):
    """Scores of the network and of baselines on training and held-out rows, with facts about the data."""

    facts: list[str]
    inputs: LabInputs
    network: LabNetwork

    kind = "score_table"

    def __init__(self, inputs: LabInputs, network: LabNetwork, facts: Sequence[str], title: str = "Score") -> None:
        super().__init__(title)
        self.inputs, self.network, self.facts = inputs, network, list(facts)

    def build(self, context: FigureContext) -> tuple[dict[str, Json], dict[str, Json]]:
        division = divide_rows(self.inputs)
        baselines = score_baselines(self.inputs, division)
        network = add_expressions(context, "evaluation", evaluate(self.inputs, self.network), hot=True)
        counts = {f"{part} rows": weights.sum() for part, weights in zip(PARTS, division.weights, strict=True)}
        scores = {f"{name}, {part}": e for name, pair in baselines.items() for part, e in zip(PARTS, pair, strict=True)}
        others = add_expressions(context, "baselines", counts | scores)
        shared: dict[str, Json] = {
            "kind": self.kind,
            "title": self.title,
            "score": "accuracy" if self.inputs.classes else "mean absolute error",
            "baselines": list(baselines),
            "facts": self.facts,
        }
        return shared, {"network": network, "baselines": others}


class PredictionNumbers(Numbers):
    """Numbers of the prediction, without those of the loss and its gradients."""

    def __init__(self, inputs: LabInputs, network: LabNetwork) -> None:
        super().__init__([network.predict(inputs.noisy_X)], "Numbers")
        self.known = inputs.arithmetic

    def build(self, context: FigureContext) -> tuple[dict[str, Json], dict[str, Json]]:
        context = replace(context, train=None)
        roots, _ = strip_calls(self.given)
        order = topological(roots)
        path = get_arithmetic_path(roots, context.view)
        found = path and load_arithmetic(path)
        if found:
            add_function(context, "values", [order[k] for k in found["expressions"]])
            return found["shared"], found["own"]
        shared, own = super().build(context)
        if path:
            numbers = {e: k for k, e in enumerate(order)}
            expressions = [numbers[e] for e in context.functions.sources[-1].program.original_outputs]
            save_arithmetic(path, {"expressions": expressions, "shared": shared, "own": own})
        return shared, own


class UsedWeights(HeatMap):
    """Heat maps of the parameters, without those of unused units."""

    units: str | None
    used: Mapping[Shared, Expr]

    def __init__(self, inputs: LabInputs, network: LabNetwork) -> None:
        super().__init__(network.parameters, gradients=False, image_shape=None, title="Weights")
        self.units, self.used = inputs.units.name, network.used

    def describe_panel(self, v: Shared, gradient: dict[str, Json] | None, context: FigureContext) -> dict[str, Json]:
        panel = super().describe_panel(v, gradient, context)
        if v not in self.used:
            return panel
        rows, columns = [1, *self.used[v].shape][-2:]
        return {**panel, "used": [self.units if n != 1 else None for n in (rows, columns)]}
