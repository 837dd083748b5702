r"""Conditional execution of one of two branches."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, ArrayValue, NamespaceArray
from pellucid.graph.errors import DtypeError, ShapeError, UseError, brief
from pellucid.graph.evaluate import evaluate_subgraph
from pellucid.graph.expr import Expr, Input, Operand, OpSettings, as_expr, is_compatible_shape, record_new_nodes
from pellucid.graph.op import Example, PrintedOperand, PrunedOp, TemplatePiece, get_result
from pellucid.graph.op_decorator import op, register_function
from pellucid.graph.operators import call_op
from pellucid.graph.ops.closure_conversion import Step, as_list, collect_captures, make_body, to_operand
from pellucid.graph.ops.formatters import separate_operands
from pellucid.graph.ops.scan_gradient import instantiate_gradient
from pellucid.graph.ops.scan_primitive import unwrap_single
from pellucid.graph.passes import inference
from pellucid.graph.reverse_mode import pullback
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.traversal import replace_all, topological
from pellucid.graph.types import Type, is_float, unify_shapes

if TYPE_CHECKING:
    from pellucid.typing import Array


def _infer_types(*operands: Expr, then: Subgraph, otherwise: Subgraph) -> list[Type]:
    return [
        Type(unify_shapes(a.shape, b.shape) or a.shape, a.dtype)
        for a, b in zip(then.infer_output_types(operands), otherwise.infer_output_types(operands), strict=True)
    ]


def _cond_xla(
    xp: ArrayNamespace, predicate: NamespaceArray, *operands: NamespaceArray, then: Subgraph, otherwise: Subgraph
) -> ArrayValue | tuple[ArrayValue, ...]:
    from jax import lax

    def to_function(body: Subgraph) -> Callable[..., Any]:
        return lambda *values: tuple(map(xp.asarray, evaluate_subgraph(xp, body, values)))

    arrays = tuple(map(xp.asarray, (predicate, *operands)))
    return unwrap_single(lax.cond(arrays[0], to_function(then), to_function(otherwise), *arrays))


@functools.lru_cache(maxsize=256)
def _differentiate_branches(
    then: Subgraph, otherwise: Subgraph, cotangent_types: tuple[tuple[int, Type], ...]
) -> tuple[Subgraph, Subgraph, tuple[int, ...]]:
    """Return the gradient of each branch and the positions of the operands that have a gradient."""
    cotangents = [Input(f"g{i}", type.shape, type.dtype) for i, type in cotangent_types]
    gradients = []
    for body in (then, otherwise):
        wrt = [e for e in body.inputs if is_float(e.dtype)]
        d = pullback([body.outputs[i] for i, _ in cotangent_types], cotangents, wrt)
        gradients.append(dict(zip(wrt, d, strict=True)))
    inputs = zip(then.inputs, otherwise.inputs, strict=True)
    reached = [
        i for i, (a, b) in enumerate(inputs) if gradients[0].get(a) is not None or gradients[1].get(b) is not None
    ]

    def to_body(body: Subgraph, gradient: Mapping[Expr, Expr | None]) -> Subgraph:
        outputs = tuple(instantiate_gradient(gradient.get(body.inputs[i]), body.inputs[i]) for i in reached)
        return Subgraph((*body.inputs, *cotangents), outputs)

    return to_body(then, gradients[0]), to_body(otherwise, gradients[1]), tuple(reached)


def _cond_grad(g: Any, node: Expr, *operands: Expr, then: Subgraph, otherwise: Subgraph) -> list[Expr | None]:
    """Return another `branch` op, so that only the gradient of the executed branch is computed."""
    results = g if len(node.types) > 1 else [g]
    given = {i: d for i, d in enumerate(results) if d is not None and is_float(node.types[i].dtype)}
    # A cotangent may be smaller than its output; the gradient branch broadcasts it.
    forward, backward, reached = _differentiate_branches(then, otherwise, tuple((i, d.type) for i, d in given.items()))
    if not reached:
        return [None] * len(operands)
    gradient = branch.op.make((*operands, *given.values()), {"then": forward, "otherwise": backward})
    positions = {i: position for position, i in enumerate(reached)}
    return [get_result(gradient, positions[i]) if i in positions else None for i in range(len(operands))]


def _drop_unused_operands(operands: Sequence[Expr], then: Subgraph, otherwise: Subgraph) -> Expr:
    used = {*topological(then.outputs), *topological(otherwise.outputs)}
    positions = [
        i
        for i, (a, b) in enumerate(zip(then.inputs, otherwise.inputs, strict=True))
        if i == 0 or a in used or b in used
    ]
    settings = {
        name: Subgraph(tuple(body.inputs[i] for i in positions), body.outputs)
        for name, body in (("then", then), ("otherwise", otherwise))
    }
    return branch.op.make(tuple(operands[i] for i in positions), settings)


def _prune_outputs(node: Expr, used: Collection[int]) -> PrunedOp:
    order = sorted(used)
    then, otherwise = (
        Subgraph(body.inputs, tuple(body.outputs[i] for i in order))
        for body in (node.settings["then"], node.settings["otherwise"])
    )
    return _drop_unused_operands(node.inputs, then, otherwise), {p: order.index(p) for p in used}


def _cond_inference(*operands: Expr, then: Subgraph, otherwise: Subgraph) -> Expr:
    bodies = [Subgraph(body.inputs, tuple(inference(body.outputs))) for body in (then, otherwise)]
    return _drop_unused_operands(operands, *bodies)


def _branch_pieces(
    operands: tuple[Any, ...], body: Subgraph | None, brackets: tuple[str, str] = ("[", "]")
) -> list[TemplatePiece]:
    if body is None or not all(isinstance(o, Expr) for o in operands):
        return ["…"]
    outputs = replace_all(body.outputs, dict(zip(body.inputs, operands, strict=True)))
    pieces = separate_operands(outputs)
    return pieces if len(outputs) == 1 else [brackets[0], *pieces, brackets[1]]


def _text(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    then, otherwise = (_branch_pieces(operands, settings.get(key)) for key in ("then", "otherwise"))
    return ["cond(", (operands[0], 0), ", ", *then, ", ", *otherwise, ")"]


def _tex(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    brackets = (r"\left[ ", r" \right]")
    then, otherwise = (_branch_pieces(operands, settings.get(key), brackets) for key in ("then", "otherwise"))
    condition: list[TemplatePiece] = [r" & \text{if } ", (operands[0], 0)]
    return [r"\begin{cases} ", *then, *condition, r" \\ ", *otherwise, r" & \text{otherwise} \end{cases}"]


def _example(rng: np.random.Generator) -> list[Example]:
    def bodies() -> OpSettings:
        inputs = [(Input("p", (), "bool"), Input("x", (3,), "float64"), Input("y", (3,), "float64")) for _ in range(2)]
        then, otherwise = (i[1:] for i in inputs)
        return {
            "then": Subgraph(inputs[0], (call_op("tanh", then[0] * then[1]), then[1] * then[1])),
            "otherwise": Subgraph(inputs[1], (otherwise[0] - otherwise[1], otherwise[1])),
        }

    return [((np.array(value), rng.normal(size=3), rng.normal(size=3)), bodies()) for value in (True, False)]


@op(
    infer=_infer_types,
    xla=_cond_xla,
    grad=_cond_grad,
    inference=_cond_inference,
    narrow=_prune_outputs,
    examples=_example,
    cost=0,
    tex=_tex,
    text=_text,
    behind="cond",
)
def branch(
    xp: ArrayNamespace,
    predicate: Array,
    *operands: NamespaceArray,
    then: Any = None,
    otherwise: Any = None,
) -> Any:
    r"""The op behind `cond`. Its operands are the condition and the values that the branches capture.

    Parameters
    ----------
    predicate : Expr or array
        Boolean scalar.
    *operands : Expr or array
        Values that the branches capture.
    then, otherwise : Subgraph
        The branches.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.cond(x > 0, lambda: pel.sqrt(x), lambda: -x)
    cond(x > 0, sqrt(x), -x)
    """
    body = then if predicate else otherwise
    return unwrap_single(tuple(np.asarray(v) for v in evaluate_subgraph(np, body, (predicate, *operands))))


@register_function
def cond(predicate: Operand, then: Step, otherwise: Step, *operands: Operand) -> Any:
    r"""Execute one of two branches, :math:`f(x)` if a condition is true and :math:`g(x)` otherwise.

    Only the selected branch and its gradient are computed. Expressions created inside a branch function belong to
    the branch; expressions created before are always computed. For an elementwise choice use `where`; for a choice
    per row use `map`.

    Parameters
    ----------
    predicate : Expr of bool, shape ()
        Condition.
    then, otherwise : function
        ``then(*operands)`` returns one expression, or a list or tuple of them. Both branches return the same number
        of results, with the same shapes and dtypes. They may use any expression from outside.
    *operands : Expr
        Arguments of both functions.

    Returns
    -------
    Expr or list of Expr
        The results of the selected branch.

    Raises
    ------
    ShapeError, DtypeError
        If the condition is not a single boolean, or the results of the branches differ in number, shape or dtype.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> y = pel.cond(x > 0, lambda: pel.log(x), lambda: x - 1)
    >>> f = pel.function([x], [y, pel.grad(y, x)])
    >>> [float(v) for v in f(2.0)], [float(v) for v in f(-1.0)]
    ([0.693, 0.5], [-2.0, 1.0])
    """
    condition, arguments = as_expr(predicate), [as_expr(o) for o in operands]
    check_condition("cond", condition)
    for name, function in (("then", then), ("otherwise", otherwise)):
        if not callable(function):
            raise UseError(f"cond: expected {name} to be a function, as in lambda: x. Received: {function!r}")
    with record_new_nodes() as inside_then:
        first = then(*arguments)
    with record_new_nodes() as inside_otherwise:
        second = otherwise(*arguments)
    several = isinstance(first, (list, tuple))
    _check_result_count(as_list(first), as_list(second), several == isinstance(second, (list, tuple)))
    pairs = list(zip(as_list(first), as_list(second), strict=True))
    yes, no = [to_operand(a, [b]) for a, b in pairs], [to_operand(b, [a]) for a, b in pairs]
    _check_branch_types(yes, no)
    captures = [*collect_captures(inside_then, yes), *collect_captures(inside_otherwise, no)]
    inputs = [condition, *[e for e in dict.fromkeys(captures) if e is not condition]]
    node = branch.op.make(tuple(inputs), {"then": make_body((), inputs, yes), "otherwise": make_body((), inputs, no)})
    results = [get_result(node, i) for i in range(len(yes))]
    return results if several else results[0]


def check_condition(name: str, condition: Expr) -> None:
    if condition.ndim:
        raise ShapeError(
            f"{name}: expected a single boolean as the condition. Received: {condition}, of type {condition.type}. "
            "Reduce it with .any() or .all(), or choose elementwise with pel.where"
        )
    if condition.dtype != np.dtype(bool):
        raise DtypeError(
            f"{name}: expected a boolean condition. Received: {condition}, which is {condition.dtype}. Compare it, "
            "as in x > 0"
        )


def _check_result_count(then: Sequence[Expr], otherwise: Sequence[Expr], same_kind: bool) -> None:
    if not same_kind or len(then) != len(otherwise):
        raise ShapeError(
            "cond: both branches must return the same number of results, both as one expression or both as a list. "
            f"Received: {len(then)} from then and {len(otherwise)} from otherwise"
        )


def _check_branch_types(then: Sequence[Expr], otherwise: Sequence[Expr]) -> None:
    for i, (a, b) in enumerate(zip(then, otherwise, strict=True)):
        if a.dtype != b.dtype or not is_compatible_shape(a.shape, b.shape):
            error, fix = (ShapeError, "Make their shapes equal") if a.dtype == b.dtype else (DtypeError, "Cast one")
            raise error(
                f"cond: result {i} is {a.type} in then, {brief(a)}, and {b.type} in otherwise, {brief(b)}. "
                f"Both must have the same type. {fix}"
            ).with_operands([a, b])
