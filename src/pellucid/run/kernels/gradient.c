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

static void share(void *data, int64_t task) {
  Given *given = data;
  real *sum = given->sums + task * PER_KERNEL * FILLED;
  memset(sum, 0, PER_KERNEL * FILLED * sizeof(real));
  real *room = malloc((SEEN_H * SEEN_W * CHANNELS + MADE_H * MADE_W * FILLED) * sizeof(real));
  if (!room) {
    atomic_store(&given->failed, 1);
    return;
  }
  real *filled = room + SEEN_H * SEEN_W * CHANNELS;
  const int64_t n0 = given->count * task / given->shares, n1 = given->count * (task + 1) / given->shares;
  for (int64_t n = n0; n < n1; n++) {
    const real *seen = given->images + n * HEIGHT * WIDTH * CHANNELS;
    const real *slopes = given->slopes + n * MADE_H * MADE_W * FILTERS;
    if (PADDED) lay_out(seen, room, 0, SEEN_H), seen = room;
    if (!WHOLE) fill_up(slopes, filled), slopes = filled;
    /* Every tile meets a band of the slopes before the next band comes. */
    for (int64_t y = 0; y < MADE_H; y += BAND)
      for (int64_t f = 0; f < FILLED; f += BLOCK)
        gradient_tiles(seen + y * STRIDE_Y * SEEN_W * CHANNELS, slopes + y * MADE_W * FILLED + f, sum + f,
                       y + BAND > MADE_H ? MADE_H - y : BAND);
  }
  free(room);
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
