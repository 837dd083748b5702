"""Shape propagation: values of shape computations that are known before the graph runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pellucid.graph.expr import Constant, Expr, constant
from pellucid.graph.types import Dim
from pellucid.interop.onnx.reader import OnnxNode
from pellucid.interop.onnx.symbolic import P
from pellucid.typing import Array

MAX_LENGTH = 64
"""Longer vectors are not shapes."""


Propagate = Callable[..., Array | None]
"""Function of a node and the values of its operands that returns the value of the result, None if unknown."""


def record_shape_values(node: OnnxNode, results: Sequence[Expr | None]) -> None:
    """Record the shape value of a node's result, if its operands' values are known."""
    first = results[0] if results else None
    if node.kind not in PROPAGATED or not isinstance(first, Expr) or isinstance(first, Constant):
        return
    if first.dtype.kind != "i" or first.ndim > 1 or any(isinstance(d, int) and d > MAX_LENGTH for d in first.shape):
        return
    operands = [node.reader.get_contents(e) if isinstance(e, Expr) else None for e in node.inputs]
    if node.kind != "Shape" and any(v is None and e is not None for v, e in zip(operands, node.inputs, strict=True)):
        return
    found = PROPAGATED[node.kind](node, *operands)
    if found is not None:
        node.reader.root.shape_values[first] = np.asarray(found, object)


def _shape(node: OnnxNode, *_: Array) -> Array | None:
    x = node.inputs[0]
    assert x is not None
    shape: Array = np.array(x.shape, "O")
    return shape[node.get("start", 0) : node.get("end")]


def find_expression_of_shape(node: OnnxNode, shape: Sequence[Dim]) -> Expr | None:
    """Return an expression of a shape that contains names, possibly combined from several axes."""
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
            numbers = P.arange_like(found[0], axis=found[1], dtype="int64")
        else:
            numbers = constant(np.arange(dim))
        others = tuple(a for a in range(len(shape)) if a != axis)
        wide = P.expand_dims(numbers, axis=others) if others else numbers
        total = wide if total is None else total + wide
    made: Expr | None = total
    return made


def _gather(node: OnnxNode, row: Array, places: Array) -> Array | None:
    return np.asarray(row)[places.astype(int)] if row.ndim == 1 else None


def _concat(node: OnnxNode, *rows: Array) -> Array | None:
    return np.concatenate([np.asarray(r, object) for r in rows])


def _slice(node: OnnxNode, row: Array, *ends: Array) -> Array | None:
    if row.ndim != 1:
        return None
    if not ends:
        return row[node.require("starts")[0] : node.require("ends")[0]]
    step = int(ends[3].ravel()[0]) if len(ends) > 3 and ends[3] is not None else 1
    return row[slice(int(ends[0].ravel()[0]), int(ends[1].ravel()[0]), step)]


def _reshape(node: OnnxNode, row: Array, shape: Array | None = None) -> Array | None:
    return None if shape is None else np.asarray(row, object).reshape([int(d) for d in shape.ravel()])


def _unsqueeze(node: OnnxNode, row: Array, *_: Array) -> Array | None:
    return np.asarray(row, object).reshape(1) if row.ndim == 0 else None


def _squeeze(node: OnnxNode, row: Array, *_: Array) -> Array | None:
    return np.asarray(row, object).reshape(()) if row.size == 1 else None


def _arithmetic(function: Callable[[int, int], int]) -> Propagate:
    def propagate(node: OnnxNode, x: Array, y: Array) -> Array | None:
        def combine(a: object, b: object) -> object:
            if isinstance(a, (int, np.integer)) and isinstance(b, (int, np.integer)):
                return function(int(a), int(b))
            return b if function is _multiply and a == 1 else a if function in (_multiply, _divide) and b == 1 else None

        return np.asarray(np.frompyfunc(combine, 2, 1)(np.asarray(x, object), np.asarray(y, object)), object)

    return propagate


def _multiply(a: int, b: int) -> int:
    return a * b


def _divide(a: int, b: int) -> int:
    return int(a / b)


PROPAGATED: dict[str, Propagate] = {
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
    "Mul": _arithmetic(_multiply),
    "Div": _arithmetic(_divide),
}
"""Propagation functions by operator."""
