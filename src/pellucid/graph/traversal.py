"""Walks over graphs, without recursion: a chain of any length is walked with an explicit stack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pellucid.graph.errors import UseError
from pellucid.graph.expr import Expr, Input, Shared, attach_label, intern
from pellucid.graph.op_def import PASSTHROUGH
from pellucid.graph.source_location import inherited_location


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


def to_expr_list(what: Any, who: str) -> list[Expr]:
    """Return one expression or several as a list, refusing what is none; ``who`` asks."""
    found = [what] if isinstance(what, Expr) or not isinstance(what, Iterable) else list(what)
    for e in found:
        if not isinstance(e, Expr):
            raise UseError(f"{who}: expected an expression, or several. Received: {e!r}, of type {type(e).__name__}")
    return found


def rebuild(node: Expr, inputs: Sequence[Expr]) -> Expr:
    """Return the same op with the same settings on other inputs."""
    for new, old in zip(inputs, node.inputs, strict=True):
        if new is not old:
            break
    else:
        return node
    assert node.op is not None
    if node.op is PASSTHROUGH:
        return inputs[0]
    token = inherited_location.set(node)
    try:
        return node.op.make(tuple(inputs), dict(node._settings))
    finally:
        inherited_location.reset(token)


def rebuild_relabeled(node: Expr, inputs: Sequence[Expr]) -> Expr:
    """Return the same op on inputs that differ from its own by their labels alone.

    Types and settings are those that it has, so that nothing is inferred again.
    """
    for new, old in zip(inputs, node.inputs, strict=True):
        if new is not old:
            break
    else:
        return node
    assert node.op is not None
    token = inherited_location.set(node)
    try:
        return intern(node.op, tuple(inputs), node._settings, lambda: node.types)
    finally:
        inherited_location.reset(token)


def copy_name(before: Expr, after: Expr) -> Expr:
    """Hand the name of an expression on to the form it was rewritten into, which has the same value."""
    if before.op is None or before.name is None or after.name is not None:
        return after
    return attach_label(after, name=before.name)


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
            done[node] = copy_name(node, done[node])
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
    >>> x, W = pel.vector("x"), pel.shared([1.0, 2.0], "W")
    >>> h = x * W
    >>> pel.ancestors(h.sum())
    [x, W, x * W, (x * W).sum()]
    >>> pel.ancestors(h.sum(), blockers=[h])
    [x * W, (x * W).sum()]
    """
    outputs, blocked = to_expr_list(expr, "ancestors"), {e.unlabeled for e in blockers}
    stop = [e for e in topological(outputs) if e.unlabeled in blocked] if blocked else []
    return [e for e in topological(outputs, stop=stop) if e.op is not PASSTHROUGH]


def collect_inputs(outputs: Iterable[Expr]) -> list[Input]:
    """Return the inputs an expression needs values for, in the order in which they are met."""
    return [node for node in topological(outputs) if isinstance(node, Input)]


def collect_shared(outputs: Iterable[Expr]) -> list[Shared]:
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
    >>> W, b = pel.shared([1.0], "W"), pel.shared([0.0], "b", regularizable=False)
    >>> y = pel.vector("x") * W + b
    >>> pel.parameters(y), pel.parameters(y, regularizable=True)
    ([W, b], [W])
    """
    found = collect_shared(to_expr_list(expr, "parameters"))
    return [
        p
        for p in found
        if (trainable is None or p.trainable == trainable)
        and (regularizable is None or p.regularizable == regularizable)
    ]
