r"""Base classes of metrics that accumulate sums over batches."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, Operand, Shared, as_expr
from pellucid.graph.ops.norms import divide_no_nan
from pellucid.graph.ops.reductions import sum
from pellucid.graph.ops.reshape import size
from pellucid.graph.types import format_shape
from pellucid.nn.casts import to_dtype, to_float
from pellucid.nn.constructor_signature import InitSignature
from pellucid.nn.did_you_mean import StrictArguments
from pellucid.nn.losses.reduction import broadcast_weights
from pellucid.nn.masks import find_mask
from pellucid.nn.metrics.array_state import ArrayState, bind_batch
from pellucid.nn.registry import snake_case

__all__ = ["Mean", "MeanMetricWrapper", "Metric", "StreamingMetric", "Sum"]

Sums = dict[str, Expr]


@dataclass(frozen=True)
class StreamingMetric:
    """A metric that accumulates over batches.

    Parameters
    ----------
    result : Expr
        Metric of all batches so far, including the current one.
    updates : dict from Shared to Expr
        Updates of the sums, for ``pel.function(..., updates=...)``.

    Attributes
    ----------
    result : Expr
        Metric of all batches so far, including the current one.
    updates : dict from Shared to Expr
        Updates of the sums, for ``pel.function(..., updates=...)``.

    Examples
    --------
    >>> v = pel.vector("v", shape=("n",))
    >>> metric = pel.nn.metrics.Mean().to_streaming(v)
    >>> step = pel.function([v], metric.result, updates=metric.updates)
    >>> step([1.0]), step([2.0])
    (np.float32(1.0), np.float32(1.5))
    >>> metric.reset()
    >>> step([7.0])
    np.float32(7.0)
    """

    result: Expr
    updates: dict[Shared, Expr]

    def reset(self) -> None:
        """Set the sums to 0."""
        for total in self.updates:
            total.set_value(np.zeros(total.shape, total.dtype))


class Metric(StrictArguments):
    r"""Base class: a function of sums over samples, :math:`f(\sum_i s(t_i, y_i))`.

    A subclass implements `updates`, the terms that a batch adds to each sum, and `compute`, the function of the sums.
    Both return expressions, which models compile, and which `to_streaming` accumulates in shared variables. For arrays,
    outside of a model, `update_state` adds a batch, `result` returns the metric of all batches, and `reset_state` sets
    the sums to 0.

    Parameters
    ----------
    name : str, optional
        Name in the training history. By default the class name in snake case.

    Examples
    --------
    >>> class ShareOfSquares(Metric):
    ...     def updates(self, y_true, y_pred, sample_weight=None):
    ...         return {"off": ((y_true - y_pred) ** 2).sum(), "all": (y_true**2).sum()}
    ...
    ...     def compute(self, sums):
    ...         return sums["off"] / sums["all"]
    >>> t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    >>> ShareOfSquares()(t, y)
    ((t - y) ** 2).sum() / (t ** 2).sum()
    >>> metric = ShareOfSquares().to_streaming(t, y)
    >>> step = pel.function([t, y], metric.result, updates=metric.updates)
    >>> step([1.0], [0.0]), step([3.0], [3.0])
    (np.float32(1.0), np.float32(0.1))

    For arrays:

    >>> metric = ShareOfSquares()
    >>> metric.update_state([1.0], [0.0])
    >>> metric.update_state([3.0], [3.0])
    >>> metric.result()
    np.float32(0.1)
    """

    unsaved: ClassVar[Mapping[str, Callable[[], None]]] = {"_array_state": lambda: None}
    """Attributes that model files leave out."""

    _array_state: ArrayState | None = None

    arguments: dict[str, Any]
    """The arguments of the constructor by name."""

    __signature__: InitSignature = InitSignature()

    def __new__(cls, *args: Any, **named: Any) -> Self:
        metric = super().__new__(cls, *args, **named)
        names = list(inspect.signature(cls.__init__).parameters)[1:]
        metric.arguments = {**dict(zip(names, args, strict=False)), **named}
        return metric

    def __init__(self, name: str | None = None) -> None:
        self.name: str = snake_case(type(self).__name__) if name is None else name

    def updates(self, *args: Any, **kwargs: Any) -> Sums:
        """Return the terms that a batch adds to each sum.

        Parameters
        ----------
        *args, **kwargs : Expr
            Usually targets and predictions of a batch, and ``sample_weight``.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement updates(...)")

    def compute(self, sums: Mapping[str, Expr]) -> Expr:
        """Return the metric as a function of the sums.

        Parameters
        ----------
        sums : dict from str to Expr
            The sums over all samples so far, by the names of `updates`.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement compute(sums)")

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Add a batch of arrays to the sums.

        Parameters
        ----------
        *args, **kwargs : array, list or number
            The arguments of `updates`, usually ``(y_true, y_pred, sample_weight=None)``. The batch is the first axis.

        Raises
        ------
        UseError
            If arguments are missing or unknown.
        ShapeError, DtypeError
            If they do not fit the metric.

        Examples
        --------
        >>> metric = pel.nn.metrics.Precision()
        >>> metric.update_state([0, 1, 1], [0.9, 0.8, 0.1])
        >>> metric.update_state([1, 1], [0.7, 0.6], sample_weight=[1.0, 3.0])
        >>> metric.result()
        np.float32(0.8333333)
        >>> metric.reset_state()
        """
        if self._array_state is None:
            self._array_state = ArrayState()
        self._array_state.add(self, bind_batch(self, args, kwargs))

    def result(self) -> Any:
        """Return the metric of all batches of `update_state`, as a NumPy number or array.

        Raises
        ------
        UseError
            If there is no batch since the last `reset_state`.
        """
        return (self._array_state or ArrayState()).get_result(self)

    def reset_state(self) -> None:
        """Set the sums of `update_state` to 0."""
        if self._array_state is not None:
            self._array_state.totals = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Expr:
        """Return the metric of a single batch; the arguments are those of `updates`."""
        return self.compute(self.updates(*args, **kwargs))

    def to_streaming(self, *args: Any, **kwargs: Any) -> StreamingMetric:
        """Return the metric with shared variables that accumulate over batches.

        The arguments are those of `updates`.

        Parameters
        ----------
        *args, **kwargs : Expr
            As for `updates`.

        Raises
        ------
        ShapeError
            If the shape of a sum is unknown.
        """
        added = self.updates(*args, **kwargs)
        for name, value in added.items():
            if not all(isinstance(size, int) for size in value.shape):
                raise ShapeError(
                    f"{self.name}: expected the sum {name!r} to have a known shape. Received: "
                    f"{format_shape(value.shape)}"
                ).with_operands([value])
        totals = {
            name: Shared(np.zeros(value.shape, value.dtype), f"{self.name}/{name}", trainable=False)
            for name, value in added.items()
        }
        sums = {name: totals[name] + value for name, value in added.items()}
        return StreamingMetric(self.compute(sums), {totals[name]: sums[name] for name in sums})

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class Mean(Metric):
    r"""Mean of values, :math:`\sum_i w_i v_i / \sum_i w_i`.

    Parameters
    ----------
    name : str, optional
        Name in the training history. By default that of the class, in snake case.

    Examples
    --------
    >>> v = pel.vector("v", shape=("n",))
    >>> metric = Mean().to_streaming(v)
    >>> step = pel.function([v], metric.result, updates=metric.updates)
    >>> step([1.0, 2.0]), step([6.0])
    (np.float32(1.5), np.float32(3.0))
    """

    def updates(self, values: Operand, sample_weight: Operand | None = None) -> Sums:
        return compute_total_and_count(values, sample_weight)

    def compute(self, sums: Mapping[str, Expr]) -> Expr:
        return divide_total_by_count(sums)


class Sum(Metric):
    r"""Sum of values, :math:`\sum_i w_i v_i`; see `Mean`.

    Parameters
    ----------
    name : str, optional
        Name in the training history. By default that of the class, in snake case.

    Examples
    --------
    >>> v = pel.vector("v", shape=("n",))
    >>> metric = Sum().to_streaming(v)
    >>> step = pel.function([v], metric.result, updates=metric.updates)
    >>> step([1.0, 2.0]), step([6.0])
    (np.float32(3.0), np.float32(9.0))
    """

    def updates(self, values: Operand, sample_weight: Operand | None = None) -> Sums:
        return {"total": compute_total_and_count(values, sample_weight)["total"]}

    def compute(self, sums: Mapping[str, Expr]) -> Expr:
        return sums["total"]


class MeanMetricWrapper(Metric):
    r"""Mean over samples of a function of targets and predictions. Masked time steps are excluded.

    Parameters
    ----------
    function : function
        ``function(y_true, y_pred, **settings)`` returns one value per sample.
    name : str, optional
        Name of the metric. By default the name of the function.
    settings
        Keyword arguments of the function.

    Examples
    --------
    >>> t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    >>> metric = MeanMetricWrapper(lambda t, y: abs(t - y), name="off")
    >>> pel.function([t, y], metric(t, y))([1.0, 2.0], [1.0, 4.0])
    np.float32(1.0)
    """

    def __init__(self, function: Callable[..., Expr], name: str | None = None, **settings: Any) -> None:
        super().__init__(getattr(function, "__name__", type(function).__name__) if name is None else name)
        self.function: Callable[..., Expr] = function
        self.settings: dict[str, Any] = settings

    def updates(self, y_true: Operand, y_pred: Operand, sample_weight: Operand | None = None) -> Sums:
        values = to_float(as_expr(self.function(y_true, y_pred, **self.settings)))
        return compute_total_and_count(values, get_sample_weight(y_pred, sample_weight) if values.ndim else None)

    def compute(self, sums: Mapping[str, Expr]) -> Expr:
        return divide_total_by_count(sums)


def compute_total_and_count(values: Operand, sample_weight: Operand | None = None) -> Sums:
    """Return the weighted sum of values and the sum of the weights."""
    values = to_float(as_expr(values))
    if sample_weight is None:
        return {"total": sum(values), "count": size(values, dtype=values.dtype)}
    weight = broadcast_weights(sample_weight, values, "sample_weight")
    return {"total": sum(weight * values), "count": sum(weight)}


def divide_total_by_count(sums: Mapping[str, Expr]) -> Expr:
    """Return the mean, or 0 if the count is 0."""
    mean: Expr = divide_no_nan(sums["total"], sums["count"])
    return mean


def get_sample_weight(y_pred: Operand, sample_weight: Operand | None = None) -> Expr | None:
    """Return sample weights multiplied by the mask of the prediction; None if there are neither."""
    y_pred = as_expr(y_pred)
    mask = find_mask(y_pred)
    weight = None if sample_weight is None else as_expr(sample_weight)
    if mask is None:
        return weight
    mask_weight = to_dtype(mask, to_float(y_pred).dtype)
    return mask_weight if weight is None else broadcast_weights(weight, mask_weight, "sample_weight") * mask_weight
