/* The gradient of max pooling: the result's gradient, the result and the images; the gradient of the images. */

typedef struct {
  const real *slopes, *results, *images;
  real *made;
  atomic_int failed;
} Given;

static void one(void *data, int64_t n) {
  Given *given = data;
  const real *seen = given->images + n * HEIGHT * WIDTH * CHANNELS;
  const real *slope = given->slopes + n * MADE_H * MADE_W * CHANNELS;
  const real *result = given->results + n * MADE_H * MADE_W * CHANNELS;
  real *made = given->made + n * HEIGHT * WIDTH * CHANNELS, *room = 0, *to = made;
  if (PADDED) {
    room = malloc(2 * SEEN_H * SEEN_W * CHANNELS * sizeof(real));
    if (!room) {
      atomic_store(&given->failed, 1);
      return;
    }
    lay_out(seen, room);
    seen = room, to = room + SEEN_H * SEEN_W * CHANNELS;
  }
  memset(to, 0, SEEN_H * SEEN_W * CHANNELS * sizeof(real));
  for (int64_t y = 0; y < MADE_H; y++)
    for (int64_t x = 0; x < MADE_W; x++, slope += CHANNELS, result += CHANNELS) {
      const int64_t at = (y * STRIDE_Y * SEEN_W + x * STRIDE_X) * CHANNELS;
      give_back(seen + at, result, slope, to + at);
    }
  if (PADDED) take_back(to, made);
  free(room);
}

XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {
  if (is_question(frame)) return 0;
  XLA_FFI_Buffer *images = argument(frame, 2);
  Given given = {argument(frame, 0)->data, argument(frame, 1)->data, images->data, result(frame, 0)->data};
  return share_out(frame, one, &given, images->dims[0]) || given.failed ? out_of_memory(frame) : 0;
}
