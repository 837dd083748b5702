"""Live figures of the course. Each function returns a figure."""

from pellucid.course.figures.backward_pass import backward_pass as backward_pass
from pellucid.course.figures.loss_surface import loss_surface as loss_surface

__all__ = ["backward_pass", "loss_surface"]
