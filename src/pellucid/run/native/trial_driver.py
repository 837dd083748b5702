"""Many members of one compiled step, and rounds of steps of two sizes, driven from C on all cores."""

from __future__ import annotations

import ctypes
import functools
import itertools
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.run.jax_runtime import cores
from pellucid.run.native.compiler import library

if TYPE_CHECKING:
    from pellucid.run.native.program import NativeStep


class Values(ctypes.Structure):
    """Arrays as ``members.c`` wants them: where they lie, and where those of the next member do."""

    _fields_ = [
        ("count", ctypes.c_int64),
        ("at", ctypes.POINTER(ctypes.c_void_p)),
        ("stride", ctypes.POINTER(ctypes.c_int64)),
    ]


@functools.cache
def driver() -> Any:
    """Return the compiled driver."""
    return library(Path(__file__).with_name("trial_driver.c").read_text("utf-8")).drive


@functools.cache
def threads() -> tuple[ThreadPoolExecutor, int]:
    """Return threads, one for each core, and how many they are."""
    return ThreadPoolExecutor(cores(), "pellucid members"), cores()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=threads.cache_clear)  # they are not in the child, which would wait for them


class Drive:
    """What runs the steps of all members.

    Parameters
    ----------
    whole : NativeStep
        The steps of one member.
    rest : NativeStep or None
        The step that ends a round, for batches of another size.
    mapped : three lists of bool, or None
        Which of state, read and arguments differ from member to member; None where there is one member and no axis.
    members : int
        How many there are.

    Raises
    ------
    NotNative
        If what drives them cannot be compiled.
    """

    def __init__(
        self, whole: NativeStep, rest: NativeStep | None, mapped: Sequence[Sequence[bool]] | None, members: int
    ) -> None:
        self.whole, self.rest, self.mapped, self.members = whole, rest, mapped, members
        self.drive = driver()

    def __call__(
        self,
        state: list[Any],
        read: list[Any],
        args: list[Any],
        last: list[Any],
        first: int,
        steps: int,
        rounds: int,
    ) -> list[Any]:
        """Run rounds, writing into the state, and return the outputs of every step, with the members behind it."""
        turns = rounds * (steps + (self.rest is not None))
        history = [np.empty((self.members, turns, *shape), dtype) for shape, dtype in self.whole.outputs]
        written, only_read, given = self.mapped or [[False] * len(arrays) for arrays in (state, read, args)]
        lists = [
            values(state, written),
            values(read, only_read),
            values(args, given),
            values(last, given[: len(last)]),
            values(history, [True] * len(history)),
        ]
        sizes = (ctypes.c_int64 * max(len(history), 1))(*self.whole.bytes)
        functions = [self.whole.function, self.rest.function if self.rest else None]
        addresses = [ctypes.cast(f, ctypes.c_void_p) if f else ctypes.c_void_p() for f in functions]

        def run(span: tuple[int, int]) -> None:
            self.drive(
                *addresses,
                *(ctypes.c_int64(n) for n in (rounds, steps, first, *span)),
                *(ctypes.byref(each) for each in lists),
                sizes,
            )

        if self.members == 1:
            run((0, 1))
        else:
            pool, count = threads()
            ends = np.linspace(0, self.members, min(count, self.members) + 1).astype(int).tolist()
            list(pool.map(run, itertools.pairwise(ends)))
        if self.mapped is None:
            return [h[0] for h in history]
        return [np.asarray(np.moveaxis(h, 0, 1), order="C") for h in history]


def values(arrays: list[Any], mapped: Sequence[bool]) -> Values:
    """Return where arrays lie."""
    at = (ctypes.c_void_p * max(len(arrays), 1))(*[a.ctypes.data for a in arrays])
    strides = [a.nbytes // len(a) if m else 0 for a, m in zip(arrays, mapped, strict=True)]
    return Values(len(arrays), at, (ctypes.c_int64 * max(len(arrays), 1))(*strides))
