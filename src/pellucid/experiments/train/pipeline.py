"""From settings to an experiment that can begin: data read and divided, inputs made, the network built."""

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pellucid.data.errors import DataError, DataWarning
from pellucid.experiments.runner.pluralize import counted
from pellucid.experiments.train.dataset import Array, Samples, divided, scale_of
from pellucid.experiments.train.loaders import read
from pellucid.experiments.train.networks import built, layers_for, with_units
from pellucid.experiments.train.settings import Settings


@dataclass
class Prepared:
    """An experiment whose data and network have been found to be good, and which has learnt nothing yet.

    Attributes
    ----------
    settings, samples
        What was asked for, and the data.
    parts : mapping from str to array of int
        Which samples are learnt from, choose the best epoch, and are met at the end alone.
    x, y : array
        All inputs, and targets as the network learns them: those of a regression at mean 0 and variance 1.
    described : mapping
        How inputs are made of what is given, as plain values.
    name, layers
        The network as it is written down.
    model : Model
        The network, compiled.
    mean, deviation : array
        Of what is predicted, where that are numbers.
    """

    settings: Settings
    samples: Samples
    parts: Mapping[str, Array]
    x: Array
    y: Array
    described: Mapping[str, Any]
    name: str
    layers: Sequence[Mapping[str, Any]]
    model: Any
    mean: Array
    deviation: Array
    timings: dict[str, float] = field(default_factory=dict)

    def part(self, name: str) -> tuple[Array, Array]:
        """Return inputs and targets of a part."""
        return self.x[self.parts[name]], self.y[self.parts[name]]

    def final(self) -> Any:
        """Return the network as it predicts: in the units of the targets."""
        if self.samples.class_names:
            return self.model
        return with_units(self.model, self.settings, self.mean, self.deviation)

    @property
    def weights(self) -> int:
        """How many numbers the network learns."""
        return int(sum(np.prod(p.shape) for p in self.model.trainable_parameters))

    @property
    def lines(self) -> list[str]:
        """What it is, in words."""
        samples, settings = self.samples, self.settings
        sizes = {name: f"{len(rows):,}" for name, rows in self.parts.items()}
        names = samples.class_names
        wanted = (
            f"{len(names)} classes: {', '.join(names[:6])}{' ...' if len(names) > 6 else ''}"
            if names
            else f"predicting {', '.join(samples.target_names)}"
        )
        optimizer = self.model.optimizer
        epochs = counted(settings.epochs or 1, "epoch")
        return [
            f"{samples.where}: {samples.told}; {samples.task}, {wanted}",
            f"{sizes['training']} to learn from, {sizes['validation']} to choose the best epoch by, "
            f"{sizes['test']} to test on",
            f"{self.name}: {counted(len(self.layers), 'layer')}, {counted(self.weights, 'weight')}; "
            f"{type(optimizer).__name__} at {float(optimizer.learning_rate):g}, at most {epochs} of batches of "
            f"{settings.batch_size}, seed {settings.seed}",
        ]


def prepare(settings: Settings, goes_on: bool = False) -> Prepared:
    """Read and divide the data, and build the network; nothing is written.

    Other data than the experiment was written down with are warned of, and refused by a run that goes on.

    Raises
    ------
    PellucidError
        Of the kind that belongs to what is wrong: a setting, the data, the layers.
    """
    start = time.perf_counter()
    samples = read(settings)
    if settings.checksum not in (None, samples.checksum):
        told = f"{settings.data}: expected the data that the experiment was written down with; received others"
        if goes_on:
            raise DataError(f"{told}. A run goes on with its own data alone; put them back, or train anew")
        warnings.warn(f"{told}. Its numbers will differ", DataWarning, stacklevel=2)
    settings = replace(settings, checksum=samples.checksum)
    parts = divided(samples, settings)
    training = parts["training"]
    x, described = samples.inputs(training)
    settings = replace(settings, size=described.get("size"), target=described.get("target")).lasting(len(training))
    outputs = len(samples.class_names) or len(samples.target_names)
    name, layers = layers_for(settings, x.shape[1:], outputs, samples.task)
    y = samples.targets
    mean: Array = np.zeros(1)
    deviation: Array = np.ones(1)
    if not samples.class_names:
        mean, deviation = scale_of(y[training])
        y = ((y - mean) / deviation).astype(np.float32).reshape(len(y), -1)
        mean, deviation = mean.reshape(-1), deviation.reshape(-1)
    read_in = time.perf_counter() - start
    model = built(settings, samples, x, training, layers, name)
    return Prepared(
        settings, samples, parts, x, y, described, name, layers, model, mean, deviation, {"reading": read_in}
    )
