"""Values from a user's hands: what dtype they get, and when a cast would lose something."""

from __future__ import annotations

import reprlib
import warnings
from typing import Any

import numpy as np

from pellucid.graph.errors import DtypeError, PrecisionWarning, brief
from pellucid.graph.operators import Operators
from pellucid.graph.source_location import calls_to_user
from pellucid.graph.types import WIDEST, as_dtype, is_float


def as_array(value: Any, dtype: Any = None, who: str = "") -> np.ndarray[Any, Any]:
    """Turn a user's value into an array: NumPy arrays keep their dtype, Python numbers and lists are `config.floatx`.

    Raises
    ------
    DtypeError
        If it holds something other than real numbers, integers or booleans, or numbers that the dtype cannot hold.
    """
    if isinstance(value, Operators):
        raise DtypeError(
            f"Expected a value. Received: the expression {brief(value)}, which has none until it runs. Run it first, "
            "or put it in the place of an input with pel.function(..., givens={input: expression})"
        )
    array = regular(value)
    if (
        dtype is None
        and array.dtype.kind in "iuf"
        and not isinstance(value, (np.ndarray, np.generic))
        and not hasattr(value, "__array__")
    ):
        dtype = as_dtype(None)
    if (array.dtype.kind not in "biuf" and not is_float(array.dtype)) or array.dtype.itemsize > WIDEST:
        wanted = f"{who}: expected real numbers" if who else "Expected real numbers"
        fix = "; text becomes numbers by np.asarray(text, 'float32')" * spells_numbers(array)
        raise DtypeError(f"{wanted}. Received: {reprlib.repr(value)}, of dtype {array.dtype}{fix}")
    return array if dtype is None else _cast(array, as_dtype(dtype))


def _cast(array: np.ndarray[Any, Any], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    if is_float(dtype):
        return array.astype(dtype)
    with np.errstate(all="ignore"):
        result = array.astype(dtype)
    if not np.array_equal(result, array):
        raise DtypeError(f"{dtype} cannot hold {array.ravel()[:5].tolist()}{'...' if array.size > 5 else ''}")
    return result


def spells_numbers(array: np.ndarray[Any, Any]) -> bool:
    """Tell whether an array is of text that says numbers."""
    try:
        return array.dtype.kind in "US" and array.astype("float64").size > 0
    except ValueError:
        return False


def regular(value: Any) -> np.ndarray[Any, Any]:
    """Return a value as NumPy has it, or say that its rows differ in length."""
    try:
        array = np.asarray(value)
        return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    except ValueError as error:
        raise DtypeError(f"Expected numbers, in rows of equal length. Received: {reprlib.repr(value)}") from error


def fit(value: Any, dtype: np.dtype[Any], who: str) -> np.ndarray[Any, Any]:
    """Cast a value to a dtype, and say so if that changes it.

    Python numbers and lists have no dtype of their own, so they are rounded without a word. An array that must be
    rounded to fit (float64 numbers given to a float32 input) is rounded with a `PrecisionWarning`; numbers that do
    not fit at all (300 in a uint8, 0.5 in an int32) are refused.

    Parameters
    ----------
    value : array, list or number
        What was given.
    dtype : dtype
        What is needed.
    who : str
        Who needs it, for the message.

    Returns
    -------
    ndarray
        Of the dtype, and of the value's shape.

    Raises
    ------
    DtypeError
        If some number does not fit.
    """
    own = isinstance(value, (np.ndarray, np.generic)) or hasattr(value, "__array__")
    array = as_array(value) if isinstance(value, Operators) else regular(value)
    if array.dtype == dtype:
        return array
    as_array(value, who=who)
    with np.errstate(all="ignore"):
        result = array.astype(dtype)
    if np.can_cast(array.dtype, dtype, "safe") or np.array_equal(result, array, equal_nan=is_float(array.dtype)):
        return result
    if not is_float(dtype):
        wrong = array[result != array].ravel()[0]
        raise DtypeError(
            f"{who} is {dtype}. Received: {array.dtype} values that {dtype} cannot hold, such as {wrong}; round them "
            f"with np.round, or declare {who} with another dtype"
        )
    if own:
        warnings.warn(
            f"{who} is {dtype} and received {array.dtype} values, which were rounded. Give it {dtype} values, "
            f"or declare it with dtype={str(array.dtype)!r}",
            PrecisionWarning,
            stacklevel=calls_to_user(),
        )
    return result
