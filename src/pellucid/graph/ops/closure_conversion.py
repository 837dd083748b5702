"""Graphs written by a user's function, such as the step of a loop, closed over what they use from outside."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pellucid.graph.errors import UseError
from pellucid.graph.expr import Constant, Expr, Input, as_expr
from pellucid.graph.subgraph import Body
from pellucid.graph.traversal import replace_all, topological
from pellucid.graph.types import common_dtype, is_float


def placeholder(name: str, like: Expr, drop: int = 0) -> Input:
    """Return a place for a value of an expression's type, or of one element of it."""
    return Input(name, like.shape[drop:], like.dtype)


def as_list(value: Any) -> list[Any]:
    """Return one or several as a list."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def beside(value: Any, others: Iterable[Any]) -> Expr:
    """Make a value an expression; a Python number takes the dtype of the real numbers it stands beside."""
    reals = [o.dtype for o in others if isinstance(o, Expr) and is_float(o.dtype)]
    return as_expr(value, common_dtype(reals) if type(value) in (int, float) and reals else None)


def written(function: Callable[..., Any], *arguments: Any) -> tuple[list[Expr], bool]:
    """Call a user's function on expressions; return the expressions it makes, and whether they were several."""
    check_takes(function, arguments)
    returned = function(*arguments)
    results = as_list(returned)
    return [beside(r, arguments) for r in results], isinstance(returned, (list, tuple))


def check_takes(function: Any, arguments: Sequence[Any]) -> None:
    """Refuse what is no function of so many arguments, before Python does so in words of its own."""
    if not callable(function):
        raise UseError(f"Expected a function from expressions to expressions. Received: {function!r}")
    try:
        signature = inspect.signature(function)
    except ValueError:
        return  # one written in C may have none
    try:
        signature.bind(*arguments)
    except TypeError:
        raise UseError(
            f"Expected a function of {len(arguments)}: the elements of the sequences, the states, and what stays the "
            f"same, as far as there are any, in this order. Received: one of {signature}"
        ) from None


def made_from(places: Iterable[Expr], results: Sequence[Expr]) -> set[Expr]:
    """Return the places and what depends on them."""
    inside = set(places)
    for node in topological(results):
        if not inside.isdisjoint(node.inputs):
            inside.add(node)
    return inside


def border(inside: set[Expr], results: Sequence[Expr]) -> list[Expr]:
    """Return the expressions from outside that the inside of a graph is made of; constants may stand inside."""
    found = dict.fromkeys(
        i
        for node in topological(results)
        if node in inside
        for i in node.inputs
        if i not in inside and not isinstance(i, Constant)
    )
    found.update(dict.fromkeys(r for r in results if r not in inside and not isinstance(r, Constant)))
    return list(found)


def body_of(places: Sequence[Expr], outer: Sequence[Expr], results: Sequence[Expr]) -> Body:
    """Make a body whose placeholders are places of its own, and then one for each expression from outside."""
    held: dict[Expr, Expr] = {e: Input(e.name or f"w{i}", e.shape, e.dtype) for i, e in enumerate(outer)}
    return Body((*places, *held.values()), tuple(replace_all(results, held, names=True)))
