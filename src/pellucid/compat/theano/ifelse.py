"""``theano.ifelse``: a choice of which only one side is computed."""

from __future__ import annotations

from typing import Any

import pellucid as pel
from pellucid.compat.theano.variables import as_tensor_variable, cast_expr, upcast, wrap
from pellucid.graph.errors import UseError


def ifelse(condition: Any, then_branch: Any, else_branch: Any, name: str | None = None) -> Any:
    """One of two variables, or of two lists of variables."""
    several = isinstance(then_branch, list | tuple)
    left, right = (list(b) if several else [b] for b in (then_branch, else_branch))
    if len(left) != len(right):
        raise UseError(f"ifelse: expected the same number of results. Received: {len(left)} and {len(right)}")
    pairs = [(as_tensor_variable(a), as_tensor_variable(b)) for a, b in zip(left, right, strict=True)]
    dtypes = [upcast(a.dtype, b.dtype) for a, b in pairs]
    predicate = cast_expr(as_tensor_variable(condition), "bool")
    chosen = pel.cond(
        predicate,
        lambda: [cast_expr(a, d) for (a, _), d in zip(pairs, dtypes, strict=True)],
        lambda: [cast_expr(b, d) for (_, b), d in zip(pairs, dtypes, strict=True)],
    )
    return list(map(wrap, chosen)) if several else wrap(chosen[0])
