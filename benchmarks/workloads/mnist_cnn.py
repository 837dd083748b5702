"""Convolutional network on MNIST digits: two convolutions, 1,024 dense units, dropout and Adam."""

from __future__ import annotations

from typing import Any

from workloads import convolutions
from workloads.samples import load_digits

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


def load_images() -> tuple[Any, Any]:
    """Return images with values from 0 to 1, and their labels."""
    x, y, _, _ = load_digits()
    return (x[:COUNT] / 255).astype("float32").reshape(-1, 28, 28, 1), y[:COUNT]


def count_work() -> dict[str, float]:
    """Return the work of a run."""
    return NETWORK.count_work()


def by_pellucid(phase: Any) -> dict[str, float]:
    """Train with pellucid."""
    return convolutions.by_pellucid(NETWORK, *load_images(), phase)


def by_torch(phase: Any) -> dict[str, float]:
    """Train with PyTorch."""
    return convolutions.by_torch(NETWORK, *load_images(), phase)


def by_tensorflow(phase: Any) -> dict[str, float]:
    """Train with TensorFlow."""
    return convolutions.by_tensorflow(NETWORK, *load_images(), phase)


def by_keras(phase: Any) -> dict[str, float]:
    """Train with Keras on TensorFlow, its fastest backend here."""
    return convolutions.by_keras(NETWORK, *load_images(), phase, "tensorflow")


def by_jax(phase: Any) -> dict[str, float]:
    """Train with JAX."""
    return convolutions.by_jax(NETWORK, *load_images(), phase)
