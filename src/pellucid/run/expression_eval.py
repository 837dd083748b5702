"""``Expr.eval``, which keeps compiled functions for expressions that are evaluated again."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from pellucid import extension_points
from pellucid.graph.errors import InputError, near_miss
from pellucid.graph.expr import Expr, Input
from pellucid.graph.substitution import replace
from pellucid.graph.traversal import collect_inputs
from pellucid.run.function import Function
from pellucid.run.function_builder import function
from pellucid.typing import ArrayLike, Mode

MAX_FUNCTIONS = 64
"""How many functions are kept, with their expressions."""


@extension_points.expression_value.register
def eval_expression(expr: Expr, values: Mapping[Any, ArrayLike] | None = None, mode: Mode = "auto") -> Any:
    given = {find_target(expr, key): value for key, value in (values or {}).items()}
    f, substitutes = compile_expression(expr, tuple(e for e in given if not isinstance(e, Input)), mode)
    arguments = {substitutes.get(e, e): value for e, value in given.items()}
    inputs = set(f.program.inputs)
    missing = [str(i) for i in f.program.inputs if i not in arguments]
    if missing:
        raise InputError(
            f"eval: {expr} needs a value for {', '.join(missing)}. Received: "
            f"{', '.join(map(str, given)) or 'none'}. Use expr.eval({{{missing[0]}: value}})"
        )
    unused = [str(e) for e in given if substitutes.get(e, e) not in inputs]
    if unused:
        raise InputError(f"eval: {expr} does not depend on {', '.join(unused)}. Leave it out")
    return f(*[arguments[i] for i in f.program.inputs])


def find_target(expr: Expr, key: object) -> Expr:
    """Return the expression that a value is for: the key itself, or the one input with that name."""
    if isinstance(key, Expr):
        return key
    inputs = collect_inputs([expr])
    named = [i for i in inputs if i.name == key]
    if len(named) != 1:
        count = "several inputs" if named else "no input"
        known = [i.name for i in inputs if i.name]
        hint = near_miss(str(key), known) or f" It has: {', '.join(known) or 'none with a name'}"
        raise InputError(f"eval: {expr} has {count} named {key!r}.{hint}")
    return named[0]


@functools.lru_cache(maxsize=MAX_FUNCTIONS)
def compile_expression(expr: Expr, given: tuple[Expr, ...], mode: Mode) -> tuple[Function, dict[Expr, Input]]:
    """Return the function of an expression, and the inputs that replace expressions whose values are given."""
    substitutes: dict[Expr, Input] = {e: Input(e.name or str(e), e.shape, e.dtype) for e in given}
    output = replace(expr, substitutes) if substitutes else expr
    return function(collect_inputs([output]), output, mode=mode), substitutes
