"""Data-parallel programs: several devices divide each batch, and sums run over all of them.

The program is that of a single device. Sharding annotations divide the first axis of the inputs over the devices and
replicate the state; XLA's partitioner infers which sums are all-reduced. So random numbers and batch normalization do
not change.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.errors import StateError
from pellucid.graph.expr import Constant, Shared
from pellucid.run.buffers import Buffer
from pellucid.run.distributed.process_group import explain_loss, translate_losses
from pellucid.run.jax_runtime import jax, x64
from pellucid.run.program import Program
from pellucid.run.reassociation_barriers import insert_reassociation_barriers
from pellucid.run.xla import Compiled, XlaProgram
from pellucid.typing import Array

if TYPE_CHECKING:
    from jax import Device
    from jax.stages import Lowered

Devices = tuple[Any, ...] | None
"""The devices of a program; None for JAX's default device."""

AXIS = "devices"


class DataParallelProgram(XlaProgram):
    """A program compiled by XLA for the devices of all processes; every process passes the same ones."""

    count: int
    is_single_process: bool

    def __init__(self, program: Program, devices: Sequence[Device]) -> None:
        super().__init__(program)
        sharding = jax().sharding
        rank = jax().process_index()
        self.local_devices = [d for d in devices if d.process_index == rank]
        self.count, self.is_single_process = len(devices), len(self.local_devices) == len(devices)
        mesh = sharding.Mesh(np.array(devices), (AXIS,))
        self.replicated: Any = sharding.NamedSharding(mesh, sharding.PartitionSpec())
        self.sharded: list[Any] = [
            sharding.NamedSharding(mesh, sharding.PartitionSpec(*[None] * n, AXIS)) for n in (0, 1)
        ]
        """Shardings of the first and of the second axis; in loops the first one is that of the steps."""
        self.jit_options["out_shardings"] = self.replicated

    def trace(
        self, state: Sequence[Buffer], read: Sequence[Buffer], args: Sequence[Buffer]
    ) -> tuple[list[Buffer], list[Buffer]]:
        """Trace one step with sharding constraints. XLA cannot partition pellucid's own kernels, so none are used."""
        constrain = jax().lax.with_sharding_constraint

        def constrain_all(values: Sequence[Buffer], is_sharded: Sequence[bool]) -> list[Buffer]:
            return [
                constrain(v, self.sharded[0] if s and v.ndim else self.replicated)
                for v, s in zip(values, is_sharded, strict=True)
            ]

        leaves = zip((state, read, args), self.program.sharded[:3], strict=True)
        outputs, new = self.trace_without_kernels(*(constrain_all(*pair) for pair in leaves))
        return constrain_all(outputs, self.program.sharded[3]), constrain_all(new, self.program.sharded[0])

    def put_on_device(self, source: Shared | Constant) -> Buffer:
        """Return a value as an array that is replicated on all devices, copying it there the first time."""
        if isinstance(source, Constant):
            if source not in self.constants:
                self.constants[source] = self.replicate(source.value)
            return self.constants[source]
        storage = source.storage
        if not isinstance(storage, jax().Array) or storage.sharding != self.replicated:
            source.storage = self.replicate(np.asarray(storage))
        result: Buffer = source.storage
        return result

    def replicate(self, value: Buffer) -> Buffer:
        """Return one array with a copy of a value on each device."""
        copies = [jax().device_put(value, device, may_alias=False) for device in self.local_devices]
        result: Buffer = jax().make_array_from_single_device_arrays(np.shape(value), self.replicated, copies)
        return result

    def place_arguments(self, args: Sequence[Buffer], walk: bool) -> list[Buffer]:
        """Return arguments on the devices. Each process places the parts of its local devices."""
        is_placed = [isinstance(a, jax().Array) and a.committed for a in args]
        return [a if placed else self.shard(np.asarray(a), walk) for a, placed in zip(args, is_placed, strict=True)]

    def shard(self, value: Buffer, walk: bool) -> Buffer:
        """Divide an argument over the devices if its length is a multiple of their number, or else replicate it."""
        even = value.ndim > walk and value.shape[walk] % self.count == 0
        sharding = self.sharded[walk] if even else self.replicated
        result: Buffer = jax().make_array_from_callback(value.shape, sharding, lambda index: value[index])
        return result

    def call(self, args: Sequence[Buffer]) -> list[Array]:
        with x64():
            args = self.place_arguments(args, False)
        return super().call(args)

    def compile_step(self, kind: str, args: Sequence[Buffer]) -> Compiled:
        return self.compile_lowered(jax().jit(self.trace, **self.jit_options).lower(*self.get_state(), args))

    def compile_lowered(self, lowered: Lowered) -> Compiled:
        """Compile without the on-disk cache, whose programs run on one device."""
        compiled: Compiled = insert_reassociation_barriers(lowered).compile()
        return compiled

    def agree_on_steps(self, count: int) -> int:
        """Return the number of steps of the next chunk. It depends on timing, so rank 0 decides and broadcasts it."""
        if self.is_single_process:
            return count
        from jax.experimental.multihost_utils import broadcast_one_to_all

        with translate_losses():
            return int(broadcast_one_to_all(np.int32(count)))

    def check_deleted(self, error: Exception) -> None:
        """Raise an error if a device or process was lost, or if shared variables lost their values."""
        loss = explain_loss(error)
        if loss is None:
            super().check_deleted(error)
            return
        with suppress(StateError):  # the call marks the values as lost; the error below explains why
            super().check_deleted(error)
        raise loss from error
