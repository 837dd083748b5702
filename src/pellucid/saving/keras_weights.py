"""Weights of Keras 3: the HDF5 file inside a ``.keras`` file, or a ``.weights.h5`` file.

Keras finds a variable again by a path of its own, made of the kinds of layers and the order in which they stand:
``layers/dense_1/vars/0``. Layers here have Keras's shapes and order of parameters, so that only the path is to be
found.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.graph.errors import StorageError
from pellucid.graph.expr import Expr, Shared
from pellucid.graph.types import shape_text
from pellucid.nn.layers import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    GroupQueryAttention,
    Layer,
    MultiHeadAttention,
    SimpleRNN,
    TimeDistributed,
)
from pellucid.nn.registry import snake_case
from pellucid.saving.container import replace_file
from pellucid.saving.weights import listed

Array = np.ndarray[Any, Any]

INSIDE = "model.weights.h5"
"""The name of the weights in a ``.keras`` file."""

KINDS = {"group_query_attention": "grouped_query_attention"}
"""Layers whose class in Keras has another name than the one it is exported under."""

LONGEST = 1000
"""How long paths in a file may be, so that a group within itself comes to an end."""

UNREAD = ("optimizer", "seed_generator", "compile_metrics", "_loss_tracker", "metrics")
"""Parts of paths to what Keras keeps beside weights."""


def h5py() -> Any:
    """Return h5py, or say how to have it."""
    try:
        import h5py as module
    except ImportError as error:
        raise StorageError(
            "Weights of Keras are HDF5 files. To read and write them: pip install 'pellucid[keras]'"
        ) from error
    return module


class Places:
    """The paths of a model's parameters in a file of Keras's.

    Parameters
    ----------
    names : dict from str to str
        What Keras called the layer at each path, for a file that is there. Layers of one kind that all have names of
        their own are found by them, and else by the order in which they stand.
    """

    def __init__(self, names: Mapping[str, str] | None = None) -> None:
        self.names = names or {}

    def of(self, model: Layer, path: str = "") -> Iterator[tuple[str, Shared]]:
        """Go through the parameters of a model, each with its path."""
        by_kind: dict[str, list[Layer]] = defaultdict(list)
        for layer in in_order_of_keras(model):
            kind = snake_case(type(layer).__name__)
            by_kind[KINDS.get(kind, kind)].append(layer)
        for kind, layers in by_kind.items():
            ordered = [f"{path}layers/{kind}_{i}/" if i else f"{path}layers/{kind}/" for i in range(len(layers))]
            called = {self.names[place]: place for place in ordered if place in self.names}
            if len({layer.name for layer in layers} & set(called)) == len(layers):
                ordered = [called[layer.name] for layer in layers]
            for layer, place in zip(layers, ordered, strict=True):
                yield from self.inside(layer, place)

    def inside(self, layer: Layer, path: str) -> Iterator[tuple[str, Shared]]:
        """Go through the parameters of one layer."""
        if hasattr(layer, "layers"):
            yield from self.of(layer, path)
        elif isinstance(layer, (MultiHeadAttention, GroupQueryAttention)):
            yield from paths_of_attention(layer, path)
        elif isinstance(layer, Bidirectional):
            for part, name in zip(layer.parts, ("forward_layer", "backward_layer"), strict=True):
                yield from self.inside(part, f"{path}{name}/")  # type: ignore[arg-type]
        elif isinstance(layer, TimeDistributed):
            yield from self.inside(layer.layer, f"{path}layer/")
        elif isinstance(layer, RNN):
            yield from self.inside(layer.cell, f"{path}cell/")
        else:
            yield from paths_of_parts(layer, f"{path}cell/" if isinstance(layer, (SimpleRNN, LSTM, GRU)) else path)


def in_order_of_keras(model: Any) -> list[Layer]:
    """Return the layers in the order in which Keras counts them: the farthest from the outputs first.

    Of those that are equally far, the first is the one that is met first on the way from the outputs to the inputs.
    """
    connections = getattr(model, "connections", None)
    if connections is None:
        return list(model.layers)
    writers = connections.writers()

    def before(e: Expr, unit: Any = None) -> Any:
        """Return who wrote an expression; for one who let it pass as it is, who wrote it before."""
        chain = [e, *(place for place, _ in writers.get(e, []))]
        return chain[chain.index(unit) - 1] if any(unit is one for one in chain[1:]) else chain[-1]

    def given(unit: Any) -> list[Any]:
        found = unit.inputs if isinstance(unit, Expr) else unit.call.given()
        made = [before(e, unit) for e in found]
        return [one for one in made if not isinstance(one, Expr) or one.op is not None]

    seen: dict[Any, None] = {}
    finished: dict[Any, None] = {}
    stack = [before(e) for e in connections.outputs][::-1]
    while stack:
        unit = stack[-1]
        waiting = [] if unit in seen else given(unit)
        if unit in seen:
            finished.setdefault(stack.pop())
        seen.setdefault(unit)
        stack += [u for u in waiting[::-1] if u not in seen]
    far = depths(list(finished), given)
    met = dict.fromkeys(unit.layer for unit in seen if not isinstance(unit, Expr))
    assert set(met) == set(model.layers), "a layer is on no way from the outputs"
    return sorted(met, key=lambda layer: -far[layer])


def depths(finished: list[Any], given: Callable[[Any], list[Any]]) -> dict[Any, int]:
    """Return how far from the outputs each layer is, all its calls taken together, as Keras counts it."""
    of_unit: dict[Any, int] = defaultdict(int)
    of_layer: dict[Any, int] = defaultdict(int)
    for unit in reversed(finished):
        if not isinstance(unit, Expr):
            of_unit[unit] = of_layer[unit.layer] = max(of_unit[unit], of_layer[unit.layer])
        for before in given(unit):
            of_unit[before] = max(of_unit[before], of_unit[unit] + 1)
    return of_layer


def paths_of_parts(layer: Layer, path: str) -> Iterator[tuple[str, Shared]]:
    """Go through what a layer made itself."""
    for number, part in enumerate(p for p in layer.parts if isinstance(p, Shared) or p.parameters):
        if not isinstance(part, Shared):
            raise StorageError(
                f"{layer.name}: it is not known where Keras keeps the weights of layers inside a {type(layer).__name__}"
            )
        yield f"{path}vars/{number}", part


def paths_of_attention(layer: Layer, path: str) -> Iterator[tuple[str, Shared]]:
    """Go through the parameters of the projections, each of which is a layer in Keras."""
    counts: Counter[str] = Counter()
    for part in layer.parameters:
        projection = str(part.name).split("/")[-2].removeprefix("attention_")
        private = "_" if isinstance(layer, GroupQueryAttention) else ""
        yield f"{path}{private}{projection}_dense/vars/{counts[projection]}", part
        counts[projection] += 1


def read_keras(path: Path, model: Layer) -> None:
    """Give a model the weights in a file of Keras's, all of them or none.

    Raises
    ------
    StorageError
        For a file that is damaged or foreign, and where a layer and the file do not fit; both shapes are named.
    """
    try:
        with h5py().File(io.BytesIO(content_of(path, model)), "r") as file:
            found, names = datasets(file)
            places = dict(Places(names).of(model))
            values = {place: value_for(p, found.get(place), place, names) for place, p in places.items()}
            check_nothing_is_left(found, places, names)
    except StorageError as error:
        raise StorageError(f"{path} is not read: {error}") from error
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise StorageError(f"{path} is not read: it is damaged, or no file of Keras's. {error}") from error
    for place, p in places.items():
        p.set_value(values[place])


def content_of(path: Path, model: Layer) -> bytes:
    """Return the HDF5 file, of no more bytes than a model of this size and its optimizer can need."""
    most = 100_000_000 + 20 * sum(p.get_value().nbytes for p in model.parameters)
    if path.suffix == ".h5":
        size = path.stat().st_size
        content = b"" if size > most else path.read_bytes()
    else:
        try:
            with zipfile.ZipFile(path) as archive:
                if INSIDE not in archive.namelist():
                    raise StorageError(f"it is no file of Keras 3: there is no {INSIDE} in it")
                size = archive.getinfo(INSIDE).file_size
                content = b"" if size > most else archive.read(INSIDE)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise StorageError(f"it is damaged, or no file of Keras 3. {error}") from error
    if size > most:
        raise StorageError(f"its weights take {size} bytes, more than {model.name} and any optimizer of it can need")
    return content


def datasets(file: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what a file holds itself, by its path, and what Keras called the layers.

    A link that leads out of the file, or data that lie in another one, are not followed.
    """
    found, names, waiting = {}, {}, [("", file)]
    while waiting:
        path, group = waiting.pop()
        for key in group:
            kind = group.get(key, getclass=True, getlink=True)
            if kind is not h5py().HardLink:
                raise StorageError(f"{path}{key} is a link to elsewhere, which Keras never writes")
            inside = group[key]
            if isinstance(inside, h5py().Dataset):
                found[f"{path}{key}"] = inside
            elif len(path) < LONGEST:
                waiting.append((f"{path}{key}/", inside))
                if key == "vars" and isinstance(inside.attrs.get("name"), str):
                    names[path] = inside.attrs["name"]
    return found, names


def value_for(p: Shared, dataset: Any, place: str, names: Mapping[str, str]) -> Array:
    """Return the value for one parameter, if it is of its shape."""
    from_ = f"{place}{called(place, names)}"
    if dataset is None:
        raise StorageError(f"{p}, of shape {shape_text(p.shape)}, has no value in it, at {from_}")
    if dataset.shape != p.shape:
        raise StorageError(
            f"{p} has shape {shape_text(p.shape)}. Received: a value of shape {shape_text(dataset.shape)}, at {from_}"
        )
    if dataset.external or dataset.is_virtual or dataset.dtype.kind not in "fiub":
        raise StorageError(f"{from_} is no array of numbers within the file")
    return np.asarray(dataset[()]).astype(p.dtype)


def called(place: str, names: Mapping[str, str]) -> str:
    """Say what Keras called the layer of a variable."""
    name = names.get(place.rpartition("vars/")[0])
    return "" if name is None else f", which is Keras's layer {name!r}"


def check_nothing_is_left(found: Mapping[str, Any], places: Mapping[str, Shared], names: Mapping[str, str]) -> None:
    """Refuse weights that no layer of the model has; counts and seeds are none."""
    left = [
        f"{place}, of shape {shape_text(dataset.shape)}{called(place, names)}"
        for place, dataset in found.items()
        if place not in places and dataset.shape and not set(place.split("/")) & set(UNREAD)
    ]
    if left:
        raise StorageError(f"it has weights that the model has not: {listed(left)}")


def write_keras(path: Path, model: Layer, config: Mapping[str, Any] | None = None) -> None:
    """Write the weights of a model as Keras does, for ``load_weights`` of the same model there.

    With what Keras writes down of its layers beside them, the file is the model itself.
    """
    file = io.BytesIO()
    with h5py().File(file, "w") as made:
        for place, p in Places().of(model):
            made[place] = p.get_value().astype("float32") if p.dtype.name == "bfloat16" else p.get_value()
    if path.suffix == ".h5":
        replace_file(path, file.getvalue())
        return
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as parts:
        parts.writestr("metadata.json", json.dumps({"keras_version": "3"}))
        if config is not None:
            parts.writestr("config.json", json.dumps(config))
        parts.writestr(INSIDE, file.getvalue())
    replace_file(path, archive.getvalue())
