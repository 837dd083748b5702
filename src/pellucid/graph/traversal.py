"""Walks over graphs, without recursion: a chain of any length is walked with an explicit stack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import DtypeError, InputError, ShapeError, UseError
from pellucid.graph.expr import Expr, Input, Shared, as_expr
from pellucid.graph.source_location import standing_for
from pellucid.graph.types import covers


def topological(outputs: Iterable[Expr], stop: Iterable[Expr] = ()) -> list[Expr]:
    """Return the outputs and all they are made of, each expression after its inputs.

    Parameters
    ----------
    outputs : iterable of Expr
        Where the walk begins.
    stop : iterable of Expr
        Expressions to include without going into what they are made of.

    Returns
    -------
    list of Expr
        Each expression once.
    """
    closed = set(stop)
    done: set[Expr] = set()
    order: list[Expr] = []
    stack = list(outputs)[::-1]
    while stack:
        node = stack[-1]
        if node in done:
            stack.pop()
            continue
        pending = [] if node in closed else [i for i in node.inputs if i not in done]
        if pending:
            stack.extend(reversed(pending))
            continue
        stack.pop()
        done.add(node)
        order.append(node)
    return order


def listed(what: Any, who: str) -> list[Expr]:
    """Return one expression or several as a list, refusing what is none; ``who`` asks."""
    found = [what] if isinstance(what, Expr) or not isinstance(what, Iterable) else list(what)
    for e in found:
        if not isinstance(e, Expr):
            raise UseError(f"{who}: expected an expression, or several. Received: {e!r}, of type {type(e).__name__}")
    return found


def rebuild(node: Expr, inputs: Sequence[Expr]) -> Expr:
    """Return the same op with the same settings on other inputs."""
    if node.op is None or all(a is b for a, b in zip(inputs, node.inputs, strict=True)):
        return node
    token = standing_for.set(node.origin)
    try:
        return node.op.make(tuple(inputs), dict(node._settings))
    finally:
        standing_for.reset(token)


def named_like(before: Expr, after: Expr) -> Expr:
    """Hand the name of an expression on to the form it was rewritten into, which has the same value."""
    if before.name is not None and after.name is None and after.op is not None:
        after.name = before.name
    return after


def replace_all(outputs: Sequence[Expr], replacements: Mapping[Expr, Expr], *, names: bool = False) -> list[Expr]:
    """Return the outputs with some expressions in them replaced by others.

    Parameters
    ----------
    outputs : sequence of Expr
        What to rewrite.
    replacements : mapping from Expr to Expr
        What takes the place of what. A replacement is not itself rewritten.
    names : bool
        Whether the new expressions have the names of the old, where they stand for the same values.

    Returns
    -------
    list of Expr
        One for each output.
    """
    done: dict[Expr, Expr] = {}
    for node in topological(outputs, stop=replacements):
        done[node] = replacements[node] if node in replacements else rebuild(node, [done[i] for i in node.inputs])
        if names:
            named_like(node, done[node])
    return [done[output] for output in outputs]


def ancestors(expr: Expr | Sequence[Expr], blockers: Iterable[Expr] = ()) -> list[Expr]:
    """Return all that expressions are made of, and they themselves at the end.

    Parameters
    ----------
    expr : Expr or sequence of Expr
        Where the walk begins.
    blockers : iterable of Expr
        Expressions to include without going into what they are made of.

    Returns
    -------
    list of Expr
        Each once, after what it is made of.

    Examples
    --------
    >>> import pellucid as pel
    >>> x, W = pel.vector("x"), pel.shared([1.0, 2.0], "W")
    >>> h = x * W
    >>> pel.ancestors(h.sum())
    [x, W, x * W, (x * W).sum()]
    >>> pel.ancestors(h.sum(), blockers=[h])
    [x * W, (x * W).sum()]
    """
    return topological(listed(expr, "ancestors"), stop=blockers)


def replace(expr: Any, replacements: Mapping[Expr, Any]) -> Any:
    """Return an expression with others in the place of some that it is made of.

    Parameters
    ----------
    expr : Expr, or a list or tuple of Expr
        What to rewrite; it stays as it is, and the result is another expression.
    replacements : dict from Expr to Expr, array or number
        What takes the place of what, all at once: a replacement is not itself rewritten.

    Returns
    -------
    Expr, or list of Expr
        In the form in which it was given.

    Raises
    ------
    ShapeError, DtypeError
        If a replacement has another shape or dtype.
    InputError
        If nothing depends on what is to be replaced.

    Examples
    --------
    >>> import pellucid as pel
    >>> x, y = pel.vector("x"), pel.vector("y")
    >>> pel.replace(pel.exp(x) + x, {x: 2 * y})
    exp(2 * y) + 2 * y
    """
    outputs = listed(expr, "replace")
    if not isinstance(replacements, Mapping):
        raise UseError(f"replace: expected what takes the place of what, as {{x: 2 * y}}. Received: {replacements!r}")
    checked = {target: replacement(target, value, "replace") for target, value in replacements.items()}
    reached = set(topological(outputs))
    idle = [str(target) for target in checked if target not in reached]
    if idle:
        raise InputError(f"replace: {', '.join(idle)} stands nowhere in {', '.join(map(str, outputs))}")
    replaced = replace_all(outputs, checked)
    return replaced[0] if isinstance(expr, Expr) else replaced


def replacement(target: Any, value: Any, who: str) -> Expr:
    """Return what is to take the place of an expression, refusing what is of another type."""
    if not isinstance(target, Expr):
        raise UseError(f"{who}: expressions are replaced. Received: {target!r}, of type {type(target).__name__}")
    new = as_expr(value, target.dtype if has_no_dtype(value) else None)
    if not covers(new.shape, target.shape) or new.dtype != target.dtype:
        kind = DtypeError if new.dtype != target.dtype else ShapeError
        raise kind(f"{who}: {new}, which is {new.type}, cannot take the place of {target}, which is {target.type}")
    return new


def has_no_dtype(value: Any) -> bool:
    """Tell whether a value takes the dtype of what it is meant for, as Python's numbers do."""
    return isinstance(value, (bool, int, float, list, tuple)) and not isinstance(value, np.generic)


def inputs_of(outputs: Iterable[Expr]) -> list[Input]:
    """Return the inputs an expression needs values for, in the order in which they are met."""
    return [node for node in topological(outputs) if isinstance(node, Input)]


def shared_of(outputs: Iterable[Expr]) -> list[Shared]:
    """Return the shared variables an expression depends on, in the order in which they are met."""
    return [node for node in topological(outputs) if isinstance(node, Shared)]


def parameters(
    expr: Expr | Sequence[Expr], *, trainable: bool | None = True, regularizable: bool | None = None
) -> list[Shared]:
    """Return the parameters that an expression depends on, found by walking the graph.

    Parameters
    ----------
    expr : Expr or sequence of Expr
        Where the walk begins.
    trainable, regularizable : bool or None
        Keep only the shared variables with this tag; None keeps both kinds.

    Returns
    -------
    list of Shared
        In the order in which a value would meet them.

    Examples
    --------
    >>> import pellucid as pel
    >>> W, b = pel.shared([1.0], "W"), pel.shared([0.0], "b", regularizable=False)
    >>> y = pel.vector("x") * W + b
    >>> pel.parameters(y), pel.parameters(y, regularizable=True)
    ([W, b], [W])
    """
    found = shared_of(listed(expr, "parameters"))
    return [
        p
        for p in found
        if (trainable is None or p.trainable == trainable)
        and (regularizable is None or p.regularizable == regularizable)
    ]
