"""A layer that is called on one input or several, in training or after it: its results, gradients of a random
projection by the inputs and the weights, and what training makes of the weights that are not learned.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.nn.peers.store import Values, numbers


@dataclass(frozen=True)
class Case:
    """A layer by its name, what it is made with, and what it is given.

    Attributes
    ----------
    name : str
        Of the class.
    shapes : tuple of tuple of int
        Of the inputs.
    settings : dict
        What the layer is made with.
    keywords : dict
        What both are called with, besides the inputs.
    masks : dict
        The masks of some inputs, by the input's number.
    told : function or None
        How Keras is told the masks: from them to keywords.
    spread : bool
        Whether the inputs are arguments of their own, not one list.
    training : bool
        Whether this is the formula of training.
    """

    name: str
    shapes: tuple[tuple[int, ...], ...]
    settings: dict[str, Any] = field(default_factory=dict)
    keywords: dict[str, Any] = field(default_factory=dict)
    masks: dict[int, Any] = field(default_factory=dict)
    told: Any = None
    spread: bool = False
    training: bool = False

    def arguments(self, inputs: list[Any]) -> list[Any]:
        """Return what the layer is called on."""
        return inputs if self.spread or len(inputs) == 1 else [inputs]


def given(key: str, case: Case) -> list[np.ndarray]:
    """Return the inputs."""
    return [numbers(f"{key} x{i}", shape) for i, shape in enumerate(case.shapes)]


def weight(key: str, number: int, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return the value of a weight; a variance is positive."""
    value = numbers(f"{key} w{number}", shape, 0.5)
    return np.abs(value) + np.float32(0.5) if "variance" in name else value


def as_list(result: Any) -> list[Any]:
    """Return one result or several as a list."""
    return list(result) if isinstance(result, (list, tuple)) else [result]


def by_keras(key: str, case: Case) -> Values:
    """Compute by Keras on its JAX backend."""
    import jax
    import jax.numpy as jnp
    import keras

    x = [jnp.asarray(e) for e in given(key, case)]
    layer = getattr(keras.layers, case.name)(**case.settings)
    keywords = {k: jnp.asarray(v) if isinstance(v, np.ndarray) else v for k, v in case.keywords.items()}
    if case.masks:
        keywords |= case.told({i: jnp.asarray(m) for i, m in case.masks.items()})
    layer(*case.arguments(x), **keywords)
    for i, w in enumerate(layer.weights):
        w.assign(weight(key, i, w.name, w.shape))
    weights = [w.value for w in layer.trainable_variables]
    fixed = [w.value for w in layer.non_trainable_variables]
    named = keywords | ({"training": True} if case.training else {})

    def results(x: Any, weights: Any) -> tuple[list[Any], Any]:
        y, kept = layer.stateless_call(weights, fixed, *case.arguments(x), **named)
        return as_list(y), kept

    def projected(x: Any, weights: Any) -> Any:
        return sum((y * numbers(f"{key} g{i}", y.shape)).sum() for i, y in enumerate(results(x, weights)[0]))

    ys, kept = results(x, weights)
    slopes = jax.grad(projected, (0, 1))(x, weights)
    found = {f"y{i}": y for i, y in enumerate(ys)}
    found |= {f"d{i}": slope for i, slope in enumerate([*slopes[0], *slopes[1]])}
    found |= {f"kept{i}": value for i, value in enumerate(kept)} if case.training else {}
    return {name: np.asarray(value) for name, value in found.items()}


def by_pellucid(key: str, case: Case) -> Values:
    """Compute by pellucid."""
    import pellucid as pel
    from pellucid import nn

    values = given(key, case)
    x = [pel.tensor(f"x{i}", shape=(None, *shape[1:])) for i, shape in enumerate(case.shapes)]
    seen = [pel.masked(e, np.asarray(case.masks[i])) if i in case.masks else e for i, e in enumerate(x)]
    layer = getattr(nn, case.name)(**case.settings)
    ys = as_list(layer(*case.arguments(seen), **case.keywords))
    for i, p in enumerate(layer.parameters):
        p.set_value(weight(key, i, str(p.name), p.shape))
    ys = ys if case.training else pel.inference(ys)
    projected = sum((y * numbers(f"{key} g{i}", (case.shapes[0][0], *y.shape[1:]))).sum() for i, y in enumerate(ys))
    slopes = pel.grad(projected, [*x, *[p for p in layer.parameters if p.trainable_by_default]])
    kept = list(pel.updates_of(ys).values())
    found = pel.function(x, [*ys, *slopes, *kept], mode="numpy")(*values)
    names = [f"{kind}{i}" for kind, some in (("y", ys), ("d", slopes), ("kept", kept)) for i in range(len(some))]
    return dict(zip(names, found, strict=True))
