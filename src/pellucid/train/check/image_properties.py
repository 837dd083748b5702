"""Properties of images: brightness, contrast, sharpness and saturation."""

from __future__ import annotations

import numpy as np

from pellucid.typing import Array

BLOCK = 100
"""Number of images that are measured at a time, which limits the memory."""


def measure_images(x: Array, rows: Array) -> dict[str, Array]:
    """Return properties of images, each of shape (rows,), on the scale of their pixels.

    Brightness and contrast are mean and standard deviation of the gray image; sharpness is the mean difference of
    horizontal neighbors, and saturation the mean difference between the strongest and the weakest color.

    Examples
    --------
    >>> found = measure_images(np.full((1, 8, 8, 3), [30, 90, 60], np.uint8), np.arange(1))
    >>> {name: float(values[0]) for name, values in found.items()}
    {'brightness': 60.0, 'contrast': 0.0, 'sharpness': 0.0, 'saturation': 60.0}
    """
    blocks = [measure_block(x[rows[start : start + BLOCK]]) for start in range(0, len(rows), BLOCK)]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]} if blocks else {}


def measure_block(images: Array) -> dict[str, Array]:
    gray = to_gray(images)
    found: dict[str, Array] = {
        "brightness": gray.mean(axis=(1, 2)),
        "contrast": gray.std(axis=(1, 2)),
        "sharpness": np.abs(np.diff(gray, axis=2)).mean(axis=(1, 2)),
    }
    if images.ndim == 4 and images.shape[3] >= 3:
        found["saturation"] = np.ptp(images[..., :3].astype(np.float32), axis=3).mean(axis=(1, 2))
    return found


def are_gray(images: Array) -> Array:
    """Tell which images have no color, shape (n,); an alpha channel does not count.

    Examples
    --------
    >>> are_gray(np.array([[[[7, 7, 7]]], [[[7, 8, 7]]]], np.uint8))
    array([ True, False])
    """
    if images.ndim == 3:
        return np.ones(len(images), bool)
    found: Array = (images[..., :3] == images[..., :1]).all(axis=(1, 2, 3))
    return found


def to_gray(images: Array) -> Array:
    """Return the mean of the colors, shape (n, height, width), float32."""
    return (images if images.ndim == 3 else images[..., :3].mean(axis=3)).astype(np.float32)
