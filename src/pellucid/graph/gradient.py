r"""The gradient driver: reverse accumulation, in expressions.

For :math:`y = f(x)` inside a scalar cost :math:`c`, each op's rule turns :math:`g = \partial c / \partial y` into
:math:`\partial c / \partial x`. The driver walks the graph backwards, adds up what arrives at each expression, and
undoes broadcasting: a gradient is summed over the axes along which its operand was repeated. A gradient on its way may
be smaller than what it belongs to, as long as it broadcasts; it is written out only where an op needs all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, overload

from pellucid.graph.errors import DisconnectedError, GradientError
from pellucid.graph.expr import Expr, constant
from pellucid.graph.op import OUTPUT, expand, op
from pellucid.graph.operators import call
from pellucid.graph.rewrite import simplify_all
from pellucid.graph.text import ATOM
from pellucid.graph.types import covers, is_float, shape_text
from pellucid.graph.walk import rebuild, topological

Cotangents = dict[Expr, list[Expr | None]]


@overload
def grad(cost: Expr, wrt: Expr, *, disconnected: str = "raise") -> Expr: ...
@overload
def grad(cost: Expr, wrt: Sequence[Expr], *, disconnected: str = "raise") -> list[Expr]: ...
def grad(cost: Expr, wrt: Expr | Sequence[Expr], *, disconnected: str = "raise") -> Expr | list[Expr]:
    r"""Return the gradient of a scalar, :math:`\partial c / \partial w`, as an expression.

    The cost is simplified first, which is what keeps gradients finite and readable, and the gradient after.

    Parameters
    ----------
    cost : Expr
        A scalar.
    wrt : Expr or sequence of Expr
        What to differentiate with respect to: inputs, shared variables or expressions in between, of real numbers.
    disconnected : {"raise", "zero"}
        What to do about something that the cost does not depend on.

    Returns
    -------
    Expr or list of Expr
        Of the shape and dtype of each ``wrt``.

    Raises
    ------
    GradientError
        If the cost is no scalar of real numbers, or something to differentiate by is of integers.
    DisconnectedError
        If the cost does not depend on something, unless ``disconnected="zero"``.

    Examples
    --------
    >>> import pellucid as pel
    >>> x, W = pel.vector("x"), pel.shared([0.2, 0.7], name="W")
    >>> pel.grad((x * W).sum(), W)
    x

    References
    ----------
    A. Griewank and A. Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, chapter 3.
    """
    many: list[Any] = list(wrt) if isinstance(wrt, (list, tuple)) else [wrt]
    check(cost, many, disconnected)
    depends = set(topological([cost]))
    for w in many:
        if w not in depends and disconnected == "raise":
            raise DisconnectedError(
                f"The cost {cost} does not depend on {w}. If that is meant, pass disconnected='zero'"
            )
    held_cost, held = hold_all(cost, many)
    [simple] = simplify_all([held_cost])
    inside = {node.settings["tag"]: node for node in topological([simple]) if node.op is hold.op}
    targets = [inside.get(id(w), held[w]) for w in many]
    found = pullback([simple], [constant(1.0, cost.dtype)], targets)
    full = [finish(g, target) for g, target in zip(found, targets, strict=True)]
    result = simplify_all(release_all(simplify_all(full)))
    return result[0] if isinstance(wrt, Expr) else result


@op(folds=False, precedence=ATOM, tex="{0}", text="{0}", grad=lambda g, y, x, tag: g, cost=0)
def hold(xp: Any, x: Any, tag: int = 0) -> Any:
    """The value itself, before an expression that must survive simplification because it is differentiated by."""
    return x


def hold_all(cost: Expr, wrt: Sequence[Expr]) -> tuple[Expr, dict[Expr, Expr]]:
    """Put a `hold` on every expression in between that is differentiated by, also inside one another."""
    wanted = {w for w in wrt if w.op is not None}
    held: dict[Expr, Expr] = {}
    for node in topological([cost, *wrt]):
        same = rebuild(node, [held[i] for i in node.inputs])
        held[node] = hold(same, tag=id(node)) if node in wanted else same
    return held[cost], held


def release_all(outputs: Sequence[Expr]) -> list[Expr]:
    """Take every `hold` away again."""
    free: dict[Expr, Expr] = {}
    for node in topological(outputs):
        free[node] = free[node.inputs[0]] if node.op is hold.op else rebuild(node, [free[i] for i in node.inputs])
    return [free[output] for output in outputs]


def check(cost: Expr, wrt: list[Expr], disconnected: str) -> None:
    """Refuse what has no gradient."""
    if disconnected not in ("raise", "zero"):
        raise ValueError(f"Expected disconnected to be 'raise' or 'zero'. Received: disconnected={disconnected!r}")
    if not all(isinstance(e, Expr) for e in (cost, *wrt)):
        raise GradientError("Expected expressions: pel.grad(cost, wrt). Received a value, which has no gradient")
    if cost.ndim != 0:
        raise GradientError(
            f"The gradient is that of a scalar. Received: {cost}, of shape {shape_text(cost.shape)}; "
            "sum it or take its mean first"
        )
    for e in [cost, *wrt]:
        if not is_float(e.dtype):
            raise GradientError(
                f"A gradient needs real numbers. Received: {e}, which is {e.dtype}; "
                "declare it with dtype='float32', or cast it"
            )


def finish(g: Expr | None, target: Expr) -> Expr:
    """Give a gradient the full shape of what it belongs to."""
    if g is None:
        g = constant(0.0, target.dtype)
    return g if covers(g.shape, target.shape) else call("broadcast_like", g, target)


def pullback(
    outputs: Sequence[Expr], cotangents: Sequence[Expr | None], wrt: Sequence[Expr], stop: Iterable[Expr] = ()
) -> list[Expr | None]:
    """Carry gradients with respect to some expressions back to others (the vector-Jacobian product).

    Parameters
    ----------
    outputs : sequence of Expr
        Where the gradients are known.
    cotangents : sequence of Expr or None
        The gradient with respect to each output; it may be smaller if it broadcasts; None for zero.
    wrt : sequence of Expr
        Where they are wanted.
    stop : iterable of Expr
        Expressions that are taken for constants beyond themselves.

    Returns
    -------
    list of Expr or None
        One for each ``wrt``; it may be smaller if it broadcasts; None where no gradient arrives.
    """
    order = topological(outputs, stop=stop)
    closed, targets = set(stop), set(wrt)
    reaches: set[Expr] = set()
    for node in order:
        met = node in targets or (node not in closed and any(i in reaches for i in node.inputs))
        if met and any(is_float(t.dtype) for t in node.types):
            reaches.add(node)
    arrived: Cotangents = {}
    for output, g in zip(outputs, cotangents, strict=True):
        if g is not None:
            receive(arrived, output, 0, g)
    for node in reversed(order):
        if node in arrived and node in reaches and node not in closed and node.op is not None:
            for position, g in local_gradients(node, arrived[node], reaches):
                target = node.inputs[position]
                receive(arrived, target, node.settings["index"] if node.op is OUTPUT else 0, g)
    return [arrived.get(w, [None])[0] for w in wrt]


def receive(arrived: Cotangents, node: Expr, index: int, g: Expr) -> None:
    """Add what arrives at one result of an expression to what has arrived before."""
    slots = arrived.setdefault(node, [None] * len(node.types))
    slots[index] = add(slots[index], g)


def add(a: Expr | None, b: Expr | None) -> Expr | None:
    """Add two gradients of which either may be absent."""
    return b if a is None else a if b is None else call("add", a, b)


def local_gradients(node: Expr, arrived: list[Expr | None], reaches: set[Expr]) -> list[tuple[int, Expr]]:
    """Apply the op's rule and return (position of the input, gradient) for the inputs that are wanted."""
    op = node.op
    assert op is not None
    g: Any = arrived[0] if len(node.types) == 1 else arrived
    if op is OUTPUT:
        return [(0, g)]
    if not op.differentiable:
        return []
    if len(node.types) == 1 and not op.elementwise and not covers(g.shape, node.shape):
        g = call("broadcast_like", g, node)
    if op.grad is not None:
        result = op.grad(g, node, *node.inputs, **node.settings)
        gradients = list(result) if isinstance(result, (tuple, list)) else [result]
    elif op.compound:
        wanted = list(dict.fromkeys(i for i in node.inputs if i in reaches))
        by_input = dict(zip(wanted, pullback([expand(node)], [g], wanted, stop=node.inputs), strict=True))
        # An input that stands twice is differentiated once, for both places.
        gradients = [by_input.pop(i, None) for i in node.inputs]
    else:
        raise GradientError(f"{op.name} has no gradient, and the cost depends on {node} through it")
    wanted_pairs = [
        (p, i, d) for p, (i, d) in enumerate(zip(node.inputs, gradients, strict=True)) if d is not None and i in reaches
    ]
    return [(p, reduce_to(d, node, i)) for p, i, d in wanted_pairs]


def reduce_to(g: Expr, node: Expr, operand: Expr) -> Expr:
    """Undo broadcasting: sum a gradient over the axes along which the operand was repeated."""
    op = node.op
    assert op is not None
    if op.elementwise and operand.shape != node.shape:
        lead = node.ndim - operand.ndim
        repeated = [a for a in range(lead, node.ndim) if operand.shape[a - lead] == 1 and node.shape[a] != 1]
        axes = (*range(lead), *repeated)
        if axes:
            g = g if covers(g.shape, node.shape) else call("broadcast_like", g, node)
            g = call("sum", g, axis=axes)
            g = call("expand_dims", g, axis=tuple(a - lead for a in repeated)) if repeated else g
    return g if g.dtype == operand.dtype else call("cast", g, dtype=operand.dtype)
