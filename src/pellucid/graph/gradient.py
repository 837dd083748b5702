r"""The gradient of a scalar, as an expression.

An expression that is differentiated by must survive simplification, so a `hold` is put on it first; in the result it
stands as it was written. Formulas without a gradient of their own (`pellucid.compound`) are opened first, so that their
inside is simplified together with what is around them, and closed again in the result.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, overload

import numpy as np

from pellucid.graph.errors import DisconnectedError, DtypeError, GradientError, OptionError, ShapeError, brief
from pellucid.graph.expr import Expr, agree, as_expr, constant
from pellucid.graph.gc_pause import uncollected
from pellucid.graph.marker_removal import release
from pellucid.graph.op import op
from pellucid.graph.op_def import OUTPUT, Op
from pellucid.graph.operators import call
from pellucid.graph.printing import ATOM
from pellucid.graph.reverse_mode import pullback
from pellucid.graph.rewriter import simplify_all
from pellucid.graph.traversal import rebuild, replace_all, topological
from pellucid.graph.types import covers, is_float, shape_text

_tags = itertools.count(1)


@overload
def grad(
    cost: Expr | None,
    wrt: Expr,
    *,
    consider_constant: Expr | Sequence[Expr] = (),
    known_grads: Mapping[Expr, Any] | None = None,
    disconnected: str = "raise",
) -> Expr: ...
@overload
def grad(
    cost: Expr | None,
    wrt: Sequence[Expr],
    *,
    consider_constant: Expr | Sequence[Expr] = (),
    known_grads: Mapping[Expr, Any] | None = None,
    disconnected: str = "raise",
) -> list[Expr]: ...
def grad(
    cost: Expr | None,
    wrt: Expr | Sequence[Expr],
    *,
    consider_constant: Expr | Sequence[Expr] = (),
    known_grads: Mapping[Expr, Any] | None = None,
    disconnected: str = "raise",
) -> Expr | list[Expr]:
    r"""Return the gradient of a scalar, :math:`\partial c / \partial w`, as an expression.

    The cost is simplified first, which is what keeps gradients finite and readable, and the gradient after.

    Parameters
    ----------
    cost : Expr or None
        A scalar; None where all that is known is in ``known_grads``.
    wrt : Expr or sequence of Expr
        What to differentiate with respect to: inputs, shared variables or expressions in between, of real numbers.
    consider_constant : Expr or sequence of Expr
        Expressions inside the cost through which no gradient flows.
    known_grads : mapping from Expr to Expr or array, optional
        Gradients that are known, of the shape and dtype of what they belong to. They take the place of what would be
        worked out there.
    disconnected : {"raise", "zero"}
        What to do about something that the cost does not depend on.

    Returns
    -------
    Expr or list of Expr
        Of the shape and dtype of each ``wrt``.

    Raises
    ------
    GradientError
        If the cost is no scalar of real numbers, something to differentiate by is of integers, or an expression to be
        considered constant is not in the cost.
    DisconnectedError
        If the cost does not depend on something, unless ``disconnected="zero"``.
    ShapeError, DtypeError
        If a known gradient is not of the type of what it belongs to.

    Examples
    --------
    >>> import pellucid as pel
    >>> x, W = pel.vector("x"), pel.shared([0.2, 0.7], name="W")
    >>> pel.grad((x * W).sum(), W)
    x
    >>> y = pel.tanh(x)
    >>> pel.grad((x * y).sum(), x, consider_constant=y)
    tanh(x)
    >>> pel.grad(None, x, known_grads={y: pel.vector("g")})
    g * (1 - tanh(x) ** 2)

    References
    ----------
    A. Griewank and A. Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, chapter 3.
    """
    many, constants = as_list(wrt), as_list(consider_constant)
    known = known_cotangents(known_grads)
    if cost is None and not known:
        raise GradientError(
            "Expected a cost, or known_grads={expression: its gradient} to begin at. Received: neither of them"
        )
    check_real([*([] if cost is None else [cost]), *many], "pel.grad(cost, wrt)")
    if cost is not None and cost.ndim != 0:
        raise GradientError(
            f"The gradient is that of a scalar. Received: {brief(cost)}, of shape {shape_text(cost.shape)}; "
            "sum it or take its mean first"
        ).about([cost])
    costs = [] if cost is None or cost in known else [cost]
    check_connected([*costs, *known], many, constants, disconnected)
    ones = [constant(1.0, c.dtype) for c in costs]
    found = differentiate([*costs, *known], [*ones, *known.values()], many, constants, known)
    return found[0] if isinstance(wrt, Expr) else found


@uncollected()
def differentiate(
    outputs: Sequence[Expr],
    cotangents: Sequence[Expr],
    wrt: Sequence[Expr],
    constants: Sequence[Expr] = (),
    fixed: Iterable[Expr] = (),
) -> list[Expr]:
    """Simplify, carry gradients back, and simplify again; see `grad` and `pullback`."""
    held, originals = hold_all(outputs, [*wrt, *constants, *fixed])
    starts = [held.get(output, output) for output in outputs]
    formulas = [node for node in topological(starts) if is_formula(node)]
    opened = release([*starts, *formulas], needs_opening) if formulas else starts
    simple = simplify_all([*opened, *formulas])
    ends, inside, names = split(simple, len(starts), len(formulas))
    tagged = {node.settings["tag"]: node for node in topological(ends) if node.op is hold.op} if held else {}

    def place(e: Expr) -> Expr:
        found = held.get(e, e)
        return tagged.get(found.settings["tag"], found) if found.op is hold.op else found

    targets = [place(w) for w in wrt]
    found = pullback(ends, cotangents, targets, map(place, constants), {place(e) for e in fixed})
    full = [finish(g, target) for g, target in zip(found, targets, strict=True)]
    result = simplify_all([*full, *inside])
    return close(result[: len(wrt)], dict(zip(result[len(wrt) :], names, strict=True)), originals)


def split(expressions: list[Expr], *counts: int) -> tuple[list[Expr], list[Expr], list[Expr]]:
    """Take a list apart into so many, as many formulas opened, and as many closed."""
    first, second = counts
    return expressions[:first], expressions[first : first + second], expressions[first + second :]


@op(folds=False, precedence=ATOM, tex="{0:^}", text="{0:^}", grad=lambda g, y, x, tag: g, cost=0, behind="grad")
def hold(xp: Any, x: Any, tag: int = 0) -> Any:
    """The value itself, before an expression that must survive simplification because it is differentiated by.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.scalar("x")
    >>> y = pel.log(x)
    >>> pel.grad(pel.exp(y), y)
    exp(log(x))
    """
    return x


def hold_all(outputs: Sequence[Expr], wanted: Sequence[Expr]) -> tuple[dict[Expr, Expr], dict[int, Expr]]:
    """Put a `hold` on expressions in between, also inside one another.

    Returns what each expression of the graph became, and whose each tag is; nothing where there is nothing to hold.
    """
    tags = {w: next(_tags) for w in dict.fromkeys(wanted) if w.op is not None}
    held: dict[Expr, Expr] = {}
    for node in topological([*outputs, *wanted]) if tags else ():
        same = rebuild(node, [held[i] for i in node.inputs])
        held[node] = hold(same, tag=tags[node]) if node in tags else same
    return held, {tag: w for w, tag in tags.items()}


def needs_opening(op: Op) -> bool:
    """Tell of a named formula whether it is differentiated through its definition."""
    return op.compound and op.release is not None and op.grad is None


def is_formula(node: Expr) -> bool:
    """Tell of an expression whether it is a result of a formula that is differentiated through its definition."""
    made = node.inputs[0] if node.op is OUTPUT else node
    return made.op is not None and needs_opening(made.op) and len(node.types) == 1


def close(outputs: Sequence[Expr], names: Mapping[Expr, Expr], originals: Mapping[int, Expr]) -> list[Expr]:
    """Put back what was held as it was written, and the names of formulas where their inside is left as it was."""
    if not names and not originals:
        return list(outputs)
    everything = topological([*outputs, *names.values()])
    written = {node: originals[node.settings["tag"]] for node in everything if node.op is hold.op}
    closed = zip(names, replace_all(list(names.values()), written), strict=True)
    kept = {opened: name for opened, name in closed if opened.op is not None and opened not in set(name.inputs)}
    return replace_all(outputs, {**kept, **written})


def as_list(expressions: Any) -> list[Any]:
    """Return one or several as a list."""
    return list(expressions) if isinstance(expressions, (list, tuple)) else [expressions]


def check_real(expressions: Sequence[Any], usage: str) -> None:
    """Refuse what has no gradient."""
    for e in expressions:
        if not isinstance(e, Expr):
            raise GradientError(f"Expected expressions: {usage}. Received: {e!r}, which has no gradient")
        if not is_float(e.dtype):
            raise GradientError(
                f"A gradient needs real numbers. Received: {brief(e)}, which is {e.dtype}; "
                "declare it with dtype='float32', or cast it"
            ).about([e])


def check_connected(
    starts: Sequence[Expr], wrt: Sequence[Expr], constants: Sequence[Any], disconnected: str = "raise"
) -> None:
    """Refuse what a cost does not depend on, unless zeros are asked for."""
    if disconnected not in ("raise", "zero"):
        raise OptionError(f"Expected disconnected to be 'raise' or 'zero'. Received: disconnected={disconnected!r}")
    inside = set(topological(starts))
    for e in constants:
        if not isinstance(e, Expr) or e not in inside:
            raise GradientError(f"consider_constant: expected expressions inside the cost. Received: {e}")
    depends = set(topological(starts, stop=constants)) if constants else inside
    for w in wrt:
        if w not in depends and disconnected == "raise":
            raise DisconnectedError(
                f"The cost {brief(starts[0])} does not depend on {brief(w)}. If that is meant, pass disconnected='zero'"
            ).about([*starts, w])
    if disconnected == "raise":
        check_real_path(starts, wrt, depends)


def check_real_path(starts: Sequence[Expr], wrt: Sequence[Expr], depends: set[Expr]) -> None:
    """Refuse what a cost depends on through comparisons, indices and other counts alone: all slopes would be 0."""
    steps = {e for e in depends if not any(is_float(t.dtype) for t in e.types)}
    if not steps:
        return
    real = set(topological(starts, stop=steps))
    for w in wrt:
        if w not in real:
            through = next(e for e in topological(starts) if e in steps and w in set(topological([e])))
            raise DisconnectedError(
                f"The cost {brief(starts[0])} depends on {brief(w)} only through {brief(through)}, which is "
                f"{through.dtype} and has no slope. Train with a smooth cost, such as a crossentropy; if zeros are "
                "meant, pass disconnected='zero'"
            ).about([*starts, through])


def known_cotangents(known: Any) -> dict[Expr, Expr]:
    """Hold known gradients against what they belong to."""
    if known is None:
        return {}
    if not isinstance(known, Mapping):
        raise GradientError(f"known_grads: expected a mapping {{expression: its gradient}}. Received: {known!r}")
    check_real(list(known), "known_grads={expression: its gradient}")
    return {e: of_the_type_of(e, g, "known_grads: the gradient of") for e, g in known.items()}


def of_the_type_of(e: Expr, value: Any, what: str) -> Expr:
    """Return a gradient or tangent as an expression, refusing one that does not belong to an expression."""
    array = isinstance(value, (Expr, np.ndarray, np.generic))
    found = as_expr(value, None if array else e.dtype)
    if not agree(found.shape, e.shape):
        raise ShapeError(
            f"{what} {e} has the shape of {e}, {shape_text(e.shape)}. "
            f"Received: {found}, of shape {shape_text(found.shape)}"
        )
    if found.dtype != e.dtype:
        raise DtypeError(
            f"{what} {e} has the dtype of {e}, {e.dtype}. Received: {found}, which is {found.dtype}; "
            f"cast it: pel.cast({found}, '{e.dtype}')"
        )
    return found


def finish(g: Expr | None, target: Expr) -> Expr:
    """Give a gradient the full shape of what it belongs to."""
    if g is None:
        g = constant(0.0, target.dtype)
    return g if covers(g.shape, target.shape) else call("broadcast_like", g, target)
