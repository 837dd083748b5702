"""Cases of layers with one or several inputs, in training and inference.

Compared are the results, the gradients of a random projection with respect to inputs and weights, and the non-trainable
weights after a training step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.nn.peers.store import Values, draw_normal


@dataclass(frozen=True)
class Case:
    """A layer, its arguments and its inputs.

    Attributes
    ----------
    name : str
        Class of the layer.
    shapes : tuple of tuple of int
        Shapes of the inputs.
    settings : dict
        Arguments of the class.
    keywords : dict
        Keyword arguments of the call.
    masks : dict
        Masks of inputs, by position.
    keras_masks : function or None
        Returns the keyword arguments by which Keras takes the masks.
    separate : bool
        Whether the inputs are separate arguments instead of one list.
    training : bool
        Whether the layer is in training mode.
    """

    name: str
    shapes: tuple[tuple[int, ...], ...]
    settings: dict[str, Any] = field(default_factory=dict)
    keywords: dict[str, Any] = field(default_factory=dict)
    masks: dict[int, Any] = field(default_factory=dict)
    keras_masks: Any = None
    separate: bool = False
    training: bool = False

    def arguments(self, inputs: list[Any]) -> list[Any]:
        """Return the positional arguments of the call."""
        return inputs if self.separate or len(inputs) == 1 else [inputs]


def make_inputs(key: str, case: Case) -> list[np.ndarray]:
    """Return the values of the inputs."""
    return [draw_normal(f"{key} x{i}", shape) for i, shape in enumerate(case.shapes)]


def make_weight(key: str, number: int, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return the value of a weight; a variance is positive."""
    value = draw_normal(f"{key} w{number}", shape, 0.5)
    return np.abs(value) + np.float32(0.5) if "variance" in name else value


def as_list(result: Any) -> list[Any]:
    """Return one result or several as a list."""
    return list(result) if isinstance(result, (list, tuple)) else [result]


def by_keras(key: str, case: Case) -> Values:
    """Compute a case with Keras on JAX."""
    import jax
    import jax.numpy as jnp
    import keras

    x = [jnp.asarray(e) for e in make_inputs(key, case)]
    layer = getattr(keras.layers, case.name)(**case.settings)
    keywords = {k: jnp.asarray(v) if isinstance(v, np.ndarray) else v for k, v in case.keywords.items()}
    if case.masks:
        keywords |= case.keras_masks({i: jnp.asarray(m) for i, m in case.masks.items()})
    layer(*case.arguments(x), **keywords)
    for i, w in enumerate(layer.weights):
        w.assign(make_weight(key, i, w.name, w.shape))
    weights = [w.value for w in layer.trainable_variables]
    fixed = [w.value for w in layer.non_trainable_variables]
    named = keywords | ({"training": True} if case.training else {})

    def results(x: Any, weights: Any) -> tuple[list[Any], Any]:
        y, state = layer.stateless_call(weights, fixed, *case.arguments(x), **named)
        return as_list(y), state

    def project(x: Any, weights: Any) -> Any:
        return sum((y * draw_normal(f"{key} g{i}", y.shape)).sum() for i, y in enumerate(results(x, weights)[0]))

    ys, state = results(x, weights)
    gradients = jax.grad(project, (0, 1))(x, weights)
    found = {f"y{i}": y for i, y in enumerate(ys)}
    found |= {f"d{i}": slope for i, slope in enumerate([*gradients[0], *gradients[1]])}
    found |= {f"kept{i}": value for i, value in enumerate(state)} if case.training else {}
    return {name: np.asarray(value) for name, value in found.items()}


def by_pellucid(key: str, case: Case) -> Values:
    """Compute a case with pellucid."""
    import pellucid as pel
    from pellucid import nn

    values = make_inputs(key, case)
    x = [pel.tensor(f"x{i}", shape=(None, *shape[1:])) for i, shape in enumerate(case.shapes)]
    masked_inputs = [pel.attach_mask(e, np.asarray(case.masks[i])) if i in case.masks else e for i, e in enumerate(x)]
    layer = getattr(nn, case.name)(**case.settings)
    ys = as_list(layer(*case.arguments(masked_inputs), **case.keywords))
    for i, p in enumerate(layer.parameters):
        p.set_value(make_weight(key, i, str(p.name), p.shape))
    ys = ys if case.training else pel.inference(ys)
    projection = sum(
        (y * draw_normal(f"{key} g{i}", (case.shapes[0][0], *y.shape[1:]))).sum() for i, y in enumerate(ys)
    )
    gradients = pel.grad(projection, [*x, *[p for p in layer.parameters if p.trainable_by_default]])
    state = list(pel.collect_updates(ys).values())
    found = pel.function(x, [*ys, *gradients, *state], mode="numpy")(*values)
    names = [f"{kind}{i}" for kind, some in (("y", ys), ("d", gradients), ("kept", state)) for i in range(len(some))]
    return dict(zip(names, found, strict=True))
