"""Programs compiled by XLA: one step, and a loop of steps that is one program."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pellucid.graph.expr import Constant, Shared
from pellucid.run.engine import jax, x64
from pellucid.run.program import Program

HISTORY_BYTES = 4 * 2**20
"""How much the outputs of a loop may take before they are fetched."""

LONGEST_CHUNK = 65536
"""The most steps between two looks at the clock."""

CHUNK_SECONDS = 0.15
"""How long a loop runs before progress is reported and Ctrl-C is heard."""

Report = Callable[[int, list[Any]], None]


class XlaProgram:
    """A program compiled by XLA, once for every set of argument shapes."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.compile_seconds = 0.0
        self.loops: dict[Any, tuple[Any, int]] = {}
        self.single = jax().jit(self.step, donate_argnums=0)

    def step(self, written: list[Any], read: list[Any], args: list[Any]) -> tuple[list[Any], list[Any]]:
        """Trace one step."""
        xp = jax().numpy
        outputs, new = self.program.step(xp, written, read, args)
        return [xp.asarray(o) for o in outputs], [xp.asarray(n) for n in new]

    def state(self) -> tuple[list[Any], list[Any]]:
        """Return the values of what is written and of what is only read, on the device."""
        return [on_device(s) for s in self.program.updates], [on_device(s) for s in self.program.read]

    def keep(self, new: Sequence[Any]) -> None:
        """Put back what the updates produced."""
        for target, value in zip(self.program.updates, new, strict=True):
            target.storage = value

    def call(self, args: list[Any]) -> list[Any]:
        """Run one step and return the outputs."""
        with x64():
            outputs, new = self.single(*self.state(), args)
        self.keep(new)
        return [np.asarray(o) for o in outputs]

    def run(self, args: list[Any], steps: int, walk: bool, report: Report) -> None:
        """Run many steps as a compiled loop, in chunks, reporting the outputs of each chunk."""
        with x64():
            args = [jax().numpy.asarray(a) for a in args]
            loop, capacity = self.loop(args, walk)
            done, count = 0, 1
            while done < steps:
                count = min(count, capacity, steps - done)
                start = time.perf_counter()
                outputs, new = loop(*self.state(), args, np.int32(done), np.int32(count))
                self.keep(new)
                fetched = [np.asarray(o)[:count] for o in outputs]
                if not outputs:
                    jax().block_until_ready(new)
                seconds = time.perf_counter() - start
                done += count
                report(done, fetched)
                count = max(1, int(count * min(8.0, CHUNK_SECONDS / max(seconds, 1e-9))))

    def loop(self, args: list[Any], walk: bool) -> tuple[Any, int]:
        """Return the compiled loop for arguments of these shapes, and the most steps it takes at once."""
        key = (walk, tuple((a.shape, a.dtype) for a in args))
        if key not in self.loops:
            start = time.perf_counter()
            self.loops[key] = self.compile_loop(args, walk)
            self.compile_seconds += time.perf_counter() - start
        return self.loops[key]

    def compile_loop(self, args: list[Any], walk: bool) -> tuple[Any, int]:
        """Compile a loop whose number of steps is an argument, so that one program serves every length."""
        j = jax()
        lax, xp = j.lax, j.numpy
        state = self.state()
        one = [a[0] for a in args] if walk else args
        shapes, _ = j.eval_shape(self.step, *state, one)
        bytes_a_step = sum(int(np.prod(s.shape)) * s.dtype.itemsize for s in shapes)
        capacity = int(np.clip(HISTORY_BYTES // max(bytes_a_step, 1), 1, LONGEST_CHUNK))

        def loop(written: list[Any], read: list[Any], args: list[Any], first: Any, count: Any) -> Any:
            def body(i: Any, carry: Any) -> Any:
                written, history = carry
                now = [lax.dynamic_index_in_dim(a, first + i, keepdims=False) for a in args] if walk else args
                outputs, new = self.step(written, read, now)
                return new, [lax.dynamic_update_index_in_dim(h, o, i, 0) for h, o in zip(history, outputs, strict=True)]

            history = [xp.zeros((capacity, *s.shape), s.dtype) for s in shapes]
            new, history = lax.fori_loop(0, count, body, (written, history))
            return history, new

        compiled = j.jit(loop, donate_argnums=0).lower(*state, args, np.int32(0), np.int32(1)).compile()
        return compiled, capacity


def on_device(source: Shared | Constant) -> Any:
    """Return a value as a JAX array, moving it to the device the first time."""
    if isinstance(source, Constant):
        return source.value
    if isinstance(source.storage, np.ndarray):
        source.storage = jax().numpy.array(source.storage)
    return source.storage
