"""The first line of a model: what it is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.graph.expr import Input as GraphInput
from pellucid.graph.types import Dim
from pellucid.nn.layers.automatic_names import automatic_name

__all__ = ["Input"]


class Input(GraphInput):
    """A batch of samples that a model is given: an input of the graph, with the batch in front.

    Layers are called on it, and it stands at the head of a `Sequential`.

    Parameters
    ----------
    shape : sequence of int, str or None
        Of one sample, without the batch.
    dtype : dtype, optional
        `config.floatx` without it.
    name : str, optional
        What it is called on the page.
    batch_size : int, str or None
        The size of the batch, or its name.

    Raises
    ------
    ShapeError
        For something that is no shape.

    Examples
    --------
    >>> image = Input((32, 32, 3), name="image")
    >>> image, image.shape
    (image, ('n', 32, 32, 3))
    """

    __slots__ = ()

    def __init__(
        self,
        shape: Sequence[Dim | None],
        dtype: Any = None,
        name: str | None = None,
        batch_size: Dim | None = "n",
    ) -> None:
        sample = [shape] if isinstance(shape, (int, str)) or shape is None else list(shape)
        super().__init__(automatic_name("InputLayer") if name is None else name, (batch_size, *sample), dtype)
