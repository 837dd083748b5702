r"""The op behind every loop over a known number of steps: what it computes, and how it loses what nobody asks for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.evaluate import run_body
from pellucid.graph.expr import Expr, Input
from pellucid.graph.inference import inference
from pellucid.graph.op import op
from pellucid.graph.op_def import Fewer
from pellucid.graph.operators import call
from pellucid.graph.ops.scan_gradient import scan_grad
from pellucid.graph.printing import Piece
from pellucid.graph.subgraph import Body
from pellucid.graph.traversal import topological
from pellucid.graph.types import Dim, Type, unify


def _length(sequences: Sequence[Expr], length: int | None) -> Dim:
    dims: list[Dim] = [s.shape[0] for s in sequences] + ([] if length is None else [length])
    common = dims[0]
    for dim in dims[1:]:
        both = unify(common, dim)
        if both is None:
            raise ShapeError(
                f"scan: the sequences must be equally long. Received: lengths {', '.join(map(str, dims))}. "
                "Cut them to one length, as in x[:n]"
            )
        common = both
    return common


def _scan_types(
    *operands: Expr, body: Body, states: int, sequences: int, length: int | None, kept: tuple[int, ...], **_: Any
) -> list[Type]:
    steps = _length(operands[:sequences], length)
    last = [Type(o.shape, o.dtype) for o in operands[sequences : sequences + states]]
    outputs = [body.outputs[i] for i in kept]
    return [Type((steps, *e.shape), e.dtype) for e in outputs] + last


def _settings(*operands: Expr, body: Body, kept: Any, **settings: Any) -> dict[str, Any]:
    return {"body": body, "kept": tuple(range(len(body.outputs))) if kept is None else tuple(kept), **settings}


def _loop_xla(
    xp: Any,
    *operands: Any,
    body: Body,
    states: int,
    sequences: int,
    length: int | None,
    reverse: bool,
    kept: tuple[int, ...],
    **_: Any,
) -> Any:
    from jax import lax

    xs, state, fixed = operands[:sequences], operands[sequences : sequences + states], operands[sequences + states :]

    def step(carry: Any, x: Any) -> Any:
        new = run_body(xp, body, [*x, *carry, *fixed])
        return tuple(new[:states]), tuple(new[i] for i in kept)

    carry, stacked = lax.scan(
        step, tuple(map(xp.asarray, state)), tuple(map(xp.asarray, xs)), length=length, reverse=reverse
    )
    return one_or_all((*stacked, *carry))


def one_or_all(results: tuple[Any, ...]) -> Any:
    """Return the results as an op of so many gives them: a single one is not wrapped."""
    return results if len(results) != 1 else results[0]


def _scan_inference(*operands: Expr, body: Body, **settings: Any) -> Expr:
    """Turn the step to inference, and let go of what it then no longer uses, such as the state of a random stream."""
    outputs = tuple(inference(body.outputs))
    if any(a is not b for a, b in zip(outputs, body.outputs, strict=True)):
        operands, body, settings = tightened(operands, Body(body.inputs, outputs), settings)
    return scan_loop.op.make(operands, {"body": body, **settings})


def tightened(
    operands: tuple[Expr, ...], body: Body, settings: Mapping[str, Any]
) -> tuple[tuple[Expr, ...], Body, dict[str, Any]]:
    """Let go of sequences, and of what every step uses alike, that no output depends on."""
    states, sequences, length = (settings[key] for key in ("states", "sequences", "length"))
    used = set(topological(body.outputs))
    walked = [i for i in range(sequences) if body.inputs[i] in used]
    if not walked and sequences and length is None:
        steps = _length(operands[:sequences], None)
        length = int(steps) if isinstance(steps, int) else None
        walked = [0] if length is None else []
    rest = [i for i in range(sequences, len(operands)) if i < sequences + states or body.inputs[i] in used]
    places = [*walked, *rest]
    new = Body(tuple(body.inputs[i] for i in places), body.outputs)
    return tuple(operands[i] for i in places), new, {**settings, "sequences": len(walked), "length": length}


def _narrow(node: Expr, used: Collection[int]) -> Fewer:
    """Return a loop that computes the used results and nothing else, and where they are."""
    body, states, sequences, kept = (node.settings[key] for key in ("body", "states", "sequences", "kept"))
    stacked = sorted({kept[p] for p in used if p < len(kept)})
    last = {p - len(kept) for p in used if p >= len(kept)}
    alive = living_states(body, sequences, {*stacked, *last}, states)
    outputs = [*alive, *[i for i in stacked if i >= states]]
    inputs = [i for i in range(len(body.inputs)) if not 0 <= i - sequences < states or i - sequences in alive]
    smaller = Body(tuple(body.inputs[i] for i in inputs), tuple(body.outputs[i] for i in outputs))
    settings = {**node.settings, "states": len(alive), "kept": tuple(outputs.index(i) for i in stacked)}
    del settings["body"]
    operands, smaller, settings = tightened(tuple(node.inputs[i] for i in inputs), smaller, settings)
    made = scan_loop.op.make(operands, {**settings, "body": smaller})
    places = {p: stacked.index(kept[p]) if p < len(kept) else len(stacked) + alive.index(p - len(kept)) for p in used}
    return made, places


def _widen(node: Expr) -> Fewer:
    """Return a loop that keeps every output of every step, and where the results are."""
    kept, outputs, states = node.settings["kept"], len(node.settings["body"].outputs), node.settings["states"]
    places = dict(enumerate([*kept, *range(outputs, outputs + states)]))
    return scan_loop.op.make(node.inputs, {**node.settings, "kept": None}), places


def living_states(body: Body, sequences: int, outputs: set[int], states: int) -> list[int]:
    """Return the states that some of a step's outputs depend on, now or through later steps."""
    place_of = {body.inputs[sequences + i]: i for i in range(states)}
    alive = {i for i in outputs if i < states}
    waiting, seen = [body.outputs[i] for i in outputs], set[Expr]()
    while waiting:
        e = waiting.pop()
        if e in seen:
            continue
        seen.add(e)
        waiting.extend(e.inputs)
        state = place_of.get(e)
        if state is not None and state not in alive:
            alive.add(state)
            waiting.append(body.outputs[state])
        elif state is not None:
            waiting.append(body.outputs[state])
    return sorted(alive)


def _example(rng: np.random.Generator) -> list[Any]:
    x, h, w = Input("x", (3,), "float64"), Input("h", (3,), "float64"), Input("w", (3,), "float64")
    body = Body((x, h, w), (call("tanh", x + h * w),))
    operands = (rng.normal(size=(5, 3)), rng.normal(size=3), rng.normal(size=3))
    settings = {"body": body, "states": 1, "sequences": 1}
    return [
        (operands, settings),
        (operands, {**settings, "reverse": True, "checkpoint": 2}),
        (operands, {**settings, "kept": (), "checkpoint": 1}),
    ]


def _text(operands: tuple[Any, ...], settings: Mapping[str, Any]) -> list[Piece]:
    pieces: list[Piece] = ["scan("]
    for position, operand in enumerate(operands):
        pieces += [", "] * bool(position) + [(operand, 0)]
    told = [f", {key}={settings[key]}" for key in ("truncate", "checkpoint") if settings.get(key)]
    return [*pieces, *[", reverse=True"] * bool(settings.get("reverse")), *told, ")"]


def _tex(operands: tuple[Any, ...], settings: Mapping[str, Any]) -> list[Piece]:
    pieces: list[Piece] = [r"\operatorname{scan}("]
    for position, operand in enumerate(operands):
        pieces += [r",\, "] * bool(position) + [(operand, 0)]
    return [*pieces, ")"]


@op(
    infer=_scan_types,
    normalize=_settings,
    xla=_loop_xla,
    grad=scan_grad,
    inference=_scan_inference,
    narrow=_narrow,
    widen=_widen,
    examples=_example,
    cost=0,
    tex=_tex,
    text=_text,
    behind="scan",
)
def scan_loop(
    xp: Any,
    *operands: Any,
    body: Any = None,
    states: Any = 0,
    sequences: Any = 0,
    length: Any = None,
    reverse: Any = False,
    kept: Any = None,
    truncate: Any = None,
    checkpoint: Any = None,
) -> Any:
    r"""The op behind `scan`: its operands are the sequences, the first states, and what every step uses alike.

    A step's outputs are the new states and then the rest. The results are those outputs of which every step's value is
    kept (``kept`` says which; all of them without it), stacked along a new first axis, and then the last states.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x", shape=(3,))
    >>> pel.scan(lambda x_t, s: s + x_t, x, 0.0)
    scan(x, 0)[0]
    """
    xs, fixed = operands[:sequences], operands[sequences + states :]
    state = list(operands[sequences : sequences + states])
    steps = len(xs[0]) if xs else length or 0
    empty = body.empty
    results = [empty[k] for k in kept]
    for i, t in enumerate(reversed(range(steps)) if reverse else range(steps)):
        new = run_body(np, body, [*[x[t] for x in xs], *state, *fixed])
        if i == 0:
            results = [np.empty((steps, *np.shape(new[k])), empty[k].dtype) for k in kept]
        for stacked, k in zip(results, kept, strict=True):
            stacked[t] = new[k]
        state = new[:states]
    return one_or_all((*results, *state))
