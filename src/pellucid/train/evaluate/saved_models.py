"""Models in run folders, model files and network files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.errors import near_miss
from pellucid.tracking.errors import UsageError
from pellucid.tracking.run_folder import DATA, MODEL
from pellucid.train.evaluate.trained_network import TrainedNetwork, load_network

if TYPE_CHECKING:
    from pellucid.model.model import Model

MODEL_SUFFIXES = (".pel", ".keras")
EXPECTED = "expected the folder of a run, a .pel or .keras file, or a .toml file of a network"


@dataclass(frozen=True)
class SavedModel:
    """A model with the path that it was read from; ``network`` describes its data if it is that of a run."""

    path: Path
    model: Model
    network: TrainedNetwork | None = None


def load_saved_model(path: Path) -> SavedModel:
    """Load the model of a run or of a file, or build that of a TOML file.

    Raises
    ------
    UsageError
        If there is no such file, or it is of another kind.
    StorageError, ModelError, DataError
        If a file is damaged.
    """
    from pellucid.model.model import load_model

    if not path.exists():
        siblings = [str(path.parent / other.name) for other in path.parent.iterdir()] if path.parent.is_dir() else []
        raise UsageError(f"{path}: no such file or folder.{near_miss(str(path), siblings)}".removesuffix("."))
    suffix = path.suffix.lower()
    folder = path if path.is_dir() else path.parent
    if path.is_dir() or (path.name == MODEL and (folder / DATA).is_file()):
        network = load_network(folder)
        return SavedModel(path, as_model(network.model), network)
    if suffix in MODEL_SUFFIXES:
        return SavedModel(path, load_model(path))
    if suffix == ".toml":
        return SavedModel(path, build_network(path))
    received = f"a {suffix} file" if suffix else "a file without a suffix"
    raise UsageError(f"{path}: {EXPECTED}; received {received}")


def build_network(path: Path) -> Model:
    """Build the network of a TOML file; its data decide about sizes if it names data."""
    from pellucid.inspect.source_export.model_from_toml import from_toml
    from pellucid.train.prepare.prepared_run import prepare
    from pellucid.train.settings.experiment_table import read_experiment_table
    from pellucid.train.settings.settings import Settings
    from pellucid.train.settings.toml_reader import parse_settings

    experiment = read_experiment_table(path)
    if "data" not in experiment.table:
        return from_toml(path)
    settings = parse_settings(experiment)
    if "data" not in settings:
        raise UsageError(f'{path}: expected [data] with source = "photos/"; received no source')
    return as_model(prepare(Settings(**settings)).make_final_model())


def as_model(model: object) -> Model:
    from pellucid.model.model import Model

    assert isinstance(model, Model)
    return model
