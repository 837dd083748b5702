"""Python source of values: numbers, settings and arrays."""

from __future__ import annotations

import ast
import base64
import keyword
import sys
import zlib
from typing import Any

import numpy as np

from pellucid.graph.types import Unknown
from pellucid.typing import Array

MAX_LITERAL_SIZE = 32
"""Number of elements above which an array is written compressed, because a reader does not read its numbers."""

MAX_ROWS = 8
"""Number of rows above which the numbers of an array are written one after another, with its shape at the end."""

MAX_COMMENT = 200
"""Maximum number of characters of a comment in generated source."""


def string_to_source(text: str) -> str:
    r"""Return a string literal, in double quotes unless the text has some.

    Examples
    --------
    >>> print(string_to_source("dense"), string_to_source('a"b'), string_to_source("a\nb"))
    "dense" 'a"b' "a\nb"
    """
    text = str(text)  # of a subclass, such as the name of a dimension
    # With an apostrophe in front, repr chooses double quotes.
    return repr(text) if '"' in text else '"' + repr("'" + text)[2:]


def docstring_to_source(text: str) -> str:
    """Return a docstring. A text that triple quotes do not hold on one line is written with escapes."""
    return f'"""{text}"""' if text.isprintable() and not set(text) & {'"', "\\"} else string_to_source(text)


def comment_to_source(text: str) -> str:
    """Return the content of a comment: one line of printable characters."""
    return "".join(c if c.isprintable() else "?" for c in text[:MAX_COMMENT])


def keyword_to_source(name: str, code: str) -> str:
    """Return an argument of a call, given its name and the code of its value.

    Examples
    --------
    >>> print(keyword_to_source("units", "3"), keyword_to_source("not a name", "3"))
    units=3 **{"not a name": 3}
    """
    is_name = name.isidentifier() and not keyword.iskeyword(name)
    return f"{name}={code}" if is_name else f"**{{{string_to_source(name)}: {code}}}"


def make_literal(value: Any) -> ast.expr:
    if isinstance(value, np.dtype):
        return ast.Constant(value.name)
    if isinstance(value, (Unknown, np.generic)):
        return ast.Constant(str(value) if isinstance(value, Unknown) else value.item())
    return make_number(value) if isinstance(value, float) else ast.Constant(value)


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


def find_repeated_number(value: Array) -> str | None:
    """Return the source of the number that all elements are, or None."""
    first = np.ascontiguousarray(value).ravel()[:1]
    if value.tobytes() != first.tobytes() * value.size or value.dtype.kind not in "biuf" or not np.isfinite(first[0]):
        return None
    return str(first[0])


def array_to_source(value: Array, imports: dict[str, None], column: int = 0) -> str:
    """Return an expression that evaluates to exactly this array: a literal, or compressed bytes if it is large.

    ``column`` is the position in the first line. Required imports are added to ``imports``.
    """
    dtype = "" if value.dtype in (np.dtype("float64"), np.dtype("int64"), np.dtype(bool)) else f", {value.dtype.name!r}"
    if value.size > 1 and (fill := find_repeated_number(value)) is not None:
        return f"np.full({value.shape}, {fill}, {value.dtype.name!r})"
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
    is_flat = value.ndim > 1 and value.size // value.shape[-1] > MAX_ROWS
    with np.printoptions(threshold=sys.maxsize, linewidth=120 - column, floatmode="unique", sign="-"):
        elements = np.array2string(numbers.ravel() if is_flat else numbers, separator=", ")
    indented = elements.replace("\n", "\n" + " " * (column + len("np.array(")))
    return f"np.array({indented}{dtype})" + f".reshape({value.shape})" * is_flat
