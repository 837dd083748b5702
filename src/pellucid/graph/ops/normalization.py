r"""Normalization to zero mean and unit variance, by the root mean square, and by neighboring channels."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.decomposition import symbolic
from pellucid.graph.errors import OptionError, ShapeError, brief
from pellucid.graph.expr import Expr, OpSettings
from pellucid.graph.op import Example
from pellucid.graph.op_decorator import op
from pellucid.graph.ops.formatters import last_axis_text
from pellucid.graph.ops.reductions import cost_per_input
from pellucid.graph.types import format_shape, normalize_axes
from pellucid.graph.validation import check_positive_number, is_integer

if TYPE_CHECKING:
    from pellucid.typing import Axes


def _make_settings_normalizer(name: str) -> Any:
    def normalize(x: Expr, axis: Axes = -1, epsilon: float = 1e-3) -> OpSettings:
        axes = normalize_axes(axis, x.ndim, name, x)
        return {"axis": axes, "epsilon": check_positive_number("epsilon", epsilon, owner=name)}

    return normalize


def _draw_examples(rng: np.random.Generator) -> list[Example]:
    x = rng.normal(size=(3, 4))
    return [((x,), {}), ((x,), {"axis": 0, "epsilon": 0.5}), ((rng.normal(size=(2, 3, 2)),), {"axis": (0, 2)})]


def standardize_with(xp: Any, x: Any, mean: Any, variance: Any, epsilon: float) -> Any:
    return (x - mean) / xp.sqrt(variance + epsilon)


def standardize_grad(g: Expr, y: Expr, x: Expr, axis: tuple[int, ...], epsilon: float) -> Expr:
    """Differentiate a standardization, through its mean and variance too."""

    def mean(e: Expr) -> Expr:
        mean_of_e: Expr = symbolic.mean(e, axis=axis, keepdims=True)
        return mean_of_e

    deviation: Expr = symbolic.sqrt(symbolic.var(x, axis=axis, keepdims=True) + epsilon)
    return (g - mean(g) - y * mean(g * y)) / deviation


_normalization_op = functools.partial(
    op, floats=True, promotes=True, composite=True, infer=lambda x, axis, epsilon: x.type, examples=_draw_examples
)


@_normalization_op(
    tex=r"\operatorname{{standardize}}({0:_})",
    text=last_axis_text("standardize"),
    normalize=_make_settings_normalizer("standardize"),
    grad=standardize_grad,
    cost=cost_per_input(8),
)
def standardize(xp: ArrayNamespace, x: NamespaceArray, axis: Axes = -1, epsilon: float = 1e-3) -> NamespaceArray:
    r"""Standardization to zero mean and unit variance along axes,
    :math:`(x - \bar x) / \sqrt{\operatorname{var} x + \epsilon}`.

    Parameters
    ----------
    x : Expr or array
        Input of any shape.
    axis : int or tuple of int
        Axes along which mean and variance are computed.
    epsilon : float
        Small constant added to the variance, which prevents division by zero.

    Returns
    -------
    Expr
        Same shape as ``x``.

    Examples
    --------
    >>> pel.expand(pel.standardize(pel.matrix("x")))
    (x - x.mean(axis=1, keepdims=True)) / sqrt(x.var(axis=1, keepdims=True) + 0.001)

    References
    ----------
    J. L. Ba, J. R. Kiros and G. E. Hinton, Layer Normalization, arXiv:1607.06450.
    """
    mean, variance = xp.mean(x, axis=axis, keepdims=True), xp.var(x, axis=axis, keepdims=True)
    standardized: NamespaceArray = standardize_with(xp, x, mean, variance, epsilon)
    return standardized


def _rms_grad(g: Expr, y: Expr, x: Expr, axis: tuple[int, ...], epsilon: float) -> Expr:
    scale: Expr = symbolic.sqrt(symbolic.mean(symbolic.square(x), axis=axis, keepdims=True) + epsilon)
    mean: Expr = symbolic.mean(g * y, axis=axis, keepdims=True)
    return (g - y * mean) / scale


@_normalization_op(
    tex=r"\operatorname{{rms-normalize}}({0:_})",
    text=last_axis_text("rms_normalize"),
    normalize=_make_settings_normalizer("rms_normalize"),
    grad=_rms_grad,
    cost=cost_per_input(5),
)
def rms_normalize(xp: ArrayNamespace, x: NamespaceArray, axis: Axes = -1, epsilon: float = 1e-6) -> NamespaceArray:
    r"""Division by the root mean square along axes, :math:`x / \sqrt{\overline{x^2} + \epsilon}`. The parameters are
    those of `standardize`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int or tuple of int
        Axes of the mean.
    epsilon : float
        :math:`\epsilon`, added for stability.

    Examples
    --------
    >>> pel.expand(pel.rms_normalize(pel.matrix("x")))
    x / sqrt((x ** 2).mean(axis=1, keepdims=True) + 1e-06)

    References
    ----------
    B. Zhang and R. Sennrich, Root Mean Square Layer Normalization, NeurIPS 2019.
    """
    return x / xp.sqrt(xp.mean(xp.square(x), axis=axis, keepdims=True) + epsilon)


def _normalize_lrn_settings(x: Expr, n: int, k: float, alpha: float, beta: float) -> OpSettings:
    name = "local_response_normalization"
    if not x.ndim or not isinstance(x.shape[-1], int):
        raise ShapeError(
            f"{name}: expected a known number of channels along the last axis. Received: {brief(x)}, of shape "
            f"{format_shape(x.shape)}"
        )
    if not is_integer(n) or n < 1 or n % 2 == 0:
        raise OptionError(f"{name}: expected n to be an odd number of channels. Received: n={n!r}")
    return {"n": int(n), "k": check_positive_number("k", k, owner=name), "alpha": float(alpha), "beta": float(beta)}


@op(
    tex=r"\operatorname{{LRN}}({0:_})",
    floats=True,
    promotes=True,
    composite=True,
    infer=lambda x, n, k, alpha, beta: x.type,
    normalize=_normalize_lrn_settings,
    examples=lambda rng: [
        ((rng.normal(size=(2, 4)),), {"n": 3, "k": 1, "alpha": 0.5}),
        ((rng.normal(size=(2, 2, 3)),), {}),
    ],
    cost=lambda node, size: (node.settings["n"] + 14) * size(node),
)
def local_response_normalization(
    xp: ArrayNamespace, x: NamespaceArray, n: int = 5, k: float = 2.0, alpha: float = 1e-4, beta: float = 0.75
) -> NamespaceArray:
    r"""Local response normalization: division by the squares of neighboring channels,
    :math:`x_c / \bigl(k + \alpha \sum_{|d - c| \le n/2} x_d^2\bigr)^\beta`.

    Parameters
    ----------
    x : Expr or array, shape (..., channels)
        Input, such as images.
    n : int
        Number of channels in the sum, an odd number.
    k, alpha, beta : float
        Constants of the formula. Caffe and PyTorch use :math:`\alpha / n` in the place of :math:`\alpha`.

    Returns
    -------
    Expr
        Same shape as ``x``.

    Raises
    ------
    ShapeError
        If the number of channels is unknown.
    ValueError
        If ``n`` is not odd or ``k`` is not positive.

    Examples
    --------
    >>> pel.local_response_normalization(pel.matrix("x", shape=("n", 8))).shape
    ('n', 8)

    References
    ----------
    A. Krizhevsky, I. Sutskever and G. E. Hinton, ImageNet Classification with Deep Convolutional Neural Networks,
    NeurIPS 2012, section 3.3.
    """
    channels = x.shape[-1]
    squares = xp.pad(xp.square(x), [(0, 0)] * (x.ndim - 1) + [(n // 2, n // 2)])
    total = squares[..., :channels]
    for first in range(1, n):
        total = total + squares[..., first : first + channels]
    return x / (k + alpha * total) ** beta
