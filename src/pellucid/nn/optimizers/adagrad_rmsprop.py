"""Adagrad, Adadelta and RMSprop: per-element learning rates from squared gradients."""

from __future__ import annotations

from typing import Unpack

from pellucid.graph.expr import Expr, Shared
from pellucid.graph.ops.elementwise import sqrt, square
from pellucid.graph.validation import check_number
from pellucid.nn.optimizers.base import Optimizer, Updates
from pellucid.nn.optimizers.options import LearningRate, Options

__all__ = ["Adadelta", "Adagrad", "RMSprop"]


class Adagrad(Optimizer):
    r"""Adagrad, which divides by the root of the sum of squared gradients: :math:`s \leftarrow s + g^2`,
    :math:`w \leftarrow w - \eta g / \sqrt{s + \epsilon}`.

    Parameters
    ----------
    learning_rate : float, Expr or function
        :math:`\eta`.
    initial_accumulator_value : float
        Initial value of :math:`s`.
    epsilon : float
        :math:`\epsilon`, added inside the square root, as in Keras.
    **options
        Options of `Optimizer`.

    Examples
    --------
    >>> print(Adagrad(0.5))
    accumulator ← accumulator + g ** 2
    w ← w - 0.5 * g / sqrt(accumulator′ + 1e-07)

    References
    ----------
    J. Duchi, E. Hazan and Y. Singer, Adaptive Subgradient Methods for Online Learning and Stochastic Optimization,
    JMLR 12, 2011.
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.initial_accumulator_value: float = check_number(
            "initial_accumulator_value", initial_accumulator_value, minimum=0.0
        )
        self.epsilon: float = check_number("epsilon", epsilon, minimum=0.0)

    def step(self, parameter: Shared, gradient: Expr, rate: Expr | float) -> Updates:
        accumulator = self.get_slot("accumulator", parameter, fill=self.initial_accumulator_value)
        total = accumulator + square(gradient)
        return {parameter: parameter - rate * gradient / sqrt(total + self.epsilon), accumulator: total}


class Adadelta(Optimizer):
    r"""Adadelta, with steps scaled by running averages of squared gradients and squared steps:
    :math:`s \leftarrow \rho s + (1 - \rho) g^2`, :math:`d = -g \sqrt{u + \epsilon} / \sqrt{s + \epsilon}`,
    :math:`u \leftarrow \rho u + (1 - \rho) d^2`, :math:`w \leftarrow w + \eta d`.

    Parameters
    ----------
    learning_rate : float, Expr or function
        :math:`\eta`; 1 in the paper.
    rho : float
        :math:`\rho`, decay rate of the running averages, in [0, 1).
    epsilon : float
        :math:`\epsilon`.
    **options
        Options of `Optimizer`.

    Examples
    --------
    >>> w = pel.shared(1.0, "w")
    >>> list(Adadelta(1.0).updates(w**2))
    [w, w/accumulated_grad, w/accumulated_delta_var]

    References
    ----------
    M. D. Zeiler, ADADELTA: An Adaptive Learning Rate Method, 2012, arXiv:1212.5701.
    """

    def __init__(
        self, learning_rate: LearningRate = 0.001, rho: float = 0.95, epsilon: float = 1e-7, **options: Unpack[Options]
    ) -> None:
        super().__init__(learning_rate, **options)
        self.rho: float = check_number("rho", rho, minimum=0.0, below=1.0)
        self.epsilon: float = check_number("epsilon", epsilon, minimum=0.0)

    def step(self, parameter: Shared, gradient: Expr, rate: Expr | float) -> Updates:
        s, u = self.get_slot("accumulated_grad", parameter), self.get_slot("accumulated_delta_var", parameter)
        new_s = self.rho * s + (1 - self.rho) * square(gradient)
        d = sqrt(u + self.epsilon) * gradient / sqrt(new_s + self.epsilon)
        return {parameter: parameter - rate * d, s: new_s, u: self.rho * u + (1 - self.rho) * square(d)}


class RMSprop(Optimizer):
    r"""RMSprop, dividing by a running root mean square: :math:`s \leftarrow \rho s + (1 - \rho) g^2`,
    :math:`d = \eta g / \sqrt{s + \epsilon}`, :math:`w \leftarrow w - d`.

    If ``centered``, :math:`a \leftarrow \rho a + (1 - \rho) g`, and the root is of the variance,
    :math:`s - a^2 + \epsilon`. With momentum :math:`\mu`, :math:`v \leftarrow \mu v + d` and
    :math:`w \leftarrow w - v`.

    Parameters
    ----------
    learning_rate : float, Expr or function
        :math:`\eta`.
    rho : float
        :math:`\rho`, decay rate of the running averages, in [0, 1).
    momentum : float
        :math:`\mu`, in [0, 1).
    epsilon : float
        :math:`\epsilon`, added inside the square root, as in Keras.
    centered : bool
        Whether to divide by the standard deviation of the gradient instead of its root mean square.
    **options
        Options of `Optimizer`.

    Examples
    --------
    >>> print(RMSprop(0.5))
    velocity ← 0.9 * velocity + 0.1 * g ** 2
    w ← w - 0.5 * g / sqrt(velocity′ + 1e-07)

    References
    ----------
    T. Tieleman and G. Hinton, Lecture 6.5 of Neural Networks for Machine Learning, Coursera 2012; A. Graves,
    Generating Sequences With Recurrent Neural Networks, 2013, arXiv:1308.0850, for the centered form.
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.rho: float = check_number("rho", rho, minimum=0.0, below=1.0)
        self.momentum: float = check_number("momentum", momentum, minimum=0.0, below=1.0)
        self.epsilon: float = check_number("epsilon", epsilon, minimum=0.0)
        self.centered: bool = bool(centered)

    def step(self, parameter: Shared, gradient: Expr, rate: Expr | float) -> Updates:
        velocity = self.get_slot("velocity", parameter)
        spread = new_velocity = self.rho * velocity + (1 - self.rho) * square(gradient)
        updates: Updates = {velocity: new_velocity}
        if self.centered:
            average = self.get_slot("average_gradient", parameter)
            updates[average] = self.rho * average + (1 - self.rho) * gradient
            spread = new_velocity - square(updates[average])
        move = rate * gradient / sqrt(spread + self.epsilon)
        if self.momentum:
            momentum = self.get_slot("momentum", parameter)
            move = updates[momentum] = self.momentum * momentum + move
        return {parameter: parameter - move, **updates}
