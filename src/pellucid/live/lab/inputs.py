"""Inputs of the lab's training step, and the controls that set them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.inputs import iscalar, ivector, matrix, scalar, shared, vector
from pellucid.live.controls import Choice, Control, choice, seed, slider
from pellucid.live.lab.row_order import count_places
from pellucid.live.lab.user_data import Rows
from pellucid.typing import Array, ArrayLike

WIDTH = 8
"""Largest number of units of a hidden layer."""

UNITS = 4
"""Number of units that the page shows first."""

MAX_BATCH = 1024
"""Largest number of rows of a step. Up to as many places, a step can use all rows."""

RELATIVE_ZERO = 1e-12
"""A mean is set to 0 below this part of the standard deviation: that of principal components is a rounding error."""

BATCH_SIZES = (1, 4, 16, 64, 256)
LAYERS = (0, 1, 2, 3)
ACTIVATIONS = ("tanh", "relu", "sigmoid", "linear")


@dataclass(frozen=True, eq=False)
class LabInputs:
    """Inputs and constants of the formulas.

    ``X`` and ``y`` have places for rows, and ``present`` is 1 in those that have one. ``deviations`` are standard
    normal numbers, which ``noise`` scales. ``mean`` and ``scale`` standardize the features, ``target_mean`` and
    ``target_scale`` a number to predict. The next mini-batch begins at the training row ``offset``.
    """

    X: Input
    y: Input
    present: Input
    deviations: Input
    rate: Input
    decay: Input
    noise: Input
    held_out: Input
    split: Input
    batch: Input
    units: Input
    mean: Shared
    scale: Shared
    target_mean: Shared
    target_scale: Shared
    offset: Shared
    classes: int
    """Number of classes; 0 if a number is predicted."""
    parameters: dict[tuple[str, bool], Shared] = field(default_factory=dict)
    arithmetic: dict[Expr, Any] = field(default_factory=dict)
    """Arithmetic of expressions that several networks have."""

    def get_parameter(self, name: str, shape: Sequence[int], is_last: bool) -> Shared:
        """Return a parameter. Networks share those of hidden layers, so equal parts of them are equal expressions."""
        if (name, is_last) not in self.parameters:
            self.parameters[name, is_last] = shared(np.zeros(shape, self.X.dtype), name)
        return self.parameters[name, is_last]

    @property
    def places(self) -> int:
        return int(self.X.shape[0])

    @property
    def batch_places(self) -> int:
        return min(self.places, MAX_BATCH)

    @property
    def noisy_X(self) -> Expr:
        """The features with noise, whose standard deviation is ``noise`` times that of the feature."""
        return self.X + self.noise * self.scale * self.deviations

    def list_data(self, rows: Rows) -> dict[Input, Array]:
        """Return the values of the inputs that hold data."""
        free = self.places - len(rows.X)
        deviations = np.random.default_rng(0).standard_normal((self.places, 2))
        values = {
            self.X: np.pad(rows.X, [(0, free), (0, 0)], mode="edge"),
            self.y: np.pad(rows.y, (0, free), mode="edge"),
            self.present: np.pad(np.ones(len(rows.X)), (0, free)),
            self.deviations: deviations,
        }
        return {i: value.astype(i.dtype) for i, value in values.items()}

    def list_train_inputs(self, has_units: bool) -> list[Input]:
        data = [self.X, self.y, self.present, self.deviations]
        controls = [self.rate, self.decay, self.noise, self.held_out, self.split, self.batch]
        return [*data, *controls, *[self.units] * has_units]


def make_inputs(rows: Rows, dtype: str) -> LabInputs:
    """Return inputs for a number of places that the rows fit into."""
    n = count_places(len(rows.X))
    is_number = not rows.class_names

    def make_constant(value: ArrayLike, name: str) -> Shared:
        return shared(np.asarray(value, dtype), name, trainable=False)

    mean, scale = rows.X.mean(axis=0), rows.X.std(axis=0)
    mean[np.abs(mean) < RELATIVE_ZERO * scale] = 0
    return LabInputs(
        X=matrix("X", shape=(n, 2), dtype=dtype),
        y=vector("y", shape=(n,), dtype=dtype) if is_number else ivector("y", shape=(n,)),
        present=vector("present", shape=(n,), dtype=dtype),
        deviations=matrix("deviations", shape=(n, 2), dtype=dtype),
        rate=scalar("rate", dtype=dtype),
        decay=scalar("decay", dtype=dtype),
        noise=scalar("noise", dtype=dtype),
        held_out=scalar("held_out", dtype=dtype),
        split=iscalar("split"),
        batch=iscalar("batch"),
        units=iscalar("units"),
        mean=make_constant(mean, "mean"),
        scale=make_constant(scale, "scale"),
        target_mean=make_constant(rows.y.mean() if is_number else 0.0, "target_mean"),
        target_scale=make_constant(rows.y.std() if is_number else 1.0, "target_scale"),
        offset=shared(np.int32(0), "offset", trainable=False),
        classes=len(rows.class_names),
    )


def make_controls(inputs: LabInputs, rows: int) -> list[Control]:
    """Return the controls of the training, without those of the architecture."""
    return [
        slider(inputs.rate, 0.001, 3.0, 0.3 if inputs.classes else 0.1, scale="log", label="learning rate"),
        slider(inputs.decay, 0.0, 0.1, 0.0, step=0.001, label="weight decay"),
        make_batch_choice(inputs, rows),
        slider(inputs.noise, 0.0, 2.0, 0.0, step=0.05, label="noise (standard deviations)"),
        slider(inputs.held_out, 0.0, 0.8, 0.3, step=0.05, label="held-out fraction"),
        slider(inputs.split, 1, 10, 1, label="split"),
        seed(),
    ]


def make_batch_choice(inputs: LabInputs, rows: int) -> Choice:
    sizes = {f"{size}": size for size in BATCH_SIZES if size < rows}
    if rows <= MAX_BATCH:
        return choice(inputs.batch, {**sizes, "all rows": inputs.batch_places}, inputs.batch_places, label="batch size")
    return choice(inputs.batch, {**sizes, f"{MAX_BATCH:,}": MAX_BATCH}, 64, label="batch size")


def make_unit_slider(inputs: LabInputs) -> Control:
    return slider(inputs.units, 1, WIDTH, UNITS, label="units per layer")
