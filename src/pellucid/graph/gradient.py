r"""Gradient of a scalar, as an expression.

The cost is simplified before it is differentiated, so that the gradient is finite and short. An intermediate expression
that the gradient is taken with respect to gets a `grad_barrier`, which keeps the simplifier from rewriting it away. A
composite op without a gradient (`pellucid.composite`) is replaced by its definition, and restored where its definition
is left in the result.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, overload

from pellucid.graph.array_conversion import has_dtype
from pellucid.graph.errors import DisconnectedError, DtypeError, GradientError, OptionError, ShapeError, brief
from pellucid.graph.expr import Expr, as_expr, constant, is_compatible_shape, pause_gc
from pellucid.graph.naming import LabelStripper, find_expressions, restore_names
from pellucid.graph.op import OUTPUT, Op
from pellucid.graph.op_decorator import op
from pellucid.graph.operators import call_op
from pellucid.graph.paired_broadcast import warn_about_paired_broadcasts
from pellucid.graph.passes import remove_markers
from pellucid.graph.precedence import ATOM
from pellucid.graph.range_rules import elements_of
from pellucid.graph.reverse_mode import pullback
from pellucid.graph.rewrite_rule import select_rules
from pellucid.graph.rewriter import Rewriter
from pellucid.graph.source_location import attribute_to_caller
from pellucid.graph.traversal import rebuild, replace_all, topological
from pellucid.graph.types import covers, format_shape, is_float

Exprs = Expr | Sequence[Expr]
KnownGrads = Mapping[Expr, Any] | None

_tags = itertools.count(1)


@overload
def grad(
    cost: Expr | None,
    wrt: Expr,
    *,
    consider_constant: Exprs = ...,
    known_grads: KnownGrads = ...,
    disconnected: str = ...,
) -> Expr: ...
@overload
def grad(
    cost: Expr | None,
    wrt: Sequence[Expr],
    *,
    consider_constant: Exprs = ...,
    known_grads: KnownGrads = ...,
    disconnected: str = ...,
) -> list[Expr]: ...
def grad(
    cost: Expr | None,
    wrt: Exprs,
    *,
    consider_constant: Exprs = (),
    known_grads: KnownGrads = None,
    disconnected: str = "raise",
) -> Expr | list[Expr]:
    r"""Return the gradient of a scalar, :math:`\partial c / \partial w`, as an expression.

    Cost and gradient are simplified.

    Parameters
    ----------
    cost : Expr or None
        A scalar, or None if ``known_grads`` has all outputs.
    wrt : Expr or sequence of Expr
        The variables: floating-point inputs, shared variables or intermediate expressions.
    consider_constant : Expr or sequence of Expr
        Expressions of the cost through which no gradient flows.
    known_grads : mapping from Expr to Expr or array, optional
        Gradients with respect to some expressions, of their shapes and dtypes. They replace the ones that would be
        computed.
    disconnected : {"raise", "zero"}
        Whether to raise an error or return zeros for variables that the cost does not depend on.

    Returns
    -------
    Expr or list of Expr
        Of the shape and dtype of each variable.

    Raises
    ------
    GradientError
        If the cost is not a floating-point scalar, a variable has another dtype, or an expression to be considered
        constant does not occur in the cost.
    DisconnectedError
        If the cost does not depend on a variable, unless ``disconnected="zero"``.
    ShapeError, DtypeError
        If a known gradient has another type than its expression.

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
    variables, constants = to_list(wrt), to_list(consider_constant)
    known = check_known_grads(known_grads)
    if cost is None and not known:
        raise GradientError(
            "Expected a cost, or known_grads={expression: its gradient} to start from. Received: neither of them"
        )
    check_float([*([] if cost is None else [cost]), *variables], "pel.grad(cost, wrt)")
    if cost is not None and cost.ndim != 0:
        raise GradientError(
            f"Expected a scalar cost. Received: {brief(cost)}, of shape {format_shape(cost.shape)}; "
            "sum it or take its mean first"
        ).with_operands([cost])
    costs = [] if cost is None or (known and cost in find_expressions([cost], list(known))) else [cost]
    stripper = LabelStripper()
    check_connected([*costs, *known], variables, constants, disconnected, stripper)
    warn_about_paired_broadcasts(costs, variables)
    ones = [constant(1.0, c.dtype) for c in costs]
    found = differentiate([*costs, *known], [*ones, *known.values()], variables, constants, known, stripper)
    return match_structure(found, wrt)


@pause_gc()
@attribute_to_caller()
def differentiate(
    outputs: Sequence[Expr],
    cotangents: Sequence[Expr],
    wrt: Sequence[Expr],
    constants: Sequence[Expr] = (),
    fixed: Iterable[Expr] = (),
    stripper: LabelStripper | None = None,
) -> list[Expr]:
    """Simplify, pull gradients back, and simplify again; see `grad` and `pullback`.

    The graph has no labels meanwhile, so that equal expressions are the same, with and without a name. The names are
    restored in the result.
    """
    stripper = stripper or LabelStripper()
    outputs, variables, constants, fixed = (stripper.strip(list(es)) for es in (outputs, wrt, constants, fixed))
    barred, originals = add_barriers(outputs, [*variables, *constants, *fixed])
    starts = [barred.get(output, output) for output in outputs]
    composites = [node for node in topological(starts) if is_composite_result(node)]
    opened = remove_markers([*starts, *composites], needs_decomposition) if composites else starts
    forward = Rewriter(select_rules())
    simple = forward.rewrite([*stripper.strip(opened), *composites])
    ends, rest = simple[: len(starts)], simple[len(starts) :]
    definitions, names = rest[: len(composites)], rest[len(composites) :]
    tagged = {node.settings["tag"]: node for node in topological(ends) if node.op is grad_barrier.op} if barred else {}

    def locate(e: Expr) -> Expr:
        found = barred.get(e, e)
        return tagged.get(found.settings["tag"], found) if found.op is grad_barrier.op else found

    targets = [locate(w) for w in variables]
    gradients = pullback(ends, stripper.strip(cotangents), targets, map(locate, constants), {locate(e) for e in fixed})
    full = [broadcast_to_target(g, target) for g, target in zip(gradients, targets, strict=True)]
    backward = Rewriter(select_rules())
    result = backward.rewrite([*stripper.strip(full), *definitions])
    by_definition = dict(zip(result[len(full) :], names, strict=True))
    restored = restore_composites(result[: len(full)], by_definition, originals)
    return restore_names(restored, backward.map_names(forward.map_names(stripper.names)))


@op(
    folds=False,
    precedence=ATOM,
    tex="{0:^}",
    text="{0:^}",
    grad=lambda g, y, x, tag: g,
    cost=0,
    behind="grad",
    value_range=elements_of(0),
)
def grad_barrier(xp: Any, x: Any, tag: int = 0) -> Any:
    """Identity that keeps the simplifier from rewriting an expression that a gradient is taken with respect to.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    tag : int
        Number that distinguishes equal expressions.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> y = pel.log(x)
    >>> pel.grad(pel.exp(y), y)
    exp(log(x))
    """
    return x


def add_barriers(outputs: Sequence[Expr], wanted: Sequence[Expr]) -> tuple[dict[Expr, Expr], dict[int, Expr]]:
    """Put a `grad_barrier` on intermediate expressions.

    Returns each expression of the graph with barriers, and the expression of each tag; empty without intermediate
    expressions.
    """
    tags = {w: next(_tags) for w in dict.fromkeys(wanted) if w.op is not None}
    barred: dict[Expr, Expr] = {}
    for node in topological([*outputs, *wanted]) if tags else ():
        rebuilt = rebuild(node, [barred[i] for i in node.inputs])
        barred[node] = grad_barrier(rebuilt, tag=tags[node]) if node in tags else rebuilt
    return barred, {tag: w for w, tag in tags.items()}


def needs_decomposition(op: Op) -> bool:
    """Tell whether an op is a composite op that is differentiated through its definition."""
    return op.composite and op.release is not None and op.grad is None


def is_composite_result(node: Expr) -> bool:
    source = node.inputs[0] if node.op is OUTPUT else node
    return source.op is not None and needs_decomposition(source.op) and len(node.types) == 1


def restore_composites(
    outputs: Sequence[Expr], composites: Mapping[Expr, Expr], originals: Mapping[int, Expr]
) -> list[Expr]:
    """Replace barriers by the expressions behind them, and definitions of composite ops by the ops.

    Expressions are interned, so a definition that is left in the outputs is found by identity.
    """
    if not composites and not originals:
        return list(outputs)
    order = topological([*outputs, *composites.values()])
    behind = {node: originals[node.settings["tag"]] for node in order if node.op is grad_barrier.op}
    restored = zip(composites, replace_all(list(composites.values()), behind), strict=True)
    kept = {
        definition: e for definition, e in restored if definition.op is not None and definition not in set(e.inputs)
    }
    return replace_all(outputs, {**kept, **behind})


def to_list(values: Any) -> list[Any]:
    return list(values) if isinstance(values, (list, tuple)) else [values]


def match_structure(found: list[Expr], like: Any) -> Expr | list[Expr]:
    """Return one result if the argument was one expression, and a list otherwise."""
    return found[0] if isinstance(like, Expr) else found


def check_float(expressions: Sequence[Any], usage: str) -> None:
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
    stripper: LabelStripper | None = None,
) -> None:
    """Raise an error for variables that the cost does not depend on, unless zeros are wanted."""
    if disconnected not in ("raise", "zero"):
        raise OptionError(f"Expected disconnected to be 'raise' or 'zero'. Received: disconnected={disconnected!r}")
    if not starts:
        raise GradientError("Expected at least one expression to differentiate. Received: none")
    stripper = stripper or LabelStripper()
    outputs, variables = stripper.strip(list(starts)), stripper.strip(list(wrt))
    inside = set(topological(outputs))
    for e in constants:
        if not isinstance(e, Expr) or stripper.strip([e])[0] not in inside:
            raise GradientError(f"consider_constant: expected expressions inside the cost. Received: {e}")
    reached = set(topological(outputs, stop=stripper.strip(list(constants)))) if constants else inside
    if disconnected == "raise":
        for w, variable in zip(wrt, variables, strict=True):
            if variable not in reached:
                raise DisconnectedError(
                    f"The cost {brief(starts[0])} does not depend on {brief(w)}. To get zeros, pass disconnected='zero'"
                ).with_operands([*starts, w])
        check_float_path(outputs, variables, reached)


def check_float_path(starts: Sequence[Expr], wrt: Sequence[Expr], reached: set[Expr]) -> None:
    """Raise an error for variables that the cost depends on only through integers and booleans."""
    steps = {e for e in reached if not any(is_float(t.dtype) for t in e.types)}
    if not steps:
        return
    floats = set(topological(starts, stop=steps))
    for w in wrt:
        if w not in floats:
            through = next(e for e in topological(starts) if e in steps and w in set(topological([e])))
            raise DisconnectedError(
                f"The cost {brief(starts[0])} depends on {brief(w)} only through {brief(through)}, which is "
                f"{through.dtype} and has no slope. Train with a smooth cost, such as a cross-entropy. To get zeros, "
                "pass disconnected='zero'"
            ).with_operands([*starts, through])


def check_known_grads(known: Any) -> dict[Expr, Expr]:
    if known is None:
        return {}
    if not isinstance(known, Mapping):
        raise GradientError(f"known_grads: expected a mapping {{expression: its gradient}}. Received: {known!r}")
    check_float(list(known), "known_grads={expression: its gradient}")
    return {e: check_cotangent(e, g, "known_grads: the gradient of") for e, g in known.items()}


def check_cotangent(e: Expr, value: Any, what: str) -> Expr:
    """Return a gradient or tangent of an expression, which must have its type, as an expression."""
    cotangent = as_expr(value, None if has_dtype(value) else e.dtype)
    if not is_compatible_shape(cotangent.shape, e.shape):
        raise ShapeError(
            f"{what} {brief(e)} must have its shape, {format_shape(e.shape)}. "
            f"Received: {brief(cotangent)}, of shape {format_shape(cotangent.shape)}"
        )
    if cotangent.dtype != e.dtype:
        raise DtypeError(
            f"{what} {brief(e)} must have its dtype, {e.dtype}. Received: {brief(cotangent)}, which is "
            f"{cotangent.dtype}; cast it: pel.cast({brief(cotangent)}, '{e.dtype}')"
        )
    return cotangent


def broadcast_to_target(g: Expr | None, target: Expr) -> Expr:
    """Return a gradient in the full shape of its variable, zero for None."""
    if g is None:
        g = constant(0.0, target.dtype)
    return g if covers(g.shape, target.shape) else call_op("broadcast_like", g, target)
