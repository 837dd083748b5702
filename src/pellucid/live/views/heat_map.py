"""Heat maps of parameters and of their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.graph.errors import UseError
from pellucid.graph.expr import Shared
from pellucid.graph.gradient import grad
from pellucid.graph.traversal import topological
from pellucid.graph.types import is_float
from pellucid.live.views.base import FigureContext, View

__all__ = ["HeatMap", "heat_map"]


class HeatMap(View):
    kind = "heat_map"

    def __init__(self, variables: Sequence[Shared], gradients: bool, title: str) -> None:
        super().__init__(title)
        for v in variables:
            if not isinstance(v, Shared):
                raise UseError(f"pel.live.heat_map: expected shared variables such as W1. Received: {v!r}")
        self.variables, self.gradients = list(variables), gradients

    def build(self, context: FigureContext) -> tuple[dict[str, Any], dict[str, Any]]:
        variables = self.variables or list_parameters(context)
        gradients = self.add_gradients(variables, context) if self.gradients else {}
        panels = [
            {"label": str(v), "array": context.functions.add_leaf(v), "gradient": gradients.get(v)} for v in variables
        ]
        return {"kind": self.kind, "title": self.title}, {"panels": panels}

    def add_gradients(self, variables: Sequence[Shared], context: FigureContext) -> dict[Shared, dict[str, Any]]:
        """Compile the gradients of the loss, and return where a page finds each."""
        if context.train is None or context.loss is None:
            return {}
        used = set(topological([context.loss]))
        found = [v for v in variables if v in used and is_float(v.dtype)]
        if not found:
            return {}
        inputs = {i: context.inputs[i] for i in context.train.program.inputs if i in context.inputs}
        name = context.functions.add_outputs(context.name("gradients"), grad(context.loss, found), inputs)
        return {v: {"function": name, "args": {}, "output": k} for k, v in enumerate(found)}


def list_parameters(context: FigureContext) -> list[Shared]:
    if context.train is None:
        raise UseError("pel.live.heat_map: expected variables, or a figure with train=step. Received: neither")
    return [v for v in context.train.program.updates if v.trainable]


def heat_map(*variables: Shared, gradients: bool = True, title: str = "Weights") -> HeatMap:
    """Matrices and vectors as colored cells, with the gradients of the loss.

    Parameters
    ----------
    *variables : Shared
        The variables; by default all parameters that the training step updates.
    gradients : bool
        Whether to draw the gradient of the loss next to each.
    title : str
        Title of the view.

    Returns
    -------
    HeatMap

    Raises
    ------
    UseError
        If an argument is not a shared variable.

    Examples
    --------
    >>> W = pel.shared([[0.5, -0.5]], "W")
    >>> pel.live.heat_map(W).variables
    [W]
    """
    return HeatMap(variables, gradients, title)
