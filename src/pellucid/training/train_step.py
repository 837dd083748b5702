"""What a model is trained for, as expressions, and the steps that make its loss smaller."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.inference import inference
from pellucid.graph.traversal import shared_of
from pellucid.graph.types import Dim
from pellucid.model.compile_config import Goal
from pellucid.training.epoch_program import Flow, Walk
from pellucid.training.metric_accumulator import Measure, loss_value, mean_measure, metric_measure

MOST_PROGRAMS = 8
"""How many compiled passes are kept: those over training and validation data, and a few more."""

Made = TypeVar("Made", Walk, Flow)

Kind = tuple[Sequence[Dim], np.dtype[Any]] | None
"""Shape and dtype of what is given for one sample; None where nothing is."""


@dataclass(frozen=True)
class Written:
    """A model as it is written now, ready to be trained.

    Attributes
    ----------
    inputs, outputs : list of Expr
        From where to where.
    names : list of str
        Those of the outputs.
    penalty : Expr or float
        What the layers' regularizers add to the loss.
    parameters : list of Shared
        What may be changed.
    """

    inputs: list[Expr]
    outputs: list[Expr]
    names: list[str]
    penalty: Any
    parameters: list[Shared]


class Objective:
    """A goal written out for one model and one kind of targets and weights.

    Parameters
    ----------
    model : Written
        The model.
    goal : Goal
        What to train for.
    targets, weights : list of (shape, dtype) or None
        Of one sample, for every output.

    Attributes
    ----------
    given : list of Expr
        What a batch holds: the inputs, then the targets, then the weights that there are.
    training, evaluation : dict from str to Measure
        ``"loss"``, the losses of several outputs, and the metrics, while training and after it.
    """

    def __init__(self, model: Written, goal: Goal, targets: Sequence[Kind], weights: Sequence[Kind]) -> None:
        self.model, self.goals = model, goal.of(model.names)
        self.y, self.w = self.inputs("y", targets), self.inputs("weight", weights)
        self.given: list[Expr] = [*model.inputs, *(e for e in (*self.y, *self.w) if e is not None)]
        self.training = self.measures(model.outputs)
        self.evaluation = self.measures(inference(model.outputs))
        self.optimizer = goal.optimizer
        self.programs: dict[Any, Any] = {}

    @functools.cached_property
    def updates(self) -> dict[Shared, Expr]:
        """What one step changes: what may be changed, as far as the loss depends on it."""
        learning = set(self.model.parameters)
        return self.optimizer.updates(self.loss, [p for p in self.variables if p in learning])

    @functools.cached_property
    def variables(self) -> list[Shared]:
        """All variables that the loss depends on."""
        return shared_of([self.loss])

    def inputs(self, what: str, kinds: Sequence[Kind]) -> list[Input | None]:
        """Return inputs of the graph for what is given for each output."""
        batch, single = self.model.inputs[0].shape[0], len(self.goals) == 1
        return [
            None if kind is None else Input(what if single else f"{what} of {goal.name}", (batch, *kind[0]), kind[1])
            for goal, kind in zip(self.goals, kinds, strict=True)
        ]

    @property
    def loss(self) -> Expr:
        """The scalar that is made small."""
        return self.training["loss"].outputs["loss"]

    def measures(self, outputs: Sequence[Expr]) -> dict[str, Measure]:
        """Return the loss, penalty included, and whatever else is measured."""
        total: Any = None
        losses: dict[str, Measure] = {}
        rest: dict[str, Measure] = {}
        single = len(outputs) == 1
        for goal, y, weight, output in zip(self.goals, self.y, self.w, outputs, strict=True):
            if y is None:
                continue
            if goal.loss is not None:
                loss = loss_value(goal.loss, y, output, weight)
                if not single:
                    losses[f"{goal.name}_loss"] = mean_measure(f"{goal.name}_loss", loss)
                counted = loss if goal.loss_weight == 1.0 else goal.loss_weight * loss
                total = counted if total is None else total + counted
            prefix = "" if single else f"{goal.name}_"
            for name, metric in goal.metrics.items():
                rest[prefix + name] = metric_measure(prefix + name, metric, y, output, None)
            for name, metric in goal.weighted_metrics.items():
                rest[prefix + name] = metric_measure(prefix + name, metric, y, output, weight)
        if isinstance(self.model.penalty, Expr):
            total = total + self.model.penalty
        return {"loss": mean_measure("loss", total), **losses, **rest}

    def measured(self, training: bool) -> dict[str, Measure]:
        """Return the measures of training, or those of a model that is done with it."""
        return self.training if training else self.evaluation

    def outputs(self, training: bool) -> dict[str, Expr]:
        """Return what a step puts out, by name."""
        return {key: e for measure in self.measured(training).values() for key, e in measure.outputs.items()}

    def walk(self, arrays: Sequence[Any], training: bool, devices: Any = None) -> Walk:
        """Return the compiled passes over data of these shapes, on these devices, made at the first call."""
        return self.kept(
            (training, *((a.shape, a.dtype) for a in arrays), str(devices)),
            lambda: Walk(
                self.outputs(training),
                self.updates if training else {},
                dict(zip(self.given, arrays, strict=True)),
                devices,
            ),
        )

    def flow(self, dtypes: Sequence[Any], training: bool, devices: Any = None) -> Flow:
        """Return the compiled steps over batches of these dtypes that are handed in, made at the first call."""
        return self.kept(
            (training, *dtypes, str(devices)),
            lambda: Flow(
                self.outputs(training),
                self.updates if training else {},
                dict(zip(self.given, dtypes, strict=True)),
                devices,
            ),
        )

    def kept(self, key: Any, make: Callable[[], Made]) -> Made:
        """Return what was made before under a key, or make it, and keep no more than a few."""
        if key not in self.programs:
            if len(self.programs) == MOST_PROGRAMS:
                del self.programs[next(iter(self.programs))]
            self.programs[key] = make()
        made: Made = self.programs[key]
        return made
