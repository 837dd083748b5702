"""Decay schedules: exponential, inverse, polynomial and sigmoid."""

from __future__ import annotations

from typing import Any

from pellucid.graph.expr import Expr
from pellucid.graph.ops.activations import sigmoid
from pellucid.graph.ops.minmax import maximum, minimum
from pellucid.graph.ops.rounding import ceil, floor
from pellucid.graph.validation import check_integer, check_number, check_positive_number
from pellucid.nn.schedules.base import Schedule


class ExponentialDecay(Schedule):
    r"""Exponential decay, :math:`\eta_0 \gamma^{s / n}` (Caffe's ``exp``, with :math:`n = 1`),
    or :math:`\eta_0 \gamma^{\lfloor s / n \rfloor}` as a staircase.

    Parameters
    ----------
    initial_learning_rate : float
        :math:`\eta_0`.
    decay_steps : int
        :math:`n`, number of steps per factor of ``decay_rate``.
    decay_rate : float
        :math:`\gamma`.
    staircase : bool
        Whether to decay at multiples of :math:`n` steps only.

    Raises
    ------
    ValueError
        If a setting is out of range.

    Examples
    --------
    >>> print(ExponentialDecay(0.1, 1000, 0.5))
    0.1 * 0.5 ** (step / 1000)
    """

    def __init__(
        self, initial_learning_rate: float, decay_steps: int, decay_rate: float, staircase: bool = False
    ) -> None:
        self.initial_learning_rate = check_number("initial_learning_rate", initial_learning_rate, minimum=0.0)
        self.decay_steps = check_integer("decay_steps", decay_steps)
        self.decay_rate = check_positive_number("decay_rate", decay_rate)
        self.staircase = bool(staircase)

    def formula(self, step: Expr) -> Any:
        periods = step / self.decay_steps
        return self.initial_learning_rate * self.decay_rate ** (floor(periods) if self.staircase else periods)


class InverseDecay(Schedule):
    r"""Inverse power decay, :math:`\eta_0 (1 + \gamma s)^{-p}` (Caffe's ``inv``).

    Examples
    --------
    >>> print(InverseDecay(0.01, 0.001, 0.75))
    0.01 * (1 + 0.001 * step) ** (-0.75)
    """

    def __init__(self, initial_learning_rate: float, decay_rate: float, power: float = 1.0) -> None:
        self.initial_learning_rate = check_number("initial_learning_rate", initial_learning_rate, minimum=0.0)
        self.decay_rate = check_number("decay_rate", decay_rate, minimum=0.0)
        self.power = check_number("power", power, minimum=0.0)

    def formula(self, step: Expr) -> Any:
        return self.initial_learning_rate * (1 + self.decay_rate * step) ** -self.power


class InverseTimeDecay(Schedule):
    r"""Inverse time decay, :math:`\eta_0 / (1 + \gamma s / n)`; as a staircase,
    :math:`\eta_0 / (1 + \gamma \lfloor s / n \rfloor)`.

    Parameters
    ----------
    initial_learning_rate : float
        :math:`\eta_0`.
    decay_steps : int
        :math:`n`, unit of time in steps.
    decay_rate : float
        :math:`\gamma`.
    staircase : bool
        Whether to decay at multiples of :math:`n` steps only.

    Raises
    ------
    ValueError
        If a setting is out of range.

    Examples
    --------
    >>> print(InverseTimeDecay(0.1, 1000, 0.5))
    0.1 / (1 + 0.5 * (step / 1000))
    """

    def __init__(
        self, initial_learning_rate: float, decay_steps: int, decay_rate: float, staircase: bool = False
    ) -> None:
        self.initial_learning_rate = check_number("initial_learning_rate", initial_learning_rate, minimum=0.0)
        self.decay_steps = check_integer("decay_steps", decay_steps)
        self.decay_rate = check_number("decay_rate", decay_rate, minimum=0.0)
        self.staircase = bool(staircase)

    def formula(self, step: Expr) -> Any:
        time = step / self.decay_steps
        return self.initial_learning_rate / (1 + self.decay_rate * (floor(time) if self.staircase else time))


class PolynomialDecay(Schedule):
    r"""Polynomial decay, :math:`\eta_1 + (\eta_0 - \eta_1) (1 - s / n)^p` up to :math:`s = n`, constant afterwards
    (Caffe's ``poly``, with :math:`\eta_1 = 0`). With ``cycle``, :math:`n` is replaced by its smallest multiple that is
    at least :math:`s`.

    Parameters
    ----------
    initial_learning_rate, end_learning_rate : float
        :math:`\eta_0` and :math:`\eta_1`.
    decay_steps : int
        :math:`n`.
    power : float
        :math:`p`; 1 is linear.
    cycle : bool
        Whether to start again after the end.

    Raises
    ------
    ValueError
        If a setting is out of range.

    Examples
    --------
    >>> PolynomialDecay(1.0, 10, 0.0)([0, 5, 10, 15])
    array([1. , 0.5, 0. , 0. ])
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
    ) -> None:
        self.initial_learning_rate = check_number("initial_learning_rate", initial_learning_rate, minimum=0.0)
        self.decay_steps = check_integer("decay_steps", decay_steps)
        self.end_learning_rate = check_number("end_learning_rate", end_learning_rate, minimum=0.0)
        self.power = check_number("power", power, minimum=0.0)
        self.cycle = bool(cycle)

    def formula(self, step: Expr) -> Any:
        share = step / self.decay_steps
        share = share / maximum(ceil(share), 1) if self.cycle else minimum(share, 1)
        rest = (1 - share) ** self.power
        return (self.initial_learning_rate - self.end_learning_rate) * rest + self.end_learning_rate


class SigmoidDecay(Schedule):
    r"""Sigmoid decay, :math:`\eta_0 \, \sigma(-\gamma (s - c))` (Caffe's ``sigmoid``,
    where :math:`-\gamma` is called gamma).

    Parameters
    ----------
    initial_learning_rate : float
        :math:`\eta_0`.
    center : int
        :math:`c`, the step at which the learning rate is half of :math:`\eta_0`.
    decay_rate : float
        :math:`\gamma`, the steepness.

    Examples
    --------
    >>> print(SigmoidDecay(0.1, 500, 0.01))
    0.1 * sigmoid(0.01 * (500 - step))
    """

    def __init__(self, initial_learning_rate: float, center: int, decay_rate: float) -> None:
        self.initial_learning_rate = check_number("initial_learning_rate", initial_learning_rate, minimum=0.0)
        self.center = check_integer("center", center, minimum=0)
        self.decay_rate = check_number("decay_rate", decay_rate, minimum=0.0)

    def formula(self, step: Expr) -> Any:
        return self.initial_learning_rate * sigmoid(self.decay_rate * (self.center - step))
