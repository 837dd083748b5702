"""Programs compiled from C, for loops of steps so small that everything around the arithmetic matters more."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pellucid.graph.errors import UseError
from pellucid.graph.expr import Constant
from pellucid.run.engine import plain_errors, runs_on_cpu, x64
from pellucid.run.history import History
from pellucid.run.interrupts import Uninterrupted
from pellucid.run.native.compiler import compiler, library
from pellucid.run.native.equations import equations_of
from pellucid.run.native.errors import NotNative
from pellucid.run.native.known import Known, note, place_of, recall
from pellucid.run.native.source import MOST_BYTES, Signature, source
from pellucid.run.xla import HISTORY_BYTES, LONGEST_CHUNK, XlaProgram

LARGEST = 3000
"""Of how many expressions a step may be made before C is not tried."""


class NativeStep:
    """A compiled loop for arguments of certain shapes."""

    def __init__(self, xla: XlaProgram, args: list[Any], walk: bool) -> None:
        place = place_of(xla.program, args, walk)
        known = None if place is None else recall(place)
        if known is None:
            known = written(xla, args, walk)
            if place is not None:
                note(place, known)
        self.code, self.outputs, self.function = known.code, known.outputs, known.library.run
        size = sum(int(np.prod(shape)) * dtype.itemsize for shape, dtype in self.outputs)
        self.capacity = int(np.clip(HISTORY_BYTES // max(size, 1), 1, LONGEST_CHUNK))

    def __call__(self, state: list[Any], read: list[Any], args: list[Any], first: int, count: int) -> list[Any]:
        """Run some steps, writing into the state, and return the outputs of each."""
        history = [np.empty((count, *shape), dtype) for shape, dtype in self.outputs]
        lists = [pointers(arrays) for arrays in (state, read, args, history)]
        self.function(*lists, ctypes.c_int64(first), ctypes.c_int64(count))
        return history


def written(xla: XlaProgram, args: list[Any], walk: bool) -> Known:
    """Trace a step, write the loop of it as C, and compile that."""
    state, read, one = state_of(xla), read_of(xla), [a[0] if walk else a for a in args]
    with x64(), plain_errors():
        block = equations_of(xla.plain_step, state, read, one)
    code = source(block, Signature(len(state), len(read), len(args), walk))
    return Known(library(code), code, [(v.shape, v.dtype) for v in block.outputs[: len(xla.program.outputs)]])


def pointers(arrays: list[Any]) -> Any:
    """Return the addresses of arrays, as C wants them."""
    return (ctypes.c_void_p * max(len(arrays), 1))(*[a.ctypes.data for a in arrays])


def state_of(xla: XlaProgram) -> list[Any]:
    """Return copies of what is written, whole in memory."""
    return [np.array(s.storage, order="C") for s in xla.program.updates]


def read_of(xla: XlaProgram) -> list[Any]:
    """Return what is only read, whole in memory."""
    return [np.asarray(s.value if isinstance(s, Constant) else s.storage, order="C") for s in xla.program.read]


class AutoProgram(XlaProgram):
    """A program whose loops are compiled from C where that is possible and pays, and everything else by XLA."""

    def native(self, args: list[Any], walk: bool) -> NativeStep | None:
        """Return what was compiled from C for arguments of these shapes, or None where XLA is better."""
        key = self.native_key(args, walk)
        if key not in self.compiled:
            start = time.perf_counter()
            try:
                self.refuse(args, walk)
                self.compiled[key] = NativeStep(self, args, walk)
            except NotNative as reason:
                self.compiled[key] = self.otherwise(reason)
            except Exception as error:
                self.check_lost(error)
                raise
            self.compile_seconds += time.perf_counter() - start
        found: NativeStep | None = self.compiled[key]
        return found

    def native_key(self, args: list[Any], walk: bool) -> Any:
        """Return what tells loops apart: the shapes of what one step is given."""
        return ("native", walk, tuple((a.shape[walk:], a.dtype) for a in args))

    def refuse(self, args: list[Any], walk: bool) -> None:
        """Leave to XLA what is certainly too large, before it is traced."""
        if compiler() is None:
            raise NotNative("there is no C compiler on this machine")
        if not runs_on_cpu():
            raise NotNative("it runs on an accelerator")
        if self.program.size > LARGEST:
            raise NotNative(f"it has {self.program.size:,} expressions")
        size = sum(s.storage.nbytes for s in self.program.updates)
        size += sum(a.nbytes // (len(a) if walk and len(a) else 1) for a in args)
        if size > MOST_BYTES:
            raise NotNative(f"its state and arguments take {size:,} bytes")

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
        whole = [np.asarray(a, order="C") for a in args]

        def chunk(count: int) -> None:
            history.append(count, self.advanced(native, whole, history.steps, count))

        yield from self.paced(self.native_key(args, walk), steps, history, native.capacity, limit, chunk)

    def turn(self, args: list[Any]) -> list[Any]:
        """Run one step as a loop over one batch would, so that values need not change their place between loops."""
        batch = [np.asarray(a, order="C")[None] for a in args]
        native = self.native(batch, True)
        if native is None:
            return self.call(args)
        return [h[0] for h in self.advanced(native, batch, 0, 1)]

    def advanced(self, native: NativeStep, args: list[Any], first: int, count: int) -> list[Any]:
        """Run some steps, keep the state they come to, and return their outputs."""
        try:
            with Uninterrupted():
                state = state_of(self)
                outputs = native(state, read_of(self), args, first, count)
                self.program.keep(state)
        except Exception as error:
            self.check_lost(error)
            raise
        return outputs


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
        return [np.array(h[0]) for h in self.advanced(native, args, 0, 1)]
