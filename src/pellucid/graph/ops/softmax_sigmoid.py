r"""The named functions of neural networks: stable whatever runs first, and open to `expand`."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr
from pellucid.graph.op import op
from pellucid.graph.operators import call, write
from pellucid.graph.ops.index_spec import integer_indices
from pellucid.graph.ops.op_printing import along
from pellucid.graph.ops.reductions import per_input
from pellucid.graph.printing import ADD
from pellucid.graph.types import Type, normalize_axes, shape_text, unify


def _logistic(xp: Any, x: Any) -> Any:
    from jax.nn import sigmoid as value

    return value(x)


@op(
    tex=r"\sigma({0:_})",
    floats=True,
    compound=True,
    xla=_logistic,
    edge=(0.0, 500.0, -500.0),
    grad=lambda g, y, x: g * (y * (1 - y)),
    cost=12,
)
def sigmoid(xp: Any, x: Any) -> Any:
    r"""Logistic function of every element, :math:`\sigma(x) = 1 / (1 + e^{-x})`.

    Parameters
    ----------
    x : Expr, array or number
        Of any shape.

    Returns
    -------
    Expr
        Of the shape of ``x``, between 0 and 1.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.scalar("x")
    >>> pel.simplify(1 / (1 + pel.exp(-x)))
    sigmoid(x)
    """
    small = xp.exp(-xp.abs(x))
    return xp.where(x >= 0, xp.ones_like(x), small) / (1 + small)


@op(
    tex=r"\operatorname{{softplus}}({0:_})",
    floats=True,
    compound=True,
    edge=(0.0, 500.0, -500.0),
    grad=lambda g, y, x: g * sigmoid(x),
    cost=24,
)
def softplus(xp: Any, x: Any) -> Any:
    r"""Smooth rectifier of every element, :math:`\log(1 + e^x)`, computed as :math:`\max(x, 0) + \log(1 + e^{-|x|})`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.simplify(pel.log(1 + pel.exp(pel.vector("x"))))
    softplus(x)
    """
    return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))


@op(
    tex=r"\operatorname{{relu}}({0:_})",
    accepts="iuf",
    compound=True,
    domain=(0.2, 3.0),
    edge=(0.0, 1e30, -1e30),
    grad=lambda g, y, x: g * call("cast", x > 0, dtype=x.dtype),
)
def relu(xp: Any, x: Any) -> Any:
    r"""Rectifier of every element, :math:`\max(x, 0)`; the gradient at 0 is taken to be 0.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.expand(pel.relu(pel.vector("x")))
    maximum(x, 0)

    References
    ----------
    V. Nair and G. E. Hinton, Rectified Linear Units Improve Restricted Boltzmann Machines, ICML 2010.
    """
    return xp.maximum(x, 0)


def _leaky_grad(g: Any, y: Any, x: Any, negative_slope: float) -> Any:
    return call("where", x >= 0, g, negative_slope * g)


@op(
    tex=r"\mathrm{{leaky\_relu}}({0:_})",
    floats=True,
    infer=lambda x, negative_slope: x.type,
    promotes=True,
    compound=True,
    grad=_leaky_grad,
    examples=lambda rng: [
        ((rng.uniform(0.1, 2, (2, 3)),), {}),
        ((-rng.uniform(0.1, 2, (2, 3)),), {"negative_slope": 0.01}),
    ],
)
def leaky_relu(xp: Any, x: Any, negative_slope: Any = 0.2) -> Any:
    r"""Rectifier that lets a part of what is negative through, :math:`\max(x, a x)` with :math:`a` the
    ``negative_slope``.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.expand(pel.leaky_relu(pel.vector("x")))
    where(x >= 0, x, 0.2 * x)

    References
    ----------
    A. L. Maas, A. Y. Hannun and A. Y. Ng, Rectifier Nonlinearities Improve Neural Network Acoustic Models, ICML 2013.
    """
    return xp.where(x >= 0, x, negative_slope * x)


def _axes(x: Expr, axis: Any = -1) -> dict[str, Any]:
    return {"axis": normalize_axes(axis, x.ndim, "softmax or its logarithm", x)}


def _rows(rng: np.random.Generator) -> list[Any]:
    extreme = np.array([[1000.0, 0.0, 0.0], [-1000.0, 0.0, 1.0]])
    return [((rng.normal(size=(3, 4)),), {}), ((rng.normal(size=(3, 4)),), {"axis": 0}), ((extreme,), {})]


def _softmax_grad(g: Any, y: Any, x: Any, axis: tuple[int, ...]) -> Any:
    return y * (g - call("sum", g * y, axis=axis, keepdims=True))


@op(
    tex=r"\operatorname{{softmax}}({0:_})",
    text=along("softmax"),
    floats=True,
    promotes=True,
    compound=True,
    infer=lambda x, axis: x.type,
    normalize=_axes,
    grad=_softmax_grad,
    examples=_rows,
    cost=per_input(14),
)
def softmax(xp: Any, x: Any, axis: Any = -1) -> Any:
    r"""Exponentials that sum to 1, :math:`\operatorname{softmax}(x)_i = e^{x_i} / \sum_j e^{x_j}`, with the greatest
    element subtracted first, which changes nothing but the range.

    Parameters
    ----------
    x : Expr or array
        Scores.
    axis : int or tuple of int
        Along which they sum to 1.

    Returns
    -------
    Expr
        Probabilities, of the shape of ``x``.

    Examples
    --------
    >>> import pellucid as pel
    >>> z = pel.matrix("z")
    >>> pel.simplify(pel.exp(z) / pel.exp(z).sum(axis=1, keepdims=True))
    softmax(z)

    References
    ----------
    C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, section 4.3.4.
    """
    e = xp.exp(x - xp.max(x, axis=axis, keepdims=True))
    return e / xp.sum(e, axis=axis, keepdims=True)


def _log_softmax_grad(g: Any, y: Any, x: Any, axis: tuple[int, ...]) -> Any:
    return g - softmax(x, axis) * call("sum", g, axis=axis, keepdims=True)


@op(
    tex=r"\log(\operatorname{{softmax}}({0:_}))",
    text=along("log_softmax"),
    floats=True,
    promotes=True,
    compound=True,
    infer=lambda x, axis: x.type,
    normalize=_axes,
    grad=_log_softmax_grad,
    examples=_rows,
    cost=per_input(14),
)
def log_softmax(xp: Any, x: Any, axis: Any = -1) -> Any:
    r"""Logarithm of a softmax, :math:`x_i - \log \sum_j e^{x_j}`, finite wherever :math:`x` is.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.simplify(pel.log(pel.softmax(pel.matrix("z"))))
    log_softmax(z)
    """
    shifted = x - xp.max(x, axis=axis, keepdims=True)
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis=axis, keepdims=True))


def _log1m_softmax_grad(g: Any, y: Any, x: Any, axis: tuple[int, ...]) -> Any:
    """Differentiate apart the one element that may have more than half of the whole, where 1 - p would cancel."""
    p = softmax(x, axis)
    heavy = p > 0.5
    zero = np.zeros((), x.dtype)
    light = write("where", heavy, zero, g / (1 - write("where", heavy, zero, p)))
    of_heavy = write("sum", write("where", heavy, g, zero), axis=axis, keepdims=True)
    others = softmax(write("where", heavy, np.asarray(-np.inf, x.dtype), x), axis)
    return p * (write("sum", light * p, axis=axis, keepdims=True) - light) + of_heavy * (others - p)


@op(
    tex=r"\log(1 - \operatorname{{softmax}}({0:_}))",
    text=along("log1m_softmax"),
    floats=True,
    promotes=True,
    compound=True,
    infer=lambda x, axis: x.type,
    normalize=_axes,
    grad=_log1m_softmax_grad,
    examples=_rows,
    cost=per_input(40),
)
def log1m_softmax(xp: Any, x: Any, axis: Any = -1) -> Any:
    r"""Logarithm of one less a softmax, :math:`\log(1 - p_i) = \log \sum_{j \ne i} e^{x_j} - \log \sum_j e^{x_j}`.

    The sum over the others is taken as the whole sum less :math:`e^{x_i}`, but for the greatest element, where that
    would cancel: there it is the sum over the others itself, shifted by the greatest of them.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.simplify(pel.log(1 - pel.softmax(pel.matrix("z"))))
    log1m_softmax(z)
    """
    greatest = xp.max(x, axis=axis, keepdims=True)
    is_greatest = x >= greatest
    # Of several equal greatest elements none cancels, because the others of them stay in the sum.
    alone = is_greatest & (
        xp.sum(xp.where(is_greatest, xp.ones_like(x), xp.zeros_like(x)), axis=axis, keepdims=True) == 1
    )
    second = xp.max(xp.where(alone, x - 1e30, x), axis=axis, keepdims=True)
    others = xp.where(alone, xp.zeros_like(x), xp.exp(xp.where(alone, second, x) - second))
    rest = xp.log(xp.sum(others, axis=axis, keepdims=True)) + (second - greatest)
    e = xp.exp(x - greatest)
    total = xp.sum(e, axis=axis, keepdims=True)
    return xp.where(alone, rest - xp.log(total), xp.log1p(-xp.where(alone, xp.zeros_like(x), e) / total))


def _crossentropy_type(y: Expr, z: Expr) -> Type:
    integer_indices(y, "sparse_crossentropy")
    if z.ndim != y.ndim + 1 or any(unify(a, b) is None for a, b in zip(y.shape, z.shape, strict=False)):
        raise ShapeError(
            f"sparse_crossentropy: expected scores of the labels' shape and one more axis for the classes. "
            f"Received: labels {y} of shape {shape_text(y.shape)} and scores {z} of shape {shape_text(z.shape)}"
        )
    return Type(z.shape[:-1], z.dtype)


def _crossentropy_grad(g: Any, loss: Any, y: Any, z: Any) -> Any:
    classes, wide = z.shape[-1], call("expand_dims", g, -1)
    if isinstance(classes, int):
        return None, wide * (softmax(z) - call("one_hot", y, classes, dtype=z.dtype))
    chosen = call("untake_along_axis", wide, call("expand_dims", y, -1), z, axis=-1)
    return None, wide * softmax(z) - chosen


@op(
    tex=r"-\log \operatorname{{softmax}}({1:_})_{{{0:_}}}",
    tex_precedence=ADD,
    compound=True,
    infer=_crossentropy_type,
    grad=_crossentropy_grad,
    examples=lambda rng: [
        ((np.array([2, 0]), rng.normal(size=(2, 3))), {}),
        ((np.array([1]), np.array([[1000.0, 0.0, 0.0]])), {}),
    ],
    cost=lambda node, size: 14 * size(node.inputs[1]),
)
def sparse_crossentropy(xp: Any, labels: Any, scores: Any) -> Any:
    r"""Crossentropy of labels and scores, :math:`-\log \operatorname{softmax}(z)_y = \log \sum_j e^{z_j} - z_y`.

    The gradient is :math:`\operatorname{softmax}(z) - t` with :math:`t` the label as a unit vector. A crossentropy
    written with a softmax and a logarithm is rewritten into this.

    Parameters
    ----------
    labels : Expr or array of integers
        Of shape ``(...)``.
    scores : Expr or array
        Of shape ``(..., classes)``.

    Returns
    -------
    Expr
        Of shape ``(...)``, in nats.

    Examples
    --------
    >>> import pellucid as pel
    >>> y, z = pel.ivector("y", shape=("n",)), pel.matrix("z", shape=("n", 3))
    >>> pel.simplify(-pel.log(pel.take_along_axis(pel.softmax(z), y[:, None]))[:, 0])
    sparse_crossentropy(y, z)

    References
    ----------
    C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, section 4.3.4.
    """
    greatest = xp.max(scores, axis=-1, keepdims=True)
    chosen = xp.take_along_axis(scores, xp.expand_dims(labels, -1), axis=-1)
    total = xp.sum(xp.exp(scores - greatest), axis=-1, keepdims=True)
    return xp.squeeze(xp.log(total) - (chosen - greatest), axis=-1)
