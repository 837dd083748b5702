"""NumPy and SciPy functions under pellucid's names: the reference for the values of random programs."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import scipy.linalg
import scipy.special

Array = np.ndarray[Any, Any]


def at_axes(function: Any) -> Any:
    """Let a function of the last axis take one axis, several, or None for all."""

    def wrapped(x: Any, axis: Any = -1, **settings: Any) -> Any:
        x = np.asarray(x)
        axes = tuple(range(x.ndim)) if axis is None else tuple(np.atleast_1d(axis) % max(x.ndim, 1))
        order = [*(a for a in range(x.ndim) if a not in axes), *sorted(axes)]
        moved = np.transpose(x, order)
        flat = moved.reshape(*moved.shape[: x.ndim - len(axes)], -1)
        return np.transpose(function(flat, **settings).reshape(moved.shape), np.argsort(order))

    return wrapped


def reduce_axes(function: Any) -> Any:
    """Let a reduction of the last axis take one axis, several, or None for all, and ``keepdims``."""

    def wrapped(x: Any, axis: Any = None, keepdims: bool = False, **settings: Any) -> Any:
        x = np.asarray(x)
        axes = tuple(range(x.ndim)) if axis is None else tuple(np.atleast_1d(axis) % max(x.ndim, 1))
        rest = [a for a in range(x.ndim) if a not in axes]
        moved = np.transpose(x, [*rest, *sorted(axes)])
        result = function(moved.reshape(*moved.shape[: len(rest)], -1), **settings)
        return np.expand_dims(result, axes) if keepdims else result

    return wrapped


def log_softmax(x: Array) -> Array:
    shifted = x - np.max(x, axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def log1m_softmax(x: Array) -> Array:
    columns = [np.delete(x, i, axis=-1) for i in range(x.shape[-1])]
    others = np.stack(
        [scipy.special.logsumexp(c, axis=-1) if c.size else np.full(c.shape[:-1], -np.inf) for c in columns], -1
    )
    others[np.isposinf(x).any(axis=-1)] = np.nan
    return others - scipy.special.logsumexp(x, axis=-1, keepdims=True)


def masked_softmax(mask: Any, x: Any, axis: Any = -1) -> Array:
    """Leave out elements; where all are left out, the result is zero."""
    mask = np.broadcast_to(mask, np.shape(x))
    shifted = np.where(mask, x - np.max(np.where(mask, x, -np.inf), axis=axis, keepdims=True), -np.inf)
    weights = np.exp(shifted)
    total = weights.sum(axis=axis, keepdims=True)
    return np.where(mask.any(axis=axis, keepdims=True), weights / total, 0)


def attention_weights(query: Any, key: Any, mask: Any = True) -> Array:
    scores = np.einsum("bqhd,bkhd->bhqk", query, key) / math.sqrt(np.shape(query)[-1])
    return masked_softmax(np.broadcast_to(mask, scores.shape), scores)


def attention_output(weights: Any, value: Any) -> Array:
    return np.einsum("bhqk,bkhd->bqhd", weights, value)


def local_response_normalization(x: Any, n: int = 5, k: float = 2.0, alpha: float = 1e-4, beta: float = 0.75) -> Array:
    result = np.empty_like(x)
    for c in range(x.shape[-1]):
        near = x[..., max(0, c - n // 2) : c + n // 2 + 1]
        result[..., c] = x[..., c] / (k + alpha * (near**2).sum(axis=-1)) ** beta
    return result


def list_pads(padding: Any, shape: tuple[int, ...], window: tuple[int, ...], strides: tuple[int, ...]) -> list[Any]:
    """Return the padding of each spatial axis."""
    if padding == "valid":
        return [(0, 0)] * len(window)
    if padding == "same":
        totals = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(shape, window, strides, strict=True)]
        return [(t // 2, t - t // 2) for t in totals]
    return list(padding)


def each(value: Any, count: int) -> tuple[int, ...]:
    return (value,) * count if isinstance(value, int) else tuple(value)


def list_windows(x: Array, size: Any, strides: Any, padding: Any, dilation: Any = 1, fill: float = 0) -> Any:
    """Yield the position of each window in the output, and its elements as (batch, window axes..., channels)."""
    count = x.ndim - 2
    size, dilation = each(size, count), each(dilation, count)
    strides = size if strides is None else each(strides, count)
    span = tuple((k - 1) * d + 1 for k, d in zip(size, dilation, strict=True))
    pads = list_pads(padding, x.shape[1:-1], span, strides)
    padded = np.pad(x, [(0, 0), *pads, (0, 0)], constant_values=fill)
    lengths = [(n - k) // s + 1 for n, k, s in zip(padded.shape[1:-1], span, strides, strict=True)]
    for place in itertools.product(*map(range, lengths)):
        cut = tuple(slice(p * s, p * s + n, d) for p, s, n, d in zip(place, strides, span, dilation, strict=True))
        yield place, padded[(slice(None), *cut, slice(None))]


def gather_windows(windows: Any, reduce: Any) -> Array:
    found = {place: reduce(window) for place, window in windows}
    lengths = [max(p[a] for p in found) + 1 for a in range(len(next(iter(found))))]
    first = next(iter(found.values()))
    result = np.empty((first.shape[0], *lengths, *first.shape[1:]))
    for place, value in found.items():
        result[(slice(None), *place)] = value
    return result


def conv(x: Any, kernel: Any, strides: Any = 1, padding: Any = "valid", dilation: Any = 1, groups: int = 1) -> Array:
    count = x.ndim - 2
    axes = (list(range(1, count + 2)), list(range(count + 1)))

    def apply(window: Array) -> Array:
        inputs, kernels = np.split(window, groups, axis=-1), np.split(kernel, groups, axis=-1)
        return np.concatenate([np.tensordot(i, k, axes) for i, k in zip(inputs, kernels, strict=True)], axis=-1)

    return gather_windows(list_windows(x, kernel.shape[:count], strides, padding, dilation), apply)


def conv_transpose(x: Any, kernel: Any, strides: int = 1) -> Array:
    """Transpose a convolution in one dimension without padding."""
    n, length, _ = x.shape
    result = np.zeros((n, (length - 1) * strides + max(len(kernel), strides), kernel.shape[1]))
    for i in range(length):
        for k in range(len(kernel)):
            result[:, i * strides + k] += x[:, i] @ kernel[k].T
    return result


def pool(reduce: Any, fill: float) -> Any:
    def wrapped(x: Any, pool_size: Any = 2, strides: Any = None, padding: Any = "valid") -> Array:
        axes = tuple(range(1, x.ndim - 1))
        return gather_windows(list_windows(x, pool_size, strides, padding, fill=fill), lambda w: reduce(w, axis=axes))

    return wrapped


def average_pool(x: Any, *args: Any, **settings: Any) -> Array:
    """Average the elements of each window that are not padding."""
    total = pool(np.sum, 0)
    return total(x, *args, **settings) / total(np.ones_like(x), *args, **settings)


def extract_patches(
    images: Any, size: Any = 3, strides: Any = None, dilation: Any = 1, padding: Any = "valid"
) -> Array:
    return gather_windows(list_windows(images, size, strides, padding, dilation), lambda w: w.reshape(len(w), -1))


def resize(images: Any, size: Any, interpolation: str = "bilinear") -> Array:
    """Resize with half-pixel centers."""
    for axis, new in enumerate(size, start=1):
        old = images.shape[axis]
        place = (np.arange(new) + 0.5) * old / new - 0.5
        if interpolation == "nearest":
            images = np.take(
                images, np.clip(np.floor((np.arange(new) + 0.5) * old / new), 0, old - 1).astype(int), axis
            )
            continue
        low = np.floor(place)
        t = (place - low).reshape([-1 if a == axis else 1 for a in range(images.ndim)])
        below = np.take(images, np.clip(low, 0, old - 1).astype(int), axis)
        above = np.take(images, np.clip(low + 1, 0, old - 1).astype(int), axis)
        images = (1 - t) * below + t * above
    return images


def affine_transform(
    images: Any, transform: Any, interpolation: str = "bilinear", fill_mode: str = "constant"
) -> Array:
    """Sample two-dimensional images at transformed positions, with zeros outside."""
    del interpolation, fill_mode
    height, width = images.shape[1:3]
    result = np.zeros_like(images, "float64")
    for i, j in itertools.product(range(height), range(width)):
        row, column = transform @ np.array([i, j, 1.0])
        for di, dj in itertools.product((0, 1), (0, 1)):
            r, c = int(np.floor(row)) + di, int(np.floor(column)) + dj
            if 0 <= r < height and 0 <= c < width:
                result[:, i, j] += images[:, r, c] * (1 - abs(row - r)) * (1 - abs(column - c))
    return result


class At:
    """Copies with elements that are set, added, multiplied or compared, one after the other."""

    def __init__(self, x: Any, index: Any = None) -> None:
        self.x, self.index = x, index

    def __getitem__(self, index: Any) -> At:
        return At(self.x, index)

    def update(self, ufunc: Any, values: Any) -> Array:
        result = np.array(self.x)
        ufunc.at(result, self.index, values)
        return result

    def set(self, values: Any) -> Array:
        result = np.array(self.x)
        result[self.index] = values
        return result

    def add(self, values: Any) -> Array:
        return self.update(np.add, values)

    def multiply(self, values: Any) -> Array:
        return self.update(np.multiply, values)

    def max(self, values: Any) -> Array:
        return self.update(np.maximum, values)

    def min(self, values: Any) -> Array:
        return self.update(np.minimum, values)


def scan(step: Any, sequences: Any, init: Any, non_sequences: Any = (), *, reverse: bool = False) -> Array:
    """Run a loop with one sequence and one state, and return all states."""
    state, states = init, []
    for element in sequences[::-1] if reverse else sequences:
        state = step(element, state, *non_sequences)
        states.append(state)
    return np.stack(states[::-1] if reverse else states)


def cond(predicate: Any, then: Any, otherwise: Any, *operands: Any) -> Any:
    return then(*operands) if predicate else otherwise(*operands)


def while_loop(condition: Any, step: Any, init: Any, maximum: int = 99) -> Any:
    state = list(init)
    while condition(*state):
        maximum -= 1
        assert maximum >= 0
        state = list(step(*state))
    return state


def recurrence(a: Any, b: Any, axis: int = 0, reverse: bool = False) -> Array:
    a, b = np.moveaxis(a, axis, 0), np.moveaxis(b, axis, 0)
    if reverse:
        a, b = a[::-1], b[::-1]
    total, found = np.zeros(b.shape[1:]), []
    for factor, term in zip(a, b, strict=True):
        total = factor * total + term
        found.append(total)
    return np.moveaxis(np.stack(found[::-1] if reverse else found), 0, axis)


def shift(x: Any, axis: int = 0, steps: int = 1, fill: float = 0) -> Array:
    moved = np.moveaxis(np.array(x), axis, 0)
    n = len(moved)
    result = np.full_like(moved, fill)
    for i in range(n):
        if 0 <= i - steps < n:
            result[i] = moved[i - steps]
    return np.moveaxis(result, 0, axis)


def quantile(x: Array, q: float = 0.5) -> Array:
    """Interpolate between neighbors. NumPy's formula is NaN next to an infinity even without interpolation."""
    ordered, place = np.sort(x, axis=-1), q * (x.shape[-1] - 1)
    below, t = int(np.floor(place)), place - np.floor(place)
    value = ordered[..., below]
    value = (1 - t) * value + t * ordered[..., below + 1] if t else value
    return np.where(np.isnan(x).any(axis=-1), np.nan, value)


def sort(x: Any, axis: Any = -1, descending: bool = False) -> Array:
    found = np.sort(x, axis=axis)
    return np.flip(found, axis) if descending else found


def argsort(x: Any, axis: Any = -1, descending: bool = False) -> Array:
    """Sort stably, with NaN as the largest number."""
    if not descending:
        return np.argsort(x, axis=axis, kind="stable")
    return np.lexsort((-x, ~np.isnan(x)), axis=axis)


def top_k(x: Any, k: int, axis: int = -1) -> list[Array]:
    order = np.take(argsort(x, axis, True), np.arange(k), axis)
    return [np.take_along_axis(x, order, axis), order]


def log_cosh(x: Any) -> Any:
    near = np.minimum(np.abs(x), 1)
    return np.where(np.abs(x) < 1, np.log1p(2 * np.sinh(near / 2) ** 2), np.logaddexp(x, -x) - np.log(2.0))


def log1prel(x: Any) -> Any:
    limit = (x == 0) | (x == np.inf)
    return np.where(limit, 1 / (1 + x), np.log1p(x) / np.where(limit, 1, x))


def solve_triangular(a: Any, b: Any, lower: bool = False) -> Array:
    return np.asarray(scipy.linalg.solve_triangular(a, b, lower=lower))


def put_along_axis(x: Any, indices: Any, values: Any, axis: int = -1) -> Array:
    result = np.array(x)
    np.put_along_axis(result, indices, values, axis)
    return result


def divide_no_nan(x: Any, y: Any) -> Array:
    return np.where(y == 0, 0.0, np.true_divide(x, np.where(y == 0, 1, y)))


SPECIAL = ("digamma", "gammaln", "erf", "erfc", "erfcx", "erfinv", "ndtr", "ndtri", "log_ndtr", "logit")
LINEAR_ALGEBRA = ("inv", "det", "slogdet", "cholesky", "solve", "norm", "matrix_norm", "matrix_power")


class Reference:
    """NumPy's functions, and those below for names that NumPy does not have or defines otherwise."""

    cast = staticmethod(lambda x, dtype: np.asarray(x).astype(dtype))
    sech = staticmethod(lambda x: 1 / np.cosh(x))
    log_cosh = staticmethod(log_cosh)
    sigmoid = staticmethod(scipy.special.expit)
    softplus = staticmethod(lambda x: np.logaddexp(0, x))
    softsign = staticmethod(lambda x: x / (1 + np.abs(x)))
    relu = staticmethod(lambda x: np.maximum(x, 0))
    leaky_relu = staticmethod(lambda x, negative_slope=0.2: np.where(x >= 0, x, negative_slope * x))
    log1mexp = staticmethod(lambda x: np.where(x > -0.7, np.log(-np.expm1(x)), np.log1p(-np.exp(x))))
    exprel = staticmethod(scipy.special.exprel)
    log1prel = staticmethod(log1prel)
    reciprocal_expm1 = staticmethod(lambda x: 1 / np.expm1(x))
    fraction_of_sum = staticmethod(lambda x, y: x / (x + y))
    polygamma = staticmethod(scipy.special.polygamma)
    xlogy = staticmethod(lambda x, y: np.where(x == 0, 0.0, scipy.special.xlogy(x, y)))  # also for y = NaN
    xlog1py = staticmethod(lambda x, y: np.where(x == 0, 0.0, scipy.special.xlog1py(x, y)))
    divide_no_nan = staticmethod(divide_no_nan)
    softmax = staticmethod(at_axes(lambda x: np.exp(log_softmax(x))))
    log_softmax = staticmethod(at_axes(log_softmax))
    log1m_softmax = staticmethod(at_axes(log1m_softmax))
    masked_softmax = staticmethod(masked_softmax)
    logsumexp = staticmethod(reduce_axes(lambda x: scipy.special.logsumexp(x, axis=-1)))
    logsumexp_weighted = staticmethod(
        lambda x, weights, axis=None: scipy.special.logsumexp(x, b=np.broadcast_to(weights, x.shape), axis=axis)
    )
    sparse_crossentropy = staticmethod(
        lambda labels, scores: -np.take_along_axis(log_softmax(scores), labels[..., None], -1)[..., 0]
    )
    attention_weights = staticmethod(attention_weights)
    attention_output = staticmethod(attention_output)
    standardize = staticmethod(
        at_axes(lambda x, epsilon=1e-3: (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + epsilon))
    )
    rms_normalize = staticmethod(at_axes(lambda x, epsilon=1e-6: x / np.sqrt((x**2).mean(-1, keepdims=True) + epsilon)))
    local_response_normalization = staticmethod(local_response_normalization)
    vector_norm = staticmethod(reduce_axes(lambda x, ord=2: np.linalg.norm(x, ord=ord, axis=-1)))
    quantile = median = staticmethod(reduce_axes(quantile))
    logabsdet = staticmethod(lambda x: np.linalg.slogdet(x)[1])
    signdet = staticmethod(lambda x: np.linalg.slogdet(x)[0])
    solve_triangular = staticmethod(solve_triangular)
    conv = staticmethod(conv)
    conv_transpose = staticmethod(conv_transpose)
    max_pool = staticmethod(pool(np.max, -np.inf))
    sum_pool = staticmethod(pool(np.sum, 0))
    average_pool = staticmethod(average_pool)
    extract_patches = staticmethod(extract_patches)
    resize = staticmethod(resize)
    affine_transform = staticmethod(affine_transform)
    at = At
    scan = staticmethod(scan)
    reduce = staticmethod(lambda *args, reverse=False: scan(*args, reverse=reverse)[0 if reverse else -1])
    map = staticmethod(lambda function, sequences: np.stack([function(x) for x in sequences]))
    cond = staticmethod(cond)
    while_loop = staticmethod(while_loop)
    recurrence = staticmethod(recurrence)
    shift = staticmethod(shift)
    sort = staticmethod(sort)
    argsort = staticmethod(argsort)
    top_k = staticmethod(top_k)
    one_hot = staticmethod(lambda x, num_classes: np.eye(num_classes)[x])
    arange_like = staticmethod(lambda x, axis=0: np.arange(x.shape[axis]))
    broadcast_like = staticmethod(lambda x, like: np.broadcast_to(x, like.shape))
    reshape_like = staticmethod(lambda x, like: np.reshape(x, like.shape))
    size = staticmethod(lambda x, axis=None: np.int64(np.size(x, axis)))
    put_along_axis = staticmethod(put_along_axis)
    repeat_each = staticmethod(np.repeat)
    sum_repeated = staticmethod(
        lambda x, repeats, axis: np.add.reduceat(x, np.arange(0, x.shape[axis], repeats), axis=axis)
    )
    stop_gradient = clip_gradient = scale_gradient = staticmethod(lambda x, *bounds: x)
    attach_mask = training_only = staticmethod(lambda x, other: x)
    matrix_diagonal = diagonal_matrix = staticmethod(lambda x, offset=0: np.apply_along_axis(np.diag, -1, x, offset))

    def __getattr__(self, name: str) -> Any:
        if name in SPECIAL:
            return getattr(scipy.special, name)
        return getattr(np.linalg if name in LINEAR_ALGEBRA else np, name)


REFERENCE = Reference()

RULE_FORMS = """
arctan_difference betaln binomial_log_probability compound compound_minus_one digamma_difference
digamma_difference_remainder digamma_remainder expm1_minus_x erf_difference exp_difference kl_div log1p_minus_fraction
log_binomial log_factorial_remainder log_gamma_ratio log_gamma_ratio_remainder power_minus_one power_of_two
scaled_log1p shifted_exp sigmoid_difference sin_minus_x_cos stirling_remainder x_minus_log1p x_minus_sin x_minus_tanh
"""
"""Ops that rules produce from naive formulas. SciPy does not have them; `stability` compares them with mpmath."""
