"""Two moons once more, by networks of 1 to 50 hidden units, one after the other."""

from __future__ import annotations

from typing import Any

from workloads import moons

SIZES = (1, 2, 3, 4, 5, 20, 50)
TITLE = "two moons, 1 to 50 hidden units, 20,000 passes each"
STEPS = moons.STEPS * len(SIZES)
LIBRARIES = ("pellucid", "numpy", "jax", "torch", "pytensor")


def floor() -> dict[str, float]:
    """Operations of a pass, for 200 points: products with 4 weights a unit, tanh, the gradient, and softmaxes."""
    return {"operations": moons.STEPS * sum(200 * (40 * hidden + 35) for hidden in SIZES), "bytes": 0}


def by_pellucid(phase: Any) -> dict[str, float]:
    """Train by pellucid."""
    return moons.by_pellucid(phase, SIZES)


def by_numpy(phase: Any) -> dict[str, float]:
    """Train by NumPy."""
    return moons.by_numpy(phase, SIZES)


def by_jax(phase: Any) -> dict[str, float]:
    """Train by JAX."""
    return moons.by_jax(phase, SIZES)


def by_torch(phase: Any) -> dict[str, float]:
    """Train by PyTorch."""
    return moons.by_torch(phase, SIZES)


def by_pytensor(phase: Any) -> dict[str, float]:
    """Train by PyTensor."""
    return moons.by_pytensor(phase, SIZES)
