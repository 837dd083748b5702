"""Weight files: arrays by parameter path, as NPZ or safetensors."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.atomic_write import atomic_write
from pellucid.graph.errors import OptionError, StorageError, near_miss
from pellucid.graph.expr import Shared
from pellucid.graph.types import format_shape
from pellucid.saving.container import parse_arrays, read_exact

Array = np.ndarray[Any, Any]
SUFFIXES = (".npz", ".safetensors", ".keras", ".weights.h5")


def check_suffix(path: Any, suffixes: Sequence[str] = SUFFIXES) -> Path:
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


def read_arrays(path: Path) -> dict[str, Array]:
    """Return the arrays in an NPZ or safetensors file.

    Raises
    ------
    StorageError
        If the file is damaged or of another format. Pickled objects are refused.
    """
    try:
        return read_npz(path.read_bytes()) if path.suffix == ".npz" else parse_arrays(read_exact(path))
    except StorageError as error:
        raise StorageError(f"Cannot read {path}: {error}") from error


def read_npz(content: bytes) -> dict[str, Array]:
    try:
        archive = np.load(io.BytesIO(content), allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise StorageError("expected named arrays. Received: a single array")
        with archive:
            return {key: archive[key] for key in archive.files}
    except Exception as error:  # NumPy evaluates headers as Python literals, which raise any kind of error
        reason = str(error) or type(error).__name__
        if "pickle" in reason.lower():
            reason = "it contains pickled objects, which pellucid refuses, or it is not an NPZ file"
        raise StorageError(reason) from error


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
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")
