"""Piecewise constant schedules."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Sequence
from typing import Any

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.ops.elementwise import cast
from pellucid.graph.ops.rounding import floor
from pellucid.graph.ops.where import where
from pellucid.graph.validation import check_integer, check_number, check_positive_number
from pellucid.nn.schedules.base import Schedule


class StepDecay(Schedule):
    r"""Step decay every :math:`n` steps, :math:`\eta_0 \gamma^{\lfloor s / n \rfloor}` (Caffe's ``step``).

    Examples
    --------
    >>> StepDecay(0.1, 10)([0, 9, 10])
    array([0.1 , 0.1 , 0.01])
    """

    def __init__(self, initial_learning_rate: float, decay_steps: int, decay_rate: float = 0.1) -> None:
        self.initial_learning_rate = check_number("initial_learning_rate", initial_learning_rate, minimum=0.0)
        self.decay_steps = check_integer("decay_steps", decay_steps)
        self.decay_rate = check_positive_number("decay_rate", decay_rate)

    def formula(self, step: Expr) -> Any:
        return self.initial_learning_rate * self.decay_rate ** floor(step / self.decay_steps)


class MultiStepDecay(Schedule):
    r"""Decay at given steps, :math:`\eta_0 \gamma^k` after the :math:`k`-th boundary (Caffe's ``multistep``).

    Examples
    --------
    >>> MultiStepDecay(1.0, [10, 15])([9, 10, 14, 15])
    array([1.  , 0.1 , 0.1 , 0.01])
    """

    def __init__(self, initial_learning_rate: float, boundaries: Sequence[int], decay_rate: float = 0.1) -> None:
        self.initial_learning_rate = check_number("initial_learning_rate", initial_learning_rate, minimum=0.0)
        self.boundaries = validate_boundaries("boundaries", boundaries)
        self.decay_rate = check_positive_number("decay_rate", decay_rate)

    def formula(self, step: Expr) -> Any:
        reached = functools.reduce(operator.add, [cast(step >= b, dtype=step.dtype) for b in self.boundaries])
        return self.initial_learning_rate * self.decay_rate**reached


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
        self.boundaries = validate_boundaries("boundaries", boundaries)
        self.values = [check_number("a value", value, minimum=0.0) for value in values]
        if len(self.values) != len(self.boundaries) + 1:
            raise OptionError(
                f"Expected one more value than boundaries. Received: {len(self.values)} values and "
                f"{len(self.boundaries)} boundaries"
            )

    def formula(self, step: Expr) -> Any:
        rate: Any = self.values[-1]
        for boundary, value in zip(self.boundaries[::-1], self.values[-2::-1], strict=True):
            rate = where(step <= boundary, as_expr(value, step.dtype), rate)
        return rate


def validate_boundaries(name: str, values: Sequence[Any]) -> list[int]:
    found = [check_integer(f"each of {name}", value, minimum=0) for value in values]
    if not found or any(a >= b for a, b in itertools.pairwise(found)):
        raise OptionError(f"Expected {name} to be one or more increasing integers. Received: {name}={list(values)}")
    return found
