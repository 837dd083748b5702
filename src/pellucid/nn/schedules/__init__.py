r"""Learning-rate schedules: functions from the number of steps made so far, :math:`s`, to a rate.

Keras 3 has the names and arguments of most of them; those of Caffe's solver stand beside. Everywhere, :math:`\eta_0` is
``initial_learning_rate``, :math:`n` is ``decay_steps`` and :math:`\gamma` is ``decay_rate``.
"""

from pellucid.graph.errors import tell_near_misses
from pellucid.nn.schedules.base import Constant, Schedule
from pellucid.nn.schedules.cosine import CosineDecay, CosineDecayRestarts, OneCycle, WarmUp
from pellucid.nn.schedules.decays import (
    ExponentialDecay,
    InverseDecay,
    InverseTimeDecay,
    PolynomialDecay,
    SigmoidDecay,
)
from pellucid.nn.schedules.piecewise import MultiStepDecay, PiecewiseConstantDecay, StepDecay

__all__ = [
    "Constant",
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseDecay",
    "InverseTimeDecay",
    "MultiStepDecay",
    "OneCycle",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "Schedule",
    "SigmoidDecay",
    "StepDecay",
    "WarmUp",
]

tell_near_misses(globals(), "pel.schedules")
