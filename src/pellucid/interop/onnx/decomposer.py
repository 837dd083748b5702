"""Expressions opened until ONNX has an operator for everything in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pellucid.graph.decomposition import symbolic
from pellucid.graph.errors import PellucidError
from pellucid.graph.expr import Expr
from pellucid.graph.op_def import OUTPUT
from pellucid.graph.traversal import rebuild, topological
from pellucid.interop.onnx.approximations import APPROXIMATED
from pellucid.interop.onnx.decompositions import DEFINITIONS
from pellucid.interop.onnx.writer import REFUSED, WRITERS, not_in_onnx


def opened(outputs: Sequence[Expr], stop: Iterable[Expr] = ()) -> list[Expr]:
    """Return the same values made of ops that are written.

    A compound op is opened by its definition; another one by the table of `definitions`, or by its value, which is a
    program over an array namespace, run on pellucid's own functions.

    Raises
    ------
    OnnxError
        For an op that is not written and cannot be opened.
    """
    result, closed = list(outputs), set(stop)
    while True:
        order = topological(result, stop=closed)
        if not any(is_opened(node) for node in order if node not in closed):
            return result
        done: dict[Expr, Any] = {}
        for node in order:
            if node in closed or node.op is None:
                done[node] = node
            elif node.op is OUTPUT and isinstance(done[node.inputs[0]], (list, tuple)):
                done[node] = done[node.inputs[0]][node.settings["index"]]
            else:
                new = rebuild(node, [done[i] for i in node.inputs])
                done[node] = simpler(new) if is_opened(new) else new
        result = [done[output] for output in result]


def is_opened(node: Expr) -> bool:
    """Tell whether an expression is not written as it stands."""
    return node.op is not None and node.op is not OUTPUT and node.op.name not in WRITERS


def simpler(node: Expr) -> Any:
    """Return what an op's value makes of expressions in the place of arrays."""
    assert node.op is not None
    if node.op.name in REFUSED:
        raise not_in_onnx(node)
    definition = DEFINITIONS.get(node.op.name, APPROXIMATED.get(node.op.name))
    try:
        if definition is not None:
            made = definition(*node.inputs, **node.settings)
        else:
            made = node.op.value(symbolic, *node.inputs, **node.settings)
    except PellucidError as error:
        raise not_in_onnx(node, str(error)) from error
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        raise not_in_onnx(node) from error
    if made is node or (isinstance(made, Expr) and made.dtype != node.dtype):
        raise not_in_onnx(node)
    return made
