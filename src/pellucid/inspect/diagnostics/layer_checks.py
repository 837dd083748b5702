"""Checks of layers: dead units, saturated activations, vanishing or exploding gradients, update sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.finding import Finding
from pellucid.inspect.diagnostics.measurements import Measurements
from pellucid.inspect.diagnostics.report import LayerStatistics
from pellucid.nn.layers import Layer
from pellucid.typing import Array

MAX_DEAD_FRACTION = 0.25
"""A layer is reported if more than this fraction of its units is dead."""

MAX_SATURATED_FRACTION = 0.5
"""A layer is reported if more than this fraction of its activations is saturated."""

SATURATION_LIMITS = {"tanh": (-0.99, 0.99), "sigmoid": (0.01, 0.99)}
"""Values beyond these limits are saturated: the slope there is below 0.02 for tanh and 0.01 for the sigmoid."""

VANISHING_RATIO = 1e-4
"""A gradient vanishes if its RMS is below this fraction of the largest RMS of all layers."""

EXPLODING_RMS = 1e3
"""A gradient explodes if its RMS is above this value."""

MAX_UPDATE_RATIO, MIN_UPDATE_RATIO = 0.3, 1e-6
"""Limits of the norm of an update divided by the norm of the weights. About 0.001 is healthy."""


def compute_layer_statistics(measured: Measurements) -> list[LayerStatistics]:
    statistics = []
    activations = iter(measured.activations)
    for number, call in enumerate(measured.calls, start=1):
        value, *_ = [next(activations) for _ in call.outputs]
        is_last = number == len(measured.calls)
        layer = call.layer
        statistics.append(
            LayerStatistics(
                layer.name,
                activation_rms=compute_rms(value),
                # The last layer of a trained classifier should output zeros and ones.
                dead_fraction=0.0 if is_last else compute_dead_fraction(value, call.outputs[0]),
                saturated_fraction=0.0 if is_last else compute_saturated_fraction(value, layer, call.outputs[0]),
                gradient_rms=compute_gradient_rms(layer, measured),
                update_ratio=compute_update_ratio(layer, measured),
            )
        )
    return statistics


def compute_rms(values: Array) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.sqrt(np.mean(np.square(values.astype(np.float64)))))


def compute_dead_fraction(value: Array, output: Expr) -> float:
    """Return the fraction of units that output 0 for all samples, for a layer that ends in a ReLU."""
    if output.op is None or output.op.name not in ("relu", "clip", "maximum"):  # clip: relu6
        return 0.0
    units = value.reshape(-1, value.shape[-1])
    return float((units == 0).all(axis=0).mean())


def compute_saturated_fraction(value: Array, layer: Layer, output: Expr) -> float:
    name = getattr(getattr(layer, "activation", None), "__name__", "")
    if name not in SATURATION_LIMITS:
        name = output.op.name if output.op is not None else ""
    if name not in SATURATION_LIMITS:
        return 0.0
    low, high = SATURATION_LIMITS[name]
    return float(((value < low) | (value > high)).mean())


def compute_gradient_rms(layer: Layer, measured: Measurements) -> float | None:
    parts = [measured.gradients[p].ravel() for p in layer.parameters if p in measured.gradients]
    return compute_rms(np.concatenate(parts)) if parts else None


def compute_update_ratio(layer: Layer, measured: Measurements) -> float | None:
    """Return the norm of one update of a layer's kernels, divided by the norm of the kernels."""
    kernels = [p for p in layer.parameters if p in measured.updates and p.ndim > 1]
    weights = sum(float(np.square(p.get_value().astype(np.float64)).sum()) for p in kernels)
    with np.errstate(over="ignore", invalid="ignore"):
        change = sum(float(np.square(measured.updates[p].astype(np.float64)).sum()) for p in kernels)
    return float(np.sqrt(change / weights)) if weights else None


def check_layers(statistics: Sequence[LayerStatistics]) -> Iterator[Finding]:
    for s in statistics:
        if s.dead_fraction > MAX_DEAD_FRACTION:
            yield Finding(
                "dead units",
                s.layer,
                f"{s.dead_fraction:.0%} of its units output 0 for every sample.",
                "The gradient of a ReLU is 0 there, so these units cannot learn any more.",
                "Lower the learning rate, use kernel_initializer='he_normal', initialize the biases to 0 or more, or "
                "use activation='leaky_relu'.",
            )
        if s.saturated_fraction > MAX_SATURATED_FRACTION:
            yield Finding(
                "saturated activations",
                s.layer,
                f"{s.saturated_fraction:.0%} of the activations are saturated.",
                "The slope of a sigmoid or tanh is almost 0 there, so almost no gradient reaches the layers below.",
                "Scale the inputs to about [-1, 1], use smaller initial weights, normalize before the activation, or "
                "use activation='relu'.",
            )
    yield from check_gradients(statistics)
    yield from check_updates(statistics)


def check_gradients(statistics: Sequence[LayerStatistics]) -> Iterator[Finding]:
    gradients = {s.layer: s.gradient_rms for s in statistics if s.gradient_rms is not None}
    if not gradients:
        return
    non_finite = [layer for layer, rms in gradients.items() if not np.isfinite(rms)]
    if non_finite:
        yield Finding(
            "non-finite gradient",
            ", ".join(non_finite),
            "Its gradient contains NaN or infinity.",
            "One update with it makes all weights of the layer NaN.",
            "Compile a step with pel.function(..., mode='guard') to see which expression produces the first NaN. A "
            "smaller learning rate or clipnorm in the optimizer often prevents it.",
        )
        return
    largest = max(gradients, key=gradients.__getitem__)
    for layer, rms in gradients.items():
        if rms < VANISHING_RATIO * gradients[largest]:
            yield Finding(
                "vanishing gradient",
                layer,
                f"The RMS of its gradient is {rms:.1e}; that of {largest} is {gradients[largest]:.1e}.",
                "This layer hardly learns while other layers do.",
                "Use 'relu' instead of a sigmoid or tanh, batch normalization, skip connections, or an initializer "
                "that fits the activation (kernel_initializer='he_normal' or 'glorot_uniform').",
            )
    if gradients[largest] > EXPLODING_RMS:
        yield Finding(
            "exploding gradient",
            largest,
            f"The RMS of its gradient is {gradients[largest]:.1e}.",
            "One update moves the weights so far that training diverges.",
            "Set clipnorm=1.0 in the optimizer, use smaller initial weights, or scale the inputs to about [-1, 1].",
        )


def check_updates(statistics: Sequence[LayerStatistics]) -> Iterator[Finding]:
    for s in statistics:
        if s.update_ratio is None or not np.isfinite(s.update_ratio):
            continue
        if s.update_ratio > MAX_UPDATE_RATIO:
            yield Finding(
                "updates too large",
                s.layer,
                f"One step changes its kernel by {s.update_ratio:.2g} times its norm.",
                "Each step overwrites the result of the previous ones. About 0.001 is usual.",
                "Divide the learning rate by 10, or set clipnorm in the optimizer.",
            )
        elif s.update_ratio < MIN_UPDATE_RATIO:
            yield Finding(
                "updates too small",
                s.layer,
                f"One step changes its kernel by {s.update_ratio:.1e} times its norm.",
                "Training would take far too many steps, and rounding removes a large part of each update.",
                "Raise the learning rate, or find out why the gradient of this layer is so small.",
            )
