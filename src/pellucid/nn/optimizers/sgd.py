"""Stochastic gradient descent (SGD) and sign-based descent (Lion)."""

from __future__ import annotations

from typing import Unpack

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr, Shared
from pellucid.graph.ops.signs import sign
from pellucid.graph.validation import check_number
from pellucid.nn.optimizers.base import Optimizer, Updates
from pellucid.nn.optimizers.options import LearningRate, Options

__all__ = ["SGD", "Lion"]


class SGD(Optimizer):
    r"""Stochastic gradient descent, :math:`w \leftarrow w - \eta g`; with momentum :math:`\mu`,
    :math:`v \leftarrow \mu v - \eta g` and :math:`w \leftarrow w + v`; with Nesterov momentum
    :math:`w \leftarrow w + \mu v - \eta g`, where :math:`v` is the new one.

    Parameters
    ----------
    learning_rate : float, Expr or function
        :math:`\eta`.
    momentum : float
        :math:`\mu`, in [0, 1).
    nesterov : bool
        Whether to use Nesterov momentum.
    **options
        Options of `Optimizer`: clipping, weight decay, moving averages, gradient accumulation.

    Raises
    ------
    ValueError
        If a setting is out of range, or ``nesterov`` is set without momentum.

    Examples
    --------
    >>> w = pel.shared(1.0, "w")
    >>> step = pel.function([], updates=SGD(0.1).updates(w**2))
    >>> step()
    >>> print(w.get_value())
    0.8
    >>> print(SGD(0.1, momentum=0.9))
    momentum ← 0.9 * momentum - 0.1 * g
    w ← w + momentum′

    References
    ----------
    I. Sutskever, J. Martens, G. Dahl and G. Hinton, On the importance of initialization and momentum in deep learning,
    ICML 2013.
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.momentum: float = check_number("momentum", momentum, minimum=0.0, below=1.0)
        self.nesterov: bool = bool(nesterov)
        if nesterov and not momentum:
            raise OptionError("nesterov=True needs momentum. Received: momentum=0.0. Set it to a value such as 0.9")

    def step(self, parameter: Shared, gradient: Expr, rate: Expr | float) -> Updates:
        if not self.momentum:
            return {parameter: parameter - rate * gradient}
        velocity = self.get_slot("momentum", parameter)
        new = self.momentum * velocity - rate * gradient
        forward = self.momentum * new - rate * gradient if self.nesterov else new
        return {parameter: parameter + forward, velocity: new}


class Lion(Optimizer):
    r"""Lion, with steps along the sign of the momentum:
    :math:`w \leftarrow w - \eta \, \mathrm{sign}(\beta_1 m + (1 - \beta_1) g)`, and then
    :math:`m \leftarrow \beta_2 m + (1 - \beta_2) g`.

    Parameters
    ----------
    learning_rate : float, Expr or function
        :math:`\eta`. Use a third to a tenth of the rate for Adam.
    beta_1, beta_2 : float
        Interpolation weight within the step and decay rate of the momentum, in [0, 1).
    **options
        Options of `Optimizer`. The paper uses ``weight_decay``.

    Raises
    ------
    ValueError
        If a setting is out of range.

    Examples
    --------
    >>> print(Lion(0.1))
    m ← 0.99 * m + 0.01 * g
    w ← w - 0.1 * sign(0.9 * m + 0.1 * g)

    References
    ----------
    X. Chen et al., Symbolic Discovery of Optimization Algorithms, NeurIPS 2023.
    """

    def __init__(
        self, learning_rate: LearningRate = 0.001, beta_1: float = 0.9, beta_2: float = 0.99, **options: Unpack[Options]
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta_1: float = check_number("beta_1", beta_1, minimum=0.0, below=1.0)
        self.beta_2: float = check_number("beta_2", beta_2, minimum=0.0, below=1.0)

    def step(self, parameter: Shared, gradient: Expr, rate: Expr | float) -> Updates:
        m = self.get_slot("m", parameter)
        direction = sign(self.beta_1 * m + (1 - self.beta_1) * gradient)
        return {parameter: parameter - rate * direction, m: self.beta_2 * m + (1 - self.beta_2) * gradient}
