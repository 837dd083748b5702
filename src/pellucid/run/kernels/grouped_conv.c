/* Grouped convolution, or its gradient with respect to the input. Arguments: images, kernel, and
   the bias if it is added. Result: output images. */

typedef struct {
  const real *images;
  real *output, *weights, *bias;
  int64_t rows, tasks;
  atomic_int failed;
} Call;

/* The weight of an output channel for one element of the window and channel j of its group. */
static inline real get_weight(const real *kernel, int64_t element, int64_t j, int64_t output) {
  return TRANSPOSED ? kernel[(element * FILTERS + output % FILTERS) * INPUTS + output / FILTERS * CHANNELS + j]
                    : kernel[(element * CHANNELS + j) * OUTPUTS + output];
}

/* Write all weights as vectors: rows of the window, channels of a group, columns of the window, vectors. */
static void pack_weights(const real *restrict kernel, real *restrict weights) {
  for (int64_t y = 0; y < WINDOW_H; y++)
    for (int64_t j = 0; j < CHANNELS; j++)
      for (int64_t x = 0; x < WINDOW_W; x++)
        for (int64_t v = 0; v < VECTORS; v++, weights += LANES)
          for (int64_t c = 0; c < LANES; c++)
            weights[c] = c < STORED ? get_weight(kernel, y * WINDOW_W + x, j, (vector_offset(v) + c) % OUTPUTS) : 0;
}

/* Write a number for each output channel as vectors. */
static void pack_vectors(const real *restrict numbers, real *restrict vectors) {
  for (int64_t v = 0; v < VECTORS; v++)
    for (int64_t c = 0; c < LANES; c++) vectors[v * LANES + c] = c < STORED ? numbers[(vector_offset(v) + c) % OUTPUTS] : 0;
}

/* One task: some rows of all output images. */
static void compute_rows(void *data, int64_t task) {
  Call *call = data;
  const real *places[WINDOW_H * CHANNELS], *weights[WINDOW_H * CHANNELS];
  int indices[WINDOW_H * CHANNELS];
  Rows rows = make_rows();
  if (!IS_DIRECT && !rows.ring) {
    atomic_store(&call->failed, 1);
    return;
  }
  for (int64_t row = call->rows * task / call->tasks; row < call->rows * (task + 1) / call->tasks; row++) {
    const int64_t count = find_rows(&rows, call->images, row, places, indices);
    for (int64_t k = 0; k < count; k++) weights[k] = call->weights + indices[k] * WEIGHT_ROW;
    conv_row(places, weights, count, call->bias, call->output + row * OUTPUT_W * OUTPUTS);
  }
  free(rows.ring);
}

XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {
  XLA_FFI_Buffer *images = argument(frame, 0);
  const int64_t count = WINDOW_H * CHANNELS * WEIGHT_ROW;
  real *weights = aligned_alloc(64, ((count + VECTORS * LANES) * sizeof(real) + 63) / 64 * 64);
  if (!weights) return out_of_memory(frame);
  Call call = {images->data, result(frame, 0)->data, weights, weights + count};
  pack_weights(argument(frame, 1)->data, weights);
  if (RECTIFIED) pack_vectors(argument(frame, 2)->data, call.bias);
  call.rows = images->dims[0] * OUTPUT_H, call.tasks = 4 * count_threads(frame);
  if (call.tasks > call.rows) call.tasks = call.rows;
  const int failed = parallel_for(frame, compute_rows, &call, call.tasks) || call.failed;
  free(weights);
  return failed ? out_of_memory(frame) : 0;
}
