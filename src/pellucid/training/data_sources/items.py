"""Items of data sets, loaders and generators: samples or batches, divided into inputs, targets and weights."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.array_conversion import is_torch_tensor, read_array
from pellucid.graph.expr import is_compatible_shape
from pellucid.graph.types import format_shape
from pellucid.model.errors import ModelError
from pellucid.model.interfaces import ModelLike
from pellucid.training.data_sources.columns import ColumnPlan, Parts, TargetNames, get_record, plan_columns
from pellucid.training.data_sources.converters import format_names
from pellucid.training.data_sources.kinds import describe, is_array


class ItemReader:
    """Divides the items of one data source into the parts that a model needs."""

    model: ModelLike
    wanted: TargetNames

    def __init__(self, model: ModelLike, source: Any, wanted: TargetNames) -> None:
        self.model, self.wanted = model, wanted
        self.owner: str = f"{wanted.prefix}x ({describe(source)})"
        self.plans: dict[tuple[int, tuple[str, ...]], ColumnPlan] = {}

    @property
    def input_count(self) -> int:
        return len(self.model.input_names) if self.model.built else 1

    @property
    def output_count(self) -> int:
        return len(self.model.output_names) if self.model.built else 1

    def get_plan(self, record: Mapping[str, Any], row_rank: int) -> ColumnPlan:
        """Return the choice of columns for records with these keys."""
        key = row_rank, tuple(record)
        if key not in self.plans:
            self.plans[key] = plan_columns(self.model, record, self.wanted, row_rank)
        return self.plans[key]

    def is_sample(self, item: Any) -> bool:
        """Tell whether an item is one sample, by the number of axes that the model expects, or else a batch."""
        x, y = self.get_inputs(item)
        if isinstance(x, Mapping):
            x = next(iter(x.values()), None)
        elif self.input_count > 1 and isinstance(x, (list, tuple)) and x:
            x = x[0]
        shape, target_shape = get_shape(x), get_shape(y)
        if shape is None:
            return False
        if not self.model.built:
            return target_shape == ()
        expected = self.model.inputs[0].shape[1:]
        if is_compatible_shape(shape, expected) or (shape, expected) == ((), (1,)):
            return True
        # A batch that lacks an axis has a target for each of its rows.
        is_batch = expected == (1,) or (bool(shape and target_shape) and shape[:1] == target_shape[:1])  # type: ignore[index]
        return len(shape) == len(expected) and not is_batch

    def get_inputs(self, item: Any) -> tuple[Any, Any]:
        """Return the inputs and targets of an item of any form, without checks."""
        record = get_record(item)
        if record is not None:
            names = self.model.input_names if self.model.built else []
            x = next((record[name] for name in names if name in record), None)
            if x is None:
                arrays = [value for value in record.values() if not isinstance(value, str)]
                x = max(arrays, key=lambda value: len(get_shape(value) or ()), default=None)
            y = record.get(self.wanted.y) if isinstance(self.wanted.y, str) else None
            return x, y
        if self.wanted.needed or not self.is_input(item):
            parts = item if isinstance(item, (tuple, list)) else (item,)
            return (*parts, None, None)[:2]
        return item, None

    def is_input(self, item: Any) -> bool:
        """Tell whether an item is inputs alone, and no ``(x, y)``."""
        if not isinstance(item, (tuple, list)):
            return True
        if isinstance(item, tuple):
            return False
        # A loader of PyTorch gives [x, y]; the rows of a batch, or the arrays of several inputs, are lists too.
        if self.input_count > 1 and len(item) == self.input_count and all(is_array(each) for each in item):
            return True
        if not item or isinstance(item[0], Mapping) or (self.input_count > 1 and isinstance(item[0], (list, tuple))):
            return not item
        if not self.model.built:
            return not is_array(item[0])
        shapes = [get_shape(each) for each in item]
        is_batch = shapes[0] is not None and len(shapes[0]) == self.model.inputs[0].ndim
        return not is_batch and None not in shapes and len(set(shapes)) == 1

    def split(self, item: Any) -> Parts:
        """Return the parts of a batch."""
        record = get_record(item)
        if record is not None:
            return self.get_plan(record, 1).select(record)
        return self.split_tuple(item, "batches")

    def split_tuple(self, item: Any, unit: str) -> Parts:
        """Return the parts of an item that is no record."""
        # Validation data may lack the columns whose names come from the training data.
        if self.wanted.y is not None and not self.wanted.prefix:
            raise ModelError(
                f"y={self.wanted.y!r} names a key, and {self.owner} yields {unit} without keys. "
                f"Received: {describe(item)}; leave y out if it holds (x, y)"
            )
        if not self.wanted.needed:
            return (item if self.is_input(item) else item[0]), None, None
        if not isinstance(item, (tuple, list)) or not 2 <= len(item) <= 3:
            contents = ""
            if isinstance(item, (tuple, list)) and item:
                contents = f" that begins with {describe(item[0])}"
            raise ModelError(
                f"{self.owner}: expected {unit} (x, y) or (x, y, sample_weight), or dicts by name. "
                f"Received: {describe(item)}{contents}; without targets, a model can only predict"
            )
        return (*item, None)[:3]

    def collate(self, samples: Sequence[Any], numbers: Sequence[int] | None = None) -> Parts:
        """Stack samples to a batch; ``numbers`` are their places in the data set, for messages."""
        numbers = range(len(samples)) if numbers is None else numbers
        record = get_record(samples[0])
        if record is not None:
            plan = self.get_plan(record, 0)
            return plan.select({name: self.stack_key(samples, name, numbers) for name in plan.names})
        parts = [self.split_tuple(sample, "samples") for sample in samples]
        x, y, weight = zip(*parts, strict=True)
        return (
            self.stack_part(x, self.input_count, "x", numbers),
            self.stack_part(y, self.output_count, "y", numbers),
            self.stack_part(weight, self.output_count, "sample_weight", numbers),
        )

    def stack_key(self, samples: Sequence[Any], name: str, numbers: Sequence[int]) -> Any:
        """Stack the values of a key of records, which all must have."""
        for sample, number in zip(samples, numbers, strict=True):
            if name not in sample:
                raise ModelError(
                    f"{self.owner}: expected the key {name!r} in every sample. Received: sample {number} with the keys "
                    f"{format_names(map(str, sample))}"
                )
        return self.stack_values([sample[name] for sample in samples], repr(name), numbers)

    def stack_part(self, values: Sequence[Any], count: int, name: str, numbers: Sequence[int]) -> Any:
        """Stack the inputs, targets or weights of samples, each an array or a structure of ``count`` arrays."""
        first = values[0]
        if first is None:
            return None
        if isinstance(first, Mapping):
            return {key: self.stack_key(values, key, numbers) for key in first}
        if count > 1 and isinstance(first, (list, tuple)) and len(first) == count:
            return [self.stack_values([value[i] for value in values], f"{name}[{i}]", numbers) for i in range(count)]
        return self.stack_values(values, name, numbers)

    def stack_values(self, values: Sequence[Any], name: str, numbers: Sequence[int]) -> Any:
        """Stack arrays or numbers, which must have equal shapes; tensors of PyTorch stay tensors."""
        is_tensors = all(is_torch_tensor(value) for value in values)
        try:
            arrays = values if is_tensors else [read_array(value) for value in values]
        except ValueError as error:
            raise ModelError(
                f"{self.owner}: expected {name} of every sample to be one array. Received: lists of different lengths "
                "inside a sample; pad or cut them to one length"
            ) from error
        for array, number in zip(arrays, numbers, strict=True):
            if array.shape != arrays[0].shape:
                raise ModelError(
                    f"{self.owner}: expected {name} to have the same shape in every sample. Received: shape "
                    f"{format_shape(tuple(arrays[0].shape))} in sample {numbers[0]} and "
                    f"{format_shape(tuple(array.shape))} in sample {number}. Pad, crop or resize them to one shape"
                )
        return sys.modules["torch"].stack(list(arrays)) if is_tensors else np.stack(arrays)


def get_shape(value: Any) -> tuple[int, ...] | None:
    """Return the shape of an array of any library or of lists of numbers, None if it has none."""
    if value is None or isinstance(value, (str, Mapping)):
        return None
    shape = getattr(value, "shape", None)
    if shape is not None:
        return tuple(shape)
    try:
        return tuple(read_array(value).shape)
    except (ValueError, TypeError):
        return None
