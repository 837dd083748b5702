"""Rates that fall at some steps and stay in between."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Sequence
from typing import Any

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.ops.elementwise import cast
from pellucid.graph.ops.minmax_where import where
from pellucid.graph.ops.rounding import floor
from pellucid.nn.schedules.base import Schedule
from pellucid.nn.validation import count, number, positive_number


class StepDecay(Schedule):
    r"""A rate that falls every :math:`n` steps, :math:`\eta_0 \gamma^{\lfloor s / n \rfloor}` (Caffe's ``step``).

    Examples
    --------
    >>> StepDecay(0.1, 10)([0, 9, 10])
    array([0.1 , 0.1 , 0.01])
    """

    def __init__(self, initial_learning_rate: float, decay_steps: int, decay_rate: float = 0.1) -> None:
        self.initial_learning_rate = number("initial_learning_rate", initial_learning_rate, low=0.0)
        self.decay_steps = count("decay_steps", decay_steps)
        self.decay_rate = positive_number("decay_rate", decay_rate)

    def formula(self, step: Expr) -> Any:
        """Return the rate."""
        return self.initial_learning_rate * self.decay_rate ** floor(step / self.decay_steps)


class MultiStepDecay(Schedule):
    r"""A rate that falls at given steps, :math:`\eta_0 \gamma^k`, where :math:`k` of them have been reached (Caffe's
    ``multistep``).

    Examples
    --------
    >>> MultiStepDecay(1.0, [10, 15])([9, 10, 14, 15])
    array([1.  , 0.1 , 0.1 , 0.01])
    """

    def __init__(self, initial_learning_rate: float, boundaries: Sequence[int], decay_rate: float = 0.1) -> None:
        self.initial_learning_rate = number("initial_learning_rate", initial_learning_rate, low=0.0)
        self.boundaries = rising("boundaries", boundaries)
        self.decay_rate = positive_number("decay_rate", decay_rate)

    def formula(self, step: Expr) -> Any:
        """Return the rate."""
        reached = functools.reduce(operator.add, [cast(step >= b, dtype=step.dtype) for b in self.boundaries])
        return self.initial_learning_rate * self.decay_rate**reached


class PiecewiseConstantDecay(Schedule):
    r"""One rate after another, :math:`\eta_k` where :math:`k` of the boundaries are less than :math:`s`.

    Parameters
    ----------
    boundaries : sequence of int
        The last step with each rate but the last one, rising.
    values : sequence of float
        The rates, one more than there are boundaries.

    Raises
    ------
    ValueError
        If there are not as many as that, or they do not rise.

    Examples
    --------
    >>> PiecewiseConstantDecay([10, 15], [1.0, 0.5, 0.1])([10, 11, 15, 16])
    array([1. , 0.5, 0.5, 0.1])
    >>> print(PiecewiseConstantDecay([10], [1.0, 0.5]))
    where(step <= 10, 1, 0.5)
    """

    def __init__(self, boundaries: Sequence[int], values: Sequence[float]) -> None:
        self.boundaries = rising("boundaries", boundaries)
        self.values = [number("a value", value, low=0.0) for value in values]
        if len(self.values) != len(self.boundaries) + 1:
            raise OptionError(
                f"Expected one value more than boundaries. Received: {len(self.values)} values and "
                f"{len(self.boundaries)} boundaries"
            )

    def formula(self, step: Expr) -> Any:
        """Return the rate."""
        rate: Any = self.values[-1]
        for boundary, value in zip(self.boundaries[::-1], self.values[-2::-1], strict=True):
            rate = where(step <= boundary, as_expr(value, step.dtype), rate)
        return rate


def rising(name: str, values: Sequence[Any]) -> list[int]:
    """Return whole numbers that rise, or say that they must."""
    found = [count(f"each of {name}", value, least=0) for value in values]
    if not found or any(a >= b for a, b in itertools.pairwise(found)):
        raise OptionError(f"Expected {name} to be one or more integers that rise. Received: {name}={list(values)}")
    return found
