"""Live figures of the course. Each function returns a figure."""

from pellucid.course.figures.backward_pass import backward_pass as backward_pass
from pellucid.course.figures.customer_lab import customer_lab as customer_lab
from pellucid.course.figures.digit_reader import digit_reader as digit_reader
from pellucid.course.figures.filter_editor import filter_editor as filter_editor
from pellucid.course.figures.loss_surface import loss_surface as loss_surface
from pellucid.course.figures.neuron import neuron as neuron
from pellucid.course.figures.overflow import overflow as overflow
from pellucid.course.figures.regularization_sweep import regularization_sweep as regularization_sweep
from pellucid.course.figures.rewriting import rewriting as rewriting

__all__ = [
    "backward_pass",
    "customer_lab",
    "digit_reader",
    "filter_editor",
    "loss_surface",
    "neuron",
    "overflow",
    "regularization_sweep",
    "rewriting",
]
