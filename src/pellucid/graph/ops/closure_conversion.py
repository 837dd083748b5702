"""Tracing of user functions into subgraphs whose captured values become operands."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

from pellucid.graph.errors import UseError
from pellucid.graph.expr import Constant, Expr, Input, Operand, as_expr
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.traversal import replace_all, topological
from pellucid.graph.types import common_dtype, is_float

_counters: ContextVar[tuple[Expr, ...]] = ContextVar("loop_counters", default=())

Step: TypeAlias = "Callable[..., Operand | Sequence[Operand]]"
"""User's function of expressions: the step of a loop, its condition, or a branch. It returns one result or several."""


@contextmanager
def push_loop_counter(counter: Expr) -> Iterator[None]:
    """Trace the step of a loop with this step counter."""
    token = _counters.set((*_counters.get(), counter))
    try:
        yield
    finally:
        _counters.reset(token)


def get_loop_counters() -> tuple[Expr, ...]:
    """Return the step counters of the loops being traced, outermost first."""
    return _counters.get()


def make_placeholder(name: str, like: Expr, drop: int = 0) -> Input:
    """Return an input of the type of an expression, without its first ``drop`` axes."""
    return Input(name, like.shape[drop:], like.dtype)


def as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def to_operand(value: Any, others: Iterable[Any]) -> Expr:
    """Convert a value to an expression; a Python number takes the common floating-point dtype of the others."""
    dtypes = [o.dtype for o in others if isinstance(o, Expr) and is_float(o.dtype)]
    return as_expr(value, common_dtype(dtypes) if type(value) in (int, float) and dtypes else None)


def trace_function(function: Step, *arguments: Expr) -> tuple[list[Expr], bool]:
    """Call a user's function on expressions; return its results and whether it returned a list or tuple."""
    _check_signature(function, arguments)
    returned = function(*arguments)
    return [to_operand(r, arguments) for r in as_list(returned)], isinstance(returned, (list, tuple))


def _check_signature(function: Step, arguments: Sequence[Expr]) -> None:
    if not callable(function):
        raise UseError(f"Expected a function from expressions to expressions. Received: {function!r}")
    try:
        signature = inspect.signature(function)
    except ValueError:
        return  # a function written in C may have no signature
    try:
        signature.bind(*arguments)
    except TypeError:
        raise UseError(
            f"Expected a function of {len(arguments)} arguments: the elements of the sequences, the states and the "
            f"non_sequences, in this order. Received: a function of {signature}"
        ) from None


def collect_dependents(placeholders: Iterable[Expr], results: Sequence[Expr]) -> set[Expr]:
    """Return the placeholders and all expressions that depend on them."""
    inside = set(placeholders)
    for node in topological(results):
        if not inside.isdisjoint(node.inputs):
            inside.add(node)
    return inside


def collect_captures(inside: set[Expr], results: Sequence[Expr]) -> list[Expr]:
    """Return the outside expressions that a subgraph uses. Constants are not captured."""
    captures = dict.fromkeys(
        i
        for node in topological(results)
        if node in inside
        for i in node.inputs
        if i not in inside and not isinstance(i, Constant)
    )
    captures.update(dict.fromkeys(r for r in results if r not in inside and not isinstance(r, Constant)))
    return list(captures)


def make_body(placeholders: Sequence[Expr], captures: Sequence[Expr], results: Sequence[Expr]) -> Subgraph:
    """Return a subgraph whose inputs are the placeholders, followed by one input per captured expression."""
    inputs: dict[Expr, Expr] = {e: Input(e.name or f"w{i}", e.shape, e.dtype) for i, e in enumerate(captures)}
    return Subgraph((*placeholders, *inputs.values()), tuple(replace_all(results, inputs, names=True)))
