r"""Learning-rate schedules: functions of the step count :math:`s`.

Names and arguments are those of Keras 3, and of Caffe's solver for schedules that Keras lacks. In the formulas
:math:`\eta_0` is ``initial_learning_rate``, :math:`n` is ``decay_steps`` and :math:`\gamma` is ``decay_rate``.
"""

from pellucid.graph.errors import suggest_near_misses
from pellucid.nn.schedules.base import ConstantSchedule, Schedule
from pellucid.nn.schedules.cosine import CosineDecay, CosineDecayRestarts, OneCycle, WarmUp
from pellucid.nn.schedules.decays import (
    ExponentialDecay,
    InverseDecay,
    InverseTimeDecay,
    MultiStepDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
    SigmoidDecay,
    StepDecay,
)

__all__ = [
    "ConstantSchedule",
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

suggest_near_misses(globals(), "pel.schedules")
