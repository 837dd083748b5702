r"""Windows that slide over the axes between the first and the last: how many there are, and what they see."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.printing import Piece, Text, setting_text
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


WORDS = ("valid", "same")


def padding_pairs(
    padding: Any,
    spatial: Shape,
    window: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    words: Sequence[str] = WORDS,
) -> Pairs:
    """Work out padding as (before, after) for each axis: ``"valid"``, ``"same"`` as in TensorFlow, ``"full"`` for every
    window that meets the array, ``"causal"`` for windows that end where they stand, or pairs as they are.

    Raises
    ------
    ShapeError
        For another word, or ``"same"`` with strides over an axis whose size is not known.
    """
    reaches = [(k - 1) * d for k, d in zip(window, dilation, strict=True)]
    if not isinstance(padding, str):
        return explicit_pairs(padding, len(reaches), words)
    if padding not in words or (padding == "causal" and len(reaches) > 1):
        raise no_padding(padding, words)
    if padding == "valid":
        return ((0, 0),) * len(reaches)
    if padding in ("full", "causal"):
        return tuple((reach, reach if padding == "full" else 0) for reach in reaches)
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


def explicit_pairs(padding: Any, axes: int, words: Sequence[str] = WORDS) -> Pairs:
    """Write one width, one pair, or a pair for each axis as pairs."""
    try:
        pairs = np.broadcast_to(np.asarray(padding), (axes, 2))
    except ValueError:
        raise no_padding(padding, words) from None
    if pairs.dtype.kind not in "iu" or (pairs < 0).any():
        raise no_padding(padding, words)
    return tuple((int(a), int(b)) for a, b in pairs)


def no_padding(padding: Any, words: Sequence[str]) -> ShapeError:
    """Return the error that says what padding can be."""
    only = ", the last of them for one axis alone" if "causal" in words else ""
    return ShapeError(
        f"Expected padding to be {', '.join(map(repr, words))}{only}, or (before, after) for each axis, of 0 or more. "
        f"Received: padding={padding!r}"
    )


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


def told(name: str, **usual: Any) -> Text:
    """Return how an op on windows is written: with the settings that are not the usual ones, and one number for all
    axes where they are alike.
    """

    def text(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
        pieces: list[Piece] = [f"{name}("]
        for position, operand in enumerate(operands):
            pieces += [", ", (operand, 0)] if position else [(operand, 0)]
        for key, value in settings.items():
            alike = value if isinstance(value, str) or len({*np.ravel(value)}) > 1 else np.ravel(value)[0]
            if alike != usual.get(key):
                pieces.append(f", {key}={setting_text(alike)}")
        return [*pieces, ")"]

    return text


def overlapped(
    xp: Any,
    parts: Sequence[Any],
    sizes: Sequence[int],
    window: Sequence[int],
    strides: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
) -> Any:
    """Add up what all windows have at each place in them where they came from: the transpose of `padded` and `taps`."""
    if xp is not np:
        return _overlapped_by_xla(xp, parts, sizes, window, strides, padding, dilation)
    first = parts[0]
    wide = [n + a + b for n, (a, b) in zip(sizes, padding, strict=True)]
    result = np.zeros((first.shape[0], *wide, first.shape[-1]), first.dtype)
    for target, part in zip(taps(xp, result, window, strides, dilation, first.shape[1:-1]), parts, strict=True):
        target += part
    inner = [slice(a, n - b) for n, (a, b) in zip(wide, padding, strict=True)]
    return result[(slice(None), *inner, slice(None))]


def _overlapped_by_xla(
    xp: Any,
    parts: Sequence[Any],
    sizes: Sequence[int],
    window: Sequence[int],
    strides: Sequence[int],
    padding: Pairs,
    dilation: Sequence[int],
) -> Any:
    from jax import lax

    total = None
    for place, part in zip(itertools.product(*map(range, window)), parts, strict=True):
        widths = []
        for p, n, (low, _), count, s, d in zip(place, sizes, padding, part.shape[1:-1], strides, dilation, strict=True):
            widths.append((p * d - low, n + low - p * d - (count - 1) * s - 1, s - 1))
        wide = lax.pad(part, xp.zeros((), part.dtype), ((0, 0, 0), *widths, (0, 0, 0)))
        total = wide if total is None else total + wide
    return total
