"""Value-range analysis: proofs that all elements of a value are nonnegative, nonpositive, or at least one.

NaN satisfies every range.
"""

from __future__ import annotations

from pellucid.run.native.equations import Equation, Value

MAX_DEPTH = 8
"""How many equations back a proof looks."""

MOVEMENTS = ("broadcast_in_dim", "reshape", "squeeze", "transpose")
"""Primitives whose results have the elements of their operands."""


def get_producer(v: Value, depth: int) -> Equation | None:
    """Return the equation of a value, unless the proof is too deep or the equation reduces empty arrays."""
    e = v.producer
    return e if e is not None and depth and all(x.size for x in e.inputs) else None


def is_at_least_one(v: Value, depth: int = MAX_DEPTH) -> bool:
    if v.constant is not None:
        return bool((v.constant >= 1).all())
    e = get_producer(v, depth)
    if e is None:
        return False
    if e.name in (*MOVEMENTS, "square", "sqrt", "reduce_max", "reduce_min"):
        return is_at_least_one(e.inputs[0], depth - 1)
    if e.name == "add":
        a, b = e.inputs
        return any(is_at_least_one(p, depth - 1) and is_nonnegative(q, depth - 1) for p, q in ((a, b), (b, a)))
    if e.name != "reduce_sum":
        return False
    # sum(exp(x - max(x))) has a term exp(0), over the same axes.
    exp = e.inputs[0].producer
    maximum = find_subtracted_max(exp.inputs[0]) if exp is not None and exp.name == "exp" else None
    has_one = maximum is not None and maximum.params["axes"] == e.params["axes"]
    return has_one or is_at_least_one(e.inputs[0], depth - 1)


def is_nonnegative(v: Value, depth: int = MAX_DEPTH) -> bool:
    if v.constant is not None:
        return bool((v.constant >= 0).all())
    e = get_producer(v, depth)
    if e is None:
        return False
    if e.name in ("exp", "abs", "square", "logistic"):
        return True
    return e.name in (*MOVEMENTS, "add", "mul", "reduce_sum", "reduce_max") and all(
        is_nonnegative(x, depth - 1) for x in e.inputs
    )


def is_nonpositive(v: Value, depth: int = MAX_DEPTH) -> bool:
    if v.constant is not None:
        return bool((v.constant <= 0).all())
    e = get_producer(v, depth)
    if e is None:
        return False
    if e.name == "neg":
        return is_nonnegative(e.inputs[0], depth - 1)
    if e.name == "mul":
        a, b = e.inputs
        return any(is_nonpositive(p, depth - 1) and is_nonnegative(q, depth - 1) for p, q in ((a, b), (b, a)))
    if e.name in MOVEMENTS:
        return is_nonpositive(e.inputs[0], depth - 1)
    return find_subtracted_max(v) is not None


def find_subtracted_max(v: Value) -> Equation | None:
    """Return the ``reduce_max`` equation of a value ``x - max(x)``; None for any other value."""
    e = v.producer
    if e is None or e.name != "sub":
        return None
    x, maximum = e.inputs
    broadcast = maximum.producer
    while broadcast is not None and broadcast.name == "broadcast_in_dim" and broadcast.inputs[0].ndim == maximum.ndim:
        broadcast = broadcast.inputs[0].producer
    reduction = broadcast.inputs[0].producer if broadcast is not None and broadcast.inputs else None
    if broadcast is None or reduction is None or reduction.name != "reduce_max" or reduction.inputs[0] is not x:
        return None
    axes = reduction.params["axes"]
    if broadcast.name == "broadcast_in_dim":
        fits = list(broadcast.params["broadcast_dimensions"]) == [a for a in range(x.ndim) if a not in axes]
    else:
        kept = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
        fits = broadcast.name == "reshape" and broadcast.result.shape == kept
    return reduction if fits else None
