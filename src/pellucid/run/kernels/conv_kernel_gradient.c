/* The gradient with respect to a kernel: images and the gradient of the result; the kernel's gradient. */

enum { PER_KERNEL = WINDOW_H * WINDOW_W * CHANNELS, WHOLE = FILLED == FILTERS };

typedef struct {
  const real *images, *slopes;
  real *sums;
  int64_t count, shares;
  atomic_int failed;
} Given;

/* Slopes whose filters do not fill their last block, filled up with zeros. */
static void fill_up(const real *restrict slopes, real *restrict filled) {
  memset(filled, 0, MADE_H * MADE_W * FILLED * sizeof(real));
  for (int64_t k = 0; k < MADE_H * MADE_W; k++) memcpy(filled + k * FILLED, slopes + k * FILTERS, FILTERS * sizeof(real));
}

/* Add what some rows of an image give: every tile meets a band of the slopes before the next band comes. */
static void add_rows(const real *seen, const real *slopes, real *filled, int64_t first, int64_t last, real *sum) {
  if (!WHOLE) fill_up(slopes, filled), slopes = filled;
  for (int64_t y = first; y < last; y += BAND)
    for (int64_t f = 0; f < FILLED; f += BLOCK)
      gradient_tiles(seen + y * STRIDE_Y * SEEN_W * CHANNELS, slopes + y * MADE_W * FILLED + f, sum + f,
                     y + BAND > last ? last - y : BAND);
}

/* An image as the windows see it: as it lies, or laid out. */
static const real *seen_of(const Given *given, int64_t n, real *room) {
  const real *image = given->images + n * HEIGHT * WIDTH * CHANNELS;
  if (PADDED) lay_out(image, room, 0, SEEN_H);
  return PADDED ? room : image;
}

/* Each band of each image is packed while the one before it is added up; one that has not three parts is left to vector
   units, as all are where there are no others. */
static void share(void *data, int64_t task) {
  Given *given = data;
  const int64_t n0 = given->count * task / given->shares, n1 = given->count * (task + 1) / given->shares;
  const int64_t seen_size = PADDED ? (SEEN_H * SEEN_W * CHANNELS + 15) / 16 * 16 : 0, slopes_size = MADE_H * MADE_W * FILTERS;
  real *sum = given->sums + task * PER_KERNEL * FILLED;
  memset(sum, 0, PER_KERNEL * FILLED * sizeof(real));
  if (n0 == n1) return;
  real *copies = aligned_alloc(64, (2 * seen_size + MADE_H * MADE_W * FILLED) * sizeof(real) + 2 * ROOM + 63 & ~63);
  if (!copies) {
    atomic_store(&given->failed, 1);
    return;
  }
  char *rooms = (char *)(copies + 2 * seen_size);
  const real *seen = seen_of(given, n0, copies), *next = seen;
  Ahead ahead;
  begin();
  begin_band(&ahead, seen, given->slopes + n0 * slopes_size, 0, rooms);
  for (int64_t k = 0; k < (n1 - n0) * BANDS; k++, seen = next) {
    const int64_t n = n0 + k / BANDS, band = k % BANDS, m = n0 + (k + 1) / BANDS;
    const int64_t y = band * BAND_ROWS, last = y + BAND_ROWS < MADE_H ? y + BAND_ROWS : MADE_H;
    const int fine = finish_band(&ahead);
    if (m > n && m < n1) next = seen_of(given, m, copies + (m - n0) % 2 * seen_size);
    if (m < n1) begin_band(&ahead, next, given->slopes + m * slopes_size, (k + 1) % BANDS, rooms + (k + 1) % 2 * ROOM);
    else stop(&ahead);
    if (fine) add_band(rooms + k % 2 * ROOM, sum, &ahead);
    else add_rows(seen, given->slopes + n * slopes_size, (real *)(rooms + 2 * ROOM), y, last, sum);
  }
  end();
  free(copies);
}

/* The images are dealt out to so many shares, each of which is added up on its own, and the sums in their order: the
   same bits whoever does the work. */
XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {
  if (is_question(frame)) return 0;
  XLA_FFI_Buffer *images = argument(frame, 0);
  real *made = result(frame, 0)->data;
  Given given = {images->data, argument(frame, 1)->data, 0, images->dims[0], SHARES};
  if (given.shares > given.count) given.shares = given.count > 0 ? given.count : 1;
  given.sums = malloc(given.shares * PER_KERNEL * FILLED * sizeof(real));
  if (!given.sums) return out_of_memory(frame);
  const int failed = share_out(frame, share, &given, given.shares) || given.failed;
  for (int64_t k = 0; k < PER_KERNEL && !failed; k++) {
    memcpy(made + k * FILTERS, given.sums + k * FILLED, FILTERS * sizeof(real));
    for (int64_t i = 1; i < given.shares; i++)
      for (int64_t f = 0; f < FILTERS; f++) made[k * FILTERS + f] += given.sums[(i * PER_KERNEL + k) * FILLED + f];
  }
  free(given.sums);
  return failed ? out_of_memory(frame) : 0;
}
