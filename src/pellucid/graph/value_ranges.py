"""Value-range analysis: an interval for each expression of a graph, from its inputs to its outputs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import InputError, OptionError, brief, near_miss
from pellucid.graph.expr import Constant, Expr, Input, Shared
from pellucid.graph.interval import Interval
from pellucid.graph.naming import strip_labels
from pellucid.graph.range_rules import get_dtype_range
from pellucid.graph.traversal import topological
from pellucid.graph.types import is_float
from pellucid.typing import Array

Ranges = Mapping[Any, tuple[float, float]]
"""Intervals of inputs and shared variables, by expression or by name."""


def infer_range(expr: Expr, ranges: Ranges | None = None) -> Interval:
    """Infer an interval that contains all elements of an expression, except NaN.

    Nothing is computed. Inputs and shared variables are unbounded where ``ranges`` has no interval for them. The bounds
    are those of real arithmetic; rounding may exceed them by some units in the last place. Values beyond the largest
    number of the dtype are infinite.

    Parameters
    ----------
    expr : Expr
        The expression, as it is written; `simplify` may give a narrower interval.
    ranges : mapping from Expr or name to (low, high), optional
        Intervals of inputs, by input or name, and of shared variables.

    Returns
    -------
    Interval
        With attributes ``low`` and ``high``.

    Raises
    ------
    InputError
        If a key is not an input or a shared variable of the expression, or a name belongs to several.
    OptionError
        If an interval is not a pair of increasing numbers.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.infer_range(1 - pel.sigmoid(x)), pel.infer_range(pel.exp(x), {"x": (0, 1)}).low
    (Interval(low=0.0, high=1.0), 1.0)

    References
    ----------
    R. E. Moore, Interval Analysis, Prentice-Hall 1966.
    """
    [unlabeled] = strip_labels([expr])
    return infer_ranges([unlabeled], resolve_ranges([unlabeled], ranges or {}))[unlabeled]


def infer_ranges(outputs: Sequence[Expr], known: Mapping[Expr, Interval]) -> dict[Expr, Interval]:
    """Return the interval of each expression of a graph without labels, given those of some leaves."""
    found: dict[Expr, Interval] = {}
    for node in topological(outputs):
        found[node] = known[node] if node in known else infer_node_range(node, [found[i] for i in node.inputs])
    return found


def infer_node_range(node: Expr, operands: Sequence[Interval]) -> Interval:
    """Return the interval of an expression, from those of its operands."""
    if isinstance(node, Constant):
        return get_array_range(node.value)
    default = get_dtype_range(node.dtype)
    if node.op is None or node.op.value_range is None or len(node.types) > 1:
        return default
    return fit_dtype(node.op.value_range(node, *operands), node.dtype)


def get_array_range(array: Array) -> Interval:
    values = array[~np.isnan(array)] if is_float(array.dtype) else array
    return Interval(float(values.min()), float(values.max())) if values.size else Interval(0, 0)


def fit_dtype(interval: Interval, dtype: np.dtype[Any]) -> Interval:
    """Limit an interval to the values of a dtype: floats overflow to infinity, and integers wrap."""
    if not is_float(dtype):
        limits = Interval(0, 1) if dtype.kind == "b" else Interval(*_get_integer_limits(dtype))
        inside = limits.low <= interval.low and interval.high <= limits.high
        return interval if inside else get_dtype_range(dtype)
    largest = get_largest(dtype)
    low, high = (math.copysign(math.inf, b) if abs(b) > largest else b for b in (interval.low, interval.high))
    return Interval(low, high)


def _get_integer_limits(dtype: np.dtype[Any]) -> tuple[int, int]:
    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max)


def get_largest(dtype: np.dtype[Any]) -> float:
    """Return the largest finite number of a floating-point dtype."""
    if dtype.kind == "f":
        return float(np.finfo(dtype).max)
    import ml_dtypes

    return float(ml_dtypes.finfo(dtype).max)  # type: ignore[no-untyped-call]


def resolve_ranges(outputs: Sequence[Expr], ranges: Ranges) -> dict[Expr, Interval]:
    """Return the given intervals by input or shared variable of the graph."""
    leaves = [e for e in topological(outputs) if isinstance(e, (Input, Shared))]
    return {find_leaf(leaves, key): check_interval(bounds, key) for key, bounds in ranges.items()}


def find_leaf(leaves: Sequence[Expr], key: Any) -> Expr:
    matches = [e for e in leaves if e is key or (isinstance(key, str) and e.name == key)]
    if len(matches) == 1:
        return matches[0]
    names = [e.name or "" for e in leaves]
    if isinstance(key, Expr) and key.op is not None:
        problem = f"{brief(key)} is neither an input nor a shared variable; bound it with pel.clip."
    elif matches:
        problem = f"{len(matches)} inputs are named {key!r}; pass the input."
    else:
        problem = f"the expression does not contain {key}.{near_miss(str(key), names)}"
    raise InputError(f"ranges: {problem} Inputs and shared variables: {', '.join(names)}")


def check_interval(bounds: Any, key: Any) -> Interval:
    if isinstance(bounds, Interval):
        return bounds
    pair = np.asarray(bounds if isinstance(bounds, (tuple, list)) else ())
    if pair.shape != (2,) or pair.dtype.kind not in "iuf" or not pair[0] <= pair[1]:
        raise OptionError(f"ranges: expected (low, high) for {key}, with low <= high. Received: {bounds!r}")
    return Interval(float(pair[0]), float(pair[1]))
