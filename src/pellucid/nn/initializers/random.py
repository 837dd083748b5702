"""Uniform, normal and truncated normal initializers."""

from __future__ import annotations

import numpy as np

from pellucid.nn.initializers.base import Initializer
from pellucid.nn.random_seed import get_weight_generator
from pellucid.typing import Array

__all__ = ["RandomNormal", "RandomUniform", "TruncatedNormal"]


class RandomUniform(Initializer):
    """Uniform on :math:`[a, b)`, with :math:`a` = ``minval`` and :math:`b` = ``maxval``.

    Parameters
    ----------
    minval, maxval : float
        :math:`a` and :math:`b`.
    seed : int, optional
        Seed for the same values at every call.

    Examples
    --------
    >>> values = RandomUniform(-1.0, 1.0, seed=0)((1000,))
    >>> bool((abs(values) <= 1).all()), values.dtype
    (True, dtype('float32'))
    """

    maxval: float
    minval: float
    seed: int | None

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> None:
        self.minval, self.maxval, self.seed = minval, maxval, seed

    def draw(self, shape: tuple[int, ...]) -> Array:
        return get_weight_generator(self.seed).uniform(self.minval, self.maxval, shape)


class RandomNormal(Initializer):
    r"""Normal, :math:`\mathcal{N}(\mu, \sigma^2)`.

    Parameters
    ----------
    mean, stddev : float
        :math:`\mu` and :math:`\sigma`.
    seed : int, optional
        Seed for the same values at every call.

    Examples
    --------
    >>> values = RandomNormal(stddev=0.1, seed=0)((100, 100))
    >>> round(float(values.std()), 2)
    0.1
    """

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
    r"""Normal, :math:`\mathcal{N}(\mu, \sigma^2)`, truncated at two standard deviations.

    Parameters
    ----------
    mean, stddev : float
        :math:`\mu` and :math:`\sigma`, before truncation.
    seed : int, optional
        Seed for the same values at every call.

    Examples
    --------
    >>> values = TruncatedNormal(stddev=0.5, seed=0)((100, 100))
    >>> bool(abs(values).max() <= 1)
    True
    """

    mean: float
    seed: int | None
    stddev: float

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        self.mean, self.stddev, self.seed = mean, stddev, seed

    def draw(self, shape: tuple[int, ...]) -> Array:
        return self.mean + self.stddev * truncated_normal(get_weight_generator(self.seed), shape)
