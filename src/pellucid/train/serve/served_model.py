"""A network as a server runs it: the kind of its samples, its compiled programs, and its predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np

from pellucid.inspect.equivalence.check import draw_batch
from pellucid.inspect.layer_timing import check_sizes
from pellucid.tracking.errors import UsageError
from pellucid.train.evaluate.inference import describe_prediction
from pellucid.train.evaluate.padded_prediction import find_exact_sizes, predict_padded
from pellucid.train.evaluate.saved_models import SavedModel
from pellucid.train.read.feature_names import get_table_columns
from pellucid.train.read.loaders import DataLoader, array_loader
from pellucid.typing import Array

Kind = Literal["table", "image", "array"]
SMALL_SIZES = (2, 8)
"""Sizes of batches smaller than the largest, which are tried."""


class ServedModel:
    """A trained network with compiled programs.

    Parameters
    ----------
    saved : SavedModel
        That of a run folder or of a model file.
    batch_samples : int
        Size of the largest batch.

    Raises
    ------
    UsageError
        If the network has no weights, because it is described by a TOML file.
    ModelError
        If an input has an unknown size.
    """

    def __init__(self, saved: SavedModel, batch_samples: int) -> None:
        if saved.path.suffix.lower() == ".toml":
            raise UsageError(
                f"{saved.path}: expected a trained network, of a run or a .pel or .keras file; received a .toml file, "
                "without weights"
            )
        check_sizes(saved.model)
        self.saved, self.model, self.network = saved, saved.model, saved.network
        self.sizes: tuple[int, ...] = (*(size for size in SMALL_SIZES if size < batch_samples), batch_samples)

    @cached_property
    def description(self) -> Mapping[str, Any]:
        """How the data of the run become inputs; that of a model file is the shape of its samples."""
        if self.network is not None:
            return self.network.description
        return {"kind": array_loader.KIND, "shape": [int(size) for size in self.model.inputs[0].shape[1:]]}

    @property
    def loader(self) -> DataLoader:
        return array_loader.LOADER if self.network is None else self.network.loader

    @cached_property
    def kind(self) -> Kind:
        """Kind of a sample."""
        if get_table_columns(self.description):
            return "table"
        return "image" if "size" in self.description else "array"

    @property
    def input_shapes(self) -> dict[str, list[int]]:
        """The shape of a sample by the names of the inputs."""
        return {
            name: [int(size) for size in e.shape[1:]]
            for name, e in zip(self.model.input_names, self.model.inputs, strict=True)
        }

    def compile(self) -> None:
        """Compile the program of each batch size, and keep those sizes that give the same bits."""
        rng = np.random.default_rng(0)
        samples = draw_batch(self.model.inputs, [], self.model.outputs, rng, self.sizes[-1])
        self.sizes = find_exact_sizes(self.model, samples, self.sizes)

    def compute(self, inputs: Sequence[Array]) -> list[Array]:
        """Return the outputs for samples."""
        values = inputs[0] if len(inputs) == 1 else list(inputs)
        return predict_padded(self.model, values, self.sizes)

    def describe(self, outputs: Sequence[Array], row: int) -> dict[str, Any]:
        """Return a prediction as ``pellucid predict --json`` prints it, or the outputs by name for a model file."""
        if self.network is not None:
            return describe_prediction(self.network, outputs[0][row])
        return {"values": {n: output[row].tolist() for n, output in zip(self.model.output_names, outputs, strict=True)}}
