/* Convolution, or the transpose of one. Arguments: images, kernel, and a bias if the result is the rectified sum. Attributes: the
   parts, the plan, the sizes, the key of the tile or 0, and whether the kernel is that of the transposed convolution. Result:
   output images. All parts read the same padded images. */

/* Rows by columns of the output, for one block of filters of a part. */
typedef void Tile(const real *padded, const real *filters, real *output, int64_t left, int64_t window_h, int64_t runs,
                  int64_t run, int rectified);

typedef struct {
  const Sizes *sizes;
  const Plan *plan;
  const Part *parts;
  Tile *tile;
  const real *images, *kernel, *bias;
  real *output, *filter_blocks, *arranged_kernel;
  Packed *amx_kernel;
  char *pending; /* images, or bands of rows of them, that are not computed yet */
  int64_t part_count, count, images_per_task, bands;
  int transposed, use_amx;
  atomic_int failed, any_pending;
} Call;

static int64_t count_group_blocks(const Sizes *s) { return s->padded_filters / s->filter_block; }
static int64_t count_blocks(const Sizes *s) { return s->groups * count_group_blocks(s); }

/* Elements of a block of filters of a part; a row of the bias is behind the filters. */
static int64_t get_block_size(const Sizes *s, const Part *part) {
  return (part->window_h * part->window_w * s->group_channels + 1) * s->filter_block;
}

/* Mirror the elements of a kernel that a part of a transposed convolution meets, and exchange channels and filters. */
static void arrange_kernel(void *data, int64_t p) {
  const Call *call = data;
  const Sizes *s = call->sizes;
  const Part *part = &call->parts[p];
  real *to = call->arranged_kernel + part->kernel_start;
  for (int64_t y = part->window_h - 1; y >= 0; y--)
    for (int64_t x = part->window_w - 1; x >= 0; x--) {
      const int64_t tap = (part->tap_y + y * s->tap_step_y) * s->kernel_w + part->tap_x + x * s->tap_step_x;
      for (int64_t c = 0; c < s->group_channels; c++)
        for (int64_t group = 0; group < s->groups; group++) {
          const real *from = call->kernel + tap * s->group_filters * s->channels + group * s->group_channels + c;
          for (int64_t f = 0; f < s->group_filters; f++) *to++ = from[f * s->channels];
        }
    }
}

/* Copy a block of filters into one piece; the last block is padded with zeros. */
static void copy_filter_block(void *data, int64_t task) {
  const Call *call = data;
  const Sizes *s = call->sizes;
  const Part *part = &call->parts[task / count_blocks(s)];
  const int64_t block = task % count_blocks(s), first = block % count_group_blocks(s) * s->filter_block;
  const int64_t count = minimum(s->group_filters - first, s->filter_block), size = get_block_size(s, part);
  const int64_t filter = block / count_group_blocks(s) * s->group_filters + first;
  const real *from = (call->transposed ? call->arranged_kernel : call->kernel) + part->kernel_start + filter;
  real *to = call->filter_blocks + part->blocks_start + block * size, *end = to + size - s->filter_block;
  if (count < s->filter_block) memset(to, 0, size * sizeof(real));
  for (; to < end; to += s->filter_block, from += s->filters) memcpy(to, from, count * sizeof(real));
  if (call->bias) memcpy(to, call->bias + filter, count * sizeof(real));
}

static void pack_amx_kernel(void *data, int64_t task) {
  Call *call = data;
  const real *kernel = call->transposed ? call->arranged_kernel : call->kernel;
  if (!pack_kernel(call->sizes, call->parts, kernel, task, call->amx_kernel)) atomic_store(&call->any_pending, 1);
}

/* A tile that has no separate program, eight places at a time: for images with values that AMX cannot represent. */
static void compute_tile(const Call *call, const Part *part, const real *at, const real *filters, real *output, int64_t left) {
  enum { PLACES = 8, LANES = sizeof(vec) / sizeof(real) };
  const Sizes *s = call->sizes;
  const int64_t columns = call->plan->tile_columns, count = call->plan->tile_rows * columns;
  for (int64_t place = 0; place < count; place += PLACES) {
    int64_t from[PLACES], to[PLACES];
    for (int64_t i = 0; i < PLACES; i++) {
      const int64_t row = minimum(place + i, count - 1) / columns, column = minimum(place + i, count - 1) % columns;
      from[i] = (row * s->stride_y * s->row_width + column * s->stride_x) * s->channels;
      to[i] = row * s->output_row + column * s->output_pixel;
    }
    for (int64_t f = 0; f < minimum(left, s->filter_block); f += LANES) {
      const real *q = filters + f;
      vec sums[PLACES] = {0};
      for (int64_t y = 0; y < part->window_h; y++)
        for (int64_t x = 0; x < part->runs; x++) {
          const real *p = at + (y * s->dilation_y * s->row_width + x * s->dilation_x) * s->channels;
          for (int64_t k = 0; k < part->run; k++, q += s->filter_block)
            for (int64_t i = 0; i < PLACES; i++) sums[i] += p[from[i] + k] * *(const vec *)q;
        }
      for (int64_t i = 0; i < PLACES; i++)
        store_vector(output + to[i] + f, call->bias ? rectify(sums[i] + *(const vec *)q) : sums[i], left - f);
    }
  }
}

/* Some rows of a part of one output image, for one block of filters. */
static void compute_rows(const Call *call, const Part *part, const real *padded, real *output, int64_t rows, int64_t block) {
  const Sizes *s = call->sizes;
  const int64_t group = block / count_group_blocks(s), f = block % count_group_blocks(s) * s->filter_block;
  const int64_t tile_rows = call->plan->tile_rows, tile_columns = call->plan->tile_columns, left = s->group_filters - f;
  const real *filters = call->filter_blocks + part->blocks_start + block * get_block_size(s, part);
  padded += part->offset + group * s->group_channels, output += part->output_start + group * s->group_filters + f;
  /* The last tile of a row or column overlaps the one before it, so that all tiles have one size. */
  for (int64_t row = 0; row < rows; row += tile_rows) {
    const int64_t y = minimum(row, rows - tile_rows);
    for (int64_t column = 0; column < part->columns; column += tile_columns) {
      const int64_t x = minimum(column, part->columns - tile_columns);
      const real *at = padded + (y * s->stride_y * s->row_width + x * s->stride_x) * s->channels;
      real *to = output + y * s->output_row + x * s->output_pixel;
      if (call->tile) call->tile(at, filters, to, left, part->window_h, part->runs, part->run, call->bias != 0);
      else compute_tile(call, part, at, filters, to, left);
    }
  }
}

/* One task: several whole images, so that each block of filters is loaded once for all of them; or, if there are few
   images, one band of rows of one image. */
static void compute_images(void *data, int64_t task) {
  Call *call = data;
  const Sizes *s = call->sizes;
  const int64_t bands = call->bands, n0 = task / bands * call->images_per_task, band = task % bands;
  const int64_t count = minimum(call->count - n0, call->images_per_task);
  const int64_t y0 = s->output_h * band / bands, rows = s->output_h * (band + 1) / bands - y0, top = y0 * s->stride_y;
  const int64_t height = (rows - 1) * s->stride_y + s->extent_h, padded_size = height * s->padded_w * s->channels;
  const int64_t image_size = s->height * s->width * s->channels, blocks = count_blocks(s);
  const real *images = call->images + n0 * image_size;
  real *output = call->output + n0 * s->result_size + y0 * s->output_row;
  char *pending = call->pending + n0 * bands + band;
  if (call->use_amx) {
    if (!amx_conv_images(s, call->plan, call->parts, call->part_count, images, count, top, height, call->amx_kernel, call->bias,
                         output, rows, pending, bands))
      atomic_store(&call->failed, 1);
    for (int64_t n = 0; n < count; n++)
      if (pending[n * bands]) atomic_store(&call->any_pending, 1);
    return;
  }
  real *copies = s->needs_padding ? malloc(count * padded_size * sizeof(real)) : 0;
  if (s->needs_padding && !copies) {
    atomic_store(&call->failed, 1);
    return;
  }
  for (int64_t n = 0; s->needs_padding && n < count; n++)
    if (pending[n * bands]) pad_image(s, images + n * image_size, copies + n * padded_size, top, top + height);
  for (const Part *part = call->parts; part < call->parts + call->part_count; part++)
    for (int64_t block = 0; block < blocks; block++)
      for (int64_t n = 0; n < count; n++)
        if (pending[n * bands])
          compute_rows(call, part,
                       s->needs_padding ? copies + n * padded_size
                                        : skip_border(s, images + n * image_size) + top * s->row_width * s->channels,
                       output + n * s->result_size, count_rows(part, y0, rows), block);
  free(copies);
}

/* Compute all images; return whether memory ran out. AMX leaves images with values that bf16x3 cannot represent pending,
   and vector registers compute those. */
static int compute_all(XLA_FFI_CallFrame *frame, Call *call) {
  const int use_amx = call->plan->use_amx;
  const int64_t tasks = ceil_div(call->count, call->images_per_task) * call->bands;
  memset(call->pending, !use_amx, call->count * call->bands);
  call->any_pending = !use_amx;
  if (call->transposed && parallel_for(frame, arrange_kernel, call, call->part_count)) return 1;
  if (use_amx) {
    if (parallel_for(frame, pack_amx_kernel, call, count_kernel_tasks(call->sizes, call->plan))) return 1;
    if (call->any_pending) memset(call->pending, 1, call->count * call->bands);
    else if (call->use_amx = 1, parallel_for(frame, compute_images, call, tasks) || call->failed) return 1;
  }
  if (!call->any_pending) return 0;
  call->use_amx = 0;
  return parallel_for(frame, copy_filter_block, call, call->part_count * count_blocks(call->sizes)) ||
         parallel_for(frame, compute_images, call, tasks) || call->failed;
}

XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {
  XLA_FFI_Buffer *images = argument(frame, 0);
  Call call = {.sizes = attributes(frame, 3), .plan = attributes(frame, 2), .parts = attributes(frame, 1)};
  const Plan *plan = call.plan;
  const int64_t key = attribute(frame, 4), wanted = 2 * count_threads(frame);
  if (key && !(call.tile = find_function(key))) return report_missing_kernel(frame);
  call.part_count = count_attributes(frame, 1) / (sizeof(Part) / sizeof(int64_t));
  call.images = images->data, call.kernel = argument(frame, 1)->data, call.output = result(frame, 0)->data;
  call.bias = frame->args.size > 2 ? argument(frame, 2)->data : 0;
  call.transposed = attribute(frame, 5);
  call.count = images->dims[0], call.images_per_task = plan->images_per_task, call.bands = plan->bands;
  while (call.images_per_task > 1 && call.count < call.images_per_task * wanted) call.images_per_task--;
  if (call.count > 0 && call.count * call.bands < wanted) call.bands = ceil_div(wanted, call.count);
  call.bands = minimum(call.bands, call.sizes->output_h / plan->min_band_rows);
  call.pending = malloc(call.count * call.bands + 1);
  call.filter_blocks = malloc(plan->blocks_size * sizeof(real));
  call.arranged_kernel = malloc((call.transposed ? plan->kernel_size : 0) * sizeof(real) + 1);
  call.amx_kernel = aligned_alloc(64, plan->use_amx ? get_packed_kernel_bytes(call.sizes, plan) + 64 : 64);
  const int failed =
      !call.pending || !call.filter_blocks || !call.arranged_kernel || !call.amx_kernel || compute_all(frame, &call);
  free(call.pending), free(call.filter_blocks), free(call.arranged_kernel), free(call.amx_kernel);
  return failed ? out_of_memory(frame) : 0;
}
