"""The experiments by name, in the order of the course. Each is one file of its name in ``pellucid.experiments``."""

import importlib

from pellucid.experiments.runner.errors import UsageError, nearest
from pellucid.experiments.runner.experiment import Experiment

NAMES = (
    "symbols",
    "logistic",
    "moons",
    "moons-sizes",
    "regularization",
    "mnist-softmax",
    "conv32",
    "images",
    "adder",
    "mnist-cnn",
)


def find(name: str) -> Experiment:
    """Return the experiment called ``name``.

    Raises
    ------
    UsageError
        If there is none; the message names the nearest.

    Examples
    --------
    >>> find("logistic").parameters["points"].default
    200
    """
    if name not in NAMES:
        raise UsageError(f"no experiment {name!r}. {nearest(name, NAMES, 'experiments')}")
    function_name = name.replace("-", "_")
    module = importlib.import_module(f"pellucid.experiments.{function_name}")
    found: Experiment = getattr(module, function_name)
    return found


def every() -> list[Experiment]:
    """Return all experiments, in the order of the course."""
    return [find(name) for name in NAMES]
