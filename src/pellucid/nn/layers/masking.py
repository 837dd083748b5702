"""Steps that do not count."""

from __future__ import annotations

from typing import Any

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr
from pellucid.graph.ops.minmax_where import where
from pellucid.graph.ops.reshape import expand_dims
from pellucid.graph.types import shape_text
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.validation import real
from pellucid.nn.masks import masked

__all__ = ["Masking"]


class Masking(Layer):
    r"""A sequence of which the steps that are nothing but :math:`v` do not count:
    :math:`m_t = \bigvee_i (x_{ti} \ne v)`.

    Layers that go along the sequence pass over them, and losses leave them out. Their values become 0, as Keras's do.

    Parameters
    ----------
    mask_value : float
        :math:`v`.
    name : str, optional
        Without it ``masking``, ``masking_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is no (batch, time, features).

    Examples
    --------
    >>> x = pel.tensor3("x", shape=("n", 5, 2))
    >>> pel.nn.mask_of(Masking()(x))
    (x != 0).any(axis=2)
    """

    keeps_mask = False  # it has one of its own

    def __init__(self, mask_value: float = 0.0, name: str | None = None) -> None:
        super().__init__(name)
        self.mask_value = real(self.name, "mask_value", mask_value)

    def check(self, x: Any) -> None:
        """Refuse what is no sequence of vectors."""
        if x.ndim < 3:
            raise ShapeError(
                f"{self.name}: expected an input (batch, time, features). Received: {x}, of shape {shape_text(x.shape)}"
            )

    def call(self, x: Expr) -> Expr:
        """Return the sequence with its mask."""
        inner = tuple(range(2, x.ndim))
        counts = (x != self.mask_value).any(axis=inner)
        return masked(where(expand_dims(counts, inner), x, 0), counts)  # type: ignore[no-any-return]
