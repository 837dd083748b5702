"""The first line of a model: what it is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.graph.expr import Input as GraphInput
from pellucid.graph.types import Dim, as_dtype, as_shape
from pellucid.nn.layers.base import automatic_name

__all__ = ["Input"]


class Input:
    """What one sample looks like; the model adds the batch in front.

    Parameters
    ----------
    shape : sequence of int, str or None
        Of one sample, without the batch.
    dtype : dtype, optional
        `config.floatx` without it.
    name : str, optional
        What it is called on the page.

    Raises
    ------
    ShapeError
        For something that is no shape.

    Examples
    --------
    >>> image = Input((32, 32, 3), name="image")
    >>> image.shape, image.expression().shape
    ((32, 32, 3), ('n', 32, 32, 3))
    """

    def __init__(self, shape: Sequence[Dim | None], dtype: Any = None, name: str | None = None) -> None:
        self.shape = as_shape(shape)
        self.dtype = as_dtype(dtype)
        self.name = automatic_name("InputLayer") if name is None else name

    def expression(self, batch: Dim | None = "n") -> GraphInput:
        """Return an input of the graph for a batch of such samples."""
        return GraphInput(self.name, (batch, *self.shape), self.dtype)

    def __repr__(self) -> str:
        return f"<Input {self.name} {self.shape}>"
