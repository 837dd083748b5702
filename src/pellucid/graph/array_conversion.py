"""Conversion of array-like values to NumPy arrays, with checks that a cast loses no values."""

from __future__ import annotations

import reprlib
import sys
import warnings
from typing import Any

import numpy as np

from pellucid.extension_points import gathered_value
from pellucid.graph.errors import DtypeError, PrecisionWarning, brief
from pellucid.graph.source_location import get_user_stacklevel
from pellucid.graph.types import MAX_ITEMSIZE, NamedDim, as_dtype, is_float
from pellucid.typing import Array


def has_dtype(value: Any) -> bool:
    """Tell whether a value has a dtype. Python numbers and lists take that of their context."""
    return hasattr(value, "__array__") or hasattr(value, "__dlpack__")


def is_torch_tensor(value: Any) -> bool:
    """Tell whether a value is a PyTorch tensor, without importing PyTorch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, getattr(torch, "Tensor", ()))


def read_array(value: Any) -> Array:
    """Return an array of any library, or nested lists, as a NumPy array; data in main memory are not copied.

    PyTorch tensors are detached and taken off their device, and sparse ones are made dense. Arrays that offer nothing
    but the DLPack protocol are read with it.

    Examples
    --------
    >>> read_array([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    if is_torch_tensor(value):
        return read_torch_tensor(value)
    if isinstance(value, (list, tuple)) and value and is_torch_tensor(value[0]):
        return np.stack([read_array(each) for each in value])
    if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
        try:
            return np.from_dlpack(value)
        except (BufferError, RuntimeError) as error:
            raise DtypeError(
                f"Expected an array in main memory. Received: a {type(value).__module__}.{type(value).__name__} that "
                f"NumPy cannot read ({error}); copy it to the CPU"
            ) from error
    return np.asarray(value)


def read_storage(storage: Any) -> Array:
    """Return the stored value of a variable as a NumPy array, without a copy where it is in main memory.

    If several processes hold parts of it, each must call this, and each gets the whole value.
    """
    if getattr(storage, "is_fully_addressable", True) or storage.is_fully_replicated:
        return np.asarray(storage)
    value: Array = gathered_value(storage)
    return value


def read_torch_tensor(tensor: Any) -> Array:
    torch = sys.modules["torch"]
    tensor = tensor.detach()
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    if tensor.dtype == torch.bfloat16:  # NumPy has no such dtype; every value is a float32
        tensor = tensor.float()
    array: Array = tensor.cpu().resolve_conj().resolve_neg().numpy()
    return array


def as_array(value: Any, dtype: Any = None) -> Array:
    """Return a value as an array: NumPy arrays keep their dtype, Python numbers and lists get `config.floatx`."""
    array = to_native_array(value)
    check_real(array, value)
    if dtype is None and array.dtype.kind in "iuf" and not has_dtype(value):
        dtype = as_dtype(None)
    return array if dtype is None else _cast(array, as_dtype(dtype))


def check_real(array: Array, value: Any, owner: str = "") -> None:
    """Raise an error unless the array of a value has real numbers, integers or booleans of up to 64 bits."""
    if (array.dtype.kind not in "biuf" and not is_float(array.dtype)) or array.dtype.itemsize > MAX_ITEMSIZE:
        expected = f"{owner}: expected real numbers" if owner else "Expected real numbers"
        fix = "; convert text to numbers with np.asarray(text, 'float32')" * is_numeric_text(array)
        raise DtypeError(f"{expected}. Received: {reprlib.repr(value)}, of dtype {array.dtype}{fix}")


def _cast(array: Array, dtype: np.dtype[Any]) -> Array:
    if is_float(dtype):
        return array.astype(dtype)
    with np.errstate(all="ignore"):
        result = array.astype(dtype)
    if not np.array_equal(result, array):
        raise DtypeError(f"{dtype} cannot hold {array.ravel()[:5].tolist()}{'...' if array.size > 5 else ''}")
    return result


def is_numeric_text(array: Array) -> bool:
    try:
        return array.dtype.kind in "US" and array.astype("float64").size > 0
    except ValueError:
        return False


def to_native_array(value: Any) -> Array:
    if getattr(type(value), "is_symbolic", False):
        raise DtypeError(
            f"Expected a value. Received: the expression {brief(value)}, which has none until it runs. Run it first, "
            "or substitute it for an input with pel.function(..., givens={input: expression})"
        )
    if isinstance(value, NamedDim):
        value.refuse_number()
    if isinstance(value, (list, tuple)) and any(getattr(type(v), "is_symbolic", False) for v in value):
        raise DtypeError(
            f"Expected one expression. Received: a {type(value).__name__} of {len(value)} with expressions in it; "
            "pel.stack joins them along a new axis, and pel.concatenate along an existing one"
        )
    try:
        array = read_array(value)
        return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    except ValueError as error:
        raise DtypeError(f"Expected numbers, in rows of equal length. Received: {reprlib.repr(value)}") from error


def cast_to_dtype(value: Any, dtype: np.dtype[Any], owner: str) -> Array:
    """Cast the value of an input or variable, the owner; warn if an array is rounded.

    Python numbers and lists have no dtype, so they are rounded silently. Raises a DtypeError for a number that the
    dtype cannot hold, such as 300 in uint8 or 0.5 in int32.
    """
    array = to_native_array(value)
    if array.dtype == dtype:
        return array
    check_real(array, value, owner)
    with np.errstate(all="ignore"):
        result = array.astype(dtype)
    if np.can_cast(array.dtype, dtype, "safe") or np.array_equal(result, array, equal_nan=is_float(array.dtype)):
        return result
    if not is_float(dtype):
        wrong = array[result != array].ravel()[0]
        raise DtypeError(
            f"{owner} is {dtype}. Received: {array.dtype} values that {dtype} cannot hold, such as {wrong}; round them "
            f"with np.round, or declare {owner} with another dtype"
        )
    if has_dtype(value):
        warnings.warn(
            f"{owner} is {dtype} and received {array.dtype} values, which were rounded. Give it {dtype} values, "
            f"or declare it with dtype={str(array.dtype)!r}",
            PrecisionWarning,
            stacklevel=get_user_stacklevel(),
        )
    return result
