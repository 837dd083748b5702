"""Steps scaled for each element by what its gradients were, without a mean of the gradients themselves."""

from __future__ import annotations

from typing import Any, Unpack

from pellucid.graph.expr import Expr, Shared
from pellucid.graph.ops.elementwise import sqrt, square
from pellucid.nn.optimizers.base import Optimizer, Updates
from pellucid.nn.optimizers.options import Options, Rate
from pellucid.nn.validation import number


class Adagrad(Optimizer):
    r"""Steps that shrink with all gradients so far: :math:`s \leftarrow s + g^2`,
    :math:`w \leftarrow w - \eta g / \sqrt{s + \epsilon}`.

    Parameters
    ----------
    learning_rate : float, Expr or function
        :math:`\eta`.
    initial_accumulator_value : float
        What :math:`s` is at first.
    epsilon : float
        :math:`\epsilon`, added under the root, as Keras has it.
    **options
        Those of every `Optimizer`.

    Raises
    ------
    ValueError
        For numbers out of range.

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
        learning_rate: Rate = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.initial_accumulator_value = number("initial_accumulator_value", initial_accumulator_value, low=0.0)
        self.epsilon = number("epsilon", epsilon, low=0.0)

    def step(self, parameter: Shared, gradient: Expr, rate: Any) -> Updates:
        """Return the new parameter and the new sum of squares."""
        accumulator = self.slot("accumulator", parameter, fill=self.initial_accumulator_value)
        total = accumulator + square(gradient)
        return {parameter: parameter - rate * gradient / sqrt(total + self.epsilon), accumulator: total}


class Adadelta(Optimizer):
    r"""Steps as long as earlier ones, for a gradient as large as earlier ones:
    :math:`s \leftarrow \rho s + (1 - \rho) g^2`, :math:`d = -g \sqrt{u + \epsilon} / \sqrt{s + \epsilon}`,
    :math:`u \leftarrow \rho u + (1 - \rho) d^2`, :math:`w \leftarrow w + \eta d`.

    Parameters
    ----------
    learning_rate : float, Expr or function
        :math:`\eta`; the paper has 1.
    rho : float
        :math:`\rho`, how slowly the means of squares move, from 0 up to but without 1.
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
    >>> list(Adadelta(1.0).updates(w**2))
    [w, w/accumulated_grad, w/accumulated_delta_var]

    References
    ----------
    M. D. Zeiler, ADADELTA: An Adaptive Learning Rate Method, 2012, arXiv:1212.5701.
    """

    def __init__(
        self, learning_rate: Rate = 0.001, rho: float = 0.95, epsilon: float = 1e-7, **options: Unpack[Options]
    ) -> None:
        super().__init__(learning_rate, **options)
        self.rho = number("rho", rho, low=0.0, below=1.0)
        self.epsilon = number("epsilon", epsilon, low=0.0)

    def step(self, parameter: Shared, gradient: Expr, rate: Any) -> Updates:
        """Return the new parameter and the new means of squares, of gradients and of steps."""
        s, u = self.slot("accumulated_grad", parameter), self.slot("accumulated_delta_var", parameter)
        new_s = self.rho * s + (1 - self.rho) * square(gradient)
        d = sqrt(u + self.epsilon) * gradient / sqrt(new_s + self.epsilon)
        return {parameter: parameter - rate * d, s: new_s, u: self.rho * u + (1 - self.rho) * square(d)}


class RMSprop(Optimizer):
    r"""Steps divided by the size of recent gradients: :math:`s \leftarrow \rho s + (1 - \rho) g^2`,
    :math:`d = \eta g / \sqrt{s + \epsilon}`, :math:`w \leftarrow w - d`.

    If it is ``centered``, :math:`a \leftarrow \rho a + (1 - \rho) g` and the root is of :math:`s - a^2 + \epsilon`, the
    variance. With momentum :math:`\mu`, :math:`v \leftarrow \mu v + d` and :math:`w \leftarrow w - v`.

    Parameters
    ----------
    learning_rate : float, Expr or function
        :math:`\eta`.
    rho : float
        :math:`\rho`, how slowly the means move, from 0 up to but without 1.
    momentum : float
        :math:`\mu`, from 0 up to but without 1.
    epsilon : float
        :math:`\epsilon`, added under the root, as Keras has it.
    centered : bool
        Whether the mean gradient is taken off.
    **options
        Those of every `Optimizer`.

    Raises
    ------
    ValueError
        For numbers out of range.

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
        learning_rate: Rate = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.rho = number("rho", rho, low=0.0, below=1.0)
        self.momentum = number("momentum", momentum, low=0.0, below=1.0)
        self.epsilon = number("epsilon", epsilon, low=0.0)
        self.centered = bool(centered)

    def step(self, parameter: Shared, gradient: Expr, rate: Any) -> Updates:
        """Return the new parameter, the new mean of squares, and what centering and momentum remember."""
        velocity = self.slot("velocity", parameter)
        spread = new_velocity = self.rho * velocity + (1 - self.rho) * square(gradient)
        updates: Updates = {velocity: new_velocity}
        if self.centered:
            average = self.slot("average_gradient", parameter)
            updates[average] = self.rho * average + (1 - self.rho) * gradient
            spread = new_velocity - square(updates[average])
        move = rate * gradient / sqrt(spread + self.epsilon)
        if self.momentum:
            momentum = self.slot("momentum", parameter)
            move = updates[momentum] = self.momentum * momentum + move
        return {parameter: parameter - move, **updates}
