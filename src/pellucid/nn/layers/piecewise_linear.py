"""Piecewise-linear encoding of numeric features."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from pellucid.graph.errors import OptionError, ShapeError, brief
from pellucid.graph.expr import Expr
from pellucid.graph.ops.elementwise import clip
from pellucid.graph.ops.indexing import take
from pellucid.graph.types import format_shape
from pellucid.graph.validation import check_integer
from pellucid.nn.casts import to_float
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.validation import check_array
from pellucid.typing import Array, ArrayLike

__all__ = ["PiecewiseLinearEncoding"]

Edges = list[list[float]]


class PiecewiseLinearEncoding(Layer):
    r"""Piecewise-linear encoding of numbers, :math:`\min(\max((x_i - a) / (b - a), 0), 1)` for each bin
    :math:`[a, b]` of feature :math:`i`.

    The bins of a feature are between its quantiles, so each has about as many samples. A network of encoded numbers
    learns steps and thresholds in the way of a decision tree. A feature of two values has one bin.

    Parameters
    ----------
    bins : int
        Number of bins of a feature. Features with equal quantiles have fewer.
    edges : sequence of sequences of float, optional
        Edges of the bins of each feature, increasing. By default `adapt` computes them.
    name : str, optional
        Name of the layer. By default ``piecewise_linear_encoding`` and so on.

    Returns
    -------
    Expr
        Shape (batch, number of all bins), values from 0 to 1.

    Raises
    ------
    OptionError
        If the number of bins is not positive, or the edges do not increase.
    ShapeError
        If the layer has no edges yet, or the input has another number of features.

    Examples
    --------
    >>> layer = PiecewiseLinearEncoding(bins=2)
    >>> layer.adapt([[0.0, 1.0], [2.0, 1.0], [6.0, 5.0]])
    >>> layer.edges
    [[0.0, 2.0, 6.0], [1.0, 5.0]]
    >>> pel.function([x := pel.matrix("x", shape=("n", 2))], layer(x))([[3.0, 0.0]])
    array([[1.  , 0.25, 0.  ]], dtype=float32)

    References
    ----------
    Y. Gorishniy, I. Rubachev and A. Babenko, On Embeddings for Numerical Features in Tabular Deep Learning, NeurIPS
    2022 (without its open outer bins).
    """

    def __init__(self, bins: int = 16, edges: Sequence[Sequence[float]] | None = None, name: str | None = None) -> None:
        super().__init__(name)
        self.bins: int = check_integer("bins", bins, 1, owner=self.name)
        self.edges: Edges | None = None if edges is None else [self.check_edges(e) for e in edges]

    def check_edges(self, edges: Sequence[float]) -> list[float]:
        """Return the edges of a feature; one edge alone means that the feature has no bin."""
        values = check_array(self.name, "edges", edges).astype(np.float64)
        if values.ndim != 1 or not len(values) or not (np.diff(values) > 0).all():
            raise OptionError(f"{self.name}: expected increasing edges of a feature. Received: {edges!r}")
        found: list[float] = values.tolist()
        return found

    def adapt(self, data: ArrayLike) -> None:
        """Compute the edges of the bins: the quantiles of each feature.

        Parameters
        ----------
        data : array, shape (samples, features)
            Data, such as the training set.

        Raises
        ------
        OptionError
            If the layer has been called: its output would have another shape.
        ShapeError
            If the data are empty or no matrix.
        """
        if self.built:
            raise OptionError(f"{self.name}: expected adapt before the first call. Received: a layer in use")
        values: Array = check_array(self.name, "data", data)
        if values.ndim != 2 or not values.size:
            raise ShapeError(
                f"{self.name}: expected data of shape (samples, features). Received: shape {format_shape(values.shape)}"
            )
        quantiles = np.quantile(values.astype(np.float64), np.linspace(0, 1, self.bins + 1), axis=0)
        self.edges = [np.unique(column.astype(np.float32)).astype(float).tolist() for column in quantiles.T]
        self.config["edges"] = self.edges  # a copy of the layer has the same bins

    def list_bins(self) -> tuple[Array, Array, Array]:
        """Return feature, start and width of each bin."""
        if self.edges is None:
            raise ShapeError(f"{self.name}: expected edges of bins. Call {self.name}.adapt(data) first, or pass edges")
        bins = [(i, a, b - a) for i, edges in enumerate(self.edges) for a, b in itertools.pairwise(edges)]
        if not bins:
            raise ShapeError(f"{self.name}: expected a feature with two or more values. Received: constant features")
        features, starts, widths = zip(*bins, strict=True)
        return np.array(features), np.array(starts), np.array(widths)

    def call(self, x: Expr) -> Expr:
        features, starts, widths = self.list_bins()
        count = len(self.edges or ())
        if x.ndim != 2 or x.shape[1] != count:
            raise ShapeError(
                f"{self.name}: expected an input of shape (batch, {count}), because edges has as many features. "
                f"Received: {brief(x)}, of shape {format_shape(x.shape)}"
            ).with_operands([x])
        x = to_float(x)
        values: Expr = take(x, features.tolist(), axis=-1)
        encoded: Expr = clip((values - starts.astype(x.dtype)) / widths.astype(x.dtype), 0, 1)
        return encoded
