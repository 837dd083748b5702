"""Regularizers: values and gradients."""

from __future__ import annotations

from typing import Any

from tests.nn.peers.store import Values, draw_normal

CASES: dict[str, tuple[str, dict[str, Any], tuple[int, ...]]] = {
    "L1": ("L1", {}, (3, 4)),
    "L2": ("L2", {"l2": 0.5}, (2, 3, 4)),
    "L1L2": ("L1L2", {"l1": 0.1, "l2": 0.2}, (5,)),
    "OrthogonalRegularizer of rows": ("OrthogonalRegularizer", {"factor": 0.5}, (3, 4)),
    "OrthogonalRegularizer of columns": ("OrthogonalRegularizer", {"mode": "columns"}, (5, 4)),
}


def by_keras(case: str) -> Values:
    """Compute a case with Keras on JAX."""
    import jax
    import keras

    name, settings, shape = CASES[case]
    penalty = getattr(keras.regularizers, name)(**settings)
    value, gradient = jax.value_and_grad(lambda w: penalty(w))(draw_normal(f"{case} w", shape))
    return {"value": value, "gradient": gradient}


def by_pellucid(case: str) -> Values:
    """Compute a case with pellucid."""
    import pellucid as pel

    name, settings, shape = CASES[case]
    w = pel.shared(draw_normal(f"{case} w", shape), "w")
    penalty = getattr(pel.nn.regularizers, name)(**settings)(w)
    value, gradient = pel.function([], [penalty, pel.grad(penalty, w)], mode="numpy")()
    return {"value": value, "gradient": gradient}
