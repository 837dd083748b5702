"""Python source of values: numbers, settings and arrays."""

from __future__ import annotations

import ast
import base64
import sys
import zlib
from typing import Any

import numpy as np

from pellucid.graph.types import Unknown

MAX_LITERAL_SIZE = 2000
"""Number of elements above which an array is written compressed."""


def make_literal(value: Any) -> ast.expr:
    if isinstance(value, np.dtype):
        return ast.Constant(value.name)
    if isinstance(value, (Unknown, np.generic)):
        return ast.Constant(str(value) if isinstance(value, Unknown) else value.item())
    return ast.Constant(value)


def make_number(value: Any) -> ast.expr:
    """Return a number, with a unary minus if it is negative, so that `ast.unparse` adds parentheses where needed."""
    number = value.item() if hasattr(value, "item") else value
    if isinstance(number, float) and not np.isfinite(number):
        special = make_attribute("np", "nan" if np.isnan(number) else "inf")
        return ast.UnaryOp(ast.USub(), special) if number < 0 else special
    if isinstance(number, float) and isinstance(value, np.float32):
        number = float(str(value))
    is_negative = not isinstance(number, bool) and number < 0
    return ast.UnaryOp(ast.USub(), ast.Constant(-number)) if is_negative else ast.Constant(number)


def make_attribute(module: str, name: str) -> ast.expr:
    return ast.Attribute(make_variable(module), name, ast.Load())


def make_variable(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


def make_tuple(parts: list[ast.expr]) -> ast.expr:
    return ast.Tuple(parts, ast.Load())


def array_to_source(value: np.ndarray[Any, Any], imports: dict[str, None], column: int = 0) -> str:
    """Return an expression that evaluates to exactly this array: a literal, or compressed bytes if it is large.

    ``column`` is the position in the first line. Required imports are added to ``imports``.
    """
    dtype = "" if value.dtype in (np.dtype("float64"), np.dtype("int64"), np.dtype(bool)) else f", {value.dtype.name!r}"
    if value.size > MAX_LITERAL_SIZE:
        imports |= {"import base64": None, "import zlib": None}
        packed = base64.b64encode(zlib.compress(np.ascontiguousarray(value).tobytes())).decode()
        unpacked = f"np.frombuffer(zlib.decompress(base64.b64decode({packed!r})), {value.dtype.name!r})"
        return f"{unpacked}.reshape({value.shape}).copy()"
    if not value.size:
        return f"np.zeros({value.shape}, {value.dtype.name!r})"
    if not np.isfinite(value.astype("float64")).all():
        imports["from numpy import inf, nan"] = None
    numbers = value.astype("float32") if value.dtype.kind == "V" else value
    with np.printoptions(threshold=sys.maxsize, linewidth=110, floatmode="unique", sign="-"):
        elements = np.array2string(numbers, separator=", ").replace("\n", "\n" + " " * (column + len("np.array(")))
    return f"np.array({elements}{dtype})"
