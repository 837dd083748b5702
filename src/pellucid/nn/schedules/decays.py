"""Rates that fall all the time."""

from __future__ import annotations

from typing import Any

from pellucid.graph.expr import Expr
from pellucid.graph.ops.minmax_where import maximum, minimum
from pellucid.graph.ops.rounding import ceil, floor
from pellucid.graph.ops.softmax_sigmoid import sigmoid
from pellucid.nn.schedules.base import Schedule
from pellucid.nn.validation import count, number, positive_number


class ExponentialDecay(Schedule):
    r"""A rate divided by the same in the same time, :math:`\eta_0 \gamma^{s / n}` (Caffe's ``exp``, with
    :math:`n = 1`), or :math:`\eta_0 \gamma^{\lfloor s / n \rfloor}` as a staircase.

    Parameters
    ----------
    initial_learning_rate : float
        :math:`\eta_0`.
    decay_steps : int
        :math:`n`, in how many steps it is multiplied by the decay rate.
    decay_rate : float
        :math:`\gamma`.
    staircase : bool
        Whether it falls every :math:`n` steps only.

    Raises
    ------
    ValueError
        For numbers out of range.

    Examples
    --------
    >>> print(ExponentialDecay(0.1, 1000, 0.5))
    0.1 * 0.5 ** (step / 1000)
    """

    def __init__(
        self, initial_learning_rate: float, decay_steps: int, decay_rate: float, staircase: bool = False
    ) -> None:
        self.initial_learning_rate = number("initial_learning_rate", initial_learning_rate, low=0.0)
        self.decay_steps = count("decay_steps", decay_steps)
        self.decay_rate = positive_number("decay_rate", decay_rate)
        self.staircase = bool(staircase)

    def formula(self, step: Expr) -> Any:
        """Return the rate."""
        periods = step / self.decay_steps
        return self.initial_learning_rate * self.decay_rate ** (floor(periods) if self.staircase else periods)


class InverseDecay(Schedule):
    r"""A rate that falls as a power of time, :math:`\eta_0 (1 + \gamma s)^{-p}` (Caffe's ``inv``).

    Examples
    --------
    >>> print(InverseDecay(0.01, 0.001, 0.75))
    0.01 * (1 + 0.001 * step) ** (-0.75)
    """

    def __init__(self, initial_learning_rate: float, decay_rate: float, power: float = 1.0) -> None:
        self.initial_learning_rate = number("initial_learning_rate", initial_learning_rate, low=0.0)
        self.decay_rate = number("decay_rate", decay_rate, low=0.0)
        self.power = number("power", power, low=0.0)

    def formula(self, step: Expr) -> Any:
        """Return the rate."""
        return self.initial_learning_rate * (1 + self.decay_rate * step) ** -self.power


class InverseTimeDecay(Schedule):
    r"""A rate that falls as one over time, :math:`\eta_0 / (1 + \gamma s / n)`; as a staircase,
    :math:`\eta_0 / (1 + \gamma \lfloor s / n \rfloor)`.

    Parameters
    ----------
    initial_learning_rate : float
        :math:`\eta_0`.
    decay_steps : int
        :math:`n`, the unit of time in steps.
    decay_rate : float
        :math:`\gamma`.
    staircase : bool
        Whether it falls every :math:`n` steps only.

    Raises
    ------
    ValueError
        For numbers out of range.

    Examples
    --------
    >>> print(InverseTimeDecay(0.1, 1000, 0.5))
    0.1 / (1 + 0.5 * (step / 1000))
    """

    def __init__(
        self, initial_learning_rate: float, decay_steps: int, decay_rate: float, staircase: bool = False
    ) -> None:
        self.initial_learning_rate = number("initial_learning_rate", initial_learning_rate, low=0.0)
        self.decay_steps = count("decay_steps", decay_steps)
        self.decay_rate = number("decay_rate", decay_rate, low=0.0)
        self.staircase = bool(staircase)

    def formula(self, step: Expr) -> Any:
        """Return the rate."""
        time = step / self.decay_steps
        return self.initial_learning_rate / (1 + self.decay_rate * (floor(time) if self.staircase else time))


class PolynomialDecay(Schedule):
    r"""A rate that goes to another one, :math:`\eta_1 + (\eta_0 - \eta_1) (1 - s / n)^p` up to :math:`s = n`, and
    stays there (Caffe's ``poly``, with :math:`\eta_1 = 0`). If it cycles, :math:`n` is replaced by its first multiple
    that is not less than :math:`s`.

    Parameters
    ----------
    initial_learning_rate, end_learning_rate : float
        :math:`\eta_0` and :math:`\eta_1`.
    decay_steps : int
        :math:`n`.
    power : float
        :math:`p`; 1 is a straight line.
    cycle : bool
        Whether it rises again after the end.

    Raises
    ------
    ValueError
        For numbers out of range.

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
        self.initial_learning_rate = number("initial_learning_rate", initial_learning_rate, low=0.0)
        self.decay_steps = count("decay_steps", decay_steps)
        self.end_learning_rate = number("end_learning_rate", end_learning_rate, low=0.0)
        self.power = number("power", power, low=0.0)
        self.cycle = bool(cycle)

    def formula(self, step: Expr) -> Any:
        """Return the rate."""
        share = step / self.decay_steps
        share = share / maximum(ceil(share), 1) if self.cycle else minimum(share, 1)
        rest = (1 - share) ** self.power
        return (self.initial_learning_rate - self.end_learning_rate) * rest + self.end_learning_rate


class SigmoidDecay(Schedule):
    r"""A rate that falls from one to 0 around a step, :math:`\eta_0 \, \sigma(-\gamma (s - c))` (Caffe's ``sigmoid``,
    where :math:`-\gamma` is called gamma).

    Parameters
    ----------
    initial_learning_rate : float
        :math:`\eta_0`.
    center : int
        :math:`c`, the step at which it is half of that.
    decay_rate : float
        :math:`\gamma`, how steep it is.

    Examples
    --------
    >>> print(SigmoidDecay(0.1, 500, 0.01))
    0.1 * sigmoid(0.01 * (500 - step))
    """

    def __init__(self, initial_learning_rate: float, center: int, decay_rate: float) -> None:
        self.initial_learning_rate = number("initial_learning_rate", initial_learning_rate, low=0.0)
        self.center = count("center", center, least=0)
        self.decay_rate = number("decay_rate", decay_rate, low=0.0)

    def formula(self, step: Expr) -> Any:
        """Return the rate."""
        return self.initial_learning_rate * sigmoid(self.decay_rate * (self.center - step))
