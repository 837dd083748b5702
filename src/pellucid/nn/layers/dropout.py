"""Dropout and noise layers, active during training only."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pellucid.graph.errors import OptionError, ShapeError, brief
from pellucid.graph.expr import Constant, Expr, Shared
from pellucid.graph.ops.creation import ones_like
from pellucid.graph.ops.elementwise import clip, sqrt
from pellucid.graph.ops.random import Generator
from pellucid.graph.ops.reshape import expand_dims
from pellucid.graph.ops.train_eval import training_only
from pellucid.graph.ops.where import where
from pellucid.graph.traversal import topological
from pellucid.graph.types import format_shape, is_float
from pellucid.graph.validation import is_real
from pellucid.nn.activations.smooth import SELU_ALPHA, SELU_SCALE
from pellucid.nn.casts import to_dtype, to_float
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.validation import check_real
from pellucid.nn.random_seed import draw_seed, validate_seed

__all__ = [
    "Dropout",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "AlphaDropout",
    "GaussianDropout",
    "GaussianNoise",
]


class RandomLayer(Layer):
    """Base of layers with a separate random stream, which advances at every training step."""

    rate: float | Expr

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        super().__init__(name)
        self.generator: Generator = Generator(draw_seed() if seed is None else validate_seed(seed))
        self.generator.state.name = f"{self.name}/state"

    @property
    def is_active(self) -> bool:
        """Whether the layer may drop anything: its rate is an expression, or above 0."""
        return self.rate != 0 if isinstance(self.rate, float) else True

    def check_rate(self, rate: float | Expr) -> float | Expr:
        """Return the rate as a `float` in [0, 1), or as the scalar expression that it is."""
        if isinstance(rate, Constant) and not rate.ndim:
            rate = rate.value.item()
        if isinstance(rate, Expr):
            return self.check_variable_rate(rate)
        if not is_real(rate) or not 0 <= rate < 1:
            raise OptionError(f"{self.name}: expected a rate of 0 or more and below 1. Received: rate={rate!r}")
        return float(rate)

    def check_variable_rate(self, rate: Expr) -> Expr:
        """Return a scalar rate; the variables that it depends on become parts of the layer."""
        if rate.ndim or not is_float(rate.dtype):
            raise OptionError(f"{self.name}: expected a scalar rate. Received: {brief(rate)}, which is {rate.type}")
        variables = [e for e in topological([rate]) if isinstance(e, Shared) and e.default_update is None]
        trainable = [p for p in variables if p.trainable]
        if trainable:
            raise OptionError(
                f"{self.name}: the mask has no gradient, so an optimizer cannot train the rate {brief(trainable[0])}. "
                "Create it by pel.shared(value, name, trainable=False), and change it by set_value or updates"
            )
        self.parts += variables
        return rate

    def get_noise_template(self, x: Expr, noise_shape: Sequence[int | None] | None) -> Expr:
        """Return an expression with the shape of the noise: that of the input, with length 1 along shared axes."""
        if noise_shape is None:
            return x
        is_valid = isinstance(noise_shape, (tuple, list)) and len(noise_shape) == x.ndim
        if not is_valid or not all(
            n is None or n in (1, size) or not isinstance(size, int)
            for n, size in zip(noise_shape, x.shape, strict=True)
        ):
            raise ShapeError(
                f"{self.name}: expected a noise_shape with 1, None or the length for each axis of {brief(x)}, of shape "
                f"{format_shape(x.shape)}. Received: noise_shape={noise_shape!r}"
            ).with_operands([x])
        return take_first(x, [axis for axis, n in enumerate(noise_shape) if n == 1])


def clip_rate(rate: float | Expr) -> float | Expr:
    """Return a rate in [0, 1), in float64 if it is an expression."""
    return rate if isinstance(rate, float) else clip(to_dtype(rate, "float64"), 0.0, 1 - 2.0**-32)


def take_first(x: Expr, axes: Sequence[int]) -> Expr:
    """Return the first elements along some axes, keeping the axes with the known length 1."""
    if not axes:
        return x
    first: Expr = expand_dims(x[tuple(0 if axis in axes else slice(None) for axis in range(x.ndim))], axis=tuple(axes))
    return first


class Dropout(RandomLayer):
    r"""Dropout layer: sets random values to zero during training, :math:`x \, m / (1 - r)` with :math:`P(m = 0) = r`.

    `pellucid.inference` removes it from a graph. Each layer has a separate random stream, so that training one
    network does not change the dropout of another.

    Parameters
    ----------
    rate : float or Expr
        Fraction :math:`r` of the values to drop, in [0, 1). A scalar expression, such as a shared variable or a
        schedule of a step count, changes it without compiling again; its values are clipped to [0, 1).
    noise_shape : sequence of int or None, optional
        Shape of :math:`m`, with 1 for axes along which values are dropped together, and None for the length of the
        input.
    seed : int, optional
        Seed of the random stream. By default it follows from `pellucid.nn.set_random_seed`.
    name : str, optional
        Name of the layer. By default ``dropout``, ``dropout_1`` and so on.

    Attributes
    ----------
    generator : pellucid.random.Generator
        The random stream.

    Raises
    ------
    ValueError
        If the rate is not in [0, 1).
    ShapeError
        If the noise shape does not match the input.

    Examples
    --------
    >>> x = pel.matrix("x")
    >>> pel.inference(Dropout(0.5)(x))
    x

    References
    ----------
    N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever and R. Salakhutdinov, Dropout: A Simple Way to Prevent
    Neural Networks from Overfitting, JMLR 15 (2014).
    """

    def __init__(
        self,
        rate: float | Expr,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(seed, name)
        self.rate = self.check_rate(rate)
        self.noise_shape = noise_shape

    def call(self, x: Expr) -> Expr:
        if not self.is_active:
            return x
        x = to_float(x)
        like = self.get_noise_template(x, self.noise_shape)
        dropped: Expr = (
            self.generator.dropout(x, self.rate)
            if like is x
            else training_only(x * self.generator.dropout(ones_like(like), self.rate), x)
        )
        return dropped


class _SpatialDropout(Dropout):
    def __init__(self, rate: float | Expr, seed: int | None = None, name: str | None = None) -> None:
        super().__init__(rate, None, seed, name)

    def get_noise_template(self, x: Expr, noise_shape: Sequence[int | None] | None) -> Expr:
        return super().get_noise_template(x, (None, *[1] * (x.ndim - 2), None))


class SpatialDropout1D(_SpatialDropout):
    """Dropout of whole channels of a sequence, :math:`m_{tc} = m_c`; see `Dropout`.

    Parameters
    ----------
    rate : float or Expr
        Fraction of the channels to drop, in [0, 1).
    seed, name
        As in `Dropout`.

    Raises
    ------
    ShapeError
        If the input is not (batch, steps, channels).
    ValueError
        If the rate is not in [0, 1).

    Examples
    --------
    >>> pel.inference(SpatialDropout1D(0.5)(pel.tensor3("x")))
    x

    References
    ----------
    J. Tompson, R. Goroshin, A. Jain, Y. LeCun and C. Bregler, Efficient Object Localization Using Convolutional
    Networks, CVPR 2015.
    """

    ndim: int = 3


class SpatialDropout2D(_SpatialDropout):
    """Dropout of whole channels of an image, :math:`m_{ijc} = m_c`; see `Dropout`.

    Parameters
    ----------
    rate, seed, name
        As in `SpatialDropout1D`, for inputs (batch, rows, columns, channels).

    Examples
    --------
    >>> pel.inference(SpatialDropout2D(0.5)(pel.tensor4("x")))
    x
    """

    ndim: int = 4


class SpatialDropout3D(_SpatialDropout):
    """Dropout of whole channels of a volume, :math:`m_{ijkc} = m_c`; see `Dropout`.

    Parameters
    ----------
    rate, seed, name
        As in `SpatialDropout1D`, for inputs (batch, planes, rows, columns, channels).

    Examples
    --------
    >>> pel.inference(SpatialDropout3D(0.5)(pel.tensor("x", (None,) * 5)))
    x
    """

    ndim: int = 5


class AlphaDropout(Dropout):
    r"""Dropout for ``selu`` that keeps mean 0 and variance 1: :math:`a (x m + \alpha' (1 - m)) + b`.

    Dropped values become :math:`\alpha' = -\lambda \alpha`, the limit of ``selu``. Here
    :math:`a = ((1 - r)(1 + r \alpha'^2))^{-1/2}` and :math:`b = -a \alpha' r`, with :math:`P(m = 0) = r`.

    Parameters
    ----------
    rate : float or Expr
        Fraction :math:`r` of the values to drop, in [0, 1), as in `Dropout`.
    noise_shape, seed, name
        As in `Dropout`.

    Raises
    ------
    ValueError
        If the rate is not in [0, 1).

    Examples
    --------
    >>> pel.inference(AlphaDropout(0.5)(pel.matrix("x")))
    x

    References
    ----------
    G. Klambauer, T. Unterthiner, A. Mayr and S. Hochreiter, Self-Normalizing Neural Networks, NeurIPS 2017.
    """

    def call(self, x: Expr) -> Expr:
        if not self.is_active:
            return x
        x = to_float(x)
        floor, rate = -SELU_SCALE * SELU_ALPHA, clip_rate(self.rate)
        scale = ((1 - rate) * (1 + rate * floor**2)) ** -0.5
        kept = self.generator.bernoulli(1 - rate, like=self.get_noise_template(x, self.noise_shape))
        scale, shift = (v if isinstance(v, float) else to_dtype(v, x.dtype) for v in (scale, scale * floor * rate))
        dropped: Expr = training_only(scale * where(kept, x, floor) - shift, x)
        return dropped


class GaussianDropout(RandomLayer):
    r"""Multiplicative Gaussian noise during training, :math:`x (1 + \sigma z)` with :math:`z \sim \mathcal{N}(0, 1)`
    and :math:`\sigma^2 = r / (1 - r)`, the variance of dropout.

    Parameters
    ----------
    rate : float or Expr
        Dropout rate :math:`r`, in [0, 1).
    seed, name
        As in `Dropout`.

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

    def __init__(self, rate: float | Expr, seed: int | None = None, name: str | None = None) -> None:
        super().__init__(seed, name)
        self.rate = self.check_rate(rate)

    def call(self, x: Expr) -> Expr:
        if not self.is_active:
            return x
        x = to_float(x)
        noise = self.generator.normal(1.0, self.get_deviation(x), like=x, dtype=x.dtype)
        noisy: Expr = training_only(x * noise, x)
        return noisy

    def get_deviation(self, x: Expr) -> float | Expr:
        """Return the standard deviation of the noise, a number or a scalar of the dtype of ``x``."""
        rate = clip_rate(self.rate)
        variance = rate / (1 - rate)
        return math.sqrt(variance) if isinstance(variance, float) else to_dtype(sqrt(variance), x.dtype)


class GaussianNoise(RandomLayer):
    r"""Additive Gaussian noise during training, :math:`x + \sigma z` with :math:`z \sim \mathcal{N}(0, 1)`.

    Parameters
    ----------
    stddev : float
        Standard deviation :math:`\sigma`, 0 or more.
    seed, name
        As in `Dropout`.

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
        self.stddev: float = check_real(self.name, "stddev", stddev, 0)

    def call(self, x: Expr) -> Expr:
        if not self.stddev:
            return x
        x = to_float(x)
        noisy: Expr = training_only(x + self.generator.normal(0.0, self.stddev, like=x, dtype=x.dtype), x)
        return noisy
