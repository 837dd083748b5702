/* Convolution, or the transpose of one. Arguments: images, kernel, and a bias if the result is the rectified sum. Attribute:
   whether the kernel is that of the transposed convolution. Result: output images. All parts read the same padded images. */

enum { BLOCKS = GROUPS * PADDED_FILTERS / FILTER_BLOCK, GROUP_BLOCKS = PADDED_FILTERS / FILTER_BLOCK };

typedef struct {
  const real *images, *kernel, *bias;
  real *output, *filter_blocks, *arranged_kernel;
  Packed *amx_kernel;
  char *pending; /* images, or bands of rows of them, that are not computed yet */
  int64_t count, images_per_task, bands;
  int transposed, use_amx;
  atomic_int failed, any_pending;
} Call;

/* Elements of a block of filters of a part; a row of the bias is behind the filters. */
static int64_t block_size(const Part *part) {
  return (part->window_h * part->window_w * GROUP_CHANNELS + 1) * FILTER_BLOCK;
}

/* Mirror the elements of a kernel that a part of a transposed convolution meets, and exchange channels and filters. */
static void arrange_kernel(void *data, int64_t p) {
  const Call *call = data;
  const Part *part = &parts[p];
  real *to = call->arranged_kernel + part->kernel_start;
  for (int64_t y = part->window_h - 1; y >= 0; y--)
    for (int64_t x = part->window_w - 1; x >= 0; x--) {
      const int64_t tap = (part->tap_y + y * TAP_STEP_Y) * KERNEL_W + part->tap_x + x * TAP_STEP_X;
      for (int64_t c = 0; c < GROUP_CHANNELS; c++)
        for (int64_t group = 0; group < GROUPS; group++) {
          const real *from = call->kernel + tap * GROUP_FILTERS * CHANNELS + group * GROUP_CHANNELS + c;
          for (int64_t f = 0; f < GROUP_FILTERS; f++) *to++ = from[f * CHANNELS];
        }
    }
}

/* Copy a block of filters into one piece; the last block is padded with zeros. */
static void copy_filter_block(void *data, int64_t task) {
  const Call *call = data;
  const Part *part = &parts[task / BLOCKS];
  const int64_t block = task % BLOCKS, first = block % GROUP_BLOCKS * FILTER_BLOCK, left = GROUP_FILTERS - first;
  const int64_t count = left < FILTER_BLOCK ? left : FILTER_BLOCK, size = block_size(part);
  const int64_t filter = block / GROUP_BLOCKS * GROUP_FILTERS + first;
  const real *from = (call->transposed ? call->arranged_kernel : call->kernel) + part->kernel_start + filter;
  real *to = call->filter_blocks + part->blocks_start + block * size, *end = to + size - FILTER_BLOCK;
  if (count < FILTER_BLOCK) memset(to, 0, size * sizeof(real));
  for (; to < end; to += FILTER_BLOCK, from += FILTERS) memcpy(to, from, count * sizeof(real));
  if (call->bias) memcpy(to, call->bias + filter, count * sizeof(real));
}

static void pack_amx_kernel(void *data, int64_t task) {
  Call *call = data;
  if (!pack_kernel(call->transposed ? call->arranged_kernel : call->kernel, task, call->amx_kernel))
    atomic_store(&call->any_pending, 1);
}

/* Some rows of a part of one output image, for one block of filters. */
static void compute_rows(const Call *call, const Part *part, const real *padded, real *output, int64_t rows, int64_t block) {
  const int64_t group = block / GROUP_BLOCKS, f = block % GROUP_BLOCKS * FILTER_BLOCK;
  const real *filters = call->filter_blocks + part->blocks_start + block * block_size(part);
  padded += part->offset + group * GROUP_CHANNELS, output += part->output_start + group * GROUP_FILTERS + f;
  /* The last tile of a row or column overlaps the one before it, so that all tiles have one size. */
  for (int64_t row = 0; row < rows; row += TILE_ROWS) {
    const int64_t y = row + TILE_ROWS > rows ? rows - TILE_ROWS : row;
    for (int64_t column = 0; column < part->columns; column += TILE_COLUMNS) {
      const int64_t x = column + TILE_COLUMNS > part->columns ? part->columns - TILE_COLUMNS : column;
      conv_tile(padded + (y * STRIDE_Y * ROW_WIDTH + x * STRIDE_X) * CHANNELS, filters,
                output + y * OUTPUT_ROW + x * OUTPUT_PIXEL, GROUP_FILTERS - f, part->window_h, part->runs, part->run,
                call->bias != 0);
    }
  }
}

/* One task: several whole images, so that each block of filters is loaded once for all of them; or, if there are few
   images, one band of rows of one image. */
static void compute_images(void *data, int64_t task) {
  Call *call = data;
  const int64_t bands = call->bands, n0 = task / bands * call->images_per_task, band = task % bands;
  const int64_t count = call->count - n0 < call->images_per_task ? call->count - n0 : call->images_per_task;
  const int64_t y0 = OUTPUT_H * band / bands, rows = OUTPUT_H * (band + 1) / bands - y0, top = y0 * STRIDE_Y;
  const int64_t height = (rows - 1) * STRIDE_Y + EXTENT_H, padded_size = height * PADDED_W * CHANNELS;
  const int64_t image_size = HEIGHT * WIDTH * CHANNELS;
  const real *images = call->images + n0 * image_size;
  real *output = call->output + n0 * RESULT_SIZE + y0 * OUTPUT_ROW;
  char *pending = call->pending + n0 * bands + band;
  if (call->use_amx) {
    if (!amx_conv_images(images, count, top, height, call->amx_kernel, call->bias, output, rows, pending, bands))
      atomic_store(&call->failed, 1);
    for (int64_t n = 0; n < count; n++)
      if (pending[n * bands]) atomic_store(&call->any_pending, 1);
    return;
  }
  real *copies = NEEDS_PADDING ? malloc(count * padded_size * sizeof(real)) : 0;
  if (NEEDS_PADDING && !copies) {
    atomic_store(&call->failed, 1);
    return;
  }
  for (int64_t n = 0; NEEDS_PADDING && n < count; n++)
    if (pending[n * bands]) pad_image(images + n * image_size, copies + n * padded_size, top, top + height);
  for (int64_t task = 0; task < PARTS * BLOCKS; task++)
    for (int64_t n = 0; n < count; n++)
      if (pending[n * bands])
        compute_rows(call, &parts[task / BLOCKS],
                     NEEDS_PADDING ? copies + n * padded_size
                                   : skip_border(images + n * image_size) + top * ROW_WIDTH * CHANNELS,
                     output + n * RESULT_SIZE, count_rows(&parts[task / BLOCKS], y0, rows), task % BLOCKS);
  free(copies);
}

/* Compute all images; return whether memory ran out. AMX leaves images with values that bf16x3 cannot represent pending,
   and the vector kernel computes those. */
static int compute_all(XLA_FFI_CallFrame *frame, Call *call) {
  const int64_t tasks = (call->count + call->images_per_task - 1) / call->images_per_task * call->bands;
  memset(call->pending, !AMX_KERNEL_TASKS, call->count * call->bands);
  call->any_pending = !AMX_KERNEL_TASKS;
  if (call->transposed && parallel_for(frame, arrange_kernel, call, PARTS)) return 1;
  if (AMX_KERNEL_TASKS) {
    if (parallel_for(frame, pack_amx_kernel, call, AMX_KERNEL_TASKS)) return 1;
    if (call->any_pending) memset(call->pending, 1, call->count * call->bands);
    else if (call->use_amx = 1, parallel_for(frame, compute_images, call, tasks) || call->failed) return 1;
  }
  if (!call->any_pending) return 0;
  call->use_amx = 0;
  return parallel_for(frame, copy_filter_block, call, PARTS * BLOCKS) ||
         parallel_for(frame, compute_images, call, tasks) || call->failed;
}

XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {
  XLA_FFI_Buffer *images = argument(frame, 0);
  const real *bias = frame->args.size > 2 ? argument(frame, 2)->data : 0;
  Call call = {images->data, argument(frame, 1)->data, bias, result(frame, 0)->data};
  call.transposed = attribute(frame, 1);
  call.count = images->dims[0], call.images_per_task = IMAGES_PER_TASK, call.bands = BANDS;
  const int64_t wanted = 2 * count_threads(frame);
  while (call.images_per_task > 1 && call.count < call.images_per_task * wanted) call.images_per_task--;
  if (call.count > 0 && call.count * call.bands < wanted) call.bands = (wanted + call.count - 1) / call.count;
  if (call.bands > OUTPUT_H / MIN_BAND_ROWS) call.bands = OUTPUT_H / MIN_BAND_ROWS;
  call.pending = malloc(call.count * call.bands + 1);
  call.filter_blocks = malloc(BLOCKS_SIZE * sizeof(real));
  call.arranged_kernel = malloc((call.transposed ? KERNEL_SIZE : 0) * sizeof(real) + 1);
  call.amx_kernel = aligned_alloc(64, amx_kernel_size() * sizeof(Packed) + 64);
  const int failed =
      !call.pending || !call.filter_blocks || !call.arranged_kernel || !call.amx_kernel || compute_all(frame, &call);
  free(call.pending), free(call.filter_blocks), free(call.arranged_kernel), free(call.amx_kernel);
  return failed ? out_of_memory(frame) : 0;
}
