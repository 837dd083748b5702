"""Samples, targets and weights in the order in which a model takes them, held against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.errors import OptionError, ShapeError, near_miss
from pellucid.graph.expr import Expr, agree
from pellucid.graph.types import is_float, shape_text
from pellucid.model.compile_config import OutputGoal
from pellucid.model.errors import ModelError
from pellucid.training import data_validation

if TYPE_CHECKING:
    from pellucid.model.model import Model
    from pellucid.training.train_step import Kind

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Samples:
    """Data for a model.

    Attributes
    ----------
    x : list of array
        One for each input.
    y, w : list of array or None
        Targets and weights, one for each output; None where there are none.
    kinds : list of dtype or None
        In which dtype the loss sees each target.
    """

    x: list[Array]
    y: list[Array | None]
    w: list[Array | None]
    kinds: list[np.dtype[Any] | None]

    def __len__(self) -> int:
        return len(self.x[0])

    @property
    def arrays(self) -> list[Array]:
        """All that there are, in the order of `Objective.given`."""
        return [*self.x, *(a for a in (*self.y, *self.w) if a is not None)]

    @property
    def targets(self) -> list[Kind]:
        """Shape and dtype of a target, for every output."""
        return [
            None if a is None or dtype is None else (a.shape[1:], dtype)
            for a, dtype in zip(self.y, self.kinds, strict=True)
        ]

    @property
    def weights(self) -> list[Kind]:
        """Shape and dtype of a weight, for every output."""
        return [None if a is None else (a.shape[1:], a.dtype) for a in self.w]

    def between(self, start: int, stop: int) -> Samples:
        """Return the samples from one number up to but without another."""

        def cut(arrays: Sequence[Array | None]) -> list[Any]:
            return [None if a is None else a[start:stop] for a in arrays]

        return Samples(cut(self.x), cut(self.y), cut(self.w), self.kinds)


def samples_of(model: Model, x: Any, y: Any, w: Any = None, class_weight: Any = None, prefix: str = "") -> Samples:
    """Hold data against a model, its losses and each other.

    Parameters
    ----------
    model : Model
        Built and compiled.
    x, y, w
        Samples, targets and their weights, each for one input or output, or for several in a list or a dict.
    class_weight : dict, optional
        Factors for the weights, by class.
    prefix : str
        What stands before the names in messages.

    Raises
    ------
    ModelError, ShapeError
        If something does not fit.
    """
    given = inputs_of(model, x, prefix)
    goals, outputs = model.goal.of(model.output_names), model.outputs
    targets, kinds = targets_of(goals, outputs, y, prefix)
    weights = weights_of(goals, outputs, targets, w, prefix)
    if class_weight is not None:
        weights = with_class_weights(goals, targets, weights, class_weight)
    first = f"{prefix}x"
    for what, arrays in (("target", targets), ("weight", weights)):
        for goal, array in zip(goals, arrays, strict=True):
            name = naming(f"{prefix}{'y' if what == 'target' else 'sample_weight'}", goal.name, len(goals))
            if array is not None and len(array) != len(given[0]):
                raise ModelError(
                    f"Expected a {what} for every sample. Received: {len(given[0])} in {first} and {len(array)} "
                    f"in {name}"
                )
    return Samples(given, targets, weights, kinds)


def naming(what: str, name: str, count: int) -> str:
    """Return what data are called in a message: those for one of several by its name."""
    return what if count == 1 else f"{what}[{name!r}]"


def inputs_of(model: Model, x: Any, prefix: str = "") -> list[Array]:
    """Hold samples against the inputs, building the model on the first it meets."""
    if not model.built:
        model.on(data_validation.as_data(x, f"{prefix}x").shape[1:])
    names, exprs = model.input_names, model.inputs
    first = model.layers[0].name if model.layers else model.name
    whom = f"{model.name}, from its first layer {first} on," if len(names) == 1 else model.name
    arrays = [
        data_validation.samples(value, given, whom, naming(f"{prefix}x", name, len(names)))
        for value, given, name in zip(spread(x, names, exprs, f"{prefix}x", "input"), exprs, names, strict=True)
    ]
    lengths = {name: len(array) for name, array in zip(names, arrays, strict=True)}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{count} in {name}" for name, count in lengths.items())
        raise ModelError(f"{model.name}: expected as many samples for every input. Received: {told}")
    return arrays


def targets_of(
    goals: Sequence[OutputGoal], outputs: Sequence[Expr], y: Any, prefix: str
) -> tuple[list[Array | None], list[np.dtype[Any] | None]]:
    """Hold targets against the outputs and their losses; with each comes the dtype in which the loss sees it."""
    targets: list[Array | None] = []
    kinds: list[np.dtype[Any] | None] = []
    values = spread(y, [goal.name for goal in goals], outputs, f"{prefix}y", "output")
    for value, goal, output in zip(values, goals, outputs, strict=True):
        name = naming(f"{prefix}y", goal.name, len(goals))
        if value is None:
            if goal.wants_targets:
                raise ModelError(f"Expected {name} to be what is wanted of each sample. Received: None")
            targets.append(None)
            kinds.append(None)
            continue
        if not goal.wants_targets:
            raise ModelError(f"{name} was given, and the output {goal.name} has neither a loss nor a metric")
        array = data_validation.targets(value, output, goal.loss, name)
        targets.append(array)
        kinds.append(data_validation.target_dtype(array, output))
    return targets, kinds


def weights_of(
    goals: Sequence[OutputGoal], outputs: Sequence[Expr], targets: Sequence[Array | None], w: Any, prefix: str
) -> list[Array | None]:
    """Hold the weights of samples against the outputs: one array for all, or one for each in a list or a dict."""
    names = [goal.name for goal in goals]
    shared = w is not None and not isinstance(w, Mapping) and not (isinstance(w, (list, tuple)) and len(names) > 1)
    values = [w] * len(names) if shared else spread(w, names, outputs, f"{prefix}sample_weight", "output")
    found: list[Array | None] = []
    for value, goal, output, target in zip(values, goals, outputs, targets, strict=True):
        if value is None or target is None:
            found.append(None)
            continue
        name = naming(f"{prefix}sample_weight", goal.name, len(goals))
        array = data_validation.as_data(value, name)
        while array.ndim > 1 and array.shape[-1] == 1:
            array = array[..., 0]
        if array.ndim > max(output.ndim - 1, 1) or not agree(array.shape[1:], output.shape[1 : array.ndim]):
            raise ShapeError(
                f"Expected {name} to have one number for each sample, or for each step of it. "
                f"Received: shape {shape_text(array.shape)}, for an output of shape {shape_text(output.shape)}"
            )
        real = output.dtype if is_float(output.dtype) else np.dtype(np.float32)
        found.append(data_validation.finite(array.astype(real), name))
    return found


def with_class_weights(
    goals: Sequence[OutputGoal], targets: Sequence[Array | None], weights: Sequence[Array | None], given: Any
) -> list[Array | None]:
    """Multiply the weights of samples by those of their classes."""
    if not isinstance(given, Mapping) or not given:
        raise OptionError(f"Expected class_weight to be a dict from class to weight. Received: class_weight={given!r}")
    names = [goal.name for goal in goals]
    if not all(isinstance(value, Mapping) for value in given.values()):
        if len(goals) > 1:
            raise OptionError(
                f"class_weight: the model has several outputs. Give a dict of dicts by output, of {', '.join(names)}"
            )
        given = {names[0]: given}
    for name in given:
        if name not in names:
            raise OptionError(f"class_weight: there is no output {name!r}.{near_miss(str(name), names)}")
    return [
        weight
        if target is None or goal.name not in given
        else class_factors(target, given[goal.name]) * (1 if weight is None else weight)
        for goal, target, weight in zip(goals, targets, weights, strict=True)
    ]


def class_factors(target: Array, factors: Mapping[Any, float]) -> Array:
    """Return the weight of each sample's class, 1 for a class of which nothing is said."""
    if target.ndim > 2:
        raise OptionError(
            f"class_weight: expected labels, or one-hot rows. Received: targets of shape {shape_text(target.shape)}"
        )
    for label, factor in factors.items():
        if not isinstance(label, (int, np.integer)) or not np.isfinite(factor) or factor < 0:
            raise OptionError(
                f"class_weight: expected classes as integers, and weights of 0 or more. Received: {label!r}: {factor!r}"
            )
    columns = target.ndim == 2 and target.shape[1] > 1
    labels = target.argmax(1) if columns else target.reshape(-1)
    result = np.ones(len(target), np.float32)
    for label, factor in factors.items():
        result[labels == label] = factor
    return result


def spread(value: Any, names: Sequence[str], exprs: Sequence[Expr], what: str, kind: str) -> list[Any]:
    """Put data for several inputs or outputs in their order, given in a list or in a dict by name."""
    if isinstance(value, Mapping):
        for name in value:
            if name not in names:
                raise ModelError(
                    f"{what}: there is no {kind} {name!r}.{near_miss(str(name), names)} "
                    f"{kind.capitalize()}s: {', '.join(names)}"
                )
        if kind == "input" and (missing := [name for name in names if name not in value]):
            raise ModelError(f"{what}: nothing was given for the input {', '.join(missing)}")
        return [value.get(name) for name in names]
    if len(names) == 1:
        wrapped = isinstance(value, (list, tuple)) and len(value) == 1 and np.ndim(value[0]) == max(exprs[0].ndim, 1)
        return [value[0] if wrapped and isinstance(value[0], np.ndarray) else value]
    if value is None:
        return [None] * len(names)
    if not isinstance(value, (list, tuple)) or len(value) != len(names):
        told = f"{len(value)} in a {type(value).__name__}" if isinstance(value, (list, tuple)) else type(value).__name__
        raise ModelError(
            f"Expected {what} to be a list or a dict with one for each {kind}: {', '.join(names)}. Received: {told}"
        )
    return list(value)
