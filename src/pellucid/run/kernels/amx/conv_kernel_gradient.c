/* Contribution of one image to the gradient of a convolution kernel, with AMX. The summed axis is the places of the padded
   image, numbered across rows. For each element of the window, the image is multiplied by the output gradient, shifted by the
   distance of that element from the first. The output gradient is therefore packed twice in pairs of places, once starting at
   even places and once at odd ones, so that every shift finds its pairs; places outside the output are zero. */

enum {
  MAX_SHIFT = (WINDOW_H - 1) * DILATION_Y * PADDED_W + (WINDOW_W - 1) * DILATION_X,
  K_TILES = ((BAND_ROWS - 1) * PADDED_W + OUTPUT_W + MAX_SHIFT + K_TILE - 1) / K_TILE,
  LEADING_PAIRS = (MAX_SHIFT + 1) / 2,
  PAIRS = LEADING_PAIRS + K_TILES * TILE,
  GRADIENT_SIZE = PAIRS * PADDED_FILTERS * 6, /* bfloat16 numbers, two a pair */
  BAND_BYTES = K_TILES * K_TILE * CHANNELS * 6 + 2 * GRADIENT_SIZE * 2,
  TILE_STEPS = 19, /* sixteen rows of a tile, and the transposition of each of its three parts */
  IMAGE_STEPS = K_TILES * (CHANNELS / TILE) * TILE_STEPS,
  STEPS = IMAGE_STEPS + PAIRS * (PADDED_FILTERS / TILE),
  SLOTS = 6 * K_TILES * (PADDED_FILTERS / 32) * (CHANNELS / 32) * WINDOW_H * WINDOW_W
};

/* Packs a band of an image and of its output gradient, step by step, while the band before it is multiplied. */
typedef struct {
  const real *image, *gradient;
  int64_t pixels, rows, next, end, credit;
  Packed *packed_image;
  char *pairs;
  __m512i tile[16][3], previous[3], max_bits;
} Packer;

static void begin_band(Packer *packer, const real *image, const real *gradient, int64_t band, char *buffer) {
  const int64_t y = band * BAND_ROWS;
  packer->image = image + y * PADDED_W * CHANNELS, packer->gradient = gradient + y * OUTPUT_W * FILTERS;
  packer->pixels = (PADDED_H - y) * PADDED_W, packer->rows = OUTPUT_H - y < BAND_ROWS ? OUTPUT_H - y : BAND_ROWS;
  packer->next = 0, packer->end = STEPS, packer->credit = 0;
  packer->packed_image = (Packed *)buffer, packer->pairs = buffer + K_TILES * K_TILE * CHANNELS * 6;
  packer->max_bits = _mm512_setzero_si512();
}

static void stop_packing(Packer *packer) { packer->end = 0; }

static inline __attribute__((always_inline)) void pack_image_step(Packer *packer, int64_t step) {
  const int64_t group = step / TILE_STEPS, k = step % TILE_STEPS;
  const int64_t depth = group / (CHANNELS / TILE), tile = group % (CHANNELS / TILE);
  if (k < TILE) {
    const int64_t place = depth * K_TILE + 2 * k;
    const real *low = packer->image + place * CHANNELS + tile * TILE;
    __builtin_prefetch(low + K_TILE * CHANNELS), __builtin_prefetch(low + (K_TILE + 1) * CHANNELS);
    split_row_pair(low, low + CHANNELS, place < packer->pixels ? 0xffff : 0, place + 1 < packer->pixels ? 0xffff : 0,
                   packer->tile[k], &packer->max_bits);
  } else {
    Packed *to = packer->packed_image + ((tile / 2 * K_TILES + depth) * 6 + 2 * (k - TILE) + tile % 2) * TILE_WORDS;
    __m512i rows[16];
    for (int i = 0; i < 16; i++) rows[i] = packer->tile[i][k - TILE];
    transpose_tile(rows);
    for (int i = 0; i < 16; i++) _mm512_store_si512(to + i * TILE, rows[i]);
  }
}

/* Sixteen filters of the output gradient at two places: the pair that starts at an even place, and the pair of the place
   before with the first of them. */
static inline __attribute__((always_inline)) void pack_gradient_step(Packer *packer, int64_t step) {
  const int64_t tile = step / PAIRS, pair = step % PAIRS, place = 2 * (pair - LEADING_PAIRS);
  const __m512i upper = _mm512_set1_epi32(0xffff0000);
  char *even = packer->pairs + (tile * 3 * PAIRS + pair) * 64;
  char *odd = even + (PADDED_FILTERS / TILE) * 3 * PAIRS * 64 - (pair ? 64 : 0);
  __m512i parts[2][3];
  for (int64_t h = 0; h < 2; h++) {
    const int64_t y = (place + h) / PADDED_W, x = (place + h) % PADDED_W;
    const real *from = packer->gradient + (y * OUTPUT_W + x) * FILTERS + tile * TILE;
    const int inside = place >= 0 && x < OUTPUT_W && y < packer->rows;
    split(_mm512_maskz_loadu_ps(inside ? tail_mask(FILTERS - tile * TILE) : 0, from), parts[h], &packer->max_bits);
  }
  for (int p = 0; p < 3; p++, even += PAIRS * 64, odd += PAIRS * 64) {
    const __m512i first = _mm512_srli_epi32(parts[0][p], 16);
    _mm512_store_si512(even, _mm512_or_si512(_mm512_and_si512(parts[1][p], upper), first));
    _mm512_store_si512(odd, _mm512_or_si512(_mm512_and_si512(parts[0][p], upper), packer->previous[p]));
    packer->previous[p] = _mm512_srli_epi32(parts[1][p], 16);
  }
}

static __attribute__((noinline)) void pack_steps(void *data) {
  Packer *packer = data;
  for (packer->credit += STEPS; packer->credit >= SLOTS && packer->next < packer->end; packer->next++, packer->credit -= SLOTS)
    if (packer->next < IMAGE_STEPS) pack_image_step(packer, packer->next);
    else pack_gradient_step(packer, packer->next - IMAGE_STEPS);
}

static int finish_band(Packer *packer) {
  packer->credit = (int64_t)STEPS * SLOTS;
  pack_steps(packer);
  return is_splittable(packer->max_bits);
}

/* Add the contribution of a packed band to the sums. */
static void add_band(const char *buffer, real *sums, Packer *packer) {
  const Packed *image = (const Packed *)buffer;
  const char *pairs = buffer + K_TILES * K_TILE * CHANNELS * 6;
  const Layout gradient = {64, 3 * PAIRS * 64, PAIRS * 64, TILE * 64};
  for (int64_t c = 0; c < CHANNELS; c += 32)
    for (int64_t f = 0; f < PADDED_FILTERS; f += 32)
      for (int64_t y = 0; y < WINDOW_H; y++)
        for (int64_t x = 0; x < WINDOW_W; x++) {
          const int64_t shift = y * DILATION_Y * PADDED_W + x * DILATION_X, odd = shift % 2;
          const int64_t pair = LEADING_PAIRS - (shift + 1) / 2;
          real *to = sums + ((y * WINDOW_W + x) * CHANNELS + c) * PADDED_FILTERS + f;
          load_accumulators(to, PADDED_FILTERS * sizeof(real), 1);
          multiply_accumulate(image + c / 32 * K_TILES * 6 * TILE_WORDS, PACKED_LAYOUT,
                              pairs + ((odd * PADDED_FILTERS + f) / TILE * 3 * PAIRS + pair) * 64, gradient, K_TILES * K_TILE,
                              pack_steps, packer);
          store_accumulators(to, PADDED_FILTERS * sizeof(real));
        }
}
