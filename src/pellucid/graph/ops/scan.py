r"""Loops in a graph: `scan`, whose gradient, backpropagation through time, is a scan like any other."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.graph.errors import DtypeError, OptionError, ShapeError
from pellucid.graph.expr import Expr, Input, agree, as_expr
from pellucid.graph.op import public
from pellucid.graph.op_def import result
from pellucid.graph.operators import call
from pellucid.graph.ops.closure_conversion import as_list, beside, body_of, border, made_from, placeholder, written
from pellucid.graph.ops.loop_counters import stepping
from pellucid.graph.ops.scan_primitive import scan_loop
from pellucid.graph.traversal import topological
from pellucid.graph.types import Dim, Unknown

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Taps:
    """A sequence or first states of which a step sees several elements; see `taps`."""

    value: Expr
    lags: tuple[int, ...]


@public
def taps(value: Any, lags: Sequence[int]) -> Taps:
    r"""Say which elements of a sequence, or which earlier states, the step of a `scan` gets:
    :math:`h_t = f(x_{t-1}, x_t, h_{t-2}, h_{t-1})`.

    Parameters
    ----------
    value : Expr
        A sequence, or the first states along the first axis, the oldest first.
    lags : sequence of int
        Where the elements stand, seen from the step: ``[-2, -1]`` are the one before the last and the last. States lie
        before the step, elements of a sequence may lie anywhere; where one would lie outside, there is no step.

    Returns
    -------
    Taps
        To stand among the sequences, or the first states, of a scan; the step gets one argument for each lag.

    Examples
    --------
    >>> import pellucid as pel
    >>> fibonacci = pel.scan(lambda a, b: a + b, init=pel.taps([0.0, 1.0], [-2, -1]), length=5)
    >>> pel.function([], fibonacci)()
    array([1., 2., 3., 5., 8.], dtype=float32)
    """
    told = tuple(int(lag) for lag in lags)
    if not told or len(set(told)) < len(told):
        raise OptionError(f"taps: expected lags, each once, such as [-2, -1]. Received: lags={list(lags)}")
    return Taps(as_expr(value), told)


@dataclass(frozen=True)
class Loop:
    """What a loop makes: every step's results, and the last states."""

    stacked: list[Expr]
    last: list[Expr]
    several: bool


@public
def scan(
    step: Callable[..., Any],
    sequences: Any = (),
    init: Any = (),
    non_sequences: Any = (),
    *,
    length: int | None = None,
    reverse: bool = False,
    truncate: int | None = None,
    checkpoint: bool | int | None = None,
) -> Any:
    r"""Run a step along sequences, each on the state the last one left, :math:`h_t = f(x_t, h_{t-1})`.

    The number of steps is that of the sequences' elements; `while_loop` is for one that depends on what is computed.

    Parameters
    ----------
    step : function
        ``step(*x_t, *h, *non_sequences)`` gets one element of every sequence and every state, as expressions, and
        returns the new states and then anything else to be kept, as one expression or a list or tuple of them. It may
        use any expression from outside, which is computed once, before the loop. Random numbers that it draws are
        others at every step, and the same ones in the gradient.
    sequences : Expr, Taps or sequence of these
        Walked along their first axis. `taps` gives a step several elements.
    init : Expr, number, Taps or sequence of these
        The first states; a state keeps its shape and dtype, and a Python number takes that of the real numbers beside
        it. `taps` gives a step several earlier states.
    non_sequences : Expr or sequence of Expr
        What every step gets alike, after the rest; what it finds outside by itself need not stand here.
    length : int, optional
        The number of steps, needed where there is no sequence.
    reverse : bool
        Whether to go from the end to the beginning; results stand where their sequence elements do.
    truncate : int, optional
        The gradient goes through this many steps, those that ran last; what was before is taken for constant.
    checkpoint : bool or int, optional
        For the gradient, keep the state of every so many steps alone, and compute the steps in between again;
        True takes the square root of the number of steps, so that memory grows as :math:`\sqrt n`.

    Returns
    -------
    Expr or list of Expr
        What the steps returned, stacked along a new first axis; the last state is ``[-1]`` of it, which is not
        computed by stacking.

    Raises
    ------
    ShapeError
        If the sequences differ in length, or a step changes the shape or dtype of a state.
    ValueError
        If ``truncate`` or ``checkpoint`` is no number of steps.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x")
    >>> f = pel.function([x], pel.scan(lambda x_t, s: s + x_t, x, 0.0))
    >>> f([1.0, 2.0, 3.0])
    array([1., 3., 6.], dtype=float32)

    References
    ----------
    R. Bird, Introduction to Functional Programming, 1988 (scan); R. J. Williams and J. Peng, An Efficient
    Gradient-Based Algorithm for On-Line Training of Recurrent Network Trajectories, 1990 (truncation).
    """
    loop = write_loop(
        "scan", step, sequences, init, non_sequences, length, reverse, truncate=truncate, checkpoint=checkpoint
    )
    return loop.stacked if loop.several or len(loop.stacked) > 1 else loop.stacked[0]


def write_loop(
    name: str,
    step: Callable[..., Any],
    sequences: Any,
    init: Any,
    non_sequences: Any = (),
    length: int | None = None,
    reverse: bool = False,
    truncate: int | None = None,
    checkpoint: bool | int | None = None,
) -> Loop:
    """Call a step on placeholders and make a loop of what it returns; ``name`` is what the messages call it."""
    xs = [x for s in as_list(sequences) for x in walked(name, s)]
    starts = [first_states(name, h, [*xs, *as_list(init)]) for h in as_list(init)]
    number = next(_numbers)
    if not xs and length is None:
        raise ShapeError(f"{name}: without a sequence, say how many steps: length=...")
    places = [placeholder(f"x{number}_{i}", x, 1) for i, x in enumerate(xs)]
    states = [
        {lag: placeholder(f"h{number}_{i}" + f"_{-lag}" * (lag < -1), h) for lag, h in start.items()}
        for i, (start, _) in enumerate(starts)
    ]
    seen = [places_of[lag] for places_of, (_, lags) in zip(states, starts, strict=True) for lag in lags]
    counter = Input(f"t{number}", (), "uint32")
    with stepping(counter):
        results, several = written(step, *places, *seen, *map(as_expr, as_list(non_sequences)))
    check_states(name, [start[-1] for start, _ in starts], results)
    if counter in set(topological(results)):
        places.append(counter)
        xs.append(call("arange_like", xs[0], dtype="uint32") if xs else call("arange", length, dtype="uint32"))
    # Of earlier states a step hands on all but the oldest.
    news = [results[i] if lag == -1 else of[lag + 1] for i, of in enumerate(states) for lag in of]
    first = list(itertools.accumulate((len(of) for of in states), initial=0))
    outputs = [*news, *results[len(starts) :]]
    flat = [place for of in states for place in of.values()]
    outer = border(made_from([*places, *flat], outputs), outputs)
    newest = [*first[:-1], *range(len(news), len(outputs))]
    inits = [h for start, _ in starts for h in start.values()]
    operands = (*xs, *inits, *outer)
    settings = {"states": len(flat), "sequences": len(xs), "length": length, "reverse": bool(reverse)}
    cut = cuts(name, truncate, checkpoint, xs[0].shape[0] if xs else length)
    made = scan_loop.op.make(
        operands, {"body": body_of([*places, *flat], outer, outputs), "kept": None, **settings, **cut}
    )
    return Loop([result(made, i) for i in newest], [result(made, len(outputs) + i) for i in first[:-1]], several)


def walked(name: str, sequence: Any) -> list[Expr]:
    """Return a sequence, or what is walked along for each of its taps."""
    x = sequence.value if isinstance(sequence, Taps) else as_expr(sequence)
    if not x.ndim:
        raise ShapeError(f"{name}: a sequence is walked along its first axis. Received: {x}, a number")
    if not isinstance(sequence, Taps):
        return [x]
    low, high = min(sequence.lags), max(sequence.lags)
    return [x[lag - low : (lag - high) or None] for lag in sequence.lags]


def first_states(name: str, init: Any, others: Sequence[Any]) -> tuple[dict[int, Expr], tuple[int, ...]]:
    """Return the first states by how long before the first step they lie, and which of them a step gets."""
    if not isinstance(init, Taps):
        return {-1: beside(init, others)}, (-1,)
    value, depth = init.value, -min(init.lags)
    if max(init.lags) >= 0:
        raise OptionError(f"{name}: states lie before the step. Received: taps of a state with lags {list(init.lags)}")
    if not value.ndim or not agree(value.shape[:1], (depth,)):
        raise ShapeError(
            f"{name}: lags {list(init.lags)} need {depth} first states along the first axis, the oldest first. "
            f"Received: {value}, of type {value.type}"
        )
    return {lag: value[depth + lag] for lag in range(-1, -depth - 1, -1)}, init.lags


def check_states(name: str, starts: Sequence[Expr], results: Sequence[Expr]) -> None:
    """Refuse a step that does not return its states as it got them."""
    if len(results) < len(starts):
        raise ShapeError(
            f"{name}: the step must return the {len(starts)} new states first. Received: {len(results)} results"
        )
    for i, (h, new) in enumerate(zip(starts, results, strict=False)):
        if not agree(new.shape, h.shape) or new.dtype != h.dtype:
            raise (ShapeError if new.dtype == h.dtype else DtypeError)(
                f"{name}: state {i} begins as {h.type} and the step makes it {new.type}; both must be the same. "
                "Cast or reshape one of them"
            ).about([h, new])


def cuts(name: str, truncate: int | None, checkpoint: bool | int | None, steps: Dim | None) -> dict[str, int | None]:
    """Check how a gradient is cut short or computed again, and settle how many steps a segment has."""
    if truncate is not None and (isinstance(truncate, bool) or truncate < 1):
        raise OptionError(
            f"{name}: expected truncate to be a number of steps, 1 or more. Received: truncate={truncate}"
        )
    if checkpoint is not None and checkpoint is not True and checkpoint is not False and checkpoint < 1:
        raise OptionError(
            f"{name}: expected checkpoint to be True or 1 or more steps. Received: checkpoint={checkpoint}"
        )
    if not checkpoint:
        return {"truncate": truncate, "checkpoint": None}
    if truncate is not None:
        raise OptionError(f"{name}: truncate and checkpoint exclude each other; a truncated gradient is short already")
    if not isinstance(steps, int) and (checkpoint is True or checkpoint > 1):
        named = "unknown" if isinstance(steps, Unknown) else steps
        raise ShapeError(
            f"{name}: checkpoints need to know the number of steps, which is {named}. Declare the length of the "
            "sequences, or write checkpoint=1, which keeps all states and nothing else"
        )
    if not isinstance(steps, int):
        return {"truncate": None, "checkpoint": 1}
    return {"truncate": None, "checkpoint": math.isqrt(max(steps, 1)) if checkpoint is True else int(checkpoint)}
