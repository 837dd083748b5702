"""exp, log and tanh of compiled loops over the whole range of floats, compared with NumPy in double precision."""

from __future__ import annotations

import numpy as np
import pytest

import pellucid as pel
from pellucid.run.native.compiler import find_compiler

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")

COUNT = 20_000
"""Numbers of each dtype, which are spread evenly over all bit patterns."""

UNITS = {"exp": 2, "log": 2, "tanh": 4}
"""Largest error in units of the last digit."""


def make_values(dtype: str) -> np.ndarray:
    """Return numbers of every size and sign, denormal ones and NaN too, and many of ordinary size."""
    bits = 8 * np.dtype(dtype).itemsize
    patterns = (np.arange(COUNT) * (2**bits / COUNT)).astype(f"uint{bits}")
    rng = np.random.default_rng(0)
    ordinary = rng.normal(size=COUNT) * 10.0 ** rng.integers(-3, 3, COUNT)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal]
    edges = [88.72, 88.73, -87.3, -103.9, -104.1, 709.78, 709.79, -708.4, -745.1, -745.2]
    with np.errstate(all="ignore"):  # signaling NaN, and numbers beyond float32
        return np.concatenate([patterns.view(dtype), ordinary, special, edges]).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", list(UNITS))
def test_functions_of_all_floats(name: str, dtype: str) -> None:
    x, w = pel.vector("x", dtype=dtype), pel.shared(np.asarray(1, dtype), "w")
    values, op = make_values(dtype), getattr(pel, name)
    flushed = np.where(np.abs(values) < np.finfo(dtype).tiny, np.copysign(0, values), values)  # as loops do
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(flushed.astype("longdouble")).astype(dtype)
    [found] = pel.function([x], op(x * w), updates={w: w + 0}, mode="native").repeat(1, values)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_array_equal(np.isinf(found), np.isinf(expected))
    finite = np.isfinite(expected)
    with np.errstate(all="ignore"):
        errors = np.abs(found[finite].astype("longdouble") - expected[finite]) / np.spacing(np.abs(expected[finite]))
    smallest = 2 * np.finfo(dtype).tiny  # below it, results may be zero
    normal = np.abs(expected[finite]) >= smallest
    assert errors[normal].max() <= UNITS[name]
    assert np.abs(found[finite][~normal] - expected[finite][~normal]).max(initial=0) <= smallest
    zeros = finite & (expected == 0)
    np.testing.assert_array_equal(np.signbit(found[zeros]), np.signbit(expected[zeros]))
