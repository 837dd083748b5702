"""Predictions in batches of a few sizes, which do not depend on the other samples of a batch.

XLA may choose another order of summation for another batch size, such as a matrix-vector product for one sample. Every
batch is therefore padded to one of a few sizes, whose programs give the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pellucid.typing import Array

if TYPE_CHECKING:
    from pellucid.model.interfaces import ModelLike
    from pellucid.typing import Values

SIZES = (8, 32)
"""Sizes of the batches, in ascending order."""


def predict_padded(model: ModelLike, x: Values, sizes: Sequence[int] = SIZES) -> list[Array]:
    """Return the outputs of a model, one array for each.

    Parameters
    ----------
    model : Model
        A built model.
    x : array, or list or dict of arrays
        Inputs, with one sample or more.
    sizes : sequence of int
        Sizes of the batches, in ascending order.

    Examples
    --------
    >>> from pellucid import nn
    >>> model = pel.Sequential([nn.Input((2,)), nn.Dense(3)])
    >>> x = np.arange(80.0).reshape(40, 2).astype("float32")
    >>> [every], [one] = predict_padded(model, x), predict_padded(model, x[35:36])
    >>> every.shape, (every[35] == one[0]).all()
    ((40, 3), np.True_)
    """
    from pellucid.training.data_adapter import convert_inputs

    arrays = [array.astype(e.dtype) for array, e in zip(convert_inputs(model, x), model.inputs, strict=True)]
    largest = sizes[-1]
    parts = [
        predict_batch(model, [array[start : start + largest] for array in arrays], sizes)
        for start in range(0, len(arrays[0]), largest)
    ]
    return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]


def predict_batch(model: ModelLike, arrays: Sequence[Array], sizes: Sequence[int]) -> list[Array]:
    """Return the outputs for a batch of at most the largest size."""
    from pellucid.training.prediction import get_predictor

    count = len(arrays[0])
    size = next(size for size in sizes if size >= count)
    padded = [pad_batch(array, size) for array in arrays]
    return [output[:count] for output in get_predictor(model, [a.dtype for a in padded])(*padded)]


def pad_batch(array: Array, size: int) -> Array:
    """Repeat the last sample until a batch has ``size`` samples."""
    missing = size - len(array)
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)]) if missing else array


def find_exact_sizes(model: ModelLike, inputs: Sequence[Array], sizes: Sequence[int]) -> tuple[int, ...]:
    """Compile the programs of all sizes, and return those that give the same bits as that of the largest size.

    Parameters
    ----------
    model : Model
        A built model.
    inputs : sequence of array
        Samples: a batch of the largest size, or more.
    sizes : sequence of int
        Sizes in ascending order; the last one is always returned.

    Examples
    --------
    >>> from pellucid import nn
    >>> model = pel.Sequential([nn.Input((2,)), nn.Dense(3)])
    >>> find_exact_sizes(model, [np.ones((32, 2), "float32")], (8, 32))
    (8, 32)
    """
    *smaller, largest = sizes
    expected = predict_batch(model, [array[:largest] for array in inputs], (largest,))
    found = []
    for size in smaller:
        outputs = predict_batch(model, [array[:size] for array in inputs], (size,))
        if all(np.array_equal(a, b[:size], equal_nan=True) for a, b in zip(outputs, expected, strict=True)):
            found.append(size)
    return (*found, largest)
