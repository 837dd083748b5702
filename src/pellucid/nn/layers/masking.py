"""Masking layer."""

from __future__ import annotations

from pellucid.graph.errors import ShapeError, brief
from pellucid.graph.expr import Expr
from pellucid.graph.ops.reshape import expand_dims
from pellucid.graph.ops.where import where
from pellucid.graph.types import format_shape
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.validation import check_real
from pellucid.nn.masks import attach_mask

__all__ = ["Masking"]


class Masking(Layer):
    r"""Masking of sequence steps whose features all equal :math:`v`: :math:`m_t = \bigvee_i (x_{ti} \ne v)`.

    Recurrent layers skip masked steps, and losses ignore them. Their values become 0, as in Keras.

    Parameters
    ----------
    mask_value : float
        :math:`v`.
    name : str, optional
        Name of the layer. By default ``masking``, ``masking_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is not (batch, time, features).

    Examples
    --------
    >>> x = pel.tensor3("x", shape=("n", 5, 2))
    >>> pel.nn.find_mask(Masking()(x))
    (x != 0).any(axis=2)
    """

    keeps_mask = False  # `call` attaches a new one

    def __init__(self, mask_value: float = 0.0, name: str | None = None) -> None:
        super().__init__(name)
        self.mask_value: float = check_real(self.name, "mask_value", mask_value)

    def check_input(self, x: Expr) -> None:
        if x.ndim < 3:
            raise ShapeError(
                f"{self.name}: expected an input (batch, time, features). Received: {brief(x)}, of shape "
                f"{format_shape(x.shape)}"
            ).with_operands([x])

    def call(self, x: Expr) -> Expr:
        inner = tuple(range(2, x.ndim))
        valid = (x != self.mask_value).any(axis=inner)
        return attach_mask(where(expand_dims(valid, inner), x, 0), valid)
