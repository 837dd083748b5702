"""Weights in Keras 3 files: ``.keras`` archives and ``.weights.h5`` files.

Keras identifies a variable by a path of layer kinds and positions, such as ``layers/dense_1/vars/0``. pellucid's layers
have the shapes and parameter order of Keras, so only the paths must be computed.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.atomic_write import atomic_write
from pellucid.graph.errors import StorageError
from pellucid.graph.expr import Expr, Shared
from pellucid.graph.types import format_shape
from pellucid.nn.layers import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    GroupQueryAttention,
    Layer,
    MultiHeadAttention,
    Normalization,
    SimpleRNN,
    TimeDistributed,
)
from pellucid.nn.registry import snake_case
from pellucid.optional_packages import require_packages
from pellucid.saving.weights import get_max_weight_bytes, join_names
from pellucid.typing import Array
from pellucid.untrusted_files.reading import open_regular_file, quote, report_damage, shorten

if TYPE_CHECKING:
    import h5py

WEIGHTS_FILE = "model.weights.h5"
"""Name of the weights inside a ``.keras`` archive."""

KERAS_KINDS = {"group_query_attention": "grouped_query_attention"}
"""Layers whose Keras class has another name."""

MAX_PATH_LENGTH = 1000
"""Limit for paths in a file, because an HDF5 group can contain itself."""

OTHER_VARIABLES = ("optimizer", "seed_generator", "compile_metrics", "_loss_tracker", "metrics")
"""Path components of variables that are not weights."""


def import_h5py() -> ModuleType:
    with require_packages("Reading and writing Keras weights"):
        import h5py
    result: ModuleType = h5py
    return result


def walk_model(
    model: Layer, names: Mapping[str, str], order: Mapping[Layer, int] | None = None, path: str = ""
) -> Iterator[tuple[str, Shared]]:
    """Yield the parameters of a model with their paths in a Keras file.

    ``names`` are the layer names in an existing file, by path. If all layers of one kind have distinct names that are
    in the file, the names identify them; otherwise their order does: ``order`` if the file has it, or else the order
    of `sort_as_keras`.
    """
    by_kind: dict[str, list[Layer]] = defaultdict(list)
    for layer in sort_as_keras(model) if order is None else sorted(get_layers(model), key=order.__getitem__):
        by_kind[get_kind(layer)].append(layer)
    for kind, layers in by_kind.items():
        paths = [f"{path}layers/{kind}_{i}/" if i else f"{path}layers/{kind}/" for i in range(len(layers))]
        by_name = {names[p]: p for p in paths if p in names}
        if len({layer.name for layer in layers} & set(by_name)) == len(layers):
            paths = [by_name[layer.name] for layer in layers]
        for layer, layer_path in zip(layers, paths, strict=True):
            yield from walk_layer(layer, names, order, layer_path)


def get_kind(layer: Layer) -> str:
    """Return the class of a layer in Keras, in snake case."""
    if hasattr(layer, "layers"):
        return "sequential" if getattr(layer, "is_sequential", False) else "functional"
    kind = snake_case(type(layer).__name__)
    return KERAS_KINDS.get(kind, kind)


def walk_layer(
    layer: Layer, names: Mapping[str, str], order: Mapping[Layer, int] | None, path: str
) -> Iterator[tuple[str, Shared]]:
    if hasattr(layer, "layers"):
        yield from walk_model(layer, names, order, path)
    elif isinstance(layer, (MultiHeadAttention, GroupQueryAttention)):
        yield from walk_attention(layer, path)
    elif isinstance(layer, Bidirectional):
        for part, name in zip(layer.parts, ("forward_layer", "backward_layer"), strict=True):
            yield from walk_layer(part, names, order, f"{path}{name}/")  # type: ignore[arg-type]
    elif isinstance(layer, TimeDistributed):
        yield from walk_layer(layer.layer, names, order, f"{path}layer/")
    elif isinstance(layer, RNN):
        yield from walk_layer(layer.cell, names, order, f"{path}cell/")
    else:
        yield from walk_variables(layer, f"{path}cell/" if isinstance(layer, (SimpleRNN, LSTM, GRU)) else path)


def get_layers(model: Any) -> list[Layer]:
    layers: list[Layer] = model.layers
    return layers


def sort_as_keras(model: Any) -> list[Layer]:
    """Return the layers in the order of ``model.layers`` in Keras: by decreasing distance from the outputs.

    Layers at equal distance are in the order in which a walk from the outputs to the inputs meets them.
    """
    graph = getattr(model, "functional_graph", None)
    if graph is None:
        return list(model.layers)
    producers = graph.producers()

    def get_producer(e: Expr, consumer: Any = None) -> Any:
        """Return the call that made an expression. A call that returns its input is skipped when it is the consumer."""
        chain = [e, *(call for call, _ in producers.get(e, []))]
        return chain[chain.index(consumer) - 1] if any(consumer is one for one in chain[1:]) else chain[-1]

    def get_predecessors(call: Any) -> list[Any]:
        inputs = call.inputs if isinstance(call, Expr) else call.call.get_operands()
        found = [get_producer(e, call) for e in inputs]
        return [one for one in found if not isinstance(one, Expr) or one.op is not None]

    seen: dict[Any, None] = {}
    finished: dict[Any, None] = {}
    stack = [get_producer(e) for e in graph.outputs][::-1]
    while stack:
        call = stack[-1]
        pending = [] if call in seen else get_predecessors(call)
        if call in seen:
            finished.setdefault(stack.pop())
        seen.setdefault(call)
        stack += [one for one in pending[::-1] if one not in seen]
    depth = compute_depths(list(finished), get_predecessors)
    layers = dict.fromkeys(call.layer for call in seen if not isinstance(call, Expr))
    assert set(layers) == set(model.layers), "a layer is on no path to the outputs"
    return sorted(layers, key=lambda layer: -depth[layer])


def compute_depths(calls: list[Any], get_predecessors: Callable[[Any], list[Any]]) -> dict[Any, int]:
    """Return the distance of each layer from the outputs, the maximum over its calls."""
    call_depths: dict[Any, int] = defaultdict(int)
    layer_depths: dict[Any, int] = defaultdict(int)
    for call in reversed(calls):
        if not isinstance(call, Expr):
            call_depths[call] = layer_depths[call.layer] = max(call_depths[call], layer_depths[call.layer])
        for before in get_predecessors(call):
            call_depths[before] = max(call_depths[before], call_depths[call] + 1)
    return layer_depths


def walk_variables(layer: Layer, path: str) -> Iterator[tuple[str, Shared]]:
    """Yield the variables that a layer owns itself."""
    for number, part in enumerate(p for p in layer.parts if isinstance(p, Shared) or p.parameters):
        if not isinstance(part, Shared):
            raise StorageError(
                f"{layer.name}: the Keras paths of layers inside a {type(layer).__name__} are unknown. "
                "Use an .npz or .safetensors file"
            )
        yield f"{path}vars/{number}", part


def walk_attention(layer: Layer, path: str) -> Iterator[tuple[str, Shared]]:
    """Yield the parameters of the projections, each of which is a layer in Keras."""
    counts: Counter[str] = Counter()
    for part in layer.parameters:
        projection = str(part.name).split("/")[-2].removeprefix("attention_")
        prefix = "_" if isinstance(layer, GroupQueryAttention) else ""
        yield f"{path}{prefix}{projection}_dense/vars/{counts[projection]}", part
        counts[projection] += 1


def read_keras(path: Path, model: Layer, order: Mapping[Layer, int] | None = None) -> None:
    """Set all weights of a model from a Keras file, or none if something does not fit.

    ``order`` numbers the layers as in the file, if that is known.

    Raises
    ------
    StorageError
        If the file is damaged or of another format, or if a shape in it differs from the model's.
    """
    where = f"Cannot read {path}"
    with report_damage(StorageError, where):
        content = read_content(path, model)
        file = import_h5py().File(io.BytesIO(content), "r")
    with file:
        with report_damage(StorageError, where):
            datasets, names = collect_datasets(file)
        parameters = dict(walk_model(model, names, order))
        normalizations = iterate_normalizations(model)
        given = {p for n in normalizations if n.config["mean"] is not None for p in n.parameters}  # files may lack them
        parameters = {key: p for key, p in parameters.items() if key in datasets or p not in given}
        with report_damage(StorageError, where):
            values = {key: read_value(p, datasets.get(key), key, names) for key, p in parameters.items()}
            check_no_extra_weights(datasets, parameters, names)
    for key, p in parameters.items():
        p.set_value(values[key])


def read_numbered_variables(path: Path, model: Layer, prefix: str) -> list[Array]:
    """Return the variables of a file whose paths are a prefix and 0, 1, and so on.

    Raises
    ------
    StorageError
        If the file is damaged, or the variables are no arrays of numbers.
    """
    content = read_content(path, model)
    with import_h5py().File(io.BytesIO(content), "r") as file:
        datasets, _ = collect_datasets(file)
        limit = get_max_weight_bytes(model.parameters)
        found = [datasets[f"{prefix}{i}"] for i in range(len(datasets)) if f"{prefix}{i}" in datasets]
        check_weight_size(sum(math.prod(d.shape) * d.dtype.itemsize for d in found), limit, model)
        return [read_numbers(d, prefix) for d in found]


def read_content(path: Path, model: Layer) -> bytes:
    """Return the HDF5 file. One that is larger than the weights and optimizer state of the model can be is refused."""
    limit = get_max_weight_bytes(model.parameters)
    with open_regular_file(path, StorageError) as (file, size):
        if path.suffix == ".h5":
            check_weight_size(size, limit, model)
            return file.read()
        with zipfile.ZipFile(file) as archive:
            if WEIGHTS_FILE not in archive.namelist():
                raise StorageError(f"it is not a Keras 3 file. It does not contain {WEIGHTS_FILE}")
            check_weight_size(archive.getinfo(WEIGHTS_FILE).file_size, limit, model)
            return read_member(archive, WEIGHTS_FILE, limit)


def read_member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """Return a member of an archive. One of more than ``limit`` bytes, as it says or is, is refused."""
    member = archive.getinfo(name)
    if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise StorageError(f"its {name} is encrypted, or compressed by another method than deflate")
    with archive.open(member) as stream:
        content = stream.read(limit + 1) if member.file_size <= limit else b""
    if member.file_size > limit or len(content) > limit:
        raise StorageError(f"its {name} takes {member.file_size:,} bytes, more than the limit of {limit:,}")
    return content


def check_weight_size(size: int, limit: int, model: Layer) -> None:
    if size > limit:
        raise StorageError(
            f"its weights take {size} bytes, more than {model.name} and any optimizer state of it can take"
        )


def collect_datasets(file: h5py.File) -> tuple[dict[str, h5py.Dataset], dict[str, str]]:
    """Return the datasets of a file and the Keras layer names, both by path. Links out of the file are refused."""
    h5py = import_h5py()
    datasets, names, pending = {}, {}, [("", file)]
    while pending:
        path, group = pending.pop()
        for key in group:
            if group.get(key, getclass=True, getlink=True) is not h5py.HardLink:
                raise StorageError(f"{shorten(f'{path}{key}')} is a link to another file, which Keras never writes")
            member = group[key]
            if isinstance(member, h5py.Dataset):
                datasets[f"{path}{key}"] = member
            elif len(path) < MAX_PATH_LENGTH:
                pending.append((f"{path}{key}/", member))
                if key == "vars" and isinstance(member.attrs.get("name"), str):
                    names[path] = member.attrs["name"]
    return datasets, names


def iterate_normalizations(layer: Layer) -> Iterator[Normalization]:
    """Yield the `Normalization` layers in a layer, which may be one itself."""
    if isinstance(layer, Normalization):
        yield layer
        return
    for part in layer.parts:
        if isinstance(part, Layer):
            yield from iterate_normalizations(part)


def read_value(p: Shared, dataset: Any, path: str, names: Mapping[str, str]) -> Array:
    """Return the value of one parameter after checking its shape."""
    place = f"{path}{describe_keras_layer(path, names)}"
    if dataset is None:
        raise StorageError(f"{p}, of shape {format_shape(p.shape)}, has no value in the file. Expected one at {place}")
    if dataset.shape != p.shape:
        raise StorageError(
            f"{p} has shape {format_shape(p.shape)}. Received: a value of shape {format_shape(dataset.shape)}, "
            f"at {place}"
        )
    return read_numbers(dataset, place).astype(p.dtype)


def read_numbers(dataset: Any, place: str) -> Array:
    if dataset.external or dataset.is_virtual or dataset.dtype.kind not in "fiub":
        raise StorageError(f"{place} is not an array of numbers inside the file")
    return np.asarray(dataset[()])


def describe_keras_layer(path: str, names: Mapping[str, str]) -> str:
    name = names.get(path.rpartition("vars/")[0])
    return "" if name is None else f", of Keras layer {quote(name)}"


def check_no_extra_weights(
    datasets: Mapping[str, h5py.Dataset], parameters: Mapping[str, Shared], names: Mapping[str, str]
) -> None:
    """Refuse weights that the model does not have. Scalars, such as counters, and seeds are not weights."""
    extra = [
        f"{path}, of shape {format_shape(dataset.shape)}{describe_keras_layer(path, names)}"
        for path, dataset in datasets.items()
        if path not in parameters and dataset.shape and not set(path.split("/")) & set(OTHER_VARIABLES)
    ]
    if extra:
        raise StorageError(f"it has weights that the model does not have: {join_names(extra)}")


def write_keras(
    path: Path, model: Layer, config: Mapping[str, Any] | None = None, others: Mapping[str, Array] | None = None
) -> None:
    """Write the weights of a model as Keras does, for ``load_weights`` of the same model in Keras.

    With a ``config``, Keras loads the file as a whole model. ``others`` are further variables by path, such as those of
    the optimizer.
    """
    weights = io.BytesIO()
    variances = {p for normalization in iterate_normalizations(model) for p in normalization.parameters[1:]}
    with import_h5py().File(weights, "w") as file:
        for key, p in walk_model(model, {}):
            file[key] = p.get_value().astype("float32") if p.dtype.name == "bfloat16" else p.get_value()
            if p in variances:
                file[f"{key.rpartition('/')[0]}/2"] = np.int32(0)  # the count of samples that Keras adapted to
        for key, value in (others or {}).items():
            file[key] = value
    if path.suffix == ".h5":
        atomic_write(path, weights.getvalue())
        return
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as parts:
        parts.writestr("metadata.json", json.dumps({"keras_version": "3"}))
        if config is not None:
            parts.writestr("config.json", json.dumps(config))
        parts.writestr(WEIGHTS_FILE, weights.getvalue())
    atomic_write(path, archive.getvalue())
