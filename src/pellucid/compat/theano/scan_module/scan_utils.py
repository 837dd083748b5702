"""``theano.scan_module.scan_utils``: comparison of graphs, and the condition of loops."""

from __future__ import annotations

from typing import Any

from pellucid.compat.theano.gof.graph import is_same_graph
from pellucid.compat.theano.scan_module import clone, until

__all__ = ["clone", "equal_computations", "until"]


def equal_computations(xs: Any, ys: Any, in_xs: Any = None, in_ys: Any = None) -> bool:
    """Whether two lists of variables are the same formulas."""
    givens = dict(zip(in_xs or [], in_ys or [], strict=True))
    return len(xs) == len(ys) and all(is_same_graph(x, y, givens) for x, y in zip(xs, ys, strict=True))
