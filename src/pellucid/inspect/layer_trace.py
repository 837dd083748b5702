"""A model taken apart: its layers, each with what it is given and what it makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pellucid.graph.expr import Expr, Input, Shared, as_expr
from pellucid.graph.inference import inference
from pellucid.graph.traversal import topological
from pellucid.model.model import Model
from pellucid.nn.layers import Layer
from pellucid.nn.optimizers import Optimizer
from pellucid.training import data_validation


@dataclass(frozen=True)
class Step:
    """A layer at its place: what it is given, and what it makes of it."""

    layer: Layer
    given: tuple[Expr, ...]
    made: tuple[Expr, ...]


def steps_of(model: Model) -> list[Step]:
    """Return the calls of a built model's layers, in the order in which they are computed.

    Raises
    ------
    ModelError
        If the model is not built.
    """
    return [Step(p.layer, tuple(p.call.given()), tuple(p.outputs)) for p in model.connections.places]


def as_tuple(value: Any) -> tuple[Expr, ...]:
    """Return an expression or several as a tuple."""
    return (value,) if isinstance(value, Expr) else tuple(value)


@dataclass(frozen=True)
class Training:
    """A compiled model as expressions.

    Attributes
    ----------
    inputs, targets : list of Input
        What a batch holds.
    loss : Expr
        What is made small, a mean over the batch.
    outputs, predictions : list of Expr
        What the model puts out while training, and after it.
    optimizer : Optimizer
        What makes the loss small.
    """

    inputs: list[Input]
    targets: list[Input]
    loss: Expr
    outputs: list[Expr]
    predictions: list[Expr]
    optimizer: Optimizer

    @property
    def given(self) -> list[Input]:
        """What a batch holds, in order."""
        return [*self.inputs, *self.targets]

    @property
    def parameters(self) -> list[Shared]:
        """What the optimizer changes."""
        return [e for e in topological([self.loss]) if isinstance(e, Shared) and e.trainable]


def training_of(model: Model, y: Any = None) -> Training:
    """Return a compiled model as expressions, for targets like ``y`` or else of the form that the loss is made for.

    Raises
    ------
    ModelError
        If the model is not built or not compiled.
    """
    inputs = [e for e in model.inputs if isinstance(e, Input)]
    loss = loss_of(model, y)
    targets = [e for e in topological([loss]) if isinstance(e, Input) and e not in set(inputs)]
    outputs = list(model.outputs)
    return Training(inputs, targets, loss, outputs, inference(outputs), model.goal.optimizer)


def loss_of(model: Model, y: Any) -> Expr:
    """Return the training loss, a mean over the batch with what the regularizers add."""
    goal = model.goal
    if y is None:
        trained: Expr = model.loss_to_lint()
        return trained
    [output] = model.outputs
    array = data_validation.targets(y, output, goal.loss, "y")
    given = Input("y", (model.inputs[0].shape[0], *array.shape[1:]), data_validation.target_dtype(array, output))
    loss: Expr = as_expr(goal.loss(given, output)).mean() + model.regularization()
    return loss
