"""Flatten and reshape layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.graph.errors import OptionError, ShapeError
from pellucid.graph.expr import Expr
from pellucid.graph.types import format_shape
from pellucid.graph.validation import is_integer
from pellucid.nn.layers.base import Layer

__all__ = ["Flatten", "Reshape"]


class Flatten(Layer):
    r"""Flattening of each sample to one axis, :math:`y_{n, (iC + j)D + k} = x_{nijk}`, from (batch, rows, columns,
    channels) to (batch, features).

    Parameters
    ----------
    name : str, optional
        Name of the layer. By default ``flatten``, ``flatten_1`` and so on.

    Raises
    ------
    ShapeError
        If an axis other than the batch axis has an unknown length.

    Examples
    --------
    >>> Flatten()(pel.tensor4("x", shape=("n", 8, 8, 3))).shape
    ('n', 192)
    """

    def call(self, x: Expr) -> Expr:
        if not x.ndim or not all(isinstance(size, int) for size in x.shape[1:]):
            raise ShapeError(
                f"{self.name}: expected an input (batch, ...) whose axes but the first have known lengths. "
                f"Received: {x}, of shape {format_shape(x.shape)}"
            )
        return x.reshape(x.shape[0], -1) if x.ndim > 1 else x.reshape(x.shape[0], 1)


class Reshape(Layer):
    r"""Reshaping of each sample, from (batch, :math:`d_1, d_2, \dots`) to (batch, :math:`e_1, e_2, \dots`) with
    :math:`\prod_i d_i = \prod_i e_i`.

    Parameters
    ----------
    target_shape : sequence of int
        Shape of one sample, without the batch axis. One size may be -1; it is inferred.
    name : str, optional
        Name of the layer. By default ``reshape``, ``reshape_1`` and so on.

    Raises
    ------
    ShapeError
        If the number of elements differs.
    ValueError
        If ``target_shape`` is not a shape.

    Examples
    --------
    >>> Reshape((28, 28, 1))(pel.matrix("x", shape=("n", 784))).shape
    ('n', 28, 28, 1)
    """

    def __init__(self, target_shape: Sequence[int], name: str | None = None) -> None:
        super().__init__(name)
        sizes: list[Any] = list(target_shape) if isinstance(target_shape, (tuple, list)) else [None]
        if not all(is_integer(size) and size >= -1 for size in sizes) or sizes.count(-1) > 1:
            raise OptionError(
                f"{self.name}: expected target_shape to be the sizes of a sample's axes, at most one of them -1. "
                f"Received: target_shape={target_shape!r}"
            )
        self.target_shape = tuple(int(size) for size in sizes)

    def call(self, x: Expr) -> Expr:
        return x.reshape(x.shape[0], *self.target_shape)
