"""Layers of convolutional networks, found in their expressions: convolutions and poolings, with what follows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pellucid.graph.expr import Expr, Shared
from pellucid.graph.naming import LabelStripper
from pellucid.graph.traversal import topological

POOLINGS = ("max_pool", "sum_pool")


@dataclass(frozen=True)
class ImageLayer:
    """A layer whose output has the shape (n, height, width, maps): a convolution with its activation, or a pooling."""

    name: str
    output: Expr
    kernel: Shared | None
    bias: Shared | None


def find_image_layers(output: Expr) -> list[ImageLayer]:
    """Return the convolutional and pooling layers that an expression is computed from, the first one first.

    A bias, a normalization and an activation that follow belong to the layer: everything that keeps the shape.
    """
    stripper = LabelStripper([output])
    order = topological(stripper.outputs)
    users: dict[Expr, list[Expr]] = {}
    for e in order:
        for used in e.inputs:
            users.setdefault(used, []).append(e)
    layers: dict[Expr, ImageLayer] = {}
    for e in order:
        if starts_layer(e):
            end, bias = follow_layer(e, users)
            kernel = get_kernel(e)
            name = name_layer(e, list(layers.values()))
            layers[end] = ImageLayer(stripper.names.get(end, name), end, kernel, bias)
    return list(layers.values())


def starts_layer(e: Expr) -> bool:
    return e.op is not None and e.ndim == 4 and e.op.name in ("conv", "conv_input_gradient", *POOLINGS)


def follow_layer(e: Expr, users: dict[Expr, list[Expr]]) -> tuple[Expr, Shared | None]:
    """Return the last expression of a layer, and the bias that is added first."""
    bias = None
    while len(users.get(e, ())) == 1:
        [user] = users[e]
        if user.shape != e.shape or starts_layer(user):
            break
        if user.op is not None and user.op.name == "add" and bias is None:
            bias = next((i for i in user.inputs if isinstance(i, Shared) and i.ndim == 1), None)
        e = user
    return e, bias


def get_kernel(e: Expr) -> Shared | None:
    return next((i for i in e.inputs[1:] if isinstance(i, Shared) and i.ndim == 4), None)


def name_layer(e: Expr, before: Sequence[ImageLayer]) -> str:
    """Return the name of the kernel without its last part, or one such as ``"conv2d, max pool"`` without a kernel."""
    assert e.op is not None
    kernel = e.inputs[-1]
    while kernel.op is not None and kernel.op.name == "reshape":
        kernel = kernel.inputs[0]
    if isinstance(kernel, Shared):
        return str(kernel).rpartition("/")[0] or str(kernel)
    operation = e.op.name.replace("sum_pool", "average_pool").replace("_", " ")
    source = next((layer.name for layer in before if layer.output is e.inputs[0]), None)
    return operation if source is None else f"{source}, {operation}"
