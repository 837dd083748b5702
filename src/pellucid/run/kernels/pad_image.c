/* Where the windows slide over something else than the image as it lies in memory, it is laid out first. */

enum {
  PADDED = ABOVE != 0 || LEFT != 0 || SEEN_H != HEIGHT || SEEN_W != WIDTH,
  FIRST = LEFT < 0 ? -LEFT : 0,
  END = WIDTH < SEEN_W - LEFT ? WIDTH : SEEN_W - LEFT,
  COUNT = END > FIRST ? END - FIRST : 0
};

/* Rows of what the windows see: zeros, and the image's pixels where they fall. */
static void lay_out(const real *restrict image, real *restrict rows, int64_t first, int64_t last) {
  memset(rows, 0, (last - first) * SEEN_W * CHANNELS * sizeof(real));
  for (int64_t y = 0; y < HEIGHT; y++) {
    const int64_t at = y + ABOVE;
    if (at >= first && at < last)
      memcpy(rows + ((at - first) * SEEN_W + FIRST + LEFT) * CHANNELS, image + (y * WIDTH + FIRST) * CHANNELS,
             COUNT * CHANNELS * sizeof(real));
  }
}
