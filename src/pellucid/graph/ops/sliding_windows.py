r"""Geometry of sliding windows over the spatial axes: padding, window counts, slices and overlap-add."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.array_namespace import NUMPY, ArrayNamespace, NamespaceArray
from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr
from pellucid.graph.types import Dim, Shape, add_dims, divide_dim, format_shape

if TYPE_CHECKING:
    from pellucid.typing import ConvPadding


Pairs = tuple[tuple[int, int], ...]


def as_tuple(value: Any, length: int, what: str, minimum: int = 1) -> tuple[int, ...]:
    """Convert one integer, or one for each axis, to a tuple."""
    values = tuple(value) if isinstance(value, (Sequence, np.ndarray)) else (value,) * length
    if len(values) != length or not all(isinstance(v, (int, np.integer)) and v >= minimum for v in values):
        raise ShapeError(
            f"Expected {what} to be an integer of {minimum} or more, or {length} of them. Received: {what}={value!r}"
        )
    return tuple(int(v) for v in values)


PADDING_MODES = ("valid", "same")


def resolve_padding(
    padding: ConvPadding,
    spatial: Shape,
    window: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    words: Sequence[str] = PADDING_MODES,
) -> Pairs:
    """Convert a padding mode or explicit padding to (before, after) for each axis.

    ``"same"`` is TensorFlow's and requires known sizes for strides other than 1. ``"full"`` includes every window that
    overlaps the array. A ``"causal"`` window ends at the position of its result.
    """
    reaches = [(k - 1) * d for k, d in zip(window, dilation, strict=True)]
    if not isinstance(padding, str):
        return parse_explicit_padding(padding, len(reaches), words)
    if padding not in words or (padding == "causal" and len(reaches) > 1):
        raise make_padding_error(padding, words)
    if padding == "valid":
        return ((0, 0),) * len(reaches)
    if padding in ("full", "causal"):
        return tuple((reach, reach if padding == "full" else 0) for reach in reaches)
    result = []
    for size, k, s, d in zip(spatial, window, strides, dilation, strict=True):
        reach = (k - 1) * d + 1
        if s != 1 and not isinstance(size, int):
            raise ShapeError(
                f"padding='same' with strides={tuple(strides)} requires known spatial sizes. "
                f"Received: {format_shape(spatial)}"
            )
        total = reach - 1 if not isinstance(size, int) else max((math.ceil(size / s) - 1) * s + reach - size, 0)
        result.append((total // 2, total - total // 2))
    return tuple(result)


def parse_explicit_padding(padding: ConvPadding, axes: int, words: Sequence[str] = PADDING_MODES) -> Pairs:
    """Convert one width, one (before, after), or one such pair for each axis to pairs."""
    try:
        pairs = np.broadcast_to(np.asarray(padding), (axes, 2))
    except ValueError:
        raise make_padding_error(padding, words) from None
    if pairs.dtype.kind not in "iu" or (pairs < 0).any():
        raise make_padding_error(padding, words)
    return tuple((int(a), int(b)) for a, b in pairs)


def make_padding_error(padding: object, words: Sequence[str]) -> ShapeError:
    restriction = " ('causal' for one spatial axis only)" if "causal" in words else ""
    return ShapeError(
        f"Expected padding to be {', '.join(map(repr, words))}{restriction}, or (before, after) of 0 or more for each "
        f"axis. Received: padding={padding!r}"
    )


def infer_window_count(
    size: Dim, k: int, stride: int, pad: tuple[int, int], dilation: int, op: str, *operands: Expr
) -> Dim:
    """Return the number of windows along an axis of known or symbolic size."""
    if not isinstance(size, int):
        return add_dims(divide_dim(add_dims(size, sum(pad) - (k - 1) * dilation - 1), stride), 1)
    last = size + sum(pad) - (k - 1) * dilation - 1
    if last < 0:
        operand_text = " with ".join(map(str, operands))
        raise ShapeError(
            f"{op} of {operand_text}: a window of {(k - 1) * dilation + 1} does not fit into an axis of {size}, "
            f"padded by {pad[0]} and {pad[1]}"
        )
    return last // stride + 1


def get_known_shape(x: Expr) -> tuple[int, ...]:
    """Return the shape of an expression whose sizes are known."""
    return tuple(d for d in x.shape if isinstance(d, int))


def iterate_window_slices(
    xp: ArrayNamespace,
    x: Any,
    window: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    counts: Sequence[int],
) -> Iterator[NamespaceArray]:
    """Yield for each position in the window the elements of all windows there, a strided slice of the padded input."""
    for position in itertools.product(*map(range, window)):
        starts = [p * d for p, d in zip(position, dilation, strict=True)]
        spatial = [slice(a, a + (n - 1) * s + 1, s) for a, n, s in zip(starts, counts, strides, strict=True)]
        yield x[(slice(None), *spatial, slice(None))]


def iterate_padded_slices(
    xp: ArrayNamespace,
    x: NamespaceArray,
    window: Sequence[int],
    strides: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
    value: float = 0.0,
) -> Iterator[NamespaceArray]:
    """Pad an array and yield its slices, as `iterate_window_slices` does."""
    counts = count_windows(x, window, strides, padding, dilation)
    return iterate_window_slices(xp, pad_spatial(xp, x, padding, value), window, strides, dilation, counts)


def pad_spatial(xp: ArrayNamespace, x: Any, padding: Pairs, value: float = 0.0) -> Any:
    if not any(map(any, padding)):
        return x
    return xp.pad(x, ((0, 0), *padding, (0, 0)), constant_values=value)


def count_windows(
    x: Any, window: Sequence[int], strides: Sequence[int], padding: Pairs, dilation: Sequence[int]
) -> tuple[int, ...]:
    sizes = zip(x.shape[1:-1], window, strides, padding, dilation, strict=True)
    return tuple((n + sum(p) - (k - 1) * d - 1) // s + 1 for n, k, s, p, d in sizes)


def overlap_add(
    xp: ArrayNamespace,
    parts: Sequence[Any],
    sizes: Sequence[int],
    window: Sequence[int],
    strides: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
) -> Any:
    """Add the elements of overlapping windows: the transpose of `pad_spatial` and `iterate_window_slices`."""
    if xp is NUMPY:
        first = parts[0]
        wide = [n + a + b for n, (a, b) in zip(sizes, padding, strict=True)]
        result = np.zeros((first.shape[0], *wide, first.shape[-1]), first.dtype)
        targets = iterate_window_slices(xp, result, window, strides, dilation, first.shape[1:-1])
        for target, part in zip(targets, parts, strict=True):
            target += part
        inner = [slice(a, n - b) for n, (a, b) in zip(wide, padding, strict=True)]
        return result[(slice(None), *inner, slice(None))]
    import jax.numpy as jnp
    from jax import lax

    total = None
    for part, widths in iterate_part_widths(parts, sizes, window, strides, padding, dilation):
        spread = lax.pad(part, jnp.zeros((), part.dtype), ((0, 0, 0), *widths, (0, 0, 0)))
        total = spread if total is None else total + spread
    return total


def iterate_part_widths(
    parts: Sequence[Any],
    sizes: Sequence[int],
    window: Sequence[int],
    strides: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
) -> Iterator[tuple[Any, list[tuple[int, int, int]]]]:
    """Yield each part of `overlap_add` with its padding along each axis, ``(low, high, interior)`` as in ``lax.pad``.

    Negative widths crop the border that `pad_spatial` added.
    """
    for position, part in zip(itertools.product(*map(range, window)), parts, strict=True):
        per_axis = zip(position, sizes, padding, part.shape[1:-1], strides, dilation, strict=True)
        yield (
            part,
            [(p * d - low, n + low - p * d - (count - 1) * s - 1, s - 1) for p, n, (low, _), count, s, d in per_axis],
        )
