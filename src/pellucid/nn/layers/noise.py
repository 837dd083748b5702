"""Noise while training, which `pellucid.inference` takes out of a graph."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pellucid.graph.errors import OptionError, ShapeError, brief
from pellucid.graph.expr import Expr
from pellucid.graph.ops.random import Generator
from pellucid.graph.ops.reshape import expand_dims
from pellucid.graph.ops.train_eval import training_only
from pellucid.graph.types import shape_text
from pellucid.nn.dtypes import as_real
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.validation import real
from pellucid.nn.random_seed import as_seed, next_seed

__all__ = ["GaussianDropout", "GaussianNoise"]


class Noise(Layer):
    """A layer with a stream of random numbers of its own, which moves on at every step of training.

    Parameters
    ----------
    seed : int, optional
        Of the stream; without it one that follows from `pellucid.nn.set_random_seed`.
    name : str, optional
        Without it that of the class.

    Attributes
    ----------
    generator : pellucid.random.Generator
        The stream.
    """

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        super().__init__(name)
        self.generator = Generator(next_seed() if seed is None else as_seed(seed))
        self.generator.state.name = f"{self.name}/state"

    def rate_of(self, rate: Any) -> float:
        """Return a rate as a float, or say what it must be."""
        if not isinstance(rate, (int, float)) or isinstance(rate, bool) or not 0 <= rate < 1:
            raise OptionError(f"{self.name}: expected a rate from 0 up to but without 1. Received: rate={rate!r}")
        return float(rate)

    def shared_along(self, x: Expr, noise_shape: Sequence[int | None] | None) -> Expr:
        """Return an expression of the noise's shape: that of the input, with length 1 where all share one draw."""
        if noise_shape is None:
            return x
        fits = len(noise_shape) == x.ndim and all(
            n is None or n in (1, size) or not isinstance(size, int)
            for n, size in zip(noise_shape, x.shape, strict=True)
        )
        if not fits:
            raise ShapeError(
                f"{self.name}: expected a noise_shape with 1, None or the length for each axis of {brief(x)}, of shape "
                f"{shape_text(x.shape)}. Received: noise_shape={tuple(noise_shape)}"
            ).about([x])
        return first_along(x, [axis for axis, n in enumerate(noise_shape) if n == 1])


def first_along(x: Expr, axes: Sequence[int]) -> Expr:
    """Return the first elements along some axes, whose length is then 1 even if it was unknown."""
    if not axes:
        return x
    first: Expr = expand_dims(x[tuple(0 if axis in axes else slice(None) for axis in range(x.ndim))], axis=tuple(axes))
    return first


class GaussianDropout(Noise):
    r"""Values multiplied by noise while training, :math:`x (1 + \sigma z)` with :math:`z \sim \mathcal{N}(0, 1)` and
    :math:`\sigma^2 = r / (1 - r)`, as much noise as that of a dropout.

    Parameters
    ----------
    rate : float
        :math:`r`, from 0 up to but without 1.
    seed : int, optional
        Of the stream of random numbers.
    name : str, optional
        Without it ``gaussian_dropout`` and so on.

    Raises
    ------
    ValueError
        For a rate out of range.

    Examples
    --------
    >>> pel.inference(GaussianDropout(0.5)(pel.matrix("x")))
    x

    References
    ----------
    N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever and R. Salakhutdinov, Dropout: A Simple Way to Prevent
    Neural Networks from Overfitting, JMLR 15 (2014), section 10.
    """

    def __init__(self, rate: float, seed: int | None = None, name: str | None = None) -> None:
        super().__init__(seed, name)
        self.rate = self.rate_of(rate)

    def call(self, x: Expr) -> Expr:
        """Return the input times noise of mean 1, or as it is at rate 0."""
        if not self.rate:
            return x
        x = as_real(x)
        noise = self.generator.normal(1.0, math.sqrt(self.rate / (1 - self.rate)), like=x, dtype=x.dtype)
        noisy: Expr = training_only(x * noise, x)
        return noisy


class GaussianNoise(Noise):
    r"""Values with noise added while training, :math:`x + \sigma z` with :math:`z \sim \mathcal{N}(0, 1)`.

    Parameters
    ----------
    stddev : float
        :math:`\sigma`, 0 or more, in the units of the values.
    seed : int, optional
        Of the stream of random numbers.
    name : str, optional
        Without it ``gaussian_noise`` and so on.

    Raises
    ------
    ValueError
        For a negative deviation.

    Examples
    --------
    >>> pel.inference(GaussianNoise(0.1)(pel.matrix("x")))
    x

    References
    ----------
    C. M. Bishop, Training with Noise is Equivalent to Tikhonov Regularization, Neural Computation 7 (1995).
    """

    def __init__(self, stddev: float, seed: int | None = None, name: str | None = None) -> None:
        super().__init__(seed, name)
        self.stddev = real(self.name, "stddev", stddev, 0)

    def call(self, x: Expr) -> Expr:
        """Return the input plus noise of mean 0, or as it is without noise."""
        if not self.stddev:
            return x
        x = as_real(x)
        noisy: Expr = training_only(x + self.generator.normal(0.0, self.stddev, like=x, dtype=x.dtype), x)
        return noisy
