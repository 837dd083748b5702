"""Where golden values lie, and the random numbers that both sides are given."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).parent / "golden"

Values = dict[str, np.ndarray]


def numbers(key: str, shape: tuple[int, ...], scale: float = 1.0) -> np.ndarray:
    """Return random numbers in float32 that depend on the key alone."""
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little")
    return (scale * np.random.default_rng(seed).standard_normal(shape)).astype("float32")


def load(family: str) -> dict[str, Values]:
    """Return the golden values of a family: for every case, arrays by name."""
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
    """Hold the arrays of a case against those of the other side, relatively and absolutely."""
    assert set(found) == set(wanted)
    for name, value in wanted.items():
        assert np.asarray(found[name]).dtype == value.dtype, name
        np.testing.assert_allclose(found[name], value, rtol=tolerance, atol=tolerance, err_msg=name)
