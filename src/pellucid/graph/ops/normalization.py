r"""Values brought to a common scale: named formulas behind the normalizing layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.decomposition import symbolic
from pellucid.graph.errors import OptionError, ShapeError, brief
from pellucid.graph.expr import Expr
from pellucid.graph.op import op
from pellucid.graph.ops.op_printing import along
from pellucid.graph.ops.reductions import per_input
from pellucid.graph.types import normalize_axes, shape_text


def greater_than_zero(name: str, what: str, value: Any) -> float:
    """Return a setting as a float, or say what it must be."""
    if not value > 0:
        raise OptionError(f"{name}: expected {what} to be greater than 0. Received: {what}={value!r}")
    return float(value)


def _along_axes(name: str) -> Any:
    """Return the settings of a function that brings what lies along some axes to a common scale."""

    def settings(x: Expr, axis: Any = -1, epsilon: Any = 1e-3) -> dict[str, Any]:
        return {"axis": normalize_axes(axis, x.ndim, name, x), "epsilon": greater_than_zero(name, "epsilon", epsilon)}

    return settings


def _rows(rng: np.random.Generator) -> list[Any]:
    x = rng.normal(size=(3, 4))
    return [((x,), {}), ((x,), {"axis": 0, "epsilon": 0.5}), ((rng.normal(size=(2, 3, 2)),), {"axis": (0, 2)})]


def scaled(xp: Any, x: Any, mean: Any, variance: Any, epsilon: float) -> Any:
    """Return values less a mean, in units of a standard deviation."""
    return (x - mean) / xp.sqrt(variance + epsilon)


def standardize_grad(g: Any, y: Any, x: Any, axis: tuple[int, ...], epsilon: float) -> Any:
    """Return the gradient of what is standardized: part of it moves the mean, part of it the deviation."""

    def middle(e: Any) -> Any:
        return symbolic.mean(e, axis=axis, keepdims=True)

    deviation = symbolic.sqrt(symbolic.var(x, axis=axis, keepdims=True) + epsilon)
    return (g - middle(g) - y * middle(g * y)) / deviation


@op(
    tex=r"\operatorname{{standardize}}({0:_})",
    text=along("standardize"),
    floats=True,
    promotes=True,
    compound=True,
    infer=lambda x, axis, epsilon: x.type,
    normalize=_along_axes("standardize"),
    grad=standardize_grad,
    examples=_rows,
    cost=per_input(8),
)
def standardize(xp: Any, x: Any, axis: Any = -1, epsilon: Any = 1e-3) -> Any:
    r"""Values less their mean, in units of their standard deviation,
    :math:`(x - \bar x) / \sqrt{\operatorname{var} x + \epsilon}`.

    Parameters
    ----------
    x : Expr or array
        Of any shape.
    axis : int or tuple of int
        The axes along which mean and variance are taken.
    epsilon : float
        What keeps the deviation away from 0.

    Returns
    -------
    Expr
        Of the shape of ``x``.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.expand(pel.standardize(pel.matrix("x")))
    (x - x.mean(axis=1, keepdims=True)) / sqrt(x.var(axis=1, keepdims=True) + 0.001)

    References
    ----------
    J. L. Ba, J. R. Kiros and G. E. Hinton, Layer Normalization, arXiv:1607.06450.
    """
    mean, variance = xp.mean(x, axis=axis, keepdims=True), xp.var(x, axis=axis, keepdims=True)
    return scaled(xp, x, mean, variance, epsilon)


def _rms_grad(g: Any, y: Any, x: Any, axis: tuple[int, ...], epsilon: float) -> Any:
    scale = symbolic.sqrt(symbolic.mean(symbolic.square(x), axis=axis, keepdims=True) + epsilon)
    return (g - y * symbolic.mean(g * y, axis=axis, keepdims=True)) / scale


@op(
    tex=r"\operatorname{{rms-normalize}}({0:_})",
    text=along("rms_normalize"),
    floats=True,
    promotes=True,
    compound=True,
    infer=lambda x, axis, epsilon: x.type,
    normalize=_along_axes("rms_normalize"),
    grad=_rms_grad,
    examples=_rows,
    cost=per_input(5),
)
def rms_normalize(xp: Any, x: Any, axis: Any = -1, epsilon: Any = 1e-6) -> Any:
    r"""Values in units of their root mean square, :math:`x / \sqrt{\overline{x^2} + \epsilon}`.

    Parameters
    ----------
    x : Expr or array
        Of any shape.
    axis : int or tuple of int
        The axes along which the mean is taken.
    epsilon : float
        What keeps the divisor away from 0.

    Returns
    -------
    Expr
        Of the shape of ``x``.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.expand(pel.rms_normalize(pel.matrix("x")))
    x / sqrt((x ** 2).mean(axis=1, keepdims=True) + 1e-06)

    References
    ----------
    B. Zhang and R. Sennrich, Root Mean Square Layer Normalization, NeurIPS 2019.
    """
    return x / xp.sqrt(xp.mean(xp.square(x), axis=axis, keepdims=True) + epsilon)


def _response_settings(x: Expr, n: Any, k: Any, alpha: Any, beta: Any) -> dict[str, Any]:
    name = "local_response_normalization"
    if not x.ndim or not isinstance(x.shape[-1], int):
        raise ShapeError(
            f"{name}: expected channels along the last axis, of a known number. Received: {brief(x)}, of shape "
            f"{shape_text(x.shape)}"
        )
    if not isinstance(n, int) or n < 1 or n % 2 == 0:
        raise OptionError(f"{name}: expected n to be an odd number of channels. Received: n={n!r}")
    return {"n": n, "k": greater_than_zero(name, "k", k), "alpha": float(alpha), "beta": float(beta)}


@op(
    tex=r"\operatorname{{LRN}}({0:_})",
    floats=True,
    promotes=True,
    compound=True,
    infer=lambda x, n, k, alpha, beta: x.type,
    normalize=_response_settings,
    examples=lambda rng: [
        ((rng.normal(size=(2, 4)),), {"n": 3, "k": 1, "alpha": 0.5}),
        ((rng.normal(size=(2, 2, 3)),), {}),
    ],
    cost=lambda node, size: (node.settings["n"] + 14) * size(node),
)
def local_response_normalization(xp: Any, x: Any, n: Any = 5, k: Any = 2.0, alpha: Any = 1e-4, beta: Any = 0.75) -> Any:
    r"""Values divided by how strong the channels around are,
    :math:`x_c / \bigl(k + \alpha \sum_{|d - c| \le n/2} x_d^2\bigr)^\beta`.

    Parameters
    ----------
    x : Expr or array, shape (..., channels)
        Such as images.
    n : int
        How many channels count for each, an odd number.
    k, alpha, beta : float
        As in the formula. Caffe and PyTorch have :math:`\alpha / n` for :math:`\alpha`.

    Returns
    -------
    Expr
        Of the shape of ``x``.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.local_response_normalization(pel.matrix("x", shape=("n", 8))).shape
    ('n', 8)

    References
    ----------
    A. Krizhevsky, I. Sutskever and G. E. Hinton, ImageNet Classification with Deep Convolutional Neural Networks,
    NeurIPS 2012, section 3.3.
    """
    channels = x.shape[-1]
    squares = xp.pad(xp.square(x), [(0, 0)] * (x.ndim - 1) + [(n // 2, n // 2)])
    around = squares[..., :channels]
    for first in range(1, n):
        around = around + squares[..., first : first + channels]
    return x / (k + alpha * around) ** beta
