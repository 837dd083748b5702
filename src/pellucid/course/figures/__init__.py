"""Live figures of the course. Each function returns a figure."""

from pellucid.course.figures.digit_reader import digit_reader as digit_reader
from pellucid.course.figures.filter_editor import filter_editor as filter_editor
from pellucid.course.figures.neuron import neuron as neuron
