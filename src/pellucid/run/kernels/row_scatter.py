"""Sums of rows at given positions, such as the gradient of an embedding."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pellucid.graph.evaluate import LoweringContext
from pellucid.graph.expr import Constant, Expr
from pellucid.graph.ops.index_spec import ARRAY, FULL_SLICE
from pellucid.run.jax_runtime import jax
from pellucid.run.kernels.source_assembly import ITEM_SIZES

if TYPE_CHECKING:
    from jax import Array as JaxArray

MAX_ROWS = 2**31 - 1
"""Maximum number of rows, and of positions: they are 32-bit integers."""


@dataclass(frozen=True)
class RowScatter:
    """A matrix each of whose rows is the sum of the values with its position.

    Attributes
    ----------
    values : array
        Rows of values; each belongs to equally many consecutive positions.
    positions : array
        Row of the result to which each value is added, as 32-bit integers; negative for none.
    """

    values: JaxArray
    positions: JaxArray


def match_row_scatter(e: Expr, context: LoweringContext) -> RowScatter | None:
    """Return the rows that an expression adds to zeros, or None for any other expression."""
    if not is_row_scatter(e) or any(i not in context.values for i in e.inputs[1:]):
        return None
    xp, (rows, *row) = jax().numpy, cast("tuple[int, ...]", e.shape)
    values, indices = (xp.asarray(context.values[i]) for i in e.inputs[1:])
    if max(rows, indices.size) > MAX_ROWS:
        return None
    positions = indices.astype("int64").reshape(-1)
    positions = xp.where(positions < 0, positions + rows, positions)
    positions = xp.where(positions < rows, positions, -1).astype("int32")
    return RowScatter(arrange_values(values, indices.shape, tuple(row)), positions)


def is_row_scatter(e: Expr) -> bool:
    """Whether an expression adds rows to zeros at the positions of one index array."""
    if e.op is None or e.op.name != "add_at" or len(e.inputs) != 3 or str(e.dtype) not in ITEM_SIZES:
        return False
    first, *others = e.settings["index"]
    has_known_size = all(isinstance(d, int) and d > 0 for d in e.shape)
    return first is ARRAY and all(part == FULL_SLICE for part in others) and has_known_size and is_zero(e.inputs[0])


def is_zero(e: Expr) -> bool:
    """Whether all elements are known to be 0."""
    if e.op is not None and e.op.name == "broadcast_like":
        return is_zero(e.inputs[0])
    return isinstance(e, Constant) and not e.value.any()


def arrange_values(values: Any, leading: tuple[int, ...], row: tuple[int, ...]) -> JaxArray:
    """Return values as a matrix of rows, each of which belongs to equally many consecutive positions.

    ``leading`` is the shape of the positions, to which values broadcast.
    """
    xp = jax().numpy
    values = values.reshape((1,) * (len(leading) + len(row) - values.ndim) + values.shape)
    own, count = values.shape[: len(leading)], len(leading)
    while count and own[count - 1] == 1:
        count -= 1
    own = leading[:count] + (1,) * (len(leading) - count)
    result: JaxArray = xp.broadcast_to(values, (*own, *row)).reshape(math.prod(own), math.prod(row))
    return result
