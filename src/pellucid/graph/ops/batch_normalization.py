r"""Batch normalization, with its inference form and moving-average updates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.decomposition import symbolic
from pellucid.graph.errors import DtypeError, OptionError, ShapeError, brief
from pellucid.graph.expr import Expr, OpSettings
from pellucid.graph.op import Example, PrintedOperand, TemplatePiece
from pellucid.graph.op_decorator import op
from pellucid.graph.ops.formatters import separate_operands
from pellucid.graph.ops.normalization import standardize_grad, standardize_with
from pellucid.graph.ops.reductions import cost_per_input
from pellucid.graph.types import format_shape, is_float, normalize_axis, unify, unify_shapes
from pellucid.graph.validation import check_positive_number

if TYPE_CHECKING:
    from pellucid.typing import Axes


def _get_reduced_axes(ndim: int, axis: int) -> tuple[int, ...]:
    return tuple(a for a in range(ndim) if a != axis)


def _get_mask_weights(xp: Any, x: Any, mask: Any, over: tuple[int, ...]) -> tuple[Any, Any]:
    """Return the mask as 0/1 weights of the shape of ``x`` and the number of unmasked values per feature."""
    wide = xp.expand_dims(mask, axis=tuple(range(mask.ndim, x.ndim))) if x.ndim > mask.ndim else mask
    wide = xp.where(wide, xp.ones_like(x), xp.zeros_like(x))
    return wide, xp.maximum(xp.sum(wide, axis=over, keepdims=True), 1)


def _compute_moments(xp: Any, x: Any, mask: Any, axis: int, keepdims: bool = True) -> tuple[Any, Any]:
    """Return the mean and variance of each feature over the unmasked values."""
    over = _get_reduced_axes(x.ndim, axis)
    if not mask:
        return xp.mean(x, axis=over, keepdims=keepdims), xp.var(x, axis=over, keepdims=keepdims)
    weight, count = _get_mask_weights(xp, x, mask[0], over)
    mean = xp.sum(weight * x, axis=over, keepdims=True) / count
    variance = xp.sum(weight * xp.square(x - mean), axis=over, keepdims=True) / count
    return (mean, variance) if keepdims else (xp.squeeze(mean, axis=over), xp.squeeze(variance, axis=over))


def _normalize_settings(
    x: Expr, mean: Expr, variance: Expr, *mask: Expr, axis: Axes, momentum: float, epsilon: float
) -> OpSettings:
    name = "batch_normalization"
    if not is_float(x.dtype):
        raise DtypeError(
            f"{name}: expected a floating-point input. Received: {brief(x)}, which is {x.dtype}. Cast it first: "
            f"pel.cast({brief(x)}, 'float32')"
        )
    if not 0 <= momentum <= 1:
        raise OptionError(f"{name}: expected momentum between 0 and 1. Received: momentum={momentum!r}")
    axis = normalize_axis(axis, x.ndim, name, x)
    for moving in (mean, variance):
        if moving.ndim != 1 or unify(moving.shape[0], x.shape[axis]) is None:
            raise ShapeError(
                f"{name}: expected a moving mean and variance of shape ({x.shape[axis]},), one value per feature along "
                f"axis {axis} of {brief(x)}, of shape {format_shape(x.shape)}. Received: {brief(moving)}, of shape "
                f"{format_shape(moving.shape)}"
            )
    for m in mask:
        if m.dtype != bool or unify_shapes(m.shape, x.shape[: m.ndim]) is None:
            raise ShapeError(
                f"{name}: expected a boolean mask over the leading axes of {brief(x)}, of shape "
                f"{format_shape(x.shape)}. Received: {brief(m)}, {m.dtype} of shape {format_shape(m.shape)}"
            )
    epsilon = check_positive_number("epsilon", epsilon, owner=name)
    return {"axis": axis, "momentum": float(momentum), "epsilon": epsilon}


def _batch_normalization_grad(
    g: Expr, y: Expr, x: Expr, mean: Expr, variance: Expr, *mask: Expr, axis: int, momentum: float, epsilon: float
) -> list[Expr | None]:
    no_gradients = [None] * (2 + len(mask))
    over = _get_reduced_axes(x.ndim, axis)
    if not mask:
        return [standardize_grad(g, y, x, over, epsilon), *no_gradients]
    weight, count = _get_mask_weights(symbolic, x, mask[0], over)

    def mean_over_batch(e: Expr) -> Expr:
        mean: Expr = symbolic.sum(e, axis=over, keepdims=True) / count
        return mean

    deviation = symbolic.sqrt(_compute_moments(symbolic, x, mask, axis)[1] + epsilon)
    return [(g - weight * (mean_over_batch(g) + y * mean_over_batch(g * y))) / deviation, *no_gradients]


def _cast_like(like: Expr, e: Expr) -> Expr:
    return e if e.dtype == like.dtype else symbolic.cast(e, like.dtype)


def _get_updates(
    x: Expr, mean: Expr, variance: Expr, *mask: Expr, axis: int, momentum: float, epsilon: float
) -> list[tuple[Expr, Expr]]:
    batch_moments = _compute_moments(symbolic, x, mask, axis, keepdims=False)
    return [
        (moving, momentum * moving + (1 - momentum) * _cast_like(moving, current))
        for moving, current in zip((mean, variance), batch_moments, strict=True)
    ]


def normalize_with_moving_averages(
    x: Expr, mean: Expr, variance: Expr, *mask: Expr, axis: int, momentum: float, epsilon: float
) -> Any:
    """Return the inference form: the same formula with the moving mean and variance."""
    trailing = tuple(range(1, x.ndim - axis))
    moments = [_cast_like(x, m) for m in (mean, variance)]
    wide_mean, wide_variance = [symbolic.expand_dims(m, axis=trailing) if trailing else m for m in moments]
    return standardize_with(symbolic, x, wide_mean, wide_variance, epsilon)


def _batch_normalization_text(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    last = isinstance(operands[0], Expr) and settings.get("axis") == operands[0].ndim - 1
    axis = "" if last or "axis" not in settings else f", axis={settings['axis']}"
    return ["batch_normalization(", *separate_operands(operands), f"{axis})"]


def _examples(rng: np.random.Generator) -> list[Example]:
    x, moving = rng.normal(size=(2, 3, 4)), rng.normal(size=4)
    mask = np.array([[True, False, True], [True, True, False]])
    return [
        ((x, moving, moving**2), {}),
        ((x, moving[:3], moving[:3] ** 2), {"axis": 1, "epsilon": 0.5}),
        ((x, moving, moving**2, mask), {"momentum": 0.5}),
    ]


@op(
    tex=r"\operatorname{{batchnorm}}({0:_})",
    text=_batch_normalization_text,
    composite=True,
    infer=lambda x, *others, **settings: x.type,
    normalize=_normalize_settings,
    grad=_batch_normalization_grad,
    inference=normalize_with_moving_averages,
    updates=_get_updates,
    examples=_examples,
    cost=cost_per_input(8),
)
def batch_normalization(
    xp: ArrayNamespace,
    x: NamespaceArray,
    moving_mean: NamespaceArray,
    moving_variance: NamespaceArray,
    *mask: NamespaceArray,
    axis: int = -1,
    momentum: float = 0.99,
    epsilon: float = 1e-3,
) -> NamespaceArray:
    r"""Batch normalization, :math:`(x - \mu) / \sqrt{\sigma^2 + \epsilon}` with the mean and variance of the batch.

    Training updates the moving averages, :math:`m \leftarrow \alpha m + (1 - \alpha) \mu` with :math:`\alpha` =
    ``momentum`` (see `pellucid.collect_updates`). Inference uses them instead of the batch statistics.

    Parameters
    ----------
    x : Expr
        Floating-point input of any shape.
    moving_mean, moving_variance : Shared, shape (features,)
        Moving averages.
    mask : Expr of bool, optional
        Mask over the leading axes of ``x``: True for the values to include in mean and variance.
    axis : int
        Feature axis. Mean and variance are computed over all other axes.
    momentum : float
        Fraction of the moving averages kept by an update, between 0 and 1.
    epsilon : float
        Small constant that prevents division by zero.

    Returns
    -------
    Expr
        Same shape as ``x``.

    Examples
    --------
    >>> x, m, v = pel.matrix("x", shape=("n", 3)), pel.shared([0.0] * 3, "m"), pel.shared([1.0] * 3, "v")
    >>> y = pel.batch_normalization(x, m, v)
    >>> pel.inference(y)
    (x - m) / sqrt(v + 0.001)
    >>> pel.collect_updates(y)[m]
    0.99 * m + 0.01 * x.mean(axis=0)

    References
    ----------
    S. Ioffe and C. Szegedy, Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
    Shift, ICML 2015.
    """
    mean, variance = _compute_moments(xp, x, mask, axis)
    normalized: NamespaceArray = standardize_with(xp, x, mean, variance, epsilon)
    return normalized
