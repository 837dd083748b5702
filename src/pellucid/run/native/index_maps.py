"""Operations that only say where an element comes from: each is a change of indices, and nothing is stored for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.run.native.elementwise import literal, type_of
from pellucid.run.native.equations import Equation, Value

Indices = list[str]
Element = Callable[[Value, Indices], str]


def linear(shape: tuple[int, ...], indices: Indices) -> str:
    """Write the place of an element in an array that lies row after row.

    Examples
    --------
    >>> linear((2, 3), ["i", "1"])
    '(i) * 3 + 1'
    """
    terms, stride = [], 1
    for n, index in zip(shape[::-1], indices[::-1], strict=True):
        if index != "0" and n != 1:
            terms.append(index if stride == 1 else f"({index}) * {stride}")
        stride *= n
    return " + ".join(reversed(terms)) or "0"


def unravelled(shape: tuple[int, ...], place: str) -> Indices:
    """Write the indices of the element at a place."""
    found, stride = [], 1
    for axis in range(len(shape) - 1, -1, -1):
        n = shape[axis]
        part = f"({place})" if stride == 1 else f"(({place}) / {stride})"
        found.append("0" if n == 1 else part if axis == 0 else f"({part} % {n})")
        stride *= n
    return found[::-1]


def _broadcast(e: Equation, idx: Indices, at: Element) -> str:
    x = e.inputs[0]
    return at(x, ["0" if n == 1 else idx[d] for n, d in zip(x.shape, e.params["broadcast_dimensions"], strict=True)])


def _reshape(e: Equation, idx: Indices, at: Element) -> str:
    x = e.inputs[0]
    long = [i for i, n in zip(idx, e.result.shape, strict=True) if n != 1]
    if same_axes(x, e.result):
        rest = iter(long)
        return at(x, ["0" if n == 1 else next(rest) for n in x.shape])
    return at(x, unravelled(x.shape, linear(e.result.shape, idx)))


def _transpose(e: Equation, idx: Indices, at: Element) -> str:
    found = [""] * len(idx)
    for axis, i in zip(e.params["permutation"], idx, strict=True):
        found[axis] = i
    return at(e.inputs[0], found)


def _rev(e: Equation, idx: Indices, at: Element) -> str:
    turned = e.params["dimensions"]
    return at(
        e.inputs[0],
        [f"({n - 1} - ({i}))" if a in turned else i for a, (i, n) in enumerate(zip(idx, e.result.shape, strict=True))],
    )


def _slice(e: Equation, idx: Indices, at: Element) -> str:
    strides = e.params["strides"] or (1,) * len(idx)
    return at(e.inputs[0], [shifted(i, s, k) for i, s, k in zip(idx, e.params["start_indices"], strides, strict=True)])


def shifted(index: str, start: Any, stride: int = 1) -> str:
    """Write ``start + stride * index``."""
    scaled = index if stride == 1 else f"({index}) * {stride}"
    return scaled if start == 0 else f"({scaled} + {start})"


def _iota(e: Equation, idx: Indices, at: Element) -> str:
    return f"(({type_of(e.result.dtype)})({idx[e.params['dimension']]}))"


def _concatenate(e: Equation, idx: Indices, at: Element) -> str:
    axis = e.params["dimension"]
    text, end = "", e.result.shape[axis]
    for x in reversed(e.inputs):
        start = end - x.shape[axis]
        part = at(x, [shifted(i, -start) if a == axis else i for a, i in enumerate(idx)])
        text = f"({idx[axis]} < {end} ? {part} : {text})" if text else part
        end = start
    return text


def _pad(e: Equation, idx: Indices, at: Element) -> str:
    x, filler = e.inputs
    tests, places = [], []
    for i, n, (low, high, between) in zip(idx, x.shape, e.params["padding_config"], strict=True):
        place = shifted(i, -low)
        if between:
            tests.append(f"(({place}) % {between + 1} == 0)")
            place = f"(({place}) / {between + 1})"
        if low > 0 or between:
            tests.append(f"({i} >= {low})")
        if high > 0 or between:
            tests.append(f"({place} < {n})")
        places.append(place)
    inside = at(x, places)
    return f"({' && '.join(tests)} ? {inside} : {at(filler, [])})" if tests else inside


def _dynamic_slice(e: Equation, idx: Indices, at: Element) -> str:
    x, *starts = e.inputs
    places = []
    for i, n, size, start in zip(idx, x.shape, e.result.shape, starts, strict=True):
        places.append(i if n == size else f"({i} + clamped({at(start, [])}, {n - size}))")
    return at(x, places)


def _dynamic_update(e: Equation, idx: Indices, at: Element) -> str:
    x, new, *starts = e.inputs
    tests, places = [], []
    for i, n, size, start in zip(idx, x.shape, new.shape, starts, strict=True):
        if n == size:
            places.append(i)
            continue
        first = f"clamped({at(start, [])}, {n - size})"
        tests.append(f"({i} >= {first} && {i} < {first} + {size})")
        places.append(f"({i} - {first})")
    return f"({' && '.join(tests)} ? {at(new, places)} : {at(x, idx)})" if tests else at(new, places)


def _gather(e: Equation, idx: Indices, at: Element) -> str:
    x, where = e.inputs
    d, sizes = e.params["dimension_numbers"], e.params["slice_sizes"]
    batch = [i for a, i in enumerate(idx) if a not in d.offset_dims]
    offsets = iter(idx[a] for a in d.offset_dims)
    left_out = (*d.collapsed_slice_dims, *d.operand_batching_dims)
    places = ["0" if a in left_out else next(offsets) for a in range(x.ndim)]
    for a, b in zip(d.operand_batching_dims, d.start_indices_batching_dims, strict=True):
        places[a] = batch[b]
    mode, tests = str(e.params["mode"]), []
    for k, a in enumerate(d.start_index_map):
        start, last = at(where, [*batch, str(k)]), x.shape[a] - sizes[a]
        if "FILL" in mode:
            tests.append(f"((uint64_t)(int64_t)({start}) <= {last}u)")
        moved = f"clamped({start}, {last})" if "PROMISE" not in mode else f"({start})"
        places[a] = moved if places[a] == "0" else f"({moved} + {places[a]})"
    found = at(x, places)
    if not tests:
        return found
    fill = e.params["fill_value"]
    filler = literal(default_fill(x.dtype) if fill is None else fill, x.dtype)
    return f"({' && '.join(tests)} ? {found} : {filler})"


def default_fill(dtype: Any) -> Any:
    """Return what JAX puts where an index is out of bounds."""
    if dtype.kind == "f":
        return np.nan
    if dtype.kind == "b":
        return True
    return np.iinfo(dtype).min if dtype.kind == "i" else np.iinfo(dtype).max


def _tile(e: Equation, idx: Indices, at: Element) -> str:
    x = e.inputs[0]
    lead = len(idx) - x.ndim
    return at(
        x,
        [i if n == m else f"(({i}) % {n})" for i, n, m in zip(idx[lead:], x.shape, e.result.shape[lead:], strict=True)],
    )


VIEWS: dict[str, Callable[[Equation, Indices, Element], str]] = {
    "broadcast_in_dim": _broadcast,
    "reshape": _reshape,
    "squeeze": _reshape,
    "expand_dims": _reshape,
    "transpose": _transpose,
    "rev": _rev,
    "tile": _tile,
    "slice": _slice,
    "iota": _iota,
    "concatenate": _concatenate,
    "pad": _pad,
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update,
    "gather": _gather,
}
"""For each operation that moves elements, where an element of its result comes from."""


def looks_up_rows(e: Equation) -> bool:
    """Tell whether an equation takes whole rows of an array, one for each of a list of numbers."""
    if e.name != "gather" or e.inputs[1].ndim != 2:
        return False
    d = e.params["dimension_numbers"]
    return bool(d.start_index_map == d.collapsed_slice_dims == (0,) and d.offset_dims == tuple(range(1, e.result.ndim)))


STRIDED = ("broadcast_in_dim", "reshape", "squeeze", "transpose", "slice")
"""Those after which elements still lie at equal distances."""


RESHAPES = ("reshape", "squeeze", "expand_dims")
"""Those after which elements lie in the same order."""


def same_axes(x: Value, y: Value) -> bool:
    """Tell whether two values have the same axes, but for some of one element."""
    return [n for n in x.shape if n != 1] == [n for n in y.shape if n != 1]


def stride(value: Value, axis: int, stored: Callable[[Value], bool]) -> int | None:
    """Return how far apart neighbours along an axis lie in memory, and None where that is not one number."""
    if value.shape[axis] == 1:
        return 0
    if stored(value):
        return int(np.prod(value.shape[axis + 1 :], dtype=np.int64))
    e = value.maker
    if e is None or e.name not in STRIDED:
        return None
    x = e.inputs[0]
    if e.name == "broadcast_in_dim":
        at = [k for k, d in enumerate(e.params["broadcast_dimensions"]) if d == axis and x.shape[k] != 1]
        return stride(x, at[0], stored) if at else 0
    if e.name == "transpose":
        return stride(x, e.params["permutation"][axis], stored)
    if e.name == "slice":
        found = stride(x, axis, stored)
        return None if found is None else found * (e.params["strides"] or (1,) * x.ndim)[axis]
    if not same_axes(value, x):
        return None
    number = sum(n != 1 for n in value.shape[:axis])
    places = [k for k, n in enumerate(x.shape) if n != 1]
    return stride(x, places[number], stored)
