"""Predictions of a model on data."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from pellucid.graph.expr import Input
from pellucid.graph.passes import inference
from pellucid.graph.validation import check_optional_integer
from pellucid.model.errors import ModelError
from pellucid.model.interfaces import ModelLike
from pellucid.run.device_selection import DEFAULT_PLACEMENT, Placement, check_placement
from pellucid.run.distributed.divided_state import gather_values
from pellucid.run.function_builder import function
from pellucid.training.callbacks.base import CallbackList
from pellucid.training.callbacks.keras_hooks import as_callback_list
from pellucid.training.data_adapter import convert_inputs
from pellucid.training.data_sources.opening import ArrayParts, ItemStream, open_data
from pellucid.training.iterator_source import DEFAULT_BATCH_SIZE, BatchStream, open_stream, split_batch
from pellucid.training.progress_display import make_prediction_display
from pellucid.training.row_source import RowDataset
from pellucid.typing import Array, Batches, Devices, Shard, Values

if TYPE_CHECKING:
    from pellucid.run.function import Function


def predict(
    model: ModelLike,
    x: Values | Batches,
    batch_size: int | None,
    verbose: Any,
    steps: int | None,
    callbacks: Any,
    devices: Devices = None,
    shard: Shard = None,
) -> Any:
    """Compute the outputs for data; see `Model.predict`."""
    batch_size = check_optional_integer("batch_size", batch_size, None)
    steps = check_optional_integer("steps", steps, None)
    placement = check_placement(devices, shard)
    has_defaults = callbacks is None and verbose == 0 and steps is None and placement == DEFAULT_PLACEMENT
    if has_defaults and is_one_batch(x, batch_size):
        return predict_on_batch(model, x)
    params = {"epochs": 1, "steps": steps, "verbose": verbose, "metrics": []}
    callback_list = CallbackList(as_callback_list(callbacks), model, params)
    callback_list("on_predict_begin", {})
    batches, count = open_input_batches(model, x, batch_size)
    parts: list[list[Array]] = []
    with make_prediction_display(verbose, count if steps is None else steps) or nullcontext() as display:
        for step, arrays in enumerate(itertools.islice(batches, steps)):
            callback_list("on_predict_batch_begin", step, {})
            parts.append(get_predictor(model, [a.dtype for a in arrays], placement)(*arrays))
            callback_list("on_predict_batch_end", step, {"outputs": model.unflatten_outputs(parts[-1])})
            if display is not None:
                display.step(0, step + 1, {})
    if placement.shard is not None:
        gather_values(model.state().values())
    if not parts:
        raise ModelError("There is nothing to predict from: the iterator is exhausted")
    result = model.unflatten_outputs([np.concatenate(each) for each in zip(*parts, strict=True)])
    callback_list("on_predict_end", {})
    return result


def is_one_batch(x: Values | Batches, batch_size: int | None) -> TypeGuard[Array]:
    """Whether data are an array with one sample or more, and no more than a batch."""
    return type(x) is np.ndarray and x.ndim > 0 and 0 < len(x) <= (batch_size or DEFAULT_BATCH_SIZE)


def open_input_batches(
    model: ModelLike, x: Values | Batches, batch_size: int | None
) -> tuple[Iterator[list[Array]], int | None]:
    """Return the inputs of each batch, and the number of batches if it is known.

    Only one batch is read at a time unless the data are in memory.
    """
    data = open_data(model, x, targets=False)
    size = DEFAULT_BATCH_SIZE if batch_size is None else batch_size
    if isinstance(data, ItemStream):
        return iter_stream(model, data, batch_size), None
    if isinstance(data, ArrayParts):
        arrays = convert_inputs(model, data.x)
        starts = range(0, len(arrays[0]), size)
        return ([a[start : start + size] for a in arrays] for start in starts), len(starts)
    rows: RowDataset = data
    starts = range(0, len(rows), size)
    spans = (rows.get_span(start, start + size) for start in starts)
    return (convert_inputs(model, rows.read_rows(span)[0]) for span in spans), len(starts)


def iter_stream(model: ModelLike, data: ItemStream, batch_size: int | None) -> Iterator[list[Array]]:
    """Yield the inputs of the batches of a stream."""
    stream = BatchStream(data.items, None)
    open_stream(stream, data.reader, batch_size, DEFAULT_BATCH_SIZE)
    for batch in stream.iter_epoch():
        yield convert_inputs(model, split_batch(data.reader, batch)[0])


def predict_on_batch(model: ModelLike, x: Values) -> Any:
    """Compute the outputs for one batch; see `Model.predict_on_batch`."""
    arrays = convert_inputs(model, x)
    return model.unflatten_outputs(get_predictor(model, [a.dtype for a in arrays])(*arrays))


def predict_proba(model: ModelLike, x: Values | Batches, batch_size: int | None) -> Array:
    """Return class probabilities; see `Model.predict_proba`."""
    p = check_single_output(model, model.predict(x, batch_size), "predict_proba")
    # Softmax rows may exceed 1 by rounding.
    if p.size and not (p.min() >= 0 and p.max() <= 1 + 1e-6):
        raise ModelError(
            f"{model.name}: expected probabilities from the last layer. Received: values from {p.min():.4g} to "
            f"{p.max():.4g}. Add nn.Activation('softmax') or 'sigmoid' after it"
        )
    return np.concatenate([1 - p, p], axis=-1) if p.shape[-1] == 1 else p


def predict_classes(model: ModelLike, x: Values | Batches, batch_size: int | None) -> Array:
    """Return class labels; see `Model.predict_classes`."""
    p = check_single_output(model, model.predict(x, batch_size), "predict_classes")
    classes: Array = (p[..., 0] > 0.5).astype(np.int64) if p.shape[-1] == 1 else p.argmax(-1)
    return classes


def check_single_output(model: ModelLike, prediction: Any, method: str) -> Array:
    if not isinstance(prediction, np.ndarray) or prediction.ndim < 2:
        raise ModelError(
            f"{model.name}: {method} needs a model with one output of columns. Outputs: {', '.join(model.output_names)}"
        )
    return prediction


def get_predictor(model: ModelLike, dtypes: Any, placement: Placement = DEFAULT_PLACEMENT) -> Function:
    """Return the compiled function from inputs of these dtypes to all outputs, in the inference form."""
    key = (tuple(dtypes), tuple(model.outputs), repr(placement.devices), placement.shard)
    if key not in model.predictors:
        raw = [Input(e.name, e.shape, dtype) for e, dtype in zip(model.inputs, dtypes, strict=True)]
        cast = {e: r.astype(e.dtype) for e, r in zip(model.inputs, raw, strict=True)}
        model.predictors[key] = function(
            raw, inference(model.outputs), givens=cast, on_unused_input="ignore", **placement._asdict()
        )
    predictor: Function = model.predictors[key]
    return predictor
