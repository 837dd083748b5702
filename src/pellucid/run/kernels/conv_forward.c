/* A convolution: images and a kernel; the result. */

enum { PER_FILTER = WINDOW_H * WINDOW_W * CHANNELS };

typedef struct {
  const real *images, *kernel;
  real *made, *blocks;
  packed *packed;
  char *left;
  int64_t count, together, bands;
  int by_thirds;
  atomic_int failed, some_left;
} Given;

/* A block of filters in one piece, the last one filled up with zeros. */
static void make_block(void *data, int64_t block) {
  const Given *given = data;
  const int64_t first = block * BLOCK, count = FILTERS - first < BLOCK ? FILTERS - first : BLOCK;
  real *to = given->blocks + first * PER_FILTER;
  if (count < BLOCK) memset(to, 0, BLOCK * PER_FILTER * sizeof(real));
  for (int64_t k = 0; k < PER_FILTER; k++)
    memcpy(to + k * BLOCK, given->kernel + k * FILTERS + first, count * sizeof(real));
}

static void pack(void *data, int64_t task) {
  Given *given = data;
  if (!pack_kernel(given->kernel, task, given->packed)) atomic_store(&given->some_left, 1);
}

/* Some rows of an image, from what their windows see of it. */
static void rows_by_vectors(const Given *given, const real *seen, real *made, int64_t rows, int64_t f) {
  /* The last tiles of a row and of a column overlap those before them. */
  for (int64_t at = 0; at < rows; at += ROWS) {
    const int64_t y = at + ROWS > rows ? rows - ROWS : at;
    for (int64_t over = 0; over < MADE_W; over += COLUMNS) {
      const int64_t x = over + COLUMNS > MADE_W ? MADE_W - COLUMNS : over;
      forward_tile(seen + (y * STRIDE_Y * SEEN_W + x * STRIDE_X) * CHANNELS, given->blocks + f * PER_FILTER,
                   made + (y * MADE_W + x) * FILTERS + f, FILTERS - f);
    }
  }
}

/* A task is a few whole images, so that a block of filters serves them all; where there are few, some rows of one. */
static void some(void *data, int64_t task) {
  Given *given = data;
  const int64_t bands = given->bands, n0 = task / bands * given->together, band = task % bands;
  const int64_t count = given->count - n0 < given->together ? given->count - n0 : given->together;
  const int64_t y0 = MADE_H * band / bands, rows = MADE_H * (band + 1) / bands - y0, top = y0 * STRIDE_Y;
  const int64_t high = (rows - 1) * STRIDE_Y + (WINDOW_H - 1) * DILATION_Y + 1, seen_size = high * SEEN_W * CHANNELS;
  const int64_t image_size = HEIGHT * WIDTH * CHANNELS, made_size = MADE_H * MADE_W * FILTERS;
  const real *images = given->images + n0 * image_size;
  real *made = given->made + n0 * made_size + y0 * MADE_W * FILTERS;
  char *left = given->left + n0 * bands + band;
  if (given->by_thirds) {
    if (!images_by_thirds(images, count, top, high, given->packed, made, rows, left, bands)) atomic_store(&given->failed, 1);
    for (int64_t n = 0; n < count; n++)
      if (left[n * bands]) atomic_store(&given->some_left, 1);
    return;
  }
  real *copies = PADDED ? malloc(count * seen_size * sizeof(real)) : 0;
  if (PADDED && !copies) {
    atomic_store(&given->failed, 1);
    return;
  }
  for (int64_t n = 0; PADDED && n < count; n++)
    if (left[n * bands]) lay_out(images + n * image_size, copies + n * seen_size, top, top + high);
  for (int64_t f = 0; f < FILTERS; f += BLOCK)
    for (int64_t n = 0; n < count; n++)
      if (left[n * bands])
        rows_by_vectors(given, PADDED ? copies + n * seen_size : images + n * image_size + top * SEEN_W * CHANNELS,
                        made + n * made_size, rows, f);
  free(copies);
}

/* Compute all images; tell whether there was too little memory. What has no three parts is left to vector units. */
static int all(XLA_FFI_CallFrame *frame, Given *given) {
  const int64_t tasks = (given->count + given->together - 1) / given->together * given->bands;
  memset(given->left, !KERNEL_TASKS, given->count * given->bands);
  given->some_left = !KERNEL_TASKS;
  if (KERNEL_TASKS) {
    if (share_out(frame, pack, given, KERNEL_TASKS)) return 1;
    if (given->some_left) memset(given->left, 1, given->count * given->bands);
    else if (given->by_thirds = 1, share_out(frame, some, given, tasks) || given->failed) return 1;
  }
  if (!given->some_left) return 0;
  given->by_thirds = 0;
  return share_out(frame, make_block, given, FILLED / BLOCK) || share_out(frame, some, given, tasks) || given->failed;
}

XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {
  if (is_question(frame)) return 0;
  XLA_FFI_Buffer *images = argument(frame, 0);
  Given given = {images->data, argument(frame, 1)->data, result(frame, 0)->data};
  given.count = images->dims[0], given.together = TOGETHER, given.bands = BANDS;
  const int64_t wanted = 2 * threads(frame);
  while (given.together > 1 && given.count < given.together * wanted) given.together--;
  if (given.count > 0 && given.count * given.bands < wanted) given.bands = (wanted + given.count - 1) / given.count;
  if (given.bands > MADE_H / ROWS) given.bands = MADE_H / ROWS;
  given.left = malloc(given.count * given.bands + 1);
  given.blocks = malloc(FILLED * PER_FILTER * sizeof(real));
  given.packed = aligned_alloc(64, kernel_size() * sizeof(packed) + 64);
  const int failed = !given.left || !given.blocks || !given.packed || all(frame, &given);
  free(given.left), free(given.blocks), free(given.packed);
  return failed ? out_of_memory(frame) : 0;
}
