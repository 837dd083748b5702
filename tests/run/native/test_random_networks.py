"""Random networks compiled from C compared with the interpreter, for all ways to pass samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.nn import activations
from pellucid.run.function import Function
from pellucid.run.native.compile_cache import CompiledLoop
from pellucid.run.native.compiler import find_compiler

pytestmark = [pytest.mark.slow, pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")]

STEPS, ROWS = 4, 100

LAYERS = [
    *(getattr(activations, name) for name in ("tanh", "sigmoid", "relu", "softplus", "gelu", "elu", "silu")),
    pel.softmax,
    lambda h: pel.standardize(h, axis=0),
    lambda h: pel.log(1 + h**2),
    lambda h: pel.where(h > 0, h, 0.1 * h),
    lambda h: pel.maximum(h, 0.3),
    lambda h: pel.logsumexp(h, axis=1, keepdims=True) + h,
    lambda h: pel.concatenate([h, h[:, ::-1]], axis=1),
    lambda h: h[:, : max(1, h.shape[1] // 2)] * 1.5,
]

OPTIMIZERS = [
    lambda: pel.optimizers.SGD(0.05),
    lambda: pel.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    lambda: pel.optimizers.Adam(0.02),
    lambda: pel.optimizers.RMSprop(0.01),
]


def make_network(rng: np.random.Generator, dtype: str, data: str) -> tuple[Function, list[np.ndarray]]:
    """Return a training step of a classifier of random sizes, and its arguments."""
    rows, features, classes = (int(rng.integers(*span)) for span in ((16, 200), (1, 6), (2, 5)))
    X, y = rng.normal(size=(ROWS, features)).astype(dtype), rng.integers(0, classes, ROWS).astype("int32")
    numbers = rng.integers(-ROWS, ROWS, (STEPS, rows)).astype("int32")
    inputs: list[Any] = [pel.matrix("x", shape=("n", features), dtype=dtype), pel.ivector("t", shape=("n",))]
    h, t = inputs
    args = [X[numbers], y[numbers]] if data == "over" else [X[numbers[0]], y[numbers[0]]]
    if data == "gathered":
        inputs, args = [pel.ivector("batch", shape=("n",))], [numbers]
        h, t = (pel.shared(v, trainable=False)[inputs[0]] for v in (X, y))
    parameters = []
    for units in [*rng.integers(1, 32, rng.integers(1, 4)), 0]:
        shape = (h.shape[1], units or classes)
        parameters.append(pel.shared((rng.normal(size=shape) / shape[0] ** 0.5).astype(dtype)))
        h = h @ parameters[-1]
        h = LAYERS[rng.integers(len(LAYERS))](h + 0.1) if units else pel.softmax(h)
    loss = pel.losses.sparse_categorical_crossentropy(t, h).mean() + 0.01 * (parameters[0] ** 2).sum()
    # Rounding would decide which of two equal probabilities is greater.
    correct = ((h + 1e-6 * np.arange(classes).astype(dtype)).argmax(axis=1) == t).sum()
    optimizer = OPTIMIZERS[rng.integers(len(OPTIMIZERS))]()
    return pel.function(inputs, [loss, correct, h.T], updates=optimizer.updates(loss, parameters)), args


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("data", ["repeat", "over", "gathered"])
def test_random_networks_equal_the_interpreter(seed: int, data: str) -> None:
    rng = np.random.default_rng(seed)
    dtype = "float64" if rng.random() < 0.7 else "float32"
    f, args = make_network(rng, dtype, data)
    results = []
    for mode in ("native", "numpy"):
        state = {s: pel.shared(s.get_value()) for s in f.program.updates}
        g = f.copy(swap=state, mode=mode)
        outputs = g.repeat(STEPS, *args) if data == "repeat" else g.over(*args)
        results.append([*outputs, *(s.get_value() for s in state.values())])
        if mode == "native":
            assert any(isinstance(c, CompiledLoop) for c in g.backend.compiled.values())
    tolerance = 1e-9 if dtype == "float64" else 2e-3
    for found, expected in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
