"""Scatters to a constant place, converted to padding. JAX's gradient of a slice is such a scatter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.run.native.equations import EquationBuilder, Value
from pellucid.typing import Array


def convert_scatter_to_pad(
    builder: EquationBuilder, name: str, params: Any, x: Value, where: Value, new: Value
) -> Value | None:
    """Return the result of a scatter of one window to a constant place; None for any other scatter.

    The window is padded to the whole array, and added to it or selected. Unlike a scatter, padding can be vectorized
    over the batch.
    """
    d, start = params["dimension_numbers"], get_constant_elements(where)
    if name not in ("scatter", "scatter-add") or start is None or start.ndim != 1 or d.operand_batching_dims:
        return None
    first = [0] * x.ndim
    for axis, index in zip(d.scatter_dims_to_operand_dims, start, strict=True):
        first[axis] = int(index)
    sizes = iter(new.shape)
    window = tuple(1 if a in d.inserted_window_dims else next(sizes) for a in range(x.ndim))
    spans = [(low, n - low - size, 0) for low, n, size in zip(first, x.shape, window, strict=True)]
    if min((0, *(end for low, high, _ in spans for end in (low, high)))) < 0:
        return None
    if window != new.shape:
        new = builder.add_simple("reshape", [new], window, new_sizes=window, dimensions=None, sharding=None)
    background = get_uniform_element(x) if name == "scatter" else None
    padded = pad(builder, new, np.zeros((), x.dtype) if background is None else background, spans)
    if name == "scatter-add":
        return builder.add_binary("add", x, padded)
    if background is not None:
        return padded
    inside = np.ones([1 if size == n else size for n, size in zip(x.shape, window, strict=True)], bool)
    ends = [(0, 0) if size == n else span[:2] for n, size, span in zip(x.shape, window, spans, strict=True)]
    mask = builder.values.make_constant(np.pad(inside, ends))
    return builder.add_simple("select_n", [mask, x, padded], x.shape)


def pad(builder: EquationBuilder, x: Value, fill: Array, spans: Sequence[tuple[int, int, int]]) -> Value:
    """Add the padding of an array, or a broadcast if all its elements equal the fill value."""
    shape = tuple(
        low + n + max(n - 1, 0) * interior + high for n, (low, high, interior) in zip(x.shape, spans, strict=True)
    )
    fill_value, element = builder.values.make_constant(fill), get_uniform_element(x)
    if element is not None and element.tobytes() == fill.tobytes():
        return builder.add_simple("broadcast_in_dim", [fill_value], shape, broadcast_dimensions=())
    return builder.add_simple("pad", [x, fill_value], shape, padding_config=tuple(spans))


def get_constant_elements(v: Value) -> Array | None:
    """Return the elements of a value that is made of constants, as indices are; None for any other."""
    if v.constant is not None:
        return np.asarray(v.constant)
    e = v.producer
    if e is None or e.name not in ("broadcast_in_dim", "concatenate"):
        return None
    parts = [p for x in e.inputs if (p := get_constant_elements(x)) is not None]
    if len(parts) < len(e.inputs):
        return None
    if e.name == "concatenate":
        return np.concatenate(parts, e.params["dimension"])
    return np.broadcast_to(parts[0], v.shape) if parts[0].ndim == 0 else None


def get_uniform_element(x: Value) -> Array | None:
    """Return the constant that all elements of an array equal, or None."""
    while x.producer is not None and x.producer.name in ("broadcast_in_dim", "reshape", "squeeze"):
        x = x.producer.inputs[0]
    return np.asarray(x.constant) if x.constant is not None and x.ndim == 0 else None
