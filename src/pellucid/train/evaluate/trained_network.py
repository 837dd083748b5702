"""The network of a saved run, with its data loader and the description of its training data."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.data.errors import DataError
from pellucid.tracking.errors import UsageError
from pellucid.tracking.run_folder import DATA, MODEL
from pellucid.train.evaluate.decision import Decision, read_decision
from pellucid.train.read.dataset import is_list_of
from pellucid.train.read.loaders import DataLoader, get_loaders
from pellucid.untrusted_files.reading import read_regular_file, report_damage

if TYPE_CHECKING:
    from pellucid.model.interfaces import ModelLike

TASKS = ("classification", "regression")


@dataclass(frozen=True)
class TrainedNetwork:
    """A network with its data loader and the description of its training data."""

    folder: Path
    model: "ModelLike"
    loader: DataLoader
    description: Mapping[str, Any]

    @property
    def decision(self) -> Decision:
        """How probabilities become classes."""
        return read_decision(self.description)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes; empty for regression."""
        return tuple(self.description["class_names"])


def load_network(folder: Path) -> TrainedNetwork:
    """Load the network of a run; raise `UsageError` if the folder has none, and `DataError` if a file is damaged."""
    from pellucid.model.model import load_model

    if not (folder / MODEL).is_file() or not (folder / DATA).is_file():
        raise UsageError(f"{folder}: expected the folder of a run, with {MODEL} and {DATA}; received another folder")
    description, loader = read_description(folder / DATA)
    model = load_model(folder / MODEL)
    outputs = len(description["class_names"] or description["target_names"])
    with report_damage(DataError, folder / MODEL):
        fits = model.built and len(model.outputs) == 1 and model.outputs[0].shape[1:] == (outputs,)
    if not fits:
        raise DataError(f"{folder / MODEL}: expected a network with {outputs} outputs, as in {DATA}; train again.")
    return TrainedNetwork(folder, model, loader, description)


def read_description(file: Path) -> tuple[Mapping[str, Any], DataLoader]:
    """Read ``data.json``; raise `DataError` if it is not as pellucid wrote it."""
    with report_damage(DataError, f"{file}: expected the description that pellucid train wrote; train again"):
        description = json.loads(read_regular_file(file, DataError))
        loader = next((each for each in get_loaders() if each.kind == description["kind"]), None)
        names = is_list_of(str, description["class_names"]) and is_list_of(str, description["target_names"])
        read_decision(description)
        if loader is None or not (names and description["task"] in TASKS and loader.is_valid(description)):
            raise DataError(f"{file}: expected the description that pellucid train wrote; train again.")
    return description, loader
