/* Gradient of a convolution with respect to its kernel. Arguments: images, gradient of the output. Result: gradient of the
   kernel. */

enum {
  KERNEL_ROWS = WINDOW_H * WINDOW_W * GROUP_CHANNELS,
  GROUP_SIZE = KERNEL_ROWS * PADDED_FILTERS,
  PADDED_PIXEL = GROUPS * PADDED_FILTERS,
  FILTERS_FILL_BLOCKS = PADDED_PIXEL == FILTERS
};

typedef struct {
  const real *images, *output_gradients;
  real *sums;
  int64_t count, shares;
  atomic_int failed;
} Call;

/* Copy an output gradient with the filters of each group padded to whole blocks by zeros. */
static void pad_filters(const real *restrict gradient, real *restrict padded) {
  memset(padded, 0, OUTPUT_H * OUTPUT_W * PADDED_PIXEL * sizeof(real));
  for (int64_t k = 0; k < OUTPUT_H * OUTPUT_W * GROUPS; k++)
    memcpy(padded + k * PADDED_FILTERS, gradient + k * GROUP_FILTERS, GROUP_FILTERS * sizeof(real));
}

/* Add the contribution of some rows of an image. All tiles use one band of the output gradient while it is in the cache. */
static void add_rows(const real *image, const real *gradient, real *copy, int64_t first, int64_t last, real *sums) {
  if (!FILTERS_FILL_BLOCKS) pad_filters(gradient, copy), gradient = copy;
  for (int64_t y = first; y < last; y += CACHE_ROWS)
    for (int64_t group = 0; group < GROUPS; group++)
      for (int64_t f = 0; f < PADDED_FILTERS; f += FILTER_BLOCK)
        gradient_tiles(image + y * STRIDE_Y * ROW_WIDTH * CHANNELS + group * GROUP_CHANNELS,
                       gradient + y * OUTPUT_W * PADDED_PIXEL + group * PADDED_FILTERS + f, sums + group * GROUP_SIZE + f,
                       y + CACHE_ROWS > last ? last - y : CACHE_ROWS);
}

/* An image, copied to the buffer with padding if it needs any. */
static const real *get_padded_image(const Call *call, int64_t n, real *buffer) {
  const real *image = call->images + n * HEIGHT * WIDTH * CHANNELS;
  if (NEEDS_PADDING) pad_image(image, buffer, 0, PADDED_H);
  return NEEDS_PADDING ? buffer : skip_border(image);
}

/* Sum over one share of the images. With AMX, each band is packed while the one before it is multiplied; a band with values
   that bf16x3 cannot represent is computed by vector registers, as all bands are without AMX. */
static void sum_share(void *data, int64_t task) {
  Call *call = data;
  const int64_t n0 = call->count * task / call->shares, n1 = call->count * (task + 1) / call->shares;
  const int64_t image_size = NEEDS_PADDING ? (PADDED_H * PADDED_W * CHANNELS + 15) / 16 * 16 : 0;
  const int64_t gradient_size = OUTPUT_H * OUTPUT_W * FILTERS;
  real *sums = call->sums + task * GROUPS * GROUP_SIZE;
  memset(sums, 0, GROUPS * GROUP_SIZE * sizeof(real));
  if (n0 == n1) return;
  real *copies =
      aligned_alloc(64, (2 * image_size + OUTPUT_H * OUTPUT_W * PADDED_PIXEL) * sizeof(real) + 2 * BAND_BYTES + 63 & ~63);
  if (!copies) {
    atomic_store(&call->failed, 1);
    return;
  }
  char *packed_bands = (char *)(copies + 2 * image_size);
  const real *image = get_padded_image(call, n0, copies), *next = image;
  Packer packer;
  begin_tiles();
  begin_band(&packer, image, call->output_gradients + n0 * gradient_size, 0, packed_bands);
  for (int64_t k = 0; k < (n1 - n0) * BANDS; k++, image = next) {
    const int64_t n = n0 + k / BANDS, band = k % BANDS, m = n0 + (k + 1) / BANDS;
    const int64_t y = band * BAND_ROWS, last = y + BAND_ROWS < OUTPUT_H ? y + BAND_ROWS : OUTPUT_H;
    const int packed_ok = finish_band(&packer);
    if (m > n && m < n1) next = get_padded_image(call, m, copies + (m - n0) % 2 * image_size);
    if (m < n1)
      begin_band(&packer, next, call->output_gradients + m * gradient_size, (k + 1) % BANDS,
                 packed_bands + (k + 1) % 2 * BAND_BYTES);
    else stop_packing(&packer);
    if (packed_ok) add_band(packed_bands + k % 2 * BAND_BYTES, sums, &packer);
    else
      add_rows(image, call->output_gradients + n * gradient_size, (real *)(packed_bands + 2 * BAND_BYTES), y, last, sums);
  }
  end_tiles();
  free(copies);
}

/* Images are divided into a fixed number of shares, whose sums are added in order: the result has the same bits for any
   number of threads. */
XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {
  XLA_FFI_Buffer *images = argument(frame, 0);
  real *output = result(frame, 0)->data;
  Call call = {images->data, argument(frame, 1)->data, 0, images->dims[0], SHARES};
  if (call.shares > call.count) call.shares = call.count > 0 ? call.count : 1;
  call.sums = malloc(call.shares * GROUPS * GROUP_SIZE * sizeof(real));
  if (!call.sums) return out_of_memory(frame);
  const int failed = parallel_for(frame, sum_share, &call, call.shares) || call.failed;
  for (int64_t k = 0; k < KERNEL_ROWS && !failed; k++)
    for (int64_t group = 0; group < GROUPS; group++, output += GROUP_FILTERS) {
      const real *sums = call.sums + group * GROUP_SIZE + k * PADDED_FILTERS;
      memcpy(output, sums, GROUP_FILTERS * sizeof(real));
      for (int64_t i = 1; i < call.shares; i++)
        for (int64_t f = 0; f < GROUP_FILTERS; f++) output[f] += sums[i * GROUPS * GROUP_SIZE + f];
    }
  free(call.sums);
  return failed ? out_of_memory(frame) : 0;
}
