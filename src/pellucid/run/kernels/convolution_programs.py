"""C programs of convolutions and of their gradients with respect to the kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pellucid.run.kernels.amx.detection import has_amx
from pellucid.run.kernels.microkernels import RECTIFY, STORE_VECTOR, emit_loads, emit_products, name_accumulators
from pellucid.run.kernels.source_assembly import (
    ITEM_SIZES,
    Pair,
    WindowSpec,
    assemble_function,
    assemble_kernel,
    read_amx_sources,
    read_source,
)
from pellucid.run.native.compiler import count_vector_registers, get_vector_bytes

GRADIENT_CACHE_BYTES = 16 * 2**10
"""How much of an output gradient all tiles use before the next rows, so that it stays in the L1 cache."""

MAX_SHARES, MAX_SUM_BYTES = 16, 2**27
"""Into how many partial sums a kernel gradient is divided, independent of the machine, and their maximum total size."""

MAX_AMX_WASTE = 1.75
"""AMX computes whole tiles: how many times the needed multiplications it may do and still beat vector registers."""

SPLIT_ITEM_SIZE, PLANE_BYTES = 6, 2**19
"""Bytes of a float32 that is split into three bfloat16, and how much of an image is split at a time."""

MAX_IMAGES_PER_TASK, TASK_BYTES = 16, 2**19
"""How many small images share a task at most, and their maximum total size, so that they reuse each block of
filters."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """The places of the result of a convolution that meet the same elements of its kernel."""

    output_size: Pair  # rows and columns of places
    window: Pair  # elements of the kernel
    output_start: Pair = (0, 0)  # the first place in the result
    offset: Pair = (0, 0)  # of the first window in the padded images
    first_tap: Pair = (0, 0)  # the first element in the kernel


@dataclass(frozen=True, kw_only=True)
class ConvolutionSpec(WindowSpec):
    """Sizes of a two-dimensional convolution.

    If it is the transpose of a convolution with strides, ``parts`` are the places with the same remainders modulo these
    strides. ``window`` and ``output_size`` are then the largest of a part.
    """

    filters: int  # channels of the output
    groups: int = 1
    parts: tuple[Part, ...] = ()
    output_steps: Pair = (1, 1)  # rows and columns of the result from one place of a part to the next
    kernel_size: Pair | None = None  # of all parts; by default the window
    result_size: Pair | None = None  # of all parts; by default the size of the output

    @property
    def sizes(self) -> dict[str, int]:
        """Sizes that a call passes to a program. Positions in memory are numbers of elements."""
        (row, pixel), (height, width) = self.output_strides, self.result_size or self.output_size
        pairs = {
            ("height", "width"): self.input_size,
            ("output_h", "output_w"): self.output_size,
            ("window_h", "window_w"): self.window,
            ("stride_y", "stride_x"): self.strides,
            ("dilation_y", "dilation_x"): self.dilation,
            ("pad_top", "pad_left"): self.padding,
            ("padded_h", "padded_w"): self.padded_size,
            ("tap_step_y", "tap_step_x"): self.output_steps,  # between elements of the kernel that a part meets
        }
        return {
            "channels": self.channels,
            "filters": self.filters,
            "groups": self.groups,
            "group_channels": self.channels // self.groups,
            "group_filters": self.group_filters,
            "filter_block": self.block,
            "padded_filters": self.padded_filters,
            "row_width": self.row_width,
            "needs_padding": int(self.needs_padding),
            "output_row": row,  # from one output row to the next, and from one place to the next
            "output_pixel": pixel,
            "result_size": height * width * self.filters,
            "extent_h": self.extent[0],
            "kernel_w": (self.kernel_size or self.window)[1],
        } | {name: size for names, sizes in pairs.items() for name, size in zip(names, sizes, strict=True)}

    @property
    def all_parts(self) -> tuple[Part, ...]:
        """The parts of a transposed convolution; those of another one are one part."""
        return self.parts or (Part(output_size=self.output_size, window=self.window),)

    @property
    def extent(self) -> Pair:
        """Rows and columns that the windows of one place of each part cover."""
        h, w = (
            max(p.offset[axis] + max(p.window[axis] - 1, 0) * self.dilation[axis] + 1 for p in self.all_parts)
            for axis in (0, 1)
        )
        return h, w

    @property
    def padded_size(self) -> Pair:
        """Height and width of the area that the windows cover, padding included."""
        h, w = ((n - 1) * s + e for n, s, e in zip(self.output_size, self.strides, self.extent, strict=True))
        return h, w

    @property
    def group_filters(self) -> int:
        return self.filters // self.groups

    @property
    def output_strides(self) -> Pair:
        """Elements of the result from one output row to the next, and from one place to the next."""
        _, width = self.result_size or self.output_size
        return self.output_steps[0] * width * self.filters, self.output_steps[1] * self.filters

    @property
    def has_windows_inside(self) -> bool:
        """Whether windows are read from images as they are, because their steps leave out the end of rows only."""
        ends = (padded - low for padded, low in zip(self.padded_size, self.padding, strict=True))
        inside = all(end <= n for end, n in zip(ends, self.input_size, strict=True)) and max(self.padding) <= 0
        return inside and self.strides != (1, 1)

    @property
    def needs_padding(self) -> bool:
        """Whether images are copied to add zeros around them, or to remove some of their border."""
        return not self.has_windows_inside and (self.padding != (0, 0) or self.padded_size != self.input_size)

    @property
    def row_width(self) -> int:
        """Places from one row that windows are read from to the next."""
        return self.input_size[1] if self.has_windows_inside else self.padded_size[1]

    @property
    def lanes(self) -> int:
        """Elements per vector register."""
        return get_vector_bytes() // ITEM_SIZES[self.dtype]

    @property
    def vectors(self) -> int:
        """Vector registers per block of filters."""
        needed = -(-self.group_filters // self.lanes)
        return 1 if needed == 1 else min((2, 3), key=lambda v: -(-needed // v) * v)

    @property
    def block(self) -> int:
        """Filters per block."""
        return self.vectors * self.lanes

    @property
    def padded_filters(self) -> int:
        """Number of filters of a group, rounded up to whole blocks."""
        return -(-self.group_filters // self.block) * self.block

    @property
    def max_tile(self) -> int:
        """Rows of accumulators that fit into the registers next to a row of operands and one more."""
        return (count_vector_registers() - 1 - self.vectors) // self.vectors

    @property
    def has_contiguous_rows(self) -> bool:
        """Whether a row of the window is contiguous in memory."""
        return self.dilation[1] == self.groups == 1

    @property
    def run(self) -> int:
        """Elements of the window that are contiguous in memory."""
        return self.get_run(self.window)

    def get_run(self, window: Pair) -> int:
        """Return the number of elements of a window that are contiguous in memory."""
        return self.channels // self.groups * (window[1] if self.has_contiguous_rows else 1)


@dataclass(frozen=True)
class ConvolutionProgram:
    """A program for convolutions of all sizes, and the arguments of a call.

    Attributes
    ----------
    code : str
        The program.
    tile : str or None
        The program of the innermost loops, which depend on the sizes; None if AMX computes them.
    sizes, plan : dict
        Sizes of the convolution, and how it is divided.
    parts : tuple of dict
        Sizes of its parts; none for the gradient of the kernel.
    """

    code: str
    tile: str | None
    sizes: Mapping[str, int]
    plan: Mapping[str, int]
    parts: Sequence[Mapping[str, int]] = ()

    @property
    def attributes(self) -> dict[str, list[int]]:
        """Attributes of a call: the fields of the structures of the program."""
        parts = {"parts": [size for part in self.parts for size in part.values()]} if self.parts else {}
        return {"plan": list(self.plan.values()), "sizes": list(self.sizes.values()), **parts}


def make_conv_forward(conv: ConvolutionSpec) -> ConvolutionProgram:
    heights, widths = zip(*(part.output_size for part in conv.all_parts), strict=True)
    columns = max(size for _, size in split_evenly(min(widths), conv.max_tile))
    rows = max(1, min(min(heights), conv.max_tile // columns))
    padded_bytes = conv.padded_size[0] * conv.padded_size[1] * conv.channels * ITEM_SIZES[conv.dtype]
    amx = uses_amx_forward(conv)
    bands, _ = count_bands(conv, amx)
    parts, plan = describe_parts(conv)
    plan |= {
        "use_amx": int(amx),
        "bands": bands,
        "tile_rows": rows,
        "tile_columns": columns,
        "images_per_task": MAX_IMAGES_PER_TASK if amx else max(1, min(MAX_IMAGES_PER_TASK, TASK_BYTES // padded_bytes)),
        "min_band_rows": rows + (max(heights) > min(heights)),  # the last band of a part may lack a row
    }
    code = emit_program(conv, plan, "amx/conv_forward.c", STORE_VECTOR, RECTIFY, read_source("conv_forward.c"))
    tile = None if amx else emit_conv_tile(conv, rows, columns)
    return ConvolutionProgram(code, tile, conv.sizes, plan, parts)


def emit_program(conv: ConvolutionSpec, plan: Mapping[str, int], amx_source: str, *sources: str) -> str:
    """Return a program for convolutions of all sizes, with this plan."""
    parts, _ = describe_parts(conv)
    structures = {"Sizes": conv.sizes, "Part": parts[0], "Plan": plan}
    can_use_amx = conv.dtype == "float32" and has_amx()
    return assemble_kernel(
        conv.dtype,
        {},
        *(f"typedef struct {{ int64_t {', '.join(names)}; }} {name};" for name, names in structures.items()),
        read_source("conv_sizes.c"),
        read_source("pad_image.c"),
        *(read_amx_sources(amx_source) if can_use_amx else [read_source("amx/stub.c")]),
        *sources,
    )


def describe_parts(conv: ConvolutionSpec) -> tuple[list[dict[str, int]], dict[str, int]]:
    """Return the sizes of each part of a convolution, and the part of a plan that depends on them."""
    width = (conv.result_size or conv.output_size)[1]
    parts, kernel_start, blocks_start, reach = [], 0, 0, 0
    for part in conv.all_parts:
        run = conv.get_run(part.window)
        offset = (part.offset[0] * conv.row_width + part.offset[1]) * conv.channels
        parts.append(
            {
                "rows": part.output_size[0],  # of places
                "columns": part.output_size[1],
                "output_start": (part.output_start[0] * width + part.output_start[1]) * conv.filters,
                "offset": offset,  # of the first window in the padded images
                "window_h": part.window[0],
                "window_w": part.window[1],
                "tap_y": part.first_tap[0],
                "tap_x": part.first_tap[1],
                "runs": 1 if conv.has_contiguous_rows else part.window[1],  # contiguous pieces of a row of the window
                "run": run,  # elements of such a piece
                "kernel_start": kernel_start,  # in the arranged kernel
                "blocks_start": blocks_start,  # in the blocks of filters
            }
        )
        elements = part.window[0] * part.window[1] * conv.channels // conv.groups
        kernel_start += elements * conv.filters
        blocks_start += (elements + 1) * conv.padded_filters * conv.groups
        row_size = conv.padded_size[1] * conv.channels
        reach = max(reach, offset + (part.window[0] - 1) * conv.dilation[0] * row_size + round_up_to_tiles(run))
    plan = {
        "kernel_size": kernel_start,
        "blocks_size": blocks_start,
        "part_rows": sum(part.window[0] for part in conv.all_parts),
        "part_tiles": sum(part.window[0] * -(-conv.get_run(part.window) // 32) for part in conv.all_parts),
        "amx_reach": reach,
    }
    return parts, plan


def emit_conv_tile(conv: ConvolutionSpec, rows: int, columns: int) -> str:
    """Return the program of a tile: rows by columns of the output, for one block of filters."""
    w, (sy, sx), (dy, dx) = conv.row_width, conv.strides, conv.dilation
    (row, pixel), places = conv.output_strides, list(name_accumulators(rows, columns, conv.vectors))
    zeros = "\n".join(f"  vec {c} = {{0}};" for *_, c in places)
    products = emit_products(places, lambda r, t: f"p[{(r * sy * w + t * sx) * conv.channels} + k]")
    stores = "\n".join(
        f"  store_vector(o + {r * row + t * pixel + v * conv.lanes}, {c}, left - {v * conv.lanes});"
        for r, t, v, c in places
    )
    bias = "\n".join(f"  {c} = rectify({c} + b{v});" for _, _, v, c in places)
    tile = f"""
void run(const real *restrict s, const real *restrict q, real *restrict o, int64_t left, int64_t window_h, int64_t runs,
         int64_t run, int rectified) {{
{zeros}
  for (int64_t y = 0; y < window_h; y++)
    for (int64_t x = 0; x < runs; x++) {{
      const real *p = s + (y * {dy * w} + x * {dx}) * {conv.channels};
      for (int64_t k = 0; k < run; k++, q += {conv.block}) {{
{emit_loads(conv.vectors, conv.lanes)}
{products}
      }}
    }}
  if (rectified) {{
{emit_loads(conv.vectors, conv.lanes)}
{bias}
  }}
{stores}
}}
"""
    return assemble_function(conv.dtype, STORE_VECTOR, RECTIFY, tile)


def emit_gradient_tile(conv: ConvolutionSpec, rows: int, columns: int) -> str:
    """Return a function that adds to a tile of the kernel's gradient the contribution of some rows of an image.

    A row of the tile is a row of the window; a column is an element of one contiguous run in that row.
    """
    w, (sy, sx), dy, c = conv.row_width, conv.strides, conv.dilation[0], conv.channels
    places = list(name_accumulators(rows, columns, conv.vectors))
    row, pixel = conv.window[1] * c // conv.groups * conv.padded_filters, conv.groups * conv.padded_filters
    offsets = {name: r * row + t * conv.padded_filters + v * conv.lanes for r, t, v, name in places}
    begin = "\n".join(f"  vec {name} = *(vec *)(d + {offset});" for name, offset in offsets.items())
    end = "\n".join(f"  *(vec *)(d + {offset}) = {name};" for name, offset in offsets.items())
    width = conv.output_size[1]
    return f"""
static void gradient_{rows}x{columns}(const real *restrict s, const real *restrict g, real *restrict d,
                                      int64_t height) {{
{begin}
  for (int64_t y = 0; y < height; y++) {{
    const real *p = s + y * {sy * w * c}, *q = g + y * {width * pixel};
    for (int x = 0; x < {width}; x++, p += {sx * c}, q += {pixel}) {{
{emit_loads(conv.vectors, conv.lanes)}
{emit_products(places, lambda r, t: f"p[{r * dy * w * c + t}]")}
    }}
  }}
{end}
}}
"""


def uses_amx_forward(conv: ConvolutionSpec) -> bool:
    """Whether AMX computes a convolution.

    AMX reads tiles from the image as it is stored. It pads a row of the window and a block of filters to 32, and
    computes all places of the padded width; this waste must stay below `MAX_AMX_WASTE`.
    """
    if not supports_amx(conv) or not conv.has_contiguous_rows:
        return False
    sizes = [(part.window[0] * part.output_size[0], conv.get_run(part.window), part) for part in conv.all_parts]
    filters = round_up_to_tiles(conv.filters)
    computed = sum(rows * round_up_to_tiles(run) * filters * conv.padded_size[1] for rows, run, _ in sizes)
    needed = sum(rows * run * conv.filters * part.output_size[1] for rows, run, part in sizes)
    return 0 < computed <= MAX_AMX_WASTE * needed


def supports_amx(conv: ConvolutionSpec) -> bool:
    """Whether there is AMX and it can number the places of an image across rows."""
    return has_amx() and conv.dtype == "float32" and conv.strides == (1, 1) and conv.groups == 1


def round_up_to_tiles(size: int) -> int:
    """Round up to a multiple of 32, the size of two tiles."""
    return -(-size // 32) * 32


def make_conv_kernel_gradient(conv: ConvolutionSpec) -> ConvolutionProgram:
    item = ITEM_SIZES[conv.dtype]
    sum_bytes = conv.window[0] * conv.window[1] * conv.channels * conv.padded_filters * item
    amx = uses_amx_kernel_gradient(conv)
    bands, band_rows = count_bands(conv, amx)
    plan = {
        "use_amx": int(amx),
        "bands": bands,
        "band_rows": band_rows,
        "cache_rows": max(
            1, min(conv.output_size[0], GRADIENT_CACHE_BYTES // (conv.output_size[1] * conv.block * item))
        ),
        "shares": max(1, min(MAX_SHARES, MAX_SUM_BYTES // sum_bytes)),
    }
    code = emit_program(conv, plan, "amx/conv_kernel_gradient.c", read_source("conv_kernel_gradient.c"))
    return ConvolutionProgram(code, None if amx else emit_gradient_tiles(conv), conv.sizes, plan)


def emit_gradient_tiles(conv: ConvolutionSpec) -> str:
    """Return the program of all tiles of the kernel's gradient, for one block of filters and some rows of an image."""
    across = split_evenly(conv.run, conv.max_tile)
    down = split_evenly(conv.window[0], max(1, conv.max_tile // max(size for _, size in across)))
    tiles = [
        emit_gradient_tile(conv, r, t) for r in sorted({r for _, r in down}) for t in sorted({t for _, t in across})
    ]
    window_columns = (
        [(0, 0)] if conv.has_contiguous_rows else [(x * conv.dilation[1], x) for x in range(conv.window[1])]
    )
    calls = [
        f"  gradient_{r}x{t}(s + {(y * conv.dilation[0] * conv.row_width + offset) * conv.channels + at}, g, "
        f"d + {((y * conv.window[1] + x) * (conv.channels // conv.groups) + at) * conv.padded_filters}, height);"
        for y, r in down
        for offset, x in window_columns
        for at, t in across
    ]
    head = "void run(const real *s, const real *g, real *d, int64_t height) {"
    return assemble_function(conv.dtype, "\n".join([*tiles, head, *calls, "}"]))


def uses_amx_kernel_gradient(conv: ConvolutionSpec) -> bool:
    """Whether AMX computes the gradient: channels and filters must fill pairs of tiles."""
    fits = all(round_up_to_tiles(n) == n for n in (conv.channels, conv.padded_filters))
    waste = conv.padded_filters * conv.padded_size[1] / (conv.filters * conv.output_size[1])
    return supports_amx(conv) and fits and waste <= MAX_AMX_WASTE


def count_bands(conv: ConvolutionSpec, amx: bool) -> Pair:
    """Return the number of bands into which AMX divides an image, and the output rows of each."""
    row_bytes = conv.padded_size[1] * conv.channels * SPLIT_ITEM_SIZE
    overlap = conv.padded_size[0] - conv.output_size[0]
    most = max(1, PLANE_BYTES // row_bytes - overlap) if amx else conv.output_size[0]
    rows = max(size for _, size in split_evenly(conv.output_size[0], most))
    return -(-conv.output_size[0] // rows), rows


def split_evenly(length: int, most: int) -> list[tuple[int, int]]:
    """Divide a length into parts of nearly equal size, at most ``most``; return start and size of each."""
    count = -(-length // most)
    edges = [length * k // count for k in range(count + 1)]
    return [(a, b - a) for a, b in pairwise(edges)]
