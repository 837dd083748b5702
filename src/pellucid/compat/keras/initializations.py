"""Initial weights by their Keras 1 names, drawn from the global generator of NumPy, which scripts seed."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import numpy as np

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.graph.errors import OptionError, near_miss
from pellucid.graph.expr import Shared
from pellucid.typing import Array

GAINS = {"glorot": 2.0, "he": 2.0, "lecun": 1.0}
"""Numerator of the variance of each scaled family."""

NAMES = [f"{family}_{kind}" for family in GAINS for kind in ("uniform", "normal") if family + kind != "lecunnormal"]
NAMES += ["uniform", "normal", "orthogonal", "identity", "zero", "one"]
RENAMED = {"random_uniform": "uniform", "random_normal": "normal", "zeros": "zero", "ones": "one"}
"""Names of Keras 2."""


def draw(name: str, shape: Any, scale: float | None = None) -> Array:
    """Return initial weights; kernels of convolutions have their channels last."""
    family, _, kind = name.rpartition("_")
    if name in ("zero", "one"):
        return np.full(shape, float(name == "one"))
    if name == "identity":
        if len(shape) != 2 or shape[0] != shape[1]:
            raise OptionError(f"init='identity' needs a square matrix. Received: shape {tuple(shape)}")
        return np.eye(shape[0]) * (1.0 if scale is None else scale)
    if name == "orthogonal":
        flat = (shape[0], int(np.prod(shape[1:])))
        left, _, right = np.linalg.svd(np.random.normal(size=flat), full_matrices=False)
        return (left if left.shape == flat else right).reshape(shape) * (1.1 if scale is None else scale)
    if family:
        window = float(np.prod(shape[:-2]))
        fans = [window * n for n in shape[-2:]] if len(shape) > 1 else [float(np.sqrt(np.prod(shape)))] * 2
        deviation = np.sqrt(GAINS[family] / (sum(fans) if family == "glorot" else fans[0]))
        scale = float(deviation * (np.sqrt(3) if kind == "uniform" else 1))
    scale = 0.05 if scale is None else scale
    drawn = np.random.uniform(-scale, scale, shape) if kind == "uniform" else np.random.normal(0.0, scale, shape)
    return np.asarray(drawn)


def make_variable(initialization: str, shape: Any, scale: float | None = None, name: Any = None, **_: Any) -> Shared:
    """Return a shared variable with initial weights, as the functions of Keras 1 did."""
    return Shared(draw(initialization, shape, scale).astype(np.float32), name)


globals().update({name: functools.partial(make_variable, name) for name in NAMES})


class KerasInitializer:
    """Initializer of our layers from a name or function of Keras 1; draws each of ``gates`` blocks of columns."""

    def __init__(self, identifier: Any, gates: int = 1) -> None:
        self.identifier = RENAMED.get(identifier, identifier) if isinstance(identifier, str) else identifier
        self.gates = gates
        if isinstance(identifier, str) and self.identifier not in NAMES:
            raise OptionError(f"There is no initialization named {identifier!r}.{near_miss(identifier, NAMES)}")

    def __call__(self, shape: Any, dtype: Any = None) -> Array:
        part = (*shape[:-1], shape[-1] // self.gates)
        return np.concatenate([np.asarray(self.draw(part), dtype) for _ in range(self.gates)], axis=-1)

    def draw(self, shape: Any) -> Any:
        """Return the weights of one gate."""
        if isinstance(self.identifier, str):
            return draw(self.identifier, shape)
        takes_name = "name" in inspect.signature(self.identifier).parameters
        value = self.identifier(shape, **({"name": None} if takes_name else {}))
        return value.get_value() if isinstance(value, Shared) else value


def get(identifier: Any, **_: Any) -> Any:
    """Return an initialization by name, or the given function."""
    return globals()[KerasInitializer(identifier).identifier] if isinstance(identifier, str) else identifier


add_missing_name_errors(globals(), "keras.initializations")
