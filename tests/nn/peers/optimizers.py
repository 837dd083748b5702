"""Optimizers: ten steps on a noisy quadratic function, in float32 and float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.nn.peers.store import Values, draw_normal

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "SGD": ("SGD", {}),
    "SGD, momentum": ("SGD", {"momentum": 0.9}),
    "SGD, nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}),
    "Adadelta": ("Adadelta", {"learning_rate": 1.0}),
    "Adadelta, settings": ("Adadelta", {"learning_rate": 2.0, "rho": 0.8, "epsilon": 1e-4}),
    "Adagrad": ("Adagrad", {"learning_rate": 0.1}),
    "Adagrad, settings": ("Adagrad", {"learning_rate": 0.1, "initial_accumulator_value": 1.0, "epsilon": 1e-3}),
    "RMSprop": ("RMSprop", {"learning_rate": 0.1}),
    "RMSprop, all": ("RMSprop", {"learning_rate": 0.05, "rho": 0.8, "momentum": 0.7, "centered": True}),
    "Adam": ("Adam", {"learning_rate": 0.1}),
    "Adam, settings": ("Adam", {"learning_rate": 0.1, "beta_1": 0.7, "beta_2": 0.8, "epsilon": 1e-3}),
    "AMSGrad": ("Adam", {"learning_rate": 0.1, "beta_2": 0.5, "amsgrad": True}),
    "AdamW": ("AdamW", {"learning_rate": 0.1}),
    "AdamW, settings": ("AdamW", {"learning_rate": 0.1, "weight_decay": 0.5, "amsgrad": True}),
    "Adamax": ("Adamax", {"learning_rate": 0.1}),
    "Adamax, settings": ("Adamax", {"learning_rate": 0.1, "beta_1": 0.7, "beta_2": 0.8}),
    "Nadam": ("Nadam", {"learning_rate": 0.1}),
    "Nadam, settings": ("Nadam", {"learning_rate": 0.1, "beta_1": 0.7, "beta_2": 0.8}),
    "Lamb": ("Lamb", {"learning_rate": 0.1}),
    "Lion": ("Lion", {"learning_rate": 0.1}),
    "Lion, settings": ("Lion", {"learning_rate": 0.1, "beta_1": 0.6, "beta_2": 0.8}),
    "Adafactor": ("Adafactor", {"learning_rate": 0.1}),
    "Adafactor, settings": ("Adafactor", {"learning_rate": 0.5, "beta_2_decay": -0.5, "clip_threshold": 0.5}),
    "Ftrl": ("Ftrl", {"learning_rate": 0.1}),
    "Ftrl, settings": (
        "Ftrl",
        {
            "learning_rate": 0.1,
            "learning_rate_power": -0.7,
            "l1_regularization_strength": 0.1,
            "l2_regularization_strength": 0.2,
            "l2_shrinkage_regularization_strength": 0.3,
            "beta": 0.5,
        },
    ),
    "clipvalue": ("SGD", {"learning_rate": 0.1, "clipvalue": 0.5}),
    "clipnorm": ("Adam", {"learning_rate": 0.1, "clipnorm": 0.8}),
    "global_clipnorm": ("SGD", {"learning_rate": 0.1, "global_clipnorm": 1.5}),
    "weight_decay": ("SGD", {"learning_rate": 0.1, "momentum": 0.5, "weight_decay": 0.3}),
    "weight_decay where the step uses the weights": ("Lamb", {"learning_rate": 0.1, "weight_decay": 0.3}),
    "averages": ("Adam", {"learning_rate": 0.1, "use_ema": True, "ema_momentum": 0.7}),
    "averages put in place": (
        "SGD",
        {"learning_rate": 0.1, "use_ema": True, "ema_momentum": 0.7, "ema_overwrite_frequency": 3},
    ),
    "accumulation": ("Adam", {"learning_rate": 0.1, "gradient_accumulation_steps": 3}),
    "accumulation with everything": (
        "Nadam",
        {
            "learning_rate": 0.1,
            "gradient_accumulation_steps": 2,
            "clipnorm": 0.8,
            "weight_decay": 0.1,
            "use_ema": True,
            "ema_momentum": 0.7,
        },
    ),
    "loss_scale_factor": (
        "SGD",
        {"learning_rate": 0.1, "momentum": 0.5, "loss_scale_factor": 512.0, "gradient_accumulation_steps": 2},
    ),
    "schedule": ("SGD", {"learning_rate": ("ExponentialDecay", (0.3, 2, 0.5))}),
    "schedule, decay": ("AdamW", {"learning_rate": ("InverseTimeDecay", (0.3, 2, 0.5)), "weight_decay": 0.2}),
    "schedule, accumulation": (
        "Adam",
        {"learning_rate": ("ExponentialDecay", (0.3, 2, 0.5)), "gradient_accumulation_steps": 2},
    ),
    "constraint": ("SGD", {"learning_rate": 0.2, "momentum": 0.5}),
}


def sgd_with_momentum(w: Any, g: Any, t: int, state: dict[str, Any], learning_rate: float, momentum: float) -> Any:
    state["v"] = momentum * state.get("v", 0.0) - learning_rate * g
    return w + state["v"]


FORMULAS: dict[str, tuple[str, dict[str, Any], Callable[..., Any]]] = {
    "SGD, momentum": ("SGD", {"learning_rate": 0.1, "momentum": 0.5}, sgd_with_momentum),
}
"""Cases of optimizers that Keras lacks, with their published formula: class, settings, and one step in NumPy.

The step takes the parameter w, the gradient g, the step number t (from 1), a dict for its state, and the settings, and
returns the new parameter.
"""

STEPS, RECORDED = 10, (0, 1, 2, 5, 9)
SHAPES = {"W": (3, 2), "b": (2,)}
DTYPES = ("float32", "float64")


def make_problem(case: str, dtype: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return the initial parameters, the curvature, and the noise of every step."""
    start = {name: draw_normal(f"{case} {name}", shape).astype(dtype) for name, shape in SHAPES.items()}
    curvature = {
        name: np.square(draw_normal(f"{case} c {name}", shape)).astype(dtype) for name, shape in SHAPES.items()
    }
    noise = {name: draw_normal(f"{case} n {name}", (STEPS, *shape)).astype(dtype) for name, shape in SHAPES.items()}
    return start, curvature, noise


def make_arguments(settings: dict[str, Any], schedules: Any) -> dict[str, Any]:
    """Return the settings, with the learning rate as a schedule if they describe one."""
    rate = settings.get("learning_rate")
    if not isinstance(rate, tuple):
        return settings
    return {**settings, "learning_rate": getattr(schedules, rate[0])(*rate[1])}


def by_keras(case: str) -> Values:
    """Compute a case with Keras on JAX."""
    import jax
    import keras

    name, settings = CASES[case]
    result: Values = {}
    floatx = keras.config.floatx()
    try:
        for dtype in DTYPES:
            with jax.enable_x64(dtype == "float64"):
                keras.config.set_floatx(dtype)
                start, curvature, noise = make_problem(case, dtype)
                constraint = keras.constraints.NonNeg() if case == "constraint" else None
                variables = {k: keras.Variable(v, dtype=dtype, name=k) for k, v in start.items()}
                variables["W"].constraint = constraint
                optimizer = getattr(keras.optimizers, name)(**make_arguments(settings, keras.optimizers.schedules))
                path, scale = [], np.asarray(settings.get("loss_scale_factor", 1.0), dtype)
                for i in range(STEPS):
                    now = {k: np.asarray(v.value) for k, v in variables.items()}
                    gradients = [scale * (curvature[k] * now[k] + noise[k][i]) for k in now]
                    optimizer.apply(gradients, list(variables.values()))
                    path.append({k: np.asarray(v.value) for k, v in variables.items()})
                for k in start:
                    result[f"{dtype} {k}"] = np.stack([path[i][k] for i in RECORDED])
                if settings.get("use_ema"):
                    averages = optimizer._model_variables_moving_average
                    result |= {f"{dtype} mean {k}": np.asarray(a.value) for k, a in zip(start, averages, strict=True)}
    finally:
        keras.config.set_floatx(floatx)
    return result


class Descent:
    """A case in pellucid: parameters, noise, and the updates of a step."""

    def __init__(self, case: str, dtype: str) -> None:
        import pellucid as pel

        name, settings = CASES[case]
        start, curvature, self.noise = make_problem(case, dtype)
        self.weights = {k: pel.shared(v, k) for k, v in start.items()}
        if case == "constraint":
            self.weights["W"].constraint = pel.nn.constraints.NonNeg()
        self.inputs = {k: pel.tensor(f"noise of {k}", v.shape, dtype) for k, v in start.items()}
        loss = sum((w * (curvature[k] / 2 * w + self.inputs[k])).sum() for k, w in self.weights.items())
        self.optimizer = getattr(pel.optimizers, name)(**make_arguments(settings, pel.schedules))
        self.updates = self.optimizer.updates(loss, list(self.weights.values()))
        self.path: list[dict[str, Any]] = []

    def get_noise(self, step: int) -> list[Any]:
        """Return the noise of a step."""
        return [values[step] for values in self.noise.values()]

    def record(self) -> None:
        """Record the parameters."""
        self.path.append({k: w.get_value() for k, w in self.weights.items()})

    def collect_values(self) -> Values:
        """Return recorded parameters, and their averages."""
        result = {k: np.stack([self.path[i][k] for i in RECORDED]) for k in self.weights}
        averages = self.optimizer.averages
        return result | {f"mean {k}": averages[w].get_value() for k, w in self.weights.items() if averages}


def by_pellucid(case: str) -> Values:
    """Compute a case with pellucid, interpreted."""
    import pellucid as pel

    result: Values = {}
    for dtype in DTYPES:
        descent = Descent(case, dtype)
        step = pel.function(list(descent.inputs.values()), updates=descent.updates, mode="numpy")
        for i in range(STEPS):
            step(*descent.get_noise(i))
            descent.record()
        result |= {f"{dtype} {name}": value for name, value in descent.collect_values().items()}
    return result


def compute_compiled(cases: list[str], dtype: str) -> dict[str, Values]:
    """Compute cases with pellucid, in one compiled program."""
    import pellucid as pel

    descents = {case: Descent(case, dtype) for case in cases}
    inputs = [i for descent in descents.values() for i in descent.inputs.values()]
    step = pel.function(inputs, updates=[u for descent in descents.values() for u in descent.updates.items()])
    for i in range(STEPS):
        step(*[noise for descent in descents.values() for noise in descent.get_noise(i)])
        for descent in descents.values():
            descent.record()
    return {
        case: {f"{dtype} {name}": value for name, value in descent.collect_values().items()}
        for case, descent in descents.items()
    }
