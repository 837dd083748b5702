"""What a model is compiled for, and the goal written out on its graph for data of some kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.expr import Shared
from pellucid.model.compile_config import Goal, make_goal
from pellucid.model.errors import ModelError
from pellucid.training import data_validation
from pellucid.training.callbacks.history import History
from pellucid.training.data_adapter import Samples, samples_of
from pellucid.training.loop_progress import Run
from pellucid.training.metric_accumulator import Tally
from pellucid.training.train_step import Objective, Written

if TYPE_CHECKING:
    from pellucid.model.model import Model
    from pellucid.run.function import Function


class Compiled:
    """The side of a `Model` that knows what it is trained for.

    Attributes
    ----------
    history : History or None
        What the last `fit` measured.
    run : Run
        Where the run of `fit` stands that is under way, or was the last.
    stop_training : bool
        Set it to True, in a callback, to end training after the batch or epoch at hand.
    """

    history: History | None
    run: Run
    stop_training: bool

    def begin_training(self) -> None:
        """Know of no goal yet."""
        self.history = None
        self.stop_training = False
        self.run = Run(0, 0, 0, 0, Tally({}))
        self._goal: Goal | None = None
        self._objectives: dict[Any, Objective] = {}
        self._latest: Objective | None = None
        self._predictors: dict[Any, Function] = {}

    def forget(self) -> None:
        """Drop what was compiled for an earlier form of the model."""
        self._objectives.clear()
        self._latest = None
        self._predictors.clear()

    @property
    def step(self) -> int:
        """How many steps of training were made since the model was compiled."""
        return self.run.step

    def compile(
        self: Any,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
    ) -> None:
        """Say what the model is trained for, and how.

        Parameters
        ----------
        optimizer : str or Optimizer
            A name stands for the optimizer with its defaults. A learning rate that is a number becomes a shared
            variable: ``model.optimizer.learning_rate = 0.01`` takes effect without compiling again.
        loss : str, function or Loss
            ``loss(y_true, y_pred)``, one value a sample; what is made small is its mean over a batch and the layers'
            regularization. For several outputs a list, or a dict by their names; an output without one is None.
        loss_weights : list or dict of float, optional
            What the losses of several outputs are multiplied by in their sum.
        metrics : list of str, function or Metric, optional
            What else is measured. ``"accuracy"`` is the one that fits the shapes. For several outputs, a list of lists
            or a dict.
        weighted_metrics : list, optional
            The same, with every sample counted by its weight.

        Raises
        ------
        ValueError
            For an unknown name; the nearest is named.
        """
        goal = make_goal(optimizer, loss, loss_weights, metrics, weighted_metrics)
        names = self.names_to_compile()
        if names is not None:
            goal.of(names)
        self._goal = goal
        self._objectives.clear()
        self._latest = None
        self.run = Run(0, 0, 0, 0, Tally({}))

    @property
    def goal(self: Any) -> Goal:
        """What the model was compiled for."""
        if self._goal is None:
            raise ModelError(f"{self.name} is not compiled. Call model.compile(optimizer, loss, metrics=[...]) first")
        return self._goal  # type: ignore[no-any-return]

    @property
    def optimizer(self) -> Any:
        """The optimizer that the model was compiled with."""
        return self.goal.optimizer

    def checked(self: Any, x: Any, y: Any) -> list[Any]:
        """Return samples and targets as the arrays that `fit` takes, held against the model and its losses."""
        return samples_of(self, x, y).arrays

    def objective(self: Any, samples: Samples) -> Objective:
        """Return the goal written out for data of these kinds, and for the parameters that are not frozen now."""
        model: Model = self
        learning = model.trainable_parameters
        key = (
            tuple(samples.targets),
            tuple(samples.weights),
            tuple(map(id, learning)),
            tuple(map(id, model.outputs)),
        )
        if key not in self._objectives:
            now = Written(model.inputs, model.outputs, model.output_names, model.regularization(), learning)
            self._objectives[key] = Objective(now, self.goal, samples.targets, samples.weights)
        latest: Objective = self._objectives[key]
        self._latest = latest
        return latest

    def variables_of_loss(self) -> list[Shared]:
        """Return what the training loss that was written last depends on, if any was."""
        return [] if self._latest is None else self._latest.variables

    def loss_to_lint(self: Any) -> Any:
        """Return the training loss as an expression of the model's inputs and targets ``y``, for `pellucid.lint`.

        Of a model that is not compiled, a list of its predictions.
        """
        if self._goal is None:
            return list(self.outputs)
        targets = []
        for goal, output in zip(self.goal.of(self.output_names), self.outputs, strict=True):
            takes_labels = (
                data_validation.RANGES.get(data_validation.formula(goal.loss)) is data_validation.check_labels
            )
            kind = ((), np.dtype(np.int32)) if takes_labels else (output.shape[1:], output.dtype)
            targets.append(kind if goal.wants_targets else None)
        now = Written(self.inputs, self.outputs, self.output_names, self.regularization(), self.trainable_parameters)
        return Objective(now, self.goal, targets, [None] * len(targets)).loss
