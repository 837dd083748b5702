"""Writers of convolution and pooling, which are channels first in ONNX."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pellucid.graph.expr import Expr
from pellucid.interop.onnx.writer import (
    CHANNELS_FIRST_WRITERS,
    ChannelsFirst,
    OnnxWriter,
    to_channels_first_axis,
    unsupported_error,
    writes,
)


def flatten_pads(pairs: Sequence[tuple[int, int]]) -> list[int]:
    """Return pairs of widths as ONNX orders them: all begins, then all ends."""
    return [*(begin for begin, _ in pairs), *(end for _, end in pairs)]


def get_window_attributes(e: Expr) -> dict[str, Any]:
    """Return the attributes of a pooling node."""
    settings = e.settings
    return {
        "kernel_shape": list(settings["pool_size"]),
        "strides": list(settings["strides"]),
        "pads": flatten_pads(settings["padding"]),
    }


@writes("conv")
def conv(w: OnnxWriter, e: Expr, x: str, kernel: str) -> ChannelsFirst:
    return write_conv(w, e)


def transpose_kernel(w: OnnxWriter, kernel: Expr) -> str:
    """Transpose a kernel (..., in, out) to (out, in, ...)."""
    n = kernel.ndim
    return w.write_transpose(kernel, [n - 1, n - 2, *range(n - 2)])


def write_conv(w: OnnxWriter, e: Expr, *bias: str) -> ChannelsFirst:
    name = w.node(
        "Conv",
        w.channels_first(e.inputs[0]),
        transpose_kernel(w, e.inputs[1]),
        *bias,
        strides=list(e.settings["strides"]),
        dilations=list(e.settings["dilation"]),
        pads=flatten_pads(e.settings["padding"]),
        group=e.settings["groups"],
    )
    return ChannelsFirst(name)


@writes("max_pool")
def max_pool(w: OnnxWriter, e: Expr, x: str) -> ChannelsFirst:
    return ChannelsFirst(w.node("MaxPool", w.channels_first(e.inputs[0]), **get_window_attributes(e)))


@writes("sum_pool")
def sum_pool(w: OnnxWriter, e: Expr, x: str) -> ChannelsFirst:
    """Average including padding, times the size of the window."""
    mean = w.node("AveragePool", w.channels_first(e.inputs[0]), count_include_pad=1, **get_window_attributes(e))
    return ChannelsFirst(w.node("Mul", mean, w.constant(math.prod(e.settings["pool_size"]), e.dtype)))


@writes("conv_transpose")
def conv_transpose(w: OnnxWriter, e: Expr, x: str, kernel: str) -> ChannelsFirst:
    return write_conv_transpose(w, e, list(e.settings["output_padding"]))


@writes("conv_input_gradient")
def conv_input_gradient(w: OnnxWriter, e: Expr, g: str, kernel: str, like: str) -> ChannelsFirst:
    """Transposed convolution with the output padding that restores the size of the input."""
    output_padding = []
    window = (e.settings[key] for key in ("strides", "dilation", "padding"))
    sizes = (e.shape[1:-1], e.inputs[0].shape[1:-1], e.inputs[1].shape[:-2])
    for size, n, k, stride, d, pad in zip(*sizes, *window, strict=True):
        if stride == 1:
            output_padding.append(0)
        elif isinstance(size, int) and isinstance(n, int) and isinstance(k, int):
            output_padding.append(size - ((n - 1) * stride + (k - 1) * d + 1 - sum(pad)))
        else:
            raise unsupported_error(e, "With strides it needs known image sizes")
    return write_conv_transpose(w, e, output_padding)


def write_conv_transpose(w: OnnxWriter, e: Expr, output_padding: list[int], *bias: str) -> ChannelsFirst:
    """Write a transposed convolution; output padding beyond ONNX's limit becomes a Pad node."""
    n, settings = e.ndim, e.settings
    limits = [max(s, d) for s, d in zip(settings["strides"], settings["dilation"], strict=True)]
    beyond = [max(a - limit + 1, 0) for a, limit in zip(output_padding, limits, strict=True)]
    result = w.node(
        "ConvTranspose",
        w.channels_first(e.inputs[0]),
        transpose_kernel(w, e.inputs[1]),
        *bias,
        strides=list(settings["strides"]),
        dilations=list(settings["dilation"]),
        pads=flatten_pads(settings["padding"]),
        output_padding=[a - b for a, b in zip(output_padding, beyond, strict=True)],
        group=settings["groups"],
    )
    if any(beyond):
        result = w.node("Pad", result, w.ints([0] * n + [0, 0, *beyond]))
    return ChannelsFirst(result)


def join(w: OnnxWriter, e: Expr) -> str | None:
    """Concat of operands that are all in channels-first layout."""
    if not all(map(w.is_channels_first, e.inputs)):
        return None
    axis = to_channels_first_axis(e.settings["axis"], e.ndim)
    return w.node("Concat", *(w.channels_first(i) for i in e.inputs), axis=axis)


def pad(w: OnnxWriter, e: Expr) -> str | None:
    """Constant padding in channels-first layout."""
    value = e.settings["constant_values"]
    if e.settings["mode"] != "constant" or isinstance(value, tuple):
        return None
    batch, *spatial, channels = e.settings["pad_width"]
    ends = w.ints(flatten_pads([batch, channels, *spatial]))
    return w.node("Pad", w.channels_first(e.inputs[0]), ends, w.constant(value, e.dtype))


CHANNELS_FIRST_WRITERS.update(join=join, pad=pad)
