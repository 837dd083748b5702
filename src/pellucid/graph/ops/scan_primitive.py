r"""The op behind `scan`, with pruning of unused states and outputs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, ArrayValue, NamespaceArray
from pellucid.graph.errors import ShapeError
from pellucid.graph.evaluate import evaluate_subgraph
from pellucid.graph.expr import Expr, Input, OpSettings
from pellucid.graph.op import Example, PrintedOperand, PrunedOp, TemplatePiece
from pellucid.graph.op_decorator import op
from pellucid.graph.operators import call_op
from pellucid.graph.ops.formatters import separate_operands
from pellucid.graph.ops.scan_gradient import scan_grad
from pellucid.graph.passes import inference
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.traversal import topological
from pellucid.graph.types import Dim, Type, unify

if TYPE_CHECKING:
    from pellucid.typing import Array


Result = TypeVar("Result")


def _infer_length(sequences: Sequence[Expr], length: int | None) -> Dim:
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


def _infer_types(
    *operands: Expr, body: Subgraph, states: int, sequences: int, length: int | None, kept: tuple[int, ...], **_: Any
) -> list[Type]:
    steps = _infer_length(operands[:sequences], length)
    last = [Type(o.shape, o.dtype) for o in operands[sequences : sequences + states]]
    types = body.infer_output_types(operands, drop=sequences)
    return [Type((steps, *types[i].shape), types[i].dtype) for i in kept] + last


def _normalize_settings(
    *operands: Expr, body: Subgraph, sequences: int, length: int | None, kept: Any, checkpoint: Any, **settings: Any
) -> OpSettings:
    if (checkpoint or 1) > 1 and not isinstance(_infer_length(operands[:sequences], length), int):
        checkpoint = 1  # `scan` refuses this; a substitution of operands may make a known number of steps unknown
    kept = tuple(range(len(body.outputs))) if kept is None else tuple(kept)
    return {"body": body, "sequences": sequences, "length": length, "kept": kept, "checkpoint": checkpoint, **settings}


def _scan_xla(
    xp: ArrayNamespace,
    *operands: NamespaceArray,
    body: Subgraph,
    states: int,
    sequences: int,
    length: int | None,
    reverse: bool,
    kept: tuple[int, ...],
    **_: Any,
) -> ArrayValue | tuple[ArrayValue, ...]:
    from jax import lax

    xs, init = operands[:sequences], operands[sequences : sequences + states]
    invariants = operands[sequences + states :]

    def step(carry: Any, x: Any) -> Any:
        new = evaluate_subgraph(xp, body, [*x, *carry, *invariants])
        return tuple(new[:states]), tuple(new[i] for i in kept)

    carry, stacked = lax.scan(
        step, tuple(map(xp.asarray, init)), tuple(map(xp.asarray, xs)), length=length, reverse=reverse
    )
    return unwrap_single((*stacked, *carry))


def unwrap_single(results: tuple[Result, ...]) -> Result | tuple[Result, ...]:
    """Return the value of an op with these results: a single result is not in a tuple."""
    return results if len(results) != 1 else results[0]


def _scan_inference(*operands: Expr, body: Subgraph, **settings: Any) -> Expr:
    """Transform the step for inference and drop operands that it no longer uses, such as a random state."""
    outputs = tuple(inference(body.outputs))
    if any(a is not b for a, b in zip(outputs, body.outputs, strict=True)):
        operands, body, settings = _drop_unused_operands(operands, Subgraph(body.inputs, outputs), settings)
    return scan_loop.op.make(operands, {"body": body, **settings})


def _drop_unused_operands(
    operands: tuple[Expr, ...], body: Subgraph, settings: OpSettings
) -> tuple[tuple[Expr, ...], Subgraph, dict[str, Any]]:
    """Drop sequences and loop-invariant operands that no output depends on."""
    states, sequences, length = (settings[key] for key in ("states", "sequences", "length"))
    used = set(topological(body.outputs))
    scanned = [i for i in range(sequences) if body.inputs[i] in used]
    if not scanned and sequences and length is None:
        steps = _infer_length(operands[:sequences], None)
        length = int(steps) if isinstance(steps, int) else None
        scanned = [0] if length is None else []  # an unused sequence still gives an unknown number of steps
    rest = [i for i in range(sequences, len(operands)) if i < sequences + states or body.inputs[i] in used]
    order = [*scanned, *rest]
    new_body = Subgraph(tuple(body.inputs[i] for i in order), body.outputs)
    return tuple(operands[i] for i in order), new_body, {**settings, "sequences": len(scanned), "length": length}


def _prune_outputs(node: Expr, used: Collection[int]) -> PrunedOp:
    """Return a loop that computes only the used results, and the new position of each."""
    body, states, sequences, kept = (node.settings[key] for key in ("body", "states", "sequences", "kept"))
    stacked = sorted({kept[p] for p in used if p < len(kept)})
    last = {p - len(kept) for p in used if p >= len(kept)}
    live = _find_live_states(body, sequences, {*stacked, *last}, states)
    outputs = [*live, *[i for i in stacked if i >= states]]
    inputs = [i for i in range(len(body.inputs)) if not 0 <= i - sequences < states or i - sequences in live]
    new_body = Subgraph(tuple(body.inputs[i] for i in inputs), tuple(body.outputs[i] for i in outputs))
    settings = {**node.settings, "states": len(live), "kept": tuple(outputs.index(i) for i in stacked)}
    del settings["body"]
    operands, new_body, settings = _drop_unused_operands(tuple(node.inputs[i] for i in inputs), new_body, settings)
    loop = scan_loop.op.make(operands, {**settings, "body": new_body})
    positions = {p: stacked.index(kept[p]) if p < len(kept) else len(stacked) + live.index(p - len(kept)) for p in used}
    return loop, positions


def _restore_outputs(node: Expr) -> PrunedOp:
    """Return a loop that stacks every output of its step, and the new position of each result."""
    kept, outputs, states = node.settings["kept"], len(node.settings["body"].outputs), node.settings["states"]
    positions = dict(enumerate([*kept, *range(outputs, outputs + states)]))
    return scan_loop.op.make(node.inputs, {**node.settings, "kept": None}), positions


def _find_live_states(body: Subgraph, sequences: int, outputs: set[int], states: int) -> list[int]:
    """Return the states that these outputs of the step depend on, directly or through later steps."""
    index_of = {body.inputs[sequences + i]: i for i in range(states)}
    live = {i for i in outputs if i < states}
    pending, seen = [body.outputs[i] for i in outputs], set[Expr]()
    while pending:
        e = pending.pop()
        if e in seen:
            continue
        seen.add(e)
        pending.extend(e.inputs)
        state = index_of.get(e)
        if state is not None:
            live.add(state)
            pending.append(body.outputs[state])
    return sorted(live)


def _draw_examples(rng: np.random.Generator) -> list[Example]:
    x, h, w = Input("x", (3,), "float64"), Input("h", (3,), "float64"), Input("w", (3,), "float64")
    body = Subgraph((x, h, w), (call_op("tanh", x + h * w),))
    operands = (rng.normal(size=(5, 3)), rng.normal(size=3), rng.normal(size=3))
    settings = {"body": body, "states": 1, "sequences": 1}
    return [
        (operands, settings),
        (operands, {**settings, "reverse": True, "checkpoint": 2}),
        (operands, {**settings, "kept": (), "checkpoint": 1}),
    ]


def _text(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    shown = [", reverse=True"] if settings.get("reverse") else []
    shown += [f", {key}={settings[key]}" for key in ("truncate", "checkpoint") if settings.get(key)]
    return ["scan(", *separate_operands(operands), *shown, ")"]


@op(
    infer=_infer_types,
    normalize=_normalize_settings,
    xla=_scan_xla,
    grad=scan_grad,
    inference=_scan_inference,
    narrow=_prune_outputs,
    widen=_restore_outputs,
    examples=_draw_examples,
    cost=0,
    tex=lambda operands, settings: [r"\operatorname{scan}(", *separate_operands(operands, r",\, "), ")"],
    text=_text,
    behind="scan",
)
def scan_loop(
    xp: ArrayNamespace,
    *operands: Array,
    body: Any = None,
    states: int = 0,
    sequences: int = 0,
    length: int | None = None,
    reverse: bool = False,
    kept: Any = None,
    truncate: int | None = None,
    checkpoint: int | None = None,
) -> Any:
    r"""Loop over sequences, the op behind `scan`.

    The operands are the sequences, the initial states and the loop-invariant values. The outputs of a step are the new
    states and then other results. The results of the op are the outputs with the indices ``kept`` (by default all),
    stacked along a new first axis, followed by the last states.

    Parameters
    ----------
    *operands : Expr or array
        Sequences, initial states and captured values.
    body : Subgraph
        One step.
    states : int
        Number of states.
    sequences : int
        Number of sequences.
    length : int or None
        Number of steps, without sequences.
    reverse : bool
        Whether to iterate from the last element.
    kept : tuple of bool or None
        Which stacked results are kept.
    truncate : int or None
        Number of steps of the gradient.
    checkpoint : int or None
        Interval of the states that the gradient stores.

    Examples
    --------
    >>> x = pel.vector("x", shape=(3,))
    >>> pel.scan(lambda x_t, s: s + x_t, x, 0.0)
    scan(x, 0)[0]
    """
    xs, invariants = operands[:sequences], operands[sequences + states :]
    state = list(operands[sequences : sequences + states])
    steps = len(xs[0]) if xs else length or 0
    if any(len(x) != steps for x in xs):
        raise ValueError(f"the sequences must be equally long. Received: lengths {', '.join(str(len(x)) for x in xs)}")
    first = [np.zeros(x.shape[1:], x.dtype) for x in xs]
    empty = body.make_empty_outputs([*first, *state, *invariants])
    results = [empty[k] for k in kept]
    for i, t in enumerate(reversed(range(steps)) if reverse else range(steps)):
        new = evaluate_subgraph(np, body, [*[x[t] for x in xs], *state, *invariants])
        if i == 0:
            results = [np.empty((steps, *np.shape(new[k])), empty[k].dtype) for k in kept]
        for stacked, k in zip(results, kept, strict=True):
            stacked[t] = new[k]
        for before, after in zip(state, new, strict=False):
            if np.shape(before) != np.shape(after):
                raise ValueError(f"a state has shape {np.shape(before)} and becomes {np.shape(after)} after a step")
        state = new[:states]
    return unwrap_single((*results, *state))
