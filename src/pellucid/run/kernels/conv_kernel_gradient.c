/* Gradient of a convolution with respect to its kernel. Arguments: images, gradient of the output. Attributes: the plan, the
   sizes, and the key of the tiles or 0. Result: gradient of the kernel. */

/* Add the contribution of some rows of an image to a block of filters of the kernel. */
typedef void Tiles(const real *image, const real *gradient, real *sums, int64_t height);

typedef struct {
  const Sizes *sizes;
  const Plan *plan;
  Tiles *tiles;
  const real *images, *output_gradients;
  real *sums;
  int64_t count, shares;
  atomic_int failed;
} Call;

static int64_t get_padded_pixel(const Sizes *s) { return s->groups * s->padded_filters; }
static int64_t count_kernel_rows(const Sizes *s) { return s->window_h * s->window_w * s->group_channels; }

/* Copy an output gradient with the filters of each group padded to whole blocks by zeros. */
static void pad_filters(const Sizes *s, const real *restrict gradient, real *restrict padded) {
  const int64_t places = s->output_h * s->output_w;
  memset(padded, 0, places * get_padded_pixel(s) * sizeof(real));
  for (int64_t k = 0; k < places * s->groups; k++)
    memcpy(padded + k * s->padded_filters, gradient + k * s->group_filters, s->group_filters * sizeof(real));
}

/* All tiles if they have no separate program, eight elements of the window at a time: for images with values that AMX cannot
   represent. These have one group, contiguous rows of the window, and steps of one pixel. */
static void add_tiles(const Sizes *s, const real *image, const real *gradient, real *sums, int64_t height) {
  enum { ELEMENTS = 8, LANES = sizeof(vec) / sizeof(real) };
  const int64_t run = s->window_w * s->channels, pixel = s->padded_filters;
  for (int64_t window_row = 0; window_row < s->window_h; window_row++)
    for (int64_t first = 0; first < run; first += ELEMENTS)
      for (int64_t f = 0; f < s->filter_block; f += LANES) {
        real *to = sums + (window_row * run + first) * s->padded_filters + f;
        vec tile[ELEMENTS];
        for (int64_t i = 0; i < ELEMENTS; i++) tile[i] = *(vec *)(to + i * s->padded_filters);
        for (int64_t y = 0; y < height; y++) {
          const real *p = image + (y + window_row * s->dilation_y) * s->row_width * s->channels + first;
          const real *q = gradient + y * s->output_w * pixel + f;
          for (int64_t x = 0; x < s->output_w; x++, p += s->channels, q += pixel)
            for (int64_t i = 0; i < ELEMENTS; i++) tile[i] += p[i] * *(const vec *)q;
        }
        for (int64_t i = 0; i < ELEMENTS; i++) *(vec *)(to + i * s->padded_filters) = tile[i];
      }
}

/* Add the contribution of some rows of an image. All tiles use one band of the output gradient while it is in the cache. */
static void add_rows(const Call *call, const real *image, const real *gradient, real *copy, int64_t first, int64_t last,
                     real *sums) {
  const Sizes *s = call->sizes;
  const int64_t pixel = get_padded_pixel(s), cache_rows = call->plan->cache_rows;
  if (pixel != s->filters) pad_filters(s, gradient, copy), gradient = copy;
  for (int64_t y = first; y < last; y += cache_rows)
    for (int64_t group = 0; group < s->groups; group++)
      for (int64_t f = 0; f < s->padded_filters; f += s->filter_block) {
        const real *from = image + y * s->stride_y * s->row_width * s->channels + group * s->group_channels;
        const real *band = gradient + y * s->output_w * pixel + group * s->padded_filters + f;
        real *to = sums + group * count_kernel_rows(s) * s->padded_filters + f;
        const int64_t height = minimum(cache_rows, last - y);
        if (call->tiles) call->tiles(from, band, to, height);
        else add_tiles(s, from, band, to, height);
      }
}

/* An image, copied to the buffer with padding if it needs any. */
static const real *get_padded_image(const Call *call, int64_t n, real *buffer) {
  const Sizes *s = call->sizes;
  const real *image = call->images + n * s->height * s->width * s->channels;
  if (s->needs_padding) pad_image(s, image, buffer, 0, s->padded_h);
  return s->needs_padding ? buffer : skip_border(s, image);
}

/* Sum over one share of the images. With AMX, each band is packed while the one before it is multiplied; a band with values
   that bf16x3 cannot represent is computed by vector registers, as all bands are without AMX. */
static void sum_share(void *data, int64_t task) {
  Call *call = data;
  const Sizes *s = call->sizes;
  const Plan *plan = call->plan;
  const int64_t n0 = call->count * task / call->shares, n1 = call->count * (task + 1) / call->shares;
  const int64_t image_size = s->needs_padding ? ceil_div(s->padded_h * s->padded_w * s->channels, 16) * 16 : 0;
  const int64_t gradient_size = s->output_h * s->output_w * s->filters, band_bytes = plan->use_amx ? get_band_bytes(s, plan) : 0;
  const int64_t sum_size = get_padded_pixel(s) * count_kernel_rows(s);
  const int64_t copied_gradient = s->output_h * s->output_w * get_padded_pixel(s);
  real *sums = call->sums + task * sum_size;
  memset(sums, 0, sum_size * sizeof(real));
  if (n0 == n1) return;
  real *copies = aligned_alloc(64, (2 * image_size + copied_gradient) * sizeof(real) + 2 * band_bytes + 63 & ~63);
  if (!copies) {
    atomic_store(&call->failed, 1);
    return;
  }
  char *packed_bands = (char *)(copies + 2 * image_size);
  const real *image = get_padded_image(call, n0, copies), *next = image;
  Packer packer;
  if (plan->use_amx) {
    begin_tiles();
    begin_band(&packer, s, plan, image, call->output_gradients + n0 * gradient_size, 0, packed_bands);
  }
  for (int64_t k = 0; k < (n1 - n0) * plan->bands; k++, image = next) {
    const int64_t n = n0 + k / plan->bands, band = k % plan->bands, m = n0 + (k + 1) / plan->bands;
    const int64_t y = band * plan->band_rows, last = minimum(y + plan->band_rows, s->output_h);
    const int packed_ok = plan->use_amx && finish_band(&packer);
    if (m > n && m < n1) next = get_padded_image(call, m, copies + (m - n0) % 2 * image_size);
    if (plan->use_amx && m < n1)
      begin_band(&packer, s, plan, next, call->output_gradients + m * gradient_size, (k + 1) % plan->bands,
                 packed_bands + (k + 1) % 2 * band_bytes);
    else if (plan->use_amx) stop_packing(&packer);
    if (packed_ok) add_band(packed_bands + k % 2 * band_bytes, sums, &packer);
    else
      add_rows(call, image, call->output_gradients + n * gradient_size, (real *)(packed_bands + 2 * band_bytes), y, last, sums);
  }
  if (plan->use_amx) end_tiles();
  free(copies);
}

/* Images are divided into a fixed number of shares, whose sums are added in order: the result has the same bits for any
   number of threads. */
XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {
  XLA_FFI_Buffer *images = argument(frame, 0);
  real *output = result(frame, 0)->data;
  const Sizes *s = attributes(frame, 2);
  const Plan *plan = attributes(frame, 1);
  Call call = {.sizes = s, .plan = plan, .images = images->data, .output_gradients = argument(frame, 1)->data};
  const int64_t key = attribute(frame, 3), group_size = count_kernel_rows(s) * s->padded_filters;
  if (key && !(call.tiles = find_function(key))) return report_missing_kernel(frame);
  call.count = images->dims[0], call.shares = maximum(1, minimum(plan->shares, call.count));
  call.sums = malloc(call.shares * s->groups * group_size * sizeof(real));
  if (!call.sums) return out_of_memory(frame);
  const int failed = parallel_for(frame, sum_share, &call, call.shares) || call.failed;
  for (int64_t k = 0; k < count_kernel_rows(s) && !failed; k++)
    for (int64_t group = 0; group < s->groups; group++, output += s->group_filters) {
      const real *sums = call.sums + group * group_size + k * s->padded_filters;
      memcpy(output, sums, s->group_filters * sizeof(real));
      for (int64_t i = 1; i < call.shares; i++)
        for (int64_t f = 0; f < s->group_filters; f++) output[f] += sums[i * s->groups * group_size + f];
    }
  free(call.sums);
  return failed ? out_of_memory(frame) : 0;
}
