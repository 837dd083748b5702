"""Data-parallel programs: several devices divide each batch, and sums run over all of them.

The program is that of a single device. Sharding annotations divide the first axis of the inputs over the devices and
replicate the state; XLA's partitioner infers which sums are all-reduced. So random numbers and batch normalization do
not change. With ``shard="parameters"``, the devices divide the state as well: XLA gathers parameters where they are
used, and each device updates its part.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.array_conversion import read_storage
from pellucid.graph.errors import StateError
from pellucid.graph.evaluate import Lowering, use_lowerings
from pellucid.graph.expr import Constant, Shared
from pellucid.run.buffers import Buffer
from pellucid.run.distributed.process_group import explain_loss, is_equal_in_all_processes, translate_losses
from pellucid.run.graph_program import BatchedProgram, Program
from pellucid.run.jax_runtime import jax, x64
from pellucid.run.kernels.amx.detection import has_amx
from pellucid.run.kernels.batch_sharding import AXIS, Sharding, use_sharding
from pellucid.run.kernels.lowerings import NO_LOWERINGS, get_lowerings
from pellucid.run.native.compiler import describe_compiler
from pellucid.run.parameter_sharding import choose_sharded_axis
from pellucid.run.reassociation_barriers import insert_reassociation_barriers
from pellucid.run.xla import Compiled, XlaProgram
from pellucid.typing import Array, Shard

if TYPE_CHECKING:
    from jax import Device
    from jax.stages import Lowered

Devices = tuple[Any, ...] | None
"""The devices of a program; None for JAX's default device."""


class DataParallelProgram(XlaProgram):
    """A program compiled by XLA for the devices of all processes; every process passes the same ones."""

    is_indexed: bool = False
    count: int
    is_single_process: bool

    def __init__(self, program: Program, devices: Sequence[Device], shard: Shard = None) -> None:
        super().__init__(program)
        sharding = jax().sharding
        rank = jax().process_index()
        self.count, self.is_single_process = len(devices), all(d.process_index == rank for d in devices)
        self.mesh = sharding.Mesh(np.array(devices), (AXIS,))
        self.replicated: Any = sharding.NamedSharding(self.mesh, sharding.PartitionSpec())
        self.sharded: list[Any] = [self.divide_axis(0), self.divide_axis(1)]
        """Shardings of the first and of the second axis; in loops the first one is that of the steps."""
        # Members of a batched program are divided already.
        self.divides_parameters: bool = shard is not None and not isinstance(program, BatchedProgram)
        self.stored: dict[Shared | Constant, Any] = {
            source: self.choose_sharding(source) for source in (*program.updates, *program.read)
        }
        """Shardings of all leaves between steps."""
        self.lowerings: Mapping[str, Lowering] = NO_LOWERINGS
        self.stored_state: list[Any] = [self.stored[s] for s in program.updates]
        self.jit_options["out_shardings"] = (self.replicated, self.stored_state)

    def divide_axis(self, axis: int) -> Any:
        """Return the sharding that divides one axis over the devices."""
        sharding = jax().sharding
        return sharding.NamedSharding(self.mesh, sharding.PartitionSpec(*[None] * axis, AXIS))

    def choose_sharding(self, source: Shared | Constant) -> Any:
        """Return how the devices store a value: they divide the state and parameters, but not data and constants."""
        is_state = source in self.program.updates or is_parameter(source)
        axis = self.choose_axis(source.shape) if is_state else None
        return self.replicated if axis is None else self.divide_axis(axis)

    def choose_axis(self, shape: tuple[int, ...]) -> int | None:
        """Return the axis along which the devices divide a variable; None if each has all of it."""
        return choose_sharded_axis(shape, self.count) if self.divides_parameters else None

    def trace(
        self, state: Sequence[Buffer], read: Sequence[Buffer], args: Sequence[Buffer]
    ) -> tuple[list[Buffer], list[Buffer]]:
        """Trace one step with sharding constraints, and with kernels that the devices divide."""
        state_divided, read_divided, args_divided, outputs_divided = self.program.sharded
        values = (
            self.constrain(state, state_divided, [self.choose_step_sharding(s) for s in self.program.updates]),
            self.constrain(read, read_divided, [self.choose_step_sharding(s) for s in self.program.read]),
            self.constrain(args, args_divided),
        )
        if isinstance(self.program, BatchedProgram):
            outputs, new = self.trace_members(*values)
        else:
            with use_lowerings(self.lowerings), use_sharding(Sharding(self.mesh, self.choose_axis)):
                outputs, new = self.trace_without_kernels(*values)
        return self.constrain(outputs, outputs_divided), self.constrain(new, state_divided, self.stored_state)

    def trace_members(self, *values: list[Buffer]) -> tuple[list[Buffer], list[Buffer]]:
        """Trace one step of a batched program: each device runs its members, with kernels if all have equally many."""
        *divided, outputs_divided = self.program.sharded
        pairs = [pair for group in zip(values, divided, strict=True) for pair in zip(*group, strict=True)]
        if any(value.shape[0] % self.count for value, is_divided in pairs if is_divided):
            return self.trace_without_kernels(*values)
        whole, part = (spec.spec for spec in (self.replicated, self.sharded[0]))
        specs = [[part if d else whole for d in group] for group in (*divided, outputs_divided)]
        with use_lowerings(self.lowerings):
            run = jax().shard_map(
                self.trace_without_kernels,
                mesh=self.mesh,
                in_specs=tuple(specs[:3]),
                out_specs=(specs[3], specs[0]),
                check_vma=False,
            )
            result: tuple[list[Buffer], list[Buffer]] = run(*values)
        return result

    def choose_step_sharding(self, source: Shared | Constant) -> Any:
        """Return the sharding inside a step: parameters are gathered, and optimizer slots stay divided."""
        return self.replicated if is_parameter(source) else self.stored[source]

    def constrain(
        self, values: Sequence[Buffer], is_divided: Sequence[bool], otherwise: Sequence[Any] | None = None
    ) -> list[Buffer]:
        """Divide the first axis of some values, and give the others their own shardings; by default, replicate them."""
        shardings = otherwise or [self.replicated] * len(values)
        return [
            jax().lax.with_sharding_constraint(value, self.sharded[0] if divided and value.ndim else sharding)
            for value, divided, sharding in zip(values, is_divided, shardings, strict=True)
        ]

    def put_all_on_device(self, sources: Iterable[Shared | Constant]) -> list[Buffer]:
        return [self.put_on_device(source) for source in sources]

    def put_on_device(self, source: Shared | Constant) -> Buffer:
        """Return a value as an array on all devices, copying it there the first time."""
        if isinstance(source, Constant):
            if source not in self.constants:
                self.constants[source] = self.place(source.value, self.replicated)
            return self.constants[source]
        storage, sharding = source.storage, self.stored[source]
        if not isinstance(storage, jax().Array) or storage.sharding != sharding:
            source.storage = self.place(read_storage(storage), sharding)
        result: Buffer = source.storage
        return result

    def place(self, value: Array, sharding: Any) -> Buffer:
        """Copy to each device of this process its part of a value, which is all of it if it is replicated."""
        parts = sharding.addressable_devices_indices_map(value.shape)
        copies = [jax().device_put(value[index], device, may_alias=False) for device, index in parts.items()]
        result: Buffer = jax().make_array_from_single_device_arrays(value.shape, sharding, copies)
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

    def make_key(self, kind: str, args: Sequence[Buffer]) -> Hashable:
        """Return the key of a compiled program, which functions with other variables share (`Function.copy`)."""
        return kind, super().make_key(kind, args), *self.stored.values()

    def call(self, args: Sequence[Buffer]) -> list[Array]:
        with x64():
            args = self.place_arguments(args, False)
        return super().call(args)

    def get_compiled(self, kind: str, args: Sequence[Buffer], compile_: Callable[[str, Sequence[Buffer]], Any]) -> Any:
        if not self.compiled:
            self.lowerings = get_lowerings() if self.is_single_process else get_common_lowerings()
        return super().get_compiled(kind, args, compile_)

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


@functools.cache
def get_common_lowerings() -> Mapping[str, Lowering]:
    """Return the kernels if all processes have the same ones, because they must run the same program."""
    lowerings = get_lowerings()
    description = f"{describe_compiler()} {has_amx()}" if lowerings else ""
    return lowerings if is_equal_in_all_processes(zlib.crc32(description.encode())) else NO_LOWERINGS


def is_parameter(source: Shared | Constant) -> bool:
    return isinstance(source, Shared) and source.trainable_by_default
