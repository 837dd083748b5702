"""Learning curves: the training loss, and other losses and metrics, over the steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pellucid.graph.errors import OptionError, UseError
from pellucid.graph.expr import Input
from pellucid.live.controls import SCALES
from pellucid.live.views.base import FigureContext, View, check_function
from pellucid.run.argument_binding import convert_arguments
from pellucid.run.function import Function
from pellucid.typing import Json

__all__ = ["LossCurve", "loss_curve"]

Data = Mapping[Input, Any]


class LossCurve(View):
    kind = "loss_curve"

    def __init__(
        self, held_out: Data | None, metrics: Mapping[str, tuple[Function, Data]], scale: str, title: str
    ) -> None:
        super().__init__(title)
        if scale not in SCALES:
            raise OptionError(f"pel.live.loss_curve: expected scale to be 'linear' or 'log'. Received: {scale!r}")
        self.held_out, self.metrics, self.scale = held_out, dict(metrics), scale

    def build(self, context: FigureContext) -> tuple[dict[str, Json], dict[str, Json]]:
        if context.train is None:
            raise UseError("pel.live.loss_curve needs a training step: give the figure train=step")
        series = [{"label": "training loss", "set": "training", "metric": "loss"}]
        parts: list[Any] = [None]
        if self.held_out is not None:
            f = context.train.copy(delete_updates=True)
            series.append({"label": "held-out loss", "set": "held_out", "metric": "loss"})
            parts.append(add_evaluation(context, "held-out loss", f, self.held_out))
        for label, (f, data) in self.metrics.items():
            series.append({"label": label, "set": "held_out", "metric": label})
            evaluated = check_function("loss_curve", f).copy(delete_updates=True)
            parts.append(add_evaluation(context, label, evaluated, data))
        shared: dict[str, Json] = {"kind": self.kind, "title": self.title, "scale": self.scale, "series": series}
        return shared, {"series": parts}


def add_evaluation(context: FigureContext, label: str, f: Function, data: Data) -> dict[str, Json]:
    """Compile a function on other data; inputs without data keep those of the figure."""
    given = [i for i in f.program.inputs if i in data]
    names = dict(context.inputs)
    for i, value in zip(given, convert_arguments(given, [data[i] for i in given], lead=0), strict=True):
        names[i] = context.functions.add_array(context.name(f"{label}/{i}"), value, role="input")
    name = context.functions.add_function(context.name(label), f, names, hot=True)
    return {"function": name, "args": {}, "output": 0}


def loss_curve(
    held_out: Data | None = None,
    metrics: Mapping[str, tuple[Function, Data]] | None = None,
    *,
    scale: str = "linear",
    title: str = "Loss",
) -> LossCurve:
    """Training loss over the steps, with the loss on held-out data and other metrics.

    Parameters
    ----------
    held_out : dict from Input to array, optional
        Held-out data, for the inputs of the training step that have data. The loss on them is computed with the
        parameters of each recorded step.
    metrics : dict from str to (Function, dict), optional
        More curves: a function with one scalar output, and values of its inputs.
    scale : {"linear", "log"}
        Scale of the vertical axis.
    title : str
        Title of the view.

    Returns
    -------
    LossCurve

    Raises
    ------
    OptionError
        If the scale is unknown.

    Examples
    --------
    >>> pel.live.loss_curve(scale="log").scale
    'log'
    """
    return LossCurve(held_out, metrics or {}, scale, title)
