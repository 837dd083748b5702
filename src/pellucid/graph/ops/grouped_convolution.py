r"""Convolution in groups: the products of `pellucid.graph.ops.convolution` where every group of output channels sees
only its own group of input channels.

The kernel has the shape (window..., channels in / groups, channels out), its output channels group by group. With one
channel a group (a depthwise convolution) the products are elementwise, which XLA:CPU runs faster than its own
convolution in groups, in both directions; otherwise they are one small matrix product for each group, which it runs as
fast, and only the gradient with respect to the input is left to XLA.
"""

from __future__ import annotations

import math
from typing import Any


def _by_group(kernel: Any, groups: int) -> Any:
    """Return the kernel as (places in the window, channels in a group, groups, channels out of a group)."""
    return kernel.reshape(-1, kernel.shape[-2], groups, kernel.shape[-1] // groups)


def grouped_forward(xp: Any, slices: list[Any], kernel: Any, groups: int) -> Any:
    """Return the convolution from what all windows have at each of their places."""
    weights, leading = _by_group(kernel, groups), slices[0].shape[:-1]
    if weights.shape[1] == weights.shape[3] == 1:
        total = slices[0] * weights[0, 0, :, 0]
        for tap, weight in zip(slices[1:], weights[1:, 0, :, 0], strict=True):
            total = total + tap * weight
        return total
    patches = xp.stack(slices, axis=-2).reshape(-1, len(slices), groups, weights.shape[1])
    return xp.einsum("pkgc,kcgo->pgo", patches, weights).reshape(*leading, -1)


def grouped_parts(xp: Any, g: Any, kernel: Any, groups: int) -> list[Any]:
    """Return what the gradient of all windows brings to each of their places."""
    weights = _by_group(kernel, groups)
    wide = g.reshape(*g.shape[:-1], groups, -1)
    return [xp.einsum("...go,cgo->...gc", wide, weight).reshape(*g.shape[:-1], -1) for weight in weights]


def grouped_kernel(xp: Any, slices: list[Any], g: Any, shape: tuple[int, ...], groups: int) -> Any:
    """Return the gradient with respect to the kernel."""
    wide = g.reshape(-1, groups, g.shape[-1] // groups)
    rows = math.prod(g.shape[:-1])
    parts = [xp.einsum("pgc,pgo->cgo", tap.reshape(rows, groups, -1), wide) for tap in slices]
    return xp.stack(parts).reshape(shape)


def grouped_turned(xp: Any, kernel: Any, groups: int) -> Any:
    """Exchange the channels of a kernel's groups, as the gradient with respect to the input has them."""
    *window, inside, outside = kernel.shape
    apart = xp.swapaxes(kernel.reshape(*window, inside, groups, outside // groups), -1, -3)
    return apart.reshape(*window, outside // groups, groups * inside)
