r"""Activation functions: sigmoid, softplus, softsign, ReLU and leaky ReLU."""

from __future__ import annotations

import math

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, JaxArray, NamespaceArray
from pellucid.graph.op_decorator import op
from pellucid.graph.operators import call_op
from pellucid.graph.ops.hyperbolic import tanh
from pellucid.graph.precedence import MULTIPLY
from pellucid.graph.range_rules import fixed, increasing


def _sigmoid_xla(xp: ArrayNamespace, x: JaxArray) -> JaxArray:
    from jax.nn import sigmoid as jax_sigmoid

    return jax_sigmoid(x)


@op(
    tex=r"\sigma({0:_})",
    floats=True,
    composite=True,
    xla=_sigmoid_xla,
    edge=(0.0, 500.0, -500.0),
    grad=lambda g, y, x: g * (y * (1 - y)),
    cost=12,
    value_range=fixed(0, 1),
)
def sigmoid(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Logistic sigmoid of every element, :math:`\sigma(x) = 1 / (1 + e^{-x})`.

    Parameters
    ----------
    x : Expr, array or number
        Input of any shape.

    Returns
    -------
    Expr
        Same shape as ``x``, with values between 0 and 1.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.simplify(1 / (1 + pel.exp(-x)))
    sigmoid(x)
    """
    # The exponent is never positive, so that the exponential cannot overflow.
    small = xp.exp(-xp.abs(x))
    return xp.where(x >= 0, xp.ones_like(x), small) / (1 + small)


@op(
    tex=r"{0:^} (1 - {0:^})",
    tex_precedence=MULTIPLY,
    text="{0:^} * (1 - {0:^})",
    precedence=MULTIPLY,
    floats=True,
    edge=(0.0, 80.0, -80.0, 1e5),
    grad=lambda g, z, y, x: (None, -g * (z * tanh(x / 2))),
    cost=16,
    behind="sigmoid",
    value_range=fixed(0, 0.25),
)
def sigmoid_slope(xp: ArrayNamespace, y: NamespaceArray, x: NamespaceArray) -> NamespaceArray:
    r"""Derivative of the sigmoid, :math:`y (1 - y)` where :math:`y = \sigma(x)`.

    Computed as :math:`e / (1 + e)^2` with :math:`e = e^{-|x|}`, because :math:`1 - y` loses its digits where :math:`y`
    is nearly 1. ``y`` appears in the printed formula; only its shape enters the value.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> slope = pel.grad(pel.sigmoid(x), x)
    >>> slope
    sigmoid(x) * (1 - sigmoid(x))
    >>> slope.eval({x: 30.0})
    np.float32(9.3576e-14)
    """
    small = xp.exp(-xp.abs(x))
    return xp.broadcast_to(small / xp.square(1 + small), np.broadcast_shapes(np.shape(x), np.shape(y)))


@op(
    tex=r"\operatorname{{softplus}}({0:_})",
    floats=True,
    composite=True,
    edge=(0.0, 500.0, -500.0),
    grad=lambda g, y, x: g * sigmoid(x),
    cost=24,
    value_range=increasing(lambda x: np.logaddexp(x, 0)),
)
def softplus(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Smooth ReLU of every element, :math:`\log(1 + e^x)`, computed as :math:`\max(x, 0) + \log(1 + e^{-|x|})`.

    Examples
    --------
    >>> pel.simplify(pel.log(1 + pel.exp(pel.vector("x"))))
    softplus(x)
    """
    return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))


@op(
    tex=r"\operatorname{{softsign}}({0:_})",
    floats=True,
    composite=True,
    domain=(0.2, 3.0),
    edge=(0.0, 1e30, -1e30),
    grad=lambda g, y, x: g * call_op("square", 1 / (1 + call_op("abs", x))),
    cost=3,
    value_range=increasing(lambda x: x / (1 + np.abs(x)) if np.isfinite(x) else np.sign(x)),
)
def softsign(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Softsign of every element, :math:`x / (1 + |x|)`, with the derivative :math:`1 / (1 + |x|)^2`.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.simplify(x / (1 + pel.abs(x)))
    softsign(x)
    """
    return x / (1 + xp.abs(x))


@op(
    tex=r"\operatorname{{relu}}({0:_})",
    accepts="iuf",
    composite=True,
    domain=(0.2, 3.0),
    edge=(0.0, 1e30, -1e30),
    # A product with 0 would be NaN where g is infinite, as in the gradient of sqrt(relu(x)).
    grad=lambda g, y, x: call_op("where", x > 0, g, np.zeros((), x.dtype)),
    value_range=lambda node, x: x.clip(0, math.inf),
)
def relu(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Rectified linear unit of every element, :math:`\max(x, 0)`. The gradient at 0 is 0.

    Examples
    --------
    >>> pel.expand(pel.relu(pel.vector("x")))
    maximum(x, 0)

    References
    ----------
    V. Nair and G. E. Hinton, Rectified Linear Units Improve Restricted Boltzmann Machines, ICML 2010.
    """
    return xp.maximum(x, 0)


@op(
    tex=r"\mathrm{{leaky\_relu}}({0:_})",
    floats=True,
    infer=lambda x, negative_slope: x.type,
    promotes=True,
    composite=True,
    grad=lambda g, y, x, negative_slope: call_op("where", x >= 0, g, negative_slope * g),
    examples=lambda rng: [
        ((rng.uniform(0.1, 2, (2, 3)),), {}),
        ((-rng.uniform(0.1, 2, (2, 3)),), {"negative_slope": 0.01}),
    ],
    value_range=lambda node, x: x.union(x.scale(node.settings["negative_slope"])),
)
def leaky_relu(xp: ArrayNamespace, x: NamespaceArray, negative_slope: float = 0.2) -> NamespaceArray:
    r"""Leaky rectified linear unit of every element, :math:`x` where :math:`x \ge 0` and :math:`a x` below, with
    :math:`a` the ``negative_slope``.

    Parameters
    ----------
    x : Expr or array
        Any shape; integers are converted to `config.floatx`.
    negative_slope : float
        :math:`a`.

    Examples
    --------
    >>> pel.expand(pel.leaky_relu(pel.vector("x")))
    where(x >= 0, x, 0.2 * x)

    References
    ----------
    A. L. Maas, A. Y. Hannun and A. Y. Ng, Rectifier Nonlinearities Improve Neural Network Acoustic Models, ICML 2013.
    """
    return xp.where(x >= 0, x, negative_slope * x)
