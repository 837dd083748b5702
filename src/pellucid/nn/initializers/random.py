"""Initializers that draw every element by itself, from a distribution that is given."""

from __future__ import annotations

import numpy as np

from pellucid.nn.initializers.base import Array, Initializer
from pellucid.nn.random_seed import weight_generator


class RandomUniform(Initializer):
    r"""Uniform on :math:`[a, b)`, with :math:`a` = ``minval`` and :math:`b` = ``maxval``."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> None:
        self.minval, self.maxval, self.seed = minval, maxval, seed

    def draw(self, shape: tuple[int, ...]) -> Array:
        """Draw uniformly."""
        return weight_generator(self.seed).uniform(self.minval, self.maxval, shape)


class RandomNormal(Initializer):
    r"""Normal, :math:`\mathcal{N}(\mu, \sigma^2)`."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        self.mean, self.stddev, self.seed = mean, stddev, seed

    def draw(self, shape: tuple[int, ...]) -> Array:
        """Draw normally."""
        return weight_generator(self.seed).normal(self.mean, self.stddev, shape)


def truncated_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Draw standard normal numbers, again and again until none is further than 2 from 0."""
    values = rng.standard_normal(shape)
    outside = np.abs(values) > 2
    while outside.any():
        values[outside] = rng.standard_normal(int(outside.sum()))
        outside = np.abs(values) > 2
    return values


class TruncatedNormal(Initializer):
    r"""Normal, :math:`\mathcal{N}(\mu, \sigma^2)`, with what is further than :math:`2 \sigma` off drawn again."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        self.mean, self.stddev, self.seed = mean, stddev, seed

    def draw(self, shape: tuple[int, ...]) -> Array:
        """Draw normally within two standard deviations."""
        return self.mean + self.stddev * truncated_normal(weight_generator(self.seed), shape)
