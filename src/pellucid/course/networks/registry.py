"""The experiments of the course, by name. Each is a module of the same name in ``pellucid.course.networks``."""

import importlib

from pellucid.tracking.errors import UsageError, suggest_name
from pellucid.tracking.experiment import Experiment

NAMES = (
    "logistic",
    "moons",
    "moons-sizes",
    "regularization",
    "symbols",
    "mnist-softmax",
    "mnist-cnn",
    "conv32",
    "adder",
    "images",
)
"""In the order of the course."""


def find_experiment(name: str) -> Experiment:
    """Return the experiment called ``name``, or raise `UsageError` with a suggestion.

    Examples
    --------
    >>> find_experiment("logistic").parameters["points"].default
    200
    """
    if name not in NAMES:
        raise UsageError(f"no experiment {name!r}. {suggest_name(name, NAMES, 'experiments')}")
    function_name = name.replace("-", "_")
    module = importlib.import_module(f"pellucid.course.networks.{function_name}")
    found: Experiment = getattr(module, function_name)
    return found
