"""Order of flattened features: PyTorch flattens (channels, height, width), pellucid (height, width, channels).

A Dense layer after a Flatten, and one before a Reshape to an image, therefore needs its weights in another order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.model.functional_graph import CallNode, get_dependencies, iterate_in_order
from pellucid.model.interfaces import ModelLike, is_model
from pellucid.nn import layers
from pellucid.nn.layers import Layer
from pellucid.typing import Array


@dataclass
class FeatureOrder:
    """Order of the features before and after a layer: number ``i`` here is number ``order[i]`` in PyTorch."""

    inputs: Array | None = None
    outputs: Array | None = None

    def sort_rows(self, kernel: Array) -> Array:
        """Return a kernel (inputs, outputs) with its rows in our order."""
        return kernel if self.inputs is None else kernel[self.inputs]

    def sort_outputs(self, value: Array) -> Array:
        """Return a value whose last axis are the results of the layer in our order."""
        return value if self.outputs is None else value[..., self.outputs]

    def sort_last(self, value: Array) -> Array:
        """Return the parameters of a layer that changes each feature alone."""
        order = self.outputs if self.inputs is None else self.inputs
        return value if order is None or len(value) != len(order) else value[..., order]


@dataclass(frozen=True)
class Mark:
    """Knowledge of the features of an expression.

    Attributes
    ----------
    order : array or None
        Their order, if it differs from that of PyTorch.
    has_channels : bool
        Whether a sequence has channels, which are in front of the steps in PyTorch.
    trail : tuple of Layer
        The Dense layer that computed them, and the layers after it that keep their order.
    """

    order: Array | None = None
    has_channels: bool = False
    trail: tuple[Layer, ...] = ()

    @property
    def is_known(self) -> bool:
        return self.order is not None or self.has_channels or bool(self.trail)


CHANNELS_FIRST_1D = (
    layers.Conv1D, layers.Conv1DTranspose, layers.DepthwiseConv1D, layers.SeparableConv1D, layers.MaxPooling1D,
    layers.AveragePooling1D, layers.ZeroPadding1D, layers.Cropping1D, layers.UpSampling1D,
)  # fmt: skip
"""Layers of sequences, whose channels PyTorch has before the steps."""

FEATUREWISE = (
    layers.Activation, layers.Add, layers.AlphaDropout, layers.Average, layers.BatchNormalization, layers.Dropout,
    layers.ELU, layers.GaussianDropout, layers.GaussianNoise, layers.Identity, layers.LayerNormalization,
    layers.LeakyReLU, layers.Maximum, layers.Minimum, layers.Multiply, layers.PReLU, layers.ReLU,
    layers.RMSNormalization, layers.Softmax, layers.Subtract, layers.UnitNormalization,
)  # fmt: skip
"""Layers that keep the order of the features."""


def get_flat_order(shape: tuple[Any, ...]) -> Array | None:
    """Return the order of the features that a flattened sample (spatial, channels) has.

    Examples
    --------
    >>> get_flat_order((2, 2, 3)).tolist()  # of the first pixel: its three channels, which are 4 apart in PyTorch
    [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]
    """
    if not all(isinstance(n, int) for n in shape):
        return None
    *spatial, channels = shape
    numbers = np.arange(math.prod(shape)).reshape(channels, *spatial)
    return np.moveaxis(numbers, 0, -1).ravel()


class FeatureOrders:
    """Orders of the features of all layers in a model, found by walking its graph.

    Attributes
    ----------
    by_layer : dict from Layer to FeatureOrder
        Of the layers whose parameters need another order.
    """

    def __init__(self, model: Layer) -> None:
        self.by_layer: dict[Layer, FeatureOrder] = {}
        if is_model(model):
            self.walk(model, [Mark()] * len(model.inputs))

    def get(self, layer: Layer) -> FeatureOrder:
        return self.by_layer.setdefault(layer, FeatureOrder())

    def walk(self, model: ModelLike, given: Sequence[Mark]) -> list[Mark]:
        """Return the marks of the outputs of a model for those of its inputs."""
        graph = model.functional_graph
        producers = graph.producers()
        marks = dict(zip(graph.inputs, given, strict=True))
        results: dict[CallNode, list[Mark]] = {}

        def get_operands(e: Expr) -> list[Expr]:
            return [] if e in inputs else get_dependencies(e, producers.get(e, []))

        inputs = set(graph.inputs)
        for e in iterate_in_order(graph.outputs, get_operands):
            if e in inputs:
                continue
            for node, index in producers.get(e, []):
                if node not in results:
                    results[node] = self.mark_call(node, [marks[i] for i in node.call.get_operands()])
                marks[e] = results[node][index if len(results[node]) > 1 else 0]
            if e not in marks:
                marks[e] = self.mark_operation(e, marks)
        return [marks[e] for e in graph.outputs]

    def mark_operation(self, e: Expr, marks: dict[Expr, Mark]) -> Mark:
        """Return the mark of an operation between layers."""
        same = [marks[i] for i in e.inputs if i.shape == e.shape and i in marks]
        keeps = e.op is not None and (e.op.elementwise or len(e.inputs) == 1)
        return next((m for m in same if m.is_known), Mark()) if keeps else Mark()

    def mark_call(self, node: CallNode, given: Sequence[Mark]) -> list[Mark]:
        layer, operands = node.layer, node.call.get_operands()
        if is_model(layer):
            return self.walk(layer, given)
        x, mark, [result, *_] = operands[0], given[0], node.outputs
        inner = layer.layer if isinstance(layer, layers.TimeDistributed) else layer
        if is_model(inner):
            self.walk(inner, [Mark()])
            return [Mark()]
        if isinstance(inner, layers.Flatten):
            return [self.mark_flatten(x.shape[2 if inner is not layer else 1 :], mark)]
        if isinstance(layer, layers.Reshape):
            return [self.mark_reshape(x, result, mark)]
        if isinstance(inner, layers.Concatenate) and result.shape[:-1] == x.shape[:-1]:
            return [concatenate_marks(operands, given)]
        if isinstance(inner, FEATUREWISE):
            main = next((m for m in given if m.order is not None), mark)
            self.get(inner).inputs = main.order
            return [Mark(main.order, main.has_channels, (*main.trail, inner) if main.trail else ())]
        self.get(inner).inputs = mark.order
        trail = (inner,) if isinstance(inner, layers.Dense) else ()
        return [Mark(None, isinstance(layer, CHANNELS_FIRST_1D), trail)] * max(1, len(node.results))

    def mark_flatten(self, shape: tuple[Any, ...], mark: Mark) -> Mark:
        """Return the mark of flattened samples of a shape."""
        is_image = len(shape) >= 3 or (len(shape) == 2 and mark.has_channels)
        return Mark(get_flat_order(shape) if is_image else mark.order)

    def mark_reshape(self, x: Expr, result: Expr, mark: Mark) -> Mark:
        if result.ndim == 2:
            return self.mark_flatten(x.shape[1:], mark)
        if result.ndim >= 4 and x.ndim == 2 and mark.order is None:
            order = get_flat_order(result.shape[1:])
            for layer in mark.trail:
                self.get(layer).outputs = order
        return Mark()


def concatenate_marks(operands: Sequence[Expr], marks: Sequence[Mark]) -> Mark:
    """Return the mark of a concatenation of features."""
    if all(mark.order is None for mark in marks):
        return Mark(None, any(mark.has_channels for mark in marks))
    parts: list[Array] = []
    start = 0
    for e, mark in zip(operands, marks, strict=True):
        size = int(e.shape[-1])
        parts.append(start + (np.arange(size) if mark.order is None else mark.order))
        start += size
    return Mark(np.concatenate(parts))
