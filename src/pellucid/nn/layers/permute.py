"""Permute, repeat and identity layers."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.graph.errors import OptionError, ShapeError, brief
from pellucid.graph.expr import Expr
from pellucid.graph.ops.permute import transpose
from pellucid.graph.ops.repeat import repeat
from pellucid.graph.ops.reshape import expand_dims
from pellucid.graph.types import format_shape
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.validation import check_size

__all__ = ["Permute", "RepeatVector", "Identity"]


class Permute(Layer):
    """Permutation of the axes of a sample, :math:`y_{nji} = x_{nij}` for ``(2, 1)``.

    Parameters
    ----------
    dims : sequence of int
        Input axis for each axis of the result, counted from 1. Axis 0, the batch axis, stays.
    name : str, optional
        Name of the layer. By default ``permute``, ``permute_1`` and so on.

    Raises
    ------
    ValueError
        If ``dims`` is not a permutation of the axes from 1.
    ShapeError
        If the input has a different number of axes.

    Examples
    --------
    >>> Permute((2, 1))(pel.tensor3("x", shape=("n", 4, 3))).shape
    ('n', 3, 4)
    """

    keeps_mask = False

    def __init__(self, dims: Sequence[int], name: str | None = None) -> None:
        super().__init__(name)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, 1 + len(self.dims))):
            raise OptionError(
                f"{self.name}: expected dims to be a permutation of the axes from 1 to {len(self.dims)}. "
                f"Received: dims={self.dims}"
            )

    def call(self, x: Expr) -> Expr:
        if x.ndim != 1 + len(self.dims):
            raise ShapeError(
                f"{self.name}: expected an input of {1 + len(self.dims)} axes, the batch axis and those of "
                f"dims={self.dims}. Received: {brief(x)}, of shape {format_shape(x.shape)}"
            ).with_operands([x])
        permuted: Expr = transpose(x, (0, *self.dims))
        return permuted


class RepeatVector(Layer):
    """Sequence that repeats a vector, :math:`y_{ntf} = x_{nf}`.

    Parameters
    ----------
    n : int
        Number of steps.
    name : str, optional
        Name of the layer. By default ``repeat_vector``, ``repeat_vector_1`` and so on.

    Examples
    --------
    >>> RepeatVector(5)(pel.matrix("x", shape=("n", 3))).shape
    ('n', 5, 3)
    """

    ndim = 2
    keeps_mask = False

    def __init__(self, n: int, name: str | None = None) -> None:
        super().__init__(name)
        self.n = check_size(self.name, "n", n)

    def call(self, x: Expr) -> Expr:
        repeated: Expr = repeat(expand_dims(x, axis=1), self.n, axis=1)
        return repeated


class Identity(Layer):
    """Identity layer, :math:`x`.

    Parameters
    ----------
    name : str, optional
        Name of the layer. By default ``identity``, ``identity_1`` and so on.

    Examples
    --------
    >>> Identity()(pel.matrix("x"))
    x
    """

    def call(self, x: Expr) -> Expr:
        return x
