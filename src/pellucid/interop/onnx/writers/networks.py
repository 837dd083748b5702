"""Writers of convolution and pooling, which are channels first in ONNX."""

from __future__ import annotations

import math
from typing import Any

from pellucid.graph.expr import Expr
from pellucid.interop.onnx.writer import (
    TURNED,
    ChannelsFirst,
    OnnxWriter,
    to_channels_first_axis,
    unsupported_error,
    writes,
)


def get_pads(e: Expr) -> list[int]:
    """Return the attribute ``pads``: all begins, then all ends."""
    padding = e.settings["padding"]
    return [*(a for a, _ in padding), *(b for _, b in padding)]


@writes("conv")
def conv(w: OnnxWriter, e: Expr, x: str, kernel: str) -> Any:
    return ChannelsFirst(write_conv(w, e))


def transpose_kernel(w: OnnxWriter, kernel: Expr) -> str:
    """Transpose a kernel (..., in, out) to (out, in, ...)."""
    n = kernel.ndim
    return w.write_transpose(kernel, [n - 1, n - 2, *range(n - 2)])


def write_conv(w: OnnxWriter, e: Expr, *bias: str) -> str:
    """Write a convolution in channels-first layout."""
    result: str = w.node(
        "Conv",
        w.channels_first(e.inputs[0]),
        transpose_kernel(w, e.inputs[1]),
        *bias,
        strides=list(e.settings["strides"]),
        dilations=list(e.settings["dilation"]),
        pads=get_pads(e),
        group=e.settings["groups"],
    )
    return result


@writes("max_pool")
def max_pool(w: OnnxWriter, e: Expr, x: str) -> Any:
    settings: dict[str, Any] = {
        "kernel_shape": list(e.settings["pool_size"]),
        "strides": list(e.settings["strides"]),
        "pads": get_pads(e),
    }
    return ChannelsFirst(w.node("MaxPool", w.channels_first(e.inputs[0]), **settings))


@writes("sum_pool")
def sum_pool(w: OnnxWriter, e: Expr, x: str) -> Any:
    """Average including padding, times the size of the window."""
    size = e.settings["pool_size"]
    settings: dict[str, Any] = {"kernel_shape": list(size), "strides": list(e.settings["strides"]), "pads": get_pads(e)}
    mean = w.node("AveragePool", w.channels_first(e.inputs[0]), count_include_pad=1, **settings)
    return ChannelsFirst(w.node("Mul", mean, w.constant(math.prod(size), e.dtype)))


@writes("conv_transpose")
def conv_transpose(w: OnnxWriter, e: Expr, x: str, kernel: str) -> Any:
    return write_conv_transpose(w, e, list(e.settings["output_padding"]))


@writes("conv_input_gradient")
def conv_input_gradient(w: OnnxWriter, e: Expr, g: str, kernel: str, like: str) -> Any:
    """Transposed convolution with the output padding that restores the size of the input."""
    settings, window = e.settings, e.inputs[1].shape
    output_padding = []
    for axis, (size, n) in enumerate(zip(e.shape[1:-1], e.inputs[0].shape[1:-1], strict=True)):
        stride, k, d, pad = (
            settings["strides"][axis],
            window[axis],
            settings["dilation"][axis],
            settings["padding"][axis],
        )
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
        pads=get_pads(e),
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
    result: str = w.node("Concat", *(w.channels_first(i) for i in e.inputs), axis=axis)
    return result


def pad(w: OnnxWriter, e: Expr) -> str | None:
    """Constant padding in channels-first layout."""
    value = e.settings["constant_values"]
    if e.settings["mode"] != "constant" or isinstance(value, tuple):
        return None
    batch, *spatial, channels = e.settings["pad_width"]
    widths = [batch, channels, *spatial]
    ends = w.ints([*(a for a, _ in widths), *(b for _, b in widths)])
    result: str = w.node("Pad", w.channels_first(e.inputs[0]), ends, w.constant(value, e.dtype))
    return result


TURNED.update(join=join, pad=pad)
