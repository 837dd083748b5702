"""Kernels on several CPU devices, each of which computes its part of the batch.

XLA's partitioner cannot divide a custom call. Each call is therefore mapped over the devices (`jax.shard_map`), along
the axis of the samples in every operand and result. Sums over the batch are added over the devices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pellucid.run.jax_runtime import jax

if TYPE_CHECKING:
    from jax import Array as JaxArray

AXIS = "devices"
"""Name of the only axis of a mesh."""

Combine = Callable[["JaxArray"], "JaxArray"]
"""Function that computes a result of the whole batch from those of the devices' parts."""

Kernel = Callable[..., Sequence["JaxArray"]]


@dataclass(frozen=True)
class Sharding:
    """The devices of a program.

    Attributes
    ----------
    mesh : jax.sharding.Mesh
        The devices, on the axis `AXIS`.
    choose_axis : function
        Returns the axis along which the devices divide a variable of some shape; None if each has all of it.
    """

    mesh: Any
    choose_axis: Callable[[tuple[int, ...]], int | None]

    @property
    def count(self) -> int:
        return int(self.mesh.size)

    @property
    def spans_processes(self) -> bool:
        return bool(self.mesh.is_multi_process)


active: ContextVar[Sharding | None] = ContextVar("sharding", default=None)
"""The devices of the program that is traced; None for one device, or inside of a part of several."""


@contextmanager
def use_sharding(sharding: Sharding | None) -> Iterator[None]:
    """Divide kernels over devices inside a ``with`` block."""
    token = active.set(sharding)
    try:
        yield
    finally:
        active.reset(token)


def is_sharded() -> bool:
    """Whether several devices run the program that is traced."""
    return active.get() is not None


def spans_processes() -> bool:
    """Whether the program that is traced runs in several processes, which must compile the same one."""
    sharding = active.get()
    return sharding is not None and sharding.spans_processes


def divides_evenly(length: int) -> bool:
    """Whether all devices have the same number of samples of a batch."""
    sharding = active.get()
    return sharding is None or length % sharding.count == 0


def choose_variable_axis(shape: tuple[int, ...]) -> int | None:
    """Return the axis along which devices divide a variable; None if each has all of it, or there is one device."""
    sharding = active.get()
    return None if sharding is None else sharding.choose_axis(shape)


def shard_batch(
    kernel: Kernel,
    operands: Sequence[JaxArray],
    operand_axes: Sequence[int | None],
    result_axes: Sequence[int | Combine | None],
) -> Sequence[JaxArray]:
    """Return the results of a kernel, which each device runs on its part of the operands.

    Parameters
    ----------
    kernel : function
        Computes results from operands with any number of samples.
    operands : sequence of array
        The operands of the whole batch. Zeros are appended to a batch that the devices do not divide evenly, so sums
        over such a batch must not depend on them.
    operand_axes : sequence of int, optional
        The axis of each operand that is divided; None if every device needs all of it.
    result_axes : sequence of int or function, optional
        The same for each result, or a function that combines the results of the devices.
    """
    sharding = active.get()
    if sharding is None:
        return kernel(*operands)
    j = jax()
    length = next((x.shape[axis] for x, axis in zip(operands, operand_axes, strict=True) if axis is not None), 0)
    missing = -length % sharding.count

    def run_part(*parts: JaxArray) -> list[JaxArray]:
        with use_sharding(None):
            found = kernel(*parts)
        return [axis(part) if callable(axis) else part for part, axis in zip(found, result_axes, strict=True)]

    def specify(axis: int | Combine | None) -> Any:
        return j.sharding.PartitionSpec(*([None] * axis + [AXIS] if isinstance(axis, int) else []))

    def pad(x: JaxArray, axis: int | None) -> JaxArray:
        widths = [(0, missing * (k == axis)) for k in range(x.ndim)]
        return x if axis is None or not missing else j.numpy.pad(x, widths)

    divided = j.shard_map(
        run_part,
        mesh=sharding.mesh,
        in_specs=tuple(map(specify, operand_axes)),
        out_specs=list(map(specify, result_axes)),
        check_vma=False,
    )
    found = divided(*map(pad, operands, operand_axes))
    return [
        j.lax.slice_in_dim(x, 0, length, axis=axis) if missing and isinstance(axis, int) else x
        for x, axis in zip(found, result_axes, strict=True)
    ]


def add_parts(part: JaxArray) -> JaxArray:
    """Add a sum over the batch over all devices."""
    total: JaxArray = jax().lax.psum(part, AXIS)
    return total


def merge_moments(moments: JaxArray) -> JaxArray:
    """Merge the means and variances, in two rows, of parts with equally many samples."""
    j = jax()
    mean = j.lax.pmean(moments[0], AXIS)
    variance = j.lax.pmean(moments[1] + (moments[0] - mean) ** 2, AXIS)
    merged: JaxArray = j.numpy.stack([mean, variance])
    return merged
