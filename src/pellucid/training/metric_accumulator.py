"""What a step measures, and the figures that batches add up to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.errors import UseError
from pellucid.graph.expr import Expr, Input, as_expr
from pellucid.nn.losses.reduction import reduce_values
from pellucid.nn.masks import mask_of
from pellucid.nn.metrics import MeanOf, Metric
from pellucid.run.function_builder import function

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Measure:
    """A figure of a batch, in the form in which batches are put together.

    Attributes
    ----------
    outputs : dict from str to Expr
        What a step puts out: a mean over the batch, or the sums of a metric.
    result : function or None
        What the sums of all batches make; None for a mean, which is weighed by how many samples a batch has.
    """

    outputs: dict[str, Expr]
    result: Callable[..., Any] | None = None

    def of(self, totals: Mapping[str, Array], samples: float) -> Any:
        """Return the figure that the totals of all batches make."""
        if self.result is None:
            (total,) = (totals[key] for key in self.outputs)
            return float(total / samples)
        value = self.result(*(totals[key].astype(e.dtype) for key, e in self.outputs.items()))
        return float(value) if not np.ndim(value) else value


def mean_measure(name: str, value: Expr) -> Measure:
    """Return a measure that is a mean over the samples of a batch."""
    return Measure({name: value})


def metric_measure(name: str, metric: Any, y_true: Expr, y_pred: Expr, weight: Expr | None) -> Measure:
    """Return a metric, a function or a `Metric`, as a measure.

    Parameters
    ----------
    name : str
        Under which it is kept.
    metric : function or Metric
        What is measured.
    y_true, y_pred : Expr
        Of the batch.
    weight : Expr or None
        What each sample counts.
    """
    plain = weight is None and mask_of(y_pred) is None
    if plain and (isinstance(metric, MeanOf) or not isinstance(metric, Metric)):
        values = as_expr(
            metric.of(y_true, y_pred, **metric.settings) if isinstance(metric, MeanOf) else metric(y_true, y_pred)
        )
        return mean_measure(name, values.mean())
    streaming = metric if isinstance(metric, Metric) else MeanOf(metric)
    sums = streaming.updates(y_true, y_pred, sample_weight=weight)
    given = {key: Input(key, value.shape, value.dtype) for key, value in sums.items()}
    made = function(
        list(given.values()), streaming.result(dict(given)), mode="numpy", rewrite=False, on_unused_input="ignore"
    )
    return Measure({f"{name}/{key}": value for key, value in sums.items()}, made)


def loss_value(loss: Any, y_true: Expr, y_pred: Expr, weight: Expr | None) -> Expr:
    """Return the loss of a batch as one number, masks and weights counted in as Keras does.

    Raises
    ------
    UseError
        If samples have weights, and the loss is one number for all of them.
    """
    from pellucid.nn.losses import Loss

    if isinstance(loss, Loss):
        value = loss(y_true, y_pred, sample_weight=weight)
    else:
        values = as_expr(loss(y_true, y_pred))
        if not values.ndim:
            if weight is not None:
                raise UseError(
                    f"Samples have weights, and the loss {getattr(loss, '__name__', loss)} is one number for all of "
                    "them. Let it return one value a sample: the mean is taken of those"
                )
            return values
        value = reduce_values(values, weight, mask_of(y_pred))
    result: Expr = value.mean() if value.ndim else value
    return result


class Tally:
    """Measures of the batches so far, added up in float64, one batch after the other.

    The sums do not depend on how many batches are added at once, so that a run that is taken up again comes to the
    same.

    Attributes
    ----------
    measures : dict from str to Measure
        What is measured.
    totals : dict from str to array
        The sum of every output, means multiplied by the number of samples.
    samples : float
        How many samples there were.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> tally = Tally({"loss": mean_measure("loss", x)})
    >>> tally.add({"loss": np.array([1.0, 4.0])}, np.array([2, 1]))
    >>> tally.results()
    {'loss': 2.0}
    """

    def __init__(self, measures: Mapping[str, Measure]) -> None:
        self.measures = measures
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self.totals: dict[str, Array] = {
            key: np.zeros(value.shape, np.float64)
            for measure in self.measures.values()
            for key, value in measure.outputs.items()
        }
        self.samples = 0.0

    def add(self, outputs: Mapping[str, Array], sizes: Array) -> None:
        """Add the outputs of several steps, whose batches have these numbers of samples."""
        for key, values in self.weighed(outputs, sizes).items():
            values[0] += self.totals[key]
            self.totals[key] = np.add.accumulate(values)[-1]
        self.samples += float(sizes.sum())

    def weighed(self, outputs: Mapping[str, Array], sizes: Array) -> dict[str, Array]:
        """Return what is added for each step."""
        found = {}
        for measure in self.measures.values():
            for key in measure.outputs:
                values = outputs[key].astype(np.float64)
                found[key] = values * sizes if measure.result is None else values
        return found

    def results(self) -> dict[str, Any]:
        """Return the figures of all that was added."""
        return {name: measure.of(self.totals, self.samples) for name, measure in self.measures.items()}

    def of_epochs(self, outputs: Mapping[str, Array], sizes: Array, steps: int) -> dict[str, Any]:
        """Return the figures of several whole epochs of so many steps each, as `add` would come to one by one."""
        count = len(sizes) // steps
        if steps == 1 and all(
            m.result is None and exact(outputs[k]) for m in self.measures.values() for k in m.outputs
        ):
            return {name: outputs[name] for name in self.measures}
        totals = self.weighed(outputs, sizes)
        samples = sizes.astype(np.float64)
        if steps > 1:
            samples = sizes.reshape(count, steps).sum(1).astype(np.float64)
            totals = {
                key: np.add.accumulate(values.reshape(count, steps, *values.shape[1:]), axis=1)[:, -1]
                for key, values in totals.items()
            }
        figures: dict[str, Any] = {}
        for name, measure in self.measures.items():
            if measure.result is None:
                figures[name] = totals[name] / samples
            else:
                figures[name] = [
                    measure.of({key: totals[key][i] for key in measure.outputs}, samples[i]) for i in range(count)
                ]
        return figures

    def get_state(self) -> dict[str, Array]:
        """Return copies of the sums, to be saved."""
        return {"samples": np.array(self.samples), **{key: total.copy() for key, total in self.totals.items()}}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from sums that `get_state` returned."""
        self.samples = float(state["samples"])
        self.totals = {key: np.array(state[key], np.float64) for key in self.totals}


def exact(values: Array) -> bool:
    """Tell whether values times a number of samples, divided by it, are the values: float64 has digits left for it."""
    return bool(values.dtype.kind == "f" and values.dtype.itemsize <= 4)
