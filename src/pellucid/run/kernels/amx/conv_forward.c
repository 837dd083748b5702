/* Convolution with AMX. An image is split into three planes of bfloat16, in which 32 channels of 16 neighboring places form a
   tile without any copying. Places are numbered across rows, so tiles also cover the places at the end of each row where the
   window would leave the image; those results are dropped. */

enum { ROW_SIZE = PADDED_W * CHANNELS, FILTER_TILES = (FILTERS + 31) / 32, AMX_KERNEL_TASKS = FILTER_TILES * PART_ROWS };

/* Number of elements that are read of a plane for some rows of output, including zeros after the last row. */
static int64_t plane_size(int64_t rows) {
  const int64_t places = ((rows - 1) * PADDED_W + OUTPUT_W + 31) / 32 * 32;
  return ((places - 1) * CHANNELS + AMX_REACH + 63) / 32 * 32;
}

static int64_t amx_kernel_size(void) { return FILTER_TILES * PART_TILES * 6 * TILE_WORDS; }

/* Pack one row of the window of a part for 32 filters; return whether all numbers could be split. */
static int pack_kernel(const real *kernel, int64_t task, Packed *to) {
  const Part *part = parts;
  for (; task >= FILTER_TILES * part->window_h; part++) {
    task -= FILTER_TILES * part->window_h;
    to += FILTER_TILES * part->window_h * packed_size(part->run);
  }
  const int64_t filter = task / part->window_h * 32, y = task % part->window_h;
  __m512i max_bits = _mm512_setzero_si512(), rows[16][3];
  kernel += part->kernel_start + y * part->run * FILTERS, to += task * packed_size(part->run);
  for (int64_t k = 0; k < part->run; k += K_TILE, to += 6 * TILE_WORDS)
    for (int64_t t = 0; t < 2; t++) {
      const int64_t f = filter + t * TILE;
      split_strided(kernel + k * FILTERS + f, FILTERS, FILTERS - f, part->run - k, rows, &max_bits);
      store_tiles(rows, 0, to + t * TILE_WORDS);
    }
  return is_splittable(max_bits);
}

/* Splits the next image into planes, step by step, while the image before it is multiplied. */
typedef struct {
  const real *image;
  int64_t top, plane, row, end, next, pace;
  uint16_t *planes;
  __m512i max_bits;
} Splitter;

static Splitter make_splitter(const real *image, int64_t top, int64_t height, int64_t rows, uint16_t *planes) {
  const int64_t slots = FILTER_TILES * PART_TILES * 6 * (((rows - 1) * PADDED_W + OUTPUT_W + 31) / 32);
  const int64_t steps = height * ((COLUMN_COUNT * CHANNELS + K_TILE - 1) / K_TILE), last = top + height - PAD_TOP;
  return (Splitter){.image = image, .top = top, .plane = plane_size(rows), .row = top > PAD_TOP ? top - PAD_TOP : 0,
                    .end = last < HEIGHT ? last : HEIGHT, .pace = (steps + slots - 1) / slots, .planes = planes};
}

static __attribute__((noinline)) void split_steps(void *data) {
  Splitter *splitter = data;
  for (int64_t s = 0; s < splitter->pace && splitter->row < splitter->end; s++) {
    const int64_t left = COLUMN_COUNT * CHANNELS - splitter->next;
    const real *from = splitter->image + (splitter->row * WIDTH + FIRST_COLUMN) * CHANNELS + splitter->next;
    uint16_t *to = splitter->planes +
                   ((splitter->row + PAD_TOP - splitter->top) * PADDED_W + FIRST_COLUMN + PAD_LEFT) * CHANNELS + splitter->next;
    __m512i split[3];
    split_row(from, tail_mask(left), tail_mask(left - 16), split, &splitter->max_bits);
    for (int p = 0; p < 3; p++) _mm512_storeu_si512(to + p * splitter->plane, split[p]);
    splitter->next += K_TILE;
    if (left <= K_TILE) splitter->next = 0, splitter->row++;
  }
}

static int finish_splitting(Splitter *splitter) {
  splitter->pace = splitter->plane;
  split_steps(splitter);
  return is_splittable(splitter->max_bits);
}

/* Add the bias of some filters to the sums of 32 places; negative sums become zero, and NaN stays. */
static void rectify_sums(real *sums, const real *bias, int64_t filters) {
  for (int64_t k = 0; k < 32; k++)
    for (int64_t f = 0; f < filters; f++) {
      const real sum = sums[k * 32 + f] + bias[f];
      sums[k * 32 + f] = sum < 0 ? 0 : sum;
    }
}

/* Compute some rows of a part from the planes of one image, and split the next image meanwhile. */
static void amx_conv_part(const Part *part, const uint16_t *planes, int64_t plane, const Packed *kernel, const real *bias,
                          real *output, int64_t rows, Splitter *splitter) {
  const int64_t places = (rows - 1) * PADDED_W + part->columns, size = packed_size(part->run);
  const Layout layout = {CHANNELS * 2, TILE * CHANNELS * 2, plane * 2, K_TILE * 2};
  real sums[32 * 32] __attribute__((aligned(64)));
  for (int64_t f = 0; f < FILTER_TILES; f++)
    for (int64_t place = 0; place < places; place += 32) {
      load_accumulators(sums, 128, 0);
      for (int64_t y = 0; y < part->window_h; y++)
        multiply_accumulate(planes + place * CHANNELS + y * DILATION_Y * ROW_SIZE, layout,
                            kernel + (f * part->window_h + y) * size, PACKED_LAYOUT, part->run, split_steps, splitter);
      store_accumulators(sums, 128);
      if (bias) rectify_sums(sums, bias + f * 32, FILTERS - f * 32 < 32 ? FILTERS - f * 32 : 32);
      const __mmask16 first = tail_mask(FILTERS - f * 32), second = tail_mask(FILTERS - f * 32 - 16);
      for (int64_t k = 0; k < 32 && place + k < places; k++) {
        const int64_t y = (place + k) / PADDED_W, x = (place + k) % PADDED_W;
        real *to = output + y * OUTPUT_ROW + x * OUTPUT_PIXEL + f * 32;
        if (x >= part->columns) continue;
        _mm512_mask_storeu_ps(to, first, _mm512_load_ps(sums + k * 32));
        _mm512_mask_storeu_ps(to + 16, second, _mm512_load_ps(sums + k * 32 + 16));
      }
    }
}

static void amx_conv_rows(const uint16_t *planes, const Packed *kernel, const real *bias, real *output, int64_t first,
                          int64_t rows, Splitter *splitter) {
  const int64_t plane = plane_size(rows);
  for (const Part *part = parts; part < parts + PARTS; part++) {
    amx_conv_part(part, planes + part->offset, plane, kernel, bias, output + part->output_start,
                  count_rows(part, first, rows), splitter);
    kernel += FILTER_TILES * part->window_h * packed_size(part->run);
  }
}

/* Compute some rows of several images, and mark those that cannot be split as pending. Return 0 if memory ran out. */
static int amx_conv_images(const real *images, int64_t count, int64_t top, int64_t height, const Packed *kernel, const real *bias,
                           real *output, int64_t rows, char *pending, int64_t bands) {
  const int64_t plane = plane_size(rows);
  uint16_t *planes = aligned_alloc(64, 12 * plane);
  if (!planes) return 0;
  if (NEEDS_PADDING) memset(planes, 0, 12 * plane);
  for (int p = 0; p < 6; p++) memset(planes + p * plane + height * ROW_SIZE, 0, 2 * (plane - height * ROW_SIZE));
  Splitter splitter = make_splitter(images, top, height, rows, planes);
  begin_tiles();
  for (int64_t n = 0; n < count; n++) {
    const int split_ok = finish_splitting(&splitter);
    splitter =
        make_splitter(images + (n + 1) * HEIGHT * WIDTH * CHANNELS, top, height, rows, planes + (n + 1) % 2 * 3 * plane);
    if (n + 1 == count) splitter.end = 0;
    if (split_ok)
      amx_conv_rows(planes + n % 2 * 3 * plane, kernel, bias, output + n * RESULT_SIZE, top, rows, &splitter);
    else pending[n * bands] = 1;
  }
  end_tiles();
  free(planes);
  return 1;
}
