"""``theano.printing``: formulas, graphs, and values that a function prints."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Sequence
from typing import Any

import pellucid as pel
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.theano.variables import TensorVariable, as_tensor_variable, wrap
from pellucid.graph.expr import Expr
from pellucid.graph.traversal import topological

_printed: dict[int, tuple[weakref.ref[Expr], str, Sequence[str]]] = {}
"""Expressions whose values are printed, by identity, with the text before and the attributes that are printed."""


def pprint(variable: Any, **options: Any) -> str:
    """Formula of a variable, as pellucid writes it."""
    return str(as_tensor_variable(variable).expr)


pp = pprint


def debugprint(obj: Any, depth: int = -1, print_type: bool = False, file: Any = None, **options: Any) -> str | None:
    """Print the graph of a variable or a function as a tree; ``file="str"`` returns it."""
    found = getattr(obj, "compiled", None)
    if found is None:
        several = obj if isinstance(obj, list | tuple) else [obj]
        found = [as_tensor_variable(o).expr for o in several]
    text = str(pel.tree(found))
    if file == "str":
        return text
    print(text, file=file or sys.stdout)
    return None


class Print:
    """Op that prints the value of a variable whenever a function computes it."""

    def __init__(self, message: str = "", attrs: Sequence[str] = ("__str__",), global_fn: Any = None) -> None:
        self.message, self.attrs = message, attrs

    def __call__(self, x: Any) -> TensorVariable:
        e = as_tensor_variable(x).expr
        e = pel.named(self.message or "print", e if e.op is not None else pel.broadcast_like(e, e))
        _printed[id(e)] = (weakref.ref(e), self.message, self.attrs)
        return wrap(e)


def list_prints(results: Sequence[Expr]) -> list[tuple[Expr, tuple[str, Sequence[str]]]]:
    """Return the expressions whose values are printed, and how."""
    found = []
    for e in topological(results) if _printed else ():
        reference, message, attrs = _printed.get(id(e), (lambda: None, "", ()))
        if reference() is e:
            found.append((e, (message, attrs)))
    return found


def print_values(prints: Sequence[tuple[Expr, tuple[str, Sequence[str]]]], values: Sequence[Any]) -> None:
    """Print values as ``message attribute = value``."""
    for (_, (message, attrs)), value in zip(prints, values, strict=True):
        for attr in attrs:
            shown = getattr(value, attr)
            print(message, attr, "=", shown() if callable(shown) else shown)


def pydotprint(fct: Any, outfile: Any = None, **options: Any) -> None:
    """Write the graph of a variable or a function as a picture."""
    found = getattr(fct, "compiled", None) or as_tensor_variable(fct).expr
    pel.save_graph(found, outfile or "theano.pydotprint.svg")  # type: ignore[attr-defined]


def min_informative_str(obj: Any, indent_level: int = 0) -> str:
    """Formula of a variable."""
    return pprint(obj)


add_missing_name_errors(globals(), "theano.printing")
