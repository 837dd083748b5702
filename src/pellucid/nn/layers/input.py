"""Inputs of models."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.graph.expr import Input as GraphInput
from pellucid.graph.types import Dim
from pellucid.graph.unsupported_functions import hint_at_arguments
from pellucid.nn.registry import automatic_name
from pellucid.typing import DTypeLike

__all__ = ["Input"]


class Input(GraphInput):
    """Input of a model: an expression for a batch of samples.

    Layers are called on it, or it is the first element of a `Sequential`.

    Parameters
    ----------
    shape : sequence of int, str or None
        Shape of one sample, without the batch axis.
    dtype : dtype, optional
        Default: `config.floatx`.
    name : str, optional
        Name of the expression.
    batch_size : int, str or None
        Batch size, or a name for it.

    Raises
    ------
    ShapeError
        If ``shape`` is not a shape.

    Examples
    --------
    >>> image = Input((32, 32, 3), name="image")
    >>> image, image.shape
    (image, ('n', 32, 32, 3))
    """

    __slots__ = ()

    @hint_at_arguments
    def __init__(
        self,
        shape: Sequence[Dim | None],
        dtype: DTypeLike | None = None,
        name: str | None = None,
        batch_size: Dim | None = "n",
    ) -> None:
        sample = [shape] if isinstance(shape, (int, str)) or shape is None else list(shape)
        super().__init__(automatic_name("InputLayer") if name is None else name, (batch_size, *sample), dtype)
