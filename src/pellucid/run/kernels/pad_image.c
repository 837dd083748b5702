/* Zero padding of images, for windows that reach beyond the image. */

enum {
  FIRST_COLUMN = PAD_LEFT < 0 ? -PAD_LEFT : 0,
  END_COLUMN = WIDTH < PADDED_W - PAD_LEFT ? WIDTH : PADDED_W - PAD_LEFT,
  COLUMN_COUNT = END_COLUMN > FIRST_COLUMN ? END_COLUMN - FIRST_COLUMN : 0
};

/* The place of the first window in an image that is not copied. */
static const real *skip_border(const real *image) {
  return NEEDS_PADDING ? image : image - (PAD_TOP * WIDTH + PAD_LEFT) * CHANNELS;
}

/* Write rows first to last of the padded image. Negative padding crops. */
static void pad_image(const real *restrict image, real *restrict rows, int64_t first, int64_t last) {
  memset(rows, 0, (last - first) * PADDED_W * CHANNELS * sizeof(real));
  for (int64_t y = 0; y < HEIGHT; y++) {
    const int64_t row = y + PAD_TOP;
    if (row >= first && row < last)
      memcpy(rows + ((row - first) * PADDED_W + FIRST_COLUMN + PAD_LEFT) * CHANNELS,
             image + (y * WIDTH + FIRST_COLUMN) * CHANNELS, COLUMN_COUNT * CHANNELS * sizeof(real));
  }
}
