r"""Initializers: the first values of parameters, with Keras 3's names, arguments and distributions.

They draw from the process's generator (see `pellucid.nn.set_random_seed`), or from one of their own if given a seed,
which then draws the same values at every call.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError, ShapeError
from pellucid.graph.types import as_dtype
from pellucid.nn.lookup import look_up
from pellucid.nn.randomness import weight_generator

Array = np.ndarray[Any, Any]
Shape = Sequence[int]


def fans(shape: Shape) -> tuple[float, float]:
    r"""Return how many values enter and leave a unit: for a kernel (..., in, out), each times the window's size.

    Examples
    --------
    >>> fans((3, 3, 16, 32))
    (144.0, 288.0)
    """
    if len(shape) < 2:
        size = float(shape[0]) if shape else 1.0
        return size, size
    window = math.prod(shape[:-2])
    return float(window * shape[-2]), float(window * shape[-1])


class Initializer:
    """What makes the first value of a parameter: called with a shape and a dtype, it returns an array."""

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        """Return an array of this shape, of `config.floatx` unless a dtype is given."""
        return np.asarray(self.draw(tuple(shape)), as_dtype(dtype))

    def draw(self, shape: tuple[int, ...]) -> Array:
        """Return an array of this shape, of any precision."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it draws")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"


class Constant(Initializer):
    """Every element the same number.

    Examples
    --------
    >>> Constant(0.1)((2,))
    array([0.1, 0.1], dtype=float32)
    """

    def __init__(self, value: float = 0.0) -> None:
        self.value = value

    def draw(self, shape: tuple[int, ...]) -> Array:
        """Return an array of the number."""
        return np.full(shape, self.value, np.float64)


class Zeros(Initializer):
    """Every element 0."""

    def draw(self, shape: tuple[int, ...]) -> Array:
        """Return zeros."""
        return np.zeros(shape)


class Ones(Initializer):
    """Every element 1."""

    def draw(self, shape: tuple[int, ...]) -> Array:
        """Return ones."""
        return np.ones(shape)


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


TRUNCATED_STANDARD_DEVIATION = 0.87962566103423978
"""That of a standard normal distribution cut off at -2 and 2."""


class VarianceScaling(Initializer):
    r"""Spread chosen by the numbers of values that enter and leave a unit: variance :math:`s / n`, with :math:`n` the
    fan in, the fan out or their mean.

    Parameters
    ----------
    scale : float
        :math:`s`.
    mode : {"fan_in", "fan_out", "fan_avg"}
        What :math:`n` is.
    distribution : {"truncated_normal", "untruncated_normal", "uniform"}
        What is drawn from; uniform between :math:`\pm \sqrt{3 s / n}`.
    seed : int, optional
        A seed of its own.

    References
    ----------
    X. Glorot and Y. Bengio, Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010
    (scale 1, mean fan); K. He, X. Zhang, S. Ren and J. Sun, Delving Deep into Rectifiers, ICCV 2015 (scale 2, fan in);
    Y. LeCun, L. Bottou, G. B. Orr and K.-R. Müller, Efficient BackProp, 1998 (scale 1, fan in).
    """

    MODES = ("fan_in", "fan_out", "fan_avg")
    DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
    ) -> None:
        if scale <= 0:
            raise OptionError(f"Expected a scale above 0. Received: scale={scale}")
        if mode not in self.MODES:
            raise OptionError(f"Expected a mode out of {self.MODES}. Received: mode={mode!r}")
        if distribution not in self.DISTRIBUTIONS:
            raise OptionError(
                f"Expected a distribution out of {self.DISTRIBUTIONS}. Received: distribution={distribution!r}"
            )
        self.scale, self.mode, self.distribution, self.seed = scale, mode, distribution, seed

    def draw(self, shape: tuple[int, ...]) -> Array:
        """Draw with the variance that the shape asks for."""
        fan_in, fan_out = fans(shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        deviation = math.sqrt(self.scale / max(1.0, fan))
        rng = weight_generator(self.seed)
        if self.distribution == "uniform":
            limit = math.sqrt(3) * deviation
            return rng.uniform(-limit, limit, shape)
        if self.distribution == "untruncated_normal":
            return deviation * rng.standard_normal(shape)
        return deviation / TRUNCATED_STANDARD_DEVIATION * truncated_normal(rng, shape)


class GlorotUniform(VarianceScaling):
    r"""Uniform between :math:`\pm \sqrt{6 / (n_\text{in} + n_\text{out})}`; see `VarianceScaling`."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(1.0, "fan_avg", "uniform", seed)


class GlorotNormal(VarianceScaling):
    r"""Truncated normal of variance :math:`2 / (n_\text{in} + n_\text{out})`; see `VarianceScaling`."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(1.0, "fan_avg", "truncated_normal", seed)


class HeUniform(VarianceScaling):
    r"""Uniform between :math:`\pm \sqrt{6 / n_\text{in}}`; see `VarianceScaling`."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(2.0, "fan_in", "uniform", seed)


class HeNormal(VarianceScaling):
    r"""Truncated normal of variance :math:`2 / n_\text{in}`; see `VarianceScaling`."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(2.0, "fan_in", "truncated_normal", seed)


class LecunUniform(VarianceScaling):
    r"""Uniform between :math:`\pm \sqrt{3 / n_\text{in}}`; see `VarianceScaling`."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(1.0, "fan_in", "uniform", seed)


class LecunNormal(VarianceScaling):
    r"""Truncated normal of variance :math:`1 / n_\text{in}`; see `VarianceScaling`."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(1.0, "fan_in", "truncated_normal", seed)


class Orthogonal(Initializer):
    r"""A random orthogonal matrix times ``gain``: all axes but the last are taken for rows, and the shorter side's
    vectors are orthonormal, :math:`W^T W = g^2 I` or :math:`W W^T = g^2 I`.

    Raises
    ------
    ShapeError
        For a shape of fewer than two axes.

    References
    ----------
    A. M. Saxe, J. L. McClelland and S. Ganguli, Exact solutions to the nonlinear dynamics of learning in deep linear
    neural networks, ICLR 2014.
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        self.gain, self.seed = gain, seed

    def draw(self, shape: tuple[int, ...]) -> Array:
        """Draw a normal matrix and keep its orthogonal factor."""
        if len(shape) < 2:
            raise ShapeError(f"An orthogonal matrix has two axes or more. Received: shape={shape}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        normal = weight_generator(self.seed).standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(normal)
        q = q * np.sign(np.diag(r))  # without it some orthogonal matrices are likelier than others
        return self.gain * (q.T if rows < columns else q).reshape(shape)


NAMED: dict[str, type[Initializer]] = {
    "constant": Constant,
    "glorot_normal": GlorotNormal,
    "glorot_uniform": GlorotUniform,
    "he_normal": HeNormal,
    "he_uniform": HeUniform,
    "lecun_normal": LecunNormal,
    "lecun_uniform": LecunUniform,
    "ones": Ones,
    "orthogonal": Orthogonal,
    "random_normal": RandomNormal,
    "random_uniform": RandomUniform,
    "truncated_normal": TruncatedNormal,
    "variance_scaling": VarianceScaling,
    "zeros": Zeros,
}


def get(identifier: str | Callable[..., Any]) -> Callable[..., Any]:
    """Return the initializer of a name, with its defaults.

    Parameters
    ----------
    identifier : str or function
        A name, or anything that is called as ``initializer(shape, dtype=...)`` and returns an array.

    Returns
    -------
    Initializer or function
        To be called with a shape.

    Raises
    ------
    ValueError
        For an unknown name; the nearest is named.

    Examples
    --------
    >>> get("random_uniform")
    RandomUniform(minval=-0.05, maxval=0.05, seed=None)
    """
    found = look_up("initializer", identifier, NAMED)
    return found() if isinstance(found, type) else found
