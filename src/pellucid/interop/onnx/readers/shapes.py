"""The same elements in another shape or order."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid.graph.decomposition import symbolic as P
from pellucid.graph.expr import Expr, constant
from pellucid.graph.types import Dim
from pellucid.interop.onnx.layout import turned
from pellucid.interop.onnx.reader import Node, reads
from pellucid.interop.onnx.shape_values import like


@reads("Reshape")
def reshape(n: Node, x: Expr, shape: Expr | None = None) -> Any:
    """A new shape, in which 0 stands for the size that was there, unless the file says otherwise."""
    told = n.get("shape") if "shape" in n.attributes else n.sizes(1)
    wanted = told_shape(n, x, list(np.asarray(told, object).ravel()))
    if sum(d == -1 or (isinstance(d, str) and d not in x.shape) for d in wanted) <= 1:
        return P.reshape(x, wanted)
    target = None if -1 in wanted else like(n, wanted)
    if target is None:
        raise n.unknown(1)
    return P.reshape_like(x, target)


def told_shape(n: Node, x: Expr, told: list[Any]) -> tuple[Dim, ...]:
    """Return a shape for a reshape, from numbers, names and what is not known."""
    unknown = [place for place, d in enumerate(told) if d is None]
    if len(unknown) + told.count(-1) > 1:
        raise n.unknown(1)
    shape: list[Any] = [-1 if d is None else d if isinstance(d, str) else int(d) for d in told]
    if not n.get("allowzero", 0):
        shape = [x.shape[place] if d == 0 and not isinstance(d, str) else d for place, d in enumerate(shape)]
    return tuple(shape)


@reads("Flatten")
def flatten(n: Node, x: Expr) -> Any:
    """Two axes: those before one, and the rest."""
    axis = int(n.get("axis", 1))
    axis = axis % x.ndim if axis < 0 else axis
    lead, rest = x.shape[:axis], x.shape[axis:]
    if axis == 1:
        return P.reshape(x, (lead[0], -1 if not known(rest) else math.prod(int(d) for d in rest)))
    if known(lead):
        return P.reshape(x, (math.prod(int(d) for d in lead), -1))
    return P.reshape(x, (-1, math.prod(int(d) for d in rest))) if known(rest) else P.reshape(x, (-1, 1))


def known(shape: Any) -> bool:
    """Tell whether all sizes are known."""
    return all(isinstance(d, int) for d in shape)


@reads("Squeeze")
def squeeze(n: Node, x: Expr, axes: Expr | None = None) -> Any:
    """Axes of length 1 taken away; those that were put in before, if they are the same."""
    axes = n.axes()
    own = x.op is not None and x.op.name == "expand_dims" and axes is not None
    if own and tuple(sorted(a % x.ndim for a in axes)) == x.settings["axis"]:
        return x.inputs[0]
    return P.squeeze(x, axis=axes)


@reads("Unsqueeze")
def unsqueeze(n: Node, x: Expr, axes: Expr | None = None) -> Any:
    """Axes of length 1 put in."""
    return P.expand_dims(x, axis=n.axes())


@reads("Transpose")
def transpose(n: Node, x: Expr) -> Any:
    """Another order of axes."""
    return turned(x, n.get("perm", list(range(x.ndim))[::-1]))


@reads("Expand")
def expand(n: Node, x: Expr, shape: Expr) -> Any:
    """The same elements repeated; a size of 1 leaves an axis as it is."""
    told: list[Any] = [d if d is None or isinstance(d, str) else int(d) for d in n.sizes(1).ravel()]
    if None in told:
        raise n.unknown(1)
    ndim = max(len(told), x.ndim)
    old: list[Any] = [1] * (ndim - x.ndim) + list(x.shape)
    new = [1] * (ndim - len(told)) + told
    target = tuple(a if b == 1 else b for a, b in zip(old, new, strict=True))
    if all(not isinstance(d, str) or d in x.shape for d in target):
        return P.broadcast_to(x, target)
    other = like(n, target)
    if other is None:
        raise n.unknown(1)
    return P.broadcast_like(x, other)


@reads("Tile")
def tile(n: Node, x: Expr, repeats: Expr, axis: Expr | None = None) -> Any:
    """Repeated as a whole."""
    if n.opset < 6:
        over = int(n.known(2).ravel()[0])
        return P.tile(x, tuple(int(n.known(1).ravel()[0]) if a == over else 1 for a in range(x.ndim)))
    return P.tile(x, tuple(int(r) for r in n.known(1)))


@reads("DepthToSpace")
def depth_to_space(n: Node, x: Expr) -> Any:
    """Channels made into blocks of places."""
    b = int(n.needs("blocksize"))
    batch, c, *spatial = x.shape
    axes = len(spatial)
    count = int(c) // b**axes
    whole = range(axes)
    if n.get("mode", "DCR") == "DCR":
        wide = P.reshape(x, (batch, *[b] * axes, count, *spatial))
        order = [0, axes + 1, *(a for i in whole for a in (axes + 2 + i, 1 + i))]
    else:
        wide = P.reshape(x, (batch, count, *[b] * axes, *spatial))
        order = [0, 1, *(a for i in whole for a in (2 + axes + i, 2 + i))]
    return P.reshape(P.transpose(wide, order), (batch, count, *(int(d) * b for d in spatial)))


@reads("SpaceToDepth")
def space_to_depth(n: Node, x: Expr) -> Any:
    """Blocks of places made into channels."""
    b = int(n.needs("blocksize"))
    batch, c, *spatial = x.shape
    axes = len(spatial)
    parts = [d for size in spatial for d in (int(size) // b, b)]
    wide = P.reshape(x, (batch, c, *parts))
    if n.get("mode", "DCR") == "CRD":
        order = [0, 1, *(3 + 2 * i for i in range(axes)), *(2 + 2 * i for i in range(axes))]
    else:
        order = [0, *(3 + 2 * i for i in range(axes)), 1, *(2 + 2 * i for i in range(axes))]
    return P.reshape(P.transpose(wide, order), (batch, int(c) * b**axes, *(int(d) // b for d in spatial)))


@reads("Trilu")
def trilu(n: Node, x: Expr, k: Expr | None = None) -> Any:
    """The part above or below a diagonal."""
    offset = int(n.known(1, 0).ravel()[0])
    truths = x.dtype.kind == "b"
    number = P.cast(x, "int32") if truths else x
    found = P.triu(number, k=offset) if n.get("upper", 1) else P.tril(number, k=offset)
    return P.cast(found, "bool") if truths else found


@reads("Shape")
def shape_of(n: Node, x: Expr) -> Any:
    """The sizes of axes, as numbers where they are known."""
    axes = range(x.ndim)[slice(n.get("start", 0), n.get("end"))]
    if known(x.shape[a] for a in axes):
        return constant(np.array([x.shape[a] for a in axes], np.int64))
    return P.stack([P.size(x, axis=a) for a in axes])


@reads("Size")
def size_of(n: Node, x: Expr) -> Any:
    """The number of elements."""
    return constant(np.int64(math.prod(int(d) for d in x.shape))) if known(x.shape) else P.size(x)
