"""``theano.tensor.nnet`` and ``theano.tensor.signal``: networks with channels first and kernels that are flipped."""

import math
import warnings

import numpy as np

import pellucid as pel
from pellucid.compat.theano.gradient import grad
from pellucid.compat.theano.tensor_functions import FUNCTIONS, switch
from pellucid.compat.theano.variables import (
    apply_real,
    as_shape,
    as_size,
    as_tensor_variable,
    cast_alike,
    cast_expr,
    expr,
    wrap,
)
from pellucid.graph.errors import OptionError, ShapeError
from pellucid.graph.ops.symbolic_sizes import as_sizes

# Activations and losses


def ultra_fast_sigmoid(x):
    """Approximation of the sigmoid by a rational function and a straight line."""

    def approximate(x):
        z = 0.5 * pel.abs(x)
        middle = 0.935409070603099 + 0.0458812946797165 * (z - 1.7)
        curve = pel.where(z < 1.7, 1.5 * z / (1 + z), pel.where(z < 3, middle, 0.99505475368673))
        return 0.5 * (pel.where(x >= 0, curve, -curve) + 1)

    return apply_real(approximate, x)


def relu(x, alpha=0):
    """Rectifier; ``alpha`` is the slope for negative numbers. Arrays of NumPy stay arrays, as in Theano."""
    if isinstance(x, np.ndarray):
        return np.maximum(x, 0) + alpha * np.minimum(x, 0)
    if isinstance(alpha, int | float) and alpha == 0:
        return apply_real(pel.relu, x) if expr(x).dtype.kind == "f" else FUNCTIONS["maximum"](x, 0)
    return switch(as_tensor_variable(x) > 0, x, as_tensor_variable(x) * alpha)


def elu(x, alpha=1):
    x = as_tensor_variable(x)
    return switch(x > 0, x, alpha * FUNCTIONS["expm1"](FUNCTIONS["minimum"](x, 0)))


def categorical_crossentropy(coding_dist, true_dist):
    """Cross-entropy of each row of probabilities with labels or distributions."""
    p, t = expr(coding_dist), expr(true_dist)
    if t.ndim == p.ndim:
        return wrap(-pel.sum(cast_expr(true_dist, p.dtype) * pel.log(p), axis=-1))
    if t.ndim != p.ndim - 1:
        raise ShapeError(
            "categorical_crossentropy: rank mismatch between coding and true distributions. Expected labels, or a "
            f"distribution for each row. Received: {p.ndim} and {t.ndim} dimensions"
        )
    return wrap(-pel.take_along_axis(pel.log(p), pel.cast(t, "int64")[..., None], axis=-1)[..., 0])


def crossentropy_softmax_1hot(x, y_idx):
    """Cross-entropy of labels with a softmax, and that softmax."""
    p = NNET["softmax"](x)
    return [categorical_crossentropy(p, y_idx), p]


def confusion_matrix(actual, pred):
    """Numbers of each pair of actual and predicted labels, and the labels."""
    labels = FUNCTIONS["unique"](FUNCTIONS["concatenate"]([actual, pred]))
    hits = [pel.cast(pel.equal(expr(v)[:, None], labels.expr[None, :]), "int64") for v in (actual, pred)]
    return [wrap(hits[0].T @ hits[1]), labels]


NNET = {name: FUNCTIONS[name] for name in ("sigmoid", "softplus", "softsign")} | {
    "softmax": lambda c: apply_real(lambda x: pel.softmax(x if x.ndim > 1 else x[None, :], axis=-1), c),
    "logsoftmax": lambda c: apply_real(lambda x: pel.log_softmax(x if x.ndim > 1 else x[None, :], axis=-1), c),
    "softmax_with_bias": lambda x, b: NNET["softmax"](as_tensor_variable(x) + b),
    "hard_sigmoid": lambda x: apply_real(lambda x: pel.clip(0.2 * x + 0.5, 0, 1), x),
    "ultra_fast_sigmoid": ultra_fast_sigmoid,
    "relu": relu,
    "elu": elu,
    "selu": lambda x: 1.0507009873554805 * elu(x, 1.6732632423543772),
    "binary_crossentropy": lambda output, target: apply_real(
        lambda p, t: -(t * pel.log(p) + (1 - t) * pel.log(1 - p)), output, target
    ),
    "sigmoid_binary_crossentropy": lambda x, target: NNET["binary_crossentropy"](FUNCTIONS["sigmoid"](x), target),
    "categorical_crossentropy": categorical_crossentropy,
    "crossentropy_categorical_1hot": categorical_crossentropy,
    "crossentropy_softmax_1hot": crossentropy_softmax_1hot,
    "crossentropy_softmax_1hot_with_bias": lambda x, b, y_idx: crossentropy_softmax_1hot(FUNCTIONS["add"](x, b), y_idx),
    "confusion_matrix": confusion_matrix,
}


# Convolutions


def as_numbers(value, rank):
    """Return a number for each spatial axis."""
    sizes = as_sizes(as_shape(value, rank))
    if not all(isinstance(size, int) for size in sizes):
        raise ShapeError(f"Expected numbers, known before the program runs, for windows and steps. Received: {value}")
    return sizes * rank if len(sizes) == 1 else sizes


def find_padding(border_mode, sizes, dilation):
    """Return the zeros before and after each axis for a border mode and a kernel of these sizes."""
    rank = len(sizes)
    if border_mode == "valid":
        return [(0, 0)] * rank
    if border_mode in ("full", "half"):
        if not all(isinstance(s, int) for s in sizes):
            raise ShapeError(f"border_mode {border_mode!r} needs the size of the filters. Pass filter_shape=")
        spans = [(s - 1) * d + 1 for s, d in zip(sizes, dilation, strict=True)]
        return [(s - 1, s - 1) if border_mode == "full" else (s // 2, s // 2) for s in spans]
    if isinstance(border_mode, str):
        raise OptionError(
            f"border_mode: expected 'valid', 'full', 'half', an integer or a tuple. Received: {border_mode!r}"
        )
    pads = border_mode if isinstance(border_mode, tuple | list) else [border_mode] * rank
    return [tuple(map(int, p)) if isinstance(p, tuple | list) else (int(p), int(p)) for p in pads]


def find_geometry(sizes, border_mode, subsample, filter_dilation):
    """Return strides, padding and dilation as pellucid takes them, for a kernel of these sizes."""
    dilation = as_numbers(filter_dilation, len(sizes))
    return as_numbers(subsample, len(sizes)), tuple(find_padding(border_mode, sizes, dilation)), dilation


def flip(w):
    return w[(slice(None), slice(None), *[slice(None, None, -1)] * (w.ndim - 2))]


def convert_kernel(w, filter_flip):
    """Return a kernel in pellucid's layout: space, channels, filters."""
    return pel.transpose(flip(w) if filter_flip else w, (*range(2, w.ndim), 1, 0))


def declare_shape(x, shape):
    """Return a variable with sizes that the program declares."""
    x = as_tensor_variable(x)
    if shape is None or all(s is None for s in shape):
        return x
    if len(shape) != x.ndim:
        raise ShapeError(f"Expected a shape of {x.ndim} sizes for {x}. Received: {tuple(shape)}")
    sizes = [d if s is None or isinstance(d, int) else as_shape(s)[0] for s, d in zip(shape, x.expr.shape, strict=True)]
    return x if sizes == list(x.expr.shape) else wrap(pel.reshape(x.expr, tuple(sizes)))


def refuse_unshared(unshared):
    if unshared:
        raise OptionError("unshared=True is not in pellucid.compat")


def convolve(
    input, filters, input_shape=None, filter_shape=None, border_mode="valid", subsample=1, filter_flip=True,
    image_shape=None, filter_dilation=1, num_groups=1, unshared=False,
    unroll_batch=None, unroll_kern=None, unroll_patch=None, openmp=None,
):  # fmt: skip
    """Convolution of images (samples, channels, space) with filters (filters, channels, space).

    The last four options are about the speed of Theano's code and have no effect.
    """
    refuse_unshared(unshared)
    x = declare_shape(input, image_shape if input_shape is None else input_shape)
    w = declare_shape(filters, filter_shape)
    if w.ndim != x.ndim:
        raise ShapeError(f"Expected filters of {x.ndim} dimensions. Received: {w}, of {w.ndim}")
    geometry = find_geometry(w.expr.shape[2:], border_mode, subsample, filter_dilation)
    x, w = cast_alike(x, w)
    output = pel.conv(pel.moveaxis(x, 1, -1), convert_kernel(w, filter_flip), *geometry, num_groups)
    return wrap(pel.moveaxis(output, -1, 1))


def differentiate_input(
    output_grad, filters, input_shape=None, filter_shape=None, border_mode="valid", subsample=1, filter_flip=True,
    filter_dilation=1, num_groups=1, input_dilation=None, unshared=False,
):  # fmt: skip
    """Gradient of a convolution with respect to its input: the transposed convolution."""
    refuse_unshared(unshared)
    g, w = cast_alike(output_grad, declare_shape(filters, filter_shape))
    subsample = subsample if input_dilation is None else input_dilation
    geometry = find_geometry(w.shape[2:], border_mode, subsample, filter_dilation)
    given = [input_shape[axis] for axis in range(2 - g.ndim, 0)] if input_shape else [None] * (g.ndim - 2)
    sizes = [  # unknown sizes are those that a transposed convolution gives
        (n - 1) * step + (k - 1) * d + 1 - sum(pads) if size is None else as_size(size)
        for size, n, k, step, pads, d in zip(given, g.shape[2:], w.shape[2:], *geometry, strict=True)
    ]
    like = pel.zeros((g.shape[0], *sizes, w.shape[1] * num_groups), dtype=w.dtype)
    operands = pel.moveaxis(g, 1, -1), convert_kernel(w, filter_flip), like
    return wrap(pel.moveaxis(pel.conv_input_gradient(*operands, *geometry, num_groups), -1, 1))


class GradientOp:
    """Gradient of a convolution, as an object that is called on its operands."""

    def __init__(
        self, imshp=None, kshp=None, border_mode="valid", subsample=1, filter_flip=True, filter_dilation=1,
        num_groups=1, unshared=False,
    ):  # fmt: skip
        refuse_unshared(unshared)
        self.imshp, self.kshp, self.filter_flip, self.num_groups = imshp, kshp, filter_flip, num_groups
        self.geometry = border_mode, subsample, filter_dilation


class InputGradient(GradientOp):
    """``AbstractConv2d_gradInputs``."""

    def __call__(self, kern, topgrad, shape=None, add_assert_shape=True):
        sizes = shape if shape is not None else self.imshp and self.imshp[2:]
        border_mode, subsample, filter_dilation = self.geometry
        return differentiate_input(
            topgrad, kern, sizes, self.kshp, border_mode, subsample, self.filter_flip, filter_dilation, self.num_groups
        )


class KernelGradient(GradientOp):
    """``AbstractConv2d_gradWeights``."""

    def __call__(self, img, topgrad, shape, add_assert_shape=True):
        x, g = cast_alike(img, topgrad)
        rank = x.ndim - 2
        sizes = as_shape(shape)[-rank:]
        like = pel.zeros((*sizes, x.shape[1] // self.num_groups, g.shape[1]), dtype=x.dtype)
        operands = pel.moveaxis(x, 1, -1), pel.moveaxis(g, 1, -1), like
        found = pel.conv_kernel_gradient(*operands, *find_geometry(sizes, *self.geometry), self.num_groups)
        w = pel.transpose(found, (rank + 1, rank, *range(rank)))
        return wrap(flip(w) if self.filter_flip else w)


def convolve_planes(input, filters, image_shape=None, filter_shape=None, border_mode="valid", subsample=1, **options):
    """``theano.tensor.signal.conv.conv2d``: one image or several, with one filter or several."""
    x, w = expr(input), expr(filters)
    images, kernels = (v[:, None] if v.ndim == 3 else v[None, None] for v in (x, w))
    found = convolve(images, kernels, border_mode=border_mode, subsample=subsample)
    return found[(slice(None) if x.ndim == 3 else 0, slice(None) if w.ndim == 3 else 0)]


def images2neibs(ten4, neib_shape, neib_step=None, mode="valid"):
    """Each patch of each channel of each image as a row."""
    if mode not in ("valid", "ignore_borders"):
        raise OptionError(f"images2neibs: expected mode 'valid' or 'ignore_borders'. Received: {mode!r}")
    rows, columns = as_numbers(neib_shape, 2)
    down, right = as_numbers(neib_shape if neib_step is None else neib_step, 2)
    views = pel.sliding_window_view(expr(ten4), (rows, columns), axis=(2, 3))[:, :, ::down, ::right]
    return wrap(pel.reshape(views, (-1, rows * columns)))


# Pooling


def make_pooling(rank):
    """Return ``pool_2d`` or ``pool_3d``, which pool over the last axes."""

    def pool(input, ws=None, ignore_border=None, stride=None, pad=0, mode="max", ds=None, st=None, padding=None):
        x = expr(input)
        if x.ndim < rank:
            raise ShapeError(
                f"pool_{rank}d requires an input of {rank} dimensions or more. Received: {input}, of {x.ndim}"
            )
        if mode not in ("max", "sum", "average_inc_pad", "average_exc_pad"):
            raise OptionError(
                f"pool_{rank}d: expected mode max, sum, average_inc_pad or average_exc_pad. Received: {mode!r}"
            )
        if ignore_border is None:
            warnings.warn(f"pool_{rank}d: pass ignore_border=True or False; the default is False", stacklevel=2)
        size, pads = as_numbers(ds if ws is None else ws, rank), as_numbers((padding or pad) or 0, rank)
        stride = st if stride is None else stride
        steps = size if stride is None else as_numbers(stride, rank)
        if any(pads) and not ignore_border:
            raise OptionError(f"pool_{rank}d: padding works only with ignore_border=True. Received: pad={pads}")
        if any(p >= s for p, s in zip(pads, size, strict=True)):
            raise OptionError(
                f"pool_{rank}d: expected a padding smaller than the windows. Received: pad={pads}, ws={size}"
            )
        # The leading axes are joined to one, and each image has one channel, the last axis.
        images = pel.reshape(x, (-1, *x.shape[x.ndim - rank :], 1))
        pooled = pool_images(images, size, steps, pads, bool(ignore_border), mode)
        return wrap(pel.reshape(pooled, (*x.shape[: x.ndim - rank], *pooled.shape[1:-1])))

    return pool


pool_2d, pool_3d = make_pooling(2), make_pooling(3)


def count_windows(length, size, step):
    """Return the number of windows that begin inside of an axis, as Theano counts them with incomplete ones."""
    if step >= size:
        return (length - 1) // step + 1
    count = (length - 1 - size + step) // step
    return (max(0, count) if isinstance(count, int) else count.maximum(0)) + 1


def pool_images(x, size, steps, pads, ignore_border, mode):
    """Pool images of one channel. Incomplete windows at the end are filled up."""
    axes = list(zip(x.shape[1:-1], size, steps, strict=True))
    counts = [None if ignore_border else count_windows(*axis) for axis in axes]
    ends = [
        0 if c is None else max(0, (c - 1) * step + s - n) if isinstance(c, int) else s - 1
        for c, (n, s, step) in zip(counts, axes, strict=True)
    ]
    widths = [(0, 0), *((p, p + e) for p, e in zip(pads, ends, strict=True)), (0, 0)]
    border = -math.inf if mode == "max" else 0
    padded = pel.pad(x, widths, constant_values=border) if any(map(any, widths)) else x
    pooled = (pel.max_pool if mode == "max" else pel.sum_pool)(padded, size, steps)
    if mode == "average_exc_pad" or (mode == "average_inc_pad" and any(ends)):
        pooled = pooled / pel.sum_pool(pel.pad(pel.ones_like(x), widths), size, steps)
    elif mode == "average_inc_pad":
        pooled = pooled / math.prod(size)
    for axis, count in enumerate(counts):
        if count is not None and not isinstance(count, int):
            pooled = pooled[(slice(None),) * (axis + 1) + (slice(count),)]
    return pooled


def max_pool_2d(input, ds, ignore_border=False, st=None, padding=0, mode="max"):
    return pool_2d(input, ds, ignore_border, st, padding, mode)


def max_pool_2d_same_size(input, patch_size):
    """The maximum of each patch at its place, and 0 elsewhere."""
    x = as_tensor_variable(input)
    return x * grad(pool_2d(x, patch_size, ignore_border=True).sum(), x)


# Batch normalization


def get_axes(axes, ndim):
    return (0,) if axes == "per-activation" else (0, *range(2, ndim)) if axes == "spatial" else tuple(axes)


def expand(parameter, axes, ndim):
    """Return a parameter whose axes of statistics have length 1."""
    p = as_tensor_variable(parameter)
    if p.ndim == ndim:
        return wrap(pel.reshape(p.expr, tuple(1 if a in axes else d for a, d in enumerate(p.expr.shape))))
    kept = iter(range(p.ndim))
    return p.dimshuffle(["x" if a in axes else next(kept) for a in range(ndim)])


def batch_normalization_train(
    inputs, gamma, beta, axes="per-activation", epsilon=1e-4, running_average_factor=0.1, running_mean=None,
    running_var=None,
):  # fmt: skip
    """Normalization with the statistics of a batch: result, mean, inverse deviation, and new running statistics."""
    x = as_tensor_variable(inputs)
    over = get_axes(axes, x.ndim)
    mean, var = x.mean(axis=over, keepdims=True), x.var(axis=over, keepdims=True)
    invstd = 1 / (var + epsilon).sqrt()
    out = (x - mean) * expand(gamma, over, x.ndim) * invstd + expand(beta, over, x.ndim)
    kept = range(x.ndim) if expr(gamma).ndim == x.ndim else [a for a in range(x.ndim) if a not in over]
    results = [out, mean.dimshuffle(*kept), invstd.dimshuffle(*kept)]
    count = FUNCTIONS["mul"](*(x.shape[a] for a in over)).astype(x.dtype)
    for old, new in ((running_mean, mean), (running_var, var * (count / (count - 1)))):
        if old is not None:
            old = as_tensor_variable(old)
            new = new.reshape(old.shape, old.ndim)
            results.append(old * (1 - running_average_factor) + new * running_average_factor)
    return tuple(results)


def batch_normalization_test(inputs, gamma, beta, mean, var, axes="per-activation", epsilon=1e-4):
    """Normalization with running statistics."""
    x = as_tensor_variable(inputs)
    g, b, m, v = (expand(p, get_axes(axes, x.ndim), x.ndim) for p in (gamma, beta, mean, var))
    return (x - m) * (g / (v + epsilon).sqrt()) + b


def batch_normalization(inputs, gamma, beta, mean, std, mode="low_mem"):
    return (as_tensor_variable(inputs) - mean) * (as_tensor_variable(gamma) / std) + beta


NNET |= {
    "conv2d": convolve,
    "conv3d": convolve,
    "conv2d_transpose": differentiate_input,
    "batch_normalization": batch_normalization,
    "batch_normalization_train": batch_normalization_train,
    "batch_normalization_test": batch_normalization_test,
}
