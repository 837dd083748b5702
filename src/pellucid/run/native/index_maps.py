"""Index maps of data-movement primitives: where each element of a result comes from. Nothing is stored for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.run.native.c_writer import Indices
from pellucid.run.native.elementwise import c_literal, c_type
from pellucid.run.native.equations import Equation, Value

ElementOf = Callable[[Value, Indices], str]
"""Returns the C expression of an element of a value."""


def linear_index(shape: tuple[int, ...], indices: Indices) -> str:
    """Return the offset of an element in a row-major array.

    Examples
    --------
    >>> linear_index((2, 3), ["i", "1"])
    '(i) * 3 + 1'
    """
    terms, stride = [], 1
    for n, index in zip(shape[::-1], indices[::-1], strict=True):
        if index != "0" and n != 1:
            terms.append(index if stride == 1 else f"({index}) * {stride}")
        stride *= n
    return " + ".join(reversed(terms)) or "0"


def unravel_index(shape: tuple[int, ...], offset: str) -> Indices:
    indices, stride = [], 1
    for axis in range(len(shape) - 1, -1, -1):
        n = shape[axis]
        quotient = f"({offset})" if stride == 1 else f"(({offset}) / {stride})"
        indices.append("0" if n == 1 else quotient if axis == 0 else f"({quotient} % {n})")
        stride *= n
    return indices[::-1]


def affine_index(index: str, start: Any, stride: int = 1) -> str:
    """Return ``start + stride * index``."""
    scaled = index if stride == 1 else f"({index}) * {stride}"
    return scaled if start == 0 else f"({scaled} + {start})"


def add_indices(i: str, k: str) -> str:
    return k if i == "0" else i if k == "0" else f"({i} + {k})"


def _broadcast(e: Equation, idx: Indices, at: ElementOf) -> str:
    x = e.inputs[0]
    return at(x, ["0" if n == 1 else idx[d] for n, d in zip(x.shape, e.params["broadcast_dimensions"], strict=True)])


def _reshape(e: Equation, idx: Indices, at: ElementOf) -> str:
    x = e.inputs[0]
    if has_same_axes(x, e.result):
        rest = iter([i for i, n in zip(idx, e.result.shape, strict=True) if n != 1])
        return at(x, ["0" if n == 1 else next(rest) for n in x.shape])
    return at(x, unravel_index(x.shape, linear_index(e.result.shape, idx)))


def _transpose(e: Equation, idx: Indices, at: ElementOf) -> str:
    source = [""] * len(idx)
    for axis, i in zip(e.params["permutation"], idx, strict=True):
        source[axis] = i
    return at(e.inputs[0], source)


def _rev(e: Equation, idx: Indices, at: ElementOf) -> str:
    axes = e.params["dimensions"]
    return at(
        e.inputs[0],
        [f"({n - 1} - ({i}))" if a in axes else i for a, (i, n) in enumerate(zip(idx, e.result.shape, strict=True))],
    )


def _slice(e: Equation, idx: Indices, at: ElementOf) -> str:
    strides = e.params["strides"] or (1,) * len(idx)
    starts = e.params["start_indices"]
    return at(e.inputs[0], [affine_index(i, s, k) for i, s, k in zip(idx, starts, strides, strict=True)])


def _iota(e: Equation, idx: Indices, at: ElementOf) -> str:
    return f"(({c_type(e.result.dtype)})({idx[e.params['dimension']]}))"


def _concatenate(e: Equation, idx: Indices, at: ElementOf) -> str:
    axis = e.params["dimension"]
    text, end = "", e.result.shape[axis]
    for x in reversed(e.inputs):
        start = end - x.shape[axis]
        part = at(x, [affine_index(i, -start) if a == axis else i for a, i in enumerate(idx)])
        text = f"({idx[axis]} < {end} ? {part} : {text})" if text else part
        end = start
    return text


def _stack(e: Equation, idx: Indices, at: ElementOf) -> str:
    axis = e.params["axis"]
    text, *parts = (at(x, [*idx[:axis], *idx[axis + 1 :]]) for x in reversed(e.inputs))
    for k, part in zip(range(len(parts) - 1, -1, -1), parts, strict=True):
        text = f"({idx[axis]} == {k} ? {part} : {text})"
    return text


def _pad(e: Equation, idx: Indices, at: ElementOf) -> str:
    x, fill = e.inputs
    tests, source = [], []
    for i, n, (low, high, interior) in zip(idx, x.shape, e.params["padding_config"], strict=True):
        index = affine_index(i, -low)
        if interior:
            tests.append(f"(({index}) % {interior + 1} == 0)")
            index = f"(({index}) / {interior + 1})"
        if low > 0 or interior:
            tests.append(f"({i} >= {low})")
        if high > 0 or interior:
            tests.append(f"({index} < {n})")
        source.append(index)
    inside = at(x, source)
    return f"({' && '.join(tests)} ? {inside} : {at(fill, [])})" if tests else inside


def _dynamic_slice(e: Equation, idx: Indices, at: ElementOf) -> str:
    x, *starts = e.inputs
    source = []
    for i, n, size, start in zip(idx, x.shape, e.result.shape, starts, strict=True):
        source.append(i if n == size else f"({i} + clamp_index({at(start, [])}, {n - size}))")
    return at(x, source)


def _dynamic_update(e: Equation, idx: Indices, at: ElementOf) -> str:
    x, new, *starts = e.inputs
    tests, source = [], []
    for i, n, size, start in zip(idx, x.shape, new.shape, starts, strict=True):
        if n == size:
            source.append(i)
            continue
        first = f"clamp_index({at(start, [])}, {n - size})"
        tests.append(f"({i} >= {first} && {i} < {first} + {size})")
        source.append(f"({i} - {first})")
    return f"({' && '.join(tests)} ? {at(new, source)} : {at(x, idx)})" if tests else at(new, source)


def _gather(e: Equation, idx: Indices, at: ElementOf) -> str:
    x, where = e.inputs
    d, sizes = e.params["dimension_numbers"], e.params["slice_sizes"]
    batch = [i for a, i in enumerate(idx) if a not in d.offset_dims]
    offsets = iter(idx[a] for a in d.offset_dims)
    absent = (*d.collapsed_slice_dims, *d.operand_batching_dims)
    source = ["0" if a in absent else next(offsets) for a in range(x.ndim)]
    for a, b in zip(d.operand_batching_dims, d.start_indices_batching_dims, strict=True):
        source[a] = batch[b]
    mode, tests = str(e.params["mode"]), []
    for k, a in enumerate(d.start_index_map):
        start, last = at(where, [*batch, str(k)]), x.shape[a] - sizes[a]
        if "FILL" in mode:
            tests.append(f"((uint64_t)(int64_t)({start}) <= {last}u)")
        index = f"clamp_index({start}, {last})" if "PROMISE" not in mode else f"({start})"
        source[a] = index if source[a] == "0" else f"({index} + {source[a]})"
    element = at(x, source)
    if not tests:
        return element
    fill = e.params["fill_value"]
    fill_text = c_literal(get_default_fill(x.dtype) if fill is None else fill, x.dtype)
    return f"({' && '.join(tests)} ? {element} : {fill_text})"


def get_default_fill(dtype: Any) -> Any:
    """Return the value that JAX uses for an index out of bounds."""
    if dtype.kind == "f":
        return np.nan
    if dtype.kind == "b":
        return True
    return np.iinfo(dtype).min if dtype.kind == "i" else np.iinfo(dtype).max


def _tile(e: Equation, idx: Indices, at: ElementOf) -> str:
    x = e.inputs[0]
    lead = len(idx) - x.ndim
    sizes = zip(idx[lead:], x.shape, e.result.shape[lead:], strict=True)
    return at(x, [i if n == m else f"(({i}) % {n})" for i, n, m in sizes])


def _patches(e: Equation, idx: Indices, at: ElementOf) -> str:
    x, count = e.inputs[0], len(e.params["strides"])
    settings = zip(idx[1:], idx[x.ndim :], e.params["strides"], e.params["dilation"], strict=False)
    spatial = [add_indices(affine_index(i, 0, s), affine_index(k, 0, d)) for i, k, s, d in settings]
    return at(x, [idx[0], *spatial, *idx[1 + count : x.ndim]])


INDEX_MAPS: dict[str, Callable[[Equation, Indices, ElementOf], str]] = {
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
    "stack": _stack,
    "pad": _pad,
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update,
    "gather": _gather,
    "patches": _patches,
}
"""For each data-movement primitive, the C expression of an element of its result."""

STRIDED = ("broadcast_in_dim", "reshape", "squeeze", "transpose", "slice", "patches")
"""Primitives after which neighbors on an axis are still a constant stride apart in memory."""

RESHAPES = ("reshape", "squeeze", "expand_dims")
"""Primitives that keep the order of elements in memory."""


def is_row_gather(e: Equation) -> bool:
    """Whether an equation gathers whole rows of an array by their numbers."""
    if e.name != "gather" or e.inputs[1].ndim != 2:
        return False
    d = e.params["dimension_numbers"]
    return bool(d.start_index_map == d.collapsed_slice_dims == (0,) and d.offset_dims == tuple(range(1, e.result.ndim)))


def has_same_axes(x: Value, y: Value) -> bool:
    """Whether two values have the same axes, except for axes of length one."""
    return [n for n in x.shape if n != 1] == [n for n in y.shape if n != 1]


def get_stride(value: Value, axis: int, is_stored: Callable[[Value], bool]) -> int | None:
    """Return the distance in memory between neighbors on an axis, or None if it is not constant."""
    if value.shape[axis] == 1:
        return 0
    if is_stored(value):
        return int(np.prod(value.shape[axis + 1 :], dtype=np.int64))
    e = value.producer
    if e is None or e.name not in STRIDED:
        return None
    x = e.inputs[0]
    if e.name == "broadcast_in_dim":
        sources = [k for k, d in enumerate(e.params["broadcast_dimensions"]) if d == axis and x.shape[k] != 1]
        return get_stride(x, sources[0], is_stored) if sources else 0
    if e.name == "transpose":
        return get_stride(x, e.params["permutation"][axis], is_stored)
    if e.name == "slice":
        stride = get_stride(x, axis, is_stored)
        return None if stride is None else stride * (e.params["strides"] or (1,) * x.ndim)[axis]
    if e.name == "patches":
        window = axis >= x.ndim
        source, steps = (axis - x.ndim + 1, "dilation") if window else (axis, "strides")
        stride = get_stride(x, source, is_stored)
        is_spatial = window or 1 <= axis <= len(e.params["strides"])
        return stride if stride is None or not is_spatial else stride * e.params[steps][source - 1]
    if not has_same_axes(value, x):
        return None
    number = sum(n != 1 for n in value.shape[:axis])
    long_axes = [k for k, n in enumerate(x.shape) if n != 1]
    return get_stride(x, long_axes[number], is_stored)
