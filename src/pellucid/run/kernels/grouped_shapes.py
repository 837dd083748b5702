"""Sizes of convolutions with few filters per group, and of their gradients, as both are computed by one program."""

from __future__ import annotations

from dataclasses import dataclass

from pellucid.run.kernels.convolution_programs import ConvolutionSpec
from pellucid.run.kernels.source_assembly import ITEM_SIZES, Pair
from pellucid.run.native.compiler import get_vector_bytes

Tap = tuple[int, int]
"""Where an element of the window is in the input, relative to the output, and its index."""

Phases = tuple[tuple[Tap, ...], ...]
"""The taps along one axis for output places with each remainder modulo the number of phases."""


@dataclass(frozen=True, kw_only=True)
class GroupedSpec:
    """Sizes of a grouped convolution, or of its gradient with respect to the input."""

    input_size: Pair  # height and width, as in all pairs
    output_size: Pair
    window: Pair
    groups: int
    channels: int  # of a group of the input
    filters: int  # channels of a group of the output
    steps: Pair  # places of the input for each place of the output with the same remainder
    phases: tuple[Phases, Phases]
    transposed: bool  # whether the kernel has the channels of the output before those of the input
    dtype: str
    rectified: bool = False  # whether a bias is added, and negative sums become zero

    @property
    def output_channels(self) -> int:
        return self.groups * self.filters

    @property
    def lanes(self) -> int:
        """Elements per vector register."""
        return get_vector_bytes() // ITEM_SIZES[self.dtype]

    @property
    def pixels(self) -> int:
        """Neighboring pixels in one vector register."""
        contiguous = self.steps[1] == len(self.phases[1]) == 1
        return max(1, min(self.lanes // self.output_channels, self.output_size[1])) if contiguous else 1

    @property
    def first_place(self) -> Pair:
        """First row and column of the input, or of zeros before it, that the window reaches."""
        y, x = (min(at for taps in phases for at, _ in taps) for phases in self.phases)
        return y, x

    @property
    def reach(self) -> Pair:
        """Rows and columns from the first to the last that one output place with any remainder needs."""
        y, x = (
            max(at for taps in phases for at, _ in taps) - first + 1
            for phases, first in zip(self.phases, self.first_place, strict=True)
        )
        return y, x

    @property
    def needed_size(self) -> Pair:
        """Rows and columns of the input, with zeros around it, that all outputs need."""
        h, w = (
            (-(-n // len(phases)) - 1) * step + reach
            for n, phases, step, reach in zip(self.output_size, self.phases, self.steps, self.reach, strict=True)
        )
        return h, w

    @property
    def is_direct(self) -> bool:
        """Whether vectors are loaded from images as they are, without zeros around them."""
        inside = all(
            first >= 0 and first + needed <= n
            for first, needed, n in zip(self.first_place, self.needed_size, self.input_size, strict=True)
        )
        return inside and self.channels == self.filters == 1 and self.output_channels >= self.lanes

    @property
    def buffer_bytes(self) -> int:
        """Size of the rows that a task keeps."""
        row = self.needed_size[1] * self.output_channels * self.channels * ITEM_SIZES[self.dtype]
        return 0 if self.is_direct else self.reach[0] * row

    @property
    def constants(self) -> dict[str, int]:
        """Constants of the C program."""
        vectors = -(-self.output_channels // self.lanes)
        return {
            "GROUPS": self.groups,
            "CHANNELS": self.channels,
            "FILTERS": self.filters,
            "HEIGHT": self.input_size[0],
            "WIDTH": self.input_size[1],
            "OUTPUT_H": self.output_size[0],
            "OUTPUT_W": self.output_size[1],
            "WINDOW_H": self.window[0],
            "WINDOW_W": self.window[1],
            "STEP_Y": self.steps[0],
            "PHASES_Y": len(self.phases[0]),
            "FIRST_ROW": self.first_place[0],
            "FIRST_COLUMN": self.first_place[1],
            "REACH": self.reach[0],
            "COLUMNS": self.needed_size[1],
            "TRANSPOSED": int(self.transposed),
            "IS_DIRECT": int(self.is_direct),
            "RECTIFIED": int(self.rectified),
            "LANES": self.lanes,
            "PIXELS": self.pixels,
            "VECTORS": vectors,
            "LAST_VECTOR": max(0, self.output_channels - self.lanes),
        }


def make_grouped_spec(conv: ConvolutionSpec, rectified: bool = False) -> GroupedSpec:
    y, x = (
        (tuple((k * d - low, k) for k in range(n)),)
        for n, d, low in zip(conv.window, conv.dilation, conv.padding, strict=True)
    )
    return GroupedSpec(
        input_size=conv.input_size,
        output_size=conv.output_size,
        window=conv.window,
        groups=conv.groups,
        channels=conv.channels // conv.groups,
        filters=conv.filters // conv.groups,
        steps=conv.strides,
        phases=(y, x),
        transposed=False,
        dtype=conv.dtype,
        rectified=rectified,
    )


def make_transposed_spec(conv: ConvolutionSpec) -> GroupedSpec:
    """Return the sizes of the gradient of a convolution with respect to its input.

    With stride s, input places with the same remainder modulo s meet every s-th element of the window.
    """
    y, x = (
        tuple(tuple(((r + low - k * d) // s, k) for k in range(n) if (r + low - k * d) % s == 0) for r in range(s))
        for n, d, s, low in zip(conv.window, conv.dilation, conv.strides, conv.padding, strict=True)
    )
    return GroupedSpec(
        input_size=conv.output_size,
        output_size=conv.input_size,
        window=conv.window,
        groups=conv.groups,
        channels=conv.filters // conv.groups,
        filters=conv.channels // conv.groups,
        steps=(1, 1),
        phases=(y, x),
        transposed=True,
        dtype=conv.dtype,
    )
