"""The program of a kernel: the tiles, the loops around them, and the handler that XLA calls."""

from __future__ import annotations

from pellucid.run.kernels.frame import SIZES, head
from pellucid.run.kernels.convolution import Convolution, parts
from pellucid.run.kernels.tiles import forward_tile, gradient_tile

BAND_BYTES = 16 * 2**10
"""How much of a gradient is met by all tiles before the next part is."""

TASK_BYTES = 2**19
"""How much of the images one task takes where they are small, so that a block of filters serves them all."""


def layout(conv: Convolution) -> str:
    """Write how a register is put down, and how rows of an image are laid out among zeros."""
    (h, w), (hp, wp), (uy, ux), (by, bx) = conv.size, conv.seen, conv.spread, conv.before
    c = conv.channels
    return f"""{head(conv.dtype)}
static inline __attribute__((always_inline)) void put(real *o, vec value, int64_t left) {{
  if (left >= {conv.lanes}) *(vec *)o = value;
  else if (left > 0) memcpy(o, &value, left * sizeof(real));
}}

/* Rows of what the windows slide over: zeros, and the image's pixels where they fall. */
static void lay_out(const real *restrict image, real *restrict rows, int64_t first, int64_t last) {{
  memset(rows, 0, (last - first) * {wp * c} * sizeof(real));
  for (int64_t y = 0; y < {h}; y++) {{
    const int64_t at = y * {uy} + {by};
    if (at < first || at >= last) continue;
    real *row = rows + (at - first) * {wp * c};
    {row_copy(w, wp, ux, bx, c)}
  }}
}}
"""


def row_copy(w: int, wp: int, ux: int, bx: int, c: int) -> str:
    """Write how one row of an image is copied: in one piece, or pixel by pixel where they are spread."""
    first = max(0, -(bx // ux) if bx < 0 else 0)
    first = next(x for x in range(first, w + 1) if x == w or x * ux + bx >= 0)
    count = sum(1 for x in range(first, w) if x * ux + bx < wp)
    start = (first * ux + bx) * c
    if ux == 1:
        return f"memcpy(row + {start}, image + y * {w * c} + {first * c}, {count * c} * sizeof(real));"
    return (
        f"for (int64_t x = 0; x < {count}; x++) "
        f"memcpy(row + {start} + x * {ux * c}, image + (y * {w} + {first} + x) * {c}, {c} * sizeof(real));"
    )


def forward_source(conv: Convolution) -> str:
    """Write a convolution: images and a kernel whose filters are filled up to whole blocks; the result."""
    (hp, wp), (oh, ow), c, block = conv.seen, conv.made, conv.channels, conv.block
    columns = max(size for _, size in parts(ow, conv.most))
    rows = max(1, min(oh, conv.most // columns))
    starts = sorted({min(x, ow - columns) for x in range(0, ow, columns)})
    across = "\n".join(
        f"          forward_{rows}x{columns}(seen + ((y * {conv.strides[0]} - top) * {wp} + {x * conv.strides[1]}) * {c}, "
        f"q, o + (y * {ow} + {x}) * {conv.filters}, left);"
        for x in starts
    )
    together = max(1, min(16, TASK_BYTES // (hp * wp * c * SIZES[conv.dtype])))
    return f"""{layout(conv)}
{forward_tile(conv, rows, columns)}
typedef struct {{
  const real *images, *kernel;
  real *made;
  int64_t count, together, bands;
  atomic_int failed;
}} Given;

/* A task is a few whole images, or where there are few of them, a band of rows of one. */
static void some(void *data, int64_t task) {{
  Given *given = data;
  const int64_t n0 = task / given->bands * given->together, band = task % given->bands;
  int64_t n1 = n0 + given->together;
  if (n1 > given->count) n1 = given->count;
  const int64_t y0 = {oh} * band / given->bands, y1 = {oh} * (band + 1) / given->bands;
  const int64_t top = y0 * {conv.strides[0]}, bottom = (y1 - 1) * {conv.strides[0]} + {(conv.window[0] - 1) * conv.dilation[0] + 1};
  const int64_t each = (bottom - top) * {wp * c};
  real *room = 0;
  if ({int(conv.padded)}) {{
    room = malloc(each * (n1 - n0) * sizeof(real));
    if (!room) {{ atomic_store(&given->failed, 1); return; }}
    for (int64_t n = n0; n < n1; n++)
      lay_out(given->images + n * {conv.size[0] * conv.size[1] * c}, room + (n - n0) * each, top, bottom);
  }}
  for (int64_t f = 0; f < {conv.filled}; f += {block}) {{
    const real *q = given->kernel + f * {conv.window[0] * conv.window[1] * c};
    const int64_t left = {conv.filters} - f;
    for (int64_t n = n0; n < n1; n++) {{
      const real *seen = room ? room + (n - n0) * each : given->images + (n * {hp} + top) * {wp * c};
      real *o = given->made + n * {oh * ow * conv.filters} + f;
      for (int64_t at = y0; at < y1; at += {rows}) {{
        const int64_t y = at + {rows} > y1 ? y1 - {rows} : at;
{across}
      }}
    }}
  }}
  free(room);
}}

XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {{
  if (is_question(frame)) return 0;
  XLA_FFI_Buffer *images = argument(frame, 0);
  Given given = {{images->data, argument(frame, 1)->data, result(frame, 0)->data, images->dims[0], {together}, 1}};
  const int64_t wanted = 2 * threads(frame->api, frame->ctx);
  while (given.together > 1 && given.count < given.together * wanted) given.together--;
  if (given.count < wanted) given.bands = (wanted + given.count - 1) / (given.count ? given.count : 1);
  if (given.bands > {oh // rows}) given.bands = {oh // rows};
  const int64_t tasks = (given.count + given.together - 1) / given.together * given.bands;
  if (share_out(frame, some, &given, tasks) || given.failed) return out_of_memory(frame);
  return 0;
}}
"""


def gradient_source(conv: Convolution, shares: int) -> str:
    """Write the gradient with respect to the kernel: images and the gradient of the result; the kernel's gradient.

    The images are dealt out to so many shares, each of which is added up on its own, and the sums in their order: the
    same bits whoever does the work.
    """
    (hp, wp), (oh, ow), c, block = conv.seen, conv.made, conv.channels, conv.block
    filled = conv.filled if conv.filled != conv.filters else conv.filters
    across = parts(conv.run, conv.most)
    columns = max(size for _, size in across)
    down = parts(conv.window[0], max(1, conv.most // columns))
    band = max(1, min(oh, BAND_BYTES // (ow * block * SIZES[conv.dtype])))
    kernel = conv.window[0] * conv.window[1] * c * conv.filled
    tiles = "\n".join(gradient_tile(conv, r, t) for r in {r for _, r in down} for t in {t for _, t in across})
    steps = [(0, 0)] if conv.merged else [(x * conv.dilation[1], x) for x in range(conv.window[1])]
    calls = "\n".join(
        f"        gradient_{r}x{t}(s + {(y * conv.dilation[0] * wp + far) * c + at}, q, "
        f"d + {((y * conv.window[1] + x) * c + at) * conv.filled}, high);"
        for y, r in down
        for far, x in steps
        for at, t in across
    )
    whole = int(filled == conv.filters)
    return f"""#define GSTEP {filled}
{layout(conv)}
{tiles}
typedef struct {{
  const real *images, *slopes;
  real *sums;
  int64_t count, shares;
  atomic_int failed;
}} Given;

static void share(void *data, int64_t task) {{
  Given *given = data;
  real *sum = given->sums + task * {kernel};
  memset(sum, 0, {kernel} * sizeof(real));
  real *room = malloc(({hp * wp * c} + {oh * ow * filled}) * sizeof(real)), *wide = room + {hp * wp * c};
  if (!room) {{ atomic_store(&given->failed, 1); return; }}
  const int64_t n0 = given->count * task / given->shares, n1 = given->count * (task + 1) / given->shares;
  for (int64_t n = n0; n < n1; n++) {{
    const real *seen = given->images + n * {conv.size[0] * conv.size[1] * c}, *g = given->slopes + n * {oh * ow * conv.filters};
    if ({int(conv.padded)}) lay_out(seen, room, 0, {hp}), seen = room;
    if (!{whole}) {{
      memset(wide, 0, {oh * ow * filled} * sizeof(real));
      for (int64_t k = 0; k < {oh * ow}; k++) memcpy(wide + k * {filled}, g + k * {conv.filters}, {conv.filters} * sizeof(real));
      g = wide;
    }}
    for (int64_t y = 0; y < {oh}; y += {band}) {{
      const int64_t high = y + {band} > {oh} ? {oh} - y : {band};
      const real *s = seen + y * {conv.strides[0] * wp * c};
      for (int64_t f = 0; f < {conv.filled}; f += {block}) {{
        const real *q = g + y * {ow} * {filled} + f;
        real *d = sum + f;
{calls}
      }}
    }}
  }}
  free(room);
}}

XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {{
  if (is_question(frame)) return 0;
  XLA_FFI_Buffer *images = argument(frame, 0);
  real *made = result(frame, 0)->data;
  Given given = {{images->data, argument(frame, 1)->data, 0, images->dims[0], {shares}}};
  if (given.shares > given.count) given.shares = given.count > 0 ? given.count : 1;
  given.sums = malloc(given.shares * {kernel} * sizeof(real));
  if (!given.sums) return out_of_memory(frame);
  const int failed = share_out(frame, share, &given, given.shares) || given.failed;
  if (!failed)
    for (int64_t k = 0; k < {conv.window[0] * conv.window[1] * c}; k++)
      for (int64_t f = 0; f < {conv.filters}; f++) {{
        real sum = 0;
        for (int64_t i = 0; i < given.shares; i++) sum += given.sums[(i * {conv.window[0] * conv.window[1] * c} + k) * {conv.filled} + f];
        made[k * {conv.filters} + f] = sum;
      }}
  free(given.sums);
  return failed ? out_of_memory(frame) : 0;
}}
"""
