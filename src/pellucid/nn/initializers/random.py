"""Uniform, normal and truncated normal initializers."""

from __future__ import annotations

import numpy as np

from pellucid.nn.initializers.base import Initializer
from pellucid.nn.random_seed import get_weight_generator
from pellucid.typing import Array

__all__ = ["RandomNormal", "RandomUniform", "TruncatedNormal"]


class RandomUniform(Initializer):
    r"""Uniform on :math:`[a, b)`, with :math:`a` = ``minval`` and :math:`b` = ``maxval``."""

    maxval: float
    minval: float
    seed: int | None

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> None:
        self.minval, self.maxval, self.seed = minval, maxval, seed

    def draw(self, shape: tuple[int, ...]) -> Array:
        return get_weight_generator(self.seed).uniform(self.minval, self.maxval, shape)


class RandomNormal(Initializer):
    r"""Normal, :math:`\mathcal{N}(\mu, \sigma^2)`."""

    mean: float
    seed: int | None
    stddev: float

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        self.mean, self.stddev, self.seed = mean, stddev, seed

    def draw(self, shape: tuple[int, ...]) -> Array:
        return get_weight_generator(self.seed).normal(self.mean, self.stddev, shape)


def truncated_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Draw standard normal numbers, and redraw those outside [-2, 2]."""
    values = rng.standard_normal(shape)
    outside = np.abs(values) > 2
    while outside.any():
        values[outside] = rng.standard_normal(int(outside.sum()))
        outside = np.abs(values) > 2
    return values


class TruncatedNormal(Initializer):
    r"""Normal, :math:`\mathcal{N}(\mu, \sigma^2)`, truncated at two standard deviations."""

    mean: float
    seed: int | None
    stddev: float

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        self.mean, self.stddev, self.seed = mean, stddev, seed

    def draw(self, shape: tuple[int, ...]) -> Array:
        return self.mean + self.stddev * truncated_normal(get_weight_generator(self.seed), shape)
