"""The course's networks, each written for pellucid and for every peer, on the same data from the same weights."""

import importlib
from types import ModuleType

NAMES = ("moons", "moons_sizes", "adder", "mnist_softmax", "conv32", "images", "mnist_cnn")
"""In the order in which they are run: small networks first."""


def workload(name: str) -> ModuleType:
    """Return the module of a workload: its title, sizes, floor, and one function a library."""
    return importlib.import_module(f"workloads.{name}")
