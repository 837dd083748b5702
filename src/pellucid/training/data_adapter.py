"""Data adapter: recognizes, validates and converts the data given to `fit`, `evaluate` and `predict`.

Everything that does not fit is refused before compilation, with the names that the user knows.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from pellucid.graph.array_conversion import cast_to_dtype, is_torch_tensor
from pellucid.graph.errors import DtypeError, OptionError, ShapeError, near_miss
from pellucid.graph.expr import Expr, is_compatible_shape
from pellucid.graph.types import Dim, format_shape, is_float
from pellucid.graph.validation import check_number, is_integer, is_real
from pellucid.model.compile_config import OutputConfig
from pellucid.model.errors import ModelError
from pellucid.model.interfaces import ModelLike
from pellucid.nn import losses
from pellucid.run.device_selection import DEFAULT_PLACEMENT, Placement
from pellucid.run.index_bounds import IndexSearch
from pellucid.training.array_source import ArrayDataset, ArraySource
from pellucid.training.data_sources.columns import TargetNames, get_record, plan_columns
from pellucid.training.data_sources.conversion import ValueRanges, check_finite, get_feature_names, to_array
from pellucid.training.data_sources.converters import format_names
from pellucid.training.data_sources.kinds import is_array, is_table
from pellucid.training.data_sources.opening import ArrayParts, ItemStream, open_data
from pellucid.training.data_sources.samples import IndexedDataset
from pellucid.training.epoch_program import BatchSource
from pellucid.training.iterator_source import DEFAULT_BATCH_SIZE, IteratorSource
from pellucid.training.memmap_source import MemmapDataset
from pellucid.training.row_source import RowSource
from pellucid.training.target_checks import (
    COLUMN_LOSSES,
    RANGE_CHECKS,
    check_columns,
    get_loss_function,
    get_target_dtype,
    warn_about_accuracy,
    warn_about_unreachable_targets,
)
from pellucid.typing import Array

Dataset: TypeAlias = ArrayDataset | MemmapDataset | IndexedDataset

# Sources


def make_sources(
    model: ModelLike,
    x: Any,
    y: Any,
    sample_weight: Any,
    *,
    training: bool,
    batch_size: int | None,
    default_batch_size: int = DEFAULT_BATCH_SIZE,
    steps: int | None = None,
    shuffle: bool = False,
    placement: Placement = DEFAULT_PLACEMENT,
    class_weight: Any = None,
    prefix: str = "",
    validation_split: float = 0.0,
    validation_batch_size: int | None = None,
    validation_steps: int | None = None,
) -> tuple[BatchSource, BatchSource | None]:
    """Return a source of batches, and another of the samples that ``validation_split`` holds out.

    Parameters are those of `Model.fit`; messages put ``prefix`` before the names of data.
    """
    share = check_number("validation_split", validation_split, 0, below=1)
    convert = functools.partial(make_dataset, class_weight=class_weight, prefix=prefix)
    data = open_data(model, x, y, sample_weight, targets=True, prefix=prefix)
    if isinstance(data, ItemStream):
        if share:
            raise OptionError(
                f"Expected no validation_split, since {data.reader.owner} has no last samples until it ends. Received: "
                f"validation_split={share:g}. Split the data before, and give validation_data"
            )
        return IteratorSource(model, data, convert, training, batch_size, steps, placement, default_batch_size), None

    def make_source(
        part: Dataset, batch_size: int | None, training: bool, shuffle: bool = False, steps: int | None = None
    ) -> BatchSource:
        size = default_batch_size if batch_size is None else batch_size
        if isinstance(part, ArrayDataset):
            return ArraySource(model, part, size, training, shuffle, steps, placement)
        return RowSource(model, part, convert, size, training, shuffle, steps, placement)

    dataset: Dataset = convert(model, data.x, data.y, data.sample_weight) if isinstance(data, ArrayParts) else data
    kept, held_out = split_dataset(dataset, share) if share else (dataset, None)
    source = make_source(kept, batch_size, training, shuffle, steps)
    if held_out is None:
        return source, None
    return source, make_source(held_out, validation_batch_size or batch_size, False, steps=validation_steps)


def split_dataset(dataset: Dataset, share: float) -> tuple[Dataset, Dataset]:
    """Hold out the last samples for validation, before any shuffling, as Keras does."""
    count = len(dataset)
    kept = int(count * (1 - share))
    if not 0 < kept < count:
        raise ModelError(
            f"validation_split={share:g} of {count} samples leaves {kept} for training and {count - kept} for "
            "validation. Both need at least one"
        )
    return dataset.slice(0, kept), dataset.slice(kept, count)


# Conversion


def make_dataset(
    model: ModelLike, x: Any, y: Any = None, sample_weight: Any = None, *, class_weight: Any = None, prefix: str = ""
) -> ArrayDataset:
    """Validate arrays against a model, its losses and each other."""
    ranges = ValueRanges()  # the targets of an autoencoder are its inputs
    inputs = convert_inputs(model, x, prefix, ranges)
    configs, outputs = model.compile_config.for_outputs(model.output_names), model.outputs
    targets = convert_targets(configs, outputs, y, prefix, ranges)
    weights = convert_weights(configs, outputs, targets, sample_weight, prefix)
    if class_weight is not None:
        weights = apply_class_weight(configs, targets, weights, class_weight)
    for kind, argument, arrays in (("target", "y", targets), ("weight", "sample_weight", weights)):
        for config, array in zip(configs, arrays, strict=True):
            if array is not None and len(array) != len(inputs[0]):
                raise ModelError(
                    f"Expected a {kind} for every sample. Received: {len(inputs[0])} in {prefix}x and {len(array)} "
                    f"in {name_data(prefix + argument, config.name, len(configs))}"
                )
    dtypes = [None if a is None else get_target_dtype(a, e) for a, e in zip(targets, outputs, strict=True)]
    return ArrayDataset(inputs, targets, weights, dtypes)


def name_data(argument: str, name: str, count: int) -> str:
    """Return the name of data in a message; one of several is an item of the argument."""
    return argument if count == 1 else f"{argument}[{name!r}]"


def convert_inputs(model: ModelLike, x: Any, prefix: str = "", ranges: ValueRanges | None = None) -> list[Array]:
    """Validate the inputs, and build a model that is not built for samples of their shape."""
    if is_table(x) and (record := get_record(x)) is not None:
        x, _, _ = plan_columns(model, record, TargetNames(needed=False, prefix=prefix)).select(record)
    if not model.built:
        model.build_for(to_array(x, f"{prefix}x").shape[1:])
    names, exprs = model.input_names, model.inputs
    first = model.layers[0].name if model.layers else model.name
    owner = f"{model.name} (first layer {first})" if len(names) == 1 else model.name
    bounds = get_index_search(model).bounds
    arrays = []
    for value, e, name in zip(match_arrays(x, names, exprs, f"{prefix}x", "input"), exprs, names, strict=True):
        shown = name_data(f"{prefix}x", name, len(names))
        arrays.append(convert_input(value, e, owner, shown, ranges))
        for bound in bounds.get(e, ()):
            bound.check(e, arrays[-1], shown)
    lengths = {name: len(array) for name, array in zip(names, arrays, strict=True)}
    if len(set(lengths.values())) > 1:
        received = ", ".join(f"{count} in {name}" for name, count in lengths.items())
        raise ModelError(f"{model.name}: expected the same number of samples for every input. Received: {received}")
    return arrays


def get_index_search(model: ModelLike) -> IndexSearch:
    """Return the ranges of the model's inputs that are indices, such as words."""
    graph = model.functional_graph
    if graph.cached_index_search is None:
        graph.cached_index_search = IndexSearch(graph.outputs)
    search: IndexSearch = graph.cached_index_search
    return search


def convert_targets(
    configs: Sequence[OutputConfig], outputs: Sequence[Expr], y: Any, prefix: str, ranges: ValueRanges
) -> list[Array | None]:
    """Validate the targets of each output."""
    targets: list[Array | None] = []
    values = match_arrays(y, [config.name for config in configs], outputs, f"{prefix}y", "output")
    for value, config, output in zip(values, configs, outputs, strict=True):
        name = name_data(f"{prefix}y", config.name, len(configs))
        if value is None and config.needs_targets:
            raise ModelError(f"Expected {name} to hold a target for every sample. Received: None")
        if value is not None and not config.needs_targets:
            raise ModelError(f"{name}: the output {config.name} has neither a loss nor a metric. Leave its targets out")
        targets.append(None if value is None else convert_target(value, output, config.loss, name, ranges))
        if targets[-1] is not None:
            warn_about_accuracy(config, output, targets[-1], name, ranges)
            warn_about_unreachable_targets(config.loss, output, targets[-1], name, ranges)
    return targets


def convert_weights(
    configs: Sequence[OutputConfig],
    outputs: Sequence[Expr],
    targets: Sequence[Array | None],
    sample_weight: Any,
    prefix: str,
) -> list[Array | None]:
    """Validate sample weights: one array for all outputs, or one for each in a list or a dict."""
    names = [config.name for config in configs]
    per_output = isinstance(sample_weight, Mapping) or (isinstance(sample_weight, (list, tuple)) and len(names) > 1)
    if sample_weight is None or per_output:
        values = match_arrays(sample_weight, names, outputs, f"{prefix}sample_weight", "output")
    else:
        values = [sample_weight] * len(names)
    weights: list[Array | None] = []
    for value, config, output, target in zip(values, configs, outputs, targets, strict=True):
        if value is None or target is None:
            weights.append(None)
            continue
        name = name_data(f"{prefix}sample_weight", config.name, len(configs))
        array = to_array(value, name)
        while array.ndim > 1 and array.shape[-1] == 1:
            array = array[..., 0]
        if array.ndim > max(output.ndim - 1, 1) or not is_compatible_shape(
            array.shape[1:], output.shape[1 : array.ndim]
        ):
            raise ShapeError(
                f"Expected {name} to have one number per sample, or per time step of a sample. "
                f"Received: shape {format_shape(array.shape)}, for an output of shape {format_shape(output.shape)}"
            )
        dtype = output.dtype if is_float(output.dtype) else np.dtype(np.float32)
        weights.append(check_finite(array.astype(dtype), name))
    return weights


def apply_class_weight(
    configs: Sequence[OutputConfig], targets: Sequence[Array | None], weights: Sequence[Array | None], class_weight: Any
) -> list[Array | None]:
    """Multiply the weights of samples by those of their classes."""
    if not isinstance(class_weight, Mapping) or not class_weight:
        raise OptionError(
            f"Expected class_weight to be a dict from class to weight. Received: class_weight={class_weight!r}"
        )
    names = [config.name for config in configs]
    if not all(isinstance(value, Mapping) for value in class_weight.values()):
        if len(configs) > 1:
            raise OptionError(
                f"class_weight: the model has several outputs. Give a dict of dicts by output, of {', '.join(names)}"
            )
        class_weight = {names[0]: class_weight}
    for name in class_weight:
        if name not in names:
            raise OptionError(f"class_weight: there is no output {name!r}.{near_miss(str(name), names)}")
    return [
        weight
        if target is None or config.name not in class_weight
        else get_class_factors(target, class_weight[config.name]) * (1 if weight is None else weight)
        for config, target, weight in zip(configs, targets, weights, strict=True)
    ]


def get_class_factors(target: Array, factors: Mapping[Any, float]) -> Array:
    """Return the weight of each sample's class, 1 for classes without one."""
    if target.ndim > 2:
        raise OptionError(
            f"class_weight: expected labels or one-hot rows. Received: targets of shape {format_shape(target.shape)}"
        )
    for label, factor in factors.items():
        if not is_integer(label) or not is_real(factor) or not 0 <= factor < np.inf:
            raise OptionError(
                f"class_weight: expected integer classes and weights of 0 or more. Received: {label!r}: {factor!r}"
            )
    is_one_hot = target.ndim == 2 and target.shape[1] > 1
    labels = target.argmax(1) if is_one_hot else target.reshape(-1)
    result = np.ones(len(target), np.float32)
    for label, factor in factors.items():
        result[labels == label] = factor
    return result


def match_arrays(value: Any, names: Sequence[str], exprs: Sequence[Expr], argument: str, kind: str) -> list[Any]:
    """Return the data of each input or output, in order, from a list, or from a dict or table by name."""
    if len(names) > 1:
        record = get_record(value)
        value = value if record is None else record
    if isinstance(value, Mapping):
        for name in value:
            if name not in names:
                raise ModelError(
                    f"{argument}: there is no {kind} {name!r}.{near_miss(str(name), names)} "
                    f"{kind.capitalize()}s: {', '.join(names)}"
                )
        if kind == "input" and (missing := [name for name in names if name not in value]):
            raise ModelError(f"{argument}: the input {', '.join(missing)} is missing")
        return [value.get(name) for name in names]
    if len(names) == 1:
        # A list around the one array, which Keras allows too; a list of numbers is data itself.
        is_single = isinstance(value, (list, tuple)) and len(value) == 1 and is_array(value[0])
        return [value[0] if is_single and np.ndim(value[0]) == max(exprs[0].ndim, 1) else value]
    if value is None:
        return [None] * len(names)
    if not isinstance(value, (list, tuple)) or len(value) != len(names):
        received = type(value).__name__
        if isinstance(value, (list, tuple)):
            received = f"{len(value)} in a {received}"
        raise ModelError(
            f"Expected {argument} to be a list or a dict with one array per {kind}: {', '.join(names)}. "
            f"Received: {received}"
        )
    return list(value)


# Validation of one array


def convert_input(value: Any, e: Expr, owner: str, name: str, ranges: ValueRanges | None = None) -> Array:
    """Return samples for an input of the model."""
    array, columns = to_array(value, name), get_feature_names(value)
    if array.ndim == 1 and e.shape[1:] == (1,):  # a column with one number per sample
        array = array[:, None]
    if not is_compatible_shape(array.shape[1:], e.shape[1:]):
        advice = suggest_columns(columns, e) if columns else suggest_reshape(array, e, name, is_torch_tensor(value))
        raise ShapeError(
            f"{owner} expects samples of shape {format_shape(e.shape[1:])}. "
            f"Received: {name} of shape {format_shape(array.shape)}, samples of shape {format_shape(array.shape[1:])}"
            f"{advice}"
        )
    return check_finite(limit_dtype(array, e.dtype, name), name, columns, ranges)


def suggest_columns(columns: Sequence[str], e: Expr) -> str:
    """Return the columns of a table that do not fit an input."""
    count = e.shape[1] if e.ndim == 2 else None
    advice = f"; the columns are {format_names(columns)}"
    return (
        f"{advice}. Leave out those that are no features" if isinstance(count, int) and count < len(columns) else advice
    )


def suggest_reshape(array: Array, e: Expr, name: str, is_tensor: bool = False) -> str:
    """Return how to make samples fit, where their shape shows it."""
    expected, received, name = e.shape[1:], array.shape[1:], name.split()[-1]
    if is_compatible_shape(array.shape, expected):
        if len(expected) > 1 and not isinstance(expected[0], int):
            return (
                f"; nn.Input takes the shape of one sample, without the batch: nn.Input({format_shape(expected[1:])})"
            )
        return f"; pass a single sample as {name}[None]"
    order = find_axis_order(received, expected)
    if order is not None:
        axes = ", ".join(str(axis) for axis in (0, *(i + 1 for i in order)))
        if len(order) > 2 and order[0] == len(order) - 1:
            return (
                "; the model was declared with its channels first, and layers take them last: begin it with "
                f"nn.Input({format_shape(received)})"
            )
        moved = "axes are swapped" if order[:2] == (1, 0) else "channels are first, and the model takes them last"
        method = "permute" if is_tensor else "transpose"  # the transpose of PyTorch swaps two axes
        advice = f"{name}.{method}({axes})"
        if is_tensor:  # data sets of PyTorch hold samples, which have no batch axis
            advice += f", or sample.permute({', '.join(map(str, order))}) for each sample"
        return f"; the {moved}: {advice}. A reshape would scramble the values"
    sizes = [size for size in expected if isinstance(size, int)]
    if len(sizes) == len(expected) and np.prod(sizes, dtype=int) == np.prod(received, dtype=int):
        shape = ", ".join(map(str, (-1, *sizes)))
        advice = f"; reshape them with {name}.reshape({shape})"
        if len(received) == 1 and len(sizes) > 2 and sizes[-1] > 1:
            planes = ", ".join(map(str, (-1, sizes[-1], *sizes[:-1])))
            order_back = ", ".join(map(str, (0, *range(2, len(sizes) + 1), 1)))
            advice += (
                f"; if they hold one channel after the other, with {name}.reshape({planes}).transpose({order_back})"
            )
        return advice
    return ""


def find_axis_order(received: Sequence[Dim], expected: Sequence[Dim]) -> tuple[int, ...] | None:
    """Return the order in which axes of one shape give another: moved channels, or the first two swapped."""
    count = len(received)
    if count != len(expected) or count < 2:
        return None
    for order in ((*range(1, count), 0), (count - 1, *range(count - 1)), (1, 0, *range(2, count))):
        if is_compatible_shape(tuple(received[i] for i in order), tuple(expected)):
            return order
    return None


def limit_dtype(array: Array, dtype: np.dtype[Any], name: str) -> Array:
    """Cast data to the model's dtype if they are wider; narrower data, such as bytes, stay as they are.

    Batches are cast in the compiled program, so images stay bytes in memory, and no float64 copy is made.
    """
    if not is_float(dtype):
        return array if np.can_cast(array.dtype, dtype, "safe") else cast_to_dtype(array, dtype, name)
    if array.dtype.itemsize <= dtype.itemsize:
        return array
    with np.errstate(over="ignore"):
        return array.astype(dtype)


def convert_target(value: Any, output: Expr, loss: Any, name: str, ranges: ValueRanges | None = None) -> Array:
    """Return targets for an output of the model.

    Integers and booleans are labels, int32; real numbers take the output's dtype.
    """
    array, ranges = to_array(value, name), ranges or ValueRanges()
    array = check_finite(limit_dtype(array, get_target_dtype(array, output), name), name, ranges=ranges)
    function = get_loss_function(loss)
    loss_name = getattr(function, "__name__", "the loss")
    if function in COLUMN_LOSSES:
        check_columns(array, output, loss_name, name)
    is_labels = function is losses.sparse_categorical_crossentropy and is_float(array.dtype)
    if is_labels and (array.ndim < output.ndim or array.shape[-1] == 1):
        are_integers = bool((array == np.round(array)).all())
        fix = f"{name.split()[-1]}.astype('int32') converts them" if are_integers else "for numbers, use loss='mse'"
        raise DtypeError(f"{loss_name}: expected integer labels. Received: {name} of {array.dtype}; {fix}")
    has_range = not isinstance(loss, losses.Loss) or loss.settings.get("ignore_class") is None
    if function in RANGE_CHECKS and has_range:
        RANGE_CHECKS[function](array, output, loss_name, name, ranges.get(array))
    return array
