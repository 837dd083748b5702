"""Small convolutional network on color images of 32 by 32 pixels, with dropout and Nesterov momentum."""

from __future__ import annotations

from typing import Any

from workloads import convolutions
from workloads.samples import make_images

TITLE = "color images 32x32, conv 64, conv 32, dense 128, batches of 128"
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


def count_work() -> dict[str, float]:
    """Return the work of a run."""
    return NETWORK.count_work()


def by_pellucid(phase: Any) -> dict[str, float]:
    """Train with pellucid."""
    return convolutions.by_pellucid(NETWORK, *make_images(COUNT, NETWORK.shape, 10), phase)


def by_torch(phase: Any) -> dict[str, float]:
    """Train with PyTorch."""
    return convolutions.by_torch(NETWORK, *make_images(COUNT, NETWORK.shape, 10), phase)


def by_tensorflow(phase: Any) -> dict[str, float]:
    """Train with TensorFlow."""
    return convolutions.by_tensorflow(NETWORK, *make_images(COUNT, NETWORK.shape, 10), phase)


def by_keras(phase: Any) -> dict[str, float]:
    """Train with Keras on TensorFlow, its fastest backend here."""
    return convolutions.by_keras(NETWORK, *make_images(COUNT, NETWORK.shape, 10), phase, "tensorflow")


def by_jax(phase: Any) -> dict[str, float]:
    """Train with JAX."""
    return convolutions.by_jax(NETWORK, *make_images(COUNT, NETWORK.shape, 10), phase)
