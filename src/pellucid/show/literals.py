"""Values as Python code: numbers, settings, arrays."""

from __future__ import annotations

import ast
import base64
import sys
import zlib
from typing import Any

import numpy as np

from pellucid.graph.types import Unknown

MOST_WRITTEN_OUT = 2000
"""Arrays of up to so many elements are written out; larger ones are packed."""


def literal(value: Any) -> ast.expr:
    """Write a setting's value."""
    if isinstance(value, np.dtype):
        return ast.Constant(value.name)
    if isinstance(value, (Unknown, np.generic)):
        return ast.Constant(str(value) if isinstance(value, Unknown) else value.item())
    return ast.Constant(value)


def number(value: Any) -> ast.expr:
    """Write a number, negative ones as an operator so that parentheses are put where Python wants them."""
    plain = value.item() if hasattr(value, "item") else value
    if isinstance(plain, float) and not np.isfinite(plain):
        spelled = attribute("np", "nan" if np.isnan(plain) else "inf")
        return ast.UnaryOp(ast.USub(), spelled) if plain < 0 else spelled
    if isinstance(plain, float) and isinstance(value, np.float32):
        plain = float(str(value))
    negative = not isinstance(plain, bool) and plain < 0
    return ast.UnaryOp(ast.USub(), ast.Constant(-plain)) if negative else ast.Constant(plain)


def attribute(module: str, name: str) -> ast.expr:
    """Write a name of a module."""
    return ast.Attribute(variable(module), name, ast.Load())


def variable(name: str) -> ast.expr:
    """Write a variable."""
    return ast.Name(name, ast.Load())


def tuple_of(parts: list[ast.expr]) -> ast.expr:
    """Write a tuple."""
    return ast.Tuple(parts, ast.Load())


def array_source(value: np.ndarray[Any, Any], imports: dict[str, None], column: int = 0) -> str:
    """Write an array so that it is the same to the last bit: written out, or packed where it is large.

    ``column`` is where it begins.
    """
    dtype = "" if value.dtype in (np.dtype("float64"), np.dtype("int64"), np.dtype(bool)) else f", {value.dtype.name!r}"
    if value.size > MOST_WRITTEN_OUT:
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
        written = np.array2string(numbers, separator=", ").replace("\n", "\n" + " " * (column + len("np.array(")))
    return f"np.array({written}{dtype})"
