"""What NumPy has and expressions cannot have, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pellucid.graph.errors import brief, near_miss

_SIZE = "How many there are is known only once there are data, and every size must be known before. "
_CHOOSE = "Use pel.where(condition, x, other) to choose, or x.at[condition].set(value) to replace."
_SORTED = "Use pel.sort, beside which pel.diff finds where a new value begins, or pel.bincount(x, length=n)."
_CHANGES = "Expressions never change. Use x = x.at[index].set(value) or pel.put_along_axis, which return a new one."

MISSING_FUNCTIONS: dict[str, str] = {
    **dict.fromkeys(("nonzero", "flatnonzero", "argwhere", "extract"), _SIZE + _CHOOSE),
    **dict.fromkeys(
        ("unique", "unique_all", "unique_counts", "unique_inverse", "unique_values", "intersect1d", "setdiff1d"),
        _SIZE + _SORTED,
    ),
    **dict.fromkeys(
        ("nansum", "nanmean", "nanprod", "nanmax", "nanmin", "nanvar", "nanstd"),
        "Replace what is nan first, with pel.nan_to_num(x) or pel.where(pel.isnan(x), other, x).",
    ),
    **dict.fromkeys(("empty", "empty_like"), "Expressions are never without a value. Use pel.zeros or pel.zeros_like."),
    "flatten": "Write x.flatten() or pel.ravel(x).",
    "switch": "Write pel.where(condition, a, b), or pel.cond, which computes one branch alone.",
    "placeholder": "Inputs are made with pel.scalar, pel.vector, pel.matrix and pel.tensor.",
    "variable": "What keeps a value is made with pel.shared(value, name).",
    **dict.fromkeys(("put", "place", "putmask", "copyto", "fill_diagonal"), _CHANGES),
}
"""Why there is no function of this name."""

GET_VALUE = "For its value, use pel.function([...], expression), or expression.eval({input: value})."
"""How an expression comes to have a value."""

USE_PEL_MATH = "Write pel.sin(x) for math.sin(x). "
"""What to write for the functions of Python's math."""

_BACKWARD = "The gradient is an expression of its own: pel.grad(cost, wrt)."
_KEEPS = "Only shared variables (pel.shared) keep a value. Write updates={w: w + 1} in pel.function, for w += 1."
_NO_VALUE = "An expression has no value until it runs. " + GET_VALUE

MISSING_METHODS: dict[str, str] = {
    **dict.fromkeys(("item", "numpy", "tolist", "data", "value", "cpu"), _NO_VALUE),
    **dict.fromkeys(("get_value", "set_value"), _KEEPS),
    **dict.fromkeys(("backward", "grad"), _BACKWARD),
    "detach": "Write pel.stop_gradient(x).",
    "dim": "The number of axes is x.ndim.",
    "permute": "Write x.transpose(1, 0), say.",
    "unsqueeze": "Write pel.expand_dims(x, axis).",
    "view": "Write x.reshape(shape).",
}
"""What arrays have in other libraries, and what to write here."""


SYNONYMS = {"dim": "axis", "axes": "axis", "keepdim": "keepdims", "descend": "descending", "size": "shape"}
"""What other libraries call an argument, and what NumPy calls it."""


def explain_missing_method(name: str, functions: Iterable[str], methods: Iterable[str]) -> str:
    """Return a sentence that begins with a space: what to write in the place of an attribute that is not there."""
    if name in MISSING_METHODS:
        return f" {MISSING_METHODS[name]}"
    if name in functions:
        return f" It is a function: pel.{name}(x)."
    return near_miss(name, (m for m in methods if not m.startswith("_"))) or explain_missing_function(name, functions)


def explain_no_number(e: Any, use: str) -> str:
    """Say that an expression is no number that Python could use, and where there is one."""
    hint = USE_PEL_MATH if "math" in use else ""
    kind, written = type(e).__name__, brief(e)
    if kind == "Shared":
        return f"{written} is a shared variable and no number, so {use}. {hint}The value it has now is get_value()"
    if kind == "Constant":
        return f"{written} is an expression and no number, so {use}. {hint}Its number is its attribute value"
    return f"{written} is no number until it runs, so {use}. {hint}{GET_VALUE}"


def explain_no_truth(e: Any) -> str:
    """Return what to write where Python asks whether an expression holds."""
    if getattr(e.op, "name", None) in ("equal", "not_equal"):
        return (
            "Whether two expressions are the same one is `a is b`, and for a list any(e is x for e in a_list); "
            "to choose by their values, use pel.where(condition, a, b)."
        )
    return (
        "Use pel.where(condition, a, b) or pel.cond to choose by it; pel.maximum(x, y) for max(x, y); "
        "(x > 0) & (x < 1) for 0 < x < 1; &, | and ~ for and, or and not."
    )


def explain_missing_function(name: str, known: Iterable[str]) -> str:
    """Return a sentence that begins with a space: why there is no such function, or which one may have been meant."""
    return f" {MISSING_FUNCTIONS[name]}" if name in MISSING_FUNCTIONS else near_miss(name, known)
