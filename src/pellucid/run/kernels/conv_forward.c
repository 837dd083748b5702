/* Convolution. Arguments: images, kernel, and the bias if it is added, or images whose places between those of the output
   are kept. Result: output images. */

enum {
  FILTER_SIZE = WINDOW_H * WINDOW_W * GROUP_CHANNELS,
  BLOCK_SIZE = (FILTER_SIZE + RECTIFIED) * FILTER_BLOCK, /* a row of the bias is behind the filters */
  GROUP_BLOCKS = PADDED_FILTERS / FILTER_BLOCK
};

typedef struct {
  const real *images, *kernel, *bias;
  real *output, *filter_blocks;
  Packed *amx_kernel;
  char *pending; /* images, or bands of rows of them, that are not computed yet */
  int64_t count, images_per_task, bands;
  int use_amx;
  atomic_int failed, any_pending;
} Call;

/* Copy a block of filters into one piece; the last block is padded with zeros. */
static void copy_filter_block(void *data, int64_t block) {
  const Call *call = data;
  const int64_t first = block % GROUP_BLOCKS * FILTER_BLOCK, left = GROUP_FILTERS - first;
  const int64_t count = left < FILTER_BLOCK ? left : FILTER_BLOCK;
  const int64_t filter = block / GROUP_BLOCKS * GROUP_FILTERS + first;
  const real *from = call->kernel + filter;
  real *to = call->filter_blocks + block * BLOCK_SIZE;
  if (count < FILTER_BLOCK) memset(to, 0, BLOCK_SIZE * sizeof(real));
  for (int64_t k = 0; k < FILTER_SIZE; k++)
    memcpy(to + k * FILTER_BLOCK, from + k * FILTERS, count * sizeof(real));
  if (RECTIFIED) memcpy(to + FILTER_SIZE * FILTER_BLOCK, call->bias + filter, count * sizeof(real));
}

static void pack_amx_kernel(void *data, int64_t task) {
  Call *call = data;
  if (!pack_kernel(call->kernel, task, call->amx_kernel)) atomic_store(&call->any_pending, 1);
}

/* Some rows of one output image, for one block of filters. */
static void compute_rows(const Call *call, const real *padded, real *output, int64_t rows, int64_t block) {
  const int64_t group = block / GROUP_BLOCKS, f = block % GROUP_BLOCKS * FILTER_BLOCK;
  const real *filters = call->filter_blocks + block * BLOCK_SIZE;
  padded += group * GROUP_CHANNELS, output += group * GROUP_FILTERS + f;
  /* The last tile of a row or column overlaps the one before it, so that all tiles have one size. */
  for (int64_t row = 0; row < rows; row += TILE_ROWS) {
    const int64_t y = row + TILE_ROWS > rows ? rows - TILE_ROWS : row;
    for (int64_t column = 0; column < OUTPUT_W; column += TILE_COLUMNS) {
      const int64_t x = column + TILE_COLUMNS > OUTPUT_W ? OUTPUT_W - TILE_COLUMNS : column;
      conv_tile(padded + (y * STRIDE_Y * ROW_WIDTH + x * STRIDE_X) * CHANNELS, filters,
                output + y * OUTPUT_ROW + x * OUTPUT_PIXEL, GROUP_FILTERS - f);
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
  const int64_t height = (rows - 1) * STRIDE_Y + (WINDOW_H - 1) * DILATION_Y + 1, padded_size = height * PADDED_W * CHANNELS;
  const int64_t image_size = HEIGHT * WIDTH * CHANNELS;
  const real *images = call->images + n0 * image_size;
  real *output = call->output + n0 * RESULT_SIZE + OUTPUT_START + y0 * OUTPUT_ROW;
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
  for (int64_t block = 0; block < GROUPS * GROUP_BLOCKS; block++)
    for (int64_t n = 0; n < count; n++)
      if (pending[n * bands])
        compute_rows(call,
                     NEEDS_PADDING ? copies + n * padded_size
                                   : skip_border(images + n * image_size) + top * ROW_WIDTH * CHANNELS,
                     output + n * RESULT_SIZE, rows, block);
  free(copies);
}

/* Compute all images; return whether memory ran out. AMX leaves images with values that bf16x3 cannot represent pending,
   and the vector kernel computes those. */
static int compute_all(XLA_FFI_CallFrame *frame, Call *call) {
  const int64_t tasks = (call->count + call->images_per_task - 1) / call->images_per_task * call->bands;
  memset(call->pending, !AMX_KERNEL_TASKS, call->count * call->bands);
  call->any_pending = !AMX_KERNEL_TASKS;
  if (AMX_KERNEL_TASKS) {
    if (parallel_for(frame, pack_amx_kernel, call, AMX_KERNEL_TASKS)) return 1;
    if (call->any_pending) memset(call->pending, 1, call->count * call->bands);
    else if (call->use_amx = 1, parallel_for(frame, compute_images, call, tasks) || call->failed) return 1;
  }
  if (!call->any_pending) return 0;
  call->use_amx = 0;
  return parallel_for(frame, copy_filter_block, call, GROUPS * GROUP_BLOCKS) ||
         parallel_for(frame, compute_images, call, tasks) || call->failed;
}

XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {
  if (answer_metadata_query(frame)) return 0;
  XLA_FFI_Buffer *images = argument(frame, 0);
  Call call = {images->data, argument(frame, 1)->data, RECTIFIED ? argument(frame, 2)->data : 0, result(frame, 0)->data};
  call.count = images->dims[0], call.images_per_task = IMAGES_PER_TASK, call.bands = BANDS;
  const int64_t wanted = 2 * count_threads(frame);
  while (call.images_per_task > 1 && call.count < call.images_per_task * wanted) call.images_per_task--;
  if (call.count > 0 && call.count * call.bands < wanted) call.bands = (wanted + call.count - 1) / call.count;
  if (call.bands > OUTPUT_H / TILE_ROWS) call.bands = OUTPUT_H / TILE_ROWS;
  call.pending = malloc(call.count * call.bands + 1);
  call.filter_blocks = malloc(GROUPS * GROUP_BLOCKS * BLOCK_SIZE * sizeof(real));
  call.amx_kernel = aligned_alloc(64, amx_kernel_size() * sizeof(Packed) + 64);
  const int failed = !call.pending || !call.filter_blocks || !call.amx_kernel || compute_all(frame, &call);
  free(call.pending), free(call.filter_blocks), free(call.amx_kernel);
  return failed ? out_of_memory(frame) : 0;
}
