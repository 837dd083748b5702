"""Initializers: the exact scale of the samples, and their distribution.

The scale is the factor and the shift between samples of a standard distribution and samples of the initializer with the
same seed, for several shapes. The distribution is compared by quantiles of many samples.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tests.nn.peers.store import Values


class Case(NamedTuple):
    """An initializer, its arguments, and its standard distribution, empty if it draws nothing."""

    name: str
    settings: dict[str, Any]
    source: str = ""


def variance_scaling(scale: float, mode: str, distribution: str) -> Case:
    """Return a case of variance scaling."""
    source = {"untruncated_normal": "normal"}.get(distribution, distribution)
    return Case("VarianceScaling", {"scale": scale, "mode": mode, "distribution": distribution}, source)


CASES: dict[str, Case] = {
    "Constant": Case("Constant", {"value": 0.3}),
    "Zeros": Case("Zeros", {}),
    "Ones": Case("Ones", {}),
    "Identity": Case("Identity", {"gain": 1.5}),
    "RandomUniform": Case("RandomUniform", {}, "uniform"),
    "RandomUniform, range": Case("RandomUniform", {"minval": -0.3, "maxval": 1.1}, "uniform"),
    "RandomNormal": Case("RandomNormal", {}, "normal"),
    "RandomNormal, mean": Case("RandomNormal", {"mean": 0.7, "stddev": 0.2}, "normal"),
    "TruncatedNormal": Case("TruncatedNormal", {}, "truncated_normal"),
    "TruncatedNormal, mean": Case("TruncatedNormal", {"mean": -0.4, "stddev": 0.6}, "truncated_normal"),
    "GlorotUniform": Case("GlorotUniform", {}, "uniform"),
    "GlorotNormal": Case("GlorotNormal", {}, "truncated_normal"),
    "HeUniform": Case("HeUniform", {}, "uniform"),
    "HeNormal": Case("HeNormal", {}, "truncated_normal"),
    "LecunUniform": Case("LecunUniform", {}, "uniform"),
    "LecunNormal": Case("LecunNormal", {}, "truncated_normal"),
    "VarianceScaling": variance_scaling(1.0, "fan_in", "truncated_normal"),
    "VarianceScaling, out": variance_scaling(0.5, "fan_out", "uniform"),
    "VarianceScaling, mean": variance_scaling(3.0, "fan_avg", "untruncated_normal"),
    "Orthogonal": Case("Orthogonal", {"gain": 1.3}, "orthogonal"),
}

SHAPES = ((37,), (50, 21), (5, 12, 9), (3, 4, 7, 11), (2, 3, 3, 5, 8))
MANY = (200, 200)
LEVELS = np.linspace(0.01, 0.99, 50)
MATRIX, MATRICES = (5, 3), 800


def get_shapes(case: Case) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of the samples of a case."""
    return ((4, 4), (3, 5)) if case.name == "Identity" else SHAPES


def fit_line(standard: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Return the factor and the shift from standard samples to the samples of an initializer."""
    slope, shift = np.polyfit(standard.astype("float64").ravel(), drawn.astype("float64").ravel(), 1)
    np.testing.assert_allclose(slope * standard + shift, drawn, rtol=1e-4, atol=1e-5 * abs(slope))
    return np.array([slope, shift])


def compute_case(case: Case, make: Callable[..., Any], standard: Callable[[tuple[int, ...]], Any]) -> Values:
    """Compute a case: ``make`` returns an initializer, ``standard`` the standard samples of seed 5."""
    if not case.source:
        return {
            f"value {i}": np.asarray(make(**case.settings)(shape, "float32"))
            for i, shape in enumerate(get_shapes(case))
        }
    if case.source == "orthogonal":
        drawn = [np.asarray(make(seed=i, **case.settings)(MATRIX, "float32")) for i in range(MATRICES)]
        grams = np.stack([w.T @ w for w in drawn[:20]])
        return {"grams": grams, "quantiles": np.quantile(np.stack(drawn), LEVELS, axis=0).astype("float32")}
    seeded = make(seed=5, **case.settings)
    lines = [fit_line(np.asarray(standard(shape)), np.asarray(seeded(shape, "float32"))) for shape in get_shapes(case)]
    return {
        "scale": np.stack(lines).astype("float32"),
        "quantiles": np.quantile(np.asarray(seeded(MANY, "float32")), LEVELS).astype("float32"),
    }


def by_keras(name: str) -> Values:
    """Compute a case with Keras on JAX."""
    import keras

    case = CASES[name]
    draws = {
        "uniform": keras.random.uniform,
        "normal": keras.random.normal,
        "truncated_normal": keras.random.truncated_normal,
    }
    return compute_case(case, getattr(keras.initializers, case.name), lambda shape: draws[case.source](shape, seed=5))


def by_pellucid(name: str) -> Values:
    """Compute a case with pellucid."""
    from pellucid.nn import initializers
    from pellucid.nn.initializers.random import truncated_normal

    case = CASES[name]
    draws: dict[str, Callable[[Any, tuple[int, ...]], Any]] = {
        "uniform": lambda rng, shape: rng.uniform(0, 1, shape),
        "normal": lambda rng, shape: rng.standard_normal(shape),
        "truncated_normal": truncated_normal,
    }
    make = getattr(initializers, case.name)
    return compute_case(case, make, lambda shape: draws[case.source](np.random.default_rng(5), shape))
