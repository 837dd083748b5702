"""Layers that are random while training, by the same draws: results, and gradients of a random projection.

The draws are ours. What a layer makes of zeros and ones shows them; that they are drawn as they should be is a test of
its own. Keras is handed the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import numpy as np

from tests.nn.peers.store import Values, numbers


@dataclass(frozen=True)
class Case:
    """A layer that draws, what it is made with, and the shape of what it is given."""

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


def ours(key: str, value: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return what the layer makes of a value at its first step, and the gradient of its projection."""
    import pellucid as pel
    from pellucid import nn

    case = CASES[key]
    x = pel.tensor("x", shape=(None, *case.shape[1:]))
    y = getattr(nn, case.name)(**case.settings, seed=3)(x)
    slope = pel.grad((y * numbers(f"{key} g", case.shape)).sum(), x)
    return pel.function([x], [y, slope], mode="numpy")(value)


def draws(key: str) -> np.ndarray:
    """Return what was drawn: which values are kept, or the noise itself."""
    shape = CASES[key].shape
    at_zero, at_one = (ours(key, np.full(shape, v, "float32"))[0] for v in (0, 1))
    return {"GaussianNoise": at_zero, "GaussianDropout": at_one}.get(CASES[key].name, at_zero != at_one)


@contextmanager
def drawing(drawn: np.ndarray) -> Iterator[None]:
    """Hand these draws to Keras."""
    import jax
    import jax.numpy as jnp
    from keras.src.backend import random

    def given(*args: Any, **named: Any) -> Any:
        return jnp.asarray(drawn)

    def uniform(*args: Any, **named: Any) -> Any:
        return jnp.asarray(drawn, "float32")

    with (
        mock.patch.object(jax.random, "bernoulli", given),
        mock.patch.object(random, "normal", given),
        mock.patch("keras.src.random.random.backend.random.uniform", uniform),
    ):
        yield


def by_keras(key: str) -> Values:
    """Compute a case by Keras, with its random numbers replaced."""
    import jax
    import jax.numpy as jnp
    import keras

    case = CASES[key]
    layer = getattr(keras.layers, case.name)(**case.settings)
    x, projection = jnp.asarray(numbers(f"{key} x", case.shape)), numbers(f"{key} g", case.shape)
    with drawing(draws(key)):
        y = layer(x, training=True)
        slope = jax.grad(lambda x: (layer(x, training=True) * projection).sum())(x)
    return {"y": np.asarray(y), "d0": np.asarray(slope)}


def by_pellucid(key: str) -> Values:
    """Compute a case by pellucid."""
    y, slope = ours(key, numbers(f"{key} x", CASES[key].shape))
    return {"y": y, "d0": slope}
