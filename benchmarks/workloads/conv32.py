"""A small convolutional network on colour images of 32 by 32, with dropout and Nesterov's momentum."""

from __future__ import annotations

from typing import Any

from workloads import convolutions
from workloads.samples import pictures

TITLE = "colour images 32x32, conv 64, conv 32, dense 128, batches of 128"
STEPS, BATCH, COUNT = 20, 128, 512
LIBRARIES = ("pellucid", "torch", "tensorflow", "keras", "jax")
NETWORK = convolutions.Network(
    shape=(32, 32, 3),
    layers=(
        ("conv", 64, 3, "valid"),
        ("conv", 32, 3, "valid"),
        ("pool", 3, 2),
        ("dense", 128),
        ("dense", 10),
    ),
    slope=0.01,
    drop=(3, 4),
    adam=None,
    steps=STEPS,
    batch=BATCH,
)


def floor() -> dict[str, float]:
    """Return the operations and the bytes of a run."""
    return NETWORK.floor()


def by_pellucid(phase: Any) -> dict[str, float]:
    """Train by pellucid."""
    return convolutions.by_pellucid(NETWORK, *pictures(COUNT, NETWORK.shape, 10), phase)


def by_torch(phase: Any) -> dict[str, float]:
    """Train by PyTorch."""
    return convolutions.by_torch(NETWORK, *pictures(COUNT, NETWORK.shape, 10), phase)


def by_tensorflow(phase: Any) -> dict[str, float]:
    """Train by TensorFlow."""
    return convolutions.by_tensorflow(NETWORK, *pictures(COUNT, NETWORK.shape, 10), phase)


def by_keras(phase: Any) -> dict[str, float]:
    """Train by Keras on TensorFlow, the quickest of its backends here."""
    return convolutions.by_keras(NETWORK, *pictures(COUNT, NETWORK.shape, 10), phase, "tensorflow")


def by_jax(phase: Any) -> dict[str, float]:
    """Train by JAX."""
    return convolutions.by_jax(NETWORK, *pictures(COUNT, NETWORK.shape, 10), phase)
