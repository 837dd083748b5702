"""Check that the C compiler computes right numbers: NaN, signs of zero, overflow of integers, sums and functions."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np

from pellucid.typing import Array

COUNT = 67
"""Number of elements of each array, as in the C file: whole vectors and a rest."""


def get_check_program() -> str:
    return Path(__file__).with_name("compiler_check.c").read_text("utf-8")


def find_wrong_result(library: ctypes.CDLL) -> str | None:
    """Run the program of the check, and return the name of a wrong result, or None."""
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0.5, 2, (2, COUNT)).astype("float32")
    a[::5] *= -1
    x = rng.uniform(-20, 20, COUNT)
    x[:7] = 0.0, -0.0, np.inf, -np.inf, np.nan, 700.0, -800.0
    k = rng.integers(-(2**31), 2**31, COUNT).astype("int32")
    reals, doubles = np.zeros(2 * COUNT + 1, "float32"), np.zeros(3 * COUNT + 1)
    integers = np.zeros(4 * COUNT, "int32")
    arrays = (a, b, x, k, reals, doubles, integers)
    library.check(*(ctypes.c_void_p(array.ctypes.data) for array in arrays))
    for name, found, expected in (
        ("a float32 formula", reals, compute_reals(a, b)),
        ("a float64 formula", doubles, compute_doubles(x)),
        ("an integer formula", integers, compute_integers(x, k)),
    ):
        if not is_close(found, expected):
            return name
    return None


def compute_reals(a: Array, b: Array) -> Array:
    left, right = a.astype("float64"), b.astype("float64")
    return np.concatenate([left / right - right * right, np.where(a > b, a, -b), [left @ right]])


def compute_doubles(x: Array) -> Array:
    with np.errstate(all="ignore"):
        return np.concatenate([np.exp(x), np.sqrt(np.abs(x)), x * 0.0, [np.nanmax(x)]])


def compute_integers(x: Array, k: Array) -> Array:
    bits, wide = k.view("uint32"), k.astype("int64")
    quotient = np.sign(wide) * (np.abs(wide) // 7)
    rest = np.sign(wide) * (np.abs(wide) % 5)
    classes = np.isnan(x) + 2 * (np.signbit(x) & ~np.isnan(x)) + 4 * (x == np.inf)
    wrapped = (wide + 2147483647).astype("uint32").view("int32")
    return np.concatenate([wrapped, (bits << 13 | bits >> 19).view("int32"), quotient - rest, classes])


def is_close(found: Array, expected: Array) -> bool:
    """Whether results are right up to a few roundings, with the same NaNs, infinities and signs of zero."""
    if found.dtype.kind != "f":
        return bool((found == expected).all())
    tolerance = 8 * float(np.finfo(found.dtype).eps)
    zeros = found == 0
    signs = np.signbit(found[zeros]) == np.signbit(expected[zeros])
    return bool(np.allclose(found, expected, rtol=tolerance, atol=tolerance, equal_nan=True) and signs.all())
