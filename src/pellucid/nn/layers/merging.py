"""Several expressions made one."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from pellucid.graph.errors import OptionError, ShapeError, UseError, brief
from pellucid.graph.expr import Expr
from pellucid.graph.ops.concatenate import concatenate
from pellucid.graph.ops.creation import ones_like
from pellucid.graph.ops.einsum import einsum
from pellucid.graph.ops.minmax_where import maximum, minimum
from pellucid.graph.ops.norms import vector_norm
from pellucid.graph.ops.reshape import expand_dims
from pellucid.graph.ops.tensordot import letters
from pellucid.graph.types import Mismatch, broadcast, is_float, normalize_axis, shape_text, unify
from pellucid.nn.dtypes import as_real
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.validation import one_axis, some_axes
from pellucid.nn.masks import mask_of, masked

__all__ = ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot"]


class Merge(Layer):
    """A layer that is called on a list of expressions.

    Parameters
    ----------
    name : str, optional
        Without it that of the class.
    """

    merges = True

    def check(self, x: Any) -> None:
        """Refuse what is no list of expressions."""
        if not isinstance(x, list) or not x:
            raise UseError(
                f"{self.name}: expected a list of expressions, as in nn.{type(self).__name__}()([a, b]). "
                f"Received: {brief(x) if isinstance(x, Expr) else x}"
            )

    def refusal(self, x: Sequence[Expr], why: str) -> ShapeError:
        """Return an error that names the layer and all the shapes."""
        told = ", ".join(f"{brief(e)} of shape {shape_text(e.shape)}" for e in x)
        return ShapeError(f"{self.name}: {why}. Received: {told}").about(list(x))


class Elementwise(Merge):
    """A layer that merges element by element: shapes broadcast, and an expression with fewer axes gets axes of length
    1 after the batch's.

    Parameters
    ----------
    name : str, optional
        Without it that of the class.
    """

    def call(self, x: list[Expr]) -> Expr:
        """Return the merged expressions."""
        most = max(e.ndim for e in x)
        if not all(e.ndim for e in x):
            raise self.refusal(x, "expected inputs (batch, ...), not single numbers")
        x = [as_real(e) for e in x] if any(is_float(e.dtype) for e in x) else x
        alike = [e if e.ndim == most else expand_dims(e, axis=tuple(range(1, 1 + most - e.ndim))) for e in x]
        shape = broadcast([e.shape for e in alike])
        if isinstance(shape, Mismatch):
            raise self.refusal(
                x, f"expected shapes that broadcast, and axis {shape.axis} is {shape.left} here and {shape.right} there"
            )
        return self.merge(alike)

    def merge(self, x: list[Expr]) -> Expr:
        """Return the formula on expressions of as many axes."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it computes")


class Add(Elementwise):
    r"""The sum of several expressions, :math:`x_1 + x_2 + \dots`.

    Parameters
    ----------
    name : str, optional
        Without it ``add``, ``add_1`` and so on.

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
    K. He, X. Zhang, S. Ren and J. Sun, Deep Residual Learning for Image Recognition, CVPR 2016 (around layers).
    """

    def merge(self, x: list[Expr]) -> Expr:
        """Return the sum."""
        return functools.reduce(lambda a, b: a + b, x)


class Subtract(Elementwise):
    """The difference of two expressions, :math:`x - y`.

    Parameters
    ----------
    name : str, optional
        Without it ``subtract``, ``subtract_1`` and so on.

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
        """Return the difference."""
        if len(x) != 2:
            raise self.refusal(x, f"expected two expressions, not {len(x)}")
        return x[0] - x[1]


class Multiply(Elementwise):
    r"""The product of several expressions, element by element, :math:`x_1 \odot x_2 \odot \dots`.

    Parameters
    ----------
    name : str, optional
        Without it ``multiply``, ``multiply_1`` and so on.

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
        """Return the product."""
        return functools.reduce(lambda a, b: a * b, x)


class Average(Elementwise):
    r"""The mean of several expressions, :math:`(x_1 + \dots + x_k) / k`.

    Parameters
    ----------
    name : str, optional
        Without it ``average``, ``average_1`` and so on.

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
        """Return the mean."""
        total = functools.reduce(lambda a, b: a + b, map(as_real, x))
        return total / len(x)


class Maximum(Elementwise):
    r"""The greatest of several expressions, element by element, :math:`\max(x_1, x_2, \dots)`.

    Parameters
    ----------
    name : str, optional
        Without it ``maximum``, ``maximum_1`` and so on.

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
        """Return the greatest."""
        return functools.reduce(maximum, x)


class Minimum(Elementwise):
    r"""The least of several expressions, element by element, :math:`\min(x_1, x_2, \dots)`.

    Parameters
    ----------
    name : str, optional
        Without it ``minimum``, ``minimum_1`` and so on.

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
        """Return the least."""
        return functools.reduce(minimum, x)


class Concatenate(Merge):
    r"""Several expressions one after another along an axis, :math:`(x_1, x_2, \dots)`.

    Along the time of sequences, axis 1, their masks are put one after another too.

    Parameters
    ----------
    axis : int
        Along which; all others must agree. Not that of the batch.
    name : str, optional
        Without it ``concatenate``, ``concatenate_1`` and so on.

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
        self.axis = one_axis(self.name, "axis", axis)
        if not self.axis:
            raise OptionError(f"{self.name}: expected an axis other than the batch's, 0. Received: axis={axis!r}")

    def call(self, x: list[Expr]) -> Expr:
        """Return the expressions one after another."""
        first = x[0]
        axis = normalize_axis(self.axis, first.ndim, self.name, first)
        others = [[d for a, d in enumerate(e.shape) if a != axis] for e in x]
        agree = all(len(o) == len(others[0]) and None not in map(unify, o, others[0]) for o in others)
        if not axis or not agree:
            raise self.refusal(x, f"expected shapes that agree but for axis {axis}, which is not that of the batch")
        joined: Expr = concatenate(x, axis=axis)
        masks = [mask_of(e) for e in x]
        self.keeps_mask = axis != 1
        if axis == 1 and first.ndim > 2 and any(m is not None for m in masks):
            every = [
                ones_like(e[:, :, *[0] * (e.ndim - 2)], dtype=bool) if m is None else m
                for e, m in zip(x, masks, strict=True)
            ]
            joined = masked(joined, concatenate(every, axis=1))
        return joined


class Dot(Merge):
    r"""Sums of products along an axis of each of two expressions, sample by sample, :math:`\sum_k x_{nik} y_{nkj}`.

    Parameters
    ----------
    axes : int or pair of int
        Of each expression, or of both, that over which is summed; not that of the batch.
    normalize : bool
        Whether the vectors along these axes are divided by their lengths first, which makes the result their cosine.
    name : str, optional
        Without it ``dot``, ``dot_1`` and so on.

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
        found = some_axes(self.name, "axes", axes)
        pair = (found, found) if isinstance(found, int) else found
        if len(pair) != 2 or not all(pair):
            raise OptionError(
                f"{self.name}: expected an axis, or one for each of two expressions, but 0, the batch's. "
                f"Received: axes={axes!r}"
            )
        self.axes = pair
        self.normalize = bool(normalize)

    def call(self, x: list[Expr]) -> Expr:
        """Return the sums of products."""
        if len(x) != 2:
            raise self.refusal(x, f"expected two expressions, not {len(x)}")
        left, right = (normalize_axis(a, e.ndim, self.name, e) for a, e in zip(self.axes, x, strict=True))
        if not left or not right or unify(x[0].shape[left], x[1].shape[right]) is None:
            raise self.refusal(x, f"expected axis {left} of the one to be as long as axis {right} of the other")
        a, b = (
            as_real(e) / maximum(vector_norm(as_real(e), axis=axis, keepdims=True), 1e-12) if self.normalize else e
            for e, axis in zip(x, (left, right), strict=True)
        )
        names = letters(a.ndim + b.ndim)
        first, second = names[: a.ndim], names[a.ndim :]
        second = "".join({0: first[0], right: first[left]}.get(i, s) for i, s in enumerate(second))
        result = "".join(dict.fromkeys(i for i in first + second if i != first[left]))
        product: Expr = einsum(f"{first},{second}->{result}", a, b)
        return product if product.ndim > 1 else expand_dims(product, axis=1)
