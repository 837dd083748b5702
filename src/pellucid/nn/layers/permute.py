"""The same values along other axes, or more than once."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.graph.errors import OptionError, ShapeError, brief
from pellucid.graph.expr import Expr
from pellucid.graph.ops.permute import transpose
from pellucid.graph.ops.repeat import repeat
from pellucid.graph.ops.reshape import expand_dims
from pellucid.graph.types import shape_text
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.validation import positive

__all__ = ["Permute", "RepeatVector", "Identity"]


class Permute(Layer):
    """The axes of every sample in another order, :math:`y_{nji} = x_{nij}` for ``(2, 1)``.

    Parameters
    ----------
    dims : sequence of int
        Which axis of the input each axis of the result is, counted from 1: that of the batch, 0, stays.
    name : str, optional
        Without it ``permute`` and so on.

    Raises
    ------
    ValueError
        If it is no order of all axes from 1 on.
    ShapeError
        If the input has another number of axes.

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
                f"{self.name}: expected dims to be an order of the axes from 1 to {len(self.dims)}. "
                f"Received: dims={self.dims}"
            )

    def call(self, x: Expr) -> Expr:
        """Return the input with its axes in the new order."""
        if x.ndim != 1 + len(self.dims):
            raise ShapeError(
                f"{self.name}: expected an input of {1 + len(self.dims)} axes, the batch's and those of "
                f"dims={self.dims}. Received: {brief(x)}, of shape {shape_text(x.shape)}"
            ).about([x])
        permuted: Expr = transpose(x, (0, *self.dims))
        return permuted


class RepeatVector(Layer):
    """The same features at every step of a sequence, :math:`y_{ntf} = x_{nf}`.

    Parameters
    ----------
    n : int
        How many steps.
    name : str, optional
        Without it ``repeat_vector`` and so on.

    Examples
    --------
    >>> RepeatVector(5)(pel.matrix("x", shape=("n", 3))).shape
    ('n', 5, 3)
    """

    ndim = 2
    keeps_mask = False

    def __init__(self, n: int, name: str | None = None) -> None:
        super().__init__(name)
        self.n = positive(self.name, "n", n)

    def call(self, x: Expr) -> Expr:
        """Return the features at every step."""
        repeated: Expr = repeat(expand_dims(x, axis=1), self.n, axis=1)
        return repeated


class Identity(Layer):
    """The input as it is, :math:`x`: a name for a place in a network.

    Parameters
    ----------
    name : str, optional
        Without it ``identity`` and so on.

    Examples
    --------
    >>> Identity()(pel.matrix("x"))
    x
    """

    def call(self, x: Expr) -> Expr:
        """Return the input."""
        return x
