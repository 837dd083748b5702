"""Ensembles: networks whose output has an axis of members. Each is trained, and predictions are averaged."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pellucid.graph.expr import Expr
from pellucid.graph.ops.reductions import mean
from pellucid.graph.ops.repeat import repeat
from pellucid.graph.ops.reshape import expand_dims
from pellucid.graph.ops.train_eval import training_only
from pellucid.nn.losses import Loss
from pellucid.nn.metrics import Metric
from pellucid.nn.metrics.base import MeanMetricWrapper

if TYPE_CHECKING:
    from pellucid.model.interfaces import ModelLike

MEMBER_AXIS = 1
AVERAGE = "mean_of_members"
"""Name of the layer that averages predictions."""


def count_members(model: "ModelLike") -> int | None:
    """Return the number of members of an ensemble, whose output has the shape (batch, members, outputs); else None."""
    output = model.outputs[0]
    members = output.shape[MEMBER_AXIS] if output.ndim == 3 else None
    return members if isinstance(members, int) else None


class EnsembleLoss(Loss):
    """Mean of the losses of the members in training, and loss of their mean prediction in evaluation.

    The loss of the mean alone would train members that are only good together, and overfits
    (Y. Gorishniy, A. Kotelnikov and A. Babenko, TabM, ICLR 2025).
    """

    def __init__(self, loss: Any) -> None:
        super().__init__(reduction=loss.reduction if isinstance(loss, Loss) else "sum_over_batch_size", name="loss")
        self.loss: Callable[[Expr, Expr], Expr] = loss.call if isinstance(loss, Loss) else loss

    def call(self, y_true: Expr, y_pred: Expr) -> Expr:
        members = y_pred.shape[MEMBER_AXIS]
        assert isinstance(members, int)  # see `count_members`
        repeated = repeat(expand_dims(y_true, MEMBER_AXIS), members, axis=MEMBER_AXIS)
        in_training = mean(self.loss(repeated, y_pred), axis=MEMBER_AXIS)
        return training_only(in_training, self.loss(y_true, mean(y_pred, axis=MEMBER_AXIS)))


class EnsembleMetric(Metric):
    """A metric of the mean prediction of the members."""

    def __init__(self, metric: Metric) -> None:
        super().__init__(metric.name)
        self.metric = metric

    def updates(self, y_true: Expr, y_pred: Expr, **options: Any) -> dict[str, Expr]:
        return self.metric.updates(y_true, mean(y_pred, axis=MEMBER_AXIS), **options)

    def compute(self, sums: Mapping[str, Expr]) -> Expr:
        return self.metric.compute(sums)


def compile_ensemble(model: "ModelLike") -> None:
    """Replace the loss and the metrics of a compiled ensemble by those of its members and of their mean."""
    [config] = model.compile_config.for_outputs(model.output_names)
    metrics = [
        EnsembleMetric(metric if isinstance(metric, Metric) else MeanMetricWrapper(metric, name=name))
        for name, metric in config.metrics.items()
    ]
    model.compile(model.optimizer, EnsembleLoss(config.loss), metrics=metrics)


def make_final_layers(model: "ModelLike") -> Sequence[Any]:
    """Return the layers that turn the output of a network into its prediction: the mean of an ensemble's members."""
    from pellucid import nn

    return [nn.GlobalAveragePooling1D(name=AVERAGE)] if count_members(model) else []
