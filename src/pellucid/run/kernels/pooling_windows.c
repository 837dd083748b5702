/* Windows of many places, in loops over the places, so that the size of the program does not depend on them. */

enum { BLOCK = CHANNELS < 1024 ? CHANNELS : 1024 }; /* channels whose state fits on the stack */

static inline int64_t place_offset(int64_t k) { return (k / WINDOW_W * PADDED_W + k % WINDOW_W) * CHANNELS; }

static inline void pool_window(const real *restrict p, real *restrict output) {
  memcpy(output, p, CHANNELS * sizeof(real));
  for (int64_t k = 1; k < WINDOW_H * WINDOW_W; k++) {
    const real *a = p + place_offset(k);
    for (int64_t c = 0; c < CHANNELS; c++) output[c] = (a[c] > output[c]) | (a[c] != a[c]) ? a[c] : output[c];
  }
}

static inline void scatter_block(const real *restrict p, const real *restrict y, const real *restrict g, real *restrict d, int64_t count) {
  int32_t open[BLOCK]; /* whether no place before equals the maximum */
  for (int64_t c = 0; c < count; c++) open[c] = 1;
  for (int64_t k = 0; k < WINDOW_H * WINDOW_W; k++) {
    const real *a = p + place_offset(k);
    real *to = d + place_offset(k);
    for (int64_t c = 0; c < count; c++) {
      const int32_t hit = open[c] & (a[c] == y[c]);
      open[c] &= !hit;
      to[c] += hit ? g[c] : 0;
    }
  }
  for (int64_t c = 0; c < count; c++) d[c] += open[c] ? g[c] : 0;
}

static inline void scatter_window(const real *p, const real *y, const real *g, real *d) {
  for (int64_t c = 0; c < CHANNELS; c += BLOCK)
    scatter_block(p + c, y + c, g + c, d + c, CHANNELS - c < BLOCK ? CHANNELS - c : BLOCK);
}
