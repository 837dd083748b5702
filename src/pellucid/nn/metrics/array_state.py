"""Sums of a metric over batches of arrays."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.array_conversion import as_array
from pellucid.graph.errors import UseError
from pellucid.graph.expr import Expr, Input
from pellucid.typing import Array

if TYPE_CHECKING:
    from pellucid.nn.metrics.base import Metric
    from pellucid.run.function import Function


class ArrayState:
    """Sums of a metric over batches of arrays, in float64 as in `Model.fit`.

    Attributes
    ----------
    totals : dict from str to array
        The sums by name; empty before the first batch.
    """

    def __init__(self) -> None:
        self.totals: dict[str, Array] = {}
        self.programs: dict[Any, Function] = {}
        """For each kind of arguments, the function from a batch to its terms of the sums."""
        self.compute: Function | None = None
        """The function from the sums to the metric."""

    def add(self, metric: Metric, arguments: Mapping[str, Any]) -> None:
        """Add the terms of a batch, given by the arguments of `Metric.updates`."""
        arrays = {name: as_array(value) for name, value in arguments.items() if value is not None}
        key = tuple((name, array.shape[1:], array.ndim, array.dtype) for name, array in arrays.items())
        if key not in self.programs:
            self.programs[key] = make_batch_function(metric, arrays)
        for name, term in self.programs[key](**arrays).items():
            self.totals[name] = self.totals.get(name, 0.0) + np.asarray(term, np.float64)
        if self.compute is None:
            self.compute = make_result_function(
                metric, dict(zip(self.totals, self.programs[key].program.outputs, strict=True))
            )

    def get_result(self, metric: Metric) -> Any:
        """Return the metric of all batches."""
        if self.compute is None or not self.totals:
            raise UseError(f"{metric.name}: there is no batch yet. Call update_state(y_true, y_pred) before result()")
        types = [i.dtype for i in self.compute.program.inputs]
        return self.compute(*(total.astype(dtype) for total, dtype in zip(self.totals.values(), types, strict=True)))


def bind_batch(metric: Metric, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `Metric.updates` by name."""
    signature = inspect.signature(metric.updates)
    try:
        return dict(signature.bind(*args, **kwargs).arguments)
    except TypeError as error:
        raise UseError(f"{metric.name}: {error}. Expected update_state{signature}") from error


def make_batch_function(metric: Metric, arrays: Mapping[str, Array]) -> Function:
    """Return the function from a batch of such arrays to the terms that it adds to the sums."""
    from pellucid.run.function_builder import function

    inputs = {
        name: Input(name, ("batch", *array.shape[1:]) if array.ndim else (), array.dtype)
        for name, array in arrays.items()
    }
    return function(list(inputs.values()), metric.updates(**inputs), mode="numpy", on_unused_input="ignore")


def make_result_function(metric: Metric, sums: Mapping[str, Expr]) -> Function:
    """Return the function from sums of these types to the metric."""
    from pellucid.run.function_builder import function

    inputs = {name: Input(name, e.shape, e.dtype) for name, e in sums.items()}
    return function(
        list(inputs.values()), metric.compute(dict(inputs)), mode="numpy", rewrite=False, on_unused_input="ignore"
    )
