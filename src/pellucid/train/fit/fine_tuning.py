"""Fine-tuning: copies the weights of a trained network, replaces its head, freezes layers, and sets learning rates.

The head is the last layer with weights. Layers are compared in order, without those that have no weights.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.data.errors import DataError, DataWarning
from pellucid.graph.types import format_shape
from pellucid.graph.unique_names import UniqueNames
from pellucid.nn.layers import PiecewiseLinearEncoding
from pellucid.nn.registry import snake_case
from pellucid.tracking.errors import UsageError, suggest_name
from pellucid.tracking.result import pluralize
from pellucid.train.fit.ensembles import compile_ensemble, count_members
from pellucid.train.fit.networks import (
    find_head,
    get_hidden_layers,
    get_layers,
    get_loss_and_metrics,
    get_optimizer,
    resize_head,
)
from pellucid.train.fit.weight_source import FINAL_LAYERS, SCALING, WeightSource
from pellucid.train.read.dataset import Dataset

if TYPE_CHECKING:
    from pellucid.model.interfaces import ModelLike
    from pellucid.nn.layers import Layer
    from pellucid.train.settings.settings import Settings

Table = Mapping[str, Any]

ALL_BUT_HEAD = "all-but-head"


@dataclass(frozen=True)
class TunedLayer:
    """A layer of the new network: where its weights come from, and how it is trained."""

    name: str
    kind: str
    weights: str
    trained: str
    rate: float


@dataclass(frozen=True, eq=False)
class FineTuning:
    """How a network continues from a trained one.

    ``rates`` are the factors of the learning rate by layer name, and ``frozen`` the names of frozen layers.
    """

    source: str
    difference: str
    head: str
    layers: Sequence[TunedLayer]
    frozen: Sequence[str]
    rates: Mapping[str, float]
    unfreeze_after: int | None = None

    def describe(self) -> dict[str, Any]:
        """Return the values for the record."""
        return {
            "weights": self.source,
            "head": self.head,
            "difference": self.difference,
            "unfreeze_after": self.unfreeze_after,
            "layers": [vars(layer) for layer in self.layers],
        }

    @property
    def summary(self) -> list[str]:
        """Copied, new and frozen layers as a table for printing."""
        why = f" ({self.difference})" if self.difference else ""
        kept = "is kept" if self.head == "keep" else "is replaced: its weights are new"
        header = TunedLayer("layer", "kind", "weights", "trained", 0.0)
        cells = [
            [each.name, each.kind, each.weights, each.trained, f"{each.rate:g}" if index else "rate"]
            for index, each in enumerate((header, *self.layers))
        ]
        widths = [max(len(row[k]) for row in cells) for k in range(5)]
        rows = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
        return [f"fine-tuning {self.source}: the head {kept}{why}", *(f"  {row}".rstrip() for row in rows)]

    def apply(self, model: ModelLike) -> None:
        """Freeze layers of a network and set its learning rates."""
        set_trainable(model, self.frozen, self.rates)

    def unfreeze(self, model: ModelLike, settings: Settings) -> None:
        """Make all layers trainable, with a new optimizer: the old one has no state of the frozen layers."""
        from pellucid.inspect.source_export.model_from_toml import TomlModelReader

        reader = TomlModelReader(settings.layers_from, sources=settings.sources)
        loss, metrics = get_loss_and_metrics(settings, str(settings.task))
        optimizer = reader.build_object(get_optimizer(settings), "optimizer", "[optimizer]")
        model.compile(optimizer, reader.build_loss(loss), metrics=reader.build_metrics(metrics))
        if count_members(model):
            compile_ensemble(model)
        set_trainable(model, (), self.rates)


def set_trainable(model: ModelLike, frozen: Sequence[str], rates: Mapping[str, float]) -> None:
    for layer in model.layers:
        layer.trainable = layer.name not in frozen
    options = model.optimizer.options
    given: Mapping[Any, float] = options["multipliers"] or {}
    factors: dict[Any, float] = {
        p.name: rates[layer.name] * given.get(p.name, 1.0)
        for layer in model.layers
        if rates.get(layer.name, 1.0) != 1.0
        for p in layer.parameters
        if p.trainable and p.name
    }
    options["multipliers"] = {**given, **factors} or None


def complete_network(settings: Settings, source: WeightSource, dataset: Dataset, shape: Sequence[int]) -> Settings:
    """Return settings with the layers of the new network, named, and with what happens to the head.

    Raises `UsageError` if the head of the trained network cannot be kept or replaced.
    """
    difference, can_keep = source.describe_difference(dataset)
    head = settings.head or ("replace" if difference else "keep")
    if head == "keep" and not can_keep:
        raise UsageError(
            f"head: expected the targets of {source.path} to keep its head; received others: {difference}. Omit --head "
            "keep, or use --head replace"
        )
    name, inputs, outputs = settings.model or "network", settings.inputs, settings.outputs
    layers_from = settings.layers_from
    if settings.layers is not None:
        layers = settings.layers
    elif settings.model is not None or (network := source.network) is None:
        name, layers = get_layers(settings, shape, dataset.outputs, dataset.task)
    else:
        layers, layers_from = keep_edges(network["layers"], source), str(source.path)
        inputs, outputs, name = network.get("inputs"), network.get("outputs"), network.get("model", name)
        if head == "replace":
            if isinstance(outputs, list):
                raise UsageError(
                    f"head: expected a network with one output layer, which can be replaced; received {source.path} "
                    f"with {', '.join(outputs)}. Write the layers into a .toml file, and add --model with it"
                )
            layers = replace_head(layers, dataset.outputs, dataset.task, source.path)
        if settings.augment not in (None, "none"):
            layers = add_augmentation(layers, shape, settings.augment, source.path)
    return replace(
        settings,
        model=name,
        layers=name_layers(layers),
        layers_from=layers_from,
        inputs=inputs,
        outputs=outputs,
        augment="none",
        head=head,
        task="classification" if dataset.class_names else "regression",
        weights=str(source.path.resolve()),
        weights_checksum=source.checksum,
    )


def check_source(settings: Settings, source: WeightSource, *, resuming: bool) -> None:
    """Warn, or raise if a run is resumed, if the trained network is another than that of an earlier run."""
    if settings.weights_checksum in (None, source.checksum):
        return
    message = f"{source.path}: the weights have changed since the experiment was written"
    if resuming:
        raise DataError(f"{message}. Restore them to resume the run, or train again")
    warnings.warn(f"{message}. Results will differ", DataWarning, stacklevel=3)


def name_layers(layers: Sequence[Table]) -> list[dict[str, Any]]:
    """Return layers with names, such as ``dense`` and ``dense_1``.

    Examples
    --------
    >>> [each["name"] for each in name_layers([{"kind": "Dense"}, {"kind": "Dense", "name": "x"}, {"kind": "Dense"}])]
    ['dense', 'x', 'dense_1']
    """
    names = UniqueNames(str(table["name"]) for table in layers if "name" in table)
    named = []
    for table in layers:
        given = {} if "again" in table or "name" in table else {"name": names.add(snake_case(str(table.get("kind"))))}
        named.append({"kind": table["kind"], **given, **table} if "kind" in table else dict(table))
    return named


def keep_edges(layers: Sequence[Table], source: WeightSource) -> list[Table]:
    """Return the layers with the edges of bins that the trained network has, so that its weights fit."""
    encodings = (
        [] if source.model is None else [e for e in source.model.layers if isinstance(e, PiecewiseLinearEncoding)]
    )
    found = iter(encodings)
    return [
        {**table, "edges": next(found).edges} if table.get("kind") == "PiecewiseLinearEncoding" else table
        for table in layers
    ]


def replace_head(layers: Sequence[Table], outputs: int, task: str, path: Path) -> list[Table]:
    """Return the layers with a last layer for other targets; that of an ensemble has an axis of members."""
    index = find_head(layers)
    kind = "no layer with units" if index is None else layers[index].get("kind")
    if index is None or kind not in ("Dense", "EinsumDense"):
        raise UsageError(
            f"head: expected the head of {path} to be a Dense layer, which can be replaced; received {kind}. Write the "
            "layers with the new head into a .toml file, and add --model with it"
        )
    later = [table for table in layers[index + 1 :] if table.get("kind") not in ("Activation", "Softmax")]
    head = layers[index]
    new = {**head, **resize_head(head, outputs)}
    new.pop("activation", None)
    if task == "classification":
        new["activation"] = "softmax"
    return [*layers[:index], new, *later]


def add_augmentation(layers: Sequence[Table], shape: Sequence[int], augment: str, path: Path) -> list[Table]:
    """Return the layers after those that mirror and shift images, unless they have some."""
    if any(str(table.get("kind")).startswith("Random") for table in layers):
        return list(layers)
    if len(shape) != 3 or any("inputs" in table for table in layers):
        raise UsageError(
            f"augment: expected a chain of layers for images with channels; received another network, that of {path}. "
            "Add augmentation layers to it instead"
        )
    added = [table for table in get_hidden_layers("cnn", shape, augment) if str(table["kind"]).startswith("Random")]
    return [*added, *layers]


def transfer(settings: Settings, source: WeightSource, dataset: Dataset, model: ModelLike) -> FineTuning:
    """Copy weights and statistics into a new network, and freeze its layers.

    Raises `UsageError` if a layer has weights of another shape, or a setting names an unknown layer.
    """
    layers = [
        each for each in model.layers if each.name not in (SCALING, *FINAL_LAYERS) and "_columns" not in each.name
    ]
    weighted = [each for each in layers if each.parameters]
    old = source.read_layers(settings, [int(size) for size in model.inputs[0].shape[1:]])
    copied = copy_weights(old, weighted, settings.head == "keep", source.path)
    copy_statistics(source, model)
    head = weighted[-1]
    frozen = find_frozen_layers(settings, [each.name for each in layers], head.name)
    rates = find_rates(settings, [each.name for each in weighted])
    epochs = settings.unfreeze_after
    if epochs is not None and epochs >= (settings.epochs or 1):
        raise UsageError(
            f"unfreeze_after: expected fewer than the {pluralize(settings.epochs or 1, 'epoch')} of the training; "
            f"received {epochs}. Choose a smaller number, or more --epochs"
        )
    later = "no" if epochs is None else f"from epoch {epochs + 1}"
    rows = [
        TunedLayer(
            each.name,
            type(each).__name__,
            copied.get(each.name, "new") if each.parameters else "-",
            "-" if not each.parameters else later if each.name in frozen else "yes",
            rates.get(each.name, 1.0),
        )
        for each in layers
    ]
    difference = source.describe_difference(dataset)[0]
    tuning = FineTuning(str(source.path), difference, str(settings.head), rows, frozen, rates, epochs)
    tuning.apply(model)
    return tuning


def copy_weights(old: Sequence[Layer], new: Sequence[Layer], keeps_head: bool, path: Path) -> dict[str, str]:
    """Copy weights layer by layer; return by name where they come from. The last layer is left out with a new head."""
    if len(old) != len(new):
        raise UsageError(
            f"weights: expected a network with {pluralize(len(new), 'layer')} that have weights, like the new one "
            f"({describe(new)}); received {len(old)} in {path} ({describe(old)}). Omit --model to use the network of "
            "the weights"
        )
    pairs = list(zip(old, new, strict=True))
    for number, (one, other) in enumerate(pairs if keeps_head else pairs[:-1], start=1):
        place = f"weights: layer {number} with weights ({other.name})"
        if type(one).__name__ != type(other).__name__:
            raise UsageError(
                f"{place}: expected a {type(other).__name__} layer, as in the new network; received a "
                f"{type(one).__name__} layer in {path}. Omit --model to use the network of the weights"
            )
        for p, q in zip(one.parameters, other.parameters, strict=False):
            if p.shape != q.shape:
                raise UsageError(
                    f"{place}: expected {str(q.name).rpartition('/')[2]} of shape {format_shape(q.shape)}, as in the "
                    f"new network; received {format_shape(p.shape)} in {path}. Use the layers and the shape of inputs "
                    "of the network that has the weights"
                )
        if len(one.parameters) != len(other.parameters):
            raise UsageError(
                f"{place}: expected {pluralize(len(other.parameters), 'array')} of weights; received "
                f"{len(one.parameters)} in {path}. Give the layer the arguments that it has there, such as use_bias"
            )
    copied = {}
    for one, other in pairs if keeps_head else pairs[:-1]:
        for p, q in zip(one.parameters, other.parameters, strict=True):
            q.set_value(p.get_value().astype(q.dtype))
        copied[other.name] = "copied"
    return copied


def describe(layers: Sequence[Layer]) -> str:
    return ", ".join(type(layer).__name__ for layer in layers) or "none"


def copy_statistics(source: WeightSource, model: ModelLike) -> None:
    """Standardize inputs as in the run. A model without such a layer receives its inputs as they are."""
    if source.model is None:
        return
    new = next(layer for layer in model.layers if layer.name == SCALING)
    old = source.scaling
    values = [0.0, 1.0] if old is None else [p.get_value() for p in old.parameters]
    for parameter, value in zip(new.parameters, values, strict=True):
        parameter.set_value(parameter.get_value() * 0 + value)


def find_frozen_layers(settings: Settings, names: Sequence[str], head: str) -> list[str]:
    """Return the names of the layers that ``freeze`` names."""
    freeze, position = settings.freeze, names.index(head)
    if freeze is None and settings.unfreeze_after is None:
        return []
    if freeze is None or freeze == ALL_BUT_HEAD:
        return list(names[:position])
    if isinstance(freeze, int):
        count, received = freeze, str(freeze)
    elif freeze in names:
        count, received = names.index(freeze) + 1, repr(freeze)
    else:
        hint = suggest_name(freeze, [*names[:position], ALL_BUT_HEAD], "layers")
        raise UsageError(f"freeze: no layer {freeze!r}. {hint}")
    if count > position:
        raise UsageError(
            f"freeze: expected at most {position}, or a layer before the head {head!r}, so that a layer is left to "
            f"train; received {received}. Choose fewer layers, or {ALL_BUT_HEAD}"
        )
    return list(names[:count])


def find_rates(settings: Settings, names: Sequence[str]) -> dict[str, float]:
    """Return the factors of the learning rate by layer: given ones, or powers of a factor by distance to the head."""
    given = settings.layer_rates
    if given is None:
        return {}
    if isinstance(given, int | float):
        if not 0 < given <= 1:
            raise UsageError(f"layer_rates: expected a factor between 0 and 1; received {given:g}")
        return {name: given ** (len(names) - 1 - index) for index, name in enumerate(names)}
    for name, factor in given.items():
        if name not in names:
            raise UsageError(f"layer_rates: no layer with weights {name!r}. {suggest_name(name, names, 'layers')}")
        if isinstance(factor, bool) or not isinstance(factor, int | float) or factor < 0:
            raise UsageError(f"layer_rates: expected a number, 0 or more, for {name!r}; received {factor!r}")
    return {name: float(factor) for name, factor in given.items()}
