"""Layer calls on the expressions that they return, from which `functional_graph` finds the layers of a model.

A call is a label of an expression (`pellucid.graph.naming`), so formulas, rewriting and compiled programs do not
depend on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pellucid.graph.expr import Expr, attach_label
from pellucid.graph.op import PASSTHROUGH

if TYPE_CHECKING:
    from pellucid.nn.layers.base import Layer

_inside: ContextVar[bool] = ContextVar("inside a layer", default=False)


@dataclass(frozen=True, eq=False)
class CallRecord:
    """A call of a layer: the layer, its inputs and its keyword arguments."""

    layer: Layer
    inputs: Expr | list[Expr]
    keywords: dict[str, Any]

    def get_operands(self) -> list[Expr]:
        """Return the expressions among the arguments."""
        return collect_expressions([self.inputs, self.keywords])


class CallResult:
    """Label of an expression that a layer call returned.

    Labels of calls of one layer on the same expressions are equal, so both calls return the same objects.
    """

    __slots__ = ("call", "index", "key")

    def __init__(self, call: CallRecord, index: int) -> None:
        self.call: CallRecord = call
        self.index: int = index
        # The call keeps layer and arguments alive, so no other object can get their ids.
        self.key = (id(call.layer), *map(id, call.get_operands()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CallResult) and self.index == other.index and self.key == other.key

    def __hash__(self) -> int:
        return hash((self.index, self.key))


@contextmanager
def inside_a_layer() -> Iterator[bool]:
    """Mark the calls inside a block as parts of a layer; yield whether the block itself is part of one."""
    nested = _inside.get()
    token = _inside.set(True)
    try:
        yield nested
    finally:
        _inside.reset(token)


def record_call(call: CallRecord, results: Any) -> Any:
    """Return the results of a layer call, labeled with the call."""
    if isinstance(results, Expr):
        return attach_call(results, call, 0)
    if not isinstance(results, (list, tuple)):
        return results
    labeled = [attach_call(e, call, i) if isinstance(e, Expr) else e for i, e in enumerate(results)]
    kind = type(results)
    return kind._make(labeled) if hasattr(kind, "_make") else kind(labeled)  # named tuples have _make


def attach_call(e: Expr, call: CallRecord, index: int) -> Expr:
    """Return an expression labeled as a result of a layer call."""
    # An expression has one label, and leaves have none: a layer that returns its input needs a separate node.
    if e.op is None or e.call is not None or any(operand is e for operand in call.get_operands()):
        e = PASSTHROUGH.make((e,), {})
    return attach_label(e, name=e.name, call=CallResult(call, index))


def collect_expressions(value: Any) -> list[Expr]:
    """Return the expressions in nested lists, tuples and dictionaries."""
    if isinstance(value, Expr):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [e for part in value for e in collect_expressions(part)] if isinstance(value, (list, tuple)) else []
