"""Data of a figure: values of inputs, and the data points among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.graph.array_conversion import cast_to_dtype
from pellucid.graph.errors import InputError, ShapeError, UseError
from pellucid.graph.expr import Input
from pellucid.graph.types import is_float
from pellucid.run.argument_binding import convert_arguments
from pellucid.typing import Array, ArrayLike, Json


@dataclass(frozen=True)
class FigureData:
    """Values of the inputs of a training step.

    Attributes
    ----------
    values : dict from Input to array
        In the dtypes of the inputs; with one more axis in front if each step has its own batch.
    batches : int or None
        The number of batches, or None if all steps have the same data.
    features, targets, weights : Input or None
        The data points: a matrix of floats, a column as long, and a weight for each point.
    feature_names, class_names : list of str, or None
        Names for labels.
    """

    values: dict[Input, Array]
    batches: int | None
    features: Input | None
    targets: Input | None
    weights: Input | None
    feature_names: list[str] | None
    class_names: list[str] | None

    def get_step_values(self) -> dict[Input, Array]:
        """Return the values of the first step."""
        return {i: v if self.batches is None else v[0] for i, v in self.values.items()}

    def to_json(self, names: Mapping[Input, str], *, editable: bool = True) -> dict[str, Json] | None:
        """Return the data points as data of a page, given the names of the arrays of the inputs."""
        if self.features is None:
            return None
        width = self.values[self.features].shape[1]
        return {
            "features": names[self.features],
            "targets": None if self.targets is None else names[self.targets],
            "feature_names": self.feature_names or [f"x{k + 1}" for k in range(width)],
            "class_names": self.class_names,
            "editable": editable,
            "weights": None if self.weights is None else names[self.weights],
        }


def make_figure_data(
    data: Mapping[Input, ArrayLike],
    weights: Input | None,
    feature_names: Sequence[str] | None,
    class_names: Sequence[str] | None,
) -> FigureData:
    """Convert the data of a figure, and find the data points in them."""
    values, batches = convert_values(data)
    if weights is not None and weights not in values:
        raise InputError(f"Figure: expected data for the weights {weights}. Received: none")
    features, targets = (None, None) if batches is not None else find_points(values, weights)
    if features is not None and feature_names is not None and len(feature_names) != values[features].shape[1]:
        raise ShapeError(
            f"Figure: expected {values[features].shape[1]} names in features. Received: {len(feature_names)}"
        )
    return FigureData(
        values,
        batches,
        features,
        targets,
        weights,
        None if feature_names is None else list(feature_names),
        number_classes(targets, values) if class_names is None else list(class_names),
    )


def convert_values(data: Mapping[Input, ArrayLike]) -> tuple[dict[Input, Array], int | None]:
    """Return the data in the dtypes of their inputs, and the number of batches if each step has its own."""
    for i in data:
        if not isinstance(i, Input):
            raise UseError(f"Figure: expected data={{X: array}} with inputs as keys. Received: {i!r}")
    inputs = list(data)
    arrays = [cast_to_dtype(data[i], i.dtype, f"the data of {i}") for i in inputs]
    walk = {a.ndim - i.ndim for i, a in zip(inputs, arrays, strict=True)} == {1}
    arrays = [np.asarray(a) for a in convert_arguments(inputs, arrays, lead=int(walk))]
    lengths = {len(a) for a in arrays} if walk else set()
    if len(lengths) > 1:
        raise ShapeError(f"Figure: expected the same number of batches for every input. Received: {sorted(lengths)}")
    return dict(zip(inputs, arrays, strict=True)), lengths.pop() if lengths else None


def find_points(values: Mapping[Input, Array], weights: Input | None) -> tuple[Input | None, Input | None]:
    """Return the inputs that hold features and targets: the first matrix of floats, and the first array as long."""
    features = next((i for i, v in values.items() if v.ndim == 2 and is_float(i.dtype)), None)
    if features is None:
        return None, None
    others = [i for i, v in values.items() if i is not features and i is not weights and v.ndim]
    return features, next((i for i in others if len(values[i]) == len(values[features])), None)


def number_classes(targets: Input | None, values: Mapping[Input, Array]) -> list[str] | None:
    """Return names for integer targets: ``"class 0"`` and so on; None for others."""
    if targets is None or targets.dtype.kind not in "iub" or values[targets].ndim != 1:
        return None
    return [f"class {k}" for k in range(int(values[targets].max(initial=0)) + 1)]
