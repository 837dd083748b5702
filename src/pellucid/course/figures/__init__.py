"""Live figures of the course. Each function returns a figure."""

from pellucid.course.figures.loss_surface import loss_surface as loss_surface

__all__ = ["loss_surface"]
