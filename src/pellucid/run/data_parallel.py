"""Programs that many devices run together: each does its part of every batch, and what it adds up is added up over all.

The program is the one that a single device runs. XLA is told that the first axis of what is given lies divided over the
devices and that the state lies whole on each, and works out which sums go over all of them. Nothing else changes, so
neither do random numbers, nor what normalizes over a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from pellucid.graph.errors import StateError
from pellucid.graph.expr import Constant, Shared
from pellucid.run.distributed.process_group import loss_of, together
from pellucid.run.jax_runtime import jax, x64
from pellucid.run.program import Program
from pellucid.run.xla import Compiled, XlaProgram

Devices = tuple[Any, ...] | None
"""Which devices run a program together; None for the one that JAX takes."""

AXIS = "devices"


class DevicesProgram(XlaProgram):
    """A program compiled by XLA for many devices, of this process or of several.

    Parameters
    ----------
    program : Program
        What one device would run.
    devices : tuple of jax.Device
        Those of this process, and those that all others choose too.
    """

    def __init__(self, program: Program, devices: Sequence[Any]) -> None:
        super().__init__(program)
        sharding = jax().sharding
        here = jax().process_index()
        self.own = [d for d in devices if d.process_index == here]
        self.count, self.alone = len(devices), len(self.own) == len(devices)
        mesh = sharding.Mesh(np.array(devices), (AXIS,))
        self.whole = sharding.NamedSharding(mesh, sharding.PartitionSpec())
        self.parts = [sharding.NamedSharding(mesh, sharding.PartitionSpec(*[None] * n, AXIS)) for n in (0, 1)]
        self.settings["out_shardings"] = self.whole

    def step(self, written: list[Any], read: list[Any], args: list[Any]) -> tuple[list[Any], list[Any]]:
        """Trace one step, and say what is divided; in nothing but what JAX has, which it can divide."""
        constrained = jax().lax.with_sharding_constraint

        def laid(values: list[Any], divided: Sequence[bool]) -> list[Any]:
            return [
                constrained(v, self.parts[0] if d and v.ndim else self.whole)
                for v, d in zip(values, divided, strict=True)
            ]

        state, constants, given, made = self.program.divided
        outputs, new = self.plain_step(laid(written, state), laid(read, constants), laid(args, given))
        return laid(outputs, made), laid(new, state)

    def on_device(self, source: Shared | Constant) -> Any:
        """Return a value as an array that lies whole on every device, copied there the first time."""
        if isinstance(source, Constant):
            if source not in self.constants:
                self.constants[source] = self.copied(source.value)
            return self.constants[source]
        storage = source.storage
        if not isinstance(storage, jax().Array) or storage.sharding != self.whole:
            source.storage = self.copied(np.asarray(storage))
        return source.storage

    def copied(self, value: Any) -> Any:
        """Return copies of a value, one on each device, as one array."""
        copies = [jax().device_put(value, device, may_alias=False) for device in self.own]
        return jax().make_array_from_single_device_arrays(np.shape(value), self.whole, copies)

    def placed(self, args: list[Any], walk: bool) -> list[Any]:
        """Return arguments divided over the devices where that comes out even, or else whole on each.

        A process hands its devices their parts of what all processes are given.
        """
        return [a if isinstance(a, jax().Array) and a.committed else self.laid_out(np.asarray(a), walk) for a in args]

    def laid_out(self, value: Any, walk: bool) -> Any:
        """Return one argument on the devices."""
        even = value.ndim > walk and value.shape[walk] % self.count == 0
        return jax().make_array_from_callback(
            value.shape, self.parts[walk] if even else self.whole, lambda place: value[place]
        )

    def call(self, args: list[Any]) -> list[Any]:
        """Run one step and return the outputs."""
        with x64():
            args = self.placed(args, False)
        return super().call(args)

    def compile_step(self, kind: str, args: list[Any]) -> Compiled:
        """Compile one step, whole however large it is."""
        return self.finished(jax().jit(self.step, **self.settings).lower(*self.state(), args))

    def finished(self, lowered: Any) -> Compiled:
        """Return what XLA makes of a lowered program, which is not kept on disk: it is for these devices."""
        compiled: Compiled = lowered.compile()
        return compiled

    def agreed(self, count: int) -> int:
        """Return how many steps come next: in several processes, as many as the clock of the first one says."""
        if self.alone:
            return count
        from jax.experimental.multihost_utils import broadcast_one_to_all

        with together():
            return int(broadcast_one_to_all(np.int32(count)))

    def check_lost(self, error: Exception) -> None:
        """Say which shared variables have lost their values, or that devices or other processes are lost."""
        found = loss_of(error)
        if found is None:
            super().check_lost(error)
            return
        with suppress(StateError):  # the values are marked as lost, and why is told better here
            super().check_lost(error)
        raise found from error
