r"""Loops that run until a condition fails, which only what they compute can tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pellucid.graph.errors import GradientError, ShapeError
from pellucid.graph.evaluate import run_body
from pellucid.graph.expr import Expr, Input, as_expr, constant
from pellucid.graph.inference import inference
from pellucid.graph.op import op, public
from pellucid.graph.op_def import result
from pellucid.graph.ops.closure_conversion import as_list, beside, body_of, border, made_from, placeholder, written
from pellucid.graph.ops.cond import check_condition, cond
from pellucid.graph.ops.loop_counters import stepping
from pellucid.graph.ops.scan import check_states, write_loop
from pellucid.graph.ops.scan_primitive import one_or_all
from pellucid.graph.printing import Piece
from pellucid.graph.subgraph import Body
from pellucid.graph.traversal import replace_all, topological
from pellucid.graph.types import Type


def _while_xla(xp: Any, *operands: Any, condition: Body, step: Body, states: int) -> Any:
    from jax import lax

    fixed = operands[states:]

    def holds(state: Any) -> Any:
        return run_body(xp, condition, (*state, *fixed))[0]

    def after(state: Any) -> Any:
        return tuple(map(xp.asarray, run_body(xp, step, (*state, *fixed))))

    return one_or_all(lax.while_loop(holds, after, tuple(map(xp.asarray, operands[:states]))))


def _while_grad(g: Any, node: Expr, *operands: Expr, **settings: Any) -> list[Any]:
    raise GradientError(
        f"{node} has no gradient: how many steps a while_loop runs is known only when it has run, and going back "
        "would need every state on the way. Write pel.while_loop(..., maximum=n), which keeps up to n of them, or "
        "pel.scan(..., length=n) if the number of steps is known"
    )


def _while_inference(*operands: Expr, condition: Body, step: Body, states: int) -> Expr:
    outputs = {"condition": inference(condition.outputs), "step": inference(step.outputs)}
    used = set(topological([*outputs["condition"], *outputs["step"]]))
    places = [i for i, e in enumerate(step.inputs) if i < states or e in used]
    inputs = tuple(step.inputs[i] for i in places)
    bodies = {name: Body(inputs, tuple(made)) for name, made in outputs.items()}
    return while_steps.op.make(tuple(operands[i] for i in places), {**bodies, "states": states})


def _opened(operands: tuple[Any, ...], settings: Mapping[str, Any], key: str) -> list[Piece]:
    """Write what is done at each step, in terms of the states and what is used from outside."""
    body, states = settings.get(key), settings.get("states", 0)
    if body is None or not all(isinstance(o, Expr) for o in operands):
        return ["…"]
    outputs = replace_all(body.outputs, dict(zip(body.inputs[states:], operands[states:], strict=True)))
    pieces: list[Piece] = [p for e in outputs for p in (", ", (e, 0))][1:]
    return pieces if len(outputs) == 1 else ["[", *pieces, "]"]


def _pieces(operands: tuple[Any, ...], settings: Mapping[str, Any]) -> list[Piece]:
    first = list(operands[: settings.get("states", len(operands))])
    inits: list[Piece] = [p for o in first for p in (", ", (o, 0))][1:]
    inits = inits if len(first) == 1 else ["[", *inits, "]"]
    return [*_opened(operands, settings, "condition"), ", ", *_opened(operands, settings, "step"), ", ", *inits, ")"]


def _example(rng: np.random.Generator) -> list[Any]:
    i, n = Input("i", (), "int32"), Input("n", (), "int32")
    bodies = {"condition": Body((i, n), (i < 100,)), "step": Body((i, n), (2 * i + n,))}
    return [((np.array(3, np.int32), np.array(1, np.int32)), {**bodies, "states": 1})]


@op(
    infer=lambda *operands, condition, step, states: [Type(o.shape, o.dtype) for o in operands[:states]],
    xla=_while_xla,
    grad=_while_grad,
    inference=_while_inference,
    examples=_example,
    cost=0,
    tex=lambda operands, settings: [r"\operatorname{while}(", *_pieces(operands, settings)],
    text=lambda operands, settings: ["while_loop(", *_pieces(operands, settings)],
    behind="while_loop",
)
def while_steps(xp: Any, *operands: Any, condition: Any = None, step: Any = None, states: Any = 0) -> Any:
    r"""The op behind `while_loop`: its operands are the first states, and what every step uses alike.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.scalar("x")
    >>> pel.while_loop(lambda h: h < 100, lambda h: 2 * h, x)
    while_loop(x < 100, 2 * x, x)
    """
    state, fixed = [np.asarray(s) for s in operands[:states]], operands[states:]

    while run_body(np, condition, (*state, *fixed))[0]:
        state = run_body(np, step, (*state, *fixed))
    return one_or_all(tuple(np.asarray(s) for s in state))


@public
def while_loop(
    condition: Callable[..., Any], step: Callable[..., Any], init: Any, *, maximum: int | None = None
) -> Any:
    r"""Run a step as long as a condition holds, :math:`h_t = f(h_{t-1})` while :math:`c(h_{t-1})`.

    Parameters
    ----------
    condition : function
        ``condition(*h)`` returns one boolean.
    step : function
        ``step(*h)`` returns the new states, as one expression or a list or tuple of them. Both functions may use any
        expression from outside, which is computed once, before the loop; what they draw at random is other at every
        step.
    init : Expr, number or sequence of these
        The first states; a state keeps its shape and dtype.
    maximum : int, optional
        The most steps that are run, whatever the condition says. With it the loop has a gradient, for which the states
        of so many steps are kept; once the condition fails, nothing more is computed.

    Returns
    -------
    Expr or list of Expr
        The states for which the condition fails, or after ``maximum`` steps.

    Raises
    ------
    ShapeError, DtypeError
        If the condition is no single boolean, or the step changes the shape or dtype of a state.
    GradientError
        If a gradient is asked for and there is no ``maximum``.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.scalar("x")
    >>> f = pel.function([x], pel.while_loop(lambda h: h < 100, lambda h: 2 * h, x))
    >>> float(f(3.0))
    192.0
    """
    if maximum is not None:
        return bounded(condition, step, init, maximum)
    inits = [beside(h, as_list(init)) for h in as_list(init)]
    states = [placeholder(h.name or f"h{i}" * (len(inits) > 1) or "h", h) for i, h in enumerate(inits)]
    counter = Input("t", (), "uint32")
    with stepping(counter):
        holds = one_condition(condition, *states)
        results, several = written(step, *states)
    check_states("while_loop", inits, results)
    check_count(len(results), len(states))
    if counter in set(topological([holds, *results])):
        inits.append(constant(np.uint32(0)))
        states.append(counter)
        results.append(counter + constant(np.uint32(1)))
    everything = [holds, *results]
    outer = border(made_from(states, everything), everything)
    both = body_of(states, outer, everything)
    made = while_steps.op.make(
        (*inits, *outer),
        {
            "condition": Body(both.inputs, both.outputs[:1]),
            "step": Body(both.inputs, both.outputs[1:]),
            "states": len(inits),
        },
    )
    last = [result(made, i) for i in range(len(as_list(init)))]
    return last if several else last[0]


def bounded(condition: Callable[..., Any], step: Callable[..., Any], init: Any, maximum: int) -> Any:
    """Write a loop of a known number of steps that does nothing any more once a condition has failed."""
    several: list[bool] = []

    def once(going: Expr, *state: Expr) -> list[Expr]:
        going = going & one_condition(condition, *state)

        def run() -> list[Expr]:
            results, many = written(step, *state)
            several.append(many)
            check_states("while_loop", state, results)
            check_count(len(results), len(state))
            return results

        return [going, *cond(going, run, lambda: list(state))]

    going, *inits = [constant(np.array(True)), *[beside(h, as_list(init)) for h in as_list(init)]]
    loop = write_loop("while_loop", once, (), [going, *inits], length=maximum)
    return loop.last[1:] if several[0] else loop.last[1]


def one_condition(condition: Callable[..., Any], *states: Expr) -> Expr:
    """Return the condition, which is one boolean."""
    holds = as_expr(condition(*states))
    check_condition("while_loop", holds)
    return holds


def check_count(results: int, states: int) -> None:
    """Refuse a step that returns more than its states: there is no telling how many of the rest there would be."""
    if results > states:
        raise ShapeError(
            f"while_loop: the step must return its {states} states and nothing else. Received: {results} results. "
            "Use pel.scan to keep something of every step"
        )
