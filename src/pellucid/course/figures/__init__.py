"""Live figures of the course. Each function returns a figure."""

from pellucid.course.figures.filter_editor import filter_editor as filter_editor
from pellucid.course.figures.neuron import neuron as neuron
