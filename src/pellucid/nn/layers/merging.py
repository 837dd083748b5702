"""Layers that merge several expressions."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from pellucid.graph.errors import OptionError, UseError, brief
from pellucid.graph.expr import Expr
from pellucid.graph.ops.concatenate import concatenate
from pellucid.graph.ops.creation import ones_like
from pellucid.graph.ops.einsum import einsum, make_index_letters
from pellucid.graph.ops.elementwise import maximum, minimum
from pellucid.graph.ops.norms import vector_norm
from pellucid.graph.ops.reshape import expand_dims
from pellucid.graph.types import ShapeMismatch, broadcast, is_float, normalize_axis, unify
from pellucid.nn.casts import to_float
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.validation import check_axes, check_axis, make_shape_error
from pellucid.nn.masks import attach_mask, find_mask

__all__ = ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot"]


class MergeLayer(Layer):
    """Base of layers that are called on a list of expressions."""

    merges = True

    def check_input(self, x: object) -> None:
        if not isinstance(x, list) or not x:
            raise UseError(
                f"{self.name}: expected a list of expressions, as in nn.{type(self).__name__}()([a, b]). "
                f"Received: {brief(x) if isinstance(x, Expr) else x}"
            )


class ElementwiseMerge(MergeLayer):
    """Base of elementwise merging layers. Shapes broadcast; missing axes are inserted after the batch axis."""

    def call(self, x: list[Expr]) -> Expr:
        ndim = max(e.ndim for e in x)
        if not all(e.ndim for e in x):
            raise make_shape_error(self.name, "inputs (batch, ...), not scalars", x)
        x = [to_float(e) for e in x] if any(is_float(e.dtype) for e in x) else x
        aligned = [e if e.ndim == ndim else expand_dims(e, axis=tuple(range(1, 1 + ndim - e.ndim))) for e in x]
        shape = broadcast([e.shape for e in aligned])
        if isinstance(shape, ShapeMismatch):
            lengths = f"{shape.left} and {shape.right} of axis {shape.axis}"
            raise make_shape_error(self.name, f"shapes that broadcast, but the lengths {lengths} differ", x)
        return self.merge(aligned)

    def merge(self, x: list[Expr]) -> Expr:
        """Return the elementwise combination of the inputs."""
        raise NotImplementedError(f"{type(self).__name__} does not implement merge(x)")


class Add(ElementwiseMerge):
    r"""Sum of several expressions, :math:`x_1 + x_2 + \dots`.

    Parameters
    ----------
    name : str, optional
        Name of the layer. By default ``add``, ``add_1`` and so on.

    Raises
    ------
    ShapeError
        If the shapes do not broadcast.

    Examples
    --------
    >>> Add()([pel.matrix("x", shape=("n", 3)), pel.matrix("y", shape=("n", 3))])
    x + y

    References
    ----------
    K. He, X. Zhang, S. Ren and J. Sun, Deep Residual Learning for Image Recognition, CVPR 2016
    (residual connections).
    """

    def merge(self, x: list[Expr]) -> Expr:
        return functools.reduce(lambda a, b: a + b, x)


class Subtract(ElementwiseMerge):
    """Difference of two expressions, :math:`x - y`.

    Parameters
    ----------
    name : str, optional
        Name of the layer. By default ``subtract``, ``subtract_1`` and so on.

    Raises
    ------
    ShapeError
        If there are not two, or their shapes do not broadcast.

    Examples
    --------
    >>> Subtract()([pel.matrix("x", shape=("n", 3)), pel.matrix("y", shape=("n", 3))])
    x - y
    """

    def merge(self, x: list[Expr]) -> Expr:
        if len(x) != 2:
            raise make_shape_error(self.name, f"two expressions, not {len(x)}", x)
        return x[0] - x[1]


class Multiply(ElementwiseMerge):
    r"""Elementwise product of several expressions, :math:`x_1 \odot x_2 \odot \dots`.

    Parameters
    ----------
    name : str, optional
        Name of the layer. By default ``multiply``, ``multiply_1`` and so on.

    Raises
    ------
    ShapeError
        If the shapes do not broadcast.

    Examples
    --------
    >>> Multiply()([pel.matrix("x", shape=("n", 3)), pel.matrix("y", shape=("n", 3))])
    x * y
    """

    def merge(self, x: list[Expr]) -> Expr:
        return functools.reduce(lambda a, b: a * b, x)


class Average(ElementwiseMerge):
    r"""Mean of several expressions, :math:`(x_1 + \dots + x_k) / k`.

    Parameters
    ----------
    name : str, optional
        Name of the layer. By default ``average``, ``average_1`` and so on.

    Raises
    ------
    ShapeError
        If the shapes do not broadcast.

    Examples
    --------
    >>> Average()([pel.matrix("x", shape=("n", 3)), pel.matrix("y", shape=("n", 3))])
    (x + y) / 2
    """

    def merge(self, x: list[Expr]) -> Expr:
        total = functools.reduce(lambda a, b: a + b, map(to_float, x))
        return total / len(x)


class Maximum(ElementwiseMerge):
    r"""Elementwise maximum of several expressions, :math:`\max(x_1, x_2, \dots)`.

    Parameters
    ----------
    name : str, optional
        Name of the layer. By default ``maximum``, ``maximum_1`` and so on.

    Raises
    ------
    ShapeError
        If the shapes do not broadcast.

    Examples
    --------
    >>> Maximum()([pel.matrix("x", shape=("n", 3)), pel.matrix("y", shape=("n", 3))])
    maximum(x, y)
    """

    def merge(self, x: list[Expr]) -> Expr:
        return functools.reduce(maximum, x)


class Minimum(ElementwiseMerge):
    r"""Elementwise minimum of several expressions, :math:`\min(x_1, x_2, \dots)`.

    Parameters
    ----------
    name : str, optional
        Name of the layer. By default ``minimum``, ``minimum_1`` and so on.

    Raises
    ------
    ShapeError
        If the shapes do not broadcast.

    Examples
    --------
    >>> Minimum()([pel.matrix("x", shape=("n", 3)), pel.matrix("y", shape=("n", 3))])
    minimum(x, y)
    """

    def merge(self, x: list[Expr]) -> Expr:
        return functools.reduce(minimum, x)


class Concatenate(MergeLayer):
    r"""Concatenation of several expressions along an axis, :math:`(x_1, x_2, \dots)`.

    Along the time axis, axis 1, masks are concatenated, too.

    Parameters
    ----------
    axis : int
        Axis to concatenate along, other than the batch axis. The lengths of all other axes must be equal.
    name : str, optional
        Name of the layer. By default ``concatenate``, ``concatenate_1`` and so on.

    Raises
    ------
    ShapeError
        If other axes differ.

    Examples
    --------
    >>> Concatenate()([pel.matrix("x", shape=("n", 3)), pel.matrix("y", shape=("n", 2))]).shape
    ('n', 5)
    """

    def __init__(self, axis: int = -1, name: str | None = None) -> None:
        super().__init__(name)
        self.axis: int = check_axis(self.name, "axis", axis)
        if not self.axis:
            raise OptionError(f"{self.name}: expected an axis other than 0, the batch axis. Received: axis={axis!r}")

    def call(self, x: list[Expr]) -> Expr:
        first = x[0]
        axis = normalize_axis(self.axis, first.ndim, self.name, first)
        others = [[d for a, d in enumerate(e.shape) if a != axis] for e in x]
        match = all(len(o) == len(others[0]) and None not in map(unify, o, others[0]) for o in others)
        if not axis:
            raise make_shape_error(self.name, f"an axis other than the batch axis, not axis={self.axis}", x)
        if not match:
            raise make_shape_error(self.name, f"shapes that are equal except along axis {axis}", x)
        joined: Expr = concatenate(x, axis=axis)
        masks = [find_mask(e) for e in x]
        self.keeps_mask: bool = axis != 1
        if axis == 1 and first.ndim > 2 and any(m is not None for m in masks):
            step_masks = [
                ones_like(e[:, :, *[0] * (e.ndim - 2)], dtype=bool) if m is None else m
                for e, m in zip(x, masks, strict=True)
            ]
            joined = attach_mask(joined, concatenate(step_masks, axis=1))
        return joined


class Dot(MergeLayer):
    r"""Dot product of two expressions along an axis of each, for each sample, :math:`\sum_k x_{nik} y_{nkj}`.

    Parameters
    ----------
    axes : int or pair of int
        Axis to sum over, one for both expressions or one for each; not the batch axis.
    normalize : bool
        Whether to normalize the vectors along these axes first. The result is their cosine similarity.
    name : str, optional
        Name of the layer. By default ``dot``, ``dot_1`` and so on.

    Raises
    ------
    ShapeError
        If there are not two expressions, or the axes differ in length.

    Examples
    --------
    >>> Dot(axes=1)([pel.matrix("x", shape=("n", 3)), pel.matrix("y", shape=("n", 3))]).shape
    ('n', 1)
    >>> x, y = pel.tensor3("x", shape=("n", 4, 3)), pel.tensor3("y", shape=("n", 3, 5))
    >>> Dot(axes=(2, 1))([x, y]).shape
    ('n', 4, 5)
    """

    keeps_mask = False

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, name: str | None = None) -> None:
        super().__init__(name)
        checked = check_axes(self.name, "axes", axes)
        pair = (checked, checked) if isinstance(checked, int) else checked
        if len(pair) != 2 or not all(pair):
            raise OptionError(
                f"{self.name}: expected an axis, or one for each of two expressions, other than 0, the batch axis. "
                f"Received: axes={axes!r}"
            )
        self.axes = pair
        self.normalize: bool = bool(normalize)

    def call(self, x: list[Expr]) -> Expr:
        if len(x) != 2:
            raise make_shape_error(self.name, f"two expressions, not {len(x)}", x)
        left, right = (normalize_axis(a, e.ndim, self.name, e) for a, e in zip(self.axes, x, strict=True))
        if not left or not right:
            raise make_shape_error(self.name, f"axes other than the batch axis, not axes={self.axes}", x)
        if unify(x[0].shape[left], x[1].shape[right]) is None:
            expected = f"axis {left} of the first to be as long as axis {right} of the second"
            raise make_shape_error(self.name, expected, x)
        a, b = (
            to_float(e) / maximum(vector_norm(to_float(e), axis=axis, keepdims=True), 1e-12) if self.normalize else e
            for e, axis in zip(x, (left, right), strict=True)
        )
        letters = make_index_letters(a.ndim + b.ndim)
        first, second = letters[: a.ndim], letters[a.ndim :]
        second = "".join({0: first[0], right: first[left]}.get(i, s) for i, s in enumerate(second))
        result = "".join(dict.fromkeys(i for i in first + second if i != first[left]))
        product: Expr = einsum(f"{first},{second}->{result}", a, b)
        return product if product.ndim > 1 else expand_dims(product, axis=1)
