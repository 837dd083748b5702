"""Training step: loss, metrics and updates as expressions, and the compiled programs that run it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

from pellucid.graph.errors import UseError
from pellucid.graph.expr import Expr, Input, Shared, as_expr
from pellucid.graph.passes import inference
from pellucid.graph.traversal import collect_shared
from pellucid.graph.types import Dim
from pellucid.model.interfaces import ModelLike
from pellucid.nn.lint.initial_weights import check_symmetric_weights
from pellucid.nn.lint.linter import warn_about_mistakes
from pellucid.nn.losses import Loss, LossFunction
from pellucid.nn.losses.reduction import reduce_values
from pellucid.nn.masks import find_mask
from pellucid.nn.metrics import MeanMetricWrapper, Metric, MetricFunction
from pellucid.nn.metrics.array_state import make_result_function
from pellucid.run.device_selection import DEFAULT_PLACEMENT, Placement
from pellucid.run.kernels.prefetching import prefetch_kernels
from pellucid.training.epoch_program import ArrayEpochProgram, BatchEpochProgram, find_first_uses
from pellucid.training.loop_progress import StepMetric
from pellucid.typing import Array, DTypeLike

MAX_PROGRAMS = 8
"""Number of compiled programs kept per training step: for training data, validation data and a few more."""

Program = TypeVar("Program", ArrayEpochProgram, BatchEpochProgram)

SampleSpec = tuple[Sequence[Dim], np.dtype[Any]] | None
"""Shape and dtype of one sample's target or weight; None where an output has none."""


class HasSpecs(Protocol):
    """Data whose targets and weights are described for every output."""

    @property
    def target_specs(self) -> list[SampleSpec]: ...
    @property
    def weight_specs(self) -> list[SampleSpec]: ...


class TrainStep:
    """Loss, metrics and updates of a compiled model, for one kind of targets and weights."""

    def __init__(
        self, model: ModelLike, target_specs: Sequence[SampleSpec], weight_specs: Sequence[SampleSpec]
    ) -> None:
        config = model.compile_config
        self.output_configs, self.optimizer = config.for_outputs(model.output_names), config.optimizer
        self.parameters: list[Shared] = model.trainable_parameters
        self.penalty: Expr | float = model.regularization()
        batch = model.inputs[0].shape[0]
        self.targets: list[Input | None] = self.make_inputs("y", batch, target_specs)
        self.weights: list[Input | None] = self.make_inputs("weight", batch, weight_specs)
        self.inputs: list[Expr] = [*model.inputs, *(e for e in (*self.targets, *self.weights) if e is not None)]
        self.outputs: list[Expr] = model.outputs
        self.training_metrics: dict[str, StepMetric] = self.make_metrics(self.outputs)
        self.programs: dict[tuple[object, ...], Any] = {}

    @functools.cached_property
    def evaluation_metrics(self) -> dict[str, StepMetric]:
        return self.make_metrics(inference(self.outputs), training=False)

    @functools.cached_property
    def updates(self) -> dict[Shared, Expr]:
        """Updates of the trainable parameters that the loss depends on."""
        trainable = set(self.parameters)
        warn_about_mistakes(self.loss, [check_symmetric_weights])
        return self.optimizer.updates(self.loss, [p for p in self.variables if p in trainable])

    @functools.cached_property
    def variables(self) -> list[Shared]:
        """All variables that the loss depends on."""
        return collect_shared([self.loss])

    def make_inputs(self, name: str, batch: Dim, specs: Sequence[SampleSpec]) -> list[Input | None]:
        """Return a graph input for the targets or weights of each output."""
        single = len(self.output_configs) == 1
        return [
            None if spec is None else Input(name if single else f"{name} of {output.name}", (batch, *spec[0]), spec[1])
            for output, spec in zip(self.output_configs, specs, strict=True)
        ]

    @property
    def loss(self) -> Expr:
        """The scalar that training minimizes."""
        return self.training_metrics["loss"].outputs["loss"]

    def make_metrics(self, outputs: Sequence[Expr], training: bool = True) -> dict[str, StepMetric]:
        """Return the loss, which includes the penalty of the regularizers, and the metrics."""
        total: Any = None
        losses: dict[str, StepMetric] = {}
        metrics: dict[str, StepMetric] = {}
        single = len(outputs) == 1
        for config, y, weight, output in zip(self.output_configs, self.targets, self.weights, outputs, strict=True):
            if y is None:
                continue
            if config.loss is not None:
                loss = compute_loss(config.loss, y, output, weight)
                if not training:  # a loss may differ between training and evaluation, too
                    loss = inference(loss)
                if not single:
                    losses[f"{config.name}_loss"] = StepMetric({f"{config.name}_loss": loss})
                weighted = loss if config.loss_weight == 1.0 else config.loss_weight * loss
                total = weighted if total is None else total + weighted
            prefix = "" if single else f"{config.name}_"
            for name, metric in config.metrics.items():
                metrics[prefix + name] = make_metric(prefix + name, metric, y, output, None)
            for name, metric in config.weighted_metrics.items():
                metrics[prefix + name] = make_metric(prefix + name, metric, y, output, weight)
        if isinstance(self.penalty, Expr):
            total = total + (self.penalty if training else inference(self.penalty))
        return {"loss": StepMetric({"loss": total}), **losses, **metrics}

    def get_metrics(self, training: bool) -> dict[str, StepMetric]:
        return self.training_metrics if training else self.evaluation_metrics

    def get_outputs(self, training: bool) -> dict[str, Expr]:
        """Return the outputs of a step, by name."""
        return {key: e for metric in self.get_metrics(training).values() for key, e in metric.outputs.items()}

    def get_array_program(
        self, arrays: Sequence[Array], training: bool, placement: Placement = DEFAULT_PLACEMENT
    ) -> ArrayEpochProgram:
        """Return the program for data of these shapes on these devices."""
        key = (training, *((a.shape, a.dtype) for a in arrays), *find_first_uses(arrays), str(placement))
        data = dict(zip(self.inputs, arrays, strict=True))
        return self.cache_program(
            key, lambda: ArrayEpochProgram(*self.get_definition(training, placement), data, placement)
        )

    def get_batch_program(
        self, dtypes: Sequence[DTypeLike], training: bool, placement: Placement = DEFAULT_PLACEMENT
    ) -> BatchEpochProgram:
        """Return the program for batches of these dtypes on these devices."""
        key = (training, *dtypes, str(placement))
        data = dict(zip(self.inputs, dtypes, strict=True))
        return self.cache_program(
            key, lambda: BatchEpochProgram(*self.get_definition(training, placement), data, placement)
        )

    def get_definition(self, training: bool, placement: Placement) -> tuple[dict[str, Expr], dict[Shared, Expr]]:
        """Return outputs and updates; evaluation updates nothing."""
        outputs = self.get_outputs(training)
        if placement == DEFAULT_PLACEMENT:
            prefetch_kernels(list(outputs.values()), 1)  # while gradients are derived and simplified
        return outputs, self.updates if training else {}

    def cache_program(self, key: tuple[object, ...], make: Callable[[], Program]) -> Program:
        if key not in self.programs:
            if len(self.programs) == MAX_PROGRAMS:
                del self.programs[next(iter(self.programs))]
            self.programs[key] = make()
        program: Program = self.programs[key]
        return program


def get_train_step(model: ModelLike, data: HasSpecs) -> TrainStep:
    """Return the training step of a model for this kind of data, with the parameters that are not frozen now."""
    key = (
        tuple(data.target_specs),
        tuple(data.weight_specs),
        tuple(model.trainable_parameters),
        tuple(model.outputs),
    )
    steps = model.train_steps
    # The step in use comes last, where `Model.state` looks for the variables of the loss.
    steps[key] = steps.pop(key) if key in steps else TrainStep(model, data.target_specs, data.weight_specs)
    step: TrainStep = steps[key]
    return step


def make_metric(
    name: str, metric: Metric | MetricFunction, y_true: Expr, y_pred: Expr, weight: Expr | None
) -> StepMetric:
    """Return a metric, a function or a `Metric`, as outputs of a step."""
    unweighted = weight is None and find_mask(y_pred) is None
    if unweighted and (isinstance(metric, MeanMetricWrapper) or not isinstance(metric, Metric)):
        values = as_expr(
            metric.function(y_true, y_pred, **metric.settings)
            if isinstance(metric, MeanMetricWrapper)
            else metric(y_true, y_pred)
        )
        return StepMetric({name: values.mean()})
    streaming = metric if isinstance(metric, Metric) else MeanMetricWrapper(metric)
    sums = streaming.updates(y_true, y_pred, sample_weight=weight)
    outputs = {f"{name}/{key}": value for key, value in sums.items()}
    return StepMetric(outputs, make_result_function(streaming, sums))


def compute_loss(loss: Loss | LossFunction, y_true: Expr, y_pred: Expr, weight: Expr | None) -> Expr:
    """Return the loss of a batch as a scalar, with masks and weights as in Keras."""
    if isinstance(loss, Loss):
        value = loss(y_true, y_pred, sample_weight=weight)
    else:
        value = loss(y_true, y_pred)
        if value is None:
            raise UseError(f"The loss {getattr(loss, '__name__', loss)} returned None. End the function with return")
        value = as_expr(value)
        if value.ndim:
            value = reduce_values(value, weight, find_mask(y_pred))
        elif weight is not None:
            raise UseError(
                f"Samples have weights, and the loss {getattr(loss, '__name__', loss)} is a scalar for a whole batch. "
                "Return one value per sample from it; their weighted mean is minimized"
            )
    result: Expr = value.mean() if value.ndim else value
    return result
