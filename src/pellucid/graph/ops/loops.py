r"""Loops in a graph: `scan`, whose gradient, backpropagation through time, is a scan like any other."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Constant, Expr, Input, agree, as_expr
from pellucid.graph.inference import inference
from pellucid.graph.op import Body, op, output, public
from pellucid.graph.operators import call
from pellucid.graph.pullback import pullback
from pellucid.graph.types import Dim, Type, covers, is_float, unify
from pellucid.graph.walk import replace_all, topological

_numbers = itertools.count(1)


def _length(sequences: Sequence[Expr], length: int | None) -> Dim:
    dims: list[Dim] = [s.shape[0] for s in sequences] + ([] if length is None else [length])
    common = dims[0]
    for dim in dims[1:]:
        both = unify(common, dim)
        if both is None:
            raise ShapeError(f"scan: the sequences must be equally long. Received: lengths {', '.join(map(str, dims))}")
        common = both
    return common


def _scan_types(
    *operands: Expr, body: Body, states: int, sequences: int, length: int | None, reverse: bool
) -> list[Type]:
    steps = _length(operands[:sequences], length)
    last = [Type(o.shape, o.dtype) for o in operands[sequences : sequences + states]]
    return [Type((steps, *e.shape), e.dtype) for e in body.outputs] + last


def _loop_numpy(
    operands: tuple[Any, ...], body: Body, states: int, sequences: int, length: int | None, reverse: bool
) -> Any:
    xs, state, fixed = (
        operands[:sequences],
        list(operands[sequences : sequences + states]),
        operands[sequences + states :],
    )
    steps = len(xs[0]) if xs else length or 0
    results: list[Any] = [
        np.empty((steps, *(d if isinstance(d, int) else 0 for d in e.shape)), e.dtype) for e in body.outputs
    ]
    for i, t in enumerate(reversed(range(steps)) if reverse else range(steps)):
        values = [*(x[t] for x in xs), *state, *fixed]
        new = evaluate(np, body.outputs, dict(zip(body.inputs, values, strict=True)))
        if i == 0:
            results = [np.empty((steps, *v.shape), v.dtype) for v in new]
        for result, value in zip(results, new, strict=True):
            result[t] = value
        state = new[:states]
    return one_or_all((*results, *state))


def _loop_xla(
    xp: Any, *operands: Any, body: Body, states: int, sequences: int, length: int | None, reverse: bool
) -> Any:
    from jax import lax

    xs, state, fixed = operands[:sequences], operands[sequences : sequences + states], operands[sequences + states :]

    def step(carry: Any, x: Any) -> Any:
        new = evaluate(xp, body.outputs, dict(zip(body.inputs, [*x, *carry, *fixed], strict=True)))
        return tuple(new[:states]), tuple(new)

    carry, stacked = lax.scan(
        step, tuple(map(xp.asarray, state)), tuple(map(xp.asarray, xs)), length=length, reverse=reverse
    )
    return one_or_all((*stacked, *carry))


def one_or_all(results: tuple[Any, ...]) -> Any:
    """Return the results as an op of so many gives them: a single one is not wrapped."""
    return results if len(results) > 1 else results[0]


def results_of(node: Expr) -> list[Expr]:
    """Return the results of a loop as expressions."""
    return [node] if len(node.types) == 1 else [output(node, i) for i in range(len(node.types))]


def _scan_grad(
    g: Any, node: Expr, *operands: Any, body: Body, states: int, sequences: int, length: int | None, reverse: bool
) -> list[Any]:
    r"""Run the step's pullback from the last step to the first, carrying :math:`\partial c / \partial h_t`."""
    count = len(body.outputs)
    g = g if isinstance(g, list) else [g]
    xs, inits, fixed = operands[:sequences], operands[sequences : sequences + states], operands[sequences + states :]
    stacked = results_of(node)[:count]
    before = [shifted(s, h, reverse) for s, h in zip(stacked[:states], inits, strict=True)]
    real_states = [i for i in range(states) if is_float(inits[i].dtype)]
    real_outputs = [i for i in range(count) if g[i] is not None and is_float(body.outputs[i].dtype)]

    given = {i: Input(f"g{i}", body.outputs[i].shape, body.outputs[i].dtype) for i in real_outputs}
    carried = {i: Input(f"d{i}", body.outputs[i].shape, body.outputs[i].dtype) for i in real_states}
    # The states a step arrives at are known from the forward loop, so their nodes need not be computed again.
    known = {e: Input(f"h{i}", e.shape, e.dtype) for i, e in enumerate(body.outputs) if e.op is not None}
    cotangents: list[Expr | None] = []
    for i in range(count):
        parts = [v for v in (given.get(i), carried.get(i)) if v is not None]
        cotangents.append(None if not parts else parts[0] if len(parts) == 1 else parts[0] + parts[1])
    x_in, h_in, w_in = (
        body.inputs[:sequences],
        body.inputs[sequences : sequences + states],
        body.inputs[sequences + states :],
    )
    wanted = [x for x in (*x_in, *h_in, *w_in) if is_float(x.dtype)]
    found = dict(zip(wanted, pullback(list(body.outputs), cotangents, wanted), strict=True))

    def full(e: Expr) -> Expr:
        d = found.get(e)
        zero = call("zeros_like", e)
        return zero if d is None else d if covers(d.shape, e.shape) else call("broadcast_like", d, e)

    sums = [w for w in w_in if found.get(w) is not None]
    total = {w: Input(f"s{i}", w.shape, w.dtype) for i, w in enumerate(sums)}
    d_states = [full(h_in[i]) for i in real_states]
    new_outputs = [*d_states, *[total[w] + full(w) for w in sums], *[full(x) for x in x_in if found.get(x) is not None]]
    if not new_outputs:
        return [None] * len(operands)
    new_outputs = replace_all(new_outputs, known)

    sequence_pairs: list[tuple[Expr, Expr]] = [
        *[
            (given[i], g[i] if covers(g[i].shape, stacked[i].shape) else call("broadcast_like", g[i], stacked[i]))
            for i in real_outputs
        ],
        *[(known[e], s) for e, s in zip(body.outputs, stacked, strict=True) if e in known],
        *zip(x_in, xs, strict=True),
        *zip(h_in, before, strict=True),
    ]
    sequence_pairs = list(dict(sequence_pairs).items())
    seeds = [zero_or(g[count + i], inits[i]) for i in real_states] + [
        call("zeros_like", o) for w, o in zip(w_in, fixed, strict=True) if w in total
    ]
    new_body = Body(
        (*[p for p, _ in sequence_pairs], *[carried[i] for i in real_states], *[total[w] for w in sums], *w_in),
        tuple(new_outputs),
    )
    operands_new = (*[s for _, s in sequence_pairs], *seeds, *fixed)
    back = scan_loop(
        *operands_new,
        body=new_body,
        states=len(seeds),
        sequences=len(sequence_pairs),
        length=None if sequence_pairs else length,
        reverse=not reverse,
    )
    back = back if isinstance(back, list) else [back]
    stacked_count = len(new_outputs)
    x_wanted = [x for x in x_in if found.get(x) is not None]
    by_x = dict(zip(x_wanted, back[len(seeds) : stacked_count], strict=True))
    by_state = dict(zip(real_states, back[stacked_count:], strict=False))
    by_fixed = dict(zip(sums, back[stacked_count + len(real_states) :], strict=True))
    return [*[by_x.get(x) for x in x_in], *[by_state.get(i) for i in range(states)], *[by_fixed.get(w) for w in w_in]]


def zero_or(g: Any, like: Any) -> Any:
    """Return a gradient in full, or zeros where none arrived."""
    if g is None:
        return call("zeros_like", like)
    return g if covers(g.shape, like.shape) else call("broadcast_like", g, like)


def shifted(stacked: Any, init: Any, reverse: bool) -> Any:
    """Return the state that each step started from."""
    first = call("expand_dims", init, 0)
    return call("join", stacked, first, axis=0)[1:] if reverse else call("join", first, stacked, axis=0)[:-1]


def _scan_inference(*operands: Expr, body: Body, states: int, sequences: int, **settings: Any) -> Expr:
    """Turn the step to inference, and let go of what it then no longer uses, such as the state of a random stream."""
    outputs = inference(body.outputs)
    used = set(topological(outputs))
    kept = [i for i, place in enumerate(body.inputs) if i < sequences + states or place in used]
    changed = any(a is not b for a, b in zip(outputs, body.outputs, strict=True))
    new = Body(tuple(body.inputs[i] for i in kept), tuple(outputs)) if changed else body
    operands = tuple(operands[i] for i in kept) if changed else operands
    return scan_loop.op.make(operands, {"body": new, "states": states, "sequences": sequences, **settings})


def _example(rng: np.random.Generator) -> list[Any]:
    x, h, w = Input("x", (3,), "float64"), Input("h", (3,), "float64"), Input("w", (3,), "float64")
    body = Body((x, h, w), (call("tanh", x + h * w),))
    operands = (rng.normal(size=(5, 3)), rng.normal(size=3), rng.normal(size=3))
    settings = {"body": body, "states": 1, "sequences": 1}
    return [(operands, settings), (operands, {**settings, "reverse": True})]


@op(
    infer=_scan_types,
    xla=_loop_xla,
    grad=_scan_grad,
    inference=_scan_inference,
    examples=_example,
    cost=0,
    tex=lambda operands, settings: [
        r"\operatorname{scan}(",
        *[p for o in operands for p in ((o, 0), r",\, ")][:-1],
        ")",
    ],
    text=lambda operands, settings: ["scan(", *[p for o in operands for p in ((o, 0), ", ")][:-1], ")"],
)
def scan_loop(
    xp: Any,
    *operands: Any,
    body: Any = None,
    states: Any = 0,
    sequences: Any = 0,
    length: Any = None,
    reverse: Any = False,
) -> Any:
    r"""The op behind `scan`: its operands are the sequences, the first states, and what every step uses alike.

    The results are what each step returned, stacked along a new first axis, and then the last states.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x", shape=(3,))
    >>> pel.scan(lambda x_t, s: s + x_t, x, 0.0)
    scan(x, 0)[0]
    """
    return _loop_numpy(operands, body, states, sequences, length, reverse)


@public
def scan(
    step: Callable[..., Any], sequences: Any = (), init: Any = (), *, length: int | None = None, reverse: bool = False
) -> Any:
    r"""Run a step along sequences, each on the state the last one left, :math:`h_t = f(x_t, h_{t-1})`.

    Parameters
    ----------
    step : function
        ``step(*x_t, *h)`` gets one element of every sequence and every state, as expressions, and returns the new
        states and then anything else to be kept, as one expression or a list or tuple of them. It may use any
        expression from outside, which is computed once, before the loop. So are random numbers: a draw inside the
        step is the same one at every step. For a new one each time, draw a sequence and walk along it.
    sequences : Expr or sequence of Expr
        Walked along their first axis.
    init : Expr, number or sequence of these
        The first states; a state keeps its shape and dtype.
    length : int, optional
        The number of steps, needed where there is no sequence.
    reverse : bool
        Whether to go from the end to the beginning; results stand where their sequence elements do.

    Returns
    -------
    Expr or list of Expr
        What the steps returned, stacked along a new first axis; the last state is ``[-1]`` of it, which is not
        computed by stacking.

    Raises
    ------
    ShapeError
        If the sequences differ in length, or a step changes the shape or dtype of a state.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x")
    >>> f = pel.function([x], pel.scan(lambda x_t, s: s + x_t, x, 0.0))
    >>> f([1.0, 2.0, 3.0])
    array([1., 3., 6.], dtype=float32)

    References
    ----------
    R. Bird, Introduction to Functional Programming, 1988 (scan); P. J. Werbos, Backpropagation Through Time, 1990.
    """
    xs = [as_expr(s) for s in (sequences if isinstance(sequences, (list, tuple)) else [sequences])]
    inits = [as_expr(h) for h in (init if isinstance(init, (list, tuple)) else [init])]
    if not xs and length is None:
        raise ShapeError("scan: without a sequence, say how many steps: length=...")
    for x in xs:
        if not x.ndim:
            raise ShapeError(f"scan: a sequence is walked along its first axis. Received: {x}, a number")
    number = next(_numbers)
    places = [Input(f"x{number}_{i}", x.shape[1:], x.dtype) for i, x in enumerate(xs)]
    states = [Input(f"h{number}_{i}", h.shape, h.dtype) for i, h in enumerate(inits)]
    returned = step(*places, *states)
    results = [as_expr(r) for r in (returned if isinstance(returned, (list, tuple)) else [returned])]
    if len(results) < len(states):
        raise ShapeError(
            f"scan: the step must return the {len(states)} new states first. Received: {len(results)} results"
        )
    for i, (h, new) in enumerate(zip(states, results, strict=False)):
        if not agree(new.shape, h.shape) or new.dtype != h.dtype:
            raise ShapeError(
                f"scan: state {i} begins as {inits[i].type} and the step makes it {new.type}; both must be the same. "
                "Cast or reshape one of them"
            )
    body, outer = close(places, states, results)
    made = scan_loop(
        *xs, *inits, *outer, body=body, states=len(states), sequences=len(xs), length=length, reverse=reverse
    )
    made = made if isinstance(made, list) else [made]
    return made[0] if len(results) == 1 and not isinstance(returned, (list, tuple)) else made[: len(results)]


def close(places: list[Input], states: list[Input], results: list[Expr]) -> tuple[Body, list[Expr]]:
    """Find the expressions from outside that a step uses, and make them inputs of its body."""
    inside: set[Expr] = {*places, *states}
    for node in topological(results):
        if any(i in inside for i in node.inputs):
            inside.add(node)
    border = dict.fromkeys(
        i
        for node in topological(results)
        if node in inside
        for i in node.inputs
        if i not in inside and not isinstance(i, Constant)
    )
    border.update(dict.fromkeys(r for r in results if r not in inside and not isinstance(r, Constant)))
    held: dict[Expr, Expr] = {e: Input(e.name or f"w{i}", e.shape, e.dtype) for i, e in enumerate(border)}
    outputs = replace_all(results, held)
    return Body((*places, *states, *held.values()), tuple(outputs)), list(held)
