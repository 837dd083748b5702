r"""Batch normalization: one formula for training, another one afterwards, and the averages that lead to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.decomposition import symbolic
from pellucid.graph.errors import DtypeError, OptionError, ShapeError, brief
from pellucid.graph.expr import Expr
from pellucid.graph.op import op
from pellucid.graph.ops.normalization import greater_than_zero, scaled, standardize_grad
from pellucid.graph.ops.reductions import per_input
from pellucid.graph.printing import Piece
from pellucid.graph.types import is_float, normalize_axis, shape_text, unify


def _others(ndim: int, axis: int) -> tuple[int, ...]:
    return tuple(a for a in range(ndim) if a != axis)


def _weights(xp: Any, x: Any, mask: Any, over: tuple[int, ...]) -> tuple[Any, Any]:
    """Return a mask as wide as the values, and how many values of each feature count."""
    wide = xp.expand_dims(mask, axis=tuple(range(mask.ndim, x.ndim))) if x.ndim > mask.ndim else mask
    wide = xp.where(wide, xp.ones_like(x), xp.zeros_like(x))
    return wide, xp.maximum(xp.sum(wide, axis=over, keepdims=True), 1)


def _moments(xp: Any, x: Any, mask: Sequence[Any], axis: int, keepdims: bool = True) -> tuple[Any, Any]:
    """Return the mean and the variance of every feature, over the values that count."""
    over = _others(x.ndim, axis)
    if not mask:
        return xp.mean(x, axis=over, keepdims=keepdims), xp.var(x, axis=over, keepdims=keepdims)
    weight, count = _weights(xp, x, mask[0], over)
    mean = xp.sum(weight * x, axis=over, keepdims=True) / count
    variance = xp.sum(weight * xp.square(x - mean), axis=over, keepdims=True) / count
    return (mean, variance) if keepdims else (xp.squeeze(mean, axis=over), xp.squeeze(variance, axis=over))


def _batch_settings(
    x: Expr, mean: Expr, variance: Expr, *mask: Expr, axis: Any, momentum: Any, epsilon: Any
) -> dict[str, Any]:
    name = "batch_normalization"
    if not is_float(x.dtype):
        raise DtypeError(
            f"{name}: expected real numbers. Received: {brief(x)}, which is {x.dtype}; cast it first: "
            f"pel.cast({brief(x)}, 'float32')"
        )
    if not 0 <= momentum <= 1:
        raise OptionError(f"{name}: expected a momentum from 0 to 1. Received: momentum={momentum!r}")
    axis = normalize_axis(axis, x.ndim, name, x)
    for moving in (mean, variance):
        if moving.ndim != 1 or unify(moving.shape[0], x.shape[axis]) is None:
            raise ShapeError(
                f"{name}: expected a moving mean and variance of shape ({x.shape[axis]},), one for each feature along "
                f"axis {axis} of {brief(x)}, of shape {shape_text(x.shape)}. Received: {brief(moving)}, of shape "
                f"{shape_text(moving.shape)}"
            )
    for m in mask:
        if (
            m.dtype != bool
            or m.ndim > x.ndim
            or any(unify(a, b) is None for a, b in zip(m.shape, x.shape, strict=False))
        ):
            raise ShapeError(
                f"{name}: expected a mask of booleans over the first axes of {brief(x)}, of shape "
                f"{shape_text(x.shape)}. Received: {brief(m)}, {m.dtype} of shape {shape_text(m.shape)}"
            )
    return {"axis": axis, "momentum": float(momentum), "epsilon": greater_than_zero(name, "epsilon", epsilon)}


def _batch_grad(
    g: Any, y: Any, x: Any, mean: Any, variance: Any, *mask: Any, axis: int, momentum: float, epsilon: float
) -> list[Any]:
    nothing = [None] * (2 + len(mask))
    over = _others(x.ndim, axis)
    if not mask:
        return [standardize_grad(g, y, x, over, epsilon), *nothing]
    weight, count = _weights(symbolic, x, mask[0], over)

    def middle(e: Any) -> Any:
        return symbolic.sum(e, axis=over, keepdims=True) / count

    deviation = symbolic.sqrt(_moments(symbolic, x, mask, axis)[1] + epsilon)
    return [(g - weight * (middle(g) + y * middle(g * y))) / deviation, *nothing]


def _in_dtype_of(like: Expr, e: Expr) -> Expr:
    return e if e.dtype == like.dtype else symbolic.cast(e, like.dtype)


def _batch_updates(
    x: Expr, mean: Expr, variance: Expr, *mask: Expr, axis: int, momentum: float, epsilon: float
) -> list[tuple[Expr, Expr]]:
    of_batch = _moments(symbolic, x, mask, axis, keepdims=False)
    return [
        (moving, momentum * moving + (1 - momentum) * _in_dtype_of(moving, now))
        for moving, now in zip((mean, variance), of_batch, strict=True)
    ]


def with_averages(x: Expr, mean: Expr, variance: Expr, *mask: Expr, axis: int, momentum: float, epsilon: float) -> Any:
    """Return what stands there once training is over: the same formula with the moving mean and variance."""
    behind = tuple(range(1, x.ndim - axis))
    alike = [_in_dtype_of(x, m) for m in (mean, variance)]
    wide_mean, wide_variance = [symbolic.expand_dims(m, axis=behind) if behind else m for m in alike]
    return scaled(symbolic, x, wide_mean, wide_variance, epsilon)


def _batch_text(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
    pieces: list[Piece] = ["batch_normalization("]
    for position, operand in enumerate(operands):
        pieces += [", "] * (position > 0) + [(operand, 0)]
    last = isinstance(operands[0], Expr) and settings.get("axis") == operands[0].ndim - 1
    return [*pieces, ")" if last or "axis" not in settings else f", axis={settings['axis']})"]


def _batches(rng: np.random.Generator) -> list[Any]:
    x, moving = rng.normal(size=(2, 3, 4)), rng.normal(size=4)
    mask = np.array([[True, False, True], [True, True, False]])
    return [
        ((x, moving, moving**2), {}),
        ((x, moving[:3], moving[:3] ** 2), {"axis": 1, "epsilon": 0.5}),
        ((x, moving, moving**2, mask), {"momentum": 0.5}),
    ]


@op(
    tex=r"\operatorname{{batchnorm}}({0:_})",
    text=_batch_text,
    compound=True,
    infer=lambda x, *others, **settings: x.type,
    normalize=_batch_settings,
    grad=_batch_grad,
    inference=with_averages,
    updates=_batch_updates,
    examples=_batches,
    cost=per_input(8),
)
def batch_normalization(
    xp: Any,
    x: Any,
    moving_mean: Any,
    moving_variance: Any,
    *mask: Any,
    axis: Any = -1,
    momentum: Any = 0.99,
    epsilon: Any = 1e-3,
) -> Any:
    r"""Features in units of their standard deviation over the batch, :math:`(x - \mu) / \sqrt{\sigma^2 + \epsilon}`;
    for inference, of a moving average of :math:`\mu` and :math:`\sigma^2`.

    Training keeps the averages up to date, :math:`m \leftarrow \alpha m + (1 - \alpha) \mu` with :math:`\alpha` =
    ``momentum``; see `pellucid.updates_of`.

    Parameters
    ----------
    x : Expr of real numbers
        Of any shape.
    moving_mean, moving_variance : Shared, shape (features,)
        The averages.
    mask : Expr of booleans, optional
        Over the first axes of ``x``: which values count for mean and variance.
    axis : int
        That of the features; mean and variance are taken over all others.
    momentum : float
        How much stays of the averages, from 0 to 1.
    epsilon : float
        What keeps the deviation away from 0.

    Returns
    -------
    Expr
        Of the shape of ``x``.

    Examples
    --------
    >>> import pellucid as pel
    >>> x, m, v = pel.matrix("x", shape=("n", 3)), pel.shared([0.0] * 3, "m"), pel.shared([1.0] * 3, "v")
    >>> y = pel.batch_normalization(x, m, v)
    >>> pel.inference(y)
    (x - m) / sqrt(v + 0.001)
    >>> pel.updates_of(y)[m]
    0.99 * m + 0.01 * x.mean(axis=0)

    References
    ----------
    S. Ioffe and C. Szegedy, Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
    Shift, ICML 2015.
    """
    mean, variance = _moments(xp, x, mask, axis)
    return scaled(xp, x, mean, variance, epsilon)
