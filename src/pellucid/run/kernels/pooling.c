/* Max pooling. Argument: images. Result: the maximum of every window, or NaN if the window contains one. */

typedef struct {
  const real *images;
  real *output;
  atomic_int failed;
} Call;

static void pool_image(void *data, int64_t n) {
  Call *call = data;
  const real *image = call->images + n * HEIGHT * WIDTH * CHANNELS;
  real *padded = 0, *output = call->output + n * OUTPUT_H * OUTPUT_W * CHANNELS;
  if (NEEDS_PADDING) {
    padded = malloc(PADDED_H * PADDED_W * CHANNELS * sizeof(real));
    if (!padded) {
      atomic_store(&call->failed, 1);
      return;
    }
    pad_image(image, padded);
    image = padded;
  }
  for (int64_t y = 0; y < OUTPUT_H; y++)
    for (int64_t x = 0; x < OUTPUT_W; x++, output += CHANNELS)
      pool_window(image + (y * STRIDE_Y * PADDED_W + x * STRIDE_X) * CHANNELS, output);
  free(padded);
}

XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {
  XLA_FFI_Buffer *images = argument(frame, 0);
  Call call = {images->data, result(frame, 0)->data};
  return parallel_for(frame, pool_image, &call, images->dims[0]) || call.failed ? out_of_memory(frame) : 0;
}
