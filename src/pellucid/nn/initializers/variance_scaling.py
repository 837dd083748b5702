"""Variance scaling initializers: Glorot, He and LeCun."""

from __future__ import annotations

import math
from typing import Literal, get_args

from pellucid.graph.errors import OptionError
from pellucid.nn.initializers.base import Initializer, Shape
from pellucid.nn.initializers.random import truncated_normal
from pellucid.nn.random_seed import get_weight_generator
from pellucid.typing import Array

__all__ = [
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "LecunNormal",
    "LecunUniform",
    "VarianceScaling",
    "fans",
]


def fans(shape: Shape) -> tuple[float, float]:
    """Return fan in and fan out: for a kernel (..., in, out), each times the window size.

    Parameters
    ----------
    shape : sequence of int
        Shape of the kernel.

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


TRUNCATED_STANDARD_DEVIATION = 0.87962566103423978
"""Standard deviation of the standard normal distribution truncated at -2 and 2."""

FanMode = Literal["fan_in", "fan_out", "fan_avg"]
Distribution = Literal["truncated_normal", "untruncated_normal", "uniform"]


class VarianceScaling(Initializer):
    r"""Initializer with variance :math:`s / n`, where :math:`n` is the fan in, the fan out or their mean.

    Parameters
    ----------
    scale : float
        :math:`s`.
    mode : {"fan_in", "fan_out", "fan_avg"}
        Choice of :math:`n`.
    distribution : {"truncated_normal", "untruncated_normal", "uniform"}
        Distribution; uniform means between :math:`\pm \sqrt{3 s / n}`.
    seed : int, optional
        Seed for the same values at every call.

    Examples
    --------
    >>> values = VarianceScaling(2.0, "fan_in", seed=0)((50, 100))
    >>> round(float(values.var()), 2)
    0.04

    References
    ----------
    X. Glorot and Y. Bengio, Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010
    (scale 1, mean fan); K. He, X. Zhang, S. Ren and J. Sun, Delving Deep into Rectifiers, ICCV 2015 (scale 2, fan in);
    Y. LeCun, L. Bottou, G. B. Orr and K.-R. Müller, Efficient BackProp, 1998 (scale 1, fan in).
    """

    scale: float
    seed: int | None

    MODES = get_args(FanMode)
    DISTRIBUTIONS = get_args(Distribution)

    def __init__(
        self,
        scale: float = 1.0,
        mode: FanMode = "fan_in",
        distribution: Distribution = "truncated_normal",
        seed: int | None = None,
    ) -> None:
        if scale <= 0:
            raise OptionError(f"Expected scale > 0. Received: scale={scale}")
        if mode not in self.MODES:
            raise OptionError(f"Expected mode to be one of {self.MODES}. Received: mode={mode!r}")
        if distribution not in self.DISTRIBUTIONS:
            raise OptionError(
                f"Expected distribution to be one of {self.DISTRIBUTIONS}. Received: distribution={distribution!r}"
            )
        self.scale, self.mode, self.distribution, self.seed = scale, mode, distribution, seed

    def draw(self, shape: tuple[int, ...]) -> Array:
        fan_in, fan_out = fans(shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        deviation = math.sqrt(self.scale / max(1.0, fan))
        rng = get_weight_generator(self.seed)
        if self.distribution == "uniform":
            limit = math.sqrt(3) * deviation
            return rng.uniform(-limit, limit, shape)
        if self.distribution == "untruncated_normal":
            return deviation * rng.standard_normal(shape)
        return deviation / TRUNCATED_STANDARD_DEVIATION * truncated_normal(rng, shape)


class GlorotUniform(VarianceScaling):
    r"""Uniform between :math:`\pm \sqrt{6 / (n_\text{in} + n_\text{out})}`; see `VarianceScaling`.

    Parameters
    ----------
    seed : int, optional
        Seed for the same values at every call.

    Examples
    --------
    >>> values = GlorotUniform(seed=0)((2, 4))
    >>> bool((abs(values) <= 1).all()), values.shape
    (True, (2, 4))
    """

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(1.0, "fan_avg", "uniform", seed)


class GlorotNormal(VarianceScaling):
    r"""Truncated normal of variance :math:`2 / (n_\text{in} + n_\text{out})`; see `VarianceScaling`.

    Parameters
    ----------
    seed : int, optional
        Seed for the same values at every call.

    Examples
    --------
    >>> values = GlorotNormal(seed=0)((100, 100))
    >>> round(float(values.var()), 2)
    0.01
    """

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(1.0, "fan_avg", "truncated_normal", seed)


class HeUniform(VarianceScaling):
    r"""Uniform between :math:`\pm \sqrt{6 / n_\text{in}}`; see `VarianceScaling`.

    Parameters
    ----------
    seed : int, optional
        Seed for the same values at every call.

    Examples
    --------
    >>> values = HeUniform(seed=0)((6, 4))
    >>> bool((abs(values) <= 1).all()), values.shape
    (True, (6, 4))
    """

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(2.0, "fan_in", "uniform", seed)


class HeNormal(VarianceScaling):
    r"""Truncated normal of variance :math:`2 / n_\text{in}`; see `VarianceScaling`.

    Parameters
    ----------
    seed : int, optional
        Seed for the same values at every call.

    Examples
    --------
    >>> values = HeNormal(seed=0)((50, 100))
    >>> round(float(values.var()), 2)
    0.04
    """

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(2.0, "fan_in", "truncated_normal", seed)


class LecunUniform(VarianceScaling):
    r"""Uniform between :math:`\pm \sqrt{3 / n_\text{in}}`; see `VarianceScaling`.

    Parameters
    ----------
    seed : int, optional
        Seed for the same values at every call.

    Examples
    --------
    >>> values = LecunUniform(seed=0)((3, 4))
    >>> bool((abs(values) <= 1).all()), values.shape
    (True, (3, 4))
    """

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(1.0, "fan_in", "uniform", seed)


class LecunNormal(VarianceScaling):
    r"""Truncated normal of variance :math:`1 / n_\text{in}`; see `VarianceScaling`.

    Parameters
    ----------
    seed : int, optional
        Seed for the same values at every call.

    Examples
    --------
    >>> values = LecunNormal(seed=0)((50, 100))
    >>> round(float(values.var()), 2)
    0.02
    """

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(1.0, "fan_in", "truncated_normal", seed)
