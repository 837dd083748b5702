r"""Loops in a graph: `scan`, with taps, truncation and checkpoints, and map, reduce and the folds built on it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.graph.errors import DtypeError, OptionError, ShapeError
from pellucid.graph.expr import Expr, Input, Operand, as_expr, is_compatible_shape
from pellucid.graph.op import get_result
from pellucid.graph.op_decorator import register_function
from pellucid.graph.operators import call_op
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
from pellucid.graph.ops.scan_primitive import scan_loop
from pellucid.graph.ops.symbolic_sizes import as_sizes, make_template
from pellucid.graph.traversal import topological
from pellucid.graph.types import Dim, NamedDim, Unknown
from pellucid.graph.validation import check_integer

_loop_numbers = itertools.count(1)


@dataclass(frozen=True)
class Taps:
    """Sequence or initial states with several elements per step. See `taps`."""

    value: Expr
    lags: tuple[int, ...]


@register_function
def taps(value: Operand, lags: Sequence[int]) -> Taps:
    r"""Pass several elements of a sequence, or several earlier states, to the step of a `scan`:
    :math:`h_t = f(x_{t-1}, x_t, h_{t-2}, h_{t-1})`.

    Parameters
    ----------
    value : Expr
        A sequence, or the initial states along the first axis, the oldest first.
    lags : sequence of int
        Offsets of the elements from the current step. ``[-2, -1]`` are the two previous states. The lags of states
        are negative. The loop has only the steps at which all elements of a sequence exist.

    Returns
    -------
    Taps
        An element of the ``sequences`` or ``init`` of a scan. The step receives one argument for each lag.

    Raises
    ------
    ValueError
        If there are no lags or a lag occurs twice.

    Examples
    --------
    >>> fibonacci = pel.scan(lambda a, b: a + b, init=pel.taps([0.0, 1.0], [-2, -1]), length=5)
    >>> pel.function([], fibonacci)()
    array([1., 2., 3., 5., 8.], dtype=float32)
    """
    lags = tuple(int(lag) for lag in lags)
    if not lags or len(set(lags)) < len(lags):
        raise OptionError(f"taps: expected lags without duplicates, such as [-2, -1]. Received: lags={list(lags)}")
    return Taps(as_expr(value), lags)


@dataclass(frozen=True)
class LoopResults:
    """Stacked results and last states of a loop, and whether its step returned a list."""

    stacked: list[Expr]
    last: list[Expr]
    returns_list: bool


@register_function
def scan(
    step: Step,
    sequences: Operand | Sequence[Operand | Taps] = (),
    init: Operand | Sequence[Operand] = (),
    non_sequences: Operand | Sequence[Operand] = (),
    *,
    length: Dim | None = None,
    reverse: bool = False,
    truncate: int | None = None,
    checkpoint: bool | int | None = None,
) -> Any:
    r"""Run a step for each element of sequences, carrying states from step to step, :math:`h_t = f(x_t, h_{t-1})`.

    The gradient, backpropagation through time, is a loop of the same kind. If the number of steps depends on computed
    values, use `while_loop`.

    Parameters
    ----------
    step : function
        ``step(*x_t, *h, *non_sequences)`` receives one element of every sequence and every state as expressions. It
        returns the new states and then other results to be stacked, as one expression, a list or a tuple. It may use
        any expression from outside, which is computed once, before the loop. Random draws differ at every step, and the
        gradient uses the same draws.
    sequences : Expr, Taps or sequence of these
        Sequences, iterated along their first axis. `taps` passes several elements to a step.
    init : Expr, number, Taps or sequence of these
        Initial states. A state keeps its shape and dtype. A Python number takes the floating-point dtype of the other
        operands. `taps` passes several earlier states to a step.
    non_sequences : Expr or sequence of Expr
        Additional arguments of every step. Outside expressions that the step uses need not be listed.
    length : int, optional
        Number of steps, required without sequences. It may be the size of an expression, such as ``x.shape[0]``.
    reverse : bool
        Whether to iterate from the last element to the first. Results keep the order of the sequences.
    truncate : int, optional
        Number of steps, counted from the last, through which the gradient flows (truncated backpropagation).
    checkpoint : bool or int, optional
        For the gradient, store the states of every ``checkpoint``-th step only and recompute the steps in between.
        True uses the square root of the number of steps, so that memory grows as :math:`\sqrt n`.

    Returns
    -------
    Expr or list of Expr
        Results of all steps, stacked along a new first axis. Indexing with ``[-1]`` gives the last state without
        computing the stack.

    Raises
    ------
    ShapeError
        If the lengths of the sequences differ, or a step changes the shape of a state.
    DtypeError
        If a step changes the dtype of a state.
    ValueError
        If ``length``, ``truncate`` or ``checkpoint`` is invalid.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> f = pel.function([x], pel.scan(lambda x_t, s: s + x_t, x, 0.0))
    >>> f([1.0, 2.0, 3.0])
    array([1., 3., 6.], dtype=float32)

    References
    ----------
    R. Bird, Introduction to Functional Programming, 1988 (scan); R. J. Williams and J. Peng, An Efficient
    Gradient-Based Algorithm for On-Line Training of Recurrent Network Trajectories, 1990 (truncation).
    """
    length = as_sizes(length)
    steps = None if isinstance(length, str) else length
    if isinstance(length, NamedDim):
        step, sequences = use_symbolic_length(step, sequences, length)
    loop = build_loop(
        "scan", step, sequences, init, non_sequences, steps, reverse, truncate=truncate, checkpoint=checkpoint
    )
    return loop.stacked if loop.returns_list or len(loop.stacked) > 1 else loop.stacked[0]


def use_symbolic_length(step: Step, sequences: Any, length: NamedDim) -> tuple[Step, Any]:
    """Return the step and the sequences of a loop whose length is the size of an expression."""
    given = [sequences] if isinstance(sequences, (Expr, Taps)) else list(sequences)
    if not given:
        return lambda _, *arguments: step(*arguments), [make_template((length,))]
    lengths = [e.shape[0] for e in given if isinstance(e, Expr) and e.ndim]
    if length not in lengths:  # the program would not compare them
        raise ShapeError(
            f"scan: expected the length of a sequence, {' or '.join(map(str, lengths)) or 'of taps'}. Received: "
            f"length={length}. Leave it out, or cut the sequences, as in x[:length]"
        )
    return step, given


def build_loop(
    name: str,
    step: Step,
    sequences: Operand | Sequence[Operand | Taps],
    init: Operand | Sequence[Operand],
    non_sequences: Operand | Sequence[Operand] = (),
    length: int | None = None,
    reverse: bool = False,
    truncate: int | None = None,
    checkpoint: bool | int | None = None,
) -> LoopResults:
    """Trace a step and build its loop; ``name`` is the function named in error messages."""
    xs = [x for s in as_list(sequences) for x in _slice_taps(name, s)]
    if not xs and length is None:
        raise ShapeError(f"{name}: expected length=..., the number of steps, because there are no sequences")
    length = None if length is None else check_integer("length", length, 0, owner=name)
    starts = [_get_initial_states(name, h, [*xs, *as_list(init)]) for h in as_list(init)]
    number = next(_loop_numbers)
    x_inputs = [make_placeholder(f"x{number}_{i}", x, 1) for i, x in enumerate(xs)]
    # Per state a placeholder for each lag from -1 down to the oldest; the step sees only the lags of its taps.
    h_inputs = [
        {lag: make_placeholder(f"h{number}_{i}" + f"_{-lag}" * (lag < -1), h) for lag, h in start.items()}
        for i, (start, _) in enumerate(starts)
    ]
    arguments = [by_lag[lag] for by_lag, (_, lags) in zip(h_inputs, starts, strict=True) for lag in lags]
    counter = Input(f"t{number}", (), "uint32")
    with push_loop_counter(counter):
        results, returns_list = trace_function(step, *x_inputs, *arguments, *map(as_expr, as_list(non_sequences)))
    check_states(name, [start[-1] for start, _ in starts], results)
    if counter in set(topological(results)):
        x_inputs.append(counter)
        xs.append(call_op("arange_like", xs[0], dtype="uint32") if xs else call_op("arange", length, dtype="uint32"))
    # The newest state is the step's result; each older one is the state that was one step newer before.
    new_states = [results[i] if lag == -1 else by_lag[lag + 1] for i, by_lag in enumerate(h_inputs) for lag in by_lag]
    newest = list(itertools.accumulate((len(by_lag) for by_lag in h_inputs), initial=0))[:-1]
    outputs = [*new_states, *results[len(starts) :]]
    inputs = [*x_inputs, *(h for by_lag in h_inputs for h in by_lag.values())]
    captures = collect_captures(collect_dependents(inputs, outputs), outputs)
    inits = [h for start, _ in starts for h in start.values()]
    node = scan_loop.op.make(
        (*xs, *inits, *captures),
        {
            "body": make_body(inputs, captures, outputs),
            "states": len(inits),
            "sequences": len(xs),
            "length": length,
            "reverse": bool(reverse),
            "kept": None,
            **_normalize_gradient_settings(name, truncate, checkpoint, xs[0].shape[0] if xs else length),
        },
    )
    stacked = [get_result(node, i) for i in [*newest, *range(len(new_states), len(outputs))]]
    return LoopResults(stacked, [get_result(node, len(outputs) + i) for i in newest], returns_list)


def _slice_taps(name: str, sequence: Any) -> list[Expr]:
    """Return a sequence, or one shifted slice for each of its taps."""
    x = sequence.value if isinstance(sequence, Taps) else as_expr(sequence)
    if not x.ndim:
        raise ShapeError(f"{name}: expected sequences of at least one axis. Received: {x}, a scalar")
    if not isinstance(sequence, Taps):
        return [x]
    low, high = min(sequence.lags), max(sequence.lags)
    return [x[lag - low : (lag - high) or None] for lag in sequence.lags]


def _get_initial_states(
    name: str, init: Operand | Sequence[Operand], others: Sequence[Any]
) -> tuple[dict[int, Expr], tuple[int, ...]]:
    """Return the initial states by lag, and the lags that the step receives."""
    if not isinstance(init, Taps):
        return {-1: to_operand(init, others)}, (-1,)
    value, depth = init.value, -min(init.lags)
    if max(init.lags) >= 0:
        raise OptionError(f"{name}: expected negative lags of a state. Received: lags {list(init.lags)}")
    if not value.ndim or not is_compatible_shape(value.shape[:1], (depth,)):
        raise ShapeError(
            f"{name}: lags {list(init.lags)} need {depth} initial states along the first axis, the oldest first. "
            f"Received: {value}, of type {value.type}"
        )
    return {lag: value[depth + lag] for lag in range(-1, -depth - 1, -1)}, init.lags


def check_states(name: str, starts: Sequence[Expr], results: Sequence[Expr]) -> None:
    """Check that a step returns states of the shapes and dtypes of the initial states."""
    if len(results) < len(starts):
        raise ShapeError(
            f"{name}: the step must return the {len(starts)} new states first. Received: {len(results)} results"
        )
    for i, (h, new) in enumerate(zip(starts, results, strict=False)):
        if not is_compatible_shape(new.shape, h.shape) or new.dtype != h.dtype:
            raise (ShapeError if new.dtype == h.dtype else DtypeError)(
                f"{name}: state {i} is initially {h.type} and the step returns {new.type}; both must be the same. "
                "Cast or reshape one of them"
            ).with_operands([h, new])


def _normalize_gradient_settings(
    name: str, truncate: int | None, checkpoint: bool | int | None, steps: Dim | None
) -> dict[str, int | None]:
    """Validate truncate and checkpoint and compute the number of steps in a segment."""
    if truncate is not None:
        truncate = check_integer("truncate", truncate, owner=name)
    if checkpoint is not None and not isinstance(checkpoint, bool):
        checkpoint = check_integer("checkpoint", checkpoint, owner=name)
    if not checkpoint:
        return {"truncate": truncate, "checkpoint": None}
    if truncate is not None:
        raise OptionError(
            f"{name}: truncate and checkpoint exclude each other; a truncated gradient needs no checkpoints"
        )
    if isinstance(steps, int):
        return {"truncate": None, "checkpoint": math.isqrt(max(steps, 1)) if checkpoint is True else checkpoint}
    if checkpoint is True or checkpoint > 1:
        received = "an unknown number" if isinstance(steps, Unknown) else steps
        raise ShapeError(
            f"{name}: checkpoints require a known number of steps. Received: {received}. Declare the length of the "
            "sequences, or pass checkpoint=1, which stores all states and nothing else"
        )
    return {"truncate": None, "checkpoint": 1}


@register_function
def map_(
    function: Step,
    sequences: Operand | Sequence[Operand | Taps],
    non_sequences: Operand | Sequence[Operand] = (),
) -> Any:
    r"""Apply a function to each element of one or more sequences, :math:`y_t = f(x_t)`.

    Parameters
    ----------
    function : function
        ``function(*x_t, *non_sequences)`` receives one element of each sequence and returns one or more expressions.
    sequences, non_sequences
        As for `scan`.

    Returns
    -------
    Expr or list of Expr
        Results, stacked along a new first axis.

    Examples
    --------
    >>> x = pel.matrix("x")
    >>> f = pel.function([x], pel.map(lambda row: row / row.sum(), x))
    >>> f([[1.0, 3.0], [2.0, 2.0]])
    array([[0.25, 0.75], [0.5 , 0.5 ]], dtype=float32)
    """
    loop = build_loop("map", function, sequences, (), non_sequences)
    return loop.stacked if loop.returns_list else loop.stacked[0]


@register_function
def reduce(
    step: Step,
    sequences: Operand | Sequence[Operand | Taps],
    init: Operand | Sequence[Operand],
    non_sequences: Operand | Sequence[Operand] = (),
    *,
    reverse: bool = False,
) -> Any:
    r"""Reduce sequences to the last states of a loop, :math:`h_T` with :math:`h_t = f(x_t, h_{t-1})`.

    Parameters
    ----------
    step : function
        ``step(*x_t, *h, *non_sequences)`` returns the new states, as for `scan`.
    sequences, init, non_sequences, reverse
        As for `scan`.

    Returns
    -------
    Expr or list of Expr
        Last states, or ``init`` for empty sequences.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> f = pel.function([x], pel.reduce(lambda x_t, s: 2 * s + x_t, x, 0.0))
    >>> float(f([1.0, 0.0, 1.0]))
    5.0
    """
    return _get_last_states(build_loop("reduce", step, sequences, init, non_sequences, reverse=reverse))


@register_function
def foldl(
    step: Step,
    sequences: Operand | Sequence[Operand | Taps],
    init: Operand | Sequence[Operand],
    non_sequences: Operand | Sequence[Operand] = (),
) -> Any:
    r"""Fold sequences from the first element, :math:`f(x_n, \ldots f(x_2, f(x_1, h)))`; see `reduce`.

    Parameters
    ----------
    step : function
        ``step(x_t, h, *non_sequences)`` returns the next state.
    sequences : Expr or sequence of Expr
        Sequences, iterated along their first axis.
    init : Expr or number
        Initial state.
    non_sequences : Expr or sequence of Expr
        Additional arguments of every step.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> float(pel.foldl(lambda x_t, s: x_t - s, x, 0.0).eval({x: [1.0, 2.0, 4.0]}))
    3.0
    """
    return _get_last_states(build_loop("foldl", step, sequences, init, non_sequences))


@register_function
def foldr(
    step: Step,
    sequences: Operand | Sequence[Operand | Taps],
    init: Operand | Sequence[Operand],
    non_sequences: Operand | Sequence[Operand] = (),
) -> Any:
    r"""Fold sequences from the last element, :math:`f(x_1, f(x_2, \ldots f(x_n, h)))`; see `reduce`.

    Parameters
    ----------
    step : function
        ``step(x_t, h, *non_sequences)`` returns the next state.
    sequences : Expr or sequence of Expr
        Sequences, iterated along their first axis.
    init : Expr or number
        Initial state.
    non_sequences : Expr or sequence of Expr
        Additional arguments of every step.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> float(pel.foldr(lambda x_t, s: x_t - 2 * s, x, 0.0).eval({x: [1.0, 2.0, 4.0]}))
    13.0
    """
    return _get_last_states(build_loop("foldr", step, sequences, init, non_sequences, reverse=True))


def _get_last_states(loop: LoopResults) -> list[Expr] | Expr:
    return loop.last if loop.returns_list else loop.last[0]
