/* Where the windows slide over something else than the image as it lies in memory, it is laid out first. */

enum { PADDED = ABOVE != 0 || LEFT != 0 || SPREAD_Y != 1 || SPREAD_X != 1 || SEEN_H != HEIGHT || SEEN_W != WIDTH };

/* Rows of what the windows see: zeros, and the image's pixels where they fall. */
static void lay_out(const real *restrict image, real *restrict rows, int64_t first, int64_t last) {
  memset(rows, 0, (last - first) * SEEN_W * CHANNELS * sizeof(real));
  for (int64_t y = 0; y < HEIGHT; y++) {
    const int64_t at = y * SPREAD_Y + ABOVE;
    if (at < first || at >= last) continue;
    real *row = rows + (at - first) * SEEN_W * CHANNELS;
    const real *pixels = image + y * WIDTH * CHANNELS;
    if (SPREAD_X == 1) {
      const int64_t x = LEFT < 0 ? -LEFT : 0, end = WIDTH < SEEN_W - LEFT ? WIDTH : SEEN_W - LEFT;
      if (end > x) memcpy(row + (x + LEFT) * CHANNELS, pixels + x * CHANNELS, (end - x) * CHANNELS * sizeof(real));
    } else {
      for (int64_t x = 0; x < WIDTH; x++) {
        const int64_t to = x * SPREAD_X + LEFT;
        if (to >= 0 && to < SEEN_W) memcpy(row + to * CHANNELS, pixels + x * CHANNELS, CHANNELS * sizeof(real));
      }
    }
  }
}
