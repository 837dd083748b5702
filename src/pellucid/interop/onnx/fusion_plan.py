"""Registry of fused patterns, and the order in which a fused graph is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pellucid.graph.expr import Expr

Found = tuple[Callable[..., Any], list[Expr]]
"""A function that writes one ONNX node, and the operands that it takes."""

Fusion = Callable[[Expr], Found | None]

FUSIONS: dict[str, list[Fusion]] = {}
"""Fusions by the op at the root of their pattern; `pellucid.interop.onnx.fusion` fills it."""


def plan_fusions(outputs: Sequence[Expr], stop: Iterable[Expr]) -> tuple[list[Expr], dict[Expr, Found]]:
    """Return the expressions in the order of writing, and the fusions among them."""
    closed, plan = set(stop), {}
    children: dict[Expr, Sequence[Expr]] = {}
    done: set[Expr] = set()
    order: list[Expr] = []
    stack = list(outputs)[::-1]
    while stack:
        node = stack[-1]
        if node not in children:
            fused = None if node in closed else find_fusion(node)
            if fused is not None:
                plan[node] = fused
            children[node] = [] if node in closed else node.inputs if fused is None else fused[1]
        pending = [] if node in done else [i for i in children[node] if i not in done]
        if pending:
            stack.extend(reversed(pending))
            continue
        stack.pop()
        if node not in done:
            done.add(node)
            order.append(node)
    return order, plan


def find_fusion(e: Expr) -> Found | None:
    candidates = FUSIONS.get(e.op.name, []) if e.op is not None else []
    return next((found for fusion in candidates if (found := fusion(e)) is not None), None)
