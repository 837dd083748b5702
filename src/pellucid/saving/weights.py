"""Weight files: arrays by parameter path, as NPZ or safetensors."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from pellucid.atomic_write import atomic_write
from pellucid.graph.errors import OptionError, StorageError, near_miss
from pellucid.graph.expr import Shared
from pellucid.graph.types import format_shape
from pellucid.saving.container import parse_arrays, read_exact
from pellucid.typing import Array, FilePath
from pellucid.untrusted_files.budget import MemoryBudget
from pellucid.untrusted_files.npz import parse_npz
from pellucid.untrusted_files.reading import open_regular_file, report_damage, shorten

SUFFIXES = (".npz", ".safetensors", ".keras", ".weights.h5")


def get_max_weight_bytes(parameters: Iterable[Shared]) -> int:
    """Return the number of bytes that weights and optimizer state of a model can take, with a margin."""
    return 100_000_000 + 20 * sum(p.get_value().nbytes for p in parameters)


def check_suffix(path: FilePath, suffixes: Sequence[str] = SUFFIXES) -> Path:
    if not str(path).endswith(tuple(suffixes)):
        raise OptionError(f"Expected a file name that ends in {', '.join(suffixes)}. Received: {str(path)!r}")
    return Path(path)


def write_arrays(path: Path, parameters: Mapping[str, Shared]) -> None:
    """Write the values of parameters to an NPZ or safetensors file."""
    values = {key: p.get_value() for key, p in parameters.items()}
    if path.suffix == ".npz":
        file = io.BytesIO()
        unsupported = next((key for key, value in values.items() if value.dtype.kind not in "biuf"), None)
        if unsupported is not None:
            raise StorageError(
                f"NPZ files do not support dtype {values[unsupported].dtype}, the dtype of {unsupported}. "
                "Write a .safetensors file"
            )
        # Not np.savez, whose own parameters are names that a weight may have.
        with zipfile.ZipFile(file, "w") as archive:
            for key, value in values.items():
                with archive.open(f"{key}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, value, allow_pickle=False)
        atomic_write(path, file.getvalue())
    else:
        from safetensors.numpy import save

        atomic_write(path, save({key: np.array(value, order="C") for key, value in values.items()}))


def read_arrays(path: Path, max_bytes: int) -> dict[str, Array]:
    """Return the arrays in an NPZ or safetensors file.

    ``max_bytes`` limits the arrays of an NPZ file that is smaller than they are.

    Raises
    ------
    StorageError
        If the file is damaged or of another format. Pickled objects are refused.
    """
    where = f"Cannot read {path}"
    with report_damage(StorageError, where):
        if path.suffix != ".npz":
            return parse_arrays(read_exact(path))
        with open_regular_file(path, StorageError) as (file, size):
            remedy = "The model that reads them has fewer weights"
            return read_npz(file, where, MemoryBudget(max(max_bytes, size), StorageError, where, remedy))


def read_npz(file: IO[bytes], where: str, budget: MemoryBudget) -> dict[str, Array]:
    if file.read(6) == b"\x93NUMPY":
        raise StorageError(f"{where}: expected named arrays. Received: a single array")
    return parse_npz(file, StorageError, where, budget)


def assign_weights(parameters: Mapping[str, Shared], arrays: Mapping[str, Array], path: Path) -> None:
    """Set all parameters to the values of a file, or none if one does not fit.

    Raises
    ------
    StorageError
        If a parameter has no value, a value has no parameter, or a shape or dtype differs.
    """
    missing = [key for key in parameters if key not in arrays]
    extra = sorted(key for key in arrays if key not in parameters)
    if missing:
        hint = near_miss(missing[0], extra)
        others = join_names(extra) or "no other values"
        raise StorageError(f"{path} has no value for {join_names(missing)}.{hint} It has {others}")
    if extra:
        raise StorageError(
            f"{path} has values for {join_names(extra)}, which the model does not have."
            f"{near_miss(extra[0], parameters)}"
        )
    for key, p in parameters.items():
        value = arrays[key]
        if value.shape != p.shape:
            raise StorageError(
                f"{key} has shape {format_shape(p.shape)}. Received: {format_shape(value.shape)}, in {path}"
            )
        if value.dtype != p.dtype:
            raise StorageError(f"{key} has dtype {p.dtype}. Received: {value.dtype}, in {path}")
    for key, p in parameters.items():
        p.set_value(arrays[key])


def join_names(names: Sequence[str], limit: int = 3) -> str:
    return ", ".join(map(shorten, names[:limit])) + (f" and {len(names) - limit} more" if len(names) > limit else "")
