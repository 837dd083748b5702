"""The images that workloads learn from, made or read without any of the libraries that are timed."""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def digits() -> tuple[Array, Array, Array, Array]:
    """Return the handwritten digits: images as rows of bytes and their digits, to train on and to test on."""
    spec = find_spec("pellucid")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "data" / "mnist"
    found = []
    for part in ("train", "t10k"):
        images = idx(folder / f"{part}-images-idx3-ubyte.gz")
        found += [images.reshape(len(images), -1), idx(folder / f"{part}-labels-idx1-ubyte.gz").astype("int32")]
    x, y, x_test, y_test = found
    return x, y, x_test, y_test


def idx(path: Path) -> Array:
    """Read a compressed IDX file."""
    raw = gzip.decompress(path.read_bytes())
    shape = [int.from_bytes(raw[4 + 4 * k : 8 + 4 * k], "big") for k in range(raw[3])]
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)


def moons(count: int, noise: float) -> tuple[Array, Array]:
    """Return points of two half moons and their classes, drawn as scikit-learn draws them, which is not imported."""
    random = np.random.RandomState(0)
    angles = np.linspace(0, np.pi, count // 2)
    outer = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points, order = np.concatenate([outer, 1 - outer - [0, 0.5]]), np.arange(count)
    random.shuffle(order)
    y = np.repeat([0, 1], count // 2)[order].astype("int32")
    return points[order] + random.normal(scale=noise, size=points.shape), y


def pictures(count: int, shape: tuple[int, ...], classes: int) -> tuple[Array, Array]:
    """Return noisy pictures of some classes, from -1 to 1 in float32, and their classes: learnt within a few steps."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, classes, count).astype("int32")
    kinds = rng.uniform(-1, 1, (classes, *shape)).astype("float32")
    return (0.3 * kinds[y] + 0.3 * rng.standard_normal((count, *shape), dtype="float32")).astype("float32"), y


def batches(steps: int, batch: int, count: int) -> Array:
    """Return which samples each step takes: every one once, then all again in another order."""
    rng = np.random.default_rng(0)
    rounds = -(-steps * batch // count)
    order = np.concatenate([rng.permutation(count) for _ in range(rounds)])
    return order[: steps * batch].reshape(steps, batch).astype("int32")
