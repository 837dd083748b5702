"""Convolutions: ONNX has channels first, and they are turned at the border."""

from __future__ import annotations

from typing import Any

from pellucid.graph.expr import Expr
from pellucid.graph.ops.conv_transpose import conv_transpose
from pellucid.graph.ops.convolution import conv as convolve
from pellucid.interop.onnx.layout import channels_first, channels_last, turned
from pellucid.interop.onnx.reader import Node, reads


def each(n: Node, key: str, axes: int, default: int = 1) -> list[int]:
    """Return an attribute with one number an axis."""
    found = [int(v) for v in n.get(key, [default] * axes)]
    if len(found) != axes:
        raise n.error(f"expected {axes} numbers in {key}. Received: {found}")
    return found


def borders(n: Node, x: Expr, window: list[int], strides: list[int], dilations: list[int]) -> list[tuple[int, int]]:
    """Return how wide the border is before and after each axis, whether it is told or follows from a word."""
    axes, word = len(window), n.get("auto_pad", "NOTSET")
    if word == "VALID":
        return [(0, 0)] * axes
    if word not in ("SAME_UPPER", "SAME_LOWER"):
        pads = [int(p) for p in n.get("pads", [0] * 2 * axes)]
        if len(pads) != 2 * axes:
            raise n.error(f"expected {2 * axes} numbers in pads. Received: {pads}")
        return list(zip(pads[:axes], pads[axes:], strict=True))
    found = []
    for size, k, s, d in zip(x.shape[2:], window, strides, dilations, strict=True):
        reach = (k - 1) * d + 1
        if not isinstance(size, int) and s != 1:
            raise n.error(f"auto_pad={word!r} with strides needs sizes that are known. Received: {x.type}")
        total = reach - 1 if not isinstance(size, int) else max((-(-size // s) - 1) * s + reach - size, 0)
        less, more = total // 2, total - total // 2
        found.append((less, more) if word == "SAME_UPPER" else (more, less))
    return found


def cut_or_padded(x: Expr, pads: list[tuple[int, int]]) -> tuple[Expr, list[tuple[int, int]]]:
    """Take away what a negative border says, so that no border is negative."""
    if all(a >= 0 and b >= 0 for a, b in pads):
        return x, pads
    index = [slice(max(-a, 0), None if b >= 0 else b) for a, b in pads]
    return x[(slice(None), slice(None), *index)], [(max(a, 0), max(b, 0)) for a, b in pads]


def kernel_of(n: Node, w: Expr) -> Any:
    """Turn a kernel (out, in, ...) into (..., in, out)."""
    return turned(w, [*range(2, w.ndim), 1, 0])


@reads("Conv")
def conv(n: Node, x: Expr, w: Expr, bias: Expr | None = None) -> Any:
    """A convolution, with a bias."""
    axes = x.ndim - 2
    window = [int(d) for d in w.shape[2:]]
    strides, dilations = each(n, "strides", axes), each(n, "dilations", axes)
    x, pads = cut_or_padded(x, borders(n, x, window, strides, dilations))
    settings = {"strides": tuple(strides), "padding": tuple(pads), "dilation": tuple(dilations)}
    made = convolve(channels_last(x), kernel_of(n, w), groups=int(n.get("group", 1)), **settings)
    return channels_first(made if bias is None else made + bias)


@reads("ConvTranspose")
def conv_transposed(n: Node, x: Expr, w: Expr, bias: Expr | None = None) -> Any:
    """A transposed convolution, with a bias."""
    axes = x.ndim - 2
    window = [int(d) for d in w.shape[2:]]
    strides, dilations = each(n, "strides", axes), each(n, "dilations", axes)
    added = each(n, "output_padding", axes, 0)
    pads, added = spread_borders(n, x, window, strides, dilations, added)
    beyond = [(max(-a, 0), max(-b, 0)) for a, b in pads]
    settings = {
        "strides": tuple(strides),
        "padding": tuple((max(a, 0), max(b, 0)) for a, b in pads),
        "output_padding": tuple(added),
        "dilation": tuple(dilations),
    }
    made = conv_transpose(channels_last(x), kernel_of(n, w), groups=int(n.get("group", 1)), **settings)
    if any(map(any, beyond)):
        from pellucid.graph.decomposition import symbolic

        made = symbolic.pad(made, [(0, 0), *beyond, (0, 0)])
    return channels_first(made if bias is None else made + bias)


def spread_borders(
    n: Node, x: Expr, window: list[int], strides: list[int], dilations: list[int], added: list[int]
) -> tuple[list[tuple[int, int]], list[int]]:
    """Return what a transposed convolution takes away at both ends, and what it adds behind."""
    word, shape = n.get("auto_pad", "NOTSET"), n.get("output_shape")
    if shape is None and word not in ("SAME_UPPER", "SAME_LOWER"):
        return borders(n, x, window, strides, dilations), added
    found = []
    wanted = list(shape)[-len(window) :] if shape is not None else None
    for axis, (size, k, s, d) in enumerate(zip(x.shape[2:], window, strides, dilations, strict=True)):
        if not isinstance(size, int):
            raise n.error(f"the size of its result follows from sizes that are not known: {x.type}")
        target = size * s if wanted is None else int(wanted[axis])
        total = (size - 1) * s + added[axis] + (k - 1) * d + 1 - target
        if total < 0:
            found.append((0, total))
            continue
        less, more = total // 2, total - total // 2
        found.append((less, more) if word == "SAME_UPPER" else (more, less))
    return found, added
