"""Maxout layer."""

from __future__ import annotations

from pellucid.graph.errors import ShapeError, brief
from pellucid.graph.expr import Expr
from pellucid.graph.types import format_shape, normalize_axis
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.validation import check_axis, check_size

__all__ = ["Maxout"]


class Maxout(Layer):
    r"""Maximum of each :math:`k` consecutive features, :math:`\max_{j < k} x_{ik + j}`. After a `Dense` layer the units
    learn their activation.

    Parameters
    ----------
    num_pieces : int
        :math:`k`, a divisor of the number of features.
    axis : int
        Axis of the features.
    name : str, optional
        Name of the layer. By default ``maxout``, ``maxout_1`` and so on.

    Raises
    ------
    ShapeError
        If the number of features is unknown or not a multiple of ``num_pieces``.

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
        self.num_pieces = check_size(self.name, "num_pieces", num_pieces)
        self.axis = check_axis(self.name, "axis", axis)

    def call(self, x: Expr) -> Expr:
        axis = normalize_axis(self.axis, x.ndim, self.name, x)
        size = x.shape[axis]
        if not axis or not isinstance(size, int) or size % self.num_pieces:
            raise ShapeError(
                f"{self.name}: expected a multiple of {self.num_pieces} features, along an axis after the batch axis. "
                f"Received: {brief(x)}, of shape {format_shape(x.shape)}, with axis={axis}"
            ).with_operands([x])
        pieces = x.reshape([*x.shape[:axis], size // self.num_pieces, self.num_pieces, *x.shape[axis + 1 :]])
        return pieces.max(axis=axis + 1)
