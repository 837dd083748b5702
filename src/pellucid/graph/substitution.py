"""Expressions replaced inside of others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pellucid.graph.errors import DtypeError, InputError, ShapeError, UseError
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.labels import find_expressions
from pellucid.graph.traversal import replace_all, to_expr_list
from pellucid.graph.types import covers


def replace(expr: Any, replacements: Mapping[Expr, Any]) -> Any:
    """Return an expression with others in the place of some that it is made of.

    Parameters
    ----------
    expr : Expr, or a list or tuple of Expr
        What to rewrite; it stays as it is, and the result is another expression.
    replacements : dict from Expr to Expr, array or number
        What takes the place of what, all at once: a replacement is not itself rewritten.

    Returns
    -------
    Expr, or list of Expr
        In the form in which it was given.

    Raises
    ------
    ShapeError, DtypeError
        If a replacement has another shape or dtype.
    InputError
        If nothing depends on what is to be replaced.

    Examples
    --------
    >>> x, y = pel.vector("x"), pel.vector("y")
    >>> pel.replace(pel.exp(x) + x, {x: 2 * y})
    exp(2 * y) + 2 * y
    """
    outputs = to_expr_list(expr, "replace")
    if not isinstance(replacements, Mapping):
        raise UseError(f"replace: expected what takes the place of what, as {{x: 2 * y}}. Received: {replacements!r}")
    checked = {target: check_replacement(target, value, "replace") for target, value in replacements.items()}
    found = find_expressions(outputs, list(checked))
    reached = set(found.values())
    idle = [str(target) for target in checked if target not in reached]
    if idle:
        raise InputError(f"replace: {', '.join(idle)} stands nowhere in {', '.join(map(str, outputs))}")
    replaced = replace_all(outputs, {node: checked[target] for node, target in found.items()})
    return replaced[0] if isinstance(expr, Expr) else replaced


def check_replacement(target: Any, value: Any, who: str) -> Expr:
    """Return what is to take the place of an expression, refusing what is of another type."""
    if not isinstance(target, Expr):
        raise UseError(f"{who}: expressions are replaced. Received: {target!r}, of type {type(target).__name__}")
    new = as_expr(value, target.dtype if is_weakly_typed(value) else None)
    if not covers(new.shape, target.shape) or new.dtype != target.dtype:
        kind = DtypeError if new.dtype != target.dtype else ShapeError
        raise kind(f"{who}: {new}, which is {new.type}, cannot take the place of {target}, which is {target.type}")
    return new


def is_weakly_typed(value: Any) -> bool:
    """Tell whether a value takes the dtype of what it is meant for, as Python's numbers do."""
    return isinstance(value, (bool, int, float, list, tuple)) and not isinstance(value, np.generic)
