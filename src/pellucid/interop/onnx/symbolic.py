"""Pellucid's functions on expressions as a typed namespace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from pellucid.graph.decomposition import symbolic
from pellucid.graph.expr import Expr

__all__ = ["P"]


class SymbolicFunctions(Protocol):
    """Functions by name. One with several results returns a list of expressions, which unpacks like an expression."""

    def __getattr__(self, name: str, /) -> Callable[..., Expr]: ...


P: SymbolicFunctions = symbolic
