r"""A choice between two graphs of which only one is computed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import DtypeError, ShapeError, UseError, brief
from pellucid.graph.evaluate import run_body
from pellucid.graph.expr import Expr, Input, agree, as_expr, noting
from pellucid.graph.inference import inference
from pellucid.graph.op import op, public
from pellucid.graph.op_def import Fewer, result
from pellucid.graph.operators import call
from pellucid.graph.ops.closure_conversion import as_list, beside, body_of, border
from pellucid.graph.ops.scan_gradient import in_full
from pellucid.graph.ops.scan_primitive import one_or_all
from pellucid.graph.printing import Piece
from pellucid.graph.reverse_mode import pullback
from pellucid.graph.subgraph import Body
from pellucid.graph.traversal import replace_all, topological
from pellucid.graph.types import Type, is_float, unify


def _types(*operands: Expr, then: Body, otherwise: Body) -> list[Type]:
    return [
        Type(tuple(unify(m, n) or m for m, n in zip(a.shape, b.shape, strict=True)), a.dtype)
        for a, b in zip(then.outputs, otherwise.outputs, strict=True)
    ]


def _cond_xla(xp: Any, predicate: Any, *operands: Any, then: Body, otherwise: Body) -> Any:
    from jax import lax

    def branch(body: Body) -> Callable[..., Any]:
        return lambda *values: tuple(map(xp.asarray, run_body(xp, body, values)))

    given = tuple(map(xp.asarray, (predicate, *operands)))
    return one_or_all(lax.cond(given[0], branch(then), branch(otherwise), *given))


@functools.lru_cache(maxsize=256)
def _backward(
    then: Body, otherwise: Body, arriving: tuple[tuple[int, Type], ...]
) -> tuple[Body, Body, tuple[int, ...]]:
    """Make the branches of a choice's gradient, and say of which operands they are the gradients."""
    given = [Input(f"g{i}", type.shape, type.dtype) for i, type in arriving]
    found = []
    for body in (then, otherwise):
        wanted = [e for e in body.inputs if is_float(e.dtype)]
        d = pullback([body.outputs[i] for i, _ in arriving], given, wanted)
        found.append(dict(zip(wanted, d, strict=True)))
    inputs = zip(then.inputs, otherwise.inputs, strict=True)
    reached = [i for i, (a, b) in enumerate(inputs) if found[0].get(a) is not None or found[1].get(b) is not None]

    def gradients(body: Body, of: Mapping[Expr, Expr | None]) -> Body:
        outputs = []
        for e in (body.inputs[i] for i in reached):
            d = of.get(e)
            outputs.append(call("zeros_like", e) if d is None else in_full(d, e))
        return Body((*body.inputs, *given), tuple(outputs))

    return gradients(then, found[0]), gradients(otherwise, found[1]), tuple(reached)


def _cond_grad(g: Any, node: Expr, *operands: Expr, then: Body, otherwise: Body) -> list[Any]:
    """Choose between the gradients of the branches, of which again one is computed."""
    arrived = g if len(node.types) > 1 else [g]
    given = {i: d for i, d in enumerate(arrived) if d is not None and is_float(node.types[i].dtype)}
    # What arrives may be small; a branch writes it out, where it knows for what.
    forward, backward, reached = _backward(then, otherwise, tuple((i, d.type) for i, d in given.items()))
    if not reached:
        return [None] * len(operands)
    made = branch.op.make((*operands, *given.values()), {"then": forward, "otherwise": backward})
    places = {i: place for place, i in enumerate(reached)}
    return [result(made, places[i]) if i in places else None for i in range(len(operands))]


def _tightened(operands: Sequence[Expr], then: Body, otherwise: Body) -> Expr:
    """Let go of what neither branch uses any longer."""
    used = {*topological(then.outputs), *topological(otherwise.outputs)}
    places = [
        i
        for i, (a, b) in enumerate(zip(then.inputs, otherwise.inputs, strict=True))
        if i == 0 or a in used or b in used
    ]
    settings = {
        name: Body(tuple(body.inputs[i] for i in places), body.outputs)
        for name, body in (("then", then), ("otherwise", otherwise))
    }
    return branch.op.make(tuple(operands[i] for i in places), settings)


def _narrow(node: Expr, used: Collection[int]) -> Fewer:
    order = sorted(used)
    then, otherwise = (
        Body(body.inputs, tuple(body.outputs[i] for i in order))
        for body in (node.settings["then"], node.settings["otherwise"])
    )
    return _tightened(node.inputs, then, otherwise), {p: order.index(p) for p in used}


def _cond_inference(*operands: Expr, then: Body, otherwise: Body) -> Expr:
    bodies = [Body(body.inputs, tuple(inference(body.outputs))) for body in (then, otherwise)]
    return _tightened(operands, *bodies)


def _opened(operands: tuple[Any, ...], body: Body | None, brackets: tuple[str, str] = ("[", "]")) -> list[Piece]:
    """Write what a branch returns, in terms of what it uses from outside."""
    if body is None or not all(isinstance(o, Expr) for o in operands):
        return ["…"]
    outputs = replace_all(body.outputs, dict(zip(body.inputs, operands, strict=True)))
    pieces: list[Piece] = [p for e in outputs for p in (", ", (e, 0))][1:]
    return pieces if len(outputs) == 1 else [brackets[0], *pieces, brackets[1]]


def _text(operands: tuple[Any, ...], settings: Mapping[str, Any]) -> list[Piece]:
    then, otherwise = (_opened(operands, settings.get(key)) for key in ("then", "otherwise"))
    return ["cond(", (operands[0], 0), ", ", *then, ", ", *otherwise, ")"]


def _tex(operands: tuple[Any, ...], settings: Mapping[str, Any]) -> list[Piece]:
    brackets = (r"\left[ ", r" \right]")
    then, otherwise = (_opened(operands, settings.get(key), brackets) for key in ("then", "otherwise"))
    condition: list[Piece] = [r" & \text{if } ", (operands[0], 0)]
    return [r"\begin{cases} ", *then, *condition, r" \\ ", *otherwise, r" & \text{otherwise} \end{cases}"]


def _example(rng: np.random.Generator) -> list[Any]:
    def bodies() -> dict[str, Any]:
        places = [(Input("p", (), "bool"), Input("x", (3,), "float64"), Input("y", (3,), "float64")) for _ in range(2)]
        then, otherwise = (p[1:] for p in places)
        return {
            "then": Body(places[0], (call("tanh", then[0] * then[1]), then[1] * then[1])),
            "otherwise": Body(places[1], (otherwise[0] - otherwise[1], otherwise[1])),
        }

    return [((np.array(value), rng.normal(size=3), rng.normal(size=3)), bodies()) for value in (True, False)]


@op(
    name="branch",
    infer=_types,
    xla=_cond_xla,
    grad=_cond_grad,
    inference=_cond_inference,
    narrow=_narrow,
    examples=_example,
    cost=0,
    tex=_tex,
    text=_text,
    behind="cond",
)
def branch(xp: Any, predicate: Any, *operands: Any, then: Any = None, otherwise: Any = None) -> Any:
    r"""The op behind `cond`: a condition, and what either branch uses from outside.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.scalar("x")
    >>> pel.cond(x > 0, lambda: pel.sqrt(x), lambda: -x)
    cond(x > 0, sqrt(x), -x)
    """
    body = then if predicate else otherwise
    return one_or_all(tuple(np.asarray(v) for v in run_body(np, body, (predicate, *operands))))


@public
def cond(predicate: Any, then: Callable[..., Any], otherwise: Callable[..., Any], *operands: Any) -> Any:
    r"""Compute one of two graphs, :math:`f(x)` if a condition holds and :math:`g(x)` otherwise.

    Only the branch that is taken is computed, and only its gradient: what a branch writes itself belongs to it, what
    was written before is computed in any case. To choose for each element there is `where`, and for each row, `map`.

    Parameters
    ----------
    predicate : Expr of bool, shape ()
        Which branch.
    then, otherwise : function
        ``then(*operands)`` returns one expression, or a list or tuple of them; both branches return as many, of the
        same shapes and dtypes. They may use any expression from outside.
    *operands : Expr
        What both functions get.

    Returns
    -------
    Expr or list of Expr
        As the branches return it.

    Raises
    ------
    ShapeError, DtypeError
        If the condition is no single boolean, or the branches return other things.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.scalar("x")
    >>> y = pel.cond(x > 0, lambda: pel.log(x), lambda: x - 1)
    >>> f = pel.function([x], [y, pel.grad(y, x)])
    >>> [float(v) for v in f(2.0)], [float(v) for v in f(-1.0)]
    ([0.693, 0.5], [-2.0, 1.0])
    """
    condition, given = as_expr(predicate), [as_expr(o) for o in operands]
    check_condition("cond", condition)
    for name, way in (("then", then), ("otherwise", otherwise)):
        if not callable(way):
            raise UseError(f"cond: expected {name} to be a function, as in lambda: x. Received: {way!r}")
    with noting() as inside_then:
        first = then(*given)
    with noting() as inside_otherwise:
        second = otherwise(*given)
    several = isinstance(first, (list, tuple))
    check_count(as_list(first), as_list(second), several == isinstance(second, (list, tuple)))
    pairs = list(zip(as_list(first), as_list(second), strict=True))
    yes, no = [beside(a, [b]) for a, b in pairs], [beside(b, [a]) for a, b in pairs]
    check_types(yes, no)
    outside = [*border(inside_then, yes), *border(inside_otherwise, no)]
    outer = [e for e in dict.fromkeys(outside) if e is not condition]
    bodies = {"then": body_of((), [condition, *outer], yes), "otherwise": body_of((), [condition, *outer], no)}
    made = branch.op.make((condition, *outer), bodies)
    results = [result(made, i) for i in range(len(yes))]
    return results if several else results[0]


def check_condition(name: str, condition: Expr) -> None:
    """Refuse a condition that does not say yes or no once."""
    if condition.ndim:
        raise ShapeError(
            f"{name}: expected a condition that is one boolean. Received: {condition}, of type {condition.type}. "
            "Reduce it with .any() or .all(), or choose for each element with pel.where"
        )
    if condition.dtype != np.dtype(bool):
        raise DtypeError(
            f"{name}: expected a boolean condition. Received: {condition}, which is {condition.dtype}; compare it, "
            "as in x > 0"
        )


def check_count(then: Sequence[Any], otherwise: Sequence[Any], alike: bool) -> None:
    """Refuse branches that do not return as many results."""
    if not alike or len(then) != len(otherwise):
        raise ShapeError(
            f"cond: both branches must return as many results. Received: {len(then)} from then and {len(otherwise)} "
            "from otherwise, each as one expression or as a list"
        )


def check_types(then: Sequence[Expr], otherwise: Sequence[Expr]) -> None:
    """Refuse branches whose results are of different types."""
    for i, (a, b) in enumerate(zip(then, otherwise, strict=True)):
        if a.dtype != b.dtype or not agree(a.shape, b.shape):
            raise (ShapeError if a.dtype == b.dtype else DtypeError)(
                f"cond: result {i} is {a.type} in then, {brief(a)}, and {b.type} in otherwise, {brief(b)}; both must "
                "be the same. Cast or reshape one of them"
            ).about([a, b])
