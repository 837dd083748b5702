"""Programs of max pooling and its gradient: for every window all channels at once."""

from __future__ import annotations

from dataclasses import dataclass

from pellucid.run.kernels.frame import head


@dataclass(frozen=True)
class Pooling:
    """A max pooling in two dimensions, all but the number of images known.

    Attributes
    ----------
    size, window, made : tuple of int
        Height and width of an image, of the window, and of the result.
    channels : int
        Of all three.
    strides, before : tuple of int
        Steps of the window, and by how much it begins above and left of the image.
    dtype : str
        ``"float32"`` or ``"float64"``.
    """

    size: tuple[int, int]
    window: tuple[int, int]
    made: tuple[int, int]
    channels: int
    strides: tuple[int, int]
    before: tuple[int, int]
    dtype: str

    @property
    def seen(self) -> tuple[int, int]:
        """Height and width of what the windows slide over."""
        h, w = ((n - 1) * s + k for n, s, k in zip(self.made, self.strides, self.window, strict=True))
        return h, w

    @property
    def places(self) -> list[int]:
        """How far each place of a window lies from its first."""
        return [(y * self.seen[1] + x) * self.channels for y in range(self.window[0]) for x in range(self.window[1])]

    @property
    def inside(self) -> tuple[int, int, int, int]:
        """Return the first row and column of an image that windows see, and how many they see."""
        top, left = (max(0, -b) for b in self.before)
        high, wide = (
            min(n, s - b) - first for n, s, b, first in zip(self.size, self.seen, self.before, (top, left), strict=True)
        )
        return top, left, high, wide


def room(pool: Pooling) -> str:
    """Write how an image is laid out for the windows among numbers less than all others, and taken back."""
    (_, w), (hp, wp), c = pool.size, pool.seen, pool.channels
    top, left, high, wide = pool.inside
    in_image = f"image + ((y + {top}) * {w} + {left}) * {c}"
    in_room = f"seen + ((y + {top + pool.before[0]}) * {wp} + {left + pool.before[1]}) * {c}"
    return f"""
static void lay_out(const real *restrict image, real *restrict seen) {{
  for (int64_t k = 0; k < {hp * wp * c}; k++) seen[k] = -__builtin_inf();
  for (int64_t y = 0; y < {high}; y++) memcpy({in_room}, {in_image}, {wide * c} * sizeof(real));
}}

static void take_back(const real *restrict seen, real *restrict image) {{
  memset(image, 0, {pool.size[0] * w * c} * sizeof(real));
  for (int64_t y = 0; y < {high}; y++) memcpy({in_image}, {in_room}, {wide * c} * sizeof(real));
}}
"""


def forward_source(pool: Pooling) -> str:
    """Write the pooling: images; the greatest of every window, or nan where there is one."""
    (wp, c), (oh, ow), (sy, sx) = (pool.seen[1], pool.channels), pool.made, pool.strides
    taps = "\n".join(
        f"        {{ const real a = p[{at} + c]; best = (a > best) | (a != a) ? a : best; }}" for at in pool.places[1:]
    )
    return f"""{head(pool.dtype)}
{room(pool)}
typedef struct {{
  const real *images;
  real *made;
  atomic_int failed;
}} Given;

static void one(void *data, int64_t n) {{
  Given *given = data;
  const real *image = given->images + n * {pool.size[0] * pool.size[1] * c}, *seen = image;
  real *room = 0, *o = given->made + n * {oh * ow * c};
  if ({int(pool.seen != pool.size or pool.before != (0, 0))}) {{
    room = malloc({pool.seen[0] * wp * c} * sizeof(real));
    if (!room) {{ atomic_store(&given->failed, 1); return; }}
    lay_out(image, room);
    seen = room;
  }}
  for (int64_t y = 0; y < {oh}; y++)
    for (int64_t x = 0; x < {ow}; x++, o += {c}) {{
      const real *restrict p = seen + (y * {sy * wp} + x * {sx}) * {c};
      real *restrict made = o;
      for (int64_t c = 0; c < {c}; c++) {{
        real best = p[c];
{taps}
        made[c] = best;
      }}
    }}
  free(room);
}}

XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {{
  if (is_question(frame)) return 0;
  XLA_FFI_Buffer *images = argument(frame, 0);
  Given given = {{images->data, result(frame, 0)->data}};
  return share_out(frame, one, &given, images->dims[0]) || given.failed ? out_of_memory(frame) : 0;
}}
"""


def gradient_source(pool: Pooling) -> str:
    """Write its gradient: the result's gradient, the result and the images; the gradient of the images.

    A window's gradient goes to the first place that holds its greatest element, or to its first place where none does
    because it is nan.
    """
    (hp, wp), c, (oh, ow), (sy, sx) = pool.seen, pool.channels, pool.made, pool.strides
    hits = "\n".join(
        f"        const int hit{k} = (p[{at} + c] == y[c]){''.join(f' & !hit{i}' for i in range(k))};"
        for k, at in enumerate(pool.places)
    )
    none = " | ".join(f"hit{k}" for k in range(1, len(pool.places))) or "0"
    adds = "\n".join(
        f"        d[{at} + c] += {f'!({none})' if k == 0 else f'hit{k}'} ? g[c] : 0;" for k, at in enumerate(pool.places)
    )
    return f"""{head(pool.dtype)}
{room(pool)}
typedef struct {{
  const real *slopes, *results, *images;
  real *made;
  atomic_int failed;
}} Given;

static void one(void *data, int64_t n) {{
  Given *given = data;
  const real *image = given->images + n * {pool.size[0] * pool.size[1] * c}, *seen = image;
  const real *g = given->slopes + n * {oh * ow * c}, *y = given->results + n * {oh * ow * c};
  real *made = given->made + n * {pool.size[0] * pool.size[1] * c}, *room = 0, *to = made;
  if ({int(pool.seen != pool.size or pool.before != (0, 0))}) {{
    room = malloc({2 * hp * wp * c} * sizeof(real));
    if (!room) {{ atomic_store(&given->failed, 1); return; }}
    lay_out(image, room);
    seen = room, to = room + {hp * wp * c};
  }}
  memset(to, 0, {hp * wp * c} * sizeof(real));
  for (int64_t row = 0; row < {oh}; row++)
    for (int64_t x = 0; x < {ow}; x++, g += {c}, y += {c}) {{
      const real *p = seen + (row * {sy * wp} + x * {sx}) * {c};
      real *d = to + (row * {sy * wp} + x * {sx}) * {c};
#pragma GCC ivdep
      for (int64_t c = 0; c < {c}; c++) {{
{hits}
{adds}
      }}
    }}
  if (room) take_back(to, made);
  free(room);
}}

XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {{
  if (is_question(frame)) return 0;
  XLA_FFI_Buffer *images = argument(frame, 2);
  Given given = {{argument(frame, 0)->data, argument(frame, 1)->data, images->data, result(frame, 0)->data}};
  return share_out(frame, one, &given, images->dims[0]) || given.failed ? out_of_memory(frame) : 0;
}}
"""
