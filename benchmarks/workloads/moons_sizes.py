"""Networks of 1 to 50 hidden units on the two moons, trained one after the other."""

from __future__ import annotations

from typing import Any

from workloads import moons

SIZES = (1, 2, 3, 4, 5, 20, 50)
TITLE = "two moons, 1 to 50 hidden units, 20,000 epochs each"
STEPS = moons.STEPS * len(SIZES)
LIBRARIES = ("pellucid", "numpy", "jax", "torch", "pytensor")


def count_work() -> dict[str, float]:
    """Return the work of all epochs on 200 points: products with 4 weights per unit, tanh, softmaxes, the gradient."""
    return {"loop_operations": moons.STEPS * sum(200 * (40 * hidden + 35) for hidden in SIZES)}


def time_c_loop() -> tuple[float, dict[str, float]]:
    """Return the time of a hand-written C loop, and its mean loss and accuracy."""
    return moons.time_c_loop(SIZES)


def by_pellucid(phase: Any) -> dict[str, float]:
    """Train with pellucid."""
    return moons.by_pellucid(phase, SIZES)


def by_numpy(phase: Any) -> dict[str, float]:
    """Train with NumPy."""
    return moons.by_numpy(phase, SIZES)


def by_jax(phase: Any) -> dict[str, float]:
    """Train with JAX."""
    return moons.by_jax(phase, SIZES)


def by_torch(phase: Any) -> dict[str, float]:
    """Train with PyTorch."""
    return moons.by_torch(phase, SIZES)


def by_pytensor(phase: Any) -> dict[str, float]:
    """Train with PyTensor."""
    return moons.by_pytensor(phase, SIZES)
