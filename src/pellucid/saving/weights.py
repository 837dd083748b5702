"""Weights alone, by the paths of parameters: NPZ and safetensors files."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError, StorageError, near_miss
from pellucid.graph.expr import Shared
from pellucid.graph.types import shape_text
from pellucid.saving.container import arrays_of, replace_file, whole

Array = np.ndarray[Any, Any]
SUFFIXES = (".npz", ".safetensors", ".keras", ".weights.h5")
"""How the names of files end that weights are written to."""


def check_suffix(path: Any, known: Sequence[str] = SUFFIXES) -> Path:
    """Return a path whose ending says what kind of file it is."""
    if not str(path).endswith(tuple(known)):
        raise OptionError(f"Expected a file that ends with {', '.join(known)}. Received: {str(path)!r}")
    return Path(path)


def write_arrays(path: Path, parameters: Mapping[str, Shared]) -> None:
    """Write the values of parameters to an NPZ or a safetensors file, by their paths."""
    values = {key: p.get_value() for key, p in parameters.items()}
    if path.suffix == ".npz":
        file = io.BytesIO()
        odd = next((key for key, value in values.items() if value.dtype.kind not in "biuf"), None)
        if odd is not None:
            raise StorageError(
                f"NumPy's files have no dtype {values[odd].dtype}, which {odd} has. Write a .safetensors file"
            )
        np.savez(file, **values)  # type: ignore[arg-type]
        replace_file(path, file.getvalue())
        return
    from safetensors.numpy import save

    replace_file(path, save({key: np.array(value, order="C", copy=True) for key, value in values.items()}))


def read_arrays(path: Path) -> dict[str, Array]:
    """Return the arrays in an NPZ, a safetensors or a .pel file.

    Raises
    ------
    StorageError
        For a file that is damaged, or one of another kind. No pickle is read.
    """
    try:
        if path.suffix != ".npz":
            return arrays_of(whole(path))
        found = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
        if not isinstance(found, np.lib.npyio.NpzFile):
            raise StorageError("it holds one array, not several by their names")
        with found:
            return {key: found[key] for key in found.files}
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, NotImplementedError, MemoryError) as error:
        reason = str(error) or type(error).__name__
        if "pickle" in reason.lower():
            reason = "it holds objects, which are pickled, or is no NPZ file; pellucid reads no pickle"
        raise StorageError(f"{path} is not read: {reason}") from error


def put(parameters: Mapping[str, Shared], arrays: Mapping[str, Array], path: Path) -> None:
    """Give parameters the values that a file has for them, all of them or none.

    Raises
    ------
    StorageError
        If a parameter has no value, a value no parameter, or a shape or a dtype does not fit.
    """
    missing = [key for key in parameters if key not in arrays]
    extra = sorted(key for key in arrays if key not in parameters)
    if missing:
        hint = near_miss(missing[0], extra)
        raise StorageError(f"{path} has no value for {listed(missing)}.{hint} It has {listed(extra) or 'nothing else'}")
    if extra:
        raise StorageError(
            f"{path} has values for {listed(extra)}, which the model has not.{near_miss(extra[0], parameters)}"
        )
    for key, p in parameters.items():
        value = arrays[key]
        if value.shape != p.shape:
            raise StorageError(f"{key} has shape {shape_text(p.shape)}. Received: {shape_text(value.shape)}, in {path}")
        if value.dtype != p.dtype:
            raise StorageError(f"{key} is {p.dtype}. Received: a value that is {value.dtype}, in {path}")
    for key, p in parameters.items():
        p.set_value(arrays[key])


def listed(names: Sequence[str], most: int = 3) -> str:
    """Write the first of some names."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
