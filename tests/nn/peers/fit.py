"""Models through fit: their histories, validation included, and the weights they end with."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.nn.peers.store import Values, numbers

COUNT, BATCH, EPOCHS = 40, 16, 3
MEASURED: dict[str, Any] = {"metrics": ["accuracy", "AUC", "Precision"]}

CASES: dict[str, dict[str, Any]] = {
    "means and metrics": MEASURED,
    "weights of samples": {"weighted_metrics": ["accuracy", "AUC"], "metrics": ["mse"], "weigh": True},
    "weights of classes": {**MEASURED, "class_weight": {0: 0.3, 1: 2.0}},
    "two outputs": {"outputs": 2, "loss_weights": [1.0, 0.25], "metrics": [["accuracy"], ["mae"]]},
    "batches from an iterator": {**MEASURED, "stream": True},
}


def data(case: str) -> dict[str, Any]:
    """Return samples, targets, weights and first parameters."""
    x = numbers(f"{case} x", (COUNT, 3))
    labels = (numbers(f"{case} y", (COUNT, 1)) + x[:, :1] > 0).astype("float32")
    second = numbers(f"{case} second", (COUNT, 1))
    weights = np.abs(numbers(f"{case} w", (COUNT,))) + 0.1
    shapes = [(3, 4), (4,), (4, 1), (1,), (4, 1), (1,)]
    first = [numbers(f"{case} {i}", shape, 0.5) for i, shape in enumerate(shapes)]
    return {"x": x, "y": [labels, second], "w": weights, "first": first}


def settings(case: str, model: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return what fit is given."""
    given, held = CASES[case], data(case)
    x, w = held["x"], held["w"]
    y = held["y"] if given.get("outputs") == 2 else held["y"][0]
    first, last = (x, y), (x[::2], [part[::2] for part in y] if isinstance(y, list) else y[::2])
    usual = {"epochs": EPOCHS, "shuffle": False, "verbose": 0}
    if given.get("stream"):
        steps = 2  # of batches that go on through the epochs
        batches = ((x[i % 3 * 8 :][:8], y[i % 3 * 8 :][:8]) for i in range(steps * EPOCHS))
        return (batches,), {**usual, "steps_per_epoch": steps, "validation_data": last}
    usual["batch_size"] = BATCH
    if given.get("weigh"):
        return first, {**usual, "sample_weight": w, "validation_data": (*last, w[::2])}
    return first, {**usual, "validation_data": last, "class_weight": given.get("class_weight")}


def compiled(case: str) -> dict[str, Any]:
    """Return what compile is given, but for the optimizer."""
    given = CASES[case]
    losses = ["binary_crossentropy", "mse"] if given.get("outputs") == 2 else "binary_crossentropy"
    names = ("loss_weights", "metrics", "weighted_metrics")
    return {"loss": losses, **{name: given[name] for name in names if name in given}}


def results(model: Any, history: dict[str, list[float]]) -> Values:
    """Return a history by position of its measures, which the two name alike, and the weights."""
    found = {name: np.array(values, "float32") for name, values in history.items()}
    return {**found, **{f"weight {i}": np.asarray(w) for i, w in enumerate(model.get_weights())}}


def by_keras(case: str) -> Values:
    """Compute a case by Keras on JAX."""
    import keras

    held, given = data(case), CASES[case]
    x = keras.Input((3,))
    h = keras.layers.Dense(4, activation="tanh")(x)
    outputs = [keras.layers.Dense(1, activation="sigmoid", name="one")(h)]
    if given.get("outputs") == 2:
        outputs.append(keras.layers.Dense(1, name="two")(h))
    model = keras.Model(x, outputs if len(outputs) > 1 else outputs[0])
    model.set_weights(held["first"][: len(model.weights)])
    model.compile(keras.optimizers.SGD(0.5, momentum=0.5), **compiled(case))
    args, named = settings(case, model)
    return results(model, model.fit(*args, **named).history)


def by_pellucid(case: str) -> Values:
    """Compute a case by pellucid."""
    import pellucid as pel
    from pellucid import nn

    held, given = data(case), CASES[case]
    x = nn.Input((3,))
    h = nn.Dense(4, activation="tanh")(x)
    outputs = [nn.Dense(1, activation="sigmoid", name="one")(h)]
    if given.get("outputs") == 2:
        outputs.append(nn.Dense(1, name="two")(h))
    model = pel.Model(x, outputs if len(outputs) > 1 else outputs[0])
    model.set_weights(held["first"][: len(model.parameters)])
    model.compile(pel.optimizers.SGD(0.5, momentum=0.5), **compiled(case))
    args, named = settings(case, model)
    return results(model, model.fit(*args, **named).history)
