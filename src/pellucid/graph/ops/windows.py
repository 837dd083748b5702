r"""Windows that slide over the axes between the first and the last: how many there are, and what they see."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.types import Dim, Shape, Unknown, shape_text

Pairs = tuple[tuple[int, int], ...]


def as_tuple(value: Any, length: int, what: str, least: int = 1) -> tuple[int, ...]:
    """Write one size, or one for each axis, as a tuple.

    Raises
    ------
    ShapeError
        If it is no positive integer, or not as many as there are axes.
    """
    values = (value,) * length if isinstance(value, (int, np.integer)) else tuple(value)
    if len(values) != length or not all(isinstance(v, (int, np.integer)) and v >= least for v in values):
        raise ShapeError(
            f"Expected {what} to be an integer of {least} or more, or {length} of them. Received: {what}={value!r}"
        )
    return tuple(int(v) for v in values)


def padding_pairs(
    padding: Any, spatial: Shape, window: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> Pairs:
    """Work out ``"valid"``, ``"same"`` or explicit padding as (before, after) for each axis, as TensorFlow does.

    Raises
    ------
    ShapeError
        For another word, or ``"same"`` with strides over an axis whose size is not known.
    """
    axes = len(window)
    if padding == "valid":
        return ((0, 0),) * axes
    if padding != "same":
        if isinstance(padding, str):
            raise ShapeError(
                "Expected padding to be 'valid', 'same', or (before, after) for each axis. "
                f"Received: padding={padding!r}"
            )
        pairs = np.broadcast_to(np.asarray(padding, dtype=int), (axes, 2))
        return tuple((int(a), int(b)) for a, b in pairs)
    result = []
    for size, k, s, d in zip(spatial, window, strides, dilation, strict=True):
        reach = (k - 1) * d + 1
        if s != 1 and not isinstance(size, int):
            raise ShapeError(
                f"padding='same' with strides={tuple(strides)} needs sizes that are known. "
                f"Received: {shape_text(spatial)}"
            )
        total = reach - 1 if not isinstance(size, int) else max((math.ceil(size / s) - 1) * s + reach - size, 0)
        result.append((total // 2, total - total // 2))
    return tuple(result)


def window_count(size: Dim, k: int, stride: int, pad: tuple[int, int], dilation: int, what: str) -> Dim:
    """Return how many windows fit along an axis."""
    if not isinstance(size, int):
        return size if stride == 1 and sum(pad) == (k - 1) * dilation else Unknown()
    room = size + sum(pad) - (k - 1) * dilation - 1
    if room < 0:
        raise ShapeError(
            f"{what}: a window of {(k - 1) * dilation + 1} does not fit into an axis of {size}, "
            f"padded by {pad[0]} and {pad[1]}"
        )
    return room // stride + 1


def taps(
    xp: Any, x: Any, window: Sequence[int], strides: Sequence[int], dilation: Sequence[int], counts: Sequence[int]
) -> Iterator[Any]:
    """Yield, for each place in the window, what all windows have there: a strided slice of the padded input."""
    for place in itertools.product(*map(range, window)):
        starts = [p * d for p, d in zip(place, dilation, strict=True)]
        spatial = [slice(a, a + (n - 1) * s + 1, s) for a, n, s in zip(starts, counts, strides, strict=True)]
        yield x[(slice(None), *spatial, slice(None))]


def padded(xp: Any, x: Any, padding: Pairs, value: float = 0.0) -> Any:
    """Put a border around the spatial axes."""
    if not any(map(any, padding)):
        return x
    return xp.pad(x, ((0, 0), *padding, (0, 0)), constant_values=value)


def counts_of(
    x: Any, window: Sequence[int], strides: Sequence[int], padding: Pairs, dilation: Sequence[int]
) -> tuple[int, ...]:
    """Return how many windows fit along each axis of a value."""
    sizes = zip(x.shape[1:-1], window, strides, padding, dilation, strict=True)
    return tuple((n + sum(p) - (k - 1) * d - 1) // s + 1 for n, k, s, p, d in sizes)
