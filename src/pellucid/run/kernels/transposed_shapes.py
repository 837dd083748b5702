"""Sizes of transposed convolutions, whose parts are the places with the same remainders modulo the strides."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from pellucid.run.kernels.convolution_programs import ConvolutionSpec, Part
from pellucid.run.kernels.source_assembly import Pair


def transpose_spec(spec: ConvolutionSpec) -> ConvolutionSpec:
    """Return the sizes of the transpose of a convolution."""
    (step_y, step_x), (height, width) = spec.strides, spec.input_size
    remainders = itertools.product(range(min(step_y, height)), range(min(step_x, width)))
    parts = [describe_part(spec, remainder) for remainder in remainders]
    # All parts read the same padded images, so the largest padding is theirs.
    padding = find_largest([low for _, low in parts if low is not None] or [(0, 0)])
    shifted = [
        part if low is None else replace(part, offset=(padding[0] - low[0], padding[1] - low[1])) for part, low in parts
    ]
    whole: dict[str, Any] = {
        "parts": tuple(shifted),
        "output_steps": spec.strides,
        "kernel_size": spec.window,
        "result_size": spec.input_size,
    }
    return ConvolutionSpec(
        input_size=spec.output_size,
        window=find_largest(part.window for part in shifted),
        output_size=find_largest(part.output_size for part in shifted),
        channels=spec.filters,
        filters=spec.channels,
        groups=spec.groups,
        strides=(1, 1),
        dilation=spec.dilation,
        padding=padding,
        dtype=spec.dtype,
        **({} if spec.strides == (1, 1) else whole),
    )


def describe_part(spec: ConvolutionSpec, remainder: Pair) -> tuple[Part, Pair | None]:
    """Return the places of the transpose of a convolution with one remainder modulo the strides, and their padding.

    The padding is None if no element of the kernel meets them.
    """
    first_tap, window, output_size, padding = [], [], [], []
    for r, n, k, s, low, d in zip(
        remainder, spec.input_size, spec.window, spec.strides, spec.padding, spec.dilation, strict=True
    ):
        first_tap.append((r + low) % s)
        window.append(len(range(first_tap[-1], k, s)))
        output_size.append(-(-(n - r) // s))
        padding.append((window[-1] - 1) * d - (r + low - first_tap[-1]) // s)
    part = Part(
        output_size=(output_size[0], output_size[1]),
        window=(window[0], window[1]) if all(window) else (0, 0),
        output_start=remainder,
        first_tap=(first_tap[0], first_tap[1]),
    )
    return part, (padding[0], padding[1]) if all(window) else None


def find_largest(pairs: Iterable[Pair]) -> Pair:
    """Return the largest first and the largest second number of some pairs."""
    first, second = zip(*pairs, strict=True)
    return max(first), max(second)
