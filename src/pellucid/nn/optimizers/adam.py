"""Adam and its variants: AdamW, Adamax, Nadam and LAMB."""

from __future__ import annotations

from typing import Any, Unpack

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr, Shared
from pellucid.graph.ops.elementwise import absolute, maximum, sqrt, square
from pellucid.graph.ops.reductions import sum as sum_of
from pellucid.graph.ops.where import where
from pellucid.graph.validation import check_number
from pellucid.nn.casts import to_dtype
from pellucid.nn.optimizers.base import Optimizer, Updates, get_step_dtype
from pellucid.nn.optimizers.options import LearningRate, Options

__all__ = ["Adam", "AdamW", "Adamax", "Lamb", "Nadam"]


class MomentOptimizer(Optimizer):
    """Base of optimizers with a first moment :math:`m` and a second moment :math:`v` of the gradient."""

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta_1: float = check_number("beta_1", beta_1, minimum=0.0, below=1.0)
        self.beta_2: float = check_number("beta_2", beta_2, minimum=0.0, below=1.0)
        self.epsilon: float = check_number("epsilon", epsilon, minimum=0.0)

    def update_moments(self, parameter: Shared, gradient: Expr) -> tuple[Expr, Expr, Updates]:
        """Return the new first and second moments, and the updates of their slots."""
        m, v = self.get_slot("m", parameter), self.get_slot("v", parameter)
        new_m = m + (1 - self.beta_1) * (gradient - m)
        new_v = v + (1 - self.beta_2) * (square(gradient) - v)
        return new_m, new_v, {m: new_m, v: new_v}


class Adam(MomentOptimizer):
    r"""Adam: :math:`m \leftarrow \beta_1 m + (1 - \beta_1) g`,
    :math:`v \leftarrow \beta_2 v + (1 - \beta_2) g^2`,
    :math:`w \leftarrow w - \eta \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t} \, m / (\sqrt{v} + \epsilon)`.

    Parameters
    ----------
    learning_rate : float, Expr or function
        :math:`\eta`.
    beta_1, beta_2 : float
        Decay rates of the first and second moments, in [0, 1).
    epsilon : float
        :math:`\epsilon`, added outside the square root, as in Keras.
    amsgrad : bool
        Whether to divide by the maximum of all past :math:`v`, :math:`\hat v \leftarrow \max(\hat v, v)`.
    **options
        Options of `Optimizer`: clipping, weight decay, moving averages, gradient accumulation.

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
    D. P. Kingma and J. Ba, Adam: A Method for Stochastic Optimization, ICLR 2015, end of section 2.
    S. J. Reddi, S. Kale and S. Kumar, On the Convergence of Adam and Beyond, ICLR 2018, for AMSGrad.
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **options)
        self.amsgrad: bool = bool(amsgrad)

    def step(self, parameter: Shared, gradient: Expr, rate: Expr | float) -> Updates:
        m, v, updates = self.update_moments(parameter, gradient)
        if self.amsgrad:
            v_hat = self.get_slot("v_hat", parameter)
            v = updates[v_hat] = maximum(v_hat, v)
        t = self.get_step_number(parameter)
        scaled = rate * to_dtype(sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t), parameter.dtype)
        return {parameter: parameter - scaled * m / (sqrt(v) + self.epsilon), **updates}


class AdamW(Adam):
    r"""`Adam` with decoupled weight decay, :math:`w \leftarrow w - \eta \lambda w` before each step.

    Parameters
    ----------
    weight_decay : float
        :math:`\lambda`, for parameters tagged ``regularizable``.
    learning_rate, beta_1, beta_2, epsilon, amsgrad, **options
        See `Adam`.

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
        learning_rate: LearningRate = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Any,
    ) -> None:
        if weight_decay is None:
            raise OptionError("AdamW: expected weight_decay to be a number >= 0. Received: weight_decay=None")
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **options)


class Adamax(MomentOptimizer):
    r"""Adamax, Adam with the infinity norm in place of the second moment:
    :math:`m \leftarrow \beta_1 m + (1 - \beta_1) g`, :math:`u \leftarrow \max(\beta_2 u, |g|)`,
    :math:`w \leftarrow w - \frac{\eta}{1 - \beta_1^t} \, m / (u + \epsilon)`.

    Parameters
    ----------
    beta_1, beta_2 : float
        Decay rates of the first moment and of the infinity norm, in [0, 1).
    learning_rate, epsilon, **options
        See `Adam`.

    Examples
    --------
    >>> w = pel.shared(1.0, "w")
    >>> Adamax(0.5).updates(w * 1.0)[w].eval()
    np.float32(0.5000001)

    References
    ----------
    D. P. Kingma and J. Ba, Adam: A Method for Stochastic Optimization, ICLR 2015, section 7.1.
    """

    def step(self, parameter: Shared, gradient: Expr, rate: Expr | float) -> Updates:
        m, u = self.get_slot("m", parameter), self.get_slot("u", parameter)
        new_m = m + (1 - self.beta_1) * (gradient - m)
        new_u = maximum(self.beta_2 * u, absolute(gradient))
        scaled = rate / to_dtype(1 - self.beta_1 ** self.get_step_number(parameter), parameter.dtype)
        return {parameter: parameter - scaled * new_m / (new_u + self.epsilon), m: new_m, u: new_u}


class Nadam(MomentOptimizer):
    r"""Nadam, Adam with Nesterov momentum: with :math:`m` and :math:`v` as in `Adam`,
    :math:`\mu_t = \beta_1 (1 - 0.96^t / 2)` and :math:`\pi_t = \prod_{i \le t} \mu_i`,
    :math:`\hat m = \mu_{t+1} m / (1 - \pi_{t+1}) + (1 - \mu_t) g / (1 - \pi_t)`,
    :math:`w \leftarrow w - \eta \hat m / (\sqrt{v / (1 - \beta_2^t)} + \epsilon)`.

    Parameters
    ----------
    learning_rate, beta_1, beta_2, epsilon, **options
        See `Adam`.

    Examples
    --------
    >>> w = pel.shared(1.0, "w")
    >>> list(Nadam().updates(w**2))
    [w, w/m, w/v, momentum_product, iterations]

    References
    ----------
    T. Dozat, Incorporating Nesterov Momentum into Adam, ICLR workshop 2016.
    """

    def step(self, parameter: Shared, gradient: Expr, rate: Expr | float) -> Updates:
        m, v, updates = self.update_moments(parameter, gradient)
        t = self.get_step_number(parameter)
        mu, next_mu = (self.beta_1 * (1 - 0.5 * 0.96**n) for n in (t, t + 1))
        product = self.get_slot("momentum_product", dtype=get_step_dtype(parameter), fill=1.0)
        mu_product = to_dtype(product, t.dtype) * mu
        updates[product] = to_dtype(mu_product, product.dtype)
        m_factor, g_factor, v_correction = (
            to_dtype(factor, parameter.dtype)
            for factor in (next_mu / (1 - mu_product * next_mu), (1 - mu) / (1 - mu_product), 1 - self.beta_2**t)
        )
        m_hat = m_factor * m + g_factor * gradient
        return {parameter: parameter - rate * m_hat / (sqrt(v / v_correction) + self.epsilon), **updates}


class Lamb(MomentOptimizer):
    r"""LAMB, Adam with each step scaled to the norm of its parameter: with
    :math:`u = \hat m / (\sqrt{\hat v} + \epsilon)`, where
    :math:`\hat m = m / (1 - \beta_1^t)` and :math:`\hat v = v / (1 - \beta_2^t)`,
    :math:`w \leftarrow w - \eta u \lVert w \rVert / \lVert u \rVert`.

    Parameters
    ----------
    learning_rate, beta_1, beta_2, epsilon, **options
        See `Adam`.

    Examples
    --------
    >>> w = pel.shared([3.0, 4.0], "w")
    >>> Lamb(0.1).updates(w.sum())[w].eval()  # the step has norm 0.1 * 5
    array([2.6464, 3.6464], dtype=float32)

    References
    ----------
    Y. You et al., Large Batch Optimization for Deep Learning: Training BERT in 76 minutes, ICLR 2020.
    """

    def step(self, parameter: Shared, gradient: Expr, rate: Expr | float) -> Updates:
        m, v, updates = self.update_moments(parameter, gradient)
        t = self.get_step_number(parameter)
        m_hat, v_hat = (
            mean / to_dtype(1 - beta**t, parameter.dtype) for mean, beta in ((m, self.beta_1), (v, self.beta_2))
        )
        u = m_hat / (sqrt(v_hat) + self.epsilon)
        parameter_norm, step_norm = sqrt(sum_of(square(parameter))), sqrt(sum_of(square(u)))
        ratio = where((parameter_norm > 0) & (step_norm > 0), parameter_norm / step_norm, 1.0)
        return {parameter: parameter - rate * ratio * u, **updates}
