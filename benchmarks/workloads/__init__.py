"""The course's networks, written for pellucid and for each peer, with the same data and initial weights."""

import importlib
from types import ModuleType

NAMES = ("moons", "moons_sizes", "adder", "mnist_softmax", "conv32", "images", "mnist_cnn")
"""Modules of the workloads, in the order of the runs: small networks first."""


def load_workload(name: str) -> ModuleType:
    """Return the module of a workload, with its title, number of steps, `count_work`, and one function per library.

    Small networks have `time_c_loop` too.
    """
    return importlib.import_module(f"workloads.{name}")
