"""Walks over graphs, without recursion: a chain of any length is walked with an explicit stack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pellucid.graph.expr import Expr, Shared


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


def rebuild(node: Expr, inputs: Sequence[Expr]) -> Expr:
    """Return the same op with the same settings on other inputs."""
    if node.op is None or all(a is b for a, b in zip(inputs, node.inputs, strict=True)):
        return node
    return node.op.make(tuple(inputs), dict(node._settings))


def replace_all(outputs: Sequence[Expr], replacements: Mapping[Expr, Expr]) -> list[Expr]:
    """Return the outputs with some expressions in them replaced by others.

    Parameters
    ----------
    outputs : sequence of Expr
        What to rewrite.
    replacements : mapping from Expr to Expr
        What takes the place of what. A replacement is not itself rewritten.

    Returns
    -------
    list of Expr
        One for each output.
    """
    done: dict[Expr, Expr] = {}
    for node in topological(outputs, stop=replacements):
        done[node] = replacements[node] if node in replacements else rebuild(node, [done[i] for i in node.inputs])
    return [done[output] for output in outputs]


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
    found = shared_of([expr] if isinstance(expr, Expr) else expr)
    return [
        p
        for p in found
        if (trainable is None or p.trainable == trainable)
        and (regularizable is None or p.regularizable == regularizable)
    ]
