"""Predictions of a model on data."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.expr import Input
from pellucid.graph.passes import inference
from pellucid.graph.validation import check_optional_integer
from pellucid.model.errors import ModelError
from pellucid.model.interfaces import ModelLike
from pellucid.run.function_builder import function
from pellucid.training.callbacks.base import CallbackList
from pellucid.training.callbacks.conversion import as_callback_list
from pellucid.training.data_adapter import DEFAULT_BATCH_SIZE, convert_inputs, is_batch_iterable, is_memory_mapped
from pellucid.training.memmap_source import MemmapDataset
from pellucid.training.progress_display import make_prediction_display

if TYPE_CHECKING:
    from pellucid.run.function import Function

Array = np.ndarray[Any, Any]


def predict(model: ModelLike, x: Any, batch_size: int | None, verbose: Any, steps: int | None, callbacks: Any) -> Any:
    """Compute the outputs for data; see `Model.predict`."""
    batch_size = check_optional_integer("batch_size", batch_size, DEFAULT_BATCH_SIZE)
    steps = check_optional_integer("steps", steps, None)
    params = {"epochs": 1, "steps": steps, "verbose": verbose, "metrics": []}
    callback_list = CallbackList(as_callback_list(callbacks), model, params)
    callback_list("on_predict_begin", {})
    parts: list[list[Array]] = []
    total = count_batches(x, batch_size) if steps is None else steps
    with make_prediction_display(verbose, total) or nullcontext() as display:
        for step, arrays in enumerate(itertools.islice(iter_input_batches(model, x, batch_size), steps)):
            callback_list("on_predict_batch_begin", step, {})
            parts.append(get_predictor(model, [a.dtype for a in arrays])(*arrays))
            callback_list("on_predict_batch_end", step, {"outputs": model.unflatten_outputs(parts[-1])})
            if display is not None:
                display.step(0, step + 1, {})
    if not parts:
        raise ModelError("There is nothing to predict from: the iterator is exhausted")
    result = model.unflatten_outputs([np.concatenate(each) for each in zip(*parts, strict=True)])
    callback_list("on_predict_end", {})
    return result


def count_batches(x: Any, batch_size: int) -> int | None:
    """Return the number of batches of an array; None for other data.

    Examples
    --------
    >>> count_batches(np.zeros((5, 2)), 2), count_batches(iter([]), 2)
    (3, None)
    """
    return -(-len(x) // batch_size) if isinstance(x, np.ndarray) and x.ndim else None


def iter_input_batches(model: ModelLike, x: Any, batch_size: int) -> Iterator[list[Array]]:
    if is_batch_iterable(x):
        for batch in x if hasattr(x, "__iter__") else (x[i] for i in range(len(x))):
            yield convert_inputs(model, batch[0] if isinstance(batch, tuple) else batch)
    elif is_memory_mapped(x):
        rows = MemmapDataset(x)
        for start in range(0, len(rows), batch_size):
            yield convert_inputs(model, rows.read([(start, start + batch_size)]).x)
    else:
        arrays = convert_inputs(model, x)
        for start in range(0, len(arrays[0]), batch_size):
            yield [a[start : start + batch_size] for a in arrays]


def predict_on_batch(model: ModelLike, x: Any) -> Any:
    """Compute the outputs for one batch; see `Model.predict_on_batch`."""
    arrays = convert_inputs(model, x)
    return model.unflatten_outputs(get_predictor(model, [a.dtype for a in arrays])(*arrays))


def predict_proba(model: ModelLike, x: Any, batch_size: int | None) -> Array:
    """Return class probabilities; see `Model.predict_proba`."""
    p = check_single_output(model, model.predict(x, batch_size), "predict_proba")
    # Softmax rows may exceed 1 by rounding.
    if p.size and not (p.min() >= 0 and p.max() <= 1 + 1e-6):
        raise ModelError(
            f"{model.name}: expected probabilities from the last layer. Received: values from {p.min():.4g} to "
            f"{p.max():.4g}. Add nn.Activation('softmax') or 'sigmoid' after it"
        )
    return np.concatenate([1 - p, p], axis=-1) if p.shape[-1] == 1 else p


def predict_classes(model: ModelLike, x: Any, batch_size: int | None) -> Array:
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


def get_predictor(model: ModelLike, dtypes: Any) -> Function:
    """Return the compiled function from inputs of these dtypes to all outputs, in the inference form."""
    key = (tuple(dtypes), tuple(model.outputs))
    if key not in model.predictors:
        raw = [Input(e.name, e.shape, dtype) for e, dtype in zip(model.inputs, dtypes, strict=True)]
        cast = {e: r.astype(e.dtype) for e, r in zip(model.inputs, raw, strict=True)}
        model.predictors[key] = function(raw, inference(model.outputs), givens=cast, on_unused_input="ignore")
    predictor: Function = model.predictors[key]
    return predictor
