"""Recipes that are compared: networks as layers, with optimizer, batch size and length of the training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pellucid.train.fit.networks import BINS, FILTERS, MEMBERS, get_convolutions, get_member_layers
from pellucid.train.fit.recipes import PLAIN, RECIPES, Recipe

Layers = list[dict[str, Any]]


@dataclass(frozen=True)
class Candidate:
    """A recipe.

    Attributes
    ----------
    settings : mapping
        Settings of ``pellucid train``; the others have their defaults.
    training : Recipe
        Optimizer, batch size and length of the training.
    layers : function, optional
        Takes the shape of a sample and the number of outputs, and returns the hidden layers in place of a built-in
        network's.
    members : int, optional
        Number of members of an ensemble, whose last layer has an axis for them.
    is_graph : bool
        Whether layers name their inputs.
    is_reference : bool
        Whether it is the default of ``pellucid train``, whose CPU time is the budget of the others.
    baseline : str
        Name of a baseline of scikit-learn; the other attributes are not used then.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    training: Recipe = PLAIN
    layers: Callable[[Sequence[int]], Layers] | None = None
    members: int | None = None
    is_graph: bool = False
    is_reference: bool = False
    baseline: str = ""


def dense(units: int, activation: str = "relu", **options: Any) -> dict[str, Any]:
    return {"kind": "Dense", "units": units, "activation": activation, "kernel_initializer": "he_normal", **options}


def dropout(rate: float) -> dict[str, Any]:
    return {"kind": "Dropout", "rate": rate}


ENCODING = {"kind": "PiecewiseLinearEncoding", "bins": BINS}


def make_separate(members: int, units: int = 128) -> Layers:
    """Return the layers of networks that share nothing but the encoding."""
    first = {"equation": "bf,kfu->bku", "output_shape": [members, units], "bias_axes": "ku"}
    second = {"equation": "bkf,kfu->bku", "output_shape": [members, units], "bias_axes": "ku"}
    layers = [{"kind": "EinsumDense", **axes, "activation": "relu"} for axes in (first, second)]
    return [ENCODING, layers[0], dropout(0.1), layers[1], dropout(0.1)]


def make_residual(shape: Sequence[int]) -> Layers:
    """Return the layers of one network with two residual blocks."""
    layers: Layers = [{**ENCODING, "inputs": "input"}, {**dense(128), "name": "sum_0"}]
    for k in (1, 2):
        inside = [dense(128), dropout(0.1), {**dense(128, "linear"), "name": f"change_{k}"}]
        layers += [*inside, {"kind": "Add", "inputs": [f"sum_{k - 1}", f"change_{k}"], "name": f"sum_{k}"}]
    return layers


ENSEMBLE = RECIPES["ensemble"]

TABLES = {
    "ensemble": Candidate({"model": "ensemble"}, ENSEMBLE, is_reference=True),
    "16 members": Candidate({}, ENSEMBLE, lambda shape: [*get_member_layers(16, BINS)], members=16),
    "one network": Candidate(
        {}, ENSEMBLE, lambda shape: [ENCODING, dense(128), dropout(0.1), dense(128), dropout(0.1)]
    ),
    "separate networks": Candidate({}, ENSEMBLE, lambda shape: make_separate(MEMBERS), members=MEMBERS),
    "no encoding": Candidate({}, ENSEMBLE, lambda shape: [*get_member_layers(MEMBERS, None)], members=MEMBERS),
    "48 bins": Candidate({}, ENSEMBLE, lambda shape: [*get_member_layers(MEMBERS, 48)], members=MEMBERS),
    "SELU, 3 x 256": Candidate(
        {}, ENSEMBLE, lambda shape: [layer for _ in range(3) for layer in (dense(256, "selu"), dropout(0.15))]
    ),
    "residual": Candidate({}, ENSEMBLE, make_residual, is_graph=True),
    "plain": Candidate({"model": "mlp"}),
    "gradient-boosted trees": Candidate(baseline="gradient-boosted trees"),
    "linear model": Candidate(baseline="linear model"),
}


POOL = {"kind": "MaxPooling2D", "pool_size": 2}


def make_tutorial(shape: Sequence[int]) -> Layers:
    """Return the hidden layers of the convolutional network of Keras's introductions."""
    convolutions = [{"kind": "Conv2D", "filters": n, "kernel_size": 3, "activation": "relu"} for n in (32, 64, 64)]
    return [convolutions[0], POOL, convolutions[1], POOL, convolutions[2], {"kind": "Flatten"}, dense(64)]


def make_previous(shape: Sequence[int]) -> Layers:
    """Return the hidden layers of the default network before this study, for images of 24 pixels or more."""
    layers: Layers = []
    for filters in (32, 64, 128):
        convolution = {"filters": filters, "kernel_size": 3, "padding": "same", "activation": "relu"}
        layers += [{"kind": "Conv2D", **convolution}, POOL]
    return [*layers, {"kind": "Flatten"}, dropout(0.5), {"kind": "Dense", "units": 128, "activation": "relu"}]


def make_wide(shape: Sequence[int]) -> Layers:
    """Return the layers of the default network with twice the filters, without augmentation."""
    return [*get_convolutions(min(shape[:2]), [2 * filters for filters in FILTERS])]


def make_residual_convolutions(shape: Sequence[int]) -> Layers:
    """Return the default network with a residual convolution in each block but the first, without augmentation."""
    layers: Layers = []
    for k, table in enumerate(get_convolutions(min(shape[:2]))):
        layers.append({**table, "name": f"layer_{k}"})
        if table["kind"] == "ReLU" and k > 3:
            filters = layers[-3]["filters"]
            change = {"kind": "Conv2D", "filters": filters, "kernel_size": 3, "padding": "same", "use_bias": False}
            layers += [change, {"kind": "BatchNormalization"}, {"kind": "ReLU", "name": f"change_{k}"}]
            layers.append({"kind": "Add", "inputs": [f"layer_{k}", f"change_{k}"]})
    return layers


CNN = RECIPES["cnn"]

IMAGES = {
    "cnn": Candidate({"model": "cnn"}, CNN, is_reference=True),
    "no augmentation": Candidate({"model": "cnn", "augment": "none"}, CNN),
    "always mirrored": Candidate({"model": "cnn", "augment": "mirror"}, CNN),
    "Adam at 0.001": Candidate({"model": "cnn"}, PLAIN),
    "twice the filters": Candidate({}, CNN, make_wide),
    "residual": Candidate({}, CNN, make_residual_convolutions, is_graph=True),
    "previous": Candidate({}, PLAIN, make_previous),
    "Keras tutorial": Candidate({}, PLAIN, make_tutorial),
}
