"""Readers of convolutions. ONNX is channels first; operands are transposed to channels last."""

from __future__ import annotations

from pellucid.graph.expr import Expr
from pellucid.graph.ops.conv_transpose import conv_transpose
from pellucid.graph.ops.convolution import conv as convolve
from pellucid.interop.onnx.layout import channels_first, channels_last, transpose_axes
from pellucid.interop.onnx.reader import OnnxNode, reads
from pellucid.interop.onnx.symbolic import P


def get_ints(n: OnnxNode, key: str, axes: int, default: int = 1) -> list[int]:
    """Return an attribute that has one integer per spatial axis."""
    found = [int(v) for v in n.get(key, [default] * axes)]
    if len(found) != axes:
        raise n.error(f"expected {axes} integers in {key}. Received: {found}")
    return found


def get_pads(
    n: OnnxNode, x: Expr, window: list[int], strides: list[int], dilations: list[int]
) -> list[tuple[int, int]]:
    """Return the padding before and after each axis, from ``pads`` or ``auto_pad``."""
    axes, auto_pad = len(window), n.get("auto_pad", "NOTSET")
    if auto_pad == "VALID":
        return [(0, 0)] * axes
    if auto_pad not in ("SAME_UPPER", "SAME_LOWER"):
        pads = [int(p) for p in n.get("pads", [0] * 2 * axes)]
        if len(pads) != 2 * axes:
            raise n.error(f"expected {2 * axes} integers in pads. Received: {pads}")
        return list(zip(pads[:axes], pads[axes:], strict=True))
    found = []
    for size, k, s, d in zip(x.shape[2:], window, strides, dilations, strict=True):
        total = (k - 1) * d
        if s != 1 or isinstance(size, int):
            (known,) = n.require_known([size], f"spatial sizes with auto_pad={auto_pad!r} and strides")
            total = max((-(-known // s) - 1) * s + total + 1 - known, 0)
        found.append(split_padding(total, auto_pad))
    return found


def split_padding(total: int, auto_pad: str) -> tuple[int, int]:
    """Return the padding before and after an axis, the larger half at the end for ``SAME_UPPER``."""
    less, more = total // 2, total - total // 2
    return (less, more) if auto_pad == "SAME_UPPER" else (more, less)


def crop_negative_pads(x: Expr, pads: list[tuple[int, int]]) -> tuple[Expr, list[tuple[int, int]]]:
    """Crop by negative pads, so that the remaining ones are at least 0."""
    if all(a >= 0 and b >= 0 for a, b in pads):
        return x, pads
    index = [slice(max(-a, 0), None if b >= 0 else b) for a, b in pads]
    return x[(slice(None), slice(None), *index)], [(max(a, 0), max(b, 0)) for a, b in pads]


def transpose_kernel(w: Expr) -> Expr:
    """Transpose a kernel (out, in, ...) to (..., in, out)."""
    return transpose_axes(w, [*range(2, w.ndim), 1, 0])


@reads("Conv")
def conv(n: OnnxNode, x: Expr, w: Expr, bias: Expr | None = None) -> Expr:
    axes = x.ndim - 2
    window = [int(d) for d in w.shape[2:]]
    strides, dilations = get_ints(n, "strides", axes), get_ints(n, "dilations", axes)
    x, pads = crop_negative_pads(x, get_pads(n, x, window, strides, dilations))
    settings = {"strides": tuple(strides), "padding": tuple(pads), "dilation": tuple(dilations)}
    result = convolve(channels_last(x), transpose_kernel(w), groups=int(n.get("group", 1)), **settings)
    return channels_first(result if bias is None else result + bias)


@reads("ConvTranspose")
def conv_transpose_(n: OnnxNode, x: Expr, w: Expr, bias: Expr | None = None) -> Expr:
    axes = x.ndim - 2
    window = [int(d) for d in w.shape[2:]]
    strides, dilations = get_ints(n, "strides", axes), get_ints(n, "dilations", axes)
    added = get_ints(n, "output_padding", axes, 0)
    pads = get_transposed_pads(n, x, window, strides, dilations, added)
    beyond = [(max(-a, 0), max(-b, 0)) for a, b in pads]
    settings = {
        "strides": tuple(strides),
        "padding": tuple((max(a, 0), max(b, 0)) for a, b in pads),
        "output_padding": tuple(added),
        "dilation": tuple(dilations),
    }
    result = conv_transpose(channels_last(x), transpose_kernel(w), groups=int(n.get("group", 1)), **settings)
    if any(map(any, beyond)):
        result = P.pad(result, [(0, 0), *beyond, (0, 0)])
    return channels_first(result if bias is None else result + bias)


def get_transposed_pads(
    n: OnnxNode, x: Expr, window: list[int], strides: list[int], dilations: list[int], added: list[int]
) -> list[tuple[int, int]]:
    """Return the pads of a transposed convolution; negative ones extend the result."""
    auto_pad, shape = n.get("auto_pad", "NOTSET"), n.get("output_shape")
    if shape is None and auto_pad not in ("SAME_UPPER", "SAME_LOWER"):
        return get_pads(n, x, window, strides, dilations)
    found = []
    sizes = n.require_known(x.shape[2:], "the spatial sizes, which determine the padding,")
    targets = [d * s for d, s in zip(sizes, strides, strict=True)] if shape is None else list(shape)[-len(window) :]
    for size, target, k, s, d, extra in zip(sizes, targets, window, strides, dilations, added, strict=True):
        total = (size - 1) * s + extra + (k - 1) * d + 1 - int(target)
        found.append((0, total) if total < 0 else split_padding(total, auto_pad))
    return found
