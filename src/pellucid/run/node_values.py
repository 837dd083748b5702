"""The value of every expression of a program, in one run of it."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from pellucid.graph.errors import InputError
from pellucid.graph.expr import Expr
from pellucid.graph.printing import text
from pellucid.graph.types import shape_text

SHORT = 8
"""Arrays of more elements are shown by their type and range."""


LONGEST = 60
"""Longer expressions are written in brief."""


class Values(dict[Expr, Any]):
    """What every expression of a program came to; printed as a table."""

    def __missing__(self, key: Any) -> Any:
        raise InputError(
            f"The program does not go through {key}, perhaps because simplification made something else of it. "
            "Make the function with rewrite=False, or ask for its value with eval"
        )

    def __str__(self) -> str:
        width = max((len(name) for name, _ in self.cells()), default=0)
        return "\n".join(f"{name:<{width}}  {value}" for name, value in self.cells())

    def _repr_html_(self) -> str:
        rows = [f"<tr><td><code>{escape(n)}</code></td><td><code>{escape(v)}</code></td></tr>" for n, v in self.cells()]
        return f"<table>{''.join(rows)}</table>"

    def cells(self) -> list[tuple[str, str]]:
        """Write each expression, after its name if it has one, and its value."""
        return [(brief(e), value_text(value)) for e, value in self.items()]


def brief(e: Expr) -> str:
    """Write an expression in full if it is short, or else with what lies deep inside it left out."""
    named = f"{e.name} = " if e.op is not None and e.name else ""
    written = text(e, LONGEST)
    for depth in (4, 3, 2, 1):
        if len(written) <= LONGEST:
            break
        level, hidden = {e}, set()
        for _ in range(depth):
            level = {i for outer in level for i in outer.inputs}
            hidden = {i for i in level if i.op is not None}
        written = text(e, LONGEST, dict.fromkeys(hidden - {e}, "…"))
    return named + written


def parts(value: Any) -> list[Any]:
    """Return the results of an op that has several as a list, and any other in one."""
    return list(value) if isinstance(value, (tuple, list)) else [value]


def value_text(value: Any) -> str:
    """Write a short array in full, a long one by its type and range, and several one after the other."""
    if isinstance(value, (tuple, list)):
        return "; ".join(map(value_text, parts(value)))
    array = np.asarray(value)
    if array.ndim == 0:
        return str(array[()])
    if array.size <= SHORT:
        return np.array2string(array).replace("\n", "")
    return described(array)


def range_text(array: np.ndarray[Any, Any]) -> str:
    """Write between which values an array lies, those that are nan left out."""
    if not array.size:
        return "empty"
    numbers = array[array == array]
    if not numbers.size:
        return "all nan"
    if array.dtype.kind in "biu":
        return f"from {numbers.min()} to {numbers.max()}"
    return f"from {numbers.min():.6g} to {numbers.max():.6g}"


def described(value: Any) -> str:
    """Write dtype, shape and range of an array."""
    array = np.asarray(value)
    return f"{array.dtype} {shape_text(array.shape)}, {range_text(array)}"
