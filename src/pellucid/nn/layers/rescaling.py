"""Rescaling layer, and normalization with statistics of the data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError, UseError, brief
from pellucid.graph.expr import Expr, Shared
from pellucid.graph.ops.elementwise import maximum, sqrt
from pellucid.graph.types import format_shape, normalize_axes
from pellucid.nn.casts import to_float
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.normalization import expand_to_axes
from pellucid.nn.layers.validation import check_array, check_axes
from pellucid.typing import Array, ArrayLike

__all__ = ["Rescaling", "Normalization"]

EPSILON = 1e-7
"""Minimum of the standard deviation, as in Keras, for division by constant features."""


class Rescaling(Layer):
    r"""Rescaling of values to another range, :math:`s x + o`.

    Parameters
    ----------
    scale : float or array
        Scale :math:`s`, which broadcasts to the input.
    offset : float or array
        Offset :math:`o`, likewise.
    name : str, optional
        Name of the layer. By default ``rescaling``, ``rescaling_1`` and so on.

    Returns
    -------
    Expr
        The shape of the input. Integers become `config.floatx`.

    Examples
    --------
    >>> Rescaling(1 / 127.5, offset=-1)(pel.tensor4("x", shape=("n", 32, 32, 3), dtype="uint8")).dtype
    dtype('float32')
    >>> Rescaling(2.0, offset=1.0)(pel.matrix("x"))
    x * 2 + 1
    """

    def __init__(self, scale: ArrayLike, offset: ArrayLike = 0.0, name: str | None = None) -> None:
        super().__init__(name)
        self.scale: Array = check_array(self.name, "scale", scale)
        self.offset: Array = check_array(self.name, "offset", offset)

    def call(self, x: Expr) -> Expr:
        x = to_float(x)
        scale, offset = (value.astype(x.dtype) for value in (self.scale, self.offset))
        scaled: Expr = x * scale
        return scaled + offset if offset.any() else scaled


class Normalization(Layer):
    r"""Normalization to mean 0 and variance 1, :math:`(x - \mu) / \sigma`, with the statistics of the data passed to
    `adapt`, or given ones.

    Parameters
    ----------
    axis : int, sequence of int or None
        Axes along which each element has its own mean and variance. None: one mean and variance for all.
    mean, variance : float or array, optional
        :math:`\mu` and :math:`\sigma^2`, if known. They broadcast to the lengths of the axes.
    invert : bool
        Whether to apply the inverse, :math:`\sigma x + \mu`.
    name : str, optional
        Name of the layer. By default ``normalization``, ``normalization_1`` and so on.

    Raises
    ------
    TypeError
        If only one of mean and variance is given.
    ShapeError
        If the length of an axis is unknown, or differs from the data.

    Examples
    --------
    >>> layer = Normalization(name="scaled")
    >>> layer.adapt(np.array([[1.0, 10.0], [3.0, 30.0]]))
    >>> layer(pel.matrix("x", shape=("n", 2)))
    (x - scaled/mean) / maximum(sqrt(scaled/variance), 1e-07)
    >>> [p.get_value().tolist() for p in layer.parameters]
    [[2.0, 20.0], [1.0, 100.0]]

    References
    ----------
    T. F. Chan, G. H. Golub and R. J. LeVeque, Updating Formulae and a Pairwise Algorithm for Computing Sample
    Variances, 1979 (for many batches).
    """

    mean: Shared
    variance: Shared

    def __init__(
        self,
        axis: int | Sequence[int] | None = -1,
        mean: ArrayLike | None = None,
        variance: ArrayLike | None = None,
        invert: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        if (mean is None) != (variance is None):
            raise UseError(
                f"{self.name}: expected mean and variance, or neither. Received: mean={mean!r}, variance={variance!r}"
            )
        axes = () if axis is None else check_axes(self.name, "axis", axis)
        self.axis: tuple[int, ...] = (axes,) if isinstance(axes, int) else axes
        self.invert = invert
        self.statistics: dict[str, Array] = {
            "mean": check_array(self.name, "mean", 0.0 if mean is None else mean),
            "variance": check_array(self.name, "variance", 1.0 if variance is None else variance, 0),
        }

    def get_axes(self, ndim: int) -> tuple[int, ...]:
        """Return ``axis`` as sorted nonnegative axes of an array of ``ndim`` axes."""
        return tuple(sorted(normalize_axes(self.axis, ndim, self.name))) if self.axis else ()

    def build(self, x: Expr) -> None:
        axes = self.get_axes(x.ndim)
        shape = tuple(size for a in axes if isinstance(size := x.shape[a], int))
        if len(shape) < len(axes):
            raise ShapeError(
                f"{self.name}: expected an input whose axes {self.axis} have known lengths. Received: {brief(x)}, "
                f"of shape {format_shape(x.shape)}"
            ).with_operands([x])
        self.mean, self.variance = (self.add_statistic(name, shape, x) for name in ("mean", "variance"))

    def add_statistic(self, name: str, shape: tuple[int, ...], x: Expr) -> Shared:
        """Add a non-trainable parameter that `adapt` computes."""
        value = self.statistics[name]
        try:
            values = np.broadcast_to(value, shape)
        except ValueError:
            raise ShapeError(
                f"{self.name}: expected a {name} of shape {format_shape(shape)}, for axes {self.axis} of {brief(x)}. "
                f"Received: shape {format_shape(value.shape)}"
            ) from None
        return self.parameter(name, shape, lambda shape, dtype: values.astype(dtype), x, trainable=False)

    def call(self, x: Expr) -> Expr:
        axes = self.get_axes(x.ndim)
        mean, variance = (expand_to_axes(statistic, x, axes) for statistic in (self.mean, self.variance))
        deviation: Expr = maximum(sqrt(variance), EPSILON)
        return mean + to_float(x) * deviation if self.invert else (to_float(x) - mean) / deviation

    def adapt(self, data: ArrayLike | Iterable[ArrayLike]) -> None:
        """Compute the mean and variance of a data set.

        Parameters
        ----------
        data : array, shape (batch, ...), or iterable of such batches
            Data, such as the training set.

        Raises
        ------
        ShapeError
            If the axes differ from those of the input.
        ValueError
            If the data are empty.
        """
        count, mean, squares = 0, np.zeros(()), np.zeros(())
        if not isinstance(data, Iterable):
            raise UseError(f"{self.name}: expected an array to adapt to, or an iterable of batches. Received: {data!r}")
        batches: Iterable[Any] = [data] if hasattr(data, "shape") else data
        for batch in batches:
            values = check_array(self.name, "data", batch).astype(np.float64)
            reduced = tuple(a for a in range(values.ndim) if a not in self.get_axes(values.ndim))
            added = math.prod(values.shape[a] for a in reduced)
            if not added:
                continue
            step = values.mean(axis=reduced) - mean
            squares = squares + values.var(axis=reduced) * added + step**2 * (count * added / (count + added))
            mean = mean + step * (added / (count + added))
            count += added
        if not count:
            raise ShapeError(f"{self.name}: expected data to adapt to. Received: nothing")
        self.statistics = {"mean": mean, "variance": squares / count}
        if self.built:
            self.set_weights([self.statistics[name].astype(self.mean.dtype) for name in ("mean", "variance")])
