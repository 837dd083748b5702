/* Padding of images with minus infinity for max pooling, and its reverse for the gradient. */

enum {
  NEEDS_PADDING = PAD_TOP != 0 || PAD_LEFT != 0 || PADDED_H != HEIGHT || PADDED_W != WIDTH,
  ROW_COUNT = HEIGHT < PADDED_H - PAD_TOP ? HEIGHT : PADDED_H - PAD_TOP,
  END_COLUMN = WIDTH < PADDED_W - PAD_LEFT ? WIDTH : PADDED_W - PAD_LEFT,
  ROW_SIZE = END_COLUMN > 0 ? END_COLUMN * CHANNELS : 0
};

static int64_t image_offset(int64_t y) { return y * WIDTH * CHANNELS; }
static int64_t padded_offset(int64_t y) { return ((y + PAD_TOP) * PADDED_W + PAD_LEFT) * CHANNELS; }

static void pad_image(const real *restrict image, real *restrict padded) {
  for (int64_t k = 0; k < PADDED_H * PADDED_W * CHANNELS; k++) padded[k] = -__builtin_inf();
  for (int64_t y = 0; y < ROW_COUNT; y++) memcpy(padded + padded_offset(y), image + image_offset(y), ROW_SIZE * sizeof(real));
}

static void crop_image(const real *restrict padded, real *restrict image) {
  memset(image, 0, HEIGHT * WIDTH * CHANNELS * sizeof(real));
  for (int64_t y = 0; y < ROW_COUNT; y++) memcpy(image + image_offset(y), padded + padded_offset(y), ROW_SIZE * sizeof(real));
}
