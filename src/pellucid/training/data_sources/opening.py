"""Recognition of data: whether they are arrays in memory, samples read by index, or batches of an iterable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from pellucid.graph.errors import OptionError
from pellucid.model.errors import ModelError
from pellucid.model.interfaces import ModelLike
from pellucid.training.array_source import list_arrays
from pellucid.training.data_sources.columns import Parts, TargetNames, get_record, is_column_choice, plan_columns
from pellucid.training.data_sources.items import ItemReader, get_shape
from pellucid.training.data_sources.kinds import Form, IterableSource, MapStyleSource, describe, find_kind, is_array
from pellucid.training.data_sources.samples import (
    IndexedDataset,
    read_lazy_parts,
    read_lazy_table,
    read_map_style,
    read_sample,
)
from pellucid.training.memmap_source import MemmapDataset, StreamedArray

MIN_MEMMAP_BYTES = 64 * 2**20
"""Memory-mapped files up to this size are loaded like other arrays."""


@dataclass(frozen=True)
class ItemStream:
    """Items of an iterable, in its order."""

    items: Any
    reader: ItemReader


@dataclass(frozen=True)
class ArrayParts:
    """Inputs, targets and weights that become arrays in memory."""

    x: Any
    y: Any
    sample_weight: Any


OpenedData: TypeAlias = ArrayParts | MemmapDataset | IndexedDataset | ItemStream


def open_data(
    model: ModelLike, x: Any, y: Any = None, sample_weight: Any = None, *, targets: bool, prefix: str = ""
) -> OpenedData:
    """Return data in the form in which they are read.

    ``targets`` tells whether targets are needed: `Model.predict` needs none. ``y`` and ``sample_weight`` may name
    columns of ``x``.
    """
    if targets and isinstance(x, tuple) and y is None and sample_weight is None and len(x) in (2, 3):
        x, y, sample_weight = (*x, None)[:3]
    kind = find_kind(x)
    if kind is not None and kind.form is Form.REFUSED:
        raise ModelError(f"Expected {prefix}x to be data. Received: {describe(x)}; {kind.convert(x)}")
    if kind is not None and kind.form is Form.ARRAY:
        refuse_names(x, prefix, y=y, sample_weight=sample_weight)
        return open_arrays(model, x, y, sample_weight, prefix)
    record = get_record(x)
    if record is not None:
        x, y, sample_weight = choose_columns(model, x, record, y, sample_weight, targets, prefix)
        return open_arrays(model, x, y, sample_weight, prefix)
    is_table = kind is not None and kind.form is Form.LAZY_TABLE
    wanted = TargetNames(
        y if is_column_choice(y) else None,
        sample_weight if isinstance(sample_weight, str) else None,
        targets and (y is None or not is_table),
        prefix,
    )
    reader = ItemReader(model, x, wanted)
    if is_table:
        assert kind is not None
        given = (None if wanted.y else y), (None if wanted.sample_weight else sample_weight)
        return read_lazy_table(kind.convert(x), reader, *given)
    if kind is not None and kind.form is Form.ITERABLE:
        refuse_with_items(reader, y, sample_weight)
        return ItemStream(kind.convert(x), reader)
    if is_array(x) or (isinstance(x, (list, tuple, str, bytes)) and not is_sample_list(model, x)):
        refuse_names(x, prefix, y=y, sample_weight=sample_weight)
        return open_arrays(model, x, y, sample_weight, prefix)
    if isinstance(x, MapStyleSource) and len(x) and reader.is_sample(read_sample(x, 0)):
        refuse_with_items(reader, y, sample_weight)
        return read_map_style(x, reader)
    if isinstance(x, (IterableSource, MapStyleSource)) or hasattr(x, "__next__"):
        refuse_with_items(reader, y, sample_weight)
        return ItemStream(x, reader)
    return open_arrays(model, x, y, sample_weight, prefix)


def choose_columns(
    model: ModelLike, x: Any, record: Mapping[str, Any], y: Any, sample_weight: Any, targets: bool, prefix: str
) -> Parts:
    """Return the parts of a table or dict; targets and weights may be columns of it, or separate arrays."""
    # A list of text is class names, unless it names columns.
    y_names = y if isinstance(y, str) or (is_column_choice(y) and any(name in record for name in y)) else None
    weight_name = sample_weight if isinstance(sample_weight, str) else None
    needed = targets and y is None
    if isinstance(x, Mapping) and y_names is None and weight_name is None and not needed:
        return x, y, sample_weight
    plan = plan_columns(model, record, TargetNames(y_names, weight_name, needed, prefix))
    inputs, chosen_y, chosen_weight = plan.select(record)
    return inputs, y if chosen_y is None else chosen_y, sample_weight if weight_name is None else chosen_weight


def open_arrays(model: ModelLike, x: Any, y: Any, sample_weight: Any, prefix: str) -> OpenedData:
    """Return arrays, of which large files and sparse matrices are read in pieces."""
    inputs, outputs = (len(model.input_names), len(model.output_names)) if model.built else (1, 1)
    parts, counts = (x, y, sample_weight), (inputs, outputs, outputs)
    if any(has_lazy_rows(value, count) for value, count in zip(parts, counts, strict=True)):
        return read_lazy_parts(parts, counts, prefix)
    if is_memory_mapped(*parts):
        return MemmapDataset(*parts, prefix)
    return ArrayParts(*parts)


def has_lazy_rows(value: Any, count: int) -> bool:
    """Tell whether data, or one of ``count`` arrays in a list, or an array in a dict, are read by rows."""
    leaves: Iterable[Any] = (value,)
    if isinstance(value, Mapping):
        leaves = value.values()
    elif isinstance(value, (list, tuple)) and len(value) == count > 1:
        leaves = value
    return any((kind := find_kind(leaf)) is not None and kind.form is Form.LAZY_ARRAY for leaf in leaves)


def is_memory_mapped(*values: Any) -> bool:
    """Tell whether data are memory-mapped files that are too large to load."""
    arrays = [a for value in values for a in list_arrays(value) if isinstance(a, np.memmap)]
    return sum(a.nbytes for a in arrays) > MIN_MEMMAP_BYTES or any(isinstance(a, StreamedArray) for a in arrays)


def is_sample_list(model: ModelLike, x: Any) -> bool:
    """Tell whether a list holds samples or batches, as pairs ``(x, y)`` or dicts; a list of numbers is an array."""
    if not isinstance(x, list) or not x:
        return False
    if all(isinstance(item, Mapping) for item in x):
        return True
    if not all(isinstance(item, tuple) and len(item) in (2, 3) for item in x):
        return False
    shapes = [get_shape(item[0]) for item in x]
    if not model.built or len(model.input_names) > 1:
        return all(shape is None or len(shape) for shape in shapes)
    expected = model.inputs[0].ndim
    return all(shape is None or len(shape) in (expected - 1, expected) for shape in shapes)


def refuse_names(x: Any, prefix: str, **arguments: Any) -> None:
    for name, value in arguments.items():
        if isinstance(value, str):
            raise OptionError(
                f"{name}={value!r} names a column, and {prefix}x has none. Received: {describe(x)}; pass {name} as an "
                "array, or x as a table or dict"
            )


def refuse_with_items(reader: ItemReader, y: Any, sample_weight: Any) -> None:
    """Refuse separate targets and weights for data that contain them."""
    for name, value, named in (
        ("y", y, reader.wanted.y),
        ("sample_weight", sample_weight, reader.wanted.sample_weight),
    ):
        if value is not None and named is None:
            raise OptionError(
                f"Expected no {name}, since {reader.owner} yields (x, y) or (x, y, sample_weight). "
                f"Received: {name}, {describe(value)}; leave it out, or yield it together with x"
            )
