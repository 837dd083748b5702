"""``theano.tensor.nnet.bn``: batch normalization."""

from __future__ import annotations

from typing import Any

import pellucid as pel
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.theano.variables import TensorVariable, as_tensor_variable, wrap


def batch_normalization(
    inputs: Any, gamma: Any, beta: Any, mean: Any, std: Any, mode: str = "low_mem"
) -> TensorVariable:
    """Normalization with a given mean and standard deviation."""
    return (as_tensor_variable(inputs) - mean) * (as_tensor_variable(gamma) / std) + beta  # type: ignore[operator, no-any-return]


def get_axes(axes: Any, ndim: int) -> tuple[int, ...]:
    """Return the axes of the statistics."""
    if axes == "per-activation":
        return (0,)
    return (0, *range(2, ndim)) if axes == "spatial" else tuple(axes)


def expand(parameter: Any, axes: tuple[int, ...], ndim: int) -> Any:
    """Return a parameter whose axes of statistics broadcast."""
    p = as_tensor_variable(parameter)
    if p.ndim == ndim:
        return wrap(pel.reshape(p.expr, tuple(1 if a in axes else d for a, d in enumerate(p.expr.shape))))
    kept = iter(range(p.ndim))
    return p.dimshuffle(["x" if a in axes else next(kept) for a in range(ndim)])


def batch_normalization_train(
    inputs: Any,
    gamma: Any,
    beta: Any,
    axes: Any = "per-activation",
    epsilon: float = 1e-4,
    running_average_factor: float = 0.1,
    running_mean: Any = None,
    running_var: Any = None,
) -> tuple[Any, ...]:
    """Normalization with the statistics of a batch: result, mean, inverse deviation, and new running statistics."""
    x = as_tensor_variable(inputs)
    over = get_axes(axes, x.ndim)
    mean, var = x.mean(axis=over, keepdims=True), x.var(axis=over, keepdims=True)
    invstd = 1 / (var + epsilon).sqrt()
    out = (x - mean) * expand(gamma, over, x.ndim) * invstd + expand(beta, over, x.ndim)
    results: tuple[Any, ...] = (out, mean, invstd)
    factor = running_average_factor
    if running_mean is not None:
        old = as_tensor_variable(running_mean)
        results += (old * (1 - factor) + mean.reshape(old.shape, old.ndim) * factor,)
    if running_var is not None:
        old, count = as_tensor_variable(running_var), 1
        for axis in over:
            count = x.shape[axis] * count
        m = count.astype(x.dtype)  # type: ignore[attr-defined]
        results += (old * (1 - factor) + (m / (m - 1)) * var.reshape(old.shape, old.ndim) * factor,)
    return results


def batch_normalization_test(
    inputs: Any, gamma: Any, beta: Any, mean: Any, var: Any, axes: Any = "per-activation", epsilon: float = 1e-4
) -> TensorVariable:
    """Normalization with running statistics."""
    x = as_tensor_variable(inputs)
    over = get_axes(axes, x.ndim)
    g, b, m, v = (expand(p, over, x.ndim) for p in (gamma, beta, mean, var))
    return (x - m) * (g / (v + epsilon).sqrt()) + b  # type: ignore[no-any-return]


add_missing_name_errors(globals(), "theano.tensor.nnet.bn")
