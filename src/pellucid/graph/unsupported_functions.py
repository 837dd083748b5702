"""Messages for functions, methods, arguments and uses that expressions do not have, with replacements."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

from pellucid.graph.errors import UseError, brief, near_miss
from pellucid.graph.foreign_names import (
    FOREIGN_ARGUMENTS,
    FOREIGN_FUNCTIONS,
    FOREIGN_METHODS,
    FOREIGN_SHARED_METHODS,
    GET_VALUE,
    RENAMED_ARGUMENTS,
)

P = ParamSpec("P")
R = TypeVar("R")

USE_PEL_MATH = "Write pel.sin(x) for math.sin(x). "


def explain_missing_method(name: str, functions: Iterable[str], methods: Iterable[str], is_shared: bool = False) -> str:
    """Return the end of the message for a missing method or attribute. It begins with a space."""
    if is_shared and name in FOREIGN_SHARED_METHODS:
        return f" {FOREIGN_SHARED_METHODS[name]}"
    if name in FOREIGN_METHODS:
        return f" {FOREIGN_METHODS[name]}"
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
    return f"{brief(e)} is not a number until it runs, so {use}. {hint}{GET_VALUE}."


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
    return f" {FOREIGN_FUNCTIONS[name]}" if name in FOREIGN_FUNCTIONS else near_miss(name, known)


def suggest_argument(
    key: str, known: Sequence[str], foreign: Mapping[str, str] = FOREIGN_ARGUMENTS, all_known: bool = True
) -> str:
    """Return what to write instead of an unknown argument: our name for it, the nearest one, or all that are known."""
    ours = next((name for name in RENAMED_ARGUMENTS.get(key, ()) if name in known), None)
    if ours is not None:
        return f" Use {ours} instead."
    hint = f" {foreign[key]}" if key in foreign else near_miss(key, known)
    return hint or (f" It takes: {', '.join(known)}" * all_known if known else " It takes none")


def hint_at_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function explain unknown keyword arguments, which Python only rejects."""
    parameters = inspect.signature(function).parameters
    known = [name for name in parameters if name != "self"]
    title = function.__qualname__.removesuffix(".__init__")
    rest = next((name for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY), None)
    naming = f". Name the others, as in {rest}=..." if rest else ""
    positional = [name for name, p in parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD]

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if len(args) > len(positional):
            names, own = [n for n in positional if n != "self"], int("self" in positional)
            raise UseError(
                f"{title} takes at most {len(names)} positional arguments: {', '.join(names)}. "
                f"Received: {len(args) - own}{naming}"
            )
        for key in kwargs:
            if key not in parameters:
                raise UseError(f"{title} takes no argument {key!r}.{suggest_argument(key, known)}")
        return function(*args, **kwargs)

    return checked
