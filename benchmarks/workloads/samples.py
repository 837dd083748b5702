"""Training data of the workloads, made or read without the libraries that are timed."""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def load_digits() -> tuple[Array, Array, Array, Array]:
    """Return the MNIST digits: training images as rows of bytes, their labels, test images, and their labels."""
    spec = find_spec("pellucid")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "data" / "mnist"
    arrays = []
    for part in ("train", "t10k"):
        images = read_idx(folder / f"{part}-images-idx3-ubyte.gz")
        arrays += [images.reshape(len(images), -1), read_idx(folder / f"{part}-labels-idx1-ubyte.gz").astype("int32")]
    x, y, x_test, y_test = arrays
    return x, y, x_test, y_test


def read_idx(path: Path) -> Array:
    """Read a compressed IDX file."""
    raw = gzip.decompress(path.read_bytes())
    shape = [int.from_bytes(raw[4 + 4 * k : 8 + 4 * k], "big") for k in range(raw[3])]
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)


def make_moons(count: int, noise: float) -> tuple[Array, Array]:
    """Return points of two half moons and their labels, equal to those of scikit-learn's ``make_moons``."""
    random = np.random.RandomState(0)
    angles = np.linspace(0, np.pi, count // 2)
    outer = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points, order = np.concatenate([outer, 1 - outer - [0, 0.5]]), np.arange(count)
    random.shuffle(order)
    y = np.repeat([0, 1], count // 2)[order].astype("int32")
    return points[order] + random.normal(scale=noise, size=points.shape), y


def make_images(count: int, shape: tuple[int, ...], classes: int) -> tuple[Array, Array]:
    """Return noisy images with a pattern for each class, and their labels; a network learns them in a few steps."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, classes, count).astype("int32")
    patterns = rng.uniform(-1, 1, (classes, *shape)).astype("float32")
    return (0.3 * patterns[y] + 0.3 * rng.standard_normal((count, *shape), dtype="float32")).astype("float32"), y


def draw_batches(steps: int, batch: int, count: int) -> Array:
    """Return the sample indices of each step, shuffled in every epoch."""
    rng = np.random.default_rng(0)
    epochs = -(-steps * batch // count)
    order = np.concatenate([rng.permutation(count) for _ in range(epochs)])
    return order[: steps * batch].reshape(steps, batch).astype("int32")
