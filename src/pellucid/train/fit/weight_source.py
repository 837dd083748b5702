"""Trained networks that fine-tuning starts from: run folders, model files and weight files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pellucid.data.errors import DataError, NoColumnError
from pellucid.errors import PellucidError, near_miss
from pellucid.graph.errors import StorageError
from pellucid.model.errors import ModelError
from pellucid.tracking.errors import UsageError
from pellucid.tracking.result import pluralize
from pellucid.tracking.run_folder import CONFIG, DATA, MODEL
from pellucid.train.evaluate.trained_network import load_network
from pellucid.train.fit.ensembles import AVERAGE
from pellucid.train.fit.networks import find_head, resize_head
from pellucid.train.read.dataset import Dataset, compute_checksum
from pellucid.train.read.loaders import find_loader, get_loaders, load_dataset
from pellucid.train.settings.experiment_table import read_experiment_table
from pellucid.train.settings.toml_reader import parse_network
from pellucid.typing import Array
from pellucid.untrusted_files.reading import read_regular_file, report_damage

if TYPE_CHECKING:
    from pellucid.model.model import Model
    from pellucid.nn.layers import Layer, Normalization
    from pellucid.train.settings.settings import Settings

Table = Mapping[str, Any]

SCALING = "standardized"
FINAL_LAYERS = (AVERAGE, "in_units")
"""Names of the layers that `pellucid train` puts around a network."""

WEIGHT_SUFFIXES = (".npz", ".safetensors", ".h5", ".pt", ".pth")
MODEL_SUFFIXES = (".pel", ".keras")
EXPECTED = (
    f"expected the folder of a run, a model ({', '.join(MODEL_SUFFIXES)}) or weights ({', '.join(WEIGHT_SUFFIXES)})"
)

DEPENDENT = ("head", "freeze", "unfreeze_after", "layer_rates")
"""Settings that have a meaning only with weights."""


@dataclass(frozen=True, eq=False)
class WeightSource:
    """A trained network.

    Attributes
    ----------
    path : Path
        The folder or file, for messages.
    checksum : str
        Checksum of the model file and of the description of its data.
    model : Model, optional
        The network; None for a weight file, which needs the layers of the new network.
    settings_file : Path, optional
        The experiment file of the run.
    description : mapping, optional
        How inputs were made from the data of the run, with ``class_names`` and ``target_names``.
    """

    path: Path
    checksum: str
    model: Model | None = None
    settings_file: Path | None = None
    description: Mapping[str, Any] | None = None

    @property
    def network(self) -> Mapping[str, Any] | None:
        """Settings of the network: ``layers``, its name, and ``inputs`` and ``outputs`` of one with branches."""
        return None if self.model is None else read_network(self.model, self.path, self.settings_file)

    @property
    def scaling(self) -> Normalization | None:
        """The layer that standardizes the inputs of a run."""
        from pellucid.nn.layers import Normalization

        found = [layer for layer in self.model.layers if layer.name == SCALING] if self.model else []
        return found[0] if found and isinstance(found[0], Normalization) else None

    def read_layers(self, settings: Settings, shape: Sequence[int]) -> list[Layer]:
        """Return the layers that have weights, in order, without those that scale inputs and outputs."""
        model = self.model or read_weight_file(self.path, settings, shape)
        return [each for each in model.layers if each.name not in (SCALING, *FINAL_LAYERS) and each.parameters]

    def complete_options(self, settings: Settings) -> Settings:
        """Return settings that read data like those of the run: the same kind, size of images and target."""
        described = self.description
        if described is None:
            return settings
        if find_loader(settings.data).kind != described["kind"]:
            name = next(loader.name for loader in get_loaders() if loader.kind == described["kind"])
            raise UsageError(
                f"{settings.data}: expected {name}, like the training data of {self.path}; received another kind of "
                "data. Choose other --weights, or train without them"
            )
        options = dict(settings.options)
        if options.get("columns"):
            raise UsageError(f"columns: the kinds of columns are those of {self.path}. Omit the setting")
        if "size" in described and options.get("size") is None:
            options["size"] = tuple(described["size"])
        return replace(settings, options=options)

    def load_dataset(self, settings: Settings) -> Dataset:
        """Return the data; the target of a table is that of the run if there is such a column."""
        target = (self.description or {}).get("target")
        if target is not None and settings.options.get("target") is None:
            with suppress(NoColumnError):
                return load_dataset(replace(settings, options={**settings.options, "target": target}))
        return load_dataset(settings)

    def make_inputs(self, dataset: Dataset, training: Array) -> tuple[Array, Mapping[str, Any]]:
        """Return the inputs with their description, made as in the run."""
        described = self.description
        if described is None:
            return dataset.fit_inputs(training)
        if dataset.table is None:
            own = dataset.fit_inputs(training)[1]
            return dataset.apply_description(described), own
        columns = [column["name"] for column in described["inputs"]]
        missing = [name for name in columns if name not in dataset.table.names]
        wanted = [name for name in dataset.target_names if name in columns]
        if missing or wanted:
            one = "the" if len(dataset.target_names) == 1 else "a"
            problem = (
                f"received none named {missing[0]!a}.{near_miss(missing[0], dataset.table.names)}"
                if missing
                else f"of which {wanted[0]!a} is {one} target here."
            )
            raise DataError(
                f"{dataset.where}: expected the columns of {self.path} ({', '.join(columns)}), {problem} Rename or add "
                "the column, or choose another --target, or train without --weights."
            )
        others = [name for name in dataset.table.names if name not in (*columns, *dataset.target_names)]
        reading = {
            k: v for k, v in dataset.fit_inputs(training)[1].items() if k not in ("inputs", "skipped", "columns")
        }
        description = {
            **reading,
            "inputs": described["inputs"],
            "skipped": dict.fromkeys(others, f"not an input of {self.path}"),
            "columns": None,
        }
        return dataset.apply_description(description), description

    def describe_difference(self, dataset: Dataset) -> tuple[str, bool]:
        """Return how the targets differ, and whether the head can still be kept; an empty text if they are equal."""
        here = list(dataset.class_names)
        if self.description is None:
            count = None if self.model is None else self.model.outputs[0].shape[-1]
            if count in (None, dataset.outputs):
                return "", True
            return f"{pluralize(int(count), 'output')} there, {dataset.outputs} here", False
        there = list(self.description["class_names"])
        if bool(here) != bool(there):
            kinds = ("classes", "numbers") if there else ("numbers", "classes")
            return f"{kinds[0]} there, {kinds[1]} here", False
        if not here:
            before = len(self.description["target_names"])
            text = f"{pluralize(before, 'target')} there, {dataset.outputs} here"
            return ("" if before == dataset.outputs else text), before == dataset.outputs
        if here == there:
            return "", True
        return f"{describe_classes(there)} there, {describe_classes(here)} here", len(here) == len(there)


def describe_classes(names: Sequence[str]) -> str:
    return f"{pluralize(len(names), 'class')} ({', '.join(names[:4])}{', ...' * (len(names) > 4)})"


def load_source(settings: Settings) -> WeightSource | None:
    """Return the trained network of the settings, or None if they name none.

    Raises
    ------
    UsageError
        If there is no such file, it is of another kind, or a setting needs weights that are not given.
    StorageError, DataError
        If a file is damaged.
    """
    if settings.weights is None:
        given = next((name for name in DEPENDENT if getattr(settings, name) is not None), None)
        if given:
            raise UsageError(f"{given}: only for fine-tuning. Add --weights with a run or a model file, or omit it")
        return None
    from pellucid.model.model import load_model

    path = Path(settings.weights)
    suffix = path.suffix.lower()
    if not path.exists():
        siblings = [str(path.parent / other.name) for other in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = near_miss(str(path), siblings)
        raise UsageError(f"weights: {path}: no such file or folder.{hint}".removesuffix("."))
    if path.is_file() and suffix not in (*MODEL_SUFFIXES, *WEIGHT_SUFFIXES):
        received = f"a {suffix} file" if suffix else "a file without a suffix"
        raise UsageError(f"weights: {path}: {EXPECTED}; received {received}")
    if suffix in WEIGHT_SUFFIXES:
        return WeightSource(path, compute_checksum(read_regular_file(path, DataError)))
    folder = path if path.is_dir() else path.parent
    if path.is_dir() or (path.name == MODEL and (folder / DATA).is_file()):
        network = load_network(folder)
        model, description, files = cast("Model", network.model), network.description, [folder / MODEL, folder / DATA]
        settings_file = folder / CONFIG
    else:
        model, description, files, settings_file = load_model(path), None, [path], None
    checksum = compute_checksum(*(read_regular_file(file, DataError) for file in files))
    return WeightSource(path, checksum, model, settings_file, description)


def read_network(model: Model, path: Path, settings_file: Path | None) -> Mapping[str, Any]:
    """Return the layers of a network as settings: those in the experiment file of a run, or those of a model."""
    if settings_file is not None and settings_file.is_file():
        found = parse_network(read_experiment_table(settings_file))
        return {name: found[name] for name in ("model", "layers", "inputs", "outputs") if name in found}
    with report_damage(DataError, path, passing=(PellucidError,)):
        try:
            return describe_network(model, path)
        except ModelError as error:  # a layer of the user
            raise UsageError(f"weights: {path}: {error}. Add --model with the layers") from error


def describe_network(model: Model, path: Path) -> Mapping[str, Any]:
    """Return the layers of a model as settings."""
    from pellucid.inspect.source_export.model_to_toml import GraphConfig
    from pellucid.model.object_config import layer_to_config

    if model.is_sequential:
        layers = [layer for layer in model.layers if layer.name not in (SCALING, *FINAL_LAYERS)]
        return {"layers": [drop_defaults(layer_to_config(layer)) for layer in layers]}
    if len(model.inputs) > 1 or len(model.outputs) > 1:
        raise UsageError(f"weights: {path}: expected a network with one input and one output; received several")
    if any(layer.name == SCALING for layer in model.layers):
        raise UsageError(
            f"weights: {path}: expected the folder of the run, which describes the groups of columns; received only "
            "its model. Name the folder"
        )
    graph = GraphConfig(model)
    name = graph.inputs[0]["name"]
    tables = [drop_defaults(table) for table in graph.layers]
    return {"layers": tables, "inputs": [{"name": name}], "outputs": graph.outputs[0]}


def drop_defaults(table: Table) -> dict[str, Any]:
    return {key: value for key, value in table.items() if value is not None}


def read_weight_file(path: Path, settings: Settings, shape: Sequence[int]) -> Model:
    """Return a network with the layers of the settings and the weights of a file, whose head may have another size."""
    from pellucid.inspect.source_export.model_from_toml import TomlModelReader
    from pellucid.model.sequential import Sequential
    from pellucid.nn.layers import Input, Normalization
    from pellucid.nn.random_seed import temporary_seed

    if settings.inputs is not None or settings.layers is None:
        raise UsageError(f"weights: {path}: weights without a model are only for networks whose layers form a chain")
    arrays = read_named_arrays(path)
    tables = [dict(table) for table in settings.layers]
    head = find_head(tables)
    if head is not None and arrays:
        tables[head] |= resize_head(tables[head], find_head_units(arrays, str(tables[head].get("name")), path))
    reader = TomlModelReader(settings.layers_from, sources=settings.sources)
    with temporary_seed(0):
        layers = [reader.build_object(table, "layer", f"layer {k}") for k, table in enumerate(tables, start=1)]
        first = [Normalization(name=SCALING)] if any(name.startswith(f"{SCALING}/") for name in arrays) else []
        model = Sequential([Input(tuple(shape)), *first, *layers])
    model.load_weights(path)
    return model


def read_named_arrays(path: Path) -> Mapping[str, Array]:
    """Return the arrays of a weight file by name; nothing for HDF5, whose weights are found by layer."""
    from pellucid.interop.pytorch.state_dict import PT_SUFFIXES, read_tensors
    from pellucid.saving.weights import read_arrays

    if path.suffix == ".h5":
        return {}
    return read_tensors(path) if path.suffix in PT_SUFFIXES else read_arrays(path, 2**31)


def find_head_units(arrays: Mapping[str, Array], head: str, path: Path) -> int:
    """Return the number of units of the head in a weight file: a layer of this name, or the last module."""
    from pellucid.interop.pytorch.state_dict import group_tensors, sort_modules

    if f"{head}/kernel" in arrays:
        return int(arrays[f"{head}/kernel"].shape[-1])
    with report_damage(StorageError, path):
        modules = sort_modules(group_tensors(dict(arrays)), str(path))
        return len(next(iter([*modules.values()][-1].values())))
