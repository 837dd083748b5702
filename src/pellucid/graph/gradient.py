r"""The gradient of a scalar, as an expression.

An expression that is differentiated by must survive simplification, so a `grad_barrier` is put on it first; in the
result it
stands as it was written. Formulas without a gradient of their own (`pellucid.compound`) are opened first, so that their
inside is simplified together with what is around them, and closed again in the result.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, overload

import numpy as np

from pellucid.graph.errors import DisconnectedError, DtypeError, GradientError, OptionError, ShapeError, brief
from pellucid.graph.expr import Expr, as_expr, constant, is_compatible_shape
from pellucid.graph.gc_pause import pause_gc
from pellucid.graph.labels import LabelStripper, find_expressions, restore_names
from pellucid.graph.marker_removal import remove_markers
from pellucid.graph.op import op
from pellucid.graph.op_def import OUTPUT, Op
from pellucid.graph.operators import call_op
from pellucid.graph.pass_pipeline import select_rules
from pellucid.graph.precedence import ATOM
from pellucid.graph.reverse_mode import pullback
from pellucid.graph.rewriter import Rewriter
from pellucid.graph.source_location import attribute_to_caller
from pellucid.graph.traversal import rebuild, replace_all, topological
from pellucid.graph.types import covers, format_shape, is_float

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
    many, constants = to_list(wrt), to_list(consider_constant)
    known = check_known_grads(known_grads)
    if cost is None and not known:
        raise GradientError(
            "Expected a cost, or known_grads={expression: its gradient} to begin at. Received: neither of them"
        )
    check_float([*([] if cost is None else [cost]), *many], "pel.grad(cost, wrt)")
    if cost is not None and cost.ndim != 0:
        raise GradientError(
            f"The gradient is that of a scalar. Received: {brief(cost)}, of shape {format_shape(cost.shape)}; "
            "sum it or take its mean first"
        ).with_operands([cost])
    costs = [] if cost is None or (known and cost in find_expressions([cost], list(known))) else [cost]
    unlabeled = LabelStripper()
    check_connected([*costs, *known], many, constants, disconnected, unlabeled)
    ones = [constant(1.0, c.dtype) for c in costs]
    found = differentiate([*costs, *known], [*ones, *known.values()], many, constants, known, unlabeled)
    return found[0] if isinstance(wrt, Expr) else found


@pause_gc()
@attribute_to_caller()
def differentiate(
    outputs: Sequence[Expr],
    cotangents: Sequence[Expr],
    wrt: Sequence[Expr],
    constants: Sequence[Expr] = (),
    fixed: Iterable[Expr] = (),
    unlabeled: LabelStripper | None = None,
) -> list[Expr]:
    """Simplify, carry gradients back, and simplify again; see `grad` and `pullback`.

    All of it is done without labels, so that what is meant does not depend on which of several equal expressions has a
    name. The result has the names again.
    """
    unlabeled = unlabeled or LabelStripper()
    plain, asked, beside, known = (unlabeled.add(list(es)) for es in (outputs, wrt, constants, fixed))
    held, originals = add_barriers(plain, [*asked, *beside, *known])
    starts = [held.get(output, output) for output in plain]
    formulas = [node for node in topological(starts) if is_composite_result(node)]
    opened = unlabeled.add(remove_markers([*starts, *formulas], needs_decomposition)) if formulas else starts
    forward = Rewriter(select_rules())
    ends, inside, names = split_list(forward.rewrite([*opened, *formulas]), len(starts), len(formulas))
    tagged = {node.settings["tag"]: node for node in topological(ends) if node.op is grad_barrier.op} if held else {}

    def place(e: Expr) -> Expr:
        found = held.get(e, e)
        return tagged.get(found.settings["tag"], found) if found.op is grad_barrier.op else found

    targets = [place(w) for w in asked]
    found = pullback(ends, unlabeled.add(cotangents), targets, map(place, beside), {place(e) for e in known})
    full = unlabeled.add([broadcast_to_target(g, target) for g, target in zip(found, targets, strict=True)])
    backward = Rewriter(select_rules())
    result = backward.rewrite([*full, *inside])
    closed = restore_composites(result[: len(wrt)], dict(zip(result[len(wrt) :], names, strict=True)), originals)
    return restore_names(closed, backward.rename(forward.rename(unlabeled.names)))


def split_list(expressions: list[Expr], *counts: int) -> tuple[list[Expr], list[Expr], list[Expr]]:
    """Take a list apart into so many, as many formulas opened, and as many closed."""
    first, second = counts
    return expressions[:first], expressions[first : first + second], expressions[first + second :]


@op(folds=False, precedence=ATOM, tex="{0:^}", text="{0:^}", grad=lambda g, y, x, tag: g, cost=0, behind="grad")
def grad_barrier(xp: Any, x: Any, tag: int = 0) -> Any:
    """The value itself, before an expression that must survive simplification because it is differentiated by.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> y = pel.log(x)
    >>> pel.grad(pel.exp(y), y)
    exp(log(x))
    """
    return x


def add_barriers(outputs: Sequence[Expr], wanted: Sequence[Expr]) -> tuple[dict[Expr, Expr], dict[int, Expr]]:
    """Put a `grad_barrier` on expressions in between, also inside one another.

    Returns what each expression of the graph became, and whose each tag is; nothing where there is nothing to hold.
    """
    tags = {w: next(_tags) for w in dict.fromkeys(wanted) if w.op is not None}
    held: dict[Expr, Expr] = {}
    for node in topological([*outputs, *wanted]) if tags else ():
        same = rebuild(node, [held[i] for i in node.inputs])
        held[node] = grad_barrier(same, tag=tags[node]) if node in tags else same
    return held, {tag: w for w, tag in tags.items()}


def needs_decomposition(op: Op) -> bool:
    """Tell of a named formula whether it is differentiated through its definition."""
    return op.compound and op.release is not None and op.grad is None


def is_composite_result(node: Expr) -> bool:
    """Tell of an expression whether it is a result of a formula that is differentiated through its definition."""
    made = node.inputs[0] if node.op is OUTPUT else node
    return made.op is not None and needs_decomposition(made.op) and len(node.types) == 1


def restore_composites(
    outputs: Sequence[Expr], names: Mapping[Expr, Expr], originals: Mapping[int, Expr]
) -> list[Expr]:
    """Put back what was held as it was written, and the names of formulas where their inside is left as it was."""
    if not names and not originals:
        return list(outputs)
    everything = topological([*outputs, *names.values()])
    written = {node: originals[node.settings["tag"]] for node in everything if node.op is grad_barrier.op}
    closed = zip(names, replace_all(list(names.values()), written), strict=True)
    kept = {opened: name for opened, name in closed if opened.op is not None and opened not in set(name.inputs)}
    return replace_all(outputs, {**kept, **written})


def to_list(expressions: Any) -> list[Any]:
    """Return one or several as a list."""
    return list(expressions) if isinstance(expressions, (list, tuple)) else [expressions]


def check_float(expressions: Sequence[Any], usage: str) -> None:
    """Refuse what has no gradient."""
    for e in expressions:
        if not isinstance(e, Expr):
            raise GradientError(f"Expected expressions: {usage}. Received: {e!r}, which has no gradient")
        if not is_float(e.dtype):
            raise GradientError(
                f"A gradient needs real numbers. Received: {brief(e)}, which is {e.dtype}; "
                "declare it with dtype='float32', or cast it"
            ).with_operands([e])


def check_connected(
    starts: Sequence[Expr],
    wrt: Sequence[Expr],
    constants: Sequence[Any],
    disconnected: str = "raise",
    unlabeled: LabelStripper | None = None,
) -> None:
    """Refuse what a cost does not depend on, unless zeros are asked for."""
    if disconnected not in ("raise", "zero"):
        raise OptionError(f"Expected disconnected to be 'raise' or 'zero'. Received: disconnected={disconnected!r}")
    unlabeled = unlabeled or LabelStripper()
    plain, asked = unlabeled.add(list(starts)), unlabeled.add(list(wrt))
    inside = set(topological(plain))
    for e in constants:
        if not isinstance(e, Expr) or unlabeled.add([e])[0] not in inside:
            raise GradientError(f"consider_constant: expected expressions inside the cost. Received: {e}")
    beside = unlabeled.add(list(constants))
    depends = set(topological(plain, stop=beside)) if constants else inside
    if disconnected == "raise":
        for w, e in zip(wrt, asked, strict=True):
            if e not in depends:
                raise DisconnectedError(
                    f"The cost {brief(starts[0])} does not depend on {brief(w)}. If that is meant, pass "
                    "disconnected='zero'"
                ).with_operands([*starts, w])
        check_float_path(plain, asked, depends)


def check_float_path(starts: Sequence[Expr], wrt: Sequence[Expr], depends: set[Expr]) -> None:
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
            ).with_operands([*starts, through])


def check_known_grads(known: Any) -> dict[Expr, Expr]:
    """Hold known gradients against what they belong to."""
    if known is None:
        return {}
    if not isinstance(known, Mapping):
        raise GradientError(f"known_grads: expected a mapping {{expression: its gradient}}. Received: {known!r}")
    check_float(list(known), "known_grads={expression: its gradient}")
    return {e: check_cotangent(e, g, "known_grads: the gradient of") for e, g in known.items()}


def check_cotangent(e: Expr, value: Any, what: str) -> Expr:
    """Return a gradient or tangent as an expression, refusing one that does not belong to an expression."""
    array = isinstance(value, (Expr, np.ndarray, np.generic))
    found = as_expr(value, None if array else e.dtype)
    if not is_compatible_shape(found.shape, e.shape):
        raise ShapeError(
            f"{what} {e} has the shape of {e}, {format_shape(e.shape)}. "
            f"Received: {found}, of shape {format_shape(found.shape)}"
        )
    if found.dtype != e.dtype:
        raise DtypeError(
            f"{what} {e} has the dtype of {e}, {e.dtype}. Received: {found}, which is {found.dtype}; "
            f"cast it: pel.cast({found}, '{e.dtype}')"
        )
    return found


def broadcast_to_target(g: Expr | None, target: Expr) -> Expr:
    """Give a gradient the full shape of what it belongs to."""
    if g is None:
        g = constant(0.0, target.dtype)
    return g if covers(g.shape, target.shape) else call_op("broadcast_like", g, target)
