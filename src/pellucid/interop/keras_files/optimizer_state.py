"""State of optimizers in Keras files: the number of steps, the learning rate, and slots of each parameter.

Keras numbers the variables: ``optimizer/vars/0`` is the number of steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import StorageError
from pellucid.graph.expr import Shared
from pellucid.graph.types import format_shape
from pellucid.nn import schedules
from pellucid.nn.layers import Layer
from pellucid.nn.optimizers import Optimizer
from pellucid.saving.keras_weights import get_layers, sort_as_keras
from pellucid.typing import Array

PREFIX = "optimizer/vars/"

SLOTS: dict[str, list[tuple[str, ...]]] = {
    "Adadelta": [("accumulated_grad", "accumulated_delta_var")],
    "Adagrad": [("accumulator",)],
    "Adam": [("m", "v"), ("v_hat",)],
    "AdamW": [("m", "v"), ("v_hat",)],
    "Adamax": [("m", "u")],
    "Ftrl": [("accumulator", "linear")],
    "Lamb": [("m", "v")],
    "Lion": [("m",)],
    "RMSprop": [("velocity",), ("momentum",), ("average_gradient",)],
    "SGD": [("momentum",)],
}
"""Slots by optimizer. Those of one tuple alternate in the file; the others follow for all parameters."""

OPTIONAL_SLOTS = {"v_hat": "amsgrad", "momentum": "momentum", "average_gradient": "centered"}
"""Slots that exist if an option is set."""


def has_known_state(optimizer: Optimizer) -> bool:
    return type(optimizer).__name__ in SLOTS


def list_trainable(layer: Layer, order: Mapping[Layer, int] | None) -> Iterator[Shared]:
    """Yield the trainable parameters of a model in the order of Keras; ``order`` numbers the layers as in a file."""
    if not hasattr(layer, "layers"):
        yield from (p for p in layer.parameters if p.trainable)
        return
    inner = sort_as_keras(layer) if order is None else sorted(get_layers(layer), key=order.__getitem__)
    for part in inner:
        yield from list_trainable(part, order)


def list_slots(optimizer: Optimizer, parameters: Sequence[Shared]) -> list[tuple[Shared, str]]:
    """Return the slots in the order of Keras, each as its parameter and name."""
    options = optimizer.config
    groups: list[tuple[str, ...]] = [("average",)] if optimizer.options["use_ema"] else []
    groups += [("gradient",)] if optimizer.options["gradient_accumulation_steps"] else []
    for group in SLOTS[type(optimizer).__name__]:
        option = OPTIONAL_SLOTS.get(group[0])
        if option is None or options[option]:
            groups.append(group)
    return [(p, name) for group in groups for p in parameters for name in group]


def has_own_rate(optimizer: Optimizer) -> bool:
    """Return whether the learning rate is a variable in Keras."""
    return not isinstance(optimizer.config["learning_rate"], schedules.Schedule)


def write_optimizer_state(model: Any) -> dict[str, Array]:
    """Return the variables of a compiled model's optimizer by path."""
    optimizer = model.optimizer
    steps = int(optimizer.iterations.get_value()) if optimizer.counts_steps else model.step
    values = [np.asarray(steps, "int32")]
    if has_own_rate(optimizer):
        rate = optimizer.learning_rate
        values.append(np.asarray(rate.get_value() if isinstance(rate, Shared) else rate, "float32"))
    parameters = list(dict.fromkeys(list_trainable(model, None)))
    for p, name in list_slots(optimizer, parameters):
        slot = optimizer.slots.get((p, name))
        start = optimizer.config.get("initial_accumulator_value", 0.0) if name == "accumulator" else 0.0
        values.append(np.full_like(p.get_value(), start) if slot is None else slot.get_value())
    return {f"{PREFIX}{number}": value for number, value in enumerate(values)}


def read_optimizer_state(model: Any, variables: Sequence[Array], order: Mapping[Layer, int]) -> None:
    """Set the slots of a compiled model's optimizer.

    Raises
    ------
    StorageError
        If the variables are not those of this optimizer. Nothing has changed then.
    """
    optimizer = model.optimizer
    first = 2 if has_own_rate(optimizer) else 1
    if len(variables) <= first and not any(v.shape for v in variables):  # it has made no step
        return
    slots = list_slots(optimizer, list(dict.fromkeys(list_trainable(model, order))))
    expected = [(), ()][:first] + [p.shape for p, _ in slots]
    if [v.shape for v in variables] != expected:
        received = ", ".join(format_shape(v.shape) for v in variables[:4])
        raise StorageError(
            f"expected the {len(expected)} variables of {type(optimizer).__name__}. Received: {len(variables)}, the "
            f"first of the shapes {received}"
        )
    steps = int(variables[0])
    if steps < 0:
        raise StorageError(f"expected a number of steps. Received: {steps}")
    for (p, name), value in zip(slots, variables[first:], strict=True):
        optimizer.get_slot(name, p).set_value(value.astype(p.dtype))
    optimizer.iterations.set_value(steps)
