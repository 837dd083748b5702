"""Values of all expressions of a program, and the formatting of values."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from pellucid.graph.errors import InputError
from pellucid.graph.expr import Expr
from pellucid.graph.naming import find_expressions
from pellucid.graph.printing import text
from pellucid.graph.types import format_shape
from pellucid.typing import Array

MAX_PRINTED_ELEMENTS = 8
"""Arrays with more elements are printed by type and range."""

MAX_EXPRESSION_LENGTH = 60
"""Longer expressions are abbreviated."""


class NodeValues(dict[Expr, Any]):
    """Value of every expression of a program. Prints as a table."""

    def __missing__(self, key: Any) -> Any:
        if isinstance(key, Expr):
            for e in find_expressions(list(self), [key]):  # the same expression with other labels
                return self[e]
        raise InputError(
            f"The program does not compute {key}, perhaps because simplification replaced it. "
            "Compile the function with rewrite=False, or use expr.eval()"
        )

    def __str__(self) -> str:
        cells = self.format_cells()
        width = max((len(name) for name, _ in cells), default=0)
        return "\n".join(f"{name:<{width}}  {value}" for name, value in cells)

    def _repr_html_(self) -> str:
        rows = [
            f"<tr><td><code>{escape(n)}</code></td><td><code>{escape(v)}</code></td></tr>"
            for n, v in self.format_cells()
        ]
        return f"<table>{''.join(rows)}</table>"

    def format_cells(self) -> list[tuple[str, str]]:
        return [(abbreviate(e), format_value(value)) for e, value in self.items()]


def abbreviate(e: Expr) -> str:
    """Return an expression as text, after its name if it has one, with an ellipsis for deeply nested parts."""
    name = f"{e.name} = " if e.op is not None and e.name else ""
    formula = text(e, MAX_EXPRESSION_LENGTH)
    for depth in (4, 3, 2, 1):
        if len(formula) <= MAX_EXPRESSION_LENGTH:
            break
        level, hidden = {e}, set()
        for _ in range(depth):
            level = {i for outer in level for i in outer.inputs}
            hidden = {i for i in level if i.op is not None}
        formula = text(e, MAX_EXPRESSION_LENGTH, dict.fromkeys(hidden - {e}, "…"))
    return name + formula


def as_list(value: Any) -> list[Any]:
    """Return the results of an op with several as a list, and any other value in a list."""
    return list(value) if isinstance(value, (tuple, list)) else [value]


def format_value(value: Any) -> str:
    """Return a short array as text, and a long one as its type and range."""
    if isinstance(value, (tuple, list)):
        return "; ".join(map(format_value, value))
    array = np.asarray(value)
    if array.ndim == 0:
        return str(array[()])
    if array.size <= MAX_PRINTED_ELEMENTS:
        return np.array2string(array).replace("\n", "")
    return summarize(array)


def format_range(array: Array) -> str:
    """Return the minimum and maximum of an array, without NaN."""
    if not array.size:
        return "empty"
    numbers = array[array == array]
    if not numbers.size:
        return "all nan"
    if array.dtype.kind in "biu":
        return f"from {numbers.min()} to {numbers.max()}"
    return f"from {numbers.min():.6g} to {numbers.max():.6g}"


def summarize(value: Any) -> str:
    array = np.asarray(value)
    return f"{array.dtype} {format_shape(array.shape)}, {format_range(array)}"
