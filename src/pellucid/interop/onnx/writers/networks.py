"""Convolution and pooling: channels come first in ONNX, and are turned at the border."""

from __future__ import annotations

import math
from typing import Any

from pellucid.graph.expr import Expr
from pellucid.interop.onnx.writer import TURNED, Turned, Writer, not_in_onnx, turned_axis, writes


def pads(e: Expr) -> list[int]:
    """Return a border as ONNX has it: all beginnings, then all ends."""
    padding = e.settings["padding"]
    return [*(a for a, _ in padding), *(b for _, b in padding)]


@writes("conv")
def conv(w: Writer, e: Expr, x: str, kernel: str) -> Any:
    """Conv, of a kernel (out, in, ...)."""
    return Turned(convolved(w, e))


def kernel_first(w: Writer, kernel: Expr) -> str:
    """Return a kernel with its channels in front."""
    n = kernel.ndim
    return w.transposed(kernel, [n - 1, n - 2, *range(n - 2)])


def convolved(w: Writer, e: Expr, *bias: str) -> str:
    """Write a convolution with channels first."""
    made: str = w.node(
        "Conv",
        w.channels_first(e.inputs[0]),
        kernel_first(w, e.inputs[1]),
        *bias,
        strides=list(e.settings["strides"]),
        dilations=list(e.settings["dilation"]),
        pads=pads(e),
        group=e.settings["groups"],
    )
    return made


@writes("max_pool")
def max_pool(w: Writer, e: Expr, x: str) -> Any:
    """MaxPool."""
    settings: dict[str, Any] = {
        "kernel_shape": list(e.settings["pool_size"]),
        "strides": list(e.settings["strides"]),
        "pads": pads(e),
    }
    return Turned(w.node("MaxPool", w.channels_first(e.inputs[0]), **settings))


@writes("sum_pool")
def sum_pool(w: Writer, e: Expr, x: str) -> Any:
    """The mean of a window, its border counted, times the number of its places."""
    size = e.settings["pool_size"]
    settings: dict[str, Any] = {"kernel_shape": list(size), "strides": list(e.settings["strides"]), "pads": pads(e)}
    mean = w.node("AveragePool", w.channels_first(e.inputs[0]), count_include_pad=1, **settings)
    return Turned(w.node("Mul", mean, w.constant(math.prod(size), e.dtype)))


@writes("conv_transpose")
def conv_transpose(w: Writer, e: Expr, x: str, kernel: str) -> Any:
    """ConvTranspose, of a kernel (in, out, ...)."""
    return spread(w, e, list(e.settings["output_padding"]))


@writes("conv_input_gradient")
def conv_input_gradient(w: Writer, e: Expr, g: str, kernel: str, like: str) -> Any:
    """ConvTranspose, to the size of what was convolved."""
    settings, window = e.settings, e.inputs[1].shape
    added = []
    for axis, (size, n) in enumerate(zip(e.shape[1:-1], e.inputs[0].shape[1:-1], strict=True)):
        stride, k, d, pad = (
            settings["strides"][axis],
            window[axis],
            settings["dilation"][axis],
            settings["padding"][axis],
        )
        if stride == 1:
            added.append(0)
        elif isinstance(size, int) and isinstance(n, int) and isinstance(k, int):
            added.append(size - ((n - 1) * stride + (k - 1) * d + 1 - sum(pad)))
        else:
            raise not_in_onnx(e, "With strides, it is exported for images of known sizes")
    return spread(w, e, added)


def spread(w: Writer, e: Expr, added: list[int], *bias: str) -> Turned:
    """Write a transposed convolution; what is added behind the last window is more than ONNX allows, or a border."""
    n, settings = e.ndim, e.settings
    limits = [max(s, d) for s, d in zip(settings["strides"], settings["dilation"], strict=True)]
    beyond = [max(a - limit + 1, 0) for a, limit in zip(added, limits, strict=True)]
    made = w.node(
        "ConvTranspose",
        w.channels_first(e.inputs[0]),
        kernel_first(w, e.inputs[1]),
        *bias,
        strides=list(settings["strides"]),
        dilations=list(settings["dilation"]),
        pads=pads(e),
        output_padding=[a - b for a, b in zip(added, beyond, strict=True)],
        group=settings["groups"],
    )
    if any(beyond):
        made = w.node("Pad", made, w.ints([0] * n + [0, 0, *beyond]))
    return Turned(made)


def join(w: Writer, e: Expr) -> str | None:
    """Concat of values that all stand with channels first."""
    if not all(map(w.stands_first, e.inputs)):
        return None
    axis = turned_axis(e.settings["axis"], e.ndim)
    made: str = w.node("Concat", *(w.channels_first(i) for i in e.inputs), axis=axis)
    return made


def pad(w: Writer, e: Expr) -> str | None:
    """Pad with one number."""
    value = e.settings["constant_values"]
    if e.settings["mode"] != "constant" or isinstance(value, tuple):
        return None
    batch, *spatial, channels = e.settings["pad_width"]
    widths = [batch, channels, *spatial]
    ends = w.ints([*(a for a, _ in widths), *(b for _, b in widths)])
    made: str = w.node("Pad", w.channels_first(e.inputs[0]), ends, w.constant(value, e.dtype))
    return made


TURNED.update(join=join, pad=pad)
