"""From settings to a compiled network with data: load, split, encode, build."""

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.data.errors import DataError, DataWarning
from pellucid.tracking.errors import UsageError
from pellucid.tracking.result import pluralize
from pellucid.train.evaluate.decision import Decision, choose_threshold, parse_threshold
from pellucid.train.fit.ensembles import count_members, make_final_layers
from pellucid.train.fit.fine_tuning import check_source, complete_network, transfer
from pellucid.train.fit.networks import (
    append_layers,
    build_model,
    complete_optimizer,
    get_layers,
    resolve_augmentation,
)
from pellucid.train.fit.recipes import get_recipe, resolve_settings
from pellucid.train.fit.weight_source import load_source
from pellucid.train.prepare.class_balance import get_class_weights, get_positive_class
from pellucid.train.read.dataset import Dataset, split_dataset
from pellucid.train.read.loaders import get_options, load_dataset
from pellucid.train.read.out_of_core.row_file import Rows, compute_moments, count_labels, standardize, take_rows
from pellucid.train.read.out_of_core.samples import ArrangedData, arrange_data
from pellucid.train.settings.settings import Settings
from pellucid.typing import Array

if TYPE_CHECKING:
    from pellucid.graph.finding import Finding
    from pellucid.model.interfaces import ModelLike
    from pellucid.train.fit.fine_tuning import FineTuning
    from pellucid.train.fit.weight_source import WeightSource


@dataclass
class PreparedRun:
    """A training run before its first step: validated data and a compiled network.

    ``parts`` are indices of the training, validation and test samples. ``x`` has all inputs and ``y`` the targets of
    training: regression targets have mean 0 and variance 1. ``description`` says how inputs are made from the data.
    ``arranged`` is there for data that are larger than memory: ``x``, ``y`` and the targets are then read from files.
    ``class_weights`` are the weights of classes in the loss, and ``positive`` is the positive of two classes.
    ``data_findings`` are the problems of the data. ``fine_tuning`` says how the network continues from a trained one.
    """

    settings: Settings
    dataset: Dataset
    parts: Mapping[str, Rows]
    x: Array
    y: Array
    description: Mapping[str, Any]
    name: str
    layers: Sequence[Mapping[str, Any]]
    model: "ModelLike"
    target_mean: Array
    target_deviation: Array
    class_weights: Mapping[int, float] | None = None
    positive: int | None = None
    data_findings: "Sequence[Finding]" = ()
    arranged: ArrangedData | None = None
    timings: dict[str, float] = field(default_factory=dict)
    fine_tuning: "FineTuning | None" = None

    def get_part(self, name: str) -> tuple[Array, Array]:
        return self.get_inputs(name), take_rows(self.y, self.parts[name])

    def get_inputs(self, name: str) -> Array:
        return take_rows(self.x, self.parts[name])

    def get_targets(self, name: str) -> Array:
        """Return the targets of a part, in their own units."""
        return take_rows(self.dataset.targets, self.parts[name])

    @property
    def training_counts(self) -> Array:
        """Number of training samples of each class."""
        return count_labels(self.dataset.targets, self.parts["training"], self.dataset.outputs)

    @property
    def storage_notes(self) -> list[str]:
        """Sentences about data that are larger than memory: where they are, and what sees only a sample."""
        return [] if self.arranged is None else [self.arranged.describe(self.settings.memory)]

    def get_validation_data(self) -> tuple[Array, ...]:
        """Return the validation part, with the weights of classes, so that the loss is that of training."""
        x, y = self.get_part("validation")
        if self.class_weights is None:
            return x, y
        weights = np.array([self.class_weights.get(k, 1.0) for k in range(self.dataset.outputs)], np.float32)
        return x, y, weights[y]

    def choose_decision(self, predict: Callable[[str], Array]) -> Decision:
        """Return how probabilities become classes; ``predict`` returns the probabilities of a part of the data."""
        if self.settings.threshold is None or self.positive is None:
            return Decision(self.positive)
        rule = parse_threshold(self.settings.threshold)
        if rule.kind == "number":
            return Decision(self.positive, rule.value)
        is_positive = self.get_targets("validation") == self.positive
        return Decision(self.positive, *choose_threshold(rule, predict("validation")[:, self.positive], is_positive))

    def make_final_model(self) -> "ModelLike":
        """Return the network that predicts in the units of the targets."""
        from pellucid import nn

        layers = list(make_final_layers(self.model))
        if not self.dataset.class_names:
            layers.append(nn.Rescaling(self.target_deviation, self.target_mean, name="in_units"))
        return append_layers(self.model, self.settings, self.dataset.task, layers) if layers else self.model

    @property
    def weights(self) -> int:
        """Number of trainable weights, those of frozen layers included."""
        from pellucid.model.summary import count_parameters

        return count_parameters([p for p in self.model.parameters if p.trainable_by_default])

    @property
    def data_summary(self) -> str:
        """Size of the data, the task, and its classes or targets."""
        dataset, names = self.dataset, self.dataset.class_names
        target = (
            f"{len(names)} classes: {', '.join(names[:6])}{' ...' if len(names) > 6 else ''}"
            if names
            else f"predicting {', '.join(dataset.target_names)}"
        )
        return f"{dataset.summary}; {dataset.task}, {target}"

    @property
    def network_summary(self) -> str:
        """Size of the network, and settings of the training."""
        settings, optimizer = self.settings, self.model.optimizer
        table = settings.optimizer if isinstance(settings.optimizer, dict) else {}
        count = count_members(self.model)
        members = f", {count} members, whose mean loss is minimized" if count else ""
        learning_rate = format_learning_rate(table.get("learning_rate", optimizer.learning_rate))
        return (
            f"{self.name}: {pluralize(len(self.layers), 'layer')}, {pluralize(self.weights, 'weight')}{members}; "
            f"{type(optimizer).__name__}, {learning_rate}, at most "
            f"{pluralize(settings.epochs or 1, 'epoch')}, batch size {settings.batch_size}, seed {settings.seed}"
        )

    @property
    def summary(self) -> list[str]:
        """Data, split, network and training settings in a few lines."""
        dataset = self.dataset
        sizes = {name: f"{len(rows):,}" for name, rows in self.parts.items()}
        other = "regression" if dataset.class_names else "classification"
        doubt = f" (because {dataset.task_reason}; otherwise --task {other})" if dataset.task_reason else ""
        return [
            f"{dataset.where}: {self.data_summary}{doubt}",
            *dataset.describe(self.description),
            *self.storage_notes,
            f"{sizes['training']} training, {sizes['validation']} validation and {sizes['test']} test samples",
            self.network_summary,
            *(self.fine_tuning.summary if self.fine_tuning else ()),
        ]


def format_learning_rate(rate: Any) -> str:
    """Return a learning rate for printing; of a schedule, its kind and its largest rate.

    Examples
    --------
    >>> format_learning_rate(0.001), format_learning_rate({"kind": "OneCycle", "max_learning_rate": 0.002})
    ('learning rate 0.001', 'OneCycle learning rate up to 0.002')
    """
    if not isinstance(rate, Mapping):
        return f"learning rate {rate:g}" if isinstance(rate, float | int) else f"learning rate {rate}"
    largest = rate.get("max_learning_rate") or rate.get("warmup_target") or rate.get("initial_learning_rate")
    suffix = f" up to {largest:g}" if isinstance(largest, float | int) else ""
    return f"{rate['kind']} learning rate{suffix}"


def prepare(settings: Settings, resuming: bool = False, folder: Path | None = None) -> PreparedRun:
    """Load and split the data, and build the network; raise a `PellucidError` for an invalid setting, data or layers.

    Data that are larger than memory are in temporary files in the folder, by default that of the system.
    Data with another checksum than that in the settings cause a warning, or an error if the run is resumed.
    """
    start = time.perf_counter()
    source = load_source(settings)
    if source is None:
        dataset = load_dataset(settings, folder)
    else:
        check_source(settings, source, resuming=resuming)
        settings = source.complete_options(settings)
        dataset = source.load_dataset(settings)
    if settings.checksum not in (None, dataset.checksum):
        message = f"{settings.data}: the data have changed since the experiment was written"
        if resuming:
            raise DataError(f"{message}. Restore them to resume the run, or train again")
        warnings.warn(f"{message}. Results will differ", DataWarning, stacklevel=2)
    parts = split_dataset(
        dataset, {"validation": settings.validation_split, "test": settings.test_split}, settings.seed
    )
    if dataset.stored is None:
        prepared = prepare_parts(settings, dataset, parts, source)
    else:
        check_stored(folds=settings.folds, weights=settings.weights)
        check_classes(settings, dataset, parts)
        arranged = arrange_data(dataset, parts, settings.seed, folder)
        del dataset, parts  # which take memory for every sample
        prepared = prepare_inputs(
            settings, arranged.dataset, arranged.parts, arranged.x, arranged.description, folder=folder
        )
        prepared.arranged = arranged
    prepared.timings["reading"] = time.perf_counter() - start
    return prepared


def check_stored(**options: object) -> None:
    """Raise `UsageError` for an option that needs all samples in memory, if it is given."""
    for name, value in options.items():
        if value is not None:
            raise UsageError(
                f"{name}: not available for data that are larger than memory; omit it, or give a larger --memory"
            )


def prepare_parts(
    settings: Settings, dataset: Dataset, parts: Mapping[str, Array], source: "WeightSource | None" = None
) -> PreparedRun:
    """Build the network for data that are divided into training, validation and test samples.

    A fine-tuned network has weights of ``source``, which is read if it is not given.
    """
    check_classes(settings, dataset, parts)
    source, training = source or load_source(settings), parts["training"]
    x, description = dataset.fit_inputs(training) if source is None else source.make_inputs(dataset, training)
    return prepare_inputs(settings, dataset, parts, x, description, source)


def check_classes(settings: Settings, dataset: Dataset, parts: Mapping[str, Rows]) -> None:
    """Raise if settings and classes do not match."""
    get_class_weights(settings, dataset, parts["training"])
    check_validation(settings, dataset, parts["validation"], get_positive_class(settings, dataset, parts["training"]))


def prepare_inputs(
    settings: Settings,
    dataset: Dataset,
    parts: Mapping[str, Rows],
    x: Array,
    description: Mapping[str, Any],
    source: "WeightSource | None" = None,
    folder: Path | None = None,
) -> PreparedRun:
    """Build the network for inputs; standardized targets of data in files are in another file in the folder."""
    training = parts["training"]
    class_weights = get_class_weights(settings, dataset, training)
    positive = get_positive_class(settings, dataset, training)
    options = {name: description[name] for name in get_options() if name in description}
    settings = replace(settings, checksum=dataset.checksum, options=options)
    if source is not None:
        settings = complete_network(settings, source, dataset, x.shape[1:])
    settings = resolve_augmentation(settings, x)
    name, layers = get_layers(settings, x.shape[1:], dataset.outputs, dataset.task)
    settings = resolve_settings(settings, get_recipe(settings, name), len(training))
    # A schedule lasts for the epochs in which all layers are trained.
    phase = replace(settings, epochs=max(1, (settings.epochs or 1) - (settings.unfreeze_after or 0)))
    settings = replace(settings, optimizer=complete_optimizer(phase, len(training)))
    y = dataset.targets
    mean: Array = np.zeros(1)
    deviation: Array = np.ones(1)
    if not dataset.class_names:
        mean, deviation = compute_moments(y, training)
        deviation = np.where(deviation > 0, deviation, 1.0)  # a constant target
        y = standardize(y, mean, deviation, folder)
    model = build_model(settings, dataset, x, training, layers, name, description)
    prepared = PreparedRun(
        settings, dataset, parts, x, y, description, name, layers, model, mean, deviation, class_weights, positive
    )
    if source is not None:
        prepared.fine_tuning = transfer(settings, source, dataset, model)
    return prepared


def check_validation(settings: Settings, dataset: Dataset, rows: Rows, positive: int | None) -> None:
    """Raise if the validation set cannot choose the threshold of the settings."""
    if settings.threshold is None or parse_threshold(settings.threshold).kind == "number":
        return
    if not (take_rows(dataset.targets, rows) == positive).any():
        name = dataset.class_names[positive or 0]
        raise DataError(
            f"{dataset.where}: expected validation samples of class {name!r}, which choose the threshold; received "
            "none. Add some, or give the threshold as a number."
        )
