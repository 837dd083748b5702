"""Handwritten digits with two convolutions, 1,024 dense units, dropout and Adam."""

from __future__ import annotations

from typing import Any

from workloads import convolutions
from workloads.samples import digits

TITLE = "digits, conv 32, conv 64, dense 1,024, Adam, batches of 50"
STEPS, BATCH, COUNT = 60, 50, 3000
LIBRARIES = ("pellucid", "torch", "tensorflow", "keras", "jax")
NETWORK = convolutions.Network(
    shape=(28, 28, 1),
    layers=(
        ("conv", 32, 5, "same"),
        ("pool", 2, 2),
        ("conv", 64, 5, "same"),
        ("pool", 2, 2),
        ("dense", 1024),
        ("dense", 10),
    ),
    slope=0.0,
    drop=(5,),
    adam=1e-4,
    steps=STEPS,
    batch=BATCH,
)


def images() -> tuple[Any, Any]:
    """Return digits from 0 to 1, and what they are."""
    x, y, _, _ = digits()
    return (x[:COUNT] / 255).astype("float32").reshape(-1, 28, 28, 1), y[:COUNT]


def floor() -> dict[str, float]:
    """Return the operations and the bytes of a run."""
    return NETWORK.floor()


def by_pellucid(phase: Any) -> dict[str, float]:
    """Train by pellucid."""
    return convolutions.by_pellucid(NETWORK, *images(), phase)


def by_torch(phase: Any) -> dict[str, float]:
    """Train by PyTorch."""
    return convolutions.by_torch(NETWORK, *images(), phase)


def by_tensorflow(phase: Any) -> dict[str, float]:
    """Train by TensorFlow."""
    return convolutions.by_tensorflow(NETWORK, *images(), phase)


def by_keras(phase: Any) -> dict[str, float]:
    """Train by Keras on TensorFlow, the quickest of its backends here."""
    return convolutions.by_keras(NETWORK, *images(), phase, "tensorflow")


def by_jax(phase: Any) -> dict[str, float]:
    """Train by JAX."""
    return convolutions.by_jax(NETWORK, *images(), phase)
