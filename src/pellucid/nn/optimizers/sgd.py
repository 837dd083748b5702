"""Steps along the gradient, or along its sign."""

from __future__ import annotations

from typing import Any, Unpack

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr, Shared
from pellucid.graph.ops.signs import sign
from pellucid.nn.optimizers.base import Optimizer, Updates
from pellucid.nn.optimizers.options import Options, Rate
from pellucid.nn.validation import number


class SGD(Optimizer):
    r"""Gradient descent, :math:`w \leftarrow w - \eta g`; with momentum :math:`\mu`,
    :math:`v \leftarrow \mu v - \eta g` and :math:`w \leftarrow w + v`, or after Nesterov
    :math:`w \leftarrow w + \mu v - \eta g` with the new :math:`v`.

    Parameters
    ----------
    learning_rate : float, Expr or function
        :math:`\eta`.
    momentum : float
        :math:`\mu`, from 0 up to but without 1.
    nesterov : bool
        Whether the step looks ahead along the momentum.
    **options
        Those of every `Optimizer`: clipping, weight decay, moving averages, gradient accumulation.

    Raises
    ------
    ValueError
        For numbers out of range, or ``nesterov`` without momentum.

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
        self, learning_rate: Rate = 0.01, momentum: float = 0.0, nesterov: bool = False, **options: Unpack[Options]
    ) -> None:
        super().__init__(learning_rate, **options)
        self.momentum = number("momentum", momentum, low=0.0, below=1.0)
        self.nesterov = bool(nesterov)
        if nesterov and not momentum:
            raise OptionError(
                "nesterov=True looks ahead along the momentum. Received: momentum=0.0; give it one, such as 0.9"
            )

    def step(self, parameter: Shared, gradient: Expr, rate: Any) -> Updates:
        """Return the new parameter, and the new velocity where there is momentum."""
        if not self.momentum:
            return {parameter: parameter - rate * gradient}
        velocity = self.slot("momentum", parameter)
        new = self.momentum * velocity - rate * gradient
        forward = self.momentum * new - rate * gradient if self.nesterov else new
        return {parameter: parameter + forward, velocity: new}


class Lion(Optimizer):
    r"""Steps of one size, by the sign of a mean of gradients:
    :math:`w \leftarrow w - \eta \, \mathrm{sign}(\beta_1 m + (1 - \beta_1) g)`, and then
    :math:`m \leftarrow \beta_2 m + (1 - \beta_2) g`.

    Parameters
    ----------
    learning_rate : float, Expr or function
        :math:`\eta`; a third to a tenth of what Adam is given.
    beta_1, beta_2 : float
        How slowly the mean moves within the step and from step to step, from 0 up to but without 1.
    **options
        Those of every `Optimizer`; the paper's form has ``weight_decay``.

    Raises
    ------
    ValueError
        For numbers out of range.

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
        self, learning_rate: Rate = 0.001, beta_1: float = 0.9, beta_2: float = 0.99, **options: Unpack[Options]
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta_1 = number("beta_1", beta_1, low=0.0, below=1.0)
        self.beta_2 = number("beta_2", beta_2, low=0.0, below=1.0)

    def step(self, parameter: Shared, gradient: Expr, rate: Any) -> Updates:
        """Return the new parameter and the new mean."""
        m = self.slot("m", parameter)
        direction = sign(self.beta_1 * m + (1 - self.beta_1) * gradient)
        return {parameter: parameter - rate * direction, m: self.beta_2 * m + (1 - self.beta_2) * gradient}
