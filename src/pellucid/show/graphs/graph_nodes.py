"""Nodes of a printed graph: kind, label, type, operations and value of each expression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Constant, Expr, Input, Shared
from pellucid.graph.printing import format_setting, text
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.traversal import topological
from pellucid.graph.types import Unknown
from pellucid.show.costs.costs import cost
from pellucid.show.pages.input_values import collect_values, format_array
from pellucid.typing import Array

MAX_SHOWN = 6
"""Largest array that is printed in full."""

SIGNS = {
    "add": "+",
    "subtract": "−",
    "multiply": "×",
    "true_divide": "÷",
    "negative": "−",
    "matmul": "@",
    "power": "power",
    "slice": "[ ]",
    "equal": "=",
    "not_equal": "≠",
    "less": "<",
    "less_equal": "≤",
    "greater": ">",
    "greater_equal": "≥",
}


KINDS: dict[type, str] = {Input: "input", Shared: "shared", Constant: "constant"}


@dataclass(frozen=True, eq=False)
class GraphNode:
    """An expression in a drawing."""

    kind: str  # "input", "shared", "constant", "op" or "result"
    label: str
    type: str  # with annotations; empty for a number
    parents: list[GraphNode] = field(default_factory=list)  # operands, with repetitions


def collect_nodes(
    expr: Expr | Sequence[Expr],
    names: Mapping[Any, str] | None = None,
    limit: int | None = None,
    annotations: Mapping[Expr, Sequence[str]] | None = None,
) -> list[GraphNode]:
    """Return the nodes of a drawing in topological order.

    A shared subexpression is one node. A number is one node for each use, so that no edge crosses the drawing for it.

    Raises
    ------
    ValueError
        If there are more than ``limit`` nodes.
    """
    results = [expr] if isinstance(expr, Expr) else list(expr)
    final, names, annotations = set(results), names or {}, annotations or {}
    drawn: dict[Expr, GraphNode] = {}
    nodes: list[GraphNode] = []

    def add(e: Expr, parents: list[GraphNode], notes: Sequence[str] = ()) -> GraphNode:
        kind = KINDS.get(type(e)) or ("result" if e in final else "op")
        type_ = [] if is_number(e) else [format_type(e)]
        nodes.append(GraphNode(kind, format_label(e, names), " ".join([*type_, *notes]), parents))
        return nodes[-1]

    for e in topological(results):
        if is_number(e) and e not in final:
            continue
        parents = [add(i, []) if is_number(i) else drawn[i] for i in e.inputs]
        drawn[e] = add(e, parents, annotations.get(e, ()))
    if limit is not None and len(nodes) > limit:
        raise OptionError(
            f"Expected a graph of at most {limit} nodes, which is readable. Received: {len(nodes)}. "
            "Draw a part of it, or increase limit"
        )
    return nodes


def is_number(e: Expr) -> bool:
    return isinstance(e, Constant) and e.value.ndim == 0


def format_type(e: Expr) -> str:
    """Return dtype and shape, with a question mark for an unknown size."""
    sizes = ", ".join("?" if isinstance(d, Unknown) else str(d) for d in e.shape)
    return f"{e.dtype} ({sizes}{',' if e.ndim == 1 else ''})" if e.ndim else str(e.dtype)


def format_label(e: Expr, names: Mapping[Any, str], limit: int = 500) -> str:
    """Return the name of an expression and its op, or its leaf."""
    if e.op is None:
        return names.get(e) or text(e, limit)
    name = names.get(e) or e.name
    return f"{name} = {format_op(e)}" if name else format_op(e)


def format_op(e: Expr) -> str:
    """Return the sign or name of an op, with the settings that are not usual."""
    assert e.op is not None
    if e.op.name in ("slice", "gather"):
        return text(e, names=dict(zip(e.inputs, "xijklmn", strict=False)))[1:]
    settings = [
        f"{key}={format_setting(value)}"
        for key, value in e.settings.items()
        if not isinstance(value, (Subgraph, np.dtype)) and not is_usual(e, key, value)
    ]
    return " ".join([SIGNS.get(e.op.name, e.op.name), *settings])


def is_usual(e: Expr, key: str, value: object) -> bool:
    """Check whether a setting is the default, or selects all axes or the last one."""
    assert e.op is not None
    if key in ("axis", "axes") and isinstance(value, tuple):
        all_axes = tuple(range(e.inputs[0].ndim))
        return value in (all_axes, all_axes[::-1]) or (value == all_axes[-1:] and e.op.defaults.get(key) == -1)
    default = e.op.defaults.get(key)
    if isinstance(value, tuple) and default in (1, "valid"):
        return set(np.ravel(value)) <= {1 if default == 1 else 0}
    return type(default) is type(value) and bool(default == value)


def annotate(outputs: Sequence[Expr], sizes: Mapping[str, int] | None, values: Any) -> dict[Expr, list[str]]:
    """Return the number of operations of each expression if sizes are given, and its value if values are given."""
    annotations: dict[Expr, list[str]] = {}
    if sizes is not None:
        for row in cost(outputs, sizes):
            annotations[row.expr] = [f"{row.operations:,} operation{'s' * (row.operations != 1)}"]
    if values is not None:
        given: dict[Expr, Array] = dict(collect_values(outputs, values, "values"))
        found = dict(given)
        with np.errstate(all="ignore"):
            evaluate(np, outputs, given, found.__setitem__)
        for e, value in found.items():
            if len(e.types) == 1:
                annotations.setdefault(e, []).append("= " + " ".join(format_array(value, MAX_SHOWN).split()))
    return annotations
