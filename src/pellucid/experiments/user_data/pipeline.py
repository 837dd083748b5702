"""From settings to a compiled network with data: load, split, encode, build."""

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.data.errors import DataError, DataWarning
from pellucid.experiments.runner.result import pluralize
from pellucid.experiments.user_data.dataset import Dataset, split_dataset
from pellucid.experiments.user_data.loaders import get_options, load_dataset
from pellucid.experiments.user_data.networks import append_unscaling, build_model, complete_optimizer, get_layers
from pellucid.experiments.user_data.settings import Settings
from pellucid.typing import Array

if TYPE_CHECKING:
    from pellucid.model.interfaces import ModelLike


@dataclass
class PreparedRun:
    """A training run before its first step: validated data and a compiled network.

    ``parts`` are indices of the training, validation and test samples. ``x`` has all inputs and ``y`` the targets of
    training: regression targets have mean 0 and variance 1. ``description`` says how inputs are made from the data.
    """

    settings: Settings
    dataset: Dataset
    parts: Mapping[str, Array]
    x: Array
    y: Array
    description: Mapping[str, Any]
    name: str
    layers: Sequence[Mapping[str, Any]]
    model: "ModelLike"
    target_mean: Array
    target_deviation: Array
    timings: dict[str, float] = field(default_factory=dict)

    def get_part(self, name: str) -> tuple[Array, Array]:
        return self.x[self.parts[name]], self.y[self.parts[name]]

    def make_final_model(self) -> "ModelLike":
        """Return the network that predicts in the units of the targets."""
        if self.dataset.class_names:
            return self.model
        return append_unscaling(self.model, self.settings, self.target_mean, self.target_deviation)

    @property
    def weights(self) -> int:
        """Number of trainable weights."""
        from pellucid.model.summary import count_parameters

        return count_parameters(self.model.trainable_parameters)

    @property
    def summary(self) -> list[str]:
        """Data, split, network and training settings in a few lines."""
        dataset, settings = self.dataset, self.settings
        sizes = {name: f"{len(rows):,}" for name, rows in self.parts.items()}
        names = dataset.class_names
        target = (
            f"{len(names)} classes: {', '.join(names[:6])}{' ...' if len(names) > 6 else ''}"
            if names
            else f"predicting {', '.join(dataset.target_names)}"
        )
        optimizer = self.model.optimizer
        rate = optimizer.learning_rate
        learning_rate = f"{rate:g}" if isinstance(rate, float) else str(rate)
        return [
            f"{dataset.where}: {dataset.summary}; {dataset.task}, {target}",
            f"{sizes['training']} training, {sizes['validation']} validation and {sizes['test']} test samples",
            f"{self.name}: {pluralize(len(self.layers), 'layer')}, {pluralize(self.weights, 'weight')}; "
            f"{type(optimizer).__name__}, learning rate {learning_rate}, at most "
            f"{pluralize(settings.epochs or 1, 'epoch')}, batch size {settings.batch_size}, seed {settings.seed}",
        ]


def prepare(settings: Settings, resuming: bool = False) -> PreparedRun:
    """Load and split the data, and build the network; raise a `PellucidError` for an invalid setting, data or layers.

    Data with another checksum than that in the settings cause a warning, or an error if the run is resumed.
    """
    start = time.perf_counter()
    dataset = load_dataset(settings)
    if settings.checksum not in (None, dataset.checksum):
        message = f"{settings.data}: the data have changed since the experiment was written"
        if resuming:
            raise DataError(f"{message}. Restore them to resume the run, or train again")
        warnings.warn(f"{message}. Results will differ", DataWarning, stacklevel=2)
    fractions = {"validation": settings.validation_split, "test": settings.test_split}
    parts = split_dataset(dataset, fractions, settings.seed)
    training = parts["training"]
    x, description = dataset.fit_inputs(training)
    options = {name: description[name] for name in get_options() if name in description}
    settings = replace(settings, checksum=dataset.checksum, options=options).resolve_epochs(len(training))
    settings = replace(settings, optimizer=complete_optimizer(settings, len(training)))
    name, layers = get_layers(settings, x.shape[1:], dataset.outputs, dataset.task)
    y = dataset.targets
    mean: Array = np.zeros(1)
    deviation: Array = np.ones(1)
    if not dataset.class_names:
        mean, deviation = y[training].mean(axis=0, dtype=np.float64), y[training].std(axis=0, dtype=np.float64)
        deviation = np.where(deviation > 0, deviation, 1.0)  # a constant target
        y = ((y - mean) / deviation).astype(np.float32)
    seconds = time.perf_counter() - start
    model = build_model(settings, dataset, x, training, layers, name, description)
    return PreparedRun(
        settings, dataset, parts, x, y, description, name, layers, model, mean, deviation, {"reading": seconds}
    )
