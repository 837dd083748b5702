"""What a model is trained for: its loss and metrics as expressions, and the steps that make the loss smaller."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.graph.expr import Expr, Input, as_expr
from pellucid.graph.inference import inference
from pellucid.graph.types import Dim
from pellucid.model.errors import ModelError
from pellucid.model.walk import Walk
from pellucid.nn import losses, metrics, optimizers

Measure = Callable[[Any, Any], Any]

MOST_WALKS = 8
"""How many compiled walks are kept: those over training and validation data, and a few more."""


@dataclass(frozen=True)
class Goal:
    """What `Sequential.compile` was told.

    Attributes
    ----------
    optimizer : Optimizer
        What turns gradients into updates.
    loss : function
        ``loss(y_true, y_pred)``, one value a sample.
    metrics : dict from str to function
        What else is measured, by the names under which a history keeps it.
    """

    optimizer: optimizers.Optimizer
    loss: Measure
    metrics: Mapping[str, Measure]


def make_goal(optimizer: Any, loss: Any, measured: Sequence[Any]) -> Goal:
    """Look up what is named, and refuse what is neither a name nor a function."""
    if loss is None:
        raise ModelError(
            f"compile needs a loss. Known: {', '.join(sorted(losses.NAMED))}; or a function of (y_true, y_pred)"
        )
    if not isinstance(measured, (list, tuple)):
        raise ModelError(f"Expected metrics to be a list. Received: metrics={measured!r}; write metrics=[{measured!r}]")
    found: dict[str, Measure] = {}
    for metric in measured:
        function = metrics.get(metric)
        name = metric if isinstance(metric, str) else getattr(metric, "__name__", type(metric).__name__)
        if name in found or name == "loss":
            raise ModelError(f"Two measures are named {name!r}; give the function another __name__")
        found[name] = function
    return Goal(optimizers.get(optimizer), losses.get(loss), found)


class Objective:
    """A goal written out for one model and one kind of target.

    Parameters
    ----------
    x, output : Expr
        The model, from its input to its output.
    penalty : Expr or float
        What the layers' regularizers add to the loss.
    goal : Goal
        What to train for.
    shape, dtype
        Of one target.

    Attributes
    ----------
    y : Input
        The targets of a batch.
    training, evaluation : dict from str to Expr
        ``"loss"`` and the metrics, means over a batch, while training and after it.
    updates : dict from Shared to Expr
        What one step changes.
    """

    def __init__(self, x: Expr, output: Expr, penalty: Any, goal: Goal, shape: Sequence[Dim], dtype: Any) -> None:
        self.x = x
        self.y = Input("y", (x.shape[0], *shape), dtype)
        self.goal = goal
        self.training = self.measures(output, penalty)
        self.evaluation = self.measures(inference(output), penalty)
        self.updates = goal.optimizer.updates(self.training["loss"])
        self.walks: dict[Any, Walk] = {}

    def measures(self, output: Expr, penalty: Any) -> dict[str, Expr]:
        """Return the loss, penalty included, and the metrics, each one number a batch."""
        loss = as_expr(self.goal.loss(self.y, output)).mean()
        result = {"loss": loss + penalty if isinstance(penalty, Expr) else loss}
        for name, metric in self.goal.metrics.items():
            result[name] = as_expr(metric(self.y, output)).mean()
        return result

    def walk(self, x: Any, y: Any, training: bool) -> Walk:
        """Return the compiled walk over data of these shapes, made at the first call."""
        key = (training, x.shape, x.dtype, y.shape, y.dtype)
        if key not in self.walks:
            if len(self.walks) == MOST_WALKS:
                del self.walks[next(iter(self.walks))]
            measures, updates = (self.training, self.updates) if training else (self.evaluation, {})
            self.walks[key] = Walk(measures, updates, {self.x: x, self.y: y})
        return self.walks[key]
