"""The workshop's networks reach the same values by `fit` and by loops over functions, with the same batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import losses, nn
from tests.model.workshop import NETWORKS

TRAINING: dict[str, tuple[Any, Any]] = {
    "moons": (losses.sparse_categorical_crossentropy, lambda: nn.optimizers.SGD(0.5)),
    "logistic": (losses.binary_crossentropy, lambda: nn.optimizers.SGD(0.5, momentum=0.9, nesterov=True)),
    "mnist-softmax": (losses.sparse_categorical_crossentropy, lambda: nn.optimizers.SGD(0.1)),
    "conv32": (losses.sparse_categorical_crossentropy, lambda: nn.optimizers.SGD(0.01, momentum=0.9, nesterov=True)),
    "images": (losses.binary_crossentropy, lambda: nn.optimizers.SGD(0.01)),
    "images-cnn": (losses.sparse_categorical_crossentropy, lambda: nn.optimizers.Adam(0.01)),
    "adder": (losses.mean_squared_error, lambda: nn.optimizers.SGD(0.5)),
    "mnist-cnn": (losses.sparse_categorical_crossentropy, lambda: nn.optimizers.Adam(1e-3)),
}
"""Loss and optimizer of each network, as expressions."""

PENALTIES = {"moons": 0.005, "logistic": 0.01, "conv32": 1e-4}
"""Factors of the L2 penalties on the kernels of dense layers."""

QUICK = {"moons", "logistic", "mnist-softmax"}
"""Networks that compile quickly; the others run with the slow tests. `benchmarks/accuracy.py` has all in full size."""

BATCH, EPOCHS, SEED = 3, 3, 5


def train_with_function(name: str, model: Any, x: np.ndarray, y: np.ndarray) -> tuple[list[float], Any]:
    """Train with a function in a loop; return the loss of every epoch, and predictions."""
    loss_function, optimizer = TRAINING[name]
    (model_input,), (output,) = model.inputs, model.outputs
    labels = y.dtype.kind == "i"
    target = pel.tensor("target", ("n", *y.shape[1:]), "int32" if labels else "float32")
    kernels = [layer.kernel for layer in model.layers if isinstance(layer, nn.Dense)]
    penalty = sum((PENALTIES[name] * (kernel**2).sum() for kernel in kernels), 0.0) if name in PENALTIES else 0.0
    loss = loss_function(target, output).mean() + penalty
    samples = pel.tensor("samples", ("n", *x.shape[1:]), x.dtype)
    step = pel.function(
        [samples, target],
        loss,
        updates=optimizer().updates(loss),
        givens={model_input: pel.cast(samples)},
        mode="numpy",
    )
    means = []
    for epoch in range(EPOCHS):
        order = np.random.default_rng([SEED, epoch]).permutation(len(x))
        complete = len(x) // BATCH * BATCH
        batches = order[:complete].reshape(-1, BATCH)
        total = step.over(x[batches], y[batches]).astype(float).sum() * BATCH
        total += float(step(x[order[complete:]], y[order[complete:]])) * (len(x) - complete)
        means.append(total / len(x))
    return means, pel.function([samples], pel.inference(output), givens={model_input: pel.cast(samples)}, mode="numpy")


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in NETWORKS])
def test_fit_agrees_with_a_loop_of_functions(name: str) -> None:
    nn.set_random_seed(1)
    model, x, y = NETWORKS[name]()
    nn.set_random_seed(1)
    other, *_ = NETWORKS[name]()
    y = np.asarray(y, "int32" if y.dtype.kind in "iu" else "float32")
    start = model.get_weights()
    history = model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, seed=SEED, verbose=0).history
    means, predict = train_with_function(name, other, x, y)
    np.testing.assert_allclose(history["loss"], means, rtol=2e-5)
    found, expected = model.get_weights(), other.get_weights()
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
    assert any((before != after).any() for before, after in zip(start, found, strict=True))
    predicted, by_function = model.predict(x), predict(x)
    np.testing.assert_allclose(predicted, by_function, rtol=1e-3, atol=1e-5)
    clear = np.abs(predicted - 0.5).min(-1) > 1e-3 if predicted.shape[-1] == 1 else np.ptp(predicted, axis=-1) > 1e-3
    classes = [(p > 0.5)[..., 0] if p.shape[-1] == 1 else p.argmax(-1) for p in (predicted, by_function)]
    np.testing.assert_array_equal(classes[0][clear], classes[1][clear])
