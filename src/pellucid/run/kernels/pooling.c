/* Max pooling: images; the greatest of every window, or nan where there is one. */

typedef struct {
  const real *images;
  real *made;
  atomic_int failed;
} Given;

static void one(void *data, int64_t n) {
  Given *given = data;
  const real *seen = given->images + n * HEIGHT * WIDTH * CHANNELS;
  real *room = 0, *made = given->made + n * MADE_H * MADE_W * CHANNELS;
  if (PADDED) {
    room = malloc(SEEN_H * SEEN_W * CHANNELS * sizeof(real));
    if (!room) {
      atomic_store(&given->failed, 1);
      return;
    }
    lay_out(seen, room);
    seen = room;
  }
  for (int64_t y = 0; y < MADE_H; y++)
    for (int64_t x = 0; x < MADE_W; x++, made += CHANNELS)
      pool(seen + (y * STRIDE_Y * SEEN_W + x * STRIDE_X) * CHANNELS, made);
  free(room);
}

XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {
  if (is_question(frame)) return 0;
  XLA_FFI_Buffer *images = argument(frame, 0);
  Given given = {images->data, result(frame, 0)->data};
  return share_out(frame, one, &given, images->dims[0]) || given.failed ? out_of_memory(frame) : 0;
}
