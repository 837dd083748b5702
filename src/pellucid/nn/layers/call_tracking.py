"""Records of layer calls on the expressions that they return, by which a model is found in its graph."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from pellucid.graph.expr import Expr, attach_label
from pellucid.graph.op_def import PASSTHROUGH

_inside: ContextVar[bool] = ContextVar("inside a layer", default=False)


@dataclass(frozen=True, eq=False)
class CallRecord:
    """A layer that was called.

    Attributes
    ----------
    layer : Layer
        Which.
    inputs : Expr or list of Expr
        On what.
    keywords : dict
        With which keywords.
    """

    layer: Any
    inputs: Any
    keywords: dict[str, Any]

    def get_operands(self) -> list[Expr]:
        """Return all expressions that it was given."""
        return collect_expressions([self.inputs, self.keywords])


class CallResult:
    """One result of a layer call, as an expression carries it.

    Two are equal if the same layer was called on the same expressions, so that the expressions are one as well.
    """

    __slots__ = ("call", "index", "key")

    def __init__(self, call: CallRecord, index: int) -> None:
        self.call = call
        self.index = index
        # The call keeps layer and expressions alive, so that no other object can have their ids meanwhile.
        self.key = (id(call.layer), *map(id, call.get_operands()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CallResult) and self.index == other.index and self.key == other.key

    def __hash__(self) -> int:
        return hash((self.index, self.key))


@contextmanager
def inside_a_layer() -> Iterator[bool]:
    """Tell whether a layer is called by another, whose formula it is part of then, and be inside of one meanwhile."""
    before = _inside.get()
    token = _inside.set(True)
    try:
        yield before
    finally:
        _inside.reset(token)


def record_call(call: CallRecord, results: Any) -> Any:
    """Return the results of a layer call, each with a record of the call."""
    if isinstance(results, Expr):
        return attach_call(results, call, 0)
    if type(results) in (list, tuple):
        return type(results)(attach_call(e, call, i) if isinstance(e, Expr) else e for i, e in enumerate(results))
    return results


def attach_call(e: Expr, call: CallRecord, index: int) -> Expr:
    """Return an expression with the record of the layer call that it is a result of."""
    taken = e.op is None or e.call is not None or any(given is e for given in call.get_operands())
    carrier = PASSTHROUGH.make((e,), {}) if taken else e
    return attach_label(carrier, name=carrier.name, call=CallResult(call, index))


def collect_expressions(value: Any) -> list[Expr]:
    """Return the expressions in lists, tuples and dictionaries, however they are nested."""
    if isinstance(value, Expr):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [e for part in value for e in collect_expressions(part)] if isinstance(value, (list, tuple)) else []
