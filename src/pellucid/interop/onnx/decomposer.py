"""Decomposition of expressions until every op has an ONNX writer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pellucid.graph.decomposition import symbolic
from pellucid.graph.errors import PellucidError
from pellucid.graph.expr import Expr
from pellucid.graph.op_def import OUTPUT
from pellucid.graph.traversal import rebuild, topological
from pellucid.interop.onnx.approximations import APPROXIMATIONS
from pellucid.interop.onnx.decompositions import DEFINITIONS
from pellucid.interop.onnx.writer import REFUSED, WRITERS, unsupported_error


def decompose(outputs: Sequence[Expr], stop: Iterable[Expr] = ()) -> list[Expr]:
    """Return equal expressions made of ops that have a writer.

    An op is replaced by its decomposition or approximation, or else by its value function, called with symbolic arrays.

    Raises
    ------
    OnnxError
        For an op that has no writer and cannot be decomposed.
    """
    result, closed = list(outputs), set(stop)
    while True:
        order = topological(result, stop=closed)
        if not any(needs_decomposition(node) for node in order if node not in closed):
            return result
        done: dict[Expr, Any] = {}
        for node in order:
            if node in closed or node.op is None:
                done[node] = node
            elif node.op is OUTPUT and isinstance(done[node.inputs[0]], (list, tuple)):
                done[node] = done[node.inputs[0]][node.settings["index"]]
            else:
                new = rebuild(node, [done[i] for i in node.inputs])
                done[node] = decompose_once(new) if needs_decomposition(new) else new
        result = [done[output] for output in result]


def needs_decomposition(node: Expr) -> bool:
    return node.op is not None and node.op is not OUTPUT and node.op.name not in WRITERS


def decompose_once(node: Expr) -> Any:
    """Return an op's decomposition by one level."""
    assert node.op is not None
    if node.op.name in REFUSED:
        raise unsupported_error(node)
    definition = DEFINITIONS.get(node.op.name, APPROXIMATIONS.get(node.op.name))
    try:
        if definition is not None:
            made = definition(*node.inputs, **node.settings)
        else:
            made = node.op.value(symbolic, *node.inputs, **node.settings)
    except PellucidError as error:
        raise unsupported_error(node, str(error)) from error
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        raise unsupported_error(node) from error
    if made is node or (isinstance(made, Expr) and made.dtype != node.dtype):
        raise unsupported_error(node)
    return made
