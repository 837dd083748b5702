"""What is known of values before anything is computed: that none is negative, or positive, or less than one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pellucid.run.native.equations import Equation, Value

DEPTH = 8
"""How many equations back it is looked for what is known of a value."""

MOVED = ("broadcast_in_dim", "reshape", "squeeze", "transpose")
"""Equations whose results have the elements of their operands."""


def maker(v: Value, depth: int) -> Equation | None:
    """Return the equation to look at for what is known of a value."""
    e = v.maker
    return e if e is not None and depth and all(x.size for x in e.inputs) else None


def at_least_one(v: Value, depth: int = DEPTH) -> bool:
    """Tell whether no element is less than one; nan is not."""
    if v.constant is not None:
        return bool((v.constant >= 1).all())
    e = maker(v, depth)
    if e is None:
        return False
    if e.name in (*MOVED, "square", "sqrt", "reduce_max", "reduce_min"):
        return at_least_one(e.inputs[0], depth - 1)
    if e.name == "add":
        a, b = e.inputs
        return any(at_least_one(p, depth - 1) and not_negative(q, depth - 1) for p, q in ((a, b), (b, a)))
    if e.name != "reduce_sum":
        return False
    power = e.inputs[0].maker
    greatest = below(power.inputs[0]) if power is not None and power.name == "exp" else None
    has_one = greatest is not None and greatest.params["axes"] == e.params["axes"]
    return has_one or at_least_one(e.inputs[0], depth - 1)


def not_negative(v: Value, depth: int = DEPTH) -> bool:
    """Tell whether no element is less than zero; nan is not."""
    if v.constant is not None:
        return bool((v.constant >= 0).all())
    e = maker(v, depth)
    if e is None:
        return False
    if e.name in ("exp", "abs", "square", "logistic"):
        return True
    return e.name in (*MOVED, "add", "mul", "reduce_sum", "reduce_max") and all(
        not_negative(x, depth - 1) for x in e.inputs
    )


def not_positive(v: Value, depth: int = DEPTH) -> bool:
    """Tell whether no element is greater than zero; nan is not."""
    if v.constant is not None:
        return bool((v.constant <= 0).all())
    e = maker(v, depth)
    if e is None:
        return False
    if e.name == "neg":
        return not_negative(e.inputs[0], depth - 1)
    if e.name == "mul":
        a, b = e.inputs
        return any(not_positive(p, depth - 1) and not_negative(q, depth - 1) for p, q in ((a, b), (b, a)))
    if e.name in MOVED:
        return not_positive(e.inputs[0], depth - 1)
    return below(v) is not None


def below(v: Value) -> Equation | None:
    """Return the equation of the greatest elements, if a value is how far all elements are from them."""
    e = v.maker
    if e is None or e.name != "sub":
        return None
    x, greatest = e.inputs
    spread = greatest.maker
    while spread is not None and spread.name == "broadcast_in_dim" and spread.inputs[0].ndim == greatest.ndim:
        spread = spread.inputs[0].maker
    found = spread.inputs[0].maker if spread is not None and spread.inputs else None
    if spread is None or found is None or found.name != "reduce_max" or found.inputs[0] is not x:
        return None
    axes = found.params["axes"]
    if spread.name == "broadcast_in_dim":
        in_place = list(spread.params["broadcast_dimensions"]) == [a for a in range(x.ndim) if a not in axes]
    else:
        kept = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
        in_place = spread.name == "reshape" and spread.result.shape == kept
    return found if in_place else None
