"""Time and memory of every expression of a program, and of the program as one, measured."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError, near_miss
from pellucid.graph.evaluate import compute, evaluate, lowered_by
from pellucid.graph.expr import Expr
from pellucid.graph.op_def import OUTPUT
from pellucid.run.interpreter import NumpyProgram
from pellucid.run.jax_runtime import jax, x64
from pellucid.run.kernels.lowerings import own_kernels
from pellucid.run.node_values import parts
from pellucid.run.profile import Profile, Row, Whole
from pellucid.run.program import Program
from pellucid.run.xla import XlaProgram


def measured(program: Program, args: list[Any], by: str, repeats: int, whole: bool) -> Profile:
    """Time every expression of a program alone, and the whole if asked; see `Function.profile`."""
    timers: dict[str, Callable[[Expr, Mapping[Expr, Any]], Callable[[], Any]]] = {"numpy": in_numpy, "xla": in_xla}
    if by not in timers:
        raise OptionError(f"Expected by to be 'numpy' or 'xla'. Received: by={by!r}.{near_miss(by, timers)}")
    if repeats < 1:
        raise OptionError(f"Expected 1 repetition or more. Received: repeats={repeats}")
    values = NumpyProgram(program).values(args)
    with np.errstate(all="ignore"), x64():
        nodes = [e for e in values if e.op is not None and e.op is not OUTPUT]
        seconds = [median(timers[by](e, values), repeats) for e in nodes]
        total = sum(seconds) or 1.0
        rows = [
            Row(e, s, s / total, sum(np.asarray(v).nbytes for v in parts(values[e])), number)
            for number, (e, s) in enumerate(zip(nodes, seconds, strict=True), start=1)
        ]
        overhead = median(nothing if by == "numpy" else nothing_in_xla(), repeats)
    made = Profile(rows, by, repeats, as_one(program, args, repeats) if whole else None, overhead)
    return made.sorted("seconds")


def median(run: Callable[[], Any], repeats: int) -> float:
    """Return the median time of some runs, after one that is not counted."""
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def nothing() -> None:
    """Compute nothing."""


def nothing_in_xla() -> Callable[[], Any]:
    """Return a call of a program that returns what it is given."""
    one = jax().device_put(np.float32(1))
    program = jax().jit(lambda x: x).lower(one).compile()
    return lambda: program(one).block_until_ready()


def in_numpy(e: Expr, values: Mapping[Expr, Any]) -> Callable[[], Any]:
    """Return what computes an expression from its operands in NumPy."""
    operands = [values[i] for i in e.inputs]
    return lambda: compute(np, e, operands)


def in_xla(e: Expr, values: Mapping[Expr, Any]) -> Callable[[], Any]:
    """Return a program that computes one expression alone from operands that lie on the device."""
    j = jax()
    operands = [j.device_put(values[i]) for i in e.inputs]

    def alone(*given: Any) -> Any:
        with lowered_by(own_kernels()):
            return evaluate(j.numpy, [e], dict(zip(e.inputs, given, strict=True)))[0]

    program = j.jit(alone).lower(*operands).compile()
    return lambda: j.block_until_ready(program(*operands))


def as_one(program: Program, args: Sequence[Any], repeats: int) -> Whole:
    """Compile and time the program as one, on copies of its state."""
    backend = XlaProgram(replace(program, donate=False))
    with x64():
        given = [jax().device_put(a) for a in args]
        compiled = backend.compile("call", given, backend.compile_step)
        state = backend.state()
        seconds = median(lambda: jax().block_until_ready(compiled(*state, given)), repeats)
    if not hasattr(compiled, "cost_analysis"):  # cut into segments
        return Whole(seconds, backend.compile_seconds)
    cost, memory = compiled.cost_analysis() or {}, compiled.memory_analysis()
    return Whole(
        seconds,
        backend.compile_seconds,
        cost.get("flops"),
        cost.get("bytes accessed"),
        getattr(memory, "argument_size_in_bytes", None),
        getattr(memory, "output_size_in_bytes", None),
        getattr(memory, "temp_size_in_bytes", None),
    )
