r"""Loops that run while a computed condition is true."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, ArrayValue, NamespaceArray
from pellucid.graph.errors import GradientError, ShapeError
from pellucid.graph.evaluate import evaluate_subgraph
from pellucid.graph.expr import Expr, Input, Operand, OpSettings, as_expr, constant
from pellucid.graph.op import Example, PrintedOperand, TemplatePiece, get_result
from pellucid.graph.op_decorator import op, register_function
from pellucid.graph.ops.closure_conversion import (
    Step,
    as_list,
    collect_captures,
    collect_dependents,
    make_body,
    make_placeholder,
    push_loop_counter,
    to_operand,
    trace_function,
)
from pellucid.graph.ops.cond import check_condition, cond
from pellucid.graph.ops.formatters import separate_operands
from pellucid.graph.ops.scan import build_loop, check_states
from pellucid.graph.ops.scan_primitive import unwrap_single
from pellucid.graph.passes import inference
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.traversal import replace_all, topological
from pellucid.graph.types import Type
from pellucid.graph.validation import check_integer


def _while_xla(
    xp: ArrayNamespace, *operands: NamespaceArray, condition: Subgraph, step: Subgraph, states: int
) -> ArrayValue | tuple[ArrayValue, ...]:
    from jax import lax

    invariants = operands[states:]

    def is_running(state: tuple[ArrayValue, ...]) -> Any:
        return evaluate_subgraph(xp, condition, (*state, *invariants))[0]

    def advance(state: tuple[ArrayValue, ...]) -> tuple[ArrayValue, ...]:
        return tuple(map(xp.asarray, evaluate_subgraph(xp, step, (*state, *invariants))))

    return unwrap_single(lax.while_loop(is_running, advance, tuple(map(xp.asarray, operands[:states]))))


def _while_grad(g: Expr, node: Expr, *operands: Expr, **settings: Any) -> Expr:
    raise GradientError(
        f"{node} has no gradient, because the number of steps of a while_loop is unknown before it runs and the "
        "gradient needs the states of all steps. Write pel.while_loop(..., maximum=n), which stores up to n states, or "
        "pel.scan(..., length=n) for a known number of steps"
    )


def _while_inference(*operands: Expr, condition: Subgraph, step: Subgraph, states: int) -> Expr:
    outputs = {"condition": inference(condition.outputs), "step": inference(step.outputs)}
    used = set(topological([*outputs["condition"], *outputs["step"]]))
    positions = [i for i, e in enumerate(step.inputs) if i < states or e in used]
    inputs = tuple(step.inputs[i] for i in positions)
    bodies = {name: Subgraph(inputs, tuple(exprs)) for name, exprs in outputs.items()}
    return while_steps.op.make(tuple(operands[i] for i in positions), {**bodies, "states": states})


def _list_pieces(items: Sequence[Any]) -> list[TemplatePiece]:
    pieces = separate_operands(items)
    return pieces if len(items) == 1 else ["[", *pieces, "]"]


def _body_pieces(operands: tuple[Any, ...], settings: OpSettings, key: str) -> list[TemplatePiece]:
    """Print the condition or the step in terms of the states and the outside expressions."""
    body, states = settings.get(key), settings.get("states", 0)
    if body is None or not all(isinstance(o, Expr) for o in operands):
        return ["…"]
    return _list_pieces(replace_all(body.outputs, dict(zip(body.inputs[states:], operands[states:], strict=True))))


def _argument_pieces(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    condition, step = (_body_pieces(operands, settings, key) for key in ("condition", "step"))
    inits = _list_pieces(operands[: settings.get("states", len(operands))])
    return [*condition, ", ", *step, ", ", *inits, ")"]


def _draw_examples(rng: np.random.Generator) -> list[Example]:
    i, n = Input("i", (), "int32"), Input("n", (), "int32")
    bodies = {"condition": Subgraph((i, n), (i < 100,)), "step": Subgraph((i, n), (2 * i + n,))}
    return [((np.array(3, np.int32), np.array(1, np.int32)), {**bodies, "states": 1})]


@op(
    infer=lambda *operands, condition, step, states: [Type(o.shape, o.dtype) for o in operands[:states]],
    xla=_while_xla,
    grad=_while_grad,
    inference=_while_inference,
    examples=_draw_examples,
    cost=0,
    tex=lambda operands, settings: [r"\operatorname{while}(", *_argument_pieces(operands, settings)],
    text=lambda operands, settings: ["while_loop(", *_argument_pieces(operands, settings)],
    behind="while_loop",
)
def while_steps(
    xp: ArrayNamespace, *operands: NamespaceArray, condition: Any = None, step: Any = None, states: int = 0
) -> Any:
    r"""Op behind `while_loop`. Its operands are the initial states and the loop-invariant values.

    Parameters
    ----------
    *operands : Expr or array
        Initial states and captured values.
    condition : Subgraph
        Whether to go on.
    step : Subgraph
        One step.
    states : int
        Number of states.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.while_loop(lambda h: h < 100, lambda h: 2 * h, x)
    while_loop(x < 100, 2 * x, x)
    """
    state, invariants = [np.asarray(s) for s in operands[:states]], operands[states:]
    while evaluate_subgraph(np, condition, (*state, *invariants))[0]:
        state = evaluate_subgraph(np, step, (*state, *invariants))
    return unwrap_single(tuple(np.asarray(s) for s in state))


@register_function
def while_loop(condition: Step, step: Step, init: Operand | Sequence[Operand], *, maximum: int | None = None) -> Any:
    r"""Run a step while a condition is true, :math:`h_t = f(h_{t-1})` while :math:`c(h_{t-1})`.

    Parameters
    ----------
    condition : function
        ``condition(*h)`` returns one boolean.
    step : function
        ``step(*h)`` returns the new states, as one expression, a list or a tuple. Both functions may use any expression
        from outside, which is computed once, before the loop. Random draws differ at every step.
    init : Expr, number or sequence of these
        Initial states. A state keeps its shape and dtype.
    maximum : int, optional
        Maximum number of steps. With it the loop has a gradient, which needs memory for the states of this many
        steps. Steps after the condition has become false compute nothing.

    Returns
    -------
    Expr or list of Expr
        First states for which the condition is false, or the states after ``maximum`` steps.

    Raises
    ------
    ShapeError, DtypeError
        If the condition is not one boolean, or the step changes the shape or dtype of a state.
    GradientError
        If a gradient is requested without ``maximum``.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> f = pel.function([x], pel.while_loop(lambda h: h < 100, lambda h: 2 * h, x))
    >>> float(f(3.0))
    192.0
    """
    if maximum is not None:
        return _build_bounded_loop(condition, step, init, maximum)
    inits = [to_operand(h, as_list(init)) for h in as_list(init)]
    states = [make_placeholder(h.name or f"h{i}" * (len(inits) > 1) or "h", h) for i, h in enumerate(inits)]
    counter = Input("t", (), "uint32")
    with push_loop_counter(counter):
        predicate = _trace_condition(condition, *states)
        results, returns_list = _trace_step(step, states, inits)
    if counter in set(topological([predicate, *results])):
        inits.append(constant(np.uint32(0)))
        states.append(counter)
        results.append(counter + constant(np.uint32(1)))
    outputs = [predicate, *results]
    captures = collect_captures(collect_dependents(states, outputs), outputs)
    body = make_body(states, captures, outputs)
    node = while_steps.op.make(
        (*inits, *captures),
        {
            "condition": Subgraph(body.inputs, body.outputs[:1]),
            "step": Subgraph(body.inputs, body.outputs[1:]),
            "states": len(inits),
        },
    )
    last = [get_result(node, i) for i in range(len(as_list(init)))]
    return last if returns_list else last[0]


def _build_bounded_loop(condition: Step, step: Step, init: Operand | Sequence[Operand], maximum: int) -> Any:
    """Build a scan of ``maximum`` steps whose states stop changing once the condition is false."""
    returned_list: list[bool] = []

    def guarded_step(running: Expr, *state: Expr) -> list[Expr]:
        running = running & _trace_condition(condition, *state)

        def advance() -> list[Expr]:
            results, returns_list = _trace_step(step, state, state)
            returned_list.append(returns_list)
            return results

        return [running, *cond(running, advance, lambda: list(state))]

    inits = [constant(np.array(True)), *[to_operand(h, as_list(init)) for h in as_list(init)]]
    length = check_integer("maximum", maximum, 0, owner="while_loop")
    loop = build_loop("while_loop", guarded_step, (), inits, length=length)
    return loop.last[1:] if returned_list[0] else loop.last[1]


def _trace_condition(condition: Step, *states: Expr) -> Expr:
    predicate = as_expr(condition(*states))
    check_condition("while_loop", predicate)
    return predicate


def _trace_step(step: Step, states: Sequence[Expr], inits: Sequence[Expr]) -> tuple[list[Expr], bool]:
    results, returns_list = trace_function(step, *states)
    check_states("while_loop", inits, results)
    if len(results) > len(states):
        raise ShapeError(
            f"while_loop: expected the step to return its {len(states)} states only. Received: {len(results)} results. "
            "Use pel.scan to stack a result of every step"
        )
    return results, returns_list
