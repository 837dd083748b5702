"""Docstrings of elementwise ops: parameters and result follow from the op's record."""

from __future__ import annotations

import inspect

from pellucid.graph.op import Op
from pellucid.graph.types import KIND_NAMES

EXAMPLES = "\nExamples\n--------\n"


def complete_docstring(op: Op) -> str | None:
    """Return the docstring of an op; that of an elementwise op without settings gets its parameters and its result.

    Examples
    --------
    >>> print(pel.cbrt.__doc__)  # doctest: +ELLIPSIS
    Elementwise cube root, ...
    <BLANKLINE>

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.
    <BLANKLINE>

    Returns
    -------
    Expr
        The shape of ``x``.
    <BLANKLINE>
    Examples
    ...
    """
    text = op.value.__doc__
    if not text or not op.elementwise or op.defaults or op.variadic or "Parameters\n" in text:
        return text
    head, examples, rest = inspect.cleandoc(text).partition(EXAMPLES)
    return f"{head.rstrip()}\n\n{describe_operands(op)}\n{examples}{rest}"


def describe_operands(op: Op) -> str:
    """Return the sections on operands and result of an elementwise op."""
    conditions, numbers = op.operands[: op.conditions], op.operands[op.conditions :]
    shapes = "Any shape." if len(op.operands) == 1 else "Any shapes that broadcast with one another."
    lines = ["Parameters", "----------"]
    if conditions:
        lines += [f"{', '.join(conditions)} : Expr, array or bool", f"    {shapes} Dtype: booleans."]
    lines += [f"{', '.join(numbers)} : Expr, array or number", f"    {shapes} Dtypes: {describe_dtypes(op)}."]
    names = " and ".join(f"``{name}``" for name in op.operands)
    shape = "The shape" if len(op.operands) == 1 else "The broadcast shape"
    return "\n".join([*lines, "", "Returns", "-------", "Expr", f"    {shape} of {names}."])


def describe_dtypes(op: Op) -> str:
    """Return the dtypes that an op accepts, in words."""
    if op.floats:
        return f"{KIND_NAMES['f']}; integers and booleans are converted to `config.floatx`"
    if op.accepts == "biuf":
        return "all"
    return " and ".join(dict.fromkeys(KIND_NAMES[k] for k in op.accepts))
