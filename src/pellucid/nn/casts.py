"""Casts that add no op if the dtype is already right."""

from __future__ import annotations

from pellucid.graph.expr import Expr
from pellucid.graph.ops.elementwise import cast
from pellucid.graph.types import as_float
from pellucid.typing import DTypeLike


def to_dtype(x: Expr, dtype: DTypeLike) -> Expr:
    result: Expr = x if x.dtype == dtype else cast(x, dtype=dtype)
    return result


def to_float(x: Expr) -> Expr:
    """Cast integers, such as image bytes, to `config.floatx`; keep floats."""
    return to_dtype(x, as_float(x.dtype))
