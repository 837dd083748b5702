"""C programs of convolutions with few filters per group, such as depthwise ones, vectorized over their output channels.

The input is seen as planes, one for each channel of a group: plane j has, for each output channel, channel j of its
group. A convolution is then a sum over the elements of the window and over planes, each multiplied by a vector of
weights.
"""

from __future__ import annotations

from pellucid.run.kernels.convolution_programs import MAX_SHARES, MAX_SUM_BYTES, split_evenly
from pellucid.run.kernels.grouped_shapes import GroupedSpec
from pellucid.run.kernels.microkernels import RECTIFY
from pellucid.run.kernels.source_assembly import ITEM_SIZES, assemble_kernel, read_source
from pellucid.run.native.compiler import count_vector_registers

MAX_UNROLLED_TAPS = 7
"""Longer rows of a window are a loop, which loads more and compiles faster."""

GRADIENT_COLUMNS = 4
"""Columns of an output gradient that are in registers at the same time."""


def emit_grouped_conv(spec: GroupedSpec) -> str:
    count = len(spec.phases[1])
    widths = [-(-(spec.output_size[1] - r) // count) for r in range(count)]
    rows = [emit_conv_row(spec, r, width) for r, width in enumerate(widths) if width > 0]
    calls = "\n".join(
        f"  conv_row_{r}(rows, weights, count, bias, output);" for r, width in enumerate(widths) if width > 0
    )
    head = (
        "static void conv_row(const real **rows, const real **weights, int64_t count, const real *bias, real *output) {"
    )
    return assemble_kernel(
        spec.dtype,
        spec.constants,
        emit_row_taps(spec),
        read_source("grouped_rows.c"),
        RECTIFY,
        *rows,
        f"{head}\n{calls}\n}}",
        read_source("grouped_conv.c"),
    )


def emit_row_taps(spec: GroupedSpec) -> str:
    """Return tables of the rows of the window that each remainder of an output row meets."""
    counts = ", ".join(str(len(taps)) for taps in spec.phases[0])
    places = ", ".join(
        "{" + ", ".join(f"{{{at - spec.first_place[0]}, {k}}}" for at, k in taps) + "}" for taps in spec.phases[0]
    )
    return f"""static const int tap_counts[PHASES_Y] = {{{counts}}};
static const struct {{ int place, index; }} row_taps[PHASES_Y][WINDOW_H] = {{{places}}};"""


def emit_conv_row(spec: GroupedSpec, phase: int, width: int) -> str:
    """Return a function that computes the places of an output row with one remainder.

    A tile is some places by one vector. Each vector of the input is loaded once for all places that use it.
    """
    size, taps = spec.output_channels, spec.phases[1][phase]
    most = 8 if count_vector_registers() == 32 else 4
    columns = max(count for _, count in split_evenly(width // spec.pixels, most))
    unrolled = len(taps) if len(taps) <= MAX_UNROLLED_TAPS else 1
    users: dict[int, list[str]] = {}
    for t in range(columns):
        for k, (at, _) in enumerate(taps[:unrolled]):
            place = t * spec.pixels * spec.steps[1] + at - taps[0][0]
            users.setdefault(place, []).append(f"c{t} += a * w{k};")
    zeros = " ".join(f"vec c{t} = {{0}};" for t in range(columns))
    weights = "\n".join(
        f"      const vec w{k} = *(const vec *)(q + {(index - taps[0][1]) * spec.constants['VECTORS'] * spec.lanes});"
        for k, (_, index) in enumerate(taps[:unrolled])
    )
    products = "\n".join(
        f"      {{ const vec a = *(const vec *)(p + {place * size}); {' '.join(sums)} }}"
        for place, sums in users.items()
    )
    epilogue = "\n".join(f"  c{t} = rectify(c{t} + *(const vec *)(bias + v * LANES));" for t in range(columns))
    stores = "\n".join(
        f"  memcpy(output + {t * spec.pixels * len(spec.phases[1]) * size}, &c{t}, STORED * sizeof(real));"
        for t in range(columns)
    )
    (first, index), (next_place, next_index) = taps[0] if taps else (0, 0), taps[1] if len(taps) > 1 else (0, 0)
    steps = f"p += {(next_place - first) * size}, q += {(next_index - index) * spec.constants['VECTORS'] * spec.lanes}"
    start = (
        f"{(first - spec.first_place[1]) * size} + at",
        f"{index * spec.constants['VECTORS'] * spec.lanes} + v * LANES",
    )
    loop = f"for (int k = 0; k < {len(taps)}; k++, {steps})" if unrolled < len(taps) else ""
    tile = columns * spec.pixels
    return f"""
static void conv_tile_{phase}(const real **rows, const real **weights, int64_t count, const real *bias, int64_t at,
                              int64_t v, real *restrict output) {{
  {zeros}
  for (int64_t r = 0; r < {"count" if taps else 0}; r++) {{
    const real *p = rows[r] + {start[0]}, *q = weights[r] + {start[1]};
    {loop} {{
{weights}
{products}
    }}
  }}
{epilogue if spec.rectified else ""}
{stores}
}}

static void conv_row_{phase}(const real **rows, const real **weights, int64_t count, const real *bias, real *output) {{
  /* The last tile overlaps the one before it, and the last vector too, so that all have one size. */
  for (int64_t column = 0; column < {width}; column += {tile}) {{
    const int64_t x = column + {tile} > {width} ? {width - tile} : column;
    for (int64_t v = 0; v < VECTORS; v++)
      conv_tile_{phase}(rows, weights, count, bias, x * {spec.steps[1] * size} + vector_offset(v), v,
                        output + (x * {len(spec.phases[1])} + {phase}) * {size} + vector_offset(v));
  }}
}}
"""


def emit_grouped_kernel_gradient(spec: GroupedSpec) -> str:
    """Return the C program of the gradient of a grouped convolution with respect to its kernel.

    A tile is a piece of the kernel: some rows and columns of the window by one vector. A row of the output gradient
    passes by.
    """
    most = 24 if count_vector_registers() == 32 else 9
    across = split_evenly(spec.window[1], most)
    all_rows = spec.window[0] * spec.channels
    down = split_evenly(all_rows, max(1, most // max(size for _, size in across)))
    shapes = sorted({(rows, columns) for _, rows in down for _, columns in across})
    weights, places = spec.constants["VECTORS"] * spec.lanes, [at - spec.first_place[1] for at, _ in spec.phases[1][0]]
    calls = "\n".join(
        f"    gradient_tile_{rows}x{columns}(rows + {y}, {places[x]} * OUTPUTS + c, gradient + c, "
        f"sums + {(y * spec.window[1] + x) * weights} + v * LANES);"
        for y, rows in down
        for x, columns in across
    )
    row = f"""
static void add_row(const real **rows, const real *gradient, real *sums) {{
  for (int64_t v = 0; v < VECTORS; v++) {{
    const int64_t c = vector_offset(v);
{calls}
  }}
}}
"""
    shares = max(1, min(MAX_SHARES, MAX_SUM_BYTES // (all_rows * spec.window[1] * weights * ITEM_SIZES[spec.dtype])))
    return assemble_kernel(
        spec.dtype,
        spec.constants | {"SHARES": shares},
        emit_row_taps(spec),
        read_source("grouped_rows.c"),
        *(emit_gradient_tile(spec, *shape) for shape in shapes),
        row,
        read_source("grouped_kernel_gradient.c"),
    )


def emit_gradient_tile(spec: GroupedSpec, rows: int, columns: int) -> str:
    """Return a function that adds to a tile of the kernel's gradient the contribution of one output row."""
    size, weights, (width, pixels) = (
        spec.output_channels,
        spec.constants["VECTORS"] * spec.lanes,
        (spec.output_size[1], spec.pixels),
    )
    taps = spec.phases[1][0]
    gap = taps[1][0] - taps[0][0] if len(taps) > 1 else 0
    places = [(r, k, f"c{r}_{k}") for r in range(rows) for k in range(columns)]
    offsets = {name: (r * spec.window[1] + k) * weights for r, k, name in places}
    begin = "\n".join(f"  vec {name} = *(vec *)(sums + {offset});" for name, offset in offsets.items())
    end = "\n".join(f"  *(vec *)(sums + {offset}) = {name};" for name, offset in offsets.items())

    def emit_columns(count: int, lanes: str = "") -> str:
        """Return C for some columns; only some lanes of the vectors, which cover fewer pixels than others."""
        load = f"(vec)(*(const bits *)({{}}) & {lanes})" if lanes else "*(const vec *)({})"
        lines = [f"    const vec g{t} = {load.format(f'g + {t * pixels * size}')};" for t in range(count)]
        for r in range(rows):
            users: dict[int, list[str]] = {}
            for t in range(count):
                for k in range(columns):
                    users.setdefault(t * pixels * spec.steps[1] + k * gap, []).append(f"c{r}_{k} += a * g{t};")
            lines += [
                f"    {{ const vec a = {load.format(f'rows[{r}] + at + {place * size}')}; {' '.join(sums)} }}"
                for place, sums in users.items()
            ]
        return "\n".join(lines)

    whole, rest, tail = width // pixels // GRADIENT_COLUMNS, width // pixels % GRADIENT_COLUMNS, width % pixels
    step = GRADIENT_COLUMNS * pixels * size
    parts = [
        f"  for (int x = 0; x < {whole}; x++, at += {step * spec.steps[1]}, g += {step}) {{\n"
        f"{emit_columns(GRADIENT_COLUMNS)}\n  }}"
    ]
    if rest:
        steps = f"at += {rest * pixels * spec.steps[1] * size}, g += {rest * pixels * size};"
        parts.append(f"  {{\n{emit_columns(rest)}\n    {steps}\n  }}")
    if tail:
        mask = ", ".join("-1" if lane < tail * size else "0" for lane in range(spec.lanes))
        parts.append(f"  {{\n    const bits mask = {{{mask}}};\n{emit_columns(1, 'mask')}\n  }}")
    body = "\n".join(parts)
    return f"""
static void gradient_tile_{rows}x{columns}(const real **rows, int64_t at, const real *restrict g,
                                            real *restrict sums) {{
{begin}
{body}
{end}
}}
"""
