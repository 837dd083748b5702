"""Cases of layers with one input: results, and gradients of a random projection with respect to input and weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.nn.peers.store import Values, draw_normal


@dataclass(frozen=True)
class Case:
    """The class of a layer, its arguments, the shape of the input, and its mask."""

    name: str
    shape: tuple[int, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    mask: Any = None


def make_input(key: str, case: Case) -> np.ndarray:
    """Return the value of the input."""
    return draw_normal(f"{key} x", case.shape)


def by_keras(key: str, case: Case) -> Values:
    """Compute a case with Keras on JAX."""
    import jax
    import jax.numpy as jnp
    import keras

    x = make_input(key, case)
    layer = getattr(keras.layers, case.name)(**case.settings)
    layer.build(x.shape)
    layer.set_weights([draw_normal(f"{key} w{i}", w.shape, 0.5) for i, w in enumerate(layer.get_weights())])
    weights = [w.value for w in layer.trainable_variables]
    masks = {} if case.mask is None else {"mask": jnp.asarray(case.mask)}

    def result(x: Any, *weights: Any) -> Any:
        return layer.stateless_call(list(weights), [w.value for w in layer.non_trainable_variables], x, **masks)[0]

    y = np.asarray(result(x, *weights))
    projection = draw_normal(f"{key} g", y.shape)
    positions = tuple(range(1 + len(weights)))
    gradients = jax.grad(lambda *arrays: (result(*arrays) * projection).sum(), positions)(jnp.asarray(x), *weights)
    return {"y": y} | {f"d{i}": np.asarray(slope) for i, slope in enumerate(gradients)}


def by_pellucid(key: str, case: Case) -> Values:
    """Compute a case with pellucid."""
    import pellucid as pel
    from pellucid import nn

    value = make_input(key, case)
    x = pel.tensor("x", shape=(None, *case.shape[1:]))
    layer = getattr(nn, case.name)(**case.settings)
    y = layer(x) if case.mask is None else layer(x, mask=np.asarray(case.mask))
    layer.set_weights([draw_normal(f"{key} w{i}", w.shape, 0.5) for i, w in enumerate(layer.get_weights())])
    result = pel.function([x], y, mode="numpy")(value)
    gradients = pel.grad((y * draw_normal(f"{key} g", result.shape)).sum(), [x, *pel.parameters(y)])
    return {"y": result} | {
        f"d{i}": slope
        for i, slope in enumerate(pel.function([x], gradients, mode="numpy", on_unused_input="ignore")(value))
    }
