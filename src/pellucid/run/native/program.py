"""Programs compiled from C, for loops of steps so small that everything around the arithmetic matters more."""

from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pellucid.graph.errors import UseError
from pellucid.graph.expr import Constant, Shared
from pellucid.run.batched_program import BatchedProgram
from pellucid.run.interrupts import Uninterrupted
from pellucid.run.jax_runtime import plain_errors, prepare_memory, runs_on_cpu, x64
from pellucid.run.native import trial_driver
from pellucid.run.native.codegen import MOST_BYTES, Signature, source
from pellucid.run.native.compile_cache import Known, note, place_of, recall
from pellucid.run.native.compiler import compiler, library
from pellucid.run.native.equations import equations_of
from pellucid.run.native.errors import NotNative
from pellucid.run.native.trial_driver import Drive
from pellucid.run.output_history import History
from pellucid.run.program import Program
from pellucid.run.xla import HISTORY_BYTES, LONGEST_CHUNK, XlaProgram

LARGEST = 3000
"""Of how many expressions a step may be made before C is not tried."""


class NativeStep:
    """A compiled loop for arguments of certain shapes.

    Parameters
    ----------
    known : Known
        What was compiled.

    Attributes
    ----------
    bytes : list of int
        How much each output of a step takes.
    """

    def __init__(self, known: Known) -> None:
        self.code, self.outputs, self.function = known.code, known.outputs, known.library.run
        self.bytes = [math.prod(shape) * dtype.itemsize for shape, dtype in self.outputs]

    def __call__(self, state: list[Any], read: list[Any], args: list[Any], first: int, count: int) -> list[Any]:
        """Run some steps, writing into the state, and return the outputs of each."""
        history = [np.empty((count, *shape), dtype) for shape, dtype in self.outputs]
        lists = [pointers(arrays) for arrays in (state, read, args, history)]
        self.function(*lists, ctypes.c_int64(first), ctypes.c_int64(count))
        return history


def written(xla: XlaProgram, state: list[Any], read: list[Any], one: list[Any], walk: bool) -> Callable[[], NativeStep]:
    """Trace a step, write the loop of it as C, and return what compiles that; a loop that is known is found.

    Parameters
    ----------
    xla : XlaProgram
        What is computed.
    state, read, one : list of array
        What one step is given.
    walk : bool
        Whether each step has its own arguments.
    """
    place = place_of(xla.program, one, walk)
    known = None if place is None else recall(place)
    if known is not None:
        return lambda: NativeStep(known)
    with x64(), plain_errors():
        block = equations_of(xla.plain_step, state, read, one)
    code = source(block, Signature(len(state), len(read), len(one), walk))
    outputs = [(v.shape, v.dtype) for v in block.outputs[: len(xla.program.outputs)]]

    def compiled() -> NativeStep:
        made = Known(library(code), code, outputs)
        if place is not None:
            note(place, made)
        return NativeStep(made)

    return compiled


def pointers(arrays: list[Any]) -> Any:
    """Return the addresses of arrays, as C wants them."""
    return (ctypes.c_void_p * max(len(arrays), 1))(*[a.ctypes.data for a in arrays])


def state_of(xla: XlaProgram) -> list[Any]:
    """Return copies of what is written, whole in memory."""
    return [np.array(s.storage, order="C") for s in xla.program.updates]


def read_of(xla: XlaProgram) -> list[Any]:
    """Return what is only read, whole in memory."""
    return [np.asarray(s.value if isinstance(s, Constant) else s.storage, order="C") for s in xla.program.read]


def check_machine() -> None:
    """Leave to XLA what this machine cannot compile, or another part of it computes."""
    if compiler() is None:
        raise NotNative("there is no C compiler on this machine")
    if not runs_on_cpu():
        raise NotNative("it runs on an accelerator")


def check_size(program: Program, state: list[Any], one: list[Any]) -> None:
    """Leave to XLA what is certainly too large."""
    if program.size > LARGEST:
        raise NotNative(f"it has {program.size:,} expressions")
    size = sum(a.nbytes for a in (*state, *one))
    if size > MOST_BYTES:
        raise NotNative(f"its state and arguments take {size:,} bytes")


class AutoProgram(XlaProgram):
    """A program whose loops are compiled from C where that is possible and pays, and everything else by XLA."""

    def native(self, args: list[Any], walk: bool) -> NativeStep | None:
        """Return what was compiled from C for arguments of these shapes, or None where XLA is better."""
        key = self.native_key(args, walk)
        if key not in self.compiled:
            self.begun(args, walk)()
        found: NativeStep | None = self.compiled[key]
        return found

    def begun(self, args: list[Any], walk: bool) -> Callable[[], None]:
        """Trace a loop for arguments of these shapes, and return what compiles it, beside others if need be."""
        key = self.native_key(args, walk)
        prepare_memory()

        def attempt(work: Callable[[], Any]) -> Any:
            """Return what some work comes to, or None where there is something in the place of its program."""
            start = time.perf_counter()
            try:
                return work()
            except NotNative as reason:
                self.compiled[key] = self.otherwise(reason)
                return None
            except Exception as error:
                self.check_lost(error)
                raise
            finally:
                self.compile_seconds += time.perf_counter() - start

        def finish() -> None:
            if key not in self.compiled:
                found = attempt(compiled)
                self.compiled.setdefault(key, found)

        compiled = attempt(lambda: self.made(args, walk))
        return finish

    def native_key(self, args: list[Any], walk: bool) -> Any:
        """Return what tells loops apart: the shapes of what one step is given."""
        return ("native", walk, tuple((a.shape[walk:], a.dtype) for a in args))

    def made(self, args: list[Any], walk: bool) -> Callable[[], NativeStep]:
        """Write a loop as C, unless it is certainly too large, which is found out before it is traced."""
        check_machine()
        state, read, one = state_of(self), read_of(self), [a[0] if walk else a for a in args]
        check_size(self.program, state, one)
        return written(self, state, read, one, walk)

    def otherwise(self, reason: NotNative) -> NativeStep | None:
        """Return what takes the place of a program that is not written as C: nothing, and XLA has it."""
        return None

    def run(
        self, args: list[Any], steps: int, walk: bool, history: History, limit: Callable[[], int] | None = None
    ) -> Iterator[None]:
        """Run many steps in chunks, pausing after each to be watched."""
        native = self.native(args, walk) if history.steps < steps else None
        if native is None:
            yield from super().run(args, steps, walk, history, limit)
            return
        laid, size = self.laid(args, walk), sum(native.bytes) * self.members(args)
        capacity = min(max(HISTORY_BYTES // max(size, 1), 1), LONGEST_CHUNK)

        def chunk(count: int) -> None:
            history.append(count, self.advanced(lambda s, r: self.steps(native, s, r, laid, history.steps, count)))

        yield from self.paced(self.native_key(args, walk), steps, history, capacity, limit, chunk)

    def members(self, args: list[Any]) -> int:
        """Return how many members there are that compute the same."""
        return 1

    def laid(self, args: list[Any], walk: bool) -> list[Any]:
        """Return arguments as a loop finds them in memory."""
        return [np.asarray(a, order="C") for a in args]

    def steps(
        self, native: NativeStep, state: list[Any], read: list[Any], args: list[Any], first: int, count: int
    ) -> list[Any]:
        """Run some steps, writing into the state, and return the outputs of each."""
        return native(state, read, args, first, count)

    def turn(self, args: list[Any]) -> list[Any]:
        """Run one step as a loop over one batch would, so that values need not change their place between loops."""
        batch = [np.asarray(a)[None] for a in args]
        native = self.native(batch, True)
        if native is None:
            return self.call(args)
        laid = self.laid(batch, True)
        return [h[0] for h in self.advanced(lambda s, r: self.steps(native, s, r, laid, 0, 1))]

    def rounds(self, args: list[Any], last: list[Any], count: int) -> list[Any] | None:
        """Run rounds of some steps and one of another size, and return all outputs; None where that is not C."""
        whole, rest = self.native(args, True), self.native(last, True)
        if whole is None or rest is None:
            return None
        mapped = self.program.mapped if isinstance(self.program, BatchedProgram) else None
        try:
            drive = Drive(whole, rest, mapped, self.members(args))
        except NotNative:
            return None
        laid, laid_last = self.laid(args, True), self.laid(last, True)
        return self.advanced(lambda s, r: drive(s, r, laid, laid_last, 0, len(args[0]) // count, count))

    def advanced(self, run: Callable[[list[Any], list[Any]], list[Any]]) -> list[Any]:
        """Run some steps, keep the state they come to, and return their outputs."""
        try:
            with Uninterrupted():
                state = state_of(self)
                outputs = run(state, read_of(self))
                self.program.keep(state)
        except Exception as error:
            self.check_lost(error)
            raise
        return outputs


class MembersProgram(AutoProgram):
    """A program of many members, whose loops are C for one of them, where that is possible and pays."""

    program: BatchedProgram

    def made(self, args: list[Any], walk: bool) -> Callable[[], NativeStep]:
        """Write a loop of one member as C."""
        check_machine()
        one = [a[0] if walk else a for a in args]
        given = [
            [v[0] if m else v for v, m in pair]
            for pair in map(zip, (state_of(self), read_of(self), one), self.program.mapped)
        ]
        check_size(self.program.one, given[0], given[2])
        trial_driver.driver()  # without which no member runs
        return written(XlaProgram(self.program.one), given[0], given[1], given[2], walk)

    def members(self, args: list[Any]) -> int:
        """Return how many members there are."""
        written, read, given = self.program.mapped
        for s, m in zip([*self.program.updates, *self.program.read], [*written, *read], strict=True):
            if m:
                assert isinstance(s, Shared)
                return len(s.storage)
        return next(int(a.shape[-i.ndim]) for a, i, m in zip(args, self.program.inputs, given, strict=True) if m)

    def laid(self, args: list[Any], walk: bool) -> list[Any]:
        """Return arguments with those of a member beside each other."""
        pairs = zip(args, self.program.mapped[2], strict=True)
        return [np.asarray(np.moveaxis(np.asarray(a), 1, 0) if m and walk else a, order="C") for a, m in pairs]

    def steps(
        self, native: NativeStep, state: list[Any], read: list[Any], args: list[Any], first: int, count: int
    ) -> list[Any]:
        """Run some steps of every member."""
        return Drive(native, None, self.program.mapped, self.members(args))(state, read, args, [], first, count, 1)


class NativeProgram(AutoProgram):
    """A program compiled from C whatever it is, or refused with the reason."""

    def otherwise(self, reason: NotNative) -> NativeStep | None:
        """Refuse a program that is not written as C."""
        raise UseError(f"This program is not written as C: {reason}. Take mode='auto', which leaves it to XLA then")

    def call(self, args: list[Any]) -> list[Any]:
        """Run one step and return the outputs."""
        args = [np.asarray(a, order="C") for a in args]
        native = self.native(args, False)
        assert native is not None
        return [np.array(h[0]) for h in self.advanced(lambda s, r: native(s, r, args, 0, 1))]
