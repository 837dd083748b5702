"""Decay schedules: exponential, inverse, polynomial, sigmoid and piecewise constant."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Sequence

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.ops.activations import sigmoid
from pellucid.graph.ops.elementwise import cast, maximum, minimum
from pellucid.graph.ops.rounding import ceil, floor
from pellucid.graph.ops.where import where
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

    Examples
    --------
    >>> print(ExponentialDecay(0.1, 1000, 0.5))
    0.1 * 0.5 ** (step / 1000)
    """

    def __init__(
        self, initial_learning_rate: float, decay_steps: int, decay_rate: float, staircase: bool = False
    ) -> None:
        self.initial_learning_rate: float = check_number("initial_learning_rate", initial_learning_rate, minimum=0.0)
        self.decay_steps: int = check_integer("decay_steps", decay_steps)
        self.decay_rate: float = check_positive_number("decay_rate", decay_rate)
        self.staircase: bool = bool(staircase)

    def formula(self, step: Expr) -> Expr | float:
        periods = step / self.decay_steps
        return self.initial_learning_rate * self.decay_rate ** (floor(periods) if self.staircase else periods)


class InverseDecay(Schedule):
    r"""Inverse power decay, :math:`\eta_0 (1 + \gamma s)^{-p}` (Caffe's ``inv``).

    Parameters
    ----------
    initial_learning_rate : float
        :math:`\eta_0`.
    decay_rate : float
        :math:`\gamma`, per step.
    power : float
        :math:`p`.

    Examples
    --------
    >>> print(InverseDecay(0.01, 0.001, 0.75))
    0.01 * (1 + 0.001 * step) ** (-0.75)
    """

    def __init__(self, initial_learning_rate: float, decay_rate: float, power: float = 1.0) -> None:
        self.initial_learning_rate: float = check_number("initial_learning_rate", initial_learning_rate, minimum=0.0)
        self.decay_rate: float = check_number("decay_rate", decay_rate, minimum=0.0)
        self.power: float = check_number("power", power, minimum=0.0)

    def formula(self, step: Expr) -> Expr | float:
        return self.initial_learning_rate * (1 + self.decay_rate * step) ** -self.power


class InverseTimeDecay(Schedule):
    r"""Inverse time decay, :math:`\eta_0 / (1 + \gamma s / n)`; as a staircase,
    :math:`\eta_0 / (1 + \gamma \lfloor s / n \rfloor)`.

    Parameters
    ----------
    initial_learning_rate, decay_steps, decay_rate, staircase
        See `ExponentialDecay`; :math:`n` is the unit of time in steps.

    Examples
    --------
    >>> print(InverseTimeDecay(0.1, 1000, 0.5))
    0.1 / (1 + 0.5 * (step / 1000))
    """

    def __init__(
        self, initial_learning_rate: float, decay_steps: int, decay_rate: float, staircase: bool = False
    ) -> None:
        self.initial_learning_rate: float = check_number("initial_learning_rate", initial_learning_rate, minimum=0.0)
        self.decay_steps: int = check_integer("decay_steps", decay_steps)
        self.decay_rate: float = check_number("decay_rate", decay_rate, minimum=0.0)
        self.staircase: bool = bool(staircase)

    def formula(self, step: Expr) -> Expr | float:
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
        self.initial_learning_rate: float = check_number("initial_learning_rate", initial_learning_rate, minimum=0.0)
        self.decay_steps: int = check_integer("decay_steps", decay_steps)
        self.end_learning_rate: float = check_number("end_learning_rate", end_learning_rate, minimum=0.0)
        self.power: float = check_number("power", power, minimum=0.0)
        self.cycle: bool = bool(cycle)

    def formula(self, step: Expr) -> Expr | float:
        share = step / self.decay_steps
        share = share / maximum(ceil(share), 1) if self.cycle else minimum(share, 1)
        rest = (1 - share) ** self.power
        result: Expr | float = (self.initial_learning_rate - self.end_learning_rate) * rest + self.end_learning_rate
        return result


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
        self.initial_learning_rate: float = check_number("initial_learning_rate", initial_learning_rate, minimum=0.0)
        self.center: int = check_integer("center", center, minimum=0)
        self.decay_rate: float = check_number("decay_rate", decay_rate, minimum=0.0)

    def formula(self, step: Expr) -> Expr | float:
        result: Expr | float = self.initial_learning_rate * sigmoid(self.decay_rate * (self.center - step))
        return result


class StepDecay(Schedule):
    r"""Step decay every :math:`n` steps, :math:`\eta_0 \gamma^{\lfloor s / n \rfloor}` (Caffe's ``step``).

    Parameters
    ----------
    initial_learning_rate : float
        :math:`\eta_0`.
    decay_steps : int
        :math:`n`.
    decay_rate : float
        :math:`\gamma`.

    Examples
    --------
    >>> StepDecay(0.1, 10)([0, 9, 10])
    array([0.1 , 0.1 , 0.01])
    """

    def __init__(self, initial_learning_rate: float, decay_steps: int, decay_rate: float = 0.1) -> None:
        self.initial_learning_rate: float = check_number("initial_learning_rate", initial_learning_rate, minimum=0.0)
        self.decay_steps: int = check_integer("decay_steps", decay_steps)
        self.decay_rate: float = check_positive_number("decay_rate", decay_rate)

    def formula(self, step: Expr) -> Expr | float:
        result: Expr | float = self.initial_learning_rate * self.decay_rate ** floor(step / self.decay_steps)
        return result


class MultiStepDecay(Schedule):
    r"""Decay at given steps, :math:`\eta_0 \gamma^k` after the :math:`k`-th boundary (Caffe's ``multistep``).

    Parameters
    ----------
    initial_learning_rate : float
        :math:`\eta_0`.
    boundaries : sequence of int
        First step of each new learning rate, in increasing order.
    decay_rate : float
        :math:`\gamma`.

    Examples
    --------
    >>> MultiStepDecay(1.0, [10, 15])([9, 10, 14, 15])
    array([1.  , 0.1 , 0.1 , 0.01])
    """

    def __init__(self, initial_learning_rate: float, boundaries: Sequence[int], decay_rate: float = 0.1) -> None:
        self.initial_learning_rate: float = check_number("initial_learning_rate", initial_learning_rate, minimum=0.0)
        self.boundaries: list[int] = validate_boundaries("boundaries", boundaries)
        self.decay_rate: float = check_positive_number("decay_rate", decay_rate)

    def formula(self, step: Expr) -> Expr | float:
        reached = functools.reduce(operator.add, [cast(step >= b, dtype=step.dtype) for b in self.boundaries])
        result: Expr | float = self.initial_learning_rate * self.decay_rate**reached
        return result


class PiecewiseConstantDecay(Schedule):
    r"""Piecewise constant, :math:`\eta_k` where :math:`k` boundaries are less than :math:`s`.

    Parameters
    ----------
    boundaries : sequence of int
        Last step of each learning rate except the last one, in increasing order.
    values : sequence of float
        Learning rates, one more than boundaries.

    Raises
    ------
    ValueError
        If the numbers of values and boundaries do not match, or the boundaries do not increase.

    Examples
    --------
    >>> PiecewiseConstantDecay([10, 15], [1.0, 0.5, 0.1])([10, 11, 15, 16])
    array([1. , 0.5, 0.5, 0.1])
    >>> print(PiecewiseConstantDecay([10], [1.0, 0.5]))
    where(step <= 10, 1, 0.5)
    """

    def __init__(self, boundaries: Sequence[int], values: Sequence[float]) -> None:
        self.boundaries: list[int] = validate_boundaries("boundaries", boundaries)
        self.values: list[float] = [check_number(f"values[{i}]", value, minimum=0.0) for i, value in enumerate(values)]
        if len(self.values) != len(self.boundaries) + 1:
            raise OptionError(
                f"Expected one more value than boundaries. Received: {len(self.values)} values and "
                f"{len(self.boundaries)} boundaries"
            )

    def formula(self, step: Expr) -> Expr | float:
        rate: Expr | float = self.values[-1]
        for boundary, value in zip(self.boundaries[::-1], self.values[-2::-1], strict=True):
            rate = where(step <= boundary, as_expr(value, step.dtype), rate)
        return rate


def validate_boundaries(name: str, values: Sequence[int]) -> list[int]:
    found = [check_integer(f"{name}[{i}]", value, minimum=0) for i, value in enumerate(values)]
    if not found or any(a >= b for a, b in itertools.pairwise(found)):
        raise OptionError(f"Expected {name} to be one or more increasing integers. Received: {name}={list(values)}")
    return found
