"""Constraints: projected values, and gradients of a random projection."""

from __future__ import annotations

from typing import Any

from tests.nn.peers.store import Values, draw_normal

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "NonNeg": ("NonNeg", {}),
    "MaxNorm": ("MaxNorm", {}),
    "MaxNorm along axes": ("MaxNorm", {"max_value": 1.5, "axis": (0, 1)}),
    "MinMaxNorm": ("MinMaxNorm", {}),
    "MinMaxNorm, half of the way": ("MinMaxNorm", {"min_value": 1.0, "max_value": 1.5, "rate": 0.5, "axis": 1}),
    "UnitNorm": ("UnitNorm", {}),
    "UnitNorm along the last axis": ("UnitNorm", {"axis": -1}),
}


def make_input(case: str) -> Any:
    """Return the input of a case."""
    return draw_normal(f"{case} w", (3, 4, 5))


def by_keras(case: str) -> Values:
    """Compute a case with Keras on JAX."""
    import jax
    import keras

    name, settings = CASES[case]
    value, pull = jax.vjp(getattr(keras.constraints, name)(**settings), make_input(case))
    return {"value": value, "gradient": pull(draw_normal(f"{case} g", value.shape))[0]}


def by_pellucid(case: str) -> Values:
    """Compute a case with pellucid."""
    import pellucid as pel

    name, settings = CASES[case]
    w = pel.shared(make_input(case), "w")
    value = getattr(pel.nn.constraints, name)(**settings)(w)
    gradient = pel.grad((value * draw_normal(f"{case} g", w.shape)).sum(), w)
    return dict(zip(("value", "gradient"), pel.function([], [value, gradient], mode="numpy")(), strict=True))
