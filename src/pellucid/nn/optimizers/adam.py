"""Adam and its kin: steps along a mean of the gradients, scaled by their recent size."""

from __future__ import annotations

from typing import Any, Unpack

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr, Shared
from pellucid.graph.ops.elementwise import absolute, sqrt, square
from pellucid.graph.ops.minmax_where import maximum, where
from pellucid.graph.ops.reductions import sum as sum_of
from pellucid.nn.dtypes import to_dtype
from pellucid.nn.optimizers.base import Optimizer, Updates, wide
from pellucid.nn.optimizers.options import Options, Rate
from pellucid.nn.validation import number


class Moments(Optimizer):
    """What has the mean :math:`m` of the gradients, and :math:`v`, which says how large they are."""

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta_1 = number("beta_1", beta_1, low=0.0, below=1.0)
        self.beta_2 = number("beta_2", beta_2, low=0.0, below=1.0)
        self.epsilon = number("epsilon", epsilon, low=0.0)

    def moments(self, parameter: Shared, gradient: Expr) -> tuple[Expr, Expr, Updates]:
        """Return the new means of the gradient and of its square, and the updates that they are."""
        m, v = self.slot("m", parameter), self.slot("v", parameter)
        new_m = m + (1 - self.beta_1) * (gradient - m)
        new_v = v + (1 - self.beta_2) * (square(gradient) - v)
        return new_m, new_v, {m: new_m, v: new_v}


class Adam(Moments):
    r"""Steps scaled by running means of the gradient and its square: :math:`m \leftarrow \beta_1 m + (1 - \beta_1) g`,
    :math:`v \leftarrow \beta_2 v + (1 - \beta_2) g^2`,
    :math:`w \leftarrow w - \eta \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t} \, m / (\sqrt{v} + \epsilon)`.

    Parameters
    ----------
    learning_rate : float, Expr or function
        :math:`\eta`.
    beta_1, beta_2 : float
        How slowly the two means move, from 0 up to but without 1.
    epsilon : float
        :math:`\epsilon`, added outside the root, as Keras has it.
    amsgrad : bool
        Whether the step is divided by the greatest :math:`v` so far,
        :math:`\hat v \leftarrow \max(\hat v, v)`, so that it never grows.
    **options
        Those of every `Optimizer`: clipping, weight decay, moving averages, gradient accumulation.

    Raises
    ------
    ValueError
        For numbers out of range.

    Examples
    --------
    >>> w = pel.shared(1.0, "w")
    >>> step = pel.function([], updates=Adam(0.1).updates(w**2))
    >>> step()
    >>> print(w.get_value())
    0.9
    >>> print(Adam(0.1))
    t = iterations + 1
    m ← m + 0.1 * (g - m)
    v ← v + 0.001 * (g ** 2 - v)
    w ← w - 0.1 * (sqrt(1 - 0.999 ** t) / (1 - 0.9 ** t)) * m′ / (sqrt(v′) + 1e-07)
    iterations ← iterations + 1

    References
    ----------
    D. P. Kingma and J. Ba, Adam: A Method for Stochastic Optimization, ICLR 2015; the form before its section 2.1.
    S. J. Reddi, S. Kale and S. Kumar, On the Convergence of Adam and Beyond, ICLR 2018, for AMSGrad.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **options)
        self.amsgrad = bool(amsgrad)

    def step(self, parameter: Shared, gradient: Expr, rate: Any) -> Updates:
        """Return the new parameter and its new means."""
        m, v, updates = self.moments(parameter, gradient)
        if self.amsgrad:
            greatest = self.slot("v_hat", parameter)
            v = updates[greatest] = maximum(greatest, v)
        t = self.time(parameter)
        scaled = rate * to_dtype(sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t), parameter.dtype)
        return {parameter: parameter - scaled * m / (sqrt(v) + self.epsilon), **updates}


class AdamW(Adam):
    r"""`Adam` with decoupled weight decay, :math:`w \leftarrow w - \eta \lambda w` before each step.

    Parameters
    ----------
    learning_rate : float, Expr or function
        :math:`\eta`.
    weight_decay : float
        :math:`\lambda`, for parameters tagged ``regularizable``.
    beta_1, beta_2, epsilon, amsgrad
        Those of `Adam`.
    **options
        Those of every `Optimizer`.

    Raises
    ------
    ValueError
        For numbers out of range.

    Examples
    --------
    >>> w = pel.shared(1.0, "w")
    >>> step = pel.function([], updates=AdamW(0.1, weight_decay=0.5).updates(w**2))
    >>> step()
    >>> print(w.get_value())
    0.85

    References
    ----------
    I. Loshchilov and F. Hutter, Decoupled Weight Decay Regularization, ICLR 2019.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Any,
    ) -> None:
        if weight_decay is None:
            raise OptionError("AdamW is Adam with weight_decay, a number of 0 or more. Received: weight_decay=None")
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **options)


class Adamax(Moments):
    r"""Adam with the greatest gradient in the place of the mean square:
    :math:`m \leftarrow \beta_1 m + (1 - \beta_1) g`, :math:`u \leftarrow \max(\beta_2 u, |g|)`,
    :math:`w \leftarrow w - \frac{\eta}{1 - \beta_1^t} \, m / (u + \epsilon)`.

    Parameters
    ----------
    learning_rate : float, Expr or function
        :math:`\eta`.
    beta_1, beta_2 : float
        How slowly the mean moves, and how slowly the greatest gradient is forgotten.
    epsilon : float
        :math:`\epsilon`.
    **options
        Those of every `Optimizer`.

    Raises
    ------
    ValueError
        For numbers out of range.

    Examples
    --------
    >>> w = pel.shared(1.0, "w")
    >>> Adamax(0.5).updates(w * 1.0)[w].eval()
    np.float32(0.5000001)

    References
    ----------
    D. P. Kingma and J. Ba, Adam: A Method for Stochastic Optimization, ICLR 2015, section 7.1.
    """

    def step(self, parameter: Shared, gradient: Expr, rate: Any) -> Updates:
        """Return the new parameter, its mean and its greatest gradient."""
        m, u = self.slot("m", parameter), self.slot("u", parameter)
        new_m = m + (1 - self.beta_1) * (gradient - m)
        new_u = maximum(self.beta_2 * u, absolute(gradient))
        scaled = rate / to_dtype(1 - self.beta_1 ** self.time(parameter), parameter.dtype)
        return {parameter: parameter - scaled * new_m / (new_u + self.epsilon), m: new_m, u: new_u}


class Nadam(Moments):
    r"""Adam that looks ahead along its mean, as Nesterov does: with :math:`m` and :math:`v` as in `Adam`,
    :math:`\mu_t = \beta_1 (1 - 0.96^t / 2)` and :math:`\pi_t = \prod_{i \le t} \mu_i`,
    :math:`\hat m = \mu_{t+1} m / (1 - \pi_{t+1}) + (1 - \mu_t) g / (1 - \pi_t)`,
    :math:`w \leftarrow w - \eta \hat m / (\sqrt{v / (1 - \beta_2^t)} + \epsilon)`.

    Parameters
    ----------
    learning_rate : float, Expr or function
        :math:`\eta`.
    beta_1, beta_2 : float
        How slowly the two means move.
    epsilon : float
        :math:`\epsilon`.
    **options
        Those of every `Optimizer`.

    Raises
    ------
    ValueError
        For numbers out of range.

    Examples
    --------
    >>> w = pel.shared(1.0, "w")
    >>> list(Nadam().updates(w**2))
    [w, w/m, w/v, momentum_product, iterations]

    References
    ----------
    T. Dozat, Incorporating Nesterov Momentum into Adam, ICLR workshop 2016.
    """

    def step(self, parameter: Shared, gradient: Expr, rate: Any) -> Updates:
        """Return the new parameter, its two new means, and the product of the momenta so far."""
        m, v, updates = self.moments(parameter, gradient)
        t = self.time(parameter)
        now, following = (self.beta_1 * (1 - 0.5 * 0.96**n) for n in (t, t + 1))
        product = self.slot("momentum_product", dtype=wide(parameter), fill=1.0)
        so_far = to_dtype(product, t.dtype) * now
        updates[product] = to_dtype(so_far, product.dtype)
        ahead, here, size = (
            to_dtype(factor, parameter.dtype)
            for factor in (following / (1 - so_far * following), (1 - now) / (1 - so_far), 1 - self.beta_2**t)
        )
        m_hat = ahead * m + here * gradient
        return {parameter: parameter - rate * m_hat / (sqrt(v / size) + self.epsilon), **updates}


class Lamb(Moments):
    r"""Adam with a step as long as the parameter itself: with :math:`u = \hat m / (\sqrt{\hat v} + \epsilon)`, where
    :math:`\hat m = m / (1 - \beta_1^t)` and :math:`\hat v = v / (1 - \beta_2^t)`,
    :math:`w \leftarrow w - \eta u \lVert w \rVert / \lVert u \rVert`.

    Parameters
    ----------
    learning_rate : float, Expr or function
        :math:`\eta`.
    beta_1, beta_2 : float
        How slowly the two means move.
    epsilon : float
        :math:`\epsilon`.
    **options
        Those of every `Optimizer`.

    Raises
    ------
    ValueError
        For numbers out of range.

    Examples
    --------
    >>> w = pel.shared([3.0, 4.0], "w")
    >>> Lamb(0.1).updates(w.sum())[w].eval()  # a step of length 0.5
    array([2.6464, 3.6464], dtype=float32)

    References
    ----------
    Y. You et al., Large Batch Optimization for Deep Learning: Training BERT in 76 minutes, ICLR 2020.
    """

    def step(self, parameter: Shared, gradient: Expr, rate: Any) -> Updates:
        """Return the new parameter and its two new means."""
        m, v, updates = self.moments(parameter, gradient)
        t = self.time(parameter)
        m_hat, v_hat = (
            mean / to_dtype(1 - beta**t, parameter.dtype) for mean, beta in ((m, self.beta_1), (v, self.beta_2))
        )
        u = m_hat / (sqrt(v_hat) + self.epsilon)
        ours, its = sqrt(sum_of(square(parameter))), sqrt(sum_of(square(u)))
        ratio = where((ours > 0) & (its > 0), ours / its, 1.0)
        return {parameter: parameter - rate * ratio * u, **updates}
