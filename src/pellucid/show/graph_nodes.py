"""What a picture of a graph shows of each expression: its kind, its label, its type, and what it is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Constant, Expr, Input, Shared
from pellucid.graph.printing import setting_text, text
from pellucid.graph.subgraph import Body
from pellucid.graph.traversal import topological
from pellucid.graph.types import Unknown

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
"""Ops that are known by a sign."""


@dataclass(frozen=True, eq=False)
class Node:
    """An expression in a picture.

    Attributes
    ----------
    kind : str
        ``"input"``, ``"shared"``, ``"constant"``, ``"op"`` or ``"result"``.
    label : str
        What it is or does.
    type : str
        Its dtype and shape, what it costs and its value, where these are told; empty for a number.
    parents : list of Node
        What it is made of, in order; one that stands twice in it is here twice.
    """

    kind: str
    label: str
    type: str
    parents: list[Node] = field(default_factory=list)


def nodes_of(
    expr: Expr | Sequence[Expr],
    names: Mapping[Any, str] | None = None,
    limit: int | None = None,
    notes: Mapping[Expr, Sequence[str]] | None = None,
) -> list[Node]:
    """Return the nodes of a picture, each after its parents.

    A shared subexpression is one node; a number is one for every place where it stands, so that no line crosses the
    picture for it.

    Raises
    ------
    ValueError
        If there are more than ``limit``.
    """
    results = [expr] if isinstance(expr, Expr) else list(expr)
    final, names, notes = set(results), names or {}, notes or {}
    drawn: dict[Expr, Node] = {}
    nodes: list[Node] = []

    def add(node: Node) -> Node:
        nodes.append(node)
        return node

    for e in topological(results):
        if is_number(e) and e not in final:
            continue
        parents = [add(make(i, [], names, final, {})) if is_number(i) else drawn[i] for i in e.inputs]
        drawn[e] = add(make(e, parents, names, final, notes))
    if limit is not None and len(nodes) > limit:
        raise OptionError(
            f"Expected a graph of at most {limit} nodes, which a person can read. Received: {len(nodes)}. "
            "Draw a part of it, or raise limit"
        )
    return nodes


def is_number(e: Expr) -> bool:
    """Tell whether an expression is a constant number."""
    return isinstance(e, Constant) and e.value.ndim == 0


def make(
    e: Expr,
    parents: list[Node],
    names: Mapping[Any, str],
    final: set[Expr],
    notes: Mapping[Expr, Sequence[str]],
) -> Node:
    """Return the node of one expression."""
    kind = "result" if e in final and e.op is not None else kind_of(e)
    label = op_label(e) if e.op is not None else text(e)
    name = names.get(e) or (e.name if e.op is not None else None)
    if name:
        label = f"{name} = {label}" if e.op is not None else name
    told = [*([] if is_number(e) else [type_text(e)]), *notes.get(e, ())]
    return Node(kind, label, " ".join(told), parents)


def kind_of(e: Expr) -> str:
    """Tell what an expression is."""
    kinds = {Input: "input", Shared: "shared", Constant: "constant"}
    return next((kind for cls, kind in kinds.items() if isinstance(e, cls)), "op")


def type_text(e: Expr) -> str:
    """Write dtype and shape, with a question mark for a size that is not known."""
    sizes = ", ".join("?" if isinstance(d, Unknown) else str(d) for d in e.shape)
    return f"{e.dtype} ({sizes}{',' if e.ndim == 1 else ''})" if e.ndim else str(e.dtype)


def op_label(e: Expr) -> str:
    """Write what an op does: its sign or name, and the settings that are not the usual ones."""
    assert e.op is not None
    if e.op.name in ("slice", "gather"):
        return text(e, names=dict(zip(e.inputs, "xijklmn", strict=False)))[1:]
    told = [
        f"{key}={setting_text(value)}"
        for key, value in e.settings.items()
        if not isinstance(value, (Body, np.dtype)) and not usual(e, key, value)
    ]
    return " ".join([SIGNS.get(e.op.name, e.op.name), *told])


def usual(e: Expr, key: str, value: Any) -> bool:
    """Tell whether a setting goes without saying: it is the default, or takes in all axes or the last."""
    assert e.op is not None
    if key in ("axis", "axes") and isinstance(value, tuple):
        everything = tuple(range(e.inputs[0].ndim))
        return value in (everything, everything[::-1]) or (value == everything[-1:] and e.op.defaults.get(key) == -1)
    default = e.op.defaults.get(key)
    if isinstance(value, tuple) and default in (1, "valid"):
        return set(np.ravel(value)) <= {1 if default == 1 else 0}
    return type(default) is type(value) and bool(default == value)
