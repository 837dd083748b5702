/* Gradient of a grouped convolution with respect to its kernel. Arguments: images, gradient of the output. Result:
   gradient of the kernel. */

enum { SUM_SIZE = WINDOW_H * CHANNELS * WEIGHT_ROW };

typedef struct {
  const real *images, *output_gradients;
  real *sums;
  int64_t rows, shares;
  atomic_int failed;
} Call;

/* Sum over one share of all output rows. */
static void sum_share(void *data, int64_t task) {
  Call *call = data;
  const real *places[WINDOW_H * CHANNELS];
  int indices[WINDOW_H * CHANNELS];
  real *sums = call->sums + task * SUM_SIZE;
  memset(sums, 0, SUM_SIZE * sizeof(real));
  Rows rows = make_rows();
  real *copy = OUTPUTS < LANES ? calloc(OUTPUT_W * OUTPUTS + LANES, sizeof(real)) : 0;
  if ((IS_DIRECT || rows.ring) && (OUTPUTS >= LANES || copy))
    for (int64_t row = call->rows * task / call->shares; row < call->rows * (task + 1) / call->shares; row++) {
      const real *gradient = call->output_gradients + row * OUTPUT_W * OUTPUTS;
      if (copy) gradient = memcpy(copy, gradient, OUTPUT_W * OUTPUTS * sizeof(real)); /* vectors reach beyond its end */
      find_rows(&rows, call->images, row, places, indices);
      add_row(places, gradient, sums);
    }
  else atomic_store(&call->failed, 1);
  free(rows.ring), free(copy);
}

/* The sum for one output channel: over the shares, in order, and over the pixels of a vector. */
static real add_shares(const Call *call, int64_t at, int64_t channel) {
  const int64_t v = channel < (VECTORS - 1) * LANES ? channel / LANES : VECTORS - 1;
  real total = 0;
  for (int64_t share = 0; share < call->shares; share++)
    for (int64_t p = 0; p < PIXELS; p++)
      total += call->sums[share * SUM_SIZE + at + v * LANES + channel - vector_offset(v) + p * OUTPUTS];
  return total;
}

/* Rows are divided into a fixed number of shares: the result has the same bits for any number of threads. */
XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {
  XLA_FFI_Buffer *images = argument(frame, 0);
  real *output = result(frame, 0)->data;
  Call call = {images->data, argument(frame, 1)->data, 0, images->dims[0] * OUTPUT_H, SHARES};
  if (call.shares > call.rows) call.shares = call.rows > 0 ? call.rows : 1;
  call.sums = malloc(call.shares * SUM_SIZE * sizeof(real));
  if (!call.sums) return out_of_memory(frame);
  const int failed = parallel_for(frame, sum_share, &call, call.shares) || call.failed;
  for (int64_t y = 0; y < WINDOW_H && !failed; y++)
    for (int64_t x = 0; x < WINDOW_W; x++)
      for (int64_t j = 0; j < CHANNELS; j++)
        for (int64_t c = 0; c < OUTPUTS; c++)
          *output++ = add_shares(&call, ((y * CHANNELS + j) * WINDOW_W + x) * VECTORS * LANES, c);
  free(call.sums);
  return failed ? out_of_memory(frame) : 0;
}
