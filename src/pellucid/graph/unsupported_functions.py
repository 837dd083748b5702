"""Explanations for NumPy and PyTorch features that expressions do not have, with replacements."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pellucid.graph.errors import brief, near_miss

_SIZE = "The number of results depends on the data, and shapes must be known before the program runs. "
_CHOOSE = "Use pel.where(condition, x, other) to choose, or x.at[condition].set(value) to replace."
_SORTED = "Use pel.sort and pel.diff, which is nonzero where a new value begins, or pel.bincount(x, length=n)."
_CHANGES = "Expressions are immutable. Use x = x.at[index].set(value) or pel.put_along_axis, which return a new one."

MISSING_FUNCTIONS: dict[str, str] = {
    **dict.fromkeys(("nonzero", "flatnonzero", "argwhere", "extract"), _SIZE + _CHOOSE),
    **dict.fromkeys(
        ("unique", "unique_all", "unique_counts", "unique_inverse", "unique_values", "intersect1d", "setdiff1d"),
        _SIZE + _SORTED,
    ),
    **dict.fromkeys(
        ("nansum", "nanmean", "nanprod", "nanmax", "nanmin", "nanvar", "nanstd"),
        "Replace NaNs first, with pel.nan_to_num(x) or pel.where(pel.isnan(x), other, x).",
    ),
    **dict.fromkeys(("empty", "empty_like"), "Every expression has defined values. Use pel.zeros or pel.zeros_like."),
    "flatten": "Write x.flatten() or pel.ravel(x).",
    "switch": "Write pel.where(condition, a, b), or pel.cond, which computes only one branch.",
    "placeholder": "Make inputs with pel.scalar, pel.vector, pel.matrix or pel.tensor.",
    "variable": "Make variables with pel.shared(value, name).",
    **dict.fromkeys(("put", "place", "putmask", "copyto", "fill_diagonal"), _CHANGES),
}
"""Explanations by the name of a missing function."""

GET_VALUE = "For its value, use pel.function([...], expression), or expression.eval({input: value})."

USE_PEL_MATH = "Write pel.sin(x) for math.sin(x). "

_BACKWARD = "The gradient is another expression: pel.grad(cost, wrt)."
_KEEPS = "Only shared variables (pel.shared) keep a value. Instead of w += 1, pass updates={w: w + 1} to pel.function."
_NO_VALUE = "An expression has no value until it runs. " + GET_VALUE

MISSING_METHODS: dict[str, str] = {
    **dict.fromkeys(("item", "numpy", "tolist", "data", "value", "cpu"), _NO_VALUE),
    **dict.fromkeys(("get_value", "set_value"), _KEEPS),
    **dict.fromkeys(("backward", "grad"), _BACKWARD),
    "detach": "Write pel.stop_gradient(x).",
    "dim": "The number of axes is x.ndim.",
    "permute": "Write x.transpose(axes), as in x.transpose(1, 0).",
    "unsqueeze": "Write pel.expand_dims(x, axis).",
    "view": "Write x.reshape(shape).",
}
"""Explanations by the name of a missing method or attribute."""

SYNONYMS = {"dim": "axis", "axes": "axis", "keepdim": "keepdims", "descend": "descending", "size": "shape"}
"""NumPy's names of arguments, by their names in other libraries."""


def explain_missing_method(name: str, functions: Iterable[str], methods: Iterable[str]) -> str:
    """Return the end of the message for a missing method or attribute. It begins with a space."""
    if name in MISSING_METHODS:
        return f" {MISSING_METHODS[name]}"
    if name in functions:
        return f" It is a function: pel.{name}(x)."
    return near_miss(name, (m for m in methods if not m.startswith("_"))) or explain_missing_function(name, functions)


def explain_no_number(e: Any, use: str) -> str:
    """Return the message for an expression where Python needs a number."""
    hint = USE_PEL_MATH if "math" in use else ""
    kind = type(e).__name__
    if kind == "Shared":
        return f"{brief(e)} is a shared variable and not a number, so {use}. {hint}Its value is {brief(e)}.get_value()"
    if kind == "Constant":
        return f"{brief(e)} is an expression and not a number, so {use}. {hint}Read its attribute value, as in c.value"
    return f"{brief(e)} is not a number until it runs, so {use}. {hint}{GET_VALUE}"


def explain_no_truth(e: Any) -> str:
    """Return the hint for an expression where Python needs a truth value."""
    if getattr(e.op, "name", None) in ("equal", "not_equal"):
        return (
            "To compare identity, write `a is b`, or any(e is x for e in a_list) for a list; "
            "to select by values, use pel.where(condition, a, b)."
        )
    return (
        "Use pel.where(condition, a, b) or pel.cond to select by it; pel.maximum(x, y) for max(x, y); "
        "(x > 0) & (x < 1) for 0 < x < 1; &, | and ~ for and, or and not."
    )


def explain_missing_function(name: str, known: Iterable[str]) -> str:
    """Return the end of the message for a missing function. It begins with a space."""
    return f" {MISSING_FUNCTIONS[name]}" if name in MISSING_FUNCTIONS else near_miss(name, known)
