r"""Backpropagation through time: the gradient of a loop is a loop like any other, that runs the other way.

Of a loop :math:`h_t = f(x_t, h_{t-1}, w)` it carries :math:`\partial c / \partial h_t` from the last step to the first,
and adds up what each step owes to :math:`w`. What a step needs besides is kept (the states) or computed again.

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
from pellucid.graph.op_def import OPS, result
from pellucid.graph.operators import call
from pellucid.graph.reverse_mode import pullback
from pellucid.graph.subgraph import Body
from pellucid.graph.traversal import replace_all, topological
from pellucid.graph.types import covers, is_float


@dataclass(frozen=True)
class Backward:
    """The step of a loop's gradient, and what it walks along, carries and returns.

    Attributes
    ----------
    body : Body
        Its placeholders are those of ``walked``, ``carried`` and ``summed``, and what every step uses alike.
    walked : tuple of (str, int)
        The sequences: of "gradient" and "output" (of the forward step's outputs), "sequence", and "state" (before it).
    carried : tuple of int
        The states whose gradients it carries.
    summed : tuple of int
        Of what every step uses alike, that of which it adds up the gradients.
    returned : tuple of int
        The sequences of which it returns gradients.
    """

    body: Body
    walked: tuple[tuple[str, int], ...]
    carried: tuple[int, ...]
    summed: tuple[int, ...]
    returned: tuple[int, ...]


@functools.lru_cache(maxsize=256)
def backward(body: Body, states: int, sequences: int, arriving: tuple[int, ...], frugal: bool) -> Backward:
    """Make the step of a loop's gradient; of one loop it is always the same one, so its gradients are one loop.

    ``arriving`` says for which outputs there is a gradient at every step; a ``frugal`` step knows the states alone.
    """
    outputs = body.outputs
    x_in, h_in, w_in = (
        body.inputs[:sequences],
        body.inputs[sequences : sequences + states],
        body.inputs[sequences + states :],
    )
    real = [i for i in range(states) if is_float(outputs[i].dtype)]
    given = {i: Input(f"g{i}", outputs[i].shape, outputs[i].dtype) for i in arriving}
    carried = {i: Input(f"d{i}", outputs[i].shape, outputs[i].dtype) for i in real}
    # What a step arrived at is known from the forward loop, so its nodes need not be computed again.
    known: dict[Expr, tuple[int, Expr]] = {}
    for i, e in enumerate(outputs[:states] if frugal else outputs):
        if e.op is not None and e not in known:
            known[e] = (i, Input(f"h{i}", e.shape, e.dtype))
    cotangents: list[Expr | None] = []
    for i in range(len(outputs)):
        parts = [v for v in (given.get(i), carried.get(i)) if v is not None]
        cotangents.append(None if not parts else parts[0] if len(parts) == 1 else parts[0] + parts[1])
    wanted = [e for e in body.inputs if is_float(e.dtype)]
    found = dict(zip(wanted, pullback(list(outputs), cotangents, wanted), strict=True))

    def full(e: Expr) -> Expr:
        d = found.get(e)
        if d is None:
            return call("zeros_like", e)  # type: ignore[no-any-return]
        return d if covers(d.shape, e.shape) else call("broadcast_like", d, e)

    summed = [i for i, w in enumerate(w_in) if found.get(w) is not None]
    totals = {i: Input(f"s{i}", w_in[i].shape, w_in[i].dtype) for i in summed}
    returned = [i for i, x in enumerate(x_in) if found.get(x) is not None]
    results = [*[full(h_in[i]) for i in real], *[totals[i] + full(w_in[i]) for i in summed]]
    results = replace_all([*results, *[full(x_in[i]) for i in returned]], {e: place for e, (_, place) in known.items()})
    walked = [
        *[(("gradient", i), place) for i, place in given.items()],
        *[(("output", i), place) for i, place in known.values()],
        *[(("sequence", i), place) for i, place in enumerate(x_in)],
        *[(("state", i), place) for i, place in enumerate(h_in)],
    ]
    used = set(topological(results))
    walked = [pair for pair in walked if pair[1] in used] or walked[:1]
    places = (*[p for _, p in walked], *carried.values(), *totals.values(), *w_in)
    names = tuple(name for name, _ in walked)
    return Backward(Body(places, tuple(results)), names, tuple(real), tuple(summed), tuple(returned))


def scan_grad(g: Any, node: Expr, *operands: Expr, **settings: Any) -> list[Any]:
    r"""Run the step's pullback from the last step to the first, carrying :math:`\partial c / \partial h_t`."""
    body, states, sequences, kept = (settings[key] for key in ("body", "states", "sequences", "kept"))
    arrived = g if len(node.types) > 1 else [g]
    if (settings["checkpoint"] or 1) > 1:
        wanted = list(dict.fromkeys(operands))
        by_operand = dict(
            zip(wanted, pullback(segmented(operands, **settings), arrived, wanted, stop=wanted), strict=True)
        )
        # An operand that stands twice is differentiated once, for both places.
        return [by_operand.pop(o, None) for o in operands]
    loop = OPS["scan_loop"].make(operands, {**settings, "kept": None})
    xs, inits, fixed = operands[:sequences], operands[sequences : sequences + states], operands[sequences + states :]
    stacked = [result(loop, i) for i in range(len(body.outputs))]
    stacked_g = {i: arrived[p] for p, i in enumerate(kept) if arrived[p] is not None}
    arriving = tuple(i for i in sorted(stacked_g) if is_float(body.outputs[i].dtype))
    made = backward(body, states, sequences, arriving, settings["checkpoint"] == 1)
    if not made.body.outputs:
        return [None] * len(operands)
    seen = window(settings["truncate"], settings["reverse"], loop.shape[0])
    source: dict[str, Callable[[int], Expr]] = {
        "gradient": lambda i: in_full(stacked_g[i], stacked[i]),
        "output": lambda i: stacked[i],
        "sequence": lambda i: xs[i],
        "state": lambda i: shifted(stacked[i], inits[i], settings["reverse"]),
    }
    walked = [source[kind](i) for kind, i in made.walked]
    walked = walked if seen is None else [w[seen] for w in walked]
    seeds = [zero_or(arrived[len(kept) + i], inits[i]) for i in made.carried]
    sums = [call("zeros_like", fixed[i]) for i in made.summed]
    count = len(seeds) + len(sums)
    back = OPS["scan_loop"].make(
        (*walked, *seeds, *sums, *fixed),
        {
            "body": made.body,
            "states": count,
            "sequences": len(walked),
            "length": None,
            "reverse": not settings["reverse"],
            "kept": None,
            "truncate": None,
            "checkpoint": settings["checkpoint"],
        },
    )
    found: dict[tuple[str, int], Any] = {}
    for place, i in enumerate(made.returned, start=count):
        d = result(back, place)
        found["sequence", i] = d if seen is None else pullback([xs[i][seen]], [d], [xs[i]], stop=[xs[i]])[0]
    for place, i in enumerate(made.carried, start=len(made.body.outputs)):
        d = result(back, place)
        found["state", i] = d if seen is None else until_start(d, stacked[0], settings["truncate"])
    for place, i in enumerate(made.summed, start=len(made.body.outputs) + len(made.carried)):
        found["fixed", i] = result(back, place)
    counts = (("sequence", sequences), ("state", states), ("fixed", len(fixed)))
    return [found.get((kind, i)) for kind, n in counts for i in range(n)]


def window(truncate: int | None, reverse: bool, steps: Any) -> slice | None:
    """Return which steps a truncated gradient goes through: those that were last, or all if there are no more."""
    if truncate is None or (isinstance(steps, int) and steps <= truncate):
        return None
    return slice(None, truncate) if reverse else slice(-truncate, None)


def until_start(d: Expr, stacked: Expr, truncate: int) -> Expr | None:
    """Return the gradient that reaches the first states: none, unless the loop turns out to be short enough."""
    if isinstance(stacked.shape[0], int):
        return None
    short = call("size", stacked, axis=0, dtype="int64") <= truncate
    chosen: Expr = call("where", short, d, call("zeros_like", d))
    return chosen


def in_full(g: Expr, like: Expr) -> Expr:
    """Give a gradient the whole shape of what it belongs to."""
    return g if covers(g.shape, like.shape) else call("broadcast_like", g, like)


def zero_or(g: Expr | None, like: Expr) -> Expr:
    """Return a gradient in full, or zeros where none arrived."""
    return call("zeros_like", like) if g is None else in_full(g, like)


def shifted(stacked: Any, init: Any, reverse: bool) -> Any:
    """Return the state that each step started from."""
    first = call("expand_dims", init, 0)
    return call("join", stacked, first, axis=0)[1:] if reverse else call("join", first, stacked, axis=0)[:-1]


@functools.lru_cache(maxsize=256)
def segment(body: Body, steps: int, settings: tuple[tuple[str, Any], ...]) -> Body:
    """Make one step of so many: a loop inside, from the state at its beginning to the state at its end."""
    told = dict(settings)
    states, sequences = told["states"], told["sequences"]
    places = [
        Input(e.name, (steps, *e.shape) if i < sequences else e.shape, e.dtype) for i, e in enumerate(body.inputs)
    ]
    inner = OPS["scan_loop"].make(tuple(places), {**told, "body": body, "length": None if sequences else steps})
    kept = len(told["kept"])
    order = [*range(kept, kept + states), *range(kept)]
    return Body(tuple(places), tuple(result(inner, i) for i in order))


def segmented(operands: Sequence[Expr], **settings: Any) -> list[Expr]:
    """Write a loop as a loop over segments: the results are the same, and of a segment only its end is kept.

    The steps that are left over are a segment of their own, the last one.
    """
    states, sequences, kept = (settings[key] for key in ("states", "sequences", "kept"))
    xs, inits, fixed = operands[:sequences], operands[sequences : sequences + states], operands[sequences + states :]
    each, steps = settings["checkpoint"], xs[0].shape[0] if xs else settings["length"]
    count, left = divmod(steps, each)
    first, second = slice(None, count * each), slice(count * each, None)
    if settings["reverse"]:
        first, second = slice(left, None), slice(None, left)
    plain = {**settings, "checkpoint": None, "length": None}
    body = plain.pop("body")
    cut = [call("reshape", x[first], (count, each, *x.shape[1:])) for x in xs]
    outer = OPS["scan_loop"].make(
        (*cut, *inits, *fixed),
        {
            **plain,
            "body": segment(body, each, tuple(sorted(plain.items()))),
            "length": None if xs else count,
            "kept": None,
            "checkpoint": 1,
        },
    )
    stacked = [result(outer, states + i) for i in range(len(kept))]
    stacked = [call("reshape", s, (count * each, *s.shape[2:])) for s in stacked]
    last = [result(outer, states + len(kept) + i) for i in range(states)]
    if left:
        tail_settings = {**plain, "body": body, "checkpoint": 1, "length": None if xs else left}
        tail = OPS["scan_loop"].make((*[x[second] for x in xs], *last, *fixed), tail_settings)
        ends = [result(tail, i) for i in range(len(kept))]
        both = zip(stacked, ends, strict=True)
        stacked = [call("join", *((b, a) if settings["reverse"] else (a, b)), axis=0) for a, b in both]
        last = [result(tail, len(kept) + i) for i in range(states)]
    return [*stacked, *last]
