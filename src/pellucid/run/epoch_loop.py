"""Loops over epochs whose last batch is smaller, and the placement of their data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pellucid.run.buffers import Buffer
from pellucid.run.function import Function
from pellucid.run.graph_program import OutputHistory
from pellucid.run.jax_runtime import x64
from pellucid.run.native.program import AutoProgram
from pellucid.run.xla import XlaProgram
from pellucid.typing import Array, ArrayLike


def start_compilation(f: Function, args: Sequence[Buffer], walk: bool) -> Callable[[], None]:
    """Trace a loop for arguments of these shapes, and return a function that compiles it if it is C.

    Several such functions can run in parallel, each with its own compiler process. XLA uses all cores for one program,
    which it compiles when it first runs.
    """
    if isinstance(f.backend, AutoProgram):
        return f.backend.start_compilation(f.bind_arguments(args, {}, walk), walk)
    return lambda: None


def put_on_device(f: Function, args: Sequence[Buffer]) -> list[Buffer]:
    """Return arguments that a loop repeats where it reads them: in memory for C, on the device for XLA."""
    values = f.bind_arguments(args, {})
    if not isinstance(f.backend, XlaProgram):
        return values
    if isinstance(f.backend, AutoProgram) and f.backend.get_loop(values, False) is not None:
        return values
    with x64():
        placed: list[Buffer] = f.backend.place_arguments(values, False)
        return placed


def step_once(f: Function, *args: ArrayLike) -> Any:
    """Compute the outputs once and update the shared variables, by the compiled loop if it is C.

    Unlike a call, this does not move the state to XLA and back between loops.
    """
    return f.shape_outputs([o[()] for o in _step_once(f, f.bind_arguments(args, {}))])


def _step_once(f: Function, values: list[Buffer]) -> list[Array]:
    is_auto = isinstance(f.backend, AutoProgram)
    outputs: list[Array] = f.backend.step_once(values) if is_auto else f.backend.call(values)
    return outputs


def run_epochs(f: Function, args: Sequence[Buffer], last_args: Sequence[Buffer], epochs: int) -> Any:
    """Run epochs of several steps and a last step whose batch has another size; return the outputs of all steps.

    ``args`` has the steps of all epochs along the first axis, and ``last_args`` the last step of each epoch.

    Examples
    --------
    >>> import numpy as np
    >>> x, w = pel.vector("x", shape=("n",)), pel.shared(0.0, "w")
    >>> f = pel.function([x], w, updates={w: w + x.sum()})
    >>> run_epochs(f, [np.ones((4, 3), "float32")], [np.ones((2, 1), "float32")], epochs=2)
    array([ 0.,  3.,  6.,  7., 10., 13.], dtype=float32)
    """
    values, last = f.bind_arguments(args, {}, walk=True), f.bind_arguments(last_args, {}, walk=True)
    if isinstance(f.backend, AutoProgram):
        outputs = f.backend.run_epochs(values, last, epochs)
        if outputs is not None:
            return f.shape_outputs(outputs)
    steps = len(values[0]) // epochs
    history = OutputHistory(len(f.program.outputs))
    for i in range(epochs):
        epoch = OutputHistory(len(f.program.outputs))
        for _ in f.backend.run([a[i * steps : (i + 1) * steps] for a in values], steps, True, epoch):
            pass
        history.append(steps, epoch.pop())
        history.append(1, [o[None] for o in _step_once(f, [a[i] for a in last])])
    return f.shape_outputs(history.pop())
