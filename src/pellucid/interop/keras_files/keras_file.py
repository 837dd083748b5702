"""Reading and writing `.keras` files: archives of a model's config and its weights."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pellucid.graph.errors import PellucidError, StorageError, StorageWarning
from pellucid.interop.keras_files.compile_config import read_compile_config, write_compile_config
from pellucid.interop.keras_files.config_reader import ConfigReader
from pellucid.interop.keras_files.config_writer import write_model_config
from pellucid.interop.keras_files.optimizer_state import (
    PREFIX,
    has_known_state,
    read_optimizer_state,
    write_optimizer_state,
)
from pellucid.model.errors import ModelError
from pellucid.saving.container import parse_json
from pellucid.saving.keras_weights import (
    WEIGHTS_FILE,
    read_keras,
    read_member,
    read_numbered_variables,
    write_keras,
)
from pellucid.untrusted_files.budget import MemoryBudget, limit_parameters
from pellucid.untrusted_files.reading import open_regular_file, report_damage

CONFIG_FILE = "config.json"
"""Name of the config inside an archive."""

MAX_CONFIG_BYTES = 16_000_000
"""Largest config; that of a model of a thousand layers has 1 MB."""

MIN_PARAMETER_BYTES = 100_000_000
"""Budget of the parameters of a model whose file is smaller, because weights may be compressed."""


def write_keras_model(model: Any, path: Path) -> None:
    """Write a model that Keras 3 opens; see `Model.save`.

    Raises
    ------
    ModelError
        If Keras does not have a layer or an operation of the model.
    """
    model.check_built()
    config, state = write_model_config(model), {}
    if model.is_compiled:
        try:
            config["compile_config"] = write_compile_config(model)
            state = write_optimizer_state(model)
        except ModelError as error:
            warnings.warn(f"{path}: the compile configuration is left out. {error}", StorageWarning, stacklevel=4)
    write_keras(path, model, config, state)


def read_keras_model(path: Path, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the model in a file of Keras 3; see `pellucid.load_model`."""
    where = f"Cannot read {path}"
    with report_damage(StorageError, where):
        config, size = read_config(path)
        reader = ConfigReader(custom_objects)
        budget = MemoryBudget(max(size, MIN_PARAMETER_BYTES), StorageError, "its weights", "The file has fewer")
        with limit_parameters(budget):
            model = reader.read_model(config)
            model.check_built()
    read_keras(path, model, reader.order)
    compile_as_in_file(model, config.get("compile_config"), reader, path)
    return model


def read_config(path: Path) -> tuple[Any, int]:
    """Return the config in an archive, and the size of the archive in bytes."""
    with open_regular_file(path, StorageError) as (file, size), zipfile.ZipFile(file) as archive:
        if CONFIG_FILE not in archive.namelist():
            what = (
                "weights and no model. Read it with model.load_weights"
                if WEIGHTS_FILE in archive.namelist()
                else ("no model of Keras 3")
            )
            raise StorageError(f"it has {what}")
        return parse_json(read_member(archive, CONFIG_FILE, MAX_CONFIG_BYTES), "config"), size


def compile_as_in_file(model: Any, config: Any, reader: ConfigReader, path: Path) -> None:
    """Compile a model as in the file; warn if pellucid does not have a part of it."""
    where = f"Cannot read all of {path}"
    if not isinstance(config, dict) or not config.get("optimizer") or not config.get("loss"):
        return
    try:
        with report_damage(StorageError, where, "the compile configuration"):
            model.compile(**read_compile_config(config, reader))
    except PellucidError as error:
        warnings.warn(f"{error} The model is not compiled", StorageWarning, stacklevel=5)
        return
    try:
        with report_damage(StorageError, where, "the state of the optimizer"):
            variables = read_numbered_variables(path, model, PREFIX) if has_known_state(model.optimizer) else []
            if variables:
                read_optimizer_state(model, variables, reader.order)
    except StorageError as error:
        warnings.warn(f"{error} The optimizer starts without it", StorageWarning, stacklevel=5)
