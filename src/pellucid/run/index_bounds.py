"""Range checks of inputs that hold labels or indices, before a program runs.

A compiled program cannot raise exceptions: with an index out of bounds it would return a wrong value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pellucid.graph.errors import InputError, brief
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Constant, Expr, Input, Shared
from pellucid.graph.ops.index_spec import get_array_axes, to_numpy_index
from pellucid.graph.traversal import topological
from pellucid.graph.types import Dim
from pellucid.run.buffers import Buffer
from pellucid.typing import Array

IndexOperands = list[tuple[int, Dim, bool]]
"""Position of each operand that holds indices, the length that it indexes, and whether -1 is the last element."""


def _index_arrays(first: int) -> Callable[[Expr], IndexOperands]:
    """Return a function that lists the index arrays of an op, whose operands begin at some position."""

    def list_operands(e: Expr) -> IndexOperands:
        axes = get_array_axes(e.settings["index"])
        return [(first + number, e.inputs[0].shape[axis], True) for number, axis in enumerate(axes)]

    return list_operands


INDEX_OPERANDS: dict[str, Callable[[Expr], IndexOperands]] = {
    "sparse_crossentropy": lambda e: [(0, e.inputs[1].shape[-1], False)],
    "gather": _index_arrays(1),
    "take_along_axis": lambda e: [(1, e.inputs[0].shape[e.settings["axis"]], True)],
    **{f"{method}_at": _index_arrays(2) for method in ("set", "add", "multiply", "max", "min")},
}
"""For each op with indices, its operands that hold them."""

RESHAPING = {"expand_dims", "squeeze", "reshape", "reshape_like", "transpose", "broadcast_like", "broadcast_to"}


@dataclass(frozen=True)
class Bound:
    """The range of the integers of an input, and the expression that uses them as indices.

    ``part`` is the slice of the input that is used, and ``layer`` the name of the Embedding whose rows it selects.
    """

    low: int
    high: int
    user: Expr
    part: tuple[Any, ...] = ()
    layer: str | None = None

    def check(self, i: Expr, value: Buffer, name: str = "") -> None:
        """Raise an error that names the first index out of range and its position."""
        array = np.asarray(value)
        lead = array.ndim - i.ndim  # axes for the steps of a loop
        numbers = array[(slice(None),) * lead + self.part] if self.part else array
        if not numbers.size or (numbers.min() >= self.low and numbers.max() <= self.high):
            return
        is_used = np.zeros(array.shape, bool)
        is_used[(slice(None),) * lead + self.part] = True
        positions = np.argwhere(is_used & ((array < self.low) | (array > self.high)))
        at = tuple(int(n) for n in positions[0])
        place = f" at {list(at)}" * bool(at) + f", the first of {len(positions)}" * (len(positions) > 1)
        raise InputError(
            f"Expected {name or i} to be from {self.low} to {self.high}, because it is an index in "
            f"{brief(self.user)}. Received: {array[at]}{place}{self.suggest_fix(array[at], numbers)}"
        ).with_operands([i, self.user])

    def suggest_fix(self, wrong: int, numbers: Array) -> str:
        if self.layer is not None and wrong < self.low:
            return f". The layer {self.layer} has no rows for negative indices; number its words from 0"
        one_based = numbers.max() == self.high + 1 and numbers.min() > 0
        subtract = ". Indices start at 0; subtract 1 if those of your data start at 1" * bool(one_based)
        if self.layer is None:
            return subtract
        needed = int(numbers.max()) - self.low + 1
        return (
            f". The layer {self.layer} has {self.high - self.low + 1} rows; it needs input_dim={needed} or more, the "
            f"largest index plus 1{subtract}"
        )


class IndexSearch:
    """Ranges of the inputs of a graph that index an axis of known length.

    Attributes
    ----------
    bounds : dict from Input to list of Bound
        At most one for each part of an input.
    unchecked : dict from Expr to Bound
        The ranges of indices that the program computes, which can be out of range unnoticed.
    """

    def __init__(self, outputs: Sequence[Expr]) -> None:
        self.bounds: dict[Expr, list[Bound]] = {}
        self.unchecked: dict[Expr, Bound] = {}
        for e in topological(list(outputs)):
            if e.op is not None and e.op.name in INDEX_OPERANDS:
                for position, count, from_end in INDEX_OPERANDS[e.op.name](e):
                    if isinstance(count, int):
                        self.add(e, e.inputs[position], count, from_end)

    def add(self, e: Expr, index: Expr, count: int, from_end: bool) -> None:
        """Trace an index back to an input, through ops that keep, shift or select its integers."""
        layer = get_layer_name(e)
        bound = Bound(-count if from_end and layer is None else 0, count - 1, e, layer=layer)
        while index.op is not None:
            name, shift = index.op.name, get_shift(index)
            if name in RESHAPING or (name == "cast" and index.inputs[0].dtype.kind in "iu"):
                index = index.inputs[0]
            elif shift is not None:
                bound = replace(bound, low=bound.low - shift, high=bound.high - shift)
                index = next(i for i in index.inputs if not isinstance(i, Constant))
            elif name == "slice" and isinstance(index.inputs[0], Input):
                bound = replace(bound, part=to_numpy_index(index.settings["index"]))
                index = index.inputs[0]
            else:
                break
        if isinstance(index, Input):
            self.add_bound(index, bound)
        elif index.op is not None:
            self.unchecked[index] = bound

    def add_bound(self, i: Input, bound: Bound) -> None:
        """Keep the narrowest bound of each part."""
        others = [other for other in self.bounds.get(i, []) if other.part == bound.part]
        if any((other.low, -other.high) >= (bound.low, -bound.high) for other in others):
            return
        self.bounds[i] = [other for other in self.bounds.get(i, []) if other not in others] + [bound]


def find_computed_index_error(search: IndexSearch, inputs: Sequence[Expr], values: Sequence[Buffer]) -> str:
    """Return the message for the first index out of range that a graph computes from these inputs, or an empty string.

    It interprets the graph of the indices with NumPy, for a diagnosis after something went wrong.
    """
    known = dict(zip(inputs, values, strict=True))
    for index, bound in search.unchecked.items():
        leaves = [e for e in topological([index]) if e.op is None]
        if all(isinstance(e, Constant) or e in known for e in leaves):
            try:
                bound.check(index, evaluate(np, [index], known)[0], brief(index))
            except InputError as error:
                return str(error)
    return ""


def get_layer_name(e: Expr) -> str | None:
    """Return the name of the Embedding layer whose rows an op selects, or None."""
    table = e.inputs[0]
    while table.op is not None and table.op.name == "cast":
        table = table.inputs[0]
    return table.indexed_by if isinstance(table, Shared) else None


def get_shift(e: Expr) -> int | None:
    """Return the integer that an expression adds to the elements of another one, or None if it does something else."""
    if e.op is None or e.op.name not in ("add", "subtract") or e.dtype.kind not in "iu":
        return None
    constants = [i for i in e.inputs if isinstance(i, Constant) and i.value.size == 1]
    others = [i for i in e.inputs if not isinstance(i, Constant)]
    if len(constants) != 1 or len(others) != 1 or (e.op.name == "subtract" and constants[0] is e.inputs[0]):
        return None
    return int(constants[0].value.reshape(())) * (1 if e.op.name == "add" else -1)


def collect_bounds(outputs: Sequence[Expr]) -> dict[Expr, list[Bound]]:
    """Return the ranges of every input that indexes an axis of known length."""
    return IndexSearch(outputs).bounds
