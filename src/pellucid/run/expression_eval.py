"""The value of one expression, with the function that computes it kept for the next time."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from pellucid.graph.errors import InputError, near_miss
from pellucid.graph.expr import Expr, Input
from pellucid.graph.traversal import inputs_of, replace
from pellucid.run.function import Function
from pellucid.run.function_builder import function

MOST_KEPT = 64
"""How many functions are kept; they keep their expressions."""


def value_of(expr: Expr, values: Mapping[Any, Any] | None = None, mode: str = "auto") -> Any:
    """Return the value of an expression; see `Expr.eval`."""
    given = {as_key(expr, key): value for key, value in (values or {}).items()}
    f, places = kept(expr, tuple(e for e in given if not isinstance(e, Input)), mode)
    found = {places.get(e, e): value for e, value in given.items()}
    needed = set(f.program.inputs)
    missing = [str(i) for i in f.program.inputs if i not in found]
    if missing:
        raise InputError(
            f"eval: {expr} needs a value for {', '.join(missing)}. Received: "
            f"{', '.join(map(str, given)) or 'none'}. Give it as expr.eval({{{missing[0]}: value}})"
        )
    idle = [str(e) for e in given if places.get(e, e) not in needed]
    if idle:
        raise InputError(f"eval: {', '.join(idle)} stands nowhere in {expr}; leave it out")
    return f(*[found[i] for i in f.program.inputs])


def as_key(expr: Expr, key: Any) -> Expr:
    """Return what a value is for: an expression, or the one input of that name."""
    if isinstance(key, Expr):
        return key
    inputs = inputs_of([expr])
    named = [i for i in inputs if i.name == key]
    if len(named) != 1:
        kind = "several inputs" if named else "no input"
        known = [i.name for i in inputs if i.name]
        hint = near_miss(str(key), known) or f" It has: {', '.join(known) or 'none with a name'}"
        raise InputError(f"eval: {expr} has {kind} named {key!r}.{hint}")
    return named[0]


@functools.lru_cache(maxsize=MOST_KEPT)
def kept(expr: Expr, cut: tuple[Expr, ...], mode: str) -> tuple[Function, dict[Expr, Input]]:
    """Return the function of an expression, and the inputs that stand for expressions whose values are given."""
    places = {e: Input(e.name or str(e), e.shape, e.dtype) for e in cut}
    opened = replace(expr, places) if places else expr
    return function(inputs_of([opened]), opened, mode=mode), dict(places)
