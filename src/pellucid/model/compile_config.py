"""Arguments of `Model.compile`, resolved for each output."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from pellucid.graph.errors import near_miss
from pellucid.model.errors import ModelError
from pellucid.nn import losses, metrics, optimizers
from pellucid.nn.losses import Loss, LossFunction
from pellucid.nn.metrics import Metric, MetricFunction
from pellucid.nn.optimizers import Optimizer

LossLike: TypeAlias = "str | LossFunction | type[Loss]"
"""Loss by name, as a function of (y_true, y_pred), or as a `Loss`."""

LossesLike: TypeAlias = "LossLike | Sequence[LossLike | None] | Mapping[str, LossLike | None] | None"
"""Loss of one output, or of several by position or by name."""

MetricLike: TypeAlias = "str | MetricFunction | Metric | type[Metric]"
"""Metric by name, as a function of (y_true, y_pred), or as a `Metric`."""

MetricsLike: TypeAlias = (
    "Sequence[MetricLike | Sequence[MetricLike] | None] | Mapping[str, MetricLike | Sequence[MetricLike]] | None"
)
"""Metrics of one output, or of several by position or by name."""

LossWeights: TypeAlias = "float | Sequence[float | None] | Mapping[str, float] | None"
"""Factors of the losses in their sum, by position or by name of the output."""


@dataclass(frozen=True)
class NamedMetric:
    """A metric and the name under which the history keeps it."""

    name: str
    metric: Metric | MetricFunction


@dataclass(frozen=True)
class OutputConfig:
    """Loss and metrics of one output."""

    name: str
    loss: Loss | LossFunction | None  # of each sample; None for an output without a loss
    loss_weight: float  # factor of the loss in the sum over all outputs
    metrics: Mapping[str, Metric | MetricFunction]  # by name
    weighted_metrics: Mapping[str, Metric | MetricFunction]  # the same, for metrics that use the sample weights

    @property
    def needs_targets(self) -> bool:
        return self.loss is not None or bool(self.metrics) or bool(self.weighted_metrics)


@dataclass(frozen=True)
class CompileConfig:
    """Arguments of `Model.compile`, with names resolved to objects.

    Losses and metrics are for one output, or for several by position or by name.
    """

    optimizer: optimizers.Optimizer
    loss: Any
    loss_weights: LossWeights
    metrics: Any
    weighted_metrics: Any

    def for_outputs(self, names: Sequence[str]) -> list[OutputConfig]:
        """Return the configuration of each output."""
        output_losses = match_outputs("loss", self.loss, names, repeat=True)
        weights = match_outputs("loss_weights", self.loss_weights, names, default=1.0)
        plain = match_metrics("metrics", self.metrics, names)
        weighted = match_metrics("weighted_metrics", self.weighted_metrics, names)
        if all(loss is None for loss in output_losses):
            raise ModelError("Expected a loss for at least one output. Received: none")
        for own, own_weighted in zip(plain, weighted, strict=True):
            check_unique_names([*own, *own_weighted])
        return [
            OutputConfig(
                name,
                loss,
                1.0 if weight is None else float(weight),
                {m.name: m.metric for m in own},
                {m.name: m.metric for m in own_weighted},
            )
            for name, loss, weight, own, own_weighted in zip(
                names, output_losses, weights, plain, weighted, strict=True
            )
        ]


def match_outputs(
    argument: str, value: Any, names: Sequence[str], default: Any = None, repeat: bool = False
) -> list[Any]:
    """Return the part of an argument that belongs to each output; ``repeat`` uses a single value for all outputs."""
    if value is None:
        return [default] * len(names)
    if isinstance(value, Mapping):
        for name in value:
            if name not in names:
                raise ModelError(
                    f"{argument}: there is no output {name!r}.{near_miss(str(name), names)} Outputs: {', '.join(names)}"
                )
        return [value.get(name, default) for name in names]
    if isinstance(value, (list, tuple)):
        if len(value) != len(names):
            raise ModelError(
                f"{argument}: expected one item for each of the {len(names)} outputs, {', '.join(names)}. "
                f"Received: {len(value)}; a dict by output name may leave some out"
            )
        return list(value)
    if repeat or len(names) == 1:
        return [value] * len(names)
    raise ModelError(
        f"{argument}: expected a dict or a list with one item for each of {', '.join(names)}. Received: {value!r}"
    )


def match_metrics(argument: str, value: Any, names: Sequence[str]) -> list[list[NamedMetric]]:
    if len(names) == 1 and not isinstance(value, Mapping):
        return [list(iter_metrics(value))]
    return [list(iter_metrics(each)) for each in match_outputs(argument, value, names)]


def iter_metrics(value: Any) -> Iterator[NamedMetric]:
    """Yield the metrics in nested lists and dicts."""
    if isinstance(value, NamedMetric):
        yield value
    elif value is not None:
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from iter_metrics(each)


def make_compile_config(
    optimizer: str | Optimizer,
    loss: LossesLike,
    loss_weights: LossWeights,
    metrics: MetricsLike,
    weighted_metrics: MetricsLike,
) -> CompileConfig:
    """Resolve the names among the arguments of `Model.compile`.

    A numeric learning rate becomes a shared variable, so that it can change without compiling again.
    """
    if loss is None:
        raise ModelError(
            f"compile needs a loss. Known: {', '.join(sorted(losses.NAMED))}; or a function of (y_true, y_pred)"
        )
    for argument, value in (("metrics", metrics), ("weighted_metrics", weighted_metrics)):
        if not isinstance(value, (list, tuple, Mapping)) and value is not None:
            raise ModelError(
                f"Expected {argument} to be a list. Received: {argument}={value!r}; write {argument}=[{value!r}]"
            )
    resolved = [map_nested(value, resolve_metric) for value in (metrics, weighted_metrics)]
    chosen = optimizers.get(optimizer)
    chosen.use_shared_learning_rate()
    return CompileConfig(chosen, map_nested(loss, resolve_loss), loss_weights, *resolved)


def map_nested(value: Any, function: Callable[[Any], Any]) -> Any:
    """Apply a function to the items of nested lists and dicts, except None."""
    if isinstance(value, Mapping):
        return {name: map_nested(item, function) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [map_nested(item, function) for item in value]
    return None if value is None else function(value)


def resolve_loss(value: LossLike) -> Loss | LossFunction:
    loss = losses.get(value)
    check_takes_two("loss", loss)
    return loss() if isinstance(loss, type) else loss


def resolve_metric(value: MetricLike) -> NamedMetric:
    metric = metrics.get(value)
    check_takes_two("metric", metric)
    if isinstance(value, str):
        return NamedMetric(value, metric)
    name = metric.name if isinstance(metric, Metric) else getattr(metric, "__name__", type(metric).__name__)
    return NamedMetric(str(name), metric)


def check_takes_two(kind: str, function: object) -> None:
    """Refuse a function that does not take (y_true, y_pred)."""
    if not inspect.isfunction(function):
        return
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        raise ModelError(
            f"Expected the {kind} to be a function of (y_true, y_pred). Received: {function.__name__}"
            f"{inspect.signature(function)}"
        ) from None


def check_unique_names(own: Sequence[NamedMetric]) -> None:
    names = [metric.name for metric in own]
    for index, name in enumerate(names):
        if name in names[:index] or name == "loss":
            raise ModelError(
                f"Two metrics are named {name!r}. Give the metric another name, or the function another __name__"
            )
