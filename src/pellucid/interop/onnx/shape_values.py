"""What is known of rows of sizes before anything runs, such as the shape of an input with a named batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.decomposition import symbolic
from pellucid.graph.expr import Constant, Expr, constant
from pellucid.graph.types import Dim

LONGEST = 64
"""Rows of more numbers than this are no sizes."""


def note(node: Any, results: Sequence[Expr | None]) -> None:
    """Remember what is known of what a node made of sizes."""
    first = results[0] if results else None
    follow = FOLLOWED.get(node.kind)
    if (
        not isinstance(first, Expr)
        or follow is None
        or isinstance(first, Constant)
        or first.ndim > 1
        or first.dtype.kind != "i"
    ):
        return
    if any(isinstance(d, int) and d > LONGEST for d in first.shape):
        return
    operands = [node.reader.contents(e) if isinstance(e, Expr) else None for e in node.inputs]
    if node.kind != "Shape" and any(v is None and e is not None for v, e in zip(operands, node.inputs, strict=True)):
        return
    found = follow(node, *operands)
    if found is not None:
        node.reader.root.parts[first] = np.asarray(found, object)


def _shape(node: Any, *_: Any) -> Any:
    return dims_of(node.inputs[0].shape)[node.get("start", 0) : node.get("end")]


def dims_of(shape: Sequence[Dim]) -> np.ndarray[Any, Any]:
    """Return a shape as a row: numbers, and names for what only a run knows."""
    row = np.empty(len(shape), object)
    row[:] = list(shape)
    return row


def like(node: Any, shape: Sequence[Any]) -> Expr | None:
    """Return a value of a shape in which there are names: one that was read, or one put together of axes that were."""
    values = [e for e in node.reader.root.values.values() if isinstance(e, Expr) and len(e.types) == 1]
    for e in values:
        if e.shape == tuple(shape):
            return e
    total: Any = None
    for axis, dim in enumerate(shape):
        if isinstance(dim, str):
            found = next(((e, e.shape.index(dim)) for e in values if dim in e.shape), None)
            if found is None:
                return None
            numbers = symbolic.arange_like(found[0], axis=found[1], dtype="int64")
        else:
            numbers = constant(np.arange(dim))
        others = tuple(a for a in range(len(shape)) if a != axis)
        wide = symbolic.expand_dims(numbers, axis=others) if others else numbers
        total = wide if total is None else total + wide
    made: Expr | None = total
    return made


def _gather(node: Any, row: Any, places: Any) -> Any:
    return np.asarray(row)[places.astype(int)] if row.ndim == 1 else None


def _concat(node: Any, *rows: Any) -> Any:
    return np.concatenate([np.asarray(r, object) for r in rows])


def _slice(node: Any, row: Any, *ends: Any) -> Any:
    if row.ndim != 1:
        return None
    if not ends:
        return row[node.needs("starts")[0] : node.needs("ends")[0]]
    step = int(ends[3].ravel()[0]) if len(ends) > 3 and ends[3] is not None else 1
    return row[slice(int(ends[0].ravel()[0]), int(ends[1].ravel()[0]), step)]


def _reshape(node: Any, row: Any, shape: Any = None) -> Any:
    return None if shape is None else np.asarray(row, object).reshape([int(d) for d in shape.ravel()])


def _unsqueeze(node: Any, row: Any, *_: Any) -> Any:
    return np.asarray(row, object).reshape(1) if row.ndim == 0 else None


def _squeeze(node: Any, row: Any, *_: Any) -> Any:
    return np.asarray(row, object).reshape(()) if row.size == 1 else None


def _arithmetic(function: Any) -> Any:
    def follow(node: Any, x: Any, y: Any) -> Any:
        def of(a: Any, b: Any) -> Any:
            if isinstance(a, (int, np.integer)) and isinstance(b, (int, np.integer)):
                return function(int(a), int(b))
            return b if function is _times and a == 1 else a if function in (_times, _by) and b == 1 else None

        found = np.frompyfunc(of, 2, 1)(np.asarray(x, object), np.asarray(y, object))
        made = np.empty(np.shape(found), object)
        made[...] = found
        return made

    return follow


def _times(a: int, b: int) -> int:
    return a * b


def _by(a: int, b: int) -> int:
    return int(a / b)


FOLLOWED: dict[str, Any] = {
    "Shape": _shape,
    "Gather": _gather,
    "Concat": _concat,
    "Slice": _slice,
    "Reshape": _reshape,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Cast": lambda node, row: row,
    "Identity": lambda node, row: row,
    "Add": _arithmetic(lambda a, b: a + b),
    "Sub": _arithmetic(lambda a, b: a - b),
    "Mul": _arithmetic(_times),
    "Div": _arithmetic(_by),
}
"""How what is known goes through each operator that sizes go through."""
