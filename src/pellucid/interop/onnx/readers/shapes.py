"""Readers of operators on shapes and the order of elements."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from pellucid.graph.expr import Expr, constant
from pellucid.graph.types import Dim
from pellucid.interop.onnx.layout import transpose_axes
from pellucid.interop.onnx.reader import OnnxNode, reads
from pellucid.interop.onnx.shape_values import find_expression_of_shape
from pellucid.interop.onnx.symbolic import P


@reads("Reshape")
def reshape(n: OnnxNode, x: Expr, shape: Expr | None = None) -> Expr:
    """Reshape; a size of 0 copies that of the input unless ``allowzero=1``."""
    sizes = n.get("shape") if "shape" in n.attributes else n.get_sizes(1)
    target_shape = get_target_shape(n, x, list(np.asarray(sizes, object).ravel()))
    if sum(d == -1 or (isinstance(d, str) and d not in x.shape) for d in target_shape) <= 1:
        return P.reshape(x, target_shape)
    target = None if -1 in target_shape else find_expression_of_shape(n, target_shape)
    if target is None:
        raise n.unknown_value_error(1)
    return P.reshape_like(x, target)


def get_target_shape(n: OnnxNode, x: Expr, sizes: list[Dim | None]) -> tuple[Dim, ...]:
    """Return the target shape; it may contain named sizes and one unknown size."""
    unknown = [place for place, d in enumerate(sizes) if d is None]
    if len(unknown) + sizes.count(-1) > 1:
        raise n.unknown_value_error(1)
    shape: list[Dim] = [-1 if d is None else d if isinstance(d, str) else int(d) for d in sizes]
    if not n.get("allowzero", 0):
        shape = [x.shape[place] if d == 0 and not isinstance(d, str) else d for place, d in enumerate(shape)]
    return tuple(shape)


@reads("Flatten")
def flatten(n: OnnxNode, x: Expr) -> Expr:
    axis = int(n.get("axis", 1))
    axis = axis % x.ndim if axis < 0 else axis
    first, second = multiply_sizes(x.shape[:axis]), multiply_sizes(x.shape[axis:])
    if first is None and second is None:
        n.require_known(x.shape[axis:], f"the sizes from axis {axis} on")
    return P.reshape(x, (-1 if first is None else first, -1 if second is None else second))


def multiply_sizes(sizes: Sequence[Dim]) -> Dim | None:
    """Return the product of sizes, or None if it is unknown. A single named size is its own product."""
    if len(sizes) == 1:
        return sizes[0]
    return math.prod(int(d) for d in sizes) if is_known(sizes) else None


def is_known(shape: Iterable[Dim]) -> bool:
    return all(isinstance(d, int) for d in shape)


@reads("Squeeze")
def squeeze(n: OnnxNode, x: Expr, axes: Expr | None = None) -> Expr:
    """Remove axes of size 1; undoes a matching Unsqueeze."""
    removed = n.get_axes()
    undone = None if x.op is None or x.op.name != "expand_dims" else x.settings["axis"]
    if removed is not None and tuple(sorted(a % x.ndim for a in removed)) == undone:
        return x.inputs[0]
    return P.squeeze(x, axis=removed)


@reads("Unsqueeze")
def unsqueeze(n: OnnxNode, x: Expr, axes: Expr | None = None) -> Expr:
    return P.expand_dims(x, axis=n.get_axes())


@reads("Transpose")
def transpose(n: OnnxNode, x: Expr) -> Expr:
    return transpose_axes(x, n.get("perm", list(range(x.ndim))[::-1]))


@reads("Expand")
def expand(n: OnnxNode, x: Expr, shape: Expr) -> Expr:
    """Broadcast; a size of 1 keeps the axis."""
    sizes = n.get_dims(1)
    known = [d for d in sizes if d is not None]
    if len(known) < len(sizes):
        raise n.unknown_value_error(1)
    ndim = max(len(known), x.ndim)
    old: list[Dim] = [*[1] * (ndim - x.ndim), *x.shape]
    new: list[Dim] = [*[1] * (ndim - len(known)), *known]
    target = tuple(a if b == 1 else b for a, b in zip(old, new, strict=True))
    if all(not isinstance(d, str) or d in x.shape for d in target):
        return P.broadcast_to(x, target)
    other = find_expression_of_shape(n, target)
    if other is None:
        raise n.unknown_value_error(1)
    return P.broadcast_like(x, other)


@reads("Tile")
def tile(n: OnnxNode, x: Expr, repeats: Expr, axis: Expr | None = None) -> Expr:
    if n.opset < 6:
        over = int(n.get_constant(2).ravel()[0])
        return P.tile(x, tuple(int(n.get_constant(1).ravel()[0]) if a == over else 1 for a in range(x.ndim)))
    return P.tile(x, tuple(int(r) for r in n.get_constant(1)))


@reads("DepthToSpace")
def depth_to_space(n: OnnxNode, x: Expr) -> Expr:
    """Rearrange channels into spatial blocks."""
    b, batch = int(n.require("blocksize")), x.shape[0]
    c, *spatial = n.require_known(x.shape[1:], "the number of channels and the spatial sizes")
    axes = len(spatial)
    count = c // b**axes
    if n.get("mode", "DCR") == "DCR":
        wide = P.reshape(x, (batch, *[b] * axes, count, *spatial))
        order = [0, axes + 1, *(a for i in range(axes) for a in (axes + 2 + i, 1 + i))]
    else:
        wide = P.reshape(x, (batch, count, *[b] * axes, *spatial))
        order = [0, 1, *(a for i in range(axes) for a in (2 + axes + i, 2 + i))]
    return P.reshape(P.transpose(wide, order), (batch, count, *(d * b for d in spatial)))


@reads("SpaceToDepth")
def space_to_depth(n: OnnxNode, x: Expr) -> Expr:
    """Rearrange spatial blocks into channels."""
    b, batch = int(n.require("blocksize")), x.shape[0]
    c, *spatial = n.require_known(x.shape[1:], "the number of channels and the spatial sizes")
    axes = len(spatial)
    parts = [d for size in spatial for d in (size // b, b)]
    wide = P.reshape(x, (batch, c, *parts))
    if n.get("mode", "DCR") == "CRD":
        order = [0, 1, *(3 + 2 * i for i in range(axes)), *(2 + 2 * i for i in range(axes))]
    else:
        order = [0, *(3 + 2 * i for i in range(axes)), 1, *(2 + 2 * i for i in range(axes))]
    return P.reshape(P.transpose(wide, order), (batch, c * b**axes, *(d // b for d in spatial)))


@reads("Trilu")
def trilu(n: OnnxNode, x: Expr, k: Expr | None = None) -> Expr:
    offset = int(n.get_constant(1, 0).ravel()[0])
    triangle = P.triu if n.get("upper", 1) else P.tril
    return P.cast(triangle(P.cast(x, "int32"), k=offset), "bool") if x.dtype.kind == "b" else triangle(x, k=offset)


@reads("Shape")
def shape_(n: OnnxNode, x: Expr) -> Expr:
    axes = range(x.ndim)[slice(n.get("start", 0), n.get("end"))]
    if is_known(x.shape[a] for a in axes):
        return constant(np.array([x.shape[a] for a in axes], np.int64))
    return P.stack([P.size(x, axis=a) for a in axes])


@reads("Size")
def size(n: OnnxNode, x: Expr) -> Expr:
    return constant(np.int64(math.prod(int(d) for d in x.shape))) if is_known(x.shape) else P.size(x)
