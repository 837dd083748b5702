"""Measurement of time and memory, for each expression of a program and for the whole."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError, near_miss
from pellucid.graph.evaluate import compute_node, evaluate, use_lowerings
from pellucid.graph.expr import Expr
from pellucid.graph.op_def import OUTPUT
from pellucid.graph.validation import check_integer
from pellucid.run.interpreter import NumpyProgram
from pellucid.run.jax_runtime import jax, x64
from pellucid.run.kernels.lowerings import get_lowerings
from pellucid.run.node_values import as_list
from pellucid.run.profile import Profile, ProfileRow, ProgramCost
from pellucid.run.program import Program
from pellucid.run.xla import XlaProgram

Run = Callable[[], Any]


def measure_program(program: Program, args: list[Any], by: str, repeats: int, whole: bool) -> Profile:
    """Measure every expression separately, and optionally the whole program; see `Function.profile`."""
    compilers: dict[str, Callable[[Expr, Mapping[Expr, Any]], Run]] = {"numpy": prepare_numpy, "xla": prepare_xla}
    if by not in compilers:
        raise OptionError(f"Expected by to be 'numpy' or 'xla'. Received: by={by!r}.{near_miss(by, compilers)}")
    repeats = check_integer("repeats", repeats)
    values = NumpyProgram(program).compute_all(args)
    with np.errstate(all="ignore"), x64():
        nodes = [e for e in values if e.op is not None and e.op is not OUTPUT]
        seconds = [measure_median(compilers[by](e, values), repeats) for e in nodes]
        total = sum(seconds) or 1.0
        rows = [
            ProfileRow(e, s, s / total, sum(np.asarray(v).nbytes for v in as_list(values[e])), number)
            for number, (e, s) in enumerate(zip(nodes, seconds, strict=True), start=1)
        ]
        overhead = measure_median((lambda: None) if by == "numpy" else prepare_empty_xla(), repeats)
    cost = measure_whole(program, args, repeats) if whole else None
    return Profile(rows, by, repeats, cost, overhead).sorted("seconds")


def measure_median(run: Run, repeats: int) -> float:
    """Return the median time of some runs, after a first one that is not counted."""
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def prepare_empty_xla() -> Run:
    """Return a call of an XLA program that returns its argument."""
    one = jax().device_put(np.float32(1))
    program = jax().jit(lambda x: x).lower(one).compile()
    return lambda: program(one).block_until_ready()


def prepare_numpy(e: Expr, values: Mapping[Expr, Any]) -> Run:
    operands = [values[i] for i in e.inputs]
    return lambda: compute_node(np, e, operands)


def prepare_xla(e: Expr, values: Mapping[Expr, Any]) -> Run:
    """Return a call of an XLA program that computes one expression from operands on the device."""
    j = jax()
    operands = [j.device_put(values[i]) for i in e.inputs]

    def step(*args: Any) -> Any:
        with use_lowerings(get_lowerings()):
            return evaluate(j.numpy, [e], dict(zip(e.inputs, args, strict=True)))[0]

    program = j.jit(step).lower(*operands).compile()
    return lambda: j.block_until_ready(program(*operands))


def measure_whole(program: Program, args: Sequence[Any], repeats: int) -> ProgramCost:
    """Compile and measure the whole program, on copies of its state."""
    backend = XlaProgram(replace(program, donate=False))
    with x64():
        placed = [jax().device_put(a) for a in args]
        compiled = backend.get_compiled("call", placed, backend.compile_step)
        state = backend.get_state()
        seconds = measure_median(lambda: jax().block_until_ready(compiled(*state, placed)), repeats)
    if not hasattr(compiled, "cost_analysis"):  # a partitioned program
        return ProgramCost(seconds, backend.compile_seconds)
    cost, memory = compiled.cost_analysis() or {}, compiled.memory_analysis()
    return ProgramCost(
        seconds,
        backend.compile_seconds,
        cost.get("flops"),
        cost.get("bytes accessed"),
        getattr(memory, "argument_size_in_bytes", None),
        getattr(memory, "output_size_in_bytes", None),
        getattr(memory, "temp_size_in_bytes", None),
    )
