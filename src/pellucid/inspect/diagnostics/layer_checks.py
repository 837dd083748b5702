"""Troubles of layers: dead units, saturated activations, gradients that vanish or explode, steps of a wrong length."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.inspect.diagnostics.measurements import Array, Measured
from pellucid.inspect.diagnostics.report import Finding, LayerRow
from pellucid.nn.layers import Layer

DEAD = 0.25
"""A layer has a trouble if more than this share of its units is dead."""

SATURATED = 0.5
"""The share of values at an end of a sigmoid or tanh from which on too little comes through."""

ENDS = {"tanh": (-0.99, 0.99), "sigmoid": (0.01, 0.99)}
"""Where an activation is at its end: there its slope is below 0.02, and 0.01."""

VANISHING = 1e-4
"""A layer's gradient beside the greatest of all layers."""

EXPLODING = 1e3
"""The root of the mean square of a layer's gradient."""

LONGEST, SHORTEST = 0.3, 1e-6
"""Between these a step should be, as a share of the weights; a healthy one is some thousandth."""


def rows(measured: Measured) -> list[LayerRow]:
    """Return what was measured, a row for each layer."""
    found = []
    activations = iter(measured.activations)
    for place, step in enumerate(measured.steps):
        value, *_ = [next(activations) for _ in step.made]
        last = place == len(measured.steps) - 1
        gradient, update = gradient_of(step.layer, measured), update_of(step.layer, measured)
        with np.errstate(over="ignore", invalid="ignore"):
            spread = float(np.sqrt(np.mean(np.square(value.astype(np.float64)))))
        dead = 0.0 if last else dead_share(value, step.made[0])
        found.append(
            LayerRow(
                step.layer.name,
                spread,
                dead,
                0.0 if last else saturated_share(value, step.layer, step.made[0]),
                gradient,
                update,
            )
        )
    return found


def dead_share(value: Array, made: Expr) -> float:
    """Return the share of units that are 0 for all samples, of a layer that ends in a rectifier."""
    if made.op is None or made.op.name not in ("relu", "relu6", "maximum"):
        return 0.0
    units = value.reshape(-1, value.shape[-1])
    return float((units == 0).all(axis=0).mean())


def saturated_share(value: Array, layer: Layer, made: Expr) -> float:
    """Return the share of values at an end of a sigmoid or tanh."""
    name = getattr(getattr(layer, "activation", None), "__name__", "")
    name = name if name in ENDS else made.op.name if made.op is not None else ""
    if name not in ENDS:
        return 0.0
    low, high = ENDS[name]
    return float(((value < low) | (value > high)).mean())


def gradient_of(layer: Layer, measured: Measured) -> float | None:
    """Return the root of the mean square of the gradient by a layer's parameters."""
    parts = [measured.gradients[p].ravel() for p in layer.parameters if p in measured.gradients]
    if not parts:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.sqrt(np.mean(np.square(np.concatenate(parts).astype(np.float64)))))


def update_of(layer: Layer, measured: Measured) -> float | None:
    """Return the length of a step of a layer's kernels beside that of the kernels."""
    kernels = [p for p in layer.parameters if p in measured.changes and p.ndim > 1]
    weights = sum(float(np.square(p.get_value().astype(np.float64)).sum()) for p in kernels)
    with np.errstate(over="ignore", invalid="ignore"):
        moved = sum(float(np.square(measured.changes[p].astype(np.float64)).sum()) for p in kernels)
    return float(np.sqrt(moved / weights)) if weights else None


def check_layers(found: list[LayerRow]) -> Iterator[Finding]:
    """Find what is wrong with layers."""
    for r in found:
        if r.dead > DEAD:
            yield Finding(
                "dead units",
                r.layer,
                f"{r.dead:.0%} of its units put out 0 for every sample",
                "no gradient comes through them, so they will never learn again",
                "a smaller learning rate, kernel_initializer='he_normal', biases that do not begin below 0, or "
                "activation='leaky_relu'",
            )
        if r.saturated > SATURATED:
            yield Finding(
                "saturated activations",
                r.layer,
                f"{r.saturated:.0%} of its values lie at an end of the activation",
                "its slope is next to 0 there, so next to no gradient reaches the layers below",
                "inputs brought to about -1 to 1, smaller first weights, a normalization before the activation, or "
                "'relu'",
            )
    yield from check_gradients(found)
    yield from check_updates(found)


def check_gradients(found: list[LayerRow]) -> Iterator[Finding]:
    """Find gradients that vanish or explode on their way."""
    gradients: dict[str, Any] = {r.layer: r.gradient for r in found if r.gradient is not None}
    if not gradients:
        return
    wrong = [layer for layer, g in gradients.items() if not np.isfinite(g)]
    if wrong:
        yield Finding(
            "gradient that is no number",
            ", ".join(wrong),
            "its gradient has nan or infinity in it",
            "one step with it destroys all weights",
            "pel.function(..., mode='guard') names the expression where it is born; a smaller learning rate or "
            "clipnorm keeps it from there",
        )
        return
    greatest = max(gradients, key=lambda layer: gradients[layer])
    for layer, g in gradients.items():
        if g < VANISHING * gradients[greatest]:
            yield Finding(
                "vanishing gradient",
                layer,
                f"its gradient is {g:.1e}, that of {greatest} {gradients[greatest]:.1e} (root of the mean square)",
                "it hardly learns while other layers do",
                "'relu' in the place of sigmoid or tanh, batch normalization, first weights of the right size "
                "(kernel_initializer='he_normal' or 'glorot_uniform'), or connections that skip layers",
            )
    if gradients[greatest] > EXPLODING:
        yield Finding(
            "exploding gradient",
            greatest,
            f"its gradient is {gradients[greatest]:.1e} (root of the mean square)",
            "a step by it throws the weights far away",
            "clipnorm=1.0 in the optimizer, smaller first weights, or inputs brought to about -1 to 1",
        )


def check_updates(found: list[LayerRow]) -> Iterator[Finding]:
    """Find steps that are too long or too short for the weights."""
    for r in found:
        if r.update is None or not np.isfinite(r.update):
            continue
        if r.update > LONGEST:
            yield Finding(
                "steps too long",
                r.layer,
                f"one step changes its kernel by {r.update:.0%} of its length",
                "what was learned is overwritten at every step; about a thousandth is usual",
                "a learning rate a tenth as large, or clipnorm",
            )
        elif r.update < SHORTEST:
            yield Finding(
                "steps too short",
                r.layer,
                f"one step changes its kernel by {r.update:.1e} of its length",
                "it does not learn in any number of steps that one could wait for, and rounding takes much of each",
                "a larger learning rate, or see why its gradient is so small",
            )
