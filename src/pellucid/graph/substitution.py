"""Substitution of expressions in graphs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pellucid.graph.array_conversion import has_dtype
from pellucid.graph.errors import DtypeError, InputError, ShapeError, UseError
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.naming import find_expressions
from pellucid.graph.traversal import replace_all, to_expr_list
from pellucid.graph.types import covers


def replace(expr: Any, replacements: Mapping[Expr, Any]) -> Any:
    """Replace expressions inside another expression.

    Parameters
    ----------
    expr : Expr, or a list or tuple of Expr
        The expression to change. It is immutable; the result is a new one.
    replacements : dict from Expr to Expr, array or number
        Replacements by the expression that they replace, all at once. Names make no difference: an expression is found
        with and without its name.

    Returns
    -------
    Expr, or list of Expr
        One for one, a list for several.

    Raises
    ------
    ShapeError, DtypeError
        If a replacement has another shape or dtype.
    InputError
        If an expression to replace does not occur.

    Examples
    --------
    >>> x, y = pel.vector("x"), pel.vector("y")
    >>> pel.replace(pel.exp(x) + x, {x: 2 * y})
    exp(2 * y) + 2 * y
    """
    outputs = to_expr_list(expr, "replace")
    if not isinstance(replacements, Mapping):
        raise UseError(f"replace: expected a dict of replacements, as in {{x: 2 * y}}. Received: {replacements!r}")
    checked = {target: check_replacement(target, value, "replace") for target, value in replacements.items()}
    found = find_expressions(outputs, list(checked))
    reached = set(found.values())
    unused = [str(target) for target in checked if target not in reached]
    if unused:
        raise InputError(f"replace: {', '.join(unused)} does not occur in {', '.join(map(str, outputs))}")
    replaced = replace_all(outputs, {node: checked[target] for node, target in found.items()})
    return replaced[0] if isinstance(expr, Expr) else replaced


def check_replacement(target: Any, value: Any, caller: str) -> Expr:
    """Return a replacement as an expression of the type of its target."""
    if not isinstance(target, Expr):
        raise UseError(
            f"{caller}: expected an expression to replace. Received: {target!r}, of type {type(target).__name__}"
        )
    new = as_expr(value, None if has_dtype(value) else target.dtype)
    if not covers(new.shape, target.shape) or new.dtype != target.dtype:
        kind = DtypeError if new.dtype != target.dtype else ShapeError
        raise kind(f"{caller}: {new}, which is {new.type}, cannot replace {target}, which is {target.type}")
    return new
