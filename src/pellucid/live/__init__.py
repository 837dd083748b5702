"""Live figures: training loops that run inside web pages and notebooks."""

from pellucid.live import examples
from pellucid.live.controls import choice, seed, slider
from pellucid.live.interactive_figure import Figure, vary
from pellucid.live.views import (
    Step,
    Units,
    choice_map,
    convolution,
    decision_boundary,
    feature_inputs,
    heat_map,
    image,
    loss_curve,
    loss_surface,
    network,
    neuron,
    numbers,
    rewriting,
    sequence,
    value_curves,
    walkthrough,
)

__all__ = [
    "Figure",
    "Step",
    "Units",
    "choice",
    "choice_map",
    "convolution",
    "decision_boundary",
    "examples",
    "feature_inputs",
    "heat_map",
    "image",
    "loss_curve",
    "loss_surface",
    "network",
    "neuron",
    "numbers",
    "rewriting",
    "seed",
    "sequence",
    "slider",
    "value_curves",
    "vary",
    "walkthrough",
]
