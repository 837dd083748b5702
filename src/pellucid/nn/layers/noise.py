"""Noise layers, active during training only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pellucid.graph.errors import OptionError, ShapeError, brief
from pellucid.graph.expr import Expr
from pellucid.graph.ops.random import Generator
from pellucid.graph.ops.reshape import expand_dims
from pellucid.graph.ops.train_eval import training_only
from pellucid.graph.types import format_shape
from pellucid.nn.dtypes import to_float
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.validation import check_real
from pellucid.nn.random_seed import draw_seed, validate_seed

__all__ = ["GaussianDropout", "GaussianNoise"]


class RandomLayer(Layer):
    """Base of layers with a separate random stream, which advances at every training step.

    Parameters
    ----------
    seed : int, optional
        Seed of the random stream. By default it follows from `pellucid.nn.set_random_seed`.
    name : str, optional
        Name of the layer. By default the class name in snake case.

    Attributes
    ----------
    generator : pellucid.random.Generator
        The random stream.
    """

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        super().__init__(name)
        self.generator = Generator(draw_seed() if seed is None else validate_seed(seed))
        self.generator.state.name = f"{self.name}/state"

    def check_rate(self, rate: Any) -> float:
        if not isinstance(rate, (int, float)) or isinstance(rate, bool) or not 0 <= rate < 1:
            raise OptionError(f"{self.name}: expected a rate of 0 or more and below 1. Received: rate={rate!r}")
        return float(rate)

    def get_noise_template(self, x: Expr, noise_shape: Sequence[int | None] | None) -> Expr:
        """Return an expression with the shape of the noise: that of the input, with length 1 along shared axes."""
        if noise_shape is None:
            return x
        fits = len(noise_shape) == x.ndim and all(
            n is None or n in (1, size) or not isinstance(size, int)
            for n, size in zip(noise_shape, x.shape, strict=True)
        )
        if not fits:
            raise ShapeError(
                f"{self.name}: expected a noise_shape with 1, None or the length for each axis of {brief(x)}, of shape "
                f"{format_shape(x.shape)}. Received: noise_shape={tuple(noise_shape)}"
            ).with_operands([x])
        return take_first(x, [axis for axis, n in enumerate(noise_shape) if n == 1])


def take_first(x: Expr, axes: Sequence[int]) -> Expr:
    """Return the first elements along some axes, keeping the axes with the known length 1."""
    if not axes:
        return x
    first: Expr = expand_dims(x[tuple(0 if axis in axes else slice(None) for axis in range(x.ndim))], axis=tuple(axes))
    return first


class GaussianDropout(RandomLayer):
    r"""Multiplicative Gaussian noise during training, :math:`x (1 + \sigma z)` with :math:`z \sim \mathcal{N}(0, 1)`
    and :math:`\sigma^2 = r / (1 - r)`, the variance of dropout.

    Parameters
    ----------
    rate : float
        Dropout rate :math:`r`, in [0, 1).
    seed : int, optional
        Seed of the random stream.
    name : str, optional
        Name of the layer. By default ``gaussian_dropout``, ``gaussian_dropout_1`` and so on.

    Raises
    ------
    ValueError
        If the rate is not in [0, 1).

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
        self.rate = self.check_rate(rate)

    def call(self, x: Expr) -> Expr:
        if not self.rate:
            return x
        x = to_float(x)
        noise = self.generator.normal(1.0, math.sqrt(self.rate / (1 - self.rate)), like=x, dtype=x.dtype)
        noisy: Expr = training_only(x * noise, x)
        return noisy


class GaussianNoise(RandomLayer):
    r"""Additive Gaussian noise during training, :math:`x + \sigma z` with :math:`z \sim \mathcal{N}(0, 1)`.

    Parameters
    ----------
    stddev : float
        Standard deviation :math:`\sigma`, 0 or more.
    seed : int, optional
        Seed of the random stream.
    name : str, optional
        Name of the layer. By default ``gaussian_noise``, ``gaussian_noise_1`` and so on.

    Raises
    ------
    ValueError
        If ``stddev`` is negative.

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
        self.stddev = check_real(self.name, "stddev", stddev, 0)

    def call(self, x: Expr) -> Expr:
        if not self.stddev:
            return x
        x = to_float(x)
        noisy: Expr = training_only(x + self.generator.normal(0.0, self.stddev, like=x, dtype=x.dtype), x)
        return noisy
