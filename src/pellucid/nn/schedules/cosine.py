"""Warm-up, cosine decay, warm restarts and the one-cycle policy."""

from __future__ import annotations

import math
from collections.abc import Callable

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.ops.elementwise import maximum, minimum
from pellucid.graph.ops.exponentials import log
from pellucid.graph.ops.rounding import floor
from pellucid.graph.ops.trigonometry import cos
from pellucid.graph.ops.where import where
from pellucid.graph.validation import check_integer, check_number, check_positive_number
from pellucid.nn.schedules.base import ConstantSchedule, Schedule


class WarmUp(Schedule):
    r"""Linear warm-up, then another schedule: :math:`\eta_0 + (\eta(0) - \eta_0) s / k` for :math:`s < k` and
    :math:`\eta(s - k)` afterwards.

    Parameters
    ----------
    schedule : float or function
        :math:`\eta`, the schedule after the warm-up: a learning rate or a function of the step.
    warmup_steps : int
        :math:`k`.
    initial_learning_rate : float
        :math:`\eta_0`.

    Examples
    --------
    >>> WarmUp(0.1, 5)([0, 1, 5, 100])
    array([0.  , 0.02, 0.1 , 0.1 ])

    References
    ----------
    P. Goyal et al., Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour, 2017, arXiv:1706.02677.
    """

    def __init__(
        self, schedule: float | Callable[[Expr], Expr | float], warmup_steps: int, initial_learning_rate: float = 0.0
    ) -> None:
        self.schedule = schedule if callable(schedule) else check_number("schedule", schedule, minimum=0.0)
        self.warmup_steps: int = check_integer("warmup_steps", warmup_steps, minimum=0)
        self.initial_learning_rate: float = check_number("initial_learning_rate", initial_learning_rate, minimum=0.0)

    def formula(self, step: Expr) -> Expr | float:
        after: Callable[[Expr], Expr | float] = (
            self.schedule if callable(self.schedule) else ConstantSchedule(self.schedule)
        )
        if not self.warmup_steps:
            return after(step)
        first, start = after(as_expr(0.0, step.dtype)), self.initial_learning_rate
        line = start + (first - start) * (step / self.warmup_steps)
        result: Expr | float = where(step < self.warmup_steps, line, after(maximum(step - self.warmup_steps, 0)))
        return result


class CosineDecay(Schedule):
    r"""Cosine decay, :math:`\eta_0 ((1 - \alpha) (1 + \cos(\pi s / n)) / 2 + \alpha)` up to :math:`s = n`, constant
    afterwards. With a warm-up, the learning rate first rises linearly from :math:`\eta_0` to ``warmup_target``, and
    decays from there.

    Parameters
    ----------
    initial_learning_rate : float
        :math:`\eta_0`.
    decay_steps : int
        :math:`n`, without the warm-up.
    alpha : float
        :math:`\alpha`, final learning rate as a fraction of the maximum.
    warmup_target : float, optional
        Learning rate at the end of the warm-up.
    warmup_steps : int
        Number of warm-up steps.

    Raises
    ------
    ValueError
        If a setting is out of range, or ``warmup_steps`` is set without ``warmup_target``.

    Examples
    --------
    >>> CosineDecay(0.0, 10, warmup_target=1.0, warmup_steps=2)([0, 1, 2, 7, 12])
    array([0. , 0.5, 1. , 0.5, 0. ])

    References
    ----------
    I. Loshchilov and F. Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, ICLR 2017.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        self.initial_learning_rate: float = check_number("initial_learning_rate", initial_learning_rate, minimum=0.0)
        self.decay_steps: int = check_integer("decay_steps", decay_steps)
        self.alpha: float = check_number("alpha", alpha, minimum=0.0)
        self.warmup_target: float | None = (
            None if warmup_target is None else check_number("warmup_target", warmup_target, minimum=0.0)
        )
        self.warmup_steps: int = check_integer("warmup_steps", warmup_steps, minimum=0)
        if self.warmup_steps and warmup_target is None:
            raise OptionError(
                f"Expected a warmup_target with warmup_steps. Received: warmup_steps={warmup_steps}, warmup_target=None"
            )

    def formula(self, step: Expr) -> Expr | float:
        if self.warmup_target is None:
            top = self.initial_learning_rate
            return interpolate_cosine(top, self.alpha * top, minimum(step / self.decay_steps, 1))
        wave = CosineDecay(self.warmup_target, self.decay_steps, self.alpha)
        return WarmUp(wave, self.warmup_steps, self.initial_learning_rate).formula(step)


class CosineDecayRestarts(Schedule):
    r"""Cosine decay with warm restarts:
    :math:`\eta_0 ((1 - \alpha) M^i (1 + \cos \pi x) / 2 + \alpha)`, where :math:`i` periods of
    lengths :math:`n, n T, n T^2, \dots` are over and :math:`x` is the elapsed fraction of the current one.

    Parameters
    ----------
    initial_learning_rate : float
        :math:`\eta_0`.
    first_decay_steps : int
        :math:`n`.
    t_mul, m_mul : float
        Growth factors of the period, :math:`T \ge 1`, and of the maximum, :math:`M`.
    alpha : float
        :math:`\alpha`, minimum learning rate as a fraction of the first.

    Examples
    --------
    >>> CosineDecayRestarts(1.0, 10)([0, 5, 10, 20])
    array([1. , 0.5, 1. , 0.5])

    References
    ----------
    I. Loshchilov and F. Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, ICLR 2017.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
    ) -> None:
        self.initial_learning_rate: float = check_number("initial_learning_rate", initial_learning_rate, minimum=0.0)
        self.first_decay_steps: int = check_integer("first_decay_steps", first_decay_steps)
        self.t_mul: float = check_number("t_mul", t_mul, minimum=1.0)
        self.m_mul: float = check_positive_number("m_mul", m_mul)
        self.alpha: float = check_number("alpha", alpha, minimum=0.0)

    def formula(self, step: Expr) -> Expr | float:
        waves = step / self.first_decay_steps
        if self.t_mul == 1:
            over = floor(waves)
            share = waves - over
        else:
            over = floor(log(1 + waves * (self.t_mul - 1)) / math.log(self.t_mul))
            share = (waves - (self.t_mul**over - 1) / (self.t_mul - 1)) / self.t_mul**over
        height = self.m_mul**over if self.m_mul != 1 else 1
        wave = (0.5 * height) * (1 + cos(math.pi * share))
        result: Expr | float = self.initial_learning_rate * ((1 - self.alpha) * wave + self.alpha)
        return result


class OneCycle(Schedule):
    r"""One-cycle policy: rises from :math:`\eta_1 / d` to the maximum :math:`\eta_1`, then falls to
    :math:`\eta_1 / (d f)`, both along a cosine.

    Parameters
    ----------
    max_learning_rate : float
        :math:`\eta_1`.
    total_steps : int
        Total number of steps. The learning rate is constant afterwards.
    warmup_fraction : float
        Fraction of the steps in which the learning rate rises, in (0, 1).
    div_factor, final_div_factor : float
        :math:`d` and :math:`f`.

    Examples
    --------
    >>> OneCycle(1.0, 11, warmup_fraction=0.5)([0, 4.5, 10])
    array([4.e-02, 1.e+00, 4.e-06])

    References
    ----------
    L. N. Smith and N. Topin, Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates, 2018,
    arXiv:1708.07120; with the arguments of PyTorch's ``OneCycleLR``.
    """

    def __init__(
        self,
        max_learning_rate: float,
        total_steps: int,
        warmup_fraction: float = 0.3,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
    ) -> None:
        self.max_learning_rate: float = check_number("max_learning_rate", max_learning_rate, minimum=0.0)
        self.total_steps: int = check_integer("total_steps", total_steps, minimum=2)
        self.warmup_fraction: float = check_number("warmup_fraction", warmup_fraction, minimum=0.0, below=1.0)
        self.div_factor: float = check_positive_number("div_factor", div_factor)
        self.final_div_factor: float = check_positive_number("final_div_factor", final_div_factor)
        if self.warmup_fraction * self.total_steps <= 1:
            raise OptionError(
                "Expected the warm-up to last more than one step. "
                f"Received: warmup_fraction={warmup_fraction} of total_steps={total_steps}"
            )

    def formula(self, step: Expr) -> Expr | float:
        top, first = self.max_learning_rate, self.max_learning_rate / self.div_factor
        peak, end = self.warmup_fraction * self.total_steps - 1, self.total_steps - 1
        rise = interpolate_cosine(first, top, step / peak)
        fall = interpolate_cosine(top, first / self.final_div_factor, minimum((step - peak) / (end - peak), 1))
        result: Expr | float = where(step <= peak, rise, fall)
        return result


def interpolate_cosine(start: float, end: float, fraction: Expr) -> Expr:
    """Return values between two numbers that follow half a cosine wave."""
    result: Expr = end + (start - end) * (0.5 * (1 + cos(math.pi * fraction)))
    return result
