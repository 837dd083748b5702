/* Rows of a convolution by units that multiply tiles. An image is split into three planes of sixteen-bit numbers, in which
   thirty-two channels of sixteen neighbours are a tile as they lie: places are counted through from row to row, those
   included at the end of each row where the window would reach beyond it. */

enum { RUN = WINDOW_W * CHANNELS, ROW = SEEN_W * CHANNELS, BLOCKS = (FILTERS + 31) / 32 };

/* How many numbers of a plane are read for so many rows of the result, with room for zeros behind the last one. */
static int64_t plane_size(int64_t rows) {
  const int64_t places = ((rows - 1) * SEEN_W + MADE_W + 31) / 32 * 32;
  return ((places - 1) * CHANNELS + (WINDOW_H - 1) * DILATION_Y * ROW + (RUN + 31) / 32 * 32 + 63) / 32 * 32;
}

enum { KERNEL_TASKS = BLOCKS * WINDOW_H };
static int64_t kernel_size(void) { return KERNEL_TASKS * packed_size(RUN); }

/* A row of the window for a block of filters; tells whether all of it has parts. */
static int pack_kernel(const real *kernel, int64_t task, packed *to) {
  const int64_t filter = task / WINDOW_H * 32, y = task % WINDOW_H;
  __m512i most = _mm512_setzero_si512(), rows[16][3];
  to += task * packed_size(RUN);
  for (int64_t k = 0; k < RUN; k += DEEP, to += 6 * PART)
    for (int64_t t = 0; t < 2; t++) {
      const int64_t f = filter + t * TILE;
      tiles_across(kernel + (y * RUN + k) * FILTERS + f, FILTERS, FILTERS - f, RUN - k, rows, &most);
      put_tiles(rows, 0, to + t * PART);
    }
  return have_parts(most);
}

/* An image is split into planes, among zeros where windows reach beyond it, while another is multiplied: vector units have
   nothing to do then. */
typedef struct {
  const real *image;
  int64_t top, plane, row, end, next, pace;
  uint16_t *planes;
  __m512i most;
} Ahead;

static Ahead ahead_of(const real *image, int64_t top, int64_t high, int64_t rows, uint16_t *planes) {
  const int64_t slots = KERNEL_TASKS * 6 * ((RUN + DEEP - 1) / DEEP) * (((rows - 1) * SEEN_W + MADE_W + 31) / 32);
  const int64_t steps = high * ((COUNT * CHANNELS + DEEP - 1) / DEEP), last = top + high - ABOVE;
  return (Ahead){.image = image, .top = top, .plane = plane_size(rows), .row = top > ABOVE ? top - ABOVE : 0,
                 .end = last < HEIGHT ? last : HEIGHT, .pace = (steps + slots - 1) / slots, .planes = planes};
}

static inline __attribute__((always_inline)) void go_ahead(void *data) {
  Ahead *ahead = data;
  for (int64_t s = 0; s < ahead->pace && ahead->row < ahead->end; s++) {
    const int64_t left = COUNT * CHANNELS - ahead->next;
    const real *from = ahead->image + (ahead->row * WIDTH + FIRST) * CHANNELS + ahead->next;
    uint16_t *to = ahead->planes + ((ahead->row + ABOVE - ahead->top) * SEEN_W + FIRST + LEFT) * CHANNELS + ahead->next;
    __m512i parts[3];
    line(from, here(left), here(left - 16), parts, &ahead->most);
    for (int p = 0; p < 3; p++) _mm512_storeu_si512(to + p * ahead->plane, parts[p]);
    ahead->next += DEEP;
    if (left <= DEEP) ahead->next = 0, ahead->row++;
  }
}

static int finish_splitting(Ahead *ahead) {
  ahead->pace = ahead->plane;
  go_ahead(ahead);
  return have_parts(ahead->most);
}

/* Compute some rows from the planes of an image, and split another one meanwhile. */
static void rows_by_thirds(const uint16_t *planes, const packed *kernel, real *made, int64_t rows, Ahead *ahead) {
  const int64_t plane = plane_size(rows), places = (rows - 1) * SEEN_W + MADE_W;
  const Lie lie = {CHANNELS * 2, TILE * CHANNELS * 2, plane * 2, DEEP * 2};
  real sum[32 * 32] __attribute__((aligned(64)));
  for (int64_t f = 0; f < BLOCKS; f++)
    for (int64_t at = 0; at < places; at += 32) {
      fetch_sums(sum, 128, 0);
      for (int64_t y = 0; y < WINDOW_H; y++)
        add_products(planes + at * CHANNELS + y * DILATION_Y * ROW, lie, kernel + (f * WINDOW_H + y) * packed_size(RUN),
                     IN_TILES, RUN, go_ahead, ahead);
      put_sums(sum, 128);
      const __mmask16 first = here(FILTERS - f * 32), second = here(FILTERS - f * 32 - 16);
      for (int64_t k = 0; k < 32 && at + k < places; k++) {
        const int64_t y = (at + k) / SEEN_W, x = (at + k) % SEEN_W;
        real *to = made + (y * MADE_W + x) * FILTERS + f * 32;
        if (x >= MADE_W) continue;
        _mm512_mask_storeu_ps(to, first, _mm512_load_ps(sum + k * 32));
        _mm512_mask_storeu_ps(to + 16, second, _mm512_load_ps(sum + k * 32 + 16));
      }
    }
}

/* Compute some rows of images, and note those that have not three parts. */
static int images_by_thirds(const real *images, int64_t count, int64_t top, int64_t high, const packed *kernel, real *made,
                            int64_t rows, char *left, int64_t bands) {
  const int64_t plane = plane_size(rows);
  uint16_t *planes = aligned_alloc(64, 12 * plane);
  if (!planes) return 0;
  if (PADDED) memset(planes, 0, 12 * plane);
  for (int p = 0; p < 6; p++) memset(planes + p * plane + high * ROW, 0, 2 * (plane - high * ROW));
  Ahead ahead = ahead_of(images, top, high, rows, planes);
  begin();
  for (int64_t n = 0; n < count; n++) {
    const int fine = finish_splitting(&ahead);
    ahead = ahead_of(images + (n + 1) * HEIGHT * WIDTH * CHANNELS, top, high, rows, planes + (n + 1) % 2 * 3 * plane);
    if (n + 1 == count) ahead.end = 0;
    if (fine) rows_by_thirds(planes + n % 2 * 3 * plane, kernel, made + n * MADE_H * MADE_W * FILTERS, rows, &ahead);
    else left[n * bands] = 1;
  }
  end();
  free(planes);
  return 1;
}
