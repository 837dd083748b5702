"""Convolutions of Theano: images with channels first, and kernels that are flipped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import pellucid as pel
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.theano.variables import TensorVariable, as_shape, as_tensor_variable, cast_expr, upcast, wrap
from pellucid.graph.errors import OptionError, ShapeError
from pellucid.graph.expr import Expr
from pellucid.graph.ops.symbolic_sizes import as_sizes


def as_tuple(value: Any, rank: int) -> tuple[int, ...]:
    """Return a number for each spatial axis."""
    sizes = as_sizes(as_shape(value, rank))
    if not all(isinstance(size, int) for size in sizes):
        raise ShapeError(
            f"Expected numbers, known before the program runs, as the sizes of windows and steps. Received: {value}"
        )
    return sizes * rank if len(sizes) == 1 else tuple(sizes)


def find_padding(border_mode: Any, sizes: Sequence[Any], dilation: Sequence[int]) -> list[tuple[int, int]]:
    """Return the zeros before and after each axis for a border mode and a kernel of these sizes."""
    rank = len(sizes)
    if border_mode == "valid":
        return [(0, 0)] * rank
    if border_mode in ("full", "half"):
        if not all(isinstance(s, int) for s in sizes):
            raise ShapeError(f"border_mode {border_mode!r} needs the size of the filters. Pass filter_shape=")
        spans = [(s - 1) * d + 1 for s, d in zip(sizes, dilation, strict=True)]
        return [(s - 1, s - 1) if border_mode == "full" else (s // 2, s // 2) for s in spans]
    if isinstance(border_mode, int | np.integer) or isinstance(border_mode, tuple | list):
        pads = (border_mode,) * rank if isinstance(border_mode, int | np.integer) else border_mode
        return [(int(p), int(p)) if isinstance(p, int | np.integer) else (int(p[0]), int(p[1])) for p in pads]
    raise OptionError(
        f"border_mode: expected 'valid', 'full', 'half', an integer or a tuple. Received: {border_mode!r}"
    )


def move_channels_last(x: Expr) -> Expr:
    return pel.transpose(x, (0, *range(2, x.ndim), 1))


def move_channels_first(x: Expr) -> Expr:
    return pel.transpose(x, (0, x.ndim - 1, *range(1, x.ndim - 1)))


def convert_kernel(w: Expr, filter_flip: bool) -> Expr:
    """Return a kernel in pellucid's layout: space, channels, filters."""
    if filter_flip:
        w = w[(slice(None), slice(None), *[slice(None, None, -1)] * (w.ndim - 2))]
    return pel.transpose(w, (*range(2, w.ndim), 1, 0))


def fix_shape(x: Any, shape: Any) -> TensorVariable:
    """Return a variable whose known sizes are declared."""
    x = as_tensor_variable(x)
    if shape is None or all(s is None for s in shape):
        return x
    if len(shape) != x.ndim:
        raise ShapeError(f"Expected a shape of {x.ndim} sizes for {x}. Received: {tuple(shape)}")
    sizes = [
        d if s is None or isinstance(d, int) else as_shape([s])[0] for s, d in zip(shape, x.expr.shape, strict=True)
    ]
    return x if tuple(sizes) == tuple(x.expr.shape) else wrap(pel.reshape(x.expr, tuple(sizes)))


def convolve(
    input: Any,
    filters: Any,
    input_shape: Any,
    filter_shape: Any,
    border_mode: Any,
    subsample: Any,
    filter_flip: bool,
    dilation: Any,
    groups: int,
) -> TensorVariable:
    x, w = fix_shape(input, input_shape), fix_shape(filters, filter_shape)
    rank = x.ndim - 2
    if w.ndim != x.ndim:
        raise ShapeError(f"Expected filters of {x.ndim} dimensions. Received: {w}, of {w.ndim}")
    dtype = upcast(x.dtype, w.dtype)
    steps = as_tuple(dilation, rank)
    padding = find_padding(border_mode, w.expr.shape[2:], steps)
    data, kernel = move_channels_last(cast_expr(x, dtype)), convert_kernel(cast_expr(w, dtype), filter_flip)
    result = pel.conv(data, kernel, as_tuple(subsample, rank), padding, steps, groups)
    return wrap(move_channels_first(result))


def conv2d(
    input: Any,
    filters: Any,
    input_shape: Any = None,
    filter_shape: Any = None,
    border_mode: Any = "valid",
    subsample: Any = (1, 1),
    filter_flip: bool = True,
    image_shape: Any = None,
    filter_dilation: Any = (1, 1),
    num_groups: int = 1,
    unshared: bool = False,
    **options: Any,
) -> TensorVariable:
    """Convolution of images (samples, channels, rows, columns) with filters (filters, channels, rows, columns)."""
    if unshared:
        raise OptionError("conv2d: unshared=True is not in pellucid.compat")
    shape = image_shape if input_shape is None else input_shape
    return convolve(
        input, filters, shape, filter_shape, border_mode, subsample, filter_flip, filter_dilation, num_groups
    )


def conv3d(
    input: Any,
    filters: Any,
    input_shape: Any = None,
    filter_shape: Any = None,
    border_mode: Any = "valid",
    subsample: Any = (1, 1, 1),
    filter_flip: bool = True,
    filter_dilation: Any = (1, 1, 1),
    num_groups: int = 1,
    **options: Any,
) -> TensorVariable:
    """Convolution of volumes."""
    return convolve(
        input, filters, input_shape, filter_shape, border_mode, subsample, filter_flip, filter_dilation, num_groups
    )


def differentiate_input(
    output_grad: Any,
    filters: Any,
    input_shape: Any,
    border_mode: Any,
    subsample: Any,
    filter_flip: bool,
    dilation: Any,
    groups: int = 1,
) -> TensorVariable:
    """Gradient of a convolution with respect to its input: the transposed convolution."""
    g, w = as_tensor_variable(output_grad), as_tensor_variable(filters)
    rank = g.ndim - 2
    dtype, steps = upcast(g.dtype, w.dtype), as_tuple(dilation, rank)
    padding, strides = find_padding(border_mode, w.expr.shape[2:], steps), as_tuple(subsample, rank)
    kernel = convert_kernel(cast_expr(w, dtype), filter_flip)
    sizes = [g.expr.shape[0], *as_shape(input_shape)[-rank:]] if input_shape is not None else [None] * (rank + 1)
    for k in range(rank):  # unknown sizes are those that a transposed convolution gives
        if input_shape is None or input_shape[k - rank] is None:
            span = (w.expr.shape[2 + k] - 1) * steps[k] + 1
            sizes[k + 1] = (g.expr.shape[2 + k] - 1) * strides[k] + span - sum(padding[k])
    like = pel.zeros((g.expr.shape[0], *sizes[1:], w.expr.shape[1] * groups), dtype=dtype)
    data = move_channels_last(cast_expr(g, dtype))
    result = pel.conv_input_gradient(data, kernel, like, strides, tuple(padding), steps, groups)  # type: ignore[attr-defined]
    return wrap(move_channels_first(result))


def conv2d_grad_wrt_inputs(
    output_grad: Any,
    filters: Any,
    input_shape: Any,
    filter_shape: Any = None,
    border_mode: Any = "valid",
    subsample: Any = (1, 1),
    filter_flip: bool = True,
    filter_dilation: Any = (1, 1),
    num_groups: int = 1,
    unshared: bool = False,
) -> TensorVariable:
    """Gradient of `conv2d` with respect to its input."""
    return differentiate_input(
        output_grad, filters, input_shape, border_mode, subsample, filter_flip, filter_dilation, num_groups
    )


def conv2d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    filter_shape: Any = None,
    border_mode: Any = "valid",
    input_dilation: Any = (1, 1),
    filter_flip: bool = True,
    filter_dilation: Any = (1, 1),
    **options: Any,
) -> TensorVariable:
    """Transposed convolution."""
    return differentiate_input(input, filters, output_shape, border_mode, input_dilation, filter_flip, filter_dilation)


class GradientOp:
    """Gradient of a convolution, as an object that is called on its operands."""

    def __init__(
        self,
        imshp: Any = None,
        kshp: Any = None,
        border_mode: Any = "valid",
        subsample: Any = 1,
        filter_flip: bool = True,
        filter_dilation: Any = 1,
        **options: Any,
    ) -> None:
        self.imshp, self.kshp, self.border_mode, self.subsample = imshp, kshp, border_mode, subsample
        self.filter_flip, self.filter_dilation = filter_flip, filter_dilation


class AbstractConv2d_gradInputs(GradientOp):  # noqa: N801 - Theano's name
    """Gradient with respect to the input."""

    def __call__(self, kern: Any, topgrad: Any, shape: Any = None, **options: Any) -> TensorVariable:
        sizes = shape if shape is not None else self.imshp and self.imshp[2:]
        return differentiate_input(
            topgrad,
            fix_shape(kern, self.kshp),
            sizes,
            self.border_mode,
            self.subsample,
            self.filter_flip,
            self.filter_dilation,
        )


class AbstractConv2d_gradWeights(GradientOp):  # noqa: N801 - Theano's name
    """Gradient with respect to the filters."""

    def __call__(self, img: Any, topgrad: Any, shape: Any, **options: Any) -> TensorVariable:
        x, g = as_tensor_variable(img), as_tensor_variable(topgrad)
        rank = x.ndim - 2
        dtype, steps, sizes = upcast(x.dtype, g.dtype), as_tuple(self.filter_dilation, rank), as_shape(shape)[-rank:]
        padding = tuple(find_padding(self.border_mode, sizes, steps))
        like = pel.zeros((*sizes, x.expr.shape[1], g.expr.shape[1]), dtype=dtype)
        found = pel.conv_kernel_gradient(  # type: ignore[attr-defined]
            move_channels_last(cast_expr(x, dtype)),
            move_channels_last(cast_expr(g, dtype)),
            like,
            as_tuple(self.subsample, rank),
            padding,
            steps,
        )
        w = pel.transpose(found, (rank + 1, rank, *range(rank)))
        return wrap(w[(slice(None), slice(None), *[slice(None, None, -1)] * rank)] if self.filter_flip else w)


AbstractConv3d_gradInputs, AbstractConv3d_gradWeights = AbstractConv2d_gradInputs, AbstractConv2d_gradWeights


def get_conv_output_shape(
    image_shape: Any, kernel_shape: Any, border_mode: Any, subsample: Any, filter_dilation: Any = None
) -> tuple[Any, ...]:
    """Shape of the result of a convolution; None for unknown sizes."""
    rank = len(image_shape) - 2
    steps = as_tuple(filter_dilation or 1, rank)
    padding = find_padding(border_mode, kernel_shape[2:], steps)
    sizes = [
        None if n is None or k is None else (n + sum(p) - (k - 1) * d - 1) // s + 1
        for n, k, p, s, d in zip(
            image_shape[2:], kernel_shape[2:], padding, as_tuple(subsample, rank), steps, strict=True
        )
    ]
    return (image_shape[0], kernel_shape[0], *sizes)


def bilinear_upsampling(input: Any, ratio: int, **options: Any) -> TensorVariable:
    """Images enlarged by an integer factor, with linear interpolation."""
    x = move_channels_last(as_tensor_variable(input).expr)
    return wrap(move_channels_first(pel.resize(x, (x.shape[1] * ratio, x.shape[2] * ratio), "bilinear")))


add_missing_name_errors(globals(), "theano.tensor.nnet.abstract_conv")
