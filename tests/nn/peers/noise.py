"""Layers that are random in training, with the same random numbers: results, and gradients of a random projection.

The random numbers are those of pellucid, read from the results of a layer on zeros and ones, and given to Keras. Their
distribution has separate tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import numpy as np

from tests.nn.peers.store import Values, draw_normal


@dataclass(frozen=True)
class Case:
    """A layer, its arguments, and the shape of its input."""

    name: str
    shape: tuple[int, ...]
    settings: dict[str, Any] = field(default_factory=dict)


CASES: dict[str, Case] = {
    "dropout": Case("Dropout", (4, 6), {"rate": 0.3}),
    "dropout, shared": Case("Dropout", (4, 5, 3), {"rate": 0.5, "noise_shape": (None, 1, 3)}),
    "dropout of channels, line": Case("SpatialDropout1D", (4, 5, 3), {"rate": 0.4}),
    "dropout of channels, image": Case("SpatialDropout2D", (3, 3, 4, 5), {"rate": 0.4}),
    "dropout of channels, volume": Case("SpatialDropout3D", (3, 2, 3, 2, 5), {"rate": 0.4}),
    "alpha dropout": Case("AlphaDropout", (4, 6), {"rate": 0.3}),
    "alpha dropout, shared": Case("AlphaDropout", (4, 5, 3), {"rate": 0.3, "noise_shape": (None, None, 1)}),
    "normal times": Case("GaussianDropout", (4, 6), {"rate": 0.3}),
    "normal": Case("GaussianNoise", (4, 6), {"stddev": 0.7}),
}


def run_layer(key: str, value: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the result of the first step of pellucid's layer, and the gradient of a random projection."""
    import pellucid as pel
    from pellucid import nn

    case = CASES[key]
    x = pel.tensor("x", shape=(None, *case.shape[1:]))
    y = getattr(nn, case.name)(**case.settings, seed=3)(x)
    gradient = pel.grad((y * draw_normal(f"{key} g", case.shape)).sum(), x)
    return pel.function([x], [y, gradient], mode="numpy")(value)


def get_draws(key: str) -> np.ndarray:
    """Return which values the layer keeps, or its noise."""
    shape = CASES[key].shape
    at_zero, at_one = (run_layer(key, np.full(shape, v, "float32"))[0] for v in (0, 1))
    return {"GaussianNoise": at_zero, "GaussianDropout": at_one}.get(CASES[key].name, at_zero != at_one)


@contextmanager
def patch_draws(drawn: np.ndarray) -> Iterator[None]:
    """Make Keras draw these random numbers."""
    import jax
    import jax.numpy as jnp
    from keras.src.backend import random

    def fixed(*args: Any, **named: Any) -> Any:
        return jnp.asarray(drawn)

    def uniform(*args: Any, **named: Any) -> Any:
        return jnp.asarray(drawn, "float32")

    with (
        mock.patch.object(jax.random, "bernoulli", fixed),
        mock.patch.object(random, "normal", fixed),
        mock.patch("keras.src.random.random.backend.random.uniform", uniform),
    ):
        yield


def by_keras(key: str) -> Values:
    """Compute a case with Keras, with its random numbers replaced."""
    import jax
    import jax.numpy as jnp
    import keras

    case = CASES[key]
    layer = getattr(keras.layers, case.name)(**case.settings)
    x, projection = jnp.asarray(draw_normal(f"{key} x", case.shape)), draw_normal(f"{key} g", case.shape)
    with patch_draws(get_draws(key)):
        y = layer(x, training=True)
        gradient = jax.grad(lambda x: (layer(x, training=True) * projection).sum())(x)
    return {"y": np.asarray(y), "d0": np.asarray(gradient)}


def by_pellucid(key: str) -> Values:
    """Compute a case with pellucid."""
    y, gradient = run_layer(key, draw_normal(f"{key} x", CASES[key].shape))
    return {"y": y, "d0": gradient}
