"""Constraints: the values that are allowed."""

from __future__ import annotations

from typing import Any

from tests.nn.peers.store import Values, numbers

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "NonNeg": ("NonNeg", {}),
    "MaxNorm": ("MaxNorm", {}),
    "MaxNorm along axes": ("MaxNorm", {"max_value": 1.5, "axis": (0, 1)}),
    "MinMaxNorm": ("MinMaxNorm", {}),
    "MinMaxNorm, half of the way": ("MinMaxNorm", {"min_value": 1.0, "max_value": 1.5, "rate": 0.5, "axis": 1}),
    "UnitNorm": ("UnitNorm", {}),
    "UnitNorm along the last axis": ("UnitNorm", {"axis": -1}),
}


def given(case: str) -> Any:
    """Return what a case is computed of."""
    return numbers(f"{case} w", (3, 4, 5))


def by_keras(case: str) -> Values:
    """Compute a case by Keras on JAX."""
    import keras
    import numpy as np

    name, settings = CASES[case]
    return {"value": np.asarray(getattr(keras.constraints, name)(**settings)(given(case)))}


def by_pellucid(case: str) -> Values:
    """Compute a case by pellucid."""
    import pellucid as pel

    name, settings = CASES[case]
    return {"value": pel.function([], getattr(pel.nn.constraints, name)(**settings)(pel.shared(given(case), "w")))()}
