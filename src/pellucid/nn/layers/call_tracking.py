"""Which layer wrote an expression: noted on the expression, so that a model is found by walking its graph."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from pellucid.graph.expr import Expr

_inside: ContextVar[bool] = ContextVar("inside a layer", default=False)


@dataclass(frozen=True, eq=False)
class Call:
    """A layer that was called.

    Attributes
    ----------
    layer : Layer
        Which.
    inputs : Expr or list of Expr
        On what.
    named : dict
        With which keywords.
    """

    layer: Any
    inputs: Any
    named: dict[str, Any]

    def given(self) -> list[Expr]:
        """Return all expressions that it was given."""
        return expressions_in([self.inputs, self.named])


@contextmanager
def inside_a_layer() -> Iterator[bool]:
    """Tell whether a layer is called by another, whose formula it is part of then, and be inside of one meanwhile."""
    before = _inside.get()
    token = _inside.set(True)
    try:
        yield before
    finally:
        _inside.reset(token)


def note(call: Call, results: Any) -> None:
    """Note on the results of a call where they come from, unless the same call is noted there."""
    outputs = [results] if isinstance(results, Expr) else list(results)
    for place, output in enumerate(outputs):
        if isinstance(output, Expr) and not any(is_same(call, known) for known, _ in output.calls):
            output.calls = (*output.calls, (call, place))


def is_same(one: Call, other: Call) -> bool:
    """Tell whether two calls are of the same layer on the same expressions."""
    mine, theirs = one.given(), other.given()
    return (
        one.layer is other.layer and len(mine) == len(theirs) and all(a is b for a, b in zip(mine, theirs, strict=True))
    )


def expressions_in(value: Any) -> list[Expr]:
    """Return the expressions in lists, tuples and dictionaries, however they are nested."""
    if isinstance(value, Expr):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [e for part in value for e in expressions_in(part)] if isinstance(value, (list, tuple)) else []
