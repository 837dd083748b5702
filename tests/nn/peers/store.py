"""Files of golden values, and random numbers for both libraries."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).parent / "golden"

Values = dict[str, np.ndarray]


def draw_normal(key: str, shape: tuple[int, ...], scale: float = 1.0) -> np.ndarray:
    """Return normal random numbers in float32 that depend only on the key."""
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little")
    return (scale * np.random.default_rng(seed).standard_normal(shape)).astype("float32")


@functools.cache
def load(family: str) -> dict[str, Values]:
    """Return the golden values of a family: a dict of arrays for each case."""
    found: dict[str, Values] = {}
    with np.load(GOLDEN / f"{family}.npz") as stored:
        for key in stored.files:
            case, name = key.rsplit("|", 1)
            found.setdefault(case, {})[name] = stored[key]
    return found


def save(family: str, values: dict[str, Values]) -> None:
    """Write the golden values of a family."""
    GOLDEN.mkdir(exist_ok=True)
    arrays = {f"{case}|{name}": array for case, found in values.items() for name, array in found.items()}
    np.savez_compressed(GOLDEN / f"{family}.npz", **arrays)


def compare(found: Values, wanted: Values, tolerance: float = 1e-5) -> None:
    """Check that two results have equal names and dtypes, and values equal up to a relative and absolute tolerance."""
    assert set(found) == set(wanted)
    for name, value in wanted.items():
        assert np.asarray(found[name]).dtype == value.dtype, name
        np.testing.assert_allclose(found[name], value, rtol=tolerance, atol=tolerance, err_msg=name)
