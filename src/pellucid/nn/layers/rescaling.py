"""Values brought to another range, by numbers that are given or taken from the data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError, UseError
from pellucid.graph.expr import Expr, Shared
from pellucid.graph.ops.elementwise import sqrt
from pellucid.graph.ops.minmax_where import maximum
from pellucid.graph.types import normalize_axes, shape_text
from pellucid.nn.dtypes import as_real
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.validation import numbers, some_axes

__all__ = ["Rescaling", "Normalization"]

EPSILON = 1e-7
"""What a standard deviation is at least, as in Keras, so that what never changes can be divided by it."""

Array = np.ndarray[Any, Any]


class Rescaling(Layer):
    r"""Values in another range, :math:`s x + o`.

    Parameters
    ----------
    scale : float or array
        :math:`s`; of a shape that broadcasts, if each channel has its own.
    offset : float or array
        :math:`o`, likewise.
    name : str, optional
        Without it ``rescaling``, ``rescaling_1`` and so on.

    Returns
    -------
    Expr
        Of the shape of the input; integers become `config.floatx`.

    Examples
    --------
    >>> Rescaling(1 / 127.5, offset=-1)(pel.tensor4("x", shape=("n", 32, 32, 3), dtype="uint8")).dtype
    dtype('float32')
    >>> Rescaling(2.0, offset=1.0)(pel.matrix("x"))
    x * 2 + 1
    """

    def __init__(self, scale: Any, offset: Any = 0.0, name: str | None = None) -> None:
        super().__init__(name)
        self.scale = numbers(self.name, "scale", scale)
        self.offset = numbers(self.name, "offset", offset)

    def call(self, x: Expr) -> Expr:
        """Return the values in the new range."""
        x = as_real(x)
        scale, offset = (value.astype(x.dtype) for value in (self.scale, self.offset))
        scaled: Expr = x * scale
        return scaled + offset if offset.any() else scaled


class Normalization(Layer):
    r"""Values with mean 0 and variance 1, :math:`(x - \mu) / \sigma`, by the mean and variance of the data that `adapt`
    has seen, or by given ones.

    Parameters
    ----------
    axis : int, sequence of int or None
        The axes along which each place has a mean and a variance of its own; None for one of all.
    mean, variance : float or array, optional
        :math:`\mu` and :math:`\sigma^2`, if they are known; of a shape that broadcasts to that of the axes.
    invert : bool
        Whether it shall undo itself, :math:`\sigma x + \mu`.
    name : str, optional
        Without it ``normalization``, ``normalization_1`` and so on.

    Raises
    ------
    TypeError
        If there is a mean without a variance, or the other way round.
    ShapeError
        If the length of an axis is not known, or other than that of the data.

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

    def __init__(
        self,
        axis: int | Sequence[int] | None = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        if (mean is None) != (variance is None):
            raise UseError(
                f"{self.name}: expected mean and variance, or neither. Received: mean={mean}, variance={variance}"
            )
        kept = () if axis is None else some_axes(self.name, "axis", axis)
        self.axis = (kept,) if isinstance(kept, int) else kept
        self.invert = invert
        self.first: dict[str, Array] = {
            "mean": numbers(self.name, "mean", 0.0 if mean is None else mean),
            "variance": numbers(self.name, "variance", 1.0 if variance is None else variance, 0),
        }

    def kept(self, ndim: int) -> tuple[int, ...]:
        """Return the axes along which each place has its own mean, of values of so many axes."""
        return tuple(sorted(normalize_axes(self.axis, ndim, self.name))) if self.axis else ()

    def build(self, x: Expr) -> None:
        """Make the mean and the variance, which no optimizer changes."""
        shape = tuple(x.shape[a] for a in self.kept(x.ndim))
        if not all(isinstance(size, int) for size in shape):
            raise ShapeError(
                f"{self.name}: expected an input whose axes {self.axis} have known lengths. Received: {x}, of shape "
                f"{shape_text(x.shape)}"
            )
        self.mean, self.variance = (self.statistic(name, shape, x) for name in ("mean", "variance"))

    def statistic(self, name: str, shape: Any, x: Expr) -> Shared:
        """Make the mean or the variance, of the values that are known so far."""
        value = self.first[name]
        try:
            spread = np.broadcast_to(value, shape)
        except ValueError:
            raise ShapeError(
                f"{self.name}: expected a {name} of shape {shape_text(shape)}, as axes {self.axis} of {x} have it. "
                f"Received: one of shape {shape_text(value.shape)}"
            ) from None
        return self.parameter(name, shape, lambda shape, dtype: spread.astype(dtype), x, trainable=False)

    def call(self, x: Expr) -> Expr:
        r"""Return :math:`(x - \mu) / \sigma`, or its inverse."""
        kept = self.kept(x.ndim)
        mean: Expr = self.mean
        variance: Expr = self.variance
        if kept != tuple(range(x.ndim - len(kept), x.ndim)):
            spread = [x.shape[a] if a in kept else 1 for a in range(x.ndim)]
            mean, variance = (value.reshape(*spread) for value in (mean, variance))
        deviation: Expr = maximum(sqrt(variance), EPSILON)
        return mean + as_real(x) * deviation if self.invert else (as_real(x) - mean) / deviation

    def adapt(self, data: Any) -> None:
        """Take the mean and the variance of some data.

        Parameters
        ----------
        data : array, shape (batch, ...), or iterable of such batches
            What the layer will be given, such as the training set.

        Raises
        ------
        ShapeError
            If it has other axes than the input.
        ValueError
            If there is none.
        """
        count, mean, squares = 0, np.zeros(()), np.zeros(())
        for batch in [data] if hasattr(data, "shape") else batches_of(data):
            values = numbers(self.name, "data", batch).astype(np.float64)
            over = tuple(a for a in range(values.ndim) if a not in self.kept(values.ndim))
            more = math.prod(values.shape[a] for a in over)
            if not more:
                continue
            step = values.mean(axis=over) - mean
            squares = squares + values.var(axis=over) * more + step**2 * (count * more / (count + more))
            mean = mean + step * (more / (count + more))
            count += more
        if not count:
            raise ShapeError(f"{self.name}: expected data to adapt to. Received: nothing")
        self.first = {"mean": mean, "variance": squares / count}
        if self.built:
            self.set_weights([self.first[name].astype(self.mean.dtype) for name in ("mean", "variance")])


def batches_of(data: Any) -> Iterable[Any]:
    """Return the batches of an iterable, or say what was expected."""
    if not isinstance(data, Iterable):
        raise UseError(f"Expected an array to adapt to, or batches of it. Received: {data!r}")
    return data
