r"""Grouped convolution: each group of output channels depends on one group of input channels.

The kernel has the shape (window..., channels in / groups, channels out), with the output channels ordered by group.
With one channel per group (a depthwise convolution) the products are elementwise, which is faster on XLA:CPU than its
own grouped convolution, forward and backward. Otherwise there is one small matrix product per group, which is equally
fast; only the gradient with respect to the input uses XLA's grouped convolution.
"""

from __future__ import annotations

import math
from typing import Any


def _split_groups(kernel: Any, groups: int) -> Any:
    """Reshape a kernel to (kernel positions, channels in per group, groups, channels out per group)."""
    return kernel.reshape(-1, kernel.shape[-2], groups, kernel.shape[-1] // groups)


def convolve_groups(xp: Any, slices: list[Any], kernel: Any, groups: int) -> Any:
    """Return the convolution, from one slice of the input per kernel position."""
    weights, leading = _split_groups(kernel, groups), slices[0].shape[:-1]
    if weights.shape[1] == weights.shape[3] == 1:
        total = slices[0] * weights[0, 0, :, 0]
        for tap, weight in zip(slices[1:], weights[1:, 0, :, 0], strict=True):
            total = total + tap * weight
        return total
    patches = xp.stack(slices, axis=-2).reshape(-1, len(slices), groups, weights.shape[1])
    return xp.einsum("pkgc,kcgo->pgo", patches, weights).reshape(*leading, -1)


def spread_gradient_by_tap(xp: Any, g: Any, kernel: Any, groups: int) -> list[Any]:
    """Return the gradient with respect to each slice of the input."""
    weights = _split_groups(kernel, groups)
    by_group = g.reshape(*g.shape[:-1], groups, -1)
    return [xp.einsum("...go,cgo->...gc", by_group, weight).reshape(*g.shape[:-1], -1) for weight in weights]


def compute_grouped_kernel_gradient(xp: Any, slices: list[Any], g: Any, shape: tuple[int, ...], groups: int) -> Any:
    by_group = g.reshape(-1, groups, g.shape[-1] // groups)
    rows = math.prod(g.shape[:-1])
    parts = [xp.einsum("pgc,pgo->cgo", tap.reshape(rows, groups, -1), by_group) for tap in slices]
    return xp.stack(parts).reshape(shape)


def swap_group_channels(xp: Any, kernel: Any, groups: int) -> Any:
    """Swap the input and output channels of each group of a kernel."""
    *window, channels_in, channels_out = kernel.shape
    by_group = xp.swapaxes(kernel.reshape(*window, channels_in, groups, channels_out // groups), -1, -3)
    return by_group.reshape(*window, channels_out // groups, groups * channels_in)
