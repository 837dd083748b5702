r"""Backpropagation through time: the gradient of a loop is a loop that runs in the other direction.

For a loop :math:`h_t = f(x_t, h_{t-1}, w)` the gradient loop carries :math:`\partial c / \partial h_t` from the last
step to the first and accumulates the gradient of :math:`w`. Other values of the forward step are stored (the states and
outputs) or recomputed.

References
----------
P. J. Werbos, Backpropagation Through Time: What It Does and How to Do It, Proceedings of the IEEE 78 (1990);
T. Chen, B. Xu, C. Zhang and C. Guestrin, Training Deep Nets with Sublinear Memory Cost, 2016 (checkpoints).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.graph.expr import Expr, Input
from pellucid.graph.op import OPS, get_result
from pellucid.graph.operators import call_op
from pellucid.graph.reverse_mode import pullback
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.traversal import replace_all, topological
from pellucid.graph.types import covers, is_float


@dataclass(frozen=True)
class BackwardStep:
    """Step of a gradient loop.

    Attributes
    ----------
    body : Subgraph
        Its inputs are those of ``scanned``, ``carried`` and ``accumulated``, then the loop-invariant operands.
    scanned : tuple of (str, int)
        The sequences of the gradient loop: a "gradient" or "output" of a forward output, a "sequence" of the forward
        loop, or a "state" before the step.
    carried : tuple of int
        The states whose gradients are carried.
    accumulated : tuple of int
        The loop-invariant operands whose gradients are summed over the steps.
    returned : tuple of int
        The sequences whose gradients are returned.
    """

    body: Subgraph
    scanned: tuple[tuple[str, int], ...]
    carried: tuple[int, ...]
    accumulated: tuple[int, ...]
    returned: tuple[int, ...]


@functools.lru_cache(maxsize=256)
def make_backward_step(
    body: Subgraph, states: int, sequences: int, with_gradient: tuple[int, ...], states_only: bool
) -> BackwardStep:
    """Differentiate the step of a loop; cached, so that two gradients of one loop share one gradient loop.

    ``with_gradient`` are the outputs that have a gradient at every step. With ``states_only`` the step reads only the
    states of the forward loop and recomputes its other outputs.
    """
    outputs, inputs = body.outputs, body.inputs
    xs, hs, ws = inputs[:sequences], inputs[sequences : sequences + states], inputs[sequences + states :]
    carried = [i for i in range(states) if is_float(outputs[i].dtype)]
    g_in = {i: Input(f"g{i}", outputs[i].shape, outputs[i].dtype) for i in with_gradient}
    d_in = {i: Input(f"d{i}", outputs[i].shape, outputs[i].dtype) for i in carried}
    # The forward loop stores these outputs, so that the gradient loop reads them instead of computing them again.
    stored: dict[Expr, tuple[int, Expr]] = {}
    for i, e in enumerate(outputs[:states] if states_only else outputs):
        if e.op is not None and e not in stored:
            stored[e] = (i, Input(f"h{i}", e.shape, e.dtype))
    cotangents: list[Expr | None] = []
    for i in range(len(outputs)):
        terms = [v for v in (g_in.get(i), d_in.get(i)) if v is not None]
        cotangents.append(None if not terms else terms[0] if len(terms) == 1 else terms[0] + terms[1])
    wrt = [e for e in inputs if is_float(e.dtype)]
    gradients = dict(zip(wrt, pullback(list(outputs), cotangents, wrt), strict=True))
    accumulated = [i for i, w in enumerate(ws) if gradients.get(w) is not None]
    totals = {i: Input(f"s{i}", ws[i].shape, ws[i].dtype) for i in accumulated}
    returned = [i for i, x in enumerate(xs) if gradients.get(x) is not None]
    results = [
        *[instantiate_gradient(gradients.get(hs[i]), hs[i]) for i in carried],
        *[totals[i] + instantiate_gradient(gradients[ws[i]], ws[i]) for i in accumulated],
        *[instantiate_gradient(gradients[xs[i]], xs[i]) for i in returned],
    ]
    results = replace_all(results, {e: node for e, (_, node) in stored.items()})
    scanned = [
        *[(("gradient", i), node) for i, node in g_in.items()],
        *[(("output", i), node) for i, node in stored.values()],
        *[(("sequence", i), node) for i, node in enumerate(xs)],
        *[(("state", i), node) for i, node in enumerate(hs)],
    ]
    used = set(topological(results))
    scanned = [pair for pair in scanned if pair[1] in used] or scanned[:1]  # one sequence gives the number of steps
    new_inputs = (*[node for _, node in scanned], *d_in.values(), *totals.values(), *ws)
    sources = tuple(source for source, _ in scanned)
    return BackwardStep(
        Subgraph(new_inputs, tuple(results)), sources, tuple(carried), tuple(accumulated), tuple(returned)
    )


def scan_grad(g: Expr, node: Expr, *operands: Expr, **settings: Any) -> list[Expr | None]:
    """Run the pullback of the step from the last step to the first."""
    body, states, sequences, kept = (settings[key] for key in ("body", "states", "sequences", "kept"))
    cotangents = g if len(node.types) > 1 else [g]
    if (settings["checkpoint"] or 1) > 1:
        wrt = list(dict.fromkeys(operands))
        segmented = build_segmented_loop(operands, **settings)
        gradients = dict(zip(wrt, pullback(segmented, cotangents, wrt, stop=wrt), strict=True))
        # The gradient of an operand that occurs twice includes both occurrences; return it once.
        return [gradients.pop(o, None) for o in operands]
    loop = OPS["scan_loop"].make(operands, {**settings, "kept": None})
    xs, inits, ws = operands[:sequences], operands[sequences : sequences + states], operands[sequences + states :]
    stacked = [get_result(loop, i) for i in range(len(body.outputs))]
    stacked_g = {i: cotangents[p] for p, i in enumerate(kept) if cotangents[p] is not None}
    with_gradient = tuple(i for i in sorted(stacked_g) if is_float(body.outputs[i].dtype))
    step = make_backward_step(body, states, sequences, with_gradient, settings["checkpoint"] == 1)
    if not step.body.outputs:
        return [None] * len(operands)
    window = _get_truncation_slice(settings["truncate"], settings["reverse"], loop.shape[0])
    sources: dict[str, Callable[[int], Expr]] = {
        "gradient": lambda i: instantiate_gradient(stacked_g[i], stacked[i]),
        "output": lambda i: stacked[i],
        "sequence": lambda i: xs[i],
        "state": lambda i: _get_previous_states(stacked[i], inits[i], settings["reverse"]),
    }
    scanned = [sources[kind](i) for kind, i in step.scanned]
    scanned = scanned if window is None else [x[window] for x in scanned]
    seeds = [instantiate_gradient(cotangents[len(kept) + i], inits[i]) for i in step.carried]
    zeros = [call_op("zeros_like", ws[i]) for i in step.accumulated]
    count = len(seeds) + len(zeros)
    backward = OPS["scan_loop"].make(
        (*scanned, *seeds, *zeros, *ws),
        {
            "body": step.body,
            "states": count,
            "sequences": len(scanned),
            "length": None,
            "reverse": not settings["reverse"],
            "kept": None,
            "truncate": None,
            "checkpoint": settings["checkpoint"],
        },
    )
    found: dict[tuple[str, int], Any] = {}
    for index, i in enumerate(step.returned, start=count):
        d = get_result(backward, index)
        found["sequence", i] = d if window is None else pullback([xs[i][window]], [d], [xs[i]], stop=[xs[i]])[0]
    for index, i in enumerate(step.carried, start=len(step.body.outputs)):
        d = get_result(backward, index)
        found["state", i] = d if window is None else _mask_truncated(d, stacked[0], settings["truncate"])
    for index, i in enumerate(step.accumulated, start=len(step.body.outputs) + len(step.carried)):
        found["invariant", i] = get_result(backward, index)
    counts = (("sequence", sequences), ("state", states), ("invariant", len(ws)))
    return [found.get((kind, i)) for kind, n in counts for i in range(n)]


def _get_truncation_slice(truncate: int | None, reverse: bool, steps: int | str) -> slice | None:
    """Return the slice of the steps that run last, or None if the gradient goes through all steps."""
    if truncate is None or (isinstance(steps, int) and steps <= truncate):
        return None
    return slice(None, truncate) if reverse else slice(-truncate, None)


def _mask_truncated(d: Expr, stacked: Expr, truncate: int) -> Expr | None:
    """Return the gradient of an initial state, which is zero if the loop has more than ``truncate`` steps."""
    if isinstance(stacked.shape[0], int):
        return None
    reached = call_op("size", stacked, axis=0, dtype="int64") <= truncate
    return call_op("where", reached, d, call_op("zeros_like", d))


def instantiate_gradient(g: Expr | None, like: Expr) -> Expr:
    """Broadcast a gradient to the shape of its expression; return zeros for None."""
    if g is None:
        return call_op("zeros_like", like)
    return g if covers(g.shape, like.shape) else call_op("broadcast_like", g, like)


def _get_previous_states(stacked: Any, init: Any, reverse: bool) -> Any:
    first = call_op("expand_dims", init, 0)
    return call_op("join", stacked, first, axis=0)[1:] if reverse else call_op("join", first, stacked, axis=0)[:-1]


@functools.lru_cache(maxsize=256)
def _make_segment_body(body: Subgraph, steps: int, settings: tuple[tuple[str, Any], ...]) -> Subgraph:
    """Make a step that runs a number of steps in an inner loop and returns the last states."""
    inner_settings = dict(settings)
    states, sequences, kept = inner_settings["states"], inner_settings["sequences"], len(inner_settings["kept"])
    inputs = tuple(
        Input(e.name, (steps, *e.shape) if i < sequences else e.shape, e.dtype) for i, e in enumerate(body.inputs)
    )
    inner = OPS["scan_loop"].make(inputs, {**inner_settings, "body": body, "length": None if sequences else steps})
    order = [*range(kept, kept + states), *range(kept)]
    return Subgraph(inputs, tuple(get_result(inner, i) for i in order))


def build_segmented_loop(operands: Sequence[Expr], **settings: Any) -> list[Expr]:
    """Return the results of a loop as a loop over segments, which stores only the last states of each segment.

    The remaining steps are a shorter segment that runs last.
    """
    states, sequences, kept = (settings[key] for key in ("states", "sequences", "kept"))
    xs, inits, ws = operands[:sequences], operands[sequences : sequences + states], operands[sequences + states :]
    steps = xs[0].shape[0] if xs else settings["length"]
    length = max(1, min(settings["checkpoint"], steps))  # a loop without segments would have no sizes to stack
    count, remainder = divmod(steps, length)
    head, tail = slice(None, count * length), slice(count * length, None)
    if settings["reverse"]:
        head, tail = slice(remainder, None), slice(None, remainder)
    inner_settings = {**settings, "checkpoint": None, "length": None}
    body = inner_settings.pop("body")
    segments = [call_op("reshape", x[head], (count, length, *x.shape[1:])) for x in xs]
    outer = OPS["scan_loop"].make(
        (*segments, *inits, *ws),
        {
            **inner_settings,
            "body": _make_segment_body(body, length, tuple(sorted(inner_settings.items()))),
            "length": None if xs else count,
            "kept": None,
            "checkpoint": 1,
        },
    )
    stacked = [get_result(outer, states + i) for i in range(len(kept))]
    stacked = [call_op("reshape", s, (count * length, *s.shape[2:])) for s in stacked]
    last = [get_result(outer, states + len(kept) + i) for i in range(states)]
    if remainder:
        tail_settings = {**inner_settings, "body": body, "checkpoint": 1, "length": None if xs else remainder}
        rest = OPS["scan_loop"].make((*[x[tail] for x in xs], *last, *ws), tail_settings)
        pairs = [(s, get_result(rest, i)) for i, s in enumerate(stacked)]
        stacked = [call_op("join", *((b, a) if settings["reverse"] else (a, b)), axis=0) for a, b in pairs]
        last = [get_result(rest, len(kept) + i) for i in range(states)]
    return [*stacked, *last]
