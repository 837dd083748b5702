"""Image layers: augmentation with given random numbers, rescaling and normalization, with gradients.

The random numbers are between 0 and 1, with a row for each draw of a layer, and are the same for both libraries. Cases
in which Keras deviates from its documentation are excluded: flips in both directions, which it draws once for both; a
scalar contrast factor, which never lowers the contrast; and crops of images that are too small, or in inference.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import numpy as np

from tests.nn.peers.store import Values, draw_normal

SHAPE = (3, 7, 6, 2)


@dataclass(frozen=True)
class Case:
    """A layer and its arguments."""

    name: str
    settings: dict[str, Any] = field(default_factory=dict)


CASES: dict[str, Case] = {
    "flip": Case("RandomFlip", {"mode": "horizontal"}),
    "flip, vertical": Case("RandomFlip", {"mode": "vertical"}),
    "turn": Case("RandomRotation", {"factor": 0.4}),
    "turn, constant": Case("RandomRotation", {"factor": (0.1, 0.2), "fill_mode": "constant", "fill_value": 0.5}),
    "turn, nearest": Case("RandomRotation", {"factor": 0.3, "fill_mode": "nearest", "interpolation": "nearest"}),
    "zoom": Case("RandomZoom", {"height_factor": 0.4}),
    "zoom, both": Case("RandomZoom", {"height_factor": (-0.5, 0.1), "width_factor": 0.8, "fill_mode": "wrap"}),
    "move": Case("RandomTranslation", {"height_factor": 0.4, "width_factor": (-0.2, 0.7)}),
    "move, nearest": Case("RandomTranslation", {"height_factor": 0.9, "width_factor": 0.2, "fill_mode": "nearest"}),
    "crop": Case("RandomCrop", {"height": 4, "width": 3}),
    "contrast": Case("RandomContrast", {"factor": (0.3, 0.9), "value_range": (-1, 2)}),
    "brightness": Case("RandomBrightness", {"factor": 0.4, "value_range": (-1.5, 1)}),
    "brightness, range": Case("RandomBrightness", {"factor": (-0.1, 0.3)}),
    "scale": Case("Rescaling", {"scale": 0.3, "offset": -1.0}),
    "scale, each channel": Case("Rescaling", {"scale": [0.3, 2.0], "offset": [0.0, 1.0]}),
    "normalize": Case("Normalization", {"axis": -1}),
    "normalize, two axes": Case("Normalization", {"axis": (1, 3)}),
    "normalize, no axis": Case("Normalization", {"axis": None}),
    "normalize, given": Case("Normalization", {"mean": [0.5, -1.0], "variance": [4.0, 0.0]}),
    "normalize, inverse": Case("Normalization", {"mean": 0.5, "variance": 4.0, "invert": True}),
}


def make_draws(key: str) -> np.ndarray:
    """Return numbers from 0 to 1 for each draw and each image."""
    return (np.abs(draw_normal(f"{key} u", (2, SHAPE[0]))) % 1).astype("float32")


def needs_adapt(case: Case) -> bool:
    """Return whether the layer must be adapted to data first."""
    return case.name == "Normalization" and "mean" not in case.settings


def by_keras(key: str) -> Values:
    """Compute a case with Keras, with its random numbers replaced."""
    import jax
    import jax.numpy as jnp
    import keras

    case, x = CASES[key], jnp.asarray(draw_normal(f"{key} x", SHAPE))
    layer = getattr(keras.layers, case.name)(**case.settings)
    if needs_adapt(case):
        layer.adapt(draw_normal(f"{key} data", (5, *SHAPE[1:]), 3.0))
    random = hasattr(layer, "generator")

    def result(x: Any) -> Any:
        rows = list(make_draws(key))

        def uniform(shape: Any, minval: float = 0.0, maxval: float = 1.0, **_: Any) -> Any:
            row = rows.pop(0)
            return minval + (maxval - minval) * (row.reshape(shape) if len(shape) else row[0])

        if not random:
            return layer(x)
        with mock.patch.object(layer.backend.random, "uniform", uniform):
            return layer(x, training=True)

    y = result(x)
    gradient = jax.grad(lambda x: (result(x) * draw_normal(f"{key} g", y.shape)).sum())(x)
    return {"y": np.asarray(y), "d": np.asarray(gradient)}


def by_pellucid(key: str) -> Values:
    """Compute a case with pellucid, with its random numbers replaced."""
    import pellucid as pel
    from pellucid import nn

    case, value, rows = CASES[key], draw_normal(f"{key} x", SHAPE), list(make_draws(key))
    x = pel.tensor("x", shape=(None, *SHAPE[1:]))
    layer = getattr(nn, case.name)(**case.settings)
    if needs_adapt(case):
        layer.adapt(draw_normal(f"{key} data", (5, *SHAPE[1:]), 3.0))
    if hasattr(layer, "generator"):
        layer.generator.uniform = lambda low, high, like, dtype: (
            low + (high - low) * rows.pop(0).reshape((-1,) + (1,) * (like.ndim - 1))
        )
        layer.generator.integers = lambda high: np.int64(rows.pop(0)[0] * high)
    y = layer(x)
    gradient = pel.grad((y * draw_normal(f"{key} g", (SHAPE[0], *y.shape[1:]))).sum(), x)
    found = pel.function([x], [y, gradient], mode="numpy")(value)
    return {"y": found[0], "d": found[1]}
