"""Activations in which features compete with one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.graph.errors import ShapeError, brief
from pellucid.graph.expr import Expr
from pellucid.graph.ops import softmax_sigmoid
from pellucid.graph.ops.attention import masked_softmax
from pellucid.graph.types import normalize_axis, shape_text
from pellucid.nn import activations
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.validation import one_axis, positive, some_axes
from pellucid.nn.masks import mask_of, masked

__all__ = ["Softmax", "Maxout"]


class Softmax(Layer):
    r"""Exponentials that sum to 1, :math:`e^{x_i} / \sum_j e^{x_j}`, over the places that a mask lets count.

    The keyword ``mask`` of the call is of booleans and broadcasts to the input; without it, that of the input is taken
    where it has the same axes. What does not count is 0.

    Parameters
    ----------
    axis : int or sequence of int
        Along which the results sum to 1.
    name : str, optional
        Without it ``softmax`` and so on.

    Examples
    --------
    >>> x = pel.matrix("x", shape=("n", 3))
    >>> Softmax()(x)
    softmax(x)
    >>> Softmax()(x, mask=x > 0)
    masked_softmax(x > 0, x)

    References
    ----------
    C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, section 4.3.4.
    """

    takes_mask = True
    keeps_mask = False

    def __init__(self, axis: int | Sequence[int] = -1, name: str | None = None) -> None:
        super().__init__(name)
        self.axis: Any = some_axes(self.name, "axis", axis)

    def call(self, x: Expr, mask: Expr | None = None) -> Expr:
        """Return the probabilities."""
        of_steps = mask is not None and mask is mask_of(x)
        if mask is None or (of_steps and mask.ndim != x.ndim):
            over = activations.softmax if isinstance(self.axis, int) else softmax_sigmoid.softmax
            result: Expr = over(x, axis=self.axis)
        else:
            result = masked_softmax(mask, x, axis=self.axis)
        return result if mask is None or not of_steps else masked(result, mask)


class Maxout(Layer):
    r"""The greatest of so many features side by side, :math:`\max_{j < k} x_{ik + j}`: with a `Dense` before it, a unit
    that learns its activation.

    Parameters
    ----------
    num_pieces : int
        :math:`k`, a divisor of the number of features.
    axis : int
        That of the features.
    name : str, optional
        Without it ``maxout`` and so on.

    Raises
    ------
    ShapeError
        If the features cannot be parted so.

    Examples
    --------
    >>> Maxout(2)(pel.matrix("x", shape=("n", 6)))
    x.reshape(n, 3, 2).max(axis=2)

    References
    ----------
    I. J. Goodfellow, D. Warde-Farley, M. Mirza, A. Courville and Y. Bengio, Maxout Networks, ICML 2013.
    """

    def __init__(self, num_pieces: int, axis: int = -1, name: str | None = None) -> None:
        super().__init__(name)
        self.num_pieces = positive(self.name, "num_pieces", num_pieces)
        self.axis = one_axis(self.name, "axis", axis)

    def call(self, x: Expr) -> Expr:
        """Return the greatest of every piece."""
        axis = normalize_axis(self.axis, x.ndim, self.name, x)
        size = x.shape[axis]
        if not axis or not isinstance(size, int) or size % self.num_pieces:
            raise ShapeError(
                f"{self.name}: expected features along axis {axis} that can be parted into pieces of "
                f"{self.num_pieces}. Received: {brief(x)}, of shape {shape_text(x.shape)}"
            ).about([x])
        parted = x.reshape([*x.shape[:axis], size // self.num_pieces, self.num_pieces, *x.shape[axis + 1 :]])
        return parted.max(axis=axis + 1)
