"""A layer that is called on one input: its result, and gradients of a random projection by the input and weights.

A case is the name of a class, its arguments, and the shape of the input.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.nn.peers.store import Values, numbers


@dataclass(frozen=True)
class Case:
    """A layer by its name, what it is made with, and what it is given."""

    name: str
    shape: tuple[int, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    mask: Any = None


def given(key: str, case: Case) -> np.ndarray:
    """Return the input."""
    return numbers(f"{key} x", case.shape)


def by_keras(key: str, case: Case) -> Values:
    """Compute by Keras on its JAX backend."""
    import jax
    import jax.numpy as jnp
    import keras

    x = given(key, case)
    layer = getattr(keras.layers, case.name)(**case.settings)
    layer.build(x.shape)
    layer.set_weights([numbers(f"{key} w{i}", w.shape, 0.5) for i, w in enumerate(layer.get_weights())])
    weights = [w.value for w in layer.trainable_variables]
    masks = {} if case.mask is None else {"mask": jnp.asarray(case.mask)}

    def result(x: Any, *weights: Any) -> Any:
        return layer.stateless_call(list(weights), [w.value for w in layer.non_trainable_variables], x, **masks)[0]

    y = np.asarray(result(x, *weights))
    projection = numbers(f"{key} g", y.shape)
    places = tuple(range(1 + len(weights)))
    slopes = jax.grad(lambda *given: (result(*given) * projection).sum(), places)(jnp.asarray(x), *weights)
    return {"y": y} | {f"d{i}": np.asarray(slope) for i, slope in enumerate(slopes)}


def by_pellucid(key: str, case: Case) -> Values:
    """Compute by pellucid."""
    import pellucid as pel
    from pellucid import nn

    value = given(key, case)
    x = pel.tensor("x", shape=(None, *case.shape[1:]))
    layer = getattr(nn, case.name)(**case.settings)
    y = layer(x) if case.mask is None else layer(x, mask=np.asarray(case.mask))
    layer.set_weights([numbers(f"{key} w{i}", w.shape, 0.5) for i, w in enumerate(layer.get_weights())])
    result = pel.function([x], y, mode="numpy")(value)
    slopes = pel.grad((y * numbers(f"{key} g", result.shape)).sum(), [x, *pel.parameters(y)])
    return {"y": result} | {
        f"d{i}": slope
        for i, slope in enumerate(pel.function([x], slopes, mode="numpy", on_unused_input="ignore")(value))
    }
