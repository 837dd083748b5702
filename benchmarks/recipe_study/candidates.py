"""Recipes that are compared: networks as layers, with optimizer, batch size and length of the training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


Layers = list[dict[str, Any]]


@dataclass(frozen=True)
class Candidate:
    """A recipe.

    Attributes
    ----------
    settings : mapping
        Settings of ``pellucid train``; what they leave out has its default.
    training : Recipe
        Optimizer, batch size and length of the training.
    layers : function, optional
        Takes the shape of a sample and the number of outputs, and returns the hidden layers in place of a built-in
        network's.
    members : int, optional
        Number of members of an ensemble, whose last layer has an axis for them.
    is_reference : bool
        Whether it is the default of ``pellucid train``, whose CPU time is the budget of the others.
    baseline : str
        Name of a baseline of scikit-learn; the other attributes are not used then.
    flips : bool
        Whether predictions are averaged with those of mirrored images.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    training: Recipe = PLAIN
    layers: Callable[[Sequence[int]], Layers] | None = None
    members: int | None = None
    is_reference: bool = False
    baseline: str = ""
    flips: bool = False


def dense(units: int, activation: str = "relu", **options: Any) -> dict[str, Any]:
    return {"kind": "Dense", "units": units, "activation": activation, "kernel_initializer": "he_normal", **options}


def dropout(rate: float) -> dict[str, Any]:
    return {"kind": "Dropout", "rate": rate}


def encode(bins: int = 16) -> dict[str, Any]:
    return {"kind": "PiecewiseLinearEncoding", "bins": bins}


def scale_members(members: int, units: int) -> dict[str, Any]:
    initializer = {"kind": "RandomNormal", "stddev": 1.0}
    shape = {"equation": "bf,kf->bkf", "output_shape": [members, units], "bias_axes": "kf"}
    return {"kind": "EinsumDense", **shape, "activation": "relu", "kernel_initializer": initializer}


def make_ensemble(members: int, units: int = 128, bins: int | None = 16) -> Layers:
    first = [] if bins is None else [encode(bins)]
    shared = {"kind": "Dense", "units": units, "use_bias": False, "kernel_initializer": "he_normal"}
    return [*first, shared, scale_members(members, units), dropout(0.1), dense(units), dropout(0.1)]


def make_separate(members: int, units: int = 128) -> Layers:
    """Return the layers of networks that share nothing but the encoding."""
    first = {"equation": "bf,kfu->bku", "output_shape": [members, units], "bias_axes": "ku"}
    second = {"equation": "bkf,kfu->bku", "output_shape": [members, units], "bias_axes": "ku"}
    layers = [{"kind": "EinsumDense", **axes, "activation": "relu"} for axes in (first, second)]
    return [encode(), layers[0], dropout(0.1), layers[1], dropout(0.1)]


ENSEMBLE = RECIPES["ensemble"]

TABLES = {
    "ensemble": Candidate({"model": "ensemble"}, ENSEMBLE, is_reference=True),
    "8 members": Candidate({}, ENSEMBLE, lambda shape: make_ensemble(8), members=8),
    "one network": Candidate({}, ENSEMBLE, lambda shape: [encode(), dense(128), dropout(0.1), dense(128), dropout(0.1)]),
    "separate networks": Candidate({}, ENSEMBLE, lambda shape: make_separate(8), members=8),
    "no encoding": Candidate({}, ENSEMBLE, lambda shape: make_ensemble(16, bins=None), members=16),
    "48 bins": Candidate({}, ENSEMBLE, lambda shape: make_ensemble(16, bins=48), members=16),
    "SELU, 3 x 256": Candidate(
        {}, ENSEMBLE, lambda shape: [layer for _ in range(3) for layer in (dense(256, "selu"), dropout(0.15))]
    ),
    "plain": Candidate({"model": "mlp"}),
    "gradient-boosted trees": Candidate(baseline="gradient-boosted trees"),
    "linear model": Candidate(baseline="linear model"),
}


def convolve(filters: int, **options: Any) -> Layers:
    """Return a convolution with batch normalization."""
    shape = {"filters": filters, "kernel_size": 3, "padding": "same", "use_bias": False, **options}
    return [{"kind": "Conv2D", **shape}, {"kind": "BatchNormalization"}, {"kind": "ReLU"}]


POOL = {"kind": "MaxPooling2D", "pool_size": 2}


def make_tutorial(shape: Sequence[int]) -> Layers:
    """Return the hidden layers of the convolutional network of Keras's introductions."""
    convolutions = [{"kind": "Conv2D", "filters": n, "kernel_size": 3, "activation": "relu"} for n in (32, 64, 64)]
    return [convolutions[0], POOL, convolutions[1], POOL, convolutions[2], {"kind": "Flatten"}, dense(64)]


CNN = RECIPES["cnn"]

IMAGES = {
    "cnn": Candidate({"model": "cnn"}, CNN, is_reference=True),
    "cnn, test-time flips": Candidate({"model": "cnn"}, CNN, flips=True),
    "Keras tutorial": Candidate({}, PLAIN, make_tutorial),
}
