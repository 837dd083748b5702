"""Models trained by `fit`: histories, with validation, and final weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.nn.peers.store import Values, draw_normal

COUNT, BATCH, EPOCHS = 40, 16, 3
MEASURED: dict[str, Any] = {"metrics": ["accuracy", "AUC", "Precision"]}

CASES: dict[str, dict[str, Any]] = {
    "means and metrics": MEASURED,
    "weights of samples": {"weighted_metrics": ["accuracy", "AUC"], "metrics": ["mse"], "weigh": True},
    "weights of classes": {**MEASURED, "class_weight": {0: 0.3, 1: 2.0}},
    "two outputs": {"outputs": 2, "loss_weights": [1.0, 0.25], "metrics": [["accuracy"], ["mae"]]},
    "batches from an iterator": {**MEASURED, "stream": True},
}


def make_arrays(case: str) -> dict[str, Any]:
    """Return samples, targets, sample weights and initial parameters."""
    x = draw_normal(f"{case} x", (COUNT, 3))
    labels = (draw_normal(f"{case} y", (COUNT, 1)) + x[:, :1] > 0).astype("float32")
    second = draw_normal(f"{case} second", (COUNT, 1))
    weights = np.abs(draw_normal(f"{case} w", (COUNT,))) + 0.1
    shapes = [(3, 4), (4,), (4, 1), (1,), (4, 1), (1,)]
    first = [draw_normal(f"{case} {i}", shape, 0.5) for i, shape in enumerate(shapes)]
    return {"x": x, "y": [labels, second], "w": weights, "first": first}


def make_fit_arguments(case: str, model: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the positional and keyword arguments of `fit`."""
    options, arrays = CASES[case], make_arrays(case)
    x, w = arrays["x"], arrays["w"]
    y = arrays["y"] if options.get("outputs") == 2 else arrays["y"][0]
    first, last = (x, y), (x[::2], [part[::2] for part in y] if isinstance(y, list) else y[::2])
    common = {"epochs": EPOCHS, "shuffle": False, "verbose": 0}
    if options.get("stream"):
        steps = 2  # the iterator continues across epochs
        batches = ((x[i % 3 * 8 :][:8], y[i % 3 * 8 :][:8]) for i in range(steps * EPOCHS))
        return (batches,), {**common, "steps_per_epoch": steps, "validation_data": last}
    common["batch_size"] = BATCH
    if options.get("weigh"):
        return first, {**common, "sample_weight": w, "validation_data": (*last, w[::2])}
    return first, {**common, "validation_data": last, "class_weight": options.get("class_weight")}


def make_compile_arguments(case: str) -> dict[str, Any]:
    """Return the arguments of `compile`, except the optimizer."""
    options = CASES[case]
    losses = ["binary_crossentropy", "mse"] if options.get("outputs") == 2 else "binary_crossentropy"
    names = ("loss_weights", "metrics", "weighted_metrics")
    return {"loss": losses, **{name: options[name] for name in names if name in options}}


def collect_results(model: Any, history: dict[str, list[float]]) -> Values:
    """Return the history, whose keys both libraries share, and the weights."""
    found = {name: np.array(values, "float32") for name, values in history.items()}
    return {**found, **{f"weight {i}": np.asarray(w) for i, w in enumerate(model.get_weights())}}


def by_keras(case: str) -> Values:
    """Compute a case with Keras on JAX."""
    import keras

    arrays, options = make_arrays(case), CASES[case]
    x = keras.Input((3,))
    h = keras.layers.Dense(4, activation="tanh")(x)
    outputs = [keras.layers.Dense(1, activation="sigmoid", name="one")(h)]
    if options.get("outputs") == 2:
        outputs.append(keras.layers.Dense(1, name="two")(h))
    model = keras.Model(x, outputs if len(outputs) > 1 else outputs[0])
    model.set_weights(arrays["first"][: len(model.weights)])
    model.compile(keras.optimizers.SGD(0.5, momentum=0.5), **make_compile_arguments(case))
    args, named = make_fit_arguments(case, model)
    return collect_results(model, model.fit(*args, **named).history)


def by_pellucid(case: str) -> Values:
    """Compute a case with pellucid."""
    import pellucid as pel
    from pellucid import nn

    arrays, options = make_arrays(case), CASES[case]
    x = nn.Input((3,))
    h = nn.Dense(4, activation="tanh")(x)
    outputs = [nn.Dense(1, activation="sigmoid", name="one")(h)]
    if options.get("outputs") == 2:
        outputs.append(nn.Dense(1, name="two")(h))
    model = pel.Model(x, outputs if len(outputs) > 1 else outputs[0])
    model.set_weights(arrays["first"][: len(model.parameters)])
    model.compile(pel.optimizers.SGD(0.5, momentum=0.5), **make_compile_arguments(case))
    args, named = make_fit_arguments(case, model)
    return collect_results(model, model.fit(*args, **named).history)
