"""Loops in which steps of two sizes take turns, as in epochs whose last batch is smaller, and where their data lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pellucid.run.function import Function
from pellucid.run.jax_runtime import x64
from pellucid.run.native.program import AutoProgram
from pellucid.run.output_history import History
from pellucid.run.xla import XlaProgram


def begun(f: Function, args: Sequence[Any], walk: bool) -> Callable[[], None]:
    """Trace a loop for arguments like these, and return what compiles it, where that is C.

    Several are compiled at once, each by a compiler of its own; XLA takes all cores for one program, when it is met.
    """
    if isinstance(f.backend, AutoProgram):
        return f.backend.begun(f.bound(args, {}, walk), walk)
    return lambda: None


def held(f: Function, args: Sequence[Any]) -> list[Any]:
    """Return the inputs of a loop that repeats them where it wants them: in memory, or on the device for XLA."""
    values = f.bound(args, {})
    if not isinstance(f.backend, XlaProgram):
        return values
    if isinstance(f.backend, AutoProgram) and f.backend.native(values, False) is not None:
        return values
    with x64():
        placed: list[Any] = f.backend.placed(values, False)
        return placed


def turn(f: Function, *args: Any) -> Any:
    """Compute the outputs once, as a call does, by the program of a loop where that is C.

    Between loops it spares the way of the state to XLA and back.
    """
    return f.shape_outputs([o[()] for o in turned(f, f.bound(args, {}))])


def turned(f: Function, values: list[Any]) -> list[Any]:
    """Return the outputs of one step."""
    found: list[Any] = f.backend.turn(values) if isinstance(f.backend, AutoProgram) else f.backend.call(values)
    return found


def rounds(f: Function, whole: Sequence[Any], last: Sequence[Any], count: int) -> Any:
    """Run rounds of several steps and one more, whose batch has another size.

    Parameters
    ----------
    f : Function
        What computes a step of either size.
    whole : sequence of array
        The inputs of the steps, those of all rounds along the first axis.
    last : sequence of array
        The inputs of the step that ends each round.
    count : int
        How many rounds there are.

    Returns
    -------
    array, list or dict
        The outputs of all steps in their order, stacked along a new first axis.

    Examples
    --------
    >>> import numpy as np
    >>> import pellucid as pel
    >>> x, w = pel.vector("x", shape=("n",)), pel.shared(0.0, "w")
    >>> f = pel.function([x], w, updates={w: w + x.sum()})
    >>> rounds(f, [np.ones((4, 3), "float32")], [np.ones((2, 1), "float32")], count=2)
    array([ 0.,  3.,  6.,  7., 10., 13.], dtype=float32)
    """
    args, rest = f.bound(whole, {}, walk=True), f.bound(last, {}, walk=True)
    if isinstance(f.backend, AutoProgram):
        found = f.backend.rounds(args, rest, count)
        if found is not None:
            return f.shape_outputs(found)
    steps = len(args[0]) // count
    history = History(len(f.program.outputs))
    for i in range(count):
        part = History(len(f.program.outputs))
        for _ in f.backend.run([a[i * steps : (i + 1) * steps] for a in args], steps, True, part):
            pass
        history.append(steps, part.take())
        history.append(1, [o[None] for o in turned(f, [a[i] for a in rest])])
    return f.shape_outputs(history.take())
