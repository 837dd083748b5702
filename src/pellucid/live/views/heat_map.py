"""Heat maps of parameters and of their gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pellucid.graph.errors import ShapeError, UseError
from pellucid.graph.expr import Shared
from pellucid.graph.gradient import grad
from pellucid.graph.traversal import topological
from pellucid.graph.types import format_shape, is_float
from pellucid.live.views.base import FigureContext, View
from pellucid.live.views.tile_layout import make_tile_layout
from pellucid.typing import Json

__all__ = ["HeatMap", "heat_map"]


class HeatMap(View):
    gradients: bool
    variables: list[Shared]

    kind = "heat_map"

    def __init__(
        self, variables: Sequence[Shared], gradients: bool, image_shape: Sequence[int] | None, title: str
    ) -> None:
        super().__init__(title)
        for v in variables:
            if not isinstance(v, Shared):
                raise UseError(f"pel.live.heat_map: expected shared variables such as W1. Received: {v!r}")
        self.variables, self.gradients = list(variables), gradients
        self.image_shape: tuple[int, int] | None = (
            None if image_shape is None else check_image_shape(image_shape, self.variables)
        )

    def build(self, context: FigureContext) -> tuple[dict[str, Json], dict[str, Json]]:
        variables = self.variables or list_parameters(context)
        gradients = self.add_gradients(variables, context) if self.gradients else {}
        panels = [self.describe_panel(v, gradients.get(v), context) for v in variables]
        return {"kind": self.kind, "title": self.title}, {"panels": panels}

    def describe_panel(self, v: Shared, gradient: dict[str, Json] | None, context: FigureContext) -> dict[str, Json]:
        shape = [int(n) for n in v.storage.shape]
        images = self.image_shape
        has_images = images is not None and len(shape) == 2 and shape[0] == math.prod(images)
        layout = make_tile_layout(shape, images if has_images else None)
        array = context.functions.add_leaf(v)
        return {"label": str(v), "array": array, "shape": shape, "layout": layout, "gradient": gradient}

    def add_gradients(self, variables: Sequence[Shared], context: FigureContext) -> dict[Shared, dict[str, Json]]:
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


def check_image_shape(image_shape: Sequence[int], variables: Sequence[Shared]) -> tuple[int, int]:
    shape = tuple(image_shape)
    if len(shape) != 2 or min(shape) < 1:
        raise ShapeError(f"pel.live.heat_map: expected image_shape=(height, width). Received: {image_shape!r}")
    rows = math.prod(shape)
    if variables and not any(v.ndim == 2 and v.storage.shape[0] == rows for v in variables):
        received = ", ".join(f"{v} of shape {format_shape(v.shape)}" for v in variables)
        raise ShapeError(
            f"pel.live.heat_map: expected a matrix with {rows} rows for image_shape={shape}. Received: {received}"
        )
    return shape[0], shape[1]


def heat_map(
    *variables: Shared, gradients: bool = True, image_shape: Sequence[int] | None = None, title: str = "Weights"
) -> HeatMap:
    """Matrices, vectors and kernels as colored cells, with the gradients of the loss.

    Parameters
    ----------
    *variables : Shared
        The variables; by default all parameters that the training step updates.
    gradients : bool
        Whether to draw the gradient of the loss next to each.
    image_shape : (int, int), optional
        Height and width of images: each column of a matrix with a row for each pixel is drawn as an image.
    title : str
        Title of the view.

    Returns
    -------
    HeatMap

    Raises
    ------
    UseError
        If an argument is not a shared variable.
    ShapeError
        If no matrix has a row for each pixel of ``image_shape``.

    Examples
    --------
    >>> W = pel.shared([[0.5, -0.5]], "W")
    >>> pel.live.heat_map(W).variables
    [W]
    """
    return HeatMap(variables, gradients, image_shape, title)
