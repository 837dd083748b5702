"""Flatten, reshape, permute, repeat, feature selection and identity layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.graph.errors import OptionError, ShapeError, brief
from pellucid.graph.expr import Expr
from pellucid.graph.ops.indexing import take
from pellucid.graph.ops.permute import transpose
from pellucid.graph.ops.repeat import repeat
from pellucid.graph.ops.reshape import expand_dims
from pellucid.graph.types import format_shape
from pellucid.graph.validation import check_integer, is_integer
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.validation import check_axes, check_size

__all__ = ["Flatten", "Reshape", "Permute", "RepeatVector", "SelectFeatures", "Identity"]


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

    keeps_mask = False

    def call(self, x: Expr) -> Expr:
        if not x.ndim or not all(isinstance(size, int) for size in x.shape[1:]):
            raise ShapeError(
                f"{self.name}: expected an input (batch, ...) with known lengths of all axes but the first. "
                f"Received: {brief(x)}, of shape {format_shape(x.shape)}"
            ).with_operands([x])
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

    keeps_mask = False

    def __init__(self, target_shape: Sequence[int], name: str | None = None) -> None:
        super().__init__(name)
        sizes: list[Any] = list(target_shape) if isinstance(target_shape, (tuple, list)) else [None]
        if not all(is_integer(size) and size >= -1 for size in sizes) or sizes.count(-1) > 1:
            raise OptionError(
                f"{self.name}: expected target_shape to be the sizes of a sample's axes, at most one of them -1. "
                f"Received: target_shape={target_shape!r}"
            )
        self.target_shape: tuple[int, ...] = tuple(int(size) for size in sizes)

    def call(self, x: Expr) -> Expr:
        return x.reshape(x.shape[0], *self.target_shape)


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
        checked = check_axes(self.name, "dims", dims)
        self.dims: tuple[int] | tuple[int, ...] = (checked,) if isinstance(checked, int) else checked
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

    ndim: int = 2
    keeps_mask = False

    def __init__(self, n: int, name: str | None = None) -> None:
        super().__init__(name)
        self.n: int = check_size(self.name, "n", n)

    def call(self, x: Expr) -> Expr:
        repeated: Expr = repeat(expand_dims(x, axis=1), self.n, axis=1)
        return repeated


class SelectFeatures(Layer):
    r"""Features at the given indices of the last axis, :math:`y_{nk} = x_{n i_k}`.

    Parameters
    ----------
    indices : sequence of int
        :math:`i`, from 0, in the order of the result.
    name : str, optional
        Name of the layer. By default ``select_features``, ``select_features_1`` and so on.

    Raises
    ------
    OptionError
        If there is no index, or one is no integer or negative.
    ShapeError
        If the input has too few features.

    Examples
    --------
    >>> SelectFeatures([3, 0])(pel.matrix("x", shape=("n", 4))).shape
    ('n', 2)
    """

    def __init__(self, indices: Sequence[int], name: str | None = None) -> None:
        super().__init__(name)
        if not isinstance(indices, list | tuple) or not indices:
            raise OptionError(f"{self.name}: expected a list of indices. Received: indices={indices!r}")
        self.indices: tuple[int, ...] = tuple(check_integer("indices", i, 0, owner=self.name) for i in indices)

    def call(self, x: Expr) -> Expr:
        features = x.shape[-1] if x.ndim else 0
        if isinstance(features, int) and features <= max(self.indices):
            raise ShapeError(
                f"{self.name}: expected at least {max(self.indices) + 1} features, because of indices={self.indices}. "
                f"Received: {brief(x)}, of shape {format_shape(x.shape)}"
            ).with_operands([x])
        return take(x, list(self.indices), axis=-1)


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
