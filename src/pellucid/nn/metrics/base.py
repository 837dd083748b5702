r"""What every metric is that a mean over samples does not make: sums over batches, and what is made of the sums."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, Shared, as_expr
from pellucid.graph.ops.norms import divide_no_nan
from pellucid.graph.ops.reductions import sum
from pellucid.graph.ops.reshape import size
from pellucid.graph.types import shape_text
from pellucid.nn.did_you_mean import Spelt
from pellucid.nn.dtypes import as_real, to_dtype
from pellucid.nn.losses.reduction import along
from pellucid.nn.masks import mask_of
from pellucid.nn.registry import snake_case

Sums = dict[str, Expr]


@dataclass(frozen=True)
class Running:
    """A metric that goes on from batch to batch.

    Attributes
    ----------
    result : Expr
        The metric of all that was seen, the batch at hand included.
    updates : dict from Shared to Expr
        What a batch makes of the sums; for ``pel.function(..., updates=...)``.
    """

    result: Expr
    updates: dict[Shared, Expr]

    def reset(self) -> None:
        """Begin anew: set the sums to 0."""
        for total in self.updates:
            total.set_value(np.zeros(total.shape, total.dtype))


class Metric(Spelt):
    r"""A figure made of sums over samples, :math:`f(\sum_i s(t_i, y_i))`.

    A kind of it says in `updates` what a batch adds to each sum, and in `result` what the sums make.

    Parameters
    ----------
    name : str, optional
        Under which a history keeps it; without it, that of the class.

    Examples
    --------
    >>> class ShareOfSquares(Metric):
    ...     def updates(self, y_true, y_pred, sample_weight=None):
    ...         return {"off": ((y_true - y_pred) ** 2).sum(), "all": (y_true**2).sum()}
    ...
    ...     def result(self, sums):
    ...         return sums["off"] / sums["all"]
    >>> t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    >>> ShareOfSquares()(t, y)
    ((t - y) ** 2).sum() / (t ** 2).sum()
    >>> running = ShareOfSquares().running(t, y)
    >>> step = pel.function([t, y], running.result, updates=running.updates)
    >>> step([1.0], [0.0]), step([3.0], [3.0])
    (np.float32(1.0), np.float32(0.1))
    """

    def __init__(self, name: str | None = None) -> None:
        self.name = snake_case(type(self).__name__) if name is None else name

    def updates(self, *args: Any, **kwargs: Any) -> Sums:
        """Return what a batch adds to each sum."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it adds up")

    def result(self, sums: Mapping[str, Expr]) -> Expr:
        """Return the figure that the sums make."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it makes of its sums")

    def __call__(self, *args: Any, **kwargs: Any) -> Expr:
        """Return the metric of one batch alone; it takes what `updates` takes."""
        return self.result(self.updates(*args, **kwargs))

    def running(self, *args: Any, **kwargs: Any) -> Running:
        """Return the metric as one that goes on from batch to batch, with sums that begin at 0.

        It takes what `updates` takes.

        Raises
        ------
        ShapeError
            If a sum has no known shape.
        """
        added = self.updates(*args, **kwargs)
        for name, value in added.items():
            if not all(isinstance(size, int) for size in value.shape):
                raise ShapeError(
                    f"{self.name}: its sum {name!r} must have a known shape. Received: {shape_text(value.shape)}"
                ).about([value])
        totals = {
            name: Shared(np.zeros(value.shape, value.dtype), f"{self.name}/{name}", trainable=False)
            for name, value in added.items()
        }
        sums = {name: totals[name] + value for name, value in added.items()}
        return Running(self.result(sums), {totals[name]: sums[name] for name in sums})

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class Mean(Metric):
    r"""Mean of values, :math:`\sum_i w_i v_i / \sum_i w_i`.

    Examples
    --------
    >>> v = pel.vector("v", shape=("n",))
    >>> running = Mean().running(v)
    >>> step = pel.function([v], running.result, updates=running.updates)
    >>> step([1.0, 2.0]), step([6.0])
    (np.float32(1.5), np.float32(3.0))
    """

    def updates(self, values: Any, sample_weight: Any = None) -> Sums:
        """Return the sum of the values, weighted, and of the weights."""
        return total_and_count(values, sample_weight)

    def result(self, sums: Mapping[str, Expr]) -> Expr:
        """Return the mean, 0 of nothing."""
        return ratio(sums)


class Sum(Metric):
    r"""Sum of values, :math:`\sum_i w_i v_i`; see `Mean`."""

    def updates(self, values: Any, sample_weight: Any = None) -> Sums:
        """Return the sum of the values, weighted."""
        return {"total": total_and_count(values, sample_weight)["total"]}

    def result(self, sums: Mapping[str, Expr]) -> Expr:
        """Return the sum."""
        return sums["total"]


class MeanOf(Metric):
    r"""Mean over samples of a function of targets and predictions; steps that a mask leaves out do not count.

    Parameters
    ----------
    function : function
        ``function(y_true, y_pred, **settings)``, one value a sample.
    name : str, optional
        Without it, that of the function.
    settings
        Other arguments of the function.

    Examples
    --------
    >>> t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    >>> metric = MeanOf(lambda t, y: abs(t - y), name="off")
    >>> pel.function([t, y], metric(t, y))([1.0, 2.0], [1.0, 4.0])
    np.float32(1.0)
    """

    def __init__(self, function: Callable[..., Any], name: str | None = None, **settings: Any) -> None:
        super().__init__(getattr(function, "__name__", type(function).__name__) if name is None else name)
        self.of, self.settings = function, settings

    def updates(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Sums:
        """Return the sum of the values of all samples, weighted, and of the weights."""
        values = as_real(as_expr(self.of(y_true, y_pred, **self.settings)))
        return total_and_count(values, weight_of(y_pred, sample_weight) if values.ndim else None)

    def result(self, sums: Mapping[str, Expr]) -> Expr:
        """Return the mean, 0 of nothing."""
        return ratio(sums)


def total_and_count(values: Any, sample_weight: Any = None) -> Sums:
    """Return the sum of values, weighted, and of the weights."""
    values = as_real(as_expr(values))
    if sample_weight is None:
        return {"total": sum(values), "count": size(values, dtype=values.dtype)}
    weight = along(sample_weight, values, "sample_weight")
    return {"total": sum(weight * values), "count": sum(weight)}


def ratio(sums: Mapping[str, Expr]) -> Expr:
    """Return the mean that a total and a count make, 0 of nothing."""
    mean: Expr = divide_no_nan(sums["total"], sums["count"])
    return mean


def weight_of(y_pred: Any, sample_weight: Any = None) -> Expr | None:
    """Return what each sample, or step, counts: its weight, and nothing where the mask of the prediction says so."""
    y_pred = as_expr(y_pred)
    mask = mask_of(y_pred)
    weight = None if sample_weight is None else as_expr(sample_weight)
    if mask is None:
        return weight
    counted = to_dtype(mask, as_real(y_pred).dtype)
    return counted if weight is None else along(weight, counted, "sample_weight") * counted
