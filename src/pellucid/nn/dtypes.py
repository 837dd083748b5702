"""Casts that stand on the page only where they change something."""

from __future__ import annotations

from typing import Any

from pellucid.graph.expr import Expr
from pellucid.graph.ops.elementwise import cast
from pellucid.graph.types import as_float


def to_dtype(x: Expr, dtype: Any) -> Expr:
    """Return an expression in a dtype, itself if it has it."""
    result: Expr = x if x.dtype == dtype else cast(x, dtype=dtype)
    return result


def as_real(x: Expr) -> Expr:
    """Return integers, such as the bytes of an image, as real numbers of `config.floatx`."""
    return to_dtype(x, as_float(x.dtype))
