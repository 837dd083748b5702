/* A convolution: images and a kernel, each block of filters in one piece; the result. */

typedef struct {
  const real *images, *kernel;
  real *made;
  int64_t count, together, bands;
  atomic_int failed;
} Given;

/* A task is a few whole images, so that a block of filters serves them all; where there are few, some rows of one. */
static void some(void *data, int64_t task) {
  Given *given = data;
  const int64_t n0 = task / given->bands * given->together, band = task % given->bands;
  const int64_t n1 = n0 + given->together < given->count ? n0 + given->together : given->count;
  const int64_t y0 = MADE_H * band / given->bands, y1 = MADE_H * (band + 1) / given->bands;
  const int64_t top = y0 * STRIDE_Y, bottom = (y1 - 1) * STRIDE_Y + (WINDOW_H - 1) * DILATION_Y + 1;
  const int64_t each = (bottom - top) * SEEN_W * CHANNELS;
  real *room = 0;
  if (PADDED) {
    room = malloc(each * (n1 - n0) * sizeof(real));
    if (!room) {
      atomic_store(&given->failed, 1);
      return;
    }
    for (int64_t n = n0; n < n1; n++)
      lay_out(given->images + n * HEIGHT * WIDTH * CHANNELS, room + (n - n0) * each, top, bottom);
  }
  for (int64_t f = 0; f < FILTERS; f += BLOCK) {
    const real *kernel = given->kernel + f * WINDOW_H * WINDOW_W * CHANNELS;
    for (int64_t n = n0; n < n1; n++) {
      const real *seen = room ? room + (n - n0) * each : given->images + (n * SEEN_H + top) * SEEN_W * CHANNELS;
      real *made = given->made + n * MADE_H * MADE_W * FILTERS + f;
      /* The last tiles of a row and of a column overlap those before them. */
      for (int64_t at = y0; at < y1; at += ROWS) {
        const int64_t y = at + ROWS > y1 ? y1 - ROWS : at;
        for (int64_t over = 0; over < MADE_W; over += COLUMNS) {
          const int64_t x = over + COLUMNS > MADE_W ? MADE_W - COLUMNS : over;
          forward_tile(seen + ((y * STRIDE_Y - top) * SEEN_W + x * STRIDE_X) * CHANNELS, kernel,
                       made + (y * MADE_W + x) * FILTERS, FILTERS - f);
        }
      }
    }
  }
  free(room);
}

XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {
  if (is_question(frame)) return 0;
  XLA_FFI_Buffer *images = argument(frame, 0);
  Given given = {images->data, argument(frame, 1)->data, result(frame, 0)->data, images->dims[0], TOGETHER, 1};
  const int64_t wanted = 2 * threads(frame);
  while (given.together > 1 && given.count < given.together * wanted) given.together--;
  if (given.count > 0 && given.count < wanted) given.bands = (wanted + given.count - 1) / given.count;
  if (given.bands > MADE_H / ROWS) given.bands = MADE_H / ROWS;
  const int64_t tasks = (given.count + given.together - 1) / given.together * given.bands;
  return share_out(frame, some, &given, tasks) || given.failed ? out_of_memory(frame) : 0;
}
