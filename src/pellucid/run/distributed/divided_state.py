"""Values of variables that are divided over the devices of several processes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np

from pellucid.extension_points import gathered_value
from pellucid.graph.array_conversion import read_storage
from pellucid.graph.expr import Shared
from pellucid.run.distributed.process_group import translate_losses
from pellucid.typing import Array


@gathered_value.register
def gather_array(storage: object) -> Array:
    """Return the whole of an array that is divided over processes. It is a collective: every process calls it."""
    from jax.experimental.multihost_utils import process_allgather

    with translate_losses():
        return np.asarray(process_allgather(storage, tiled=True))


def list_divided(variables: Iterable[Shared]) -> list[Shared]:
    """Return the variables whose values are divided over processes."""
    return [
        v
        for v in variables
        if not getattr(v.storage, "is_fully_addressable", True) and not v.storage.is_fully_replicated
    ]


def gather_values(variables: Iterable[Shared]) -> None:
    """Replace values that are divided over processes by whole ones. It is a collective: every process calls it."""
    for variable in list_divided(variables):
        variable.storage = read_storage(variable.storage)


@contextmanager
def gathered(variables: Iterable[Shared]) -> Iterator[None]:
    """Give every process the whole values inside a ``with`` block, which every process must enter."""
    divided = {variable: variable.storage for variable in list_divided(variables)}
    gather_values(divided)
    try:
        yield
    finally:
        for variable, storage in divided.items():
            variable.storage = storage
