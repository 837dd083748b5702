"""Activations as layers, and layers that change no values."""

from __future__ import annotations

import numpy as np

from tests.nn.peers import several
from tests.nn.peers.several import Case
from tests.nn.peers.store import Values

ROWS, LINE, IMAGE = ((5, 3),), ((3, 4, 3),), ((2, 3, 4, 2),)
MASK = np.array([[True, True, False], [True, False, False], [True, True, True], [False, True, True], [True] * 3])

CASES: dict[str, Case] = {
    "relu": Case("ReLU", ROWS),
    "relu, all": Case("ReLU", LINE, {"max_value": 1.0, "negative_slope": 0.2, "threshold": 0.3}),
    "relu, max_value": Case("ReLU", LINE, {"max_value": 0.5}),
    "leaky": Case("LeakyReLU", ROWS),
    "leaky, slope": Case("LeakyReLU", ROWS, {"negative_slope": 0.7}),
    "learned": Case("PReLU", LINE),
    "learned, shared": Case("PReLU", IMAGE, {"shared_axes": [1, 2]}),
    "elu": Case("ELU", ROWS),
    "elu, alpha": Case("ELU", ROWS, {"alpha": 0.3}),
    "softmax": Case("Softmax", LINE),
    "softmax, axes": Case("Softmax", LINE, {"axis": [1, 2]}),
    "softmax, axis": Case("Softmax", LINE, {"axis": 1}),
    "softmax, mask": Case("Softmax", ROWS, keywords={"mask": MASK}),
    "permute": Case("Permute", IMAGE, {"dims": (3, 1, 2)}),
    "repeat": Case("RepeatVector", ROWS, {"n": 4}),
    "identity": Case("Identity", LINE),
    "any": Case("Activation", LINE, {"activation": "silu"}),
    "flat": Case("Flatten", IMAGE),
    "shape": Case("Reshape", LINE, {"target_shape": (2, -1)}),
    "function": Case("Lambda", ROWS, {"function": lambda x: x * x - 2 * x}),
}


def by_keras(key: str) -> Values:
    """Compute a case with Keras."""
    return several.by_keras(key, CASES[key])


def by_pellucid(key: str) -> Values:
    """Compute a case with pellucid."""
    return several.by_pellucid(key, CASES[key])
