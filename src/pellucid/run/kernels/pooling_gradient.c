/* Gradient of max pooling. Arguments: gradient of the output, output, images. Result: gradient of the images. */

typedef struct {
  const real *output_gradients, *outputs, *images;
  real *image_gradients;
  atomic_int failed;
} Call;

static void scatter_image(void *data, int64_t n) {
  Call *call = data;
  const real *image = call->images + n * HEIGHT * WIDTH * CHANNELS;
  const real *output_gradient = call->output_gradients + n * OUTPUT_H * OUTPUT_W * CHANNELS;
  const real *output = call->outputs + n * OUTPUT_H * OUTPUT_W * CHANNELS;
  real *image_gradient = call->image_gradients + n * HEIGHT * WIDTH * CHANNELS, *padded = 0, *to = image_gradient;
  if (NEEDS_PADDING) {
    padded = malloc(2 * PADDED_H * PADDED_W * CHANNELS * sizeof(real));
    if (!padded) {
      atomic_store(&call->failed, 1);
      return;
    }
    pad_image(image, padded);
    image = padded, to = padded + PADDED_H * PADDED_W * CHANNELS;
  }
  memset(to, 0, PADDED_H * PADDED_W * CHANNELS * sizeof(real));
  for (int64_t y = 0; y < OUTPUT_H; y++)
    for (int64_t x = 0; x < OUTPUT_W; x++, output_gradient += CHANNELS, output += CHANNELS) {
      const int64_t at = (y * STRIDE_Y * PADDED_W + x * STRIDE_X) * CHANNELS;
      scatter_window(image + at, output, output_gradient, to + at);
    }
  if (NEEDS_PADDING) crop_image(to, image_gradient);
  free(padded);
}

XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {
  XLA_FFI_Buffer *images = argument(frame, 2);
  Call call = {argument(frame, 0)->data, argument(frame, 1)->data, images->data, result(frame, 0)->data};
  return parallel_for(frame, scatter_image, &call, images->dims[0]) || call.failed ? out_of_memory(frame) : 0;
}
