"""Data held against the model before anything is compiled, so that what does not fit is said in the user's words."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.graph.array_conversion import fit
from pellucid.graph.errors import OptionError, ShapeError
from pellucid.graph.expr import Expr, agree
from pellucid.graph.operators import Operators
from pellucid.graph.types import is_float, shape_text
from pellucid.model.errors import ModelError
from pellucid.nn import losses

Array = np.ndarray[Any, Any]


def as_data(value: Any, name: str) -> Array:
    """Return data as an array of at least one sample, or say what they must be."""
    if isinstance(value, Operators):
        raise ModelError(
            f"Expected {name} to be data. Received: the expression {value}; a model is called on those: model(x)"
        )
    array = np.asarray(value)
    if not array.dtype.isnative:  # as files of other machines have them, which no program reads
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype.kind in "OUS":
        hint = "; classes with names become numbers by np.unique(y, return_inverse=True)" if name.endswith("y") else ""
        raise ModelError(f"Expected {name} to hold numbers. Received: {array.dtype} values{hint}")
    if array.dtype.kind not in "biuf" and not is_float(array.dtype):
        raise ModelError(f"Expected {name} to hold real numbers. Received: {array.dtype} values")
    if not array.ndim or not len(array):
        raise ModelError(f"Expected {name} to hold at least one sample. Received: shape {shape_text(array.shape)}")
    return array


def samples(value: Any, given: Expr, layer: str, name: str) -> Array:
    """Return samples for the model's input, or say how one must look.

    Parameters
    ----------
    value : array or list
        One sample a row.
    given : Expr
        The model's input.
    layer : str
        What the input goes into, for the message.
    name : str
        What the samples are called, for the message.

    Raises
    ------
    ShapeError
        If a sample has another shape.
    ModelError
        If they are no numbers, or not finite.
    """
    array = as_data(value, name)
    if not agree(array.shape[1:], given.shape[1:]):
        raise ShapeError(
            f"{layer} expects samples of shape {shape_text(given.shape[1:])}. "
            f"Received: {name} of shape {shape_text(array.shape)}, samples of shape {shape_text(array.shape[1:])}"
            f"{_how_to_reshape(array, given, name)}"
        )
    return finite(narrowed(array, given.dtype, name), name)


def _how_to_reshape(array: Array, given: Expr, name: str) -> str:
    """Say how the samples could be made to fit, where that is plain to see."""
    wanted, name = given.shape[1:], name.split()[-1]
    if agree(array.shape, wanted):
        return f"; one sample alone is written {name}[None]"
    sizes = [size for size in wanted if isinstance(size, int)]
    if len(sizes) == len(wanted) and np.prod(sizes, dtype=int) == np.prod(array.shape[1:], dtype=int):
        return f"; they become so by {name}.reshape({', '.join(map(str, (-1, *sizes)))})"
    return ""


def narrowed(array: Array, dtype: np.dtype[Any], name: str) -> Array:
    """Return data in no more bytes than the model's dtype takes; what is narrower, such as bytes, is left as it is.

    Batches are cast in the compiled program, so images stay bytes in memory, and no float64 copy is ever made.
    """
    if not is_float(dtype):
        return array if np.can_cast(array.dtype, dtype, "safe") else fit(array, dtype, name)
    if array.dtype.itemsize <= dtype.itemsize:
        return array
    with np.errstate(over="ignore"):
        return array.astype(dtype)


def finite(array: Array, name: str) -> Array:
    """Refuse data with a NaN or an infinity, and name the first."""
    # The sum is finite if every value is, and needs no second array of the data's size.
    with np.errstate(all="ignore"):
        if not is_float(array.dtype) or math.isfinite(array.sum()):
            return array
    wrong = np.argwhere(~np.isfinite(array))
    if len(wrong):
        at = tuple(int(i) for i in wrong[0])
        touched = len(np.unique(wrong[:, 0]))
        raise ModelError(
            f"Expected {name} to be finite {array.dtype} numbers. Received: {array[at]} at {list(at)}, the first of "
            f"{len(wrong)} such values, in {touched} samples; fill them in, or leave those samples out"
        )
    return array


def targets(value: Any, output: Expr, loss: Any, name: str) -> Array:
    """Return what is wanted, for the model's output, or say why it does not fit the loss.

    Integers and booleans are labels, int32; real numbers take the output's dtype.

    Raises
    ------
    ModelError
        If they are no numbers or not finite, if the loss wants one-hot columns and they are labels, or if they are
        out of the range that the loss is made for.
    """
    array = as_data(value, name)
    dtype = target_dtype(array, output)
    array = finite(narrowed(array, dtype, name), name)
    kind = formula(loss)
    check = RANGES.get(kind) if allowed_range(loss) else None
    if kind in COLUMNS:
        check_columns(array, output, getattr(kind, "__name__", "the loss"), name)
    if check is not None:
        check(array, output, getattr(kind, "__name__", "the loss"), name)
    return array


def allowed_range(loss: Any) -> bool:
    """Tell whether the loss wants what `RANGES` says: not where it leaves a class out."""
    return not isinstance(loss, losses.Loss) or loss.settings.get("ignore_class") is None


def formula(loss: Any) -> Any:
    """Return the function that a loss is, whatever its settings."""
    if isinstance(loss, losses.Loss):
        return type(loss).function or loss
    return loss.func if isinstance(loss, functools.partial) else loss


def target_dtype(array: Array, output: Expr) -> np.dtype[Any]:
    """Return the dtype in which the loss sees the targets."""
    return output.dtype if is_float(array.dtype) else np.dtype(np.int32)


def check_columns(array: Array, output: Expr, loss: str, name: str) -> None:
    """Refuse labels where the loss wants columns."""
    count = output.shape[-1]
    labels = array.ndim == output.ndim - 1 or (array.ndim == output.ndim and array.shape[-1] == 1)
    if count != 1 and labels and not is_float(array.dtype):
        raise ModelError(
            f"The loss {loss} compares columns, and the model puts out {count} of them. Received: {name} of shape "
            f"{shape_text(array.shape)}, integer labels. One-hot columns are "
            f"np.eye({count}, dtype='float32')[{name.split()[-1]}]; "
            "or compile with loss='sparse_categorical_crossentropy', which takes labels"
        )


def check_labels(array: Array, output: Expr, loss: str, name: str) -> None:
    """Refuse labels that name no column of the output: a program would take the nearest without a word."""
    count = output.shape[-1] if output.ndim else None
    low, high = array.min(), array.max()
    if isinstance(count, int) and not is_float(array.dtype) and not 0 <= low <= high < count:
        raise ModelError(
            f"The loss {loss} takes labels from 0 to {count - 1}, for the {count} columns of the model's output. "
            f"Received: {name} with labels from {low} to {high}"
            + ("; np.unique(y, return_inverse=True) numbers them from 0" if low > 0 else "")
        )


def check_probabilities(array: Array, output: Expr, loss: str, name: str) -> None:
    """Refuse targets that are no probabilities."""
    low, high = array.min(), array.max()
    if not 0 <= low <= high <= 1:
        raise ModelError(
            f"The loss {loss} takes targets from 0 to 1. Received: {name} with values from {low} to {high}"
        )


COLUMNS: set[Callable[..., Any]] = {
    losses.binary_crossentropy,
    losses.categorical_crossentropy,
    losses.mean_absolute_error,
    losses.mean_squared_error,
}
"""Losses that compare columns with columns."""

RANGES: dict[Callable[..., Any], Callable[[Array, Expr, str, str], None]] = {
    losses.binary_crossentropy: check_probabilities,
    losses.categorical_crossentropy: check_probabilities,
    losses.sparse_categorical_crossentropy: check_labels,
}
"""What a loss wants of the numbers themselves."""


def positive(name: str, value: Any) -> int:
    """Return a count, or say that it must be one."""
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
        raise OptionError(f"Expected {name} to be an integer of 1 or more. Received: {name}={value!r}")
    return int(value)


def whole(name: str, value: Any) -> int:
    """Return a count that may be 0, or say that it must be one."""
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 0:
        raise OptionError(f"Expected {name} to be an integer of 0 or more. Received: {name}={value!r}")
    return int(value)


def frequency(value: Any) -> int | frozenset[int]:
    """Return after how many epochs, or after which, counted from 1."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return frozenset(positive("validation_freq", each) for each in value)
    return positive("validation_freq", value)
