/* Contribution of one image to the gradient of a convolution kernel, with AMX. The summed axis is the places of the padded
   image, numbered across rows. For each element of the window, the image is multiplied by the output gradient, shifted by the
   distance of that element from the first. The output gradient is therefore packed twice in pairs of places, once starting at
   even places and once at odd ones, so that every shift finds its pairs; places outside the output are zero. */

enum { TILE_STEPS = 19 }; /* sixteen rows of a tile, and the transposition of each of its three parts */

typedef struct {
  int64_t k_tiles, leading_pairs, pairs; /* pairs of places of the output gradient: before the first, and all */
  int64_t image_bytes, band_bytes;       /* of the packed image, and of everything that is packed */
  int64_t image_steps, steps, slots;     /* steps of packing, and products between which they are interleaved */
} Packing;

static Packing get_packing(const Sizes *s, const Plan *plan) {
  const int64_t max_shift = (s->window_h - 1) * s->dilation_y * s->padded_w + (s->window_w - 1) * s->dilation_x;
  Packing p = {.k_tiles = ceil_div((plan->band_rows - 1) * s->padded_w + s->output_w + max_shift, K_TILE)};
  p.leading_pairs = (max_shift + 1) / 2, p.pairs = p.leading_pairs + p.k_tiles * TILE;
  p.image_bytes = p.k_tiles * K_TILE * s->channels * 6, p.band_bytes = p.image_bytes + 24 * p.pairs * s->padded_filters;
  p.image_steps = p.k_tiles * (s->channels / TILE) * TILE_STEPS;
  p.steps = p.image_steps + p.pairs * (s->padded_filters / TILE);
  p.slots = 6 * p.k_tiles * (s->padded_filters / 32) * (s->channels / 32) * s->window_h * s->window_w;
  return p;
}

static int64_t get_band_bytes(const Sizes *s, const Plan *plan) { return get_packing(s, plan).band_bytes; }

/* Packs a band of an image and of its output gradient, step by step, while the band before it is multiplied. */
typedef struct {
  const Sizes *sizes;
  Packing packing;
  const real *image, *gradient;
  int64_t pixels, rows, next, end, credit;
  int64_t depth, image_tile, tile_step;  /* of the next step of the image */
  int64_t gradient_tile, pair, y, x;     /* of the next step of the gradient */
  Packed *packed_image;
  char *pairs;
  __m512i tile[16][3], previous[3], max_bits;
} Packer;

static void begin_band(Packer *packer, const Sizes *s, const Plan *plan, const real *image, const real *gradient, int64_t band,
                       char *buffer) {
  const int64_t y = band * plan->band_rows;
  packer->sizes = s, packer->packing = get_packing(s, plan);
  packer->image = image + y * s->padded_w * s->channels, packer->gradient = gradient + y * s->output_w * s->filters;
  packer->pixels = (s->padded_h - y) * s->padded_w, packer->rows = minimum(s->output_h - y, plan->band_rows);
  packer->next = 0, packer->end = packer->packing.steps, packer->credit = 0;
  packer->depth = packer->image_tile = packer->tile_step = 0;
  packer->gradient_tile = packer->pair = packer->y = packer->x = 0;
  packer->packed_image = (Packed *)buffer, packer->pairs = buffer + packer->packing.image_bytes;
  packer->max_bits = _mm512_setzero_si512();
}

static void stop_packing(Packer *packer) { packer->end = 0; }

static inline __attribute__((always_inline)) void pack_image_step(Packer *packer) {
  const int64_t channels = packer->sizes->channels, k = packer->tile_step, tile = packer->image_tile;
  if (k < TILE) {
    const int64_t place = packer->depth * K_TILE + 2 * k;
    const real *low = packer->image + place * channels + tile * TILE;
    __builtin_prefetch(low + K_TILE * channels), __builtin_prefetch(low + (K_TILE + 1) * channels);
    split_row_pair(low, low + channels, place < packer->pixels ? 0xffff : 0, place + 1 < packer->pixels ? 0xffff : 0,
                   packer->tile[k], &packer->max_bits);
  } else {
    const int64_t group = tile / 2 * packer->packing.k_tiles + packer->depth;
    Packed *to = packer->packed_image + (group * 6 + 2 * (k - TILE) + tile % 2) * TILE_WORDS;
    __m512i rows[16];
    for (int i = 0; i < 16; i++) rows[i] = packer->tile[i][k - TILE];
    transpose_tile(rows);
    for (int i = 0; i < 16; i++) _mm512_store_si512(to + i * TILE, rows[i]);
  }
  if (++packer->tile_step < TILE_STEPS) return;
  packer->tile_step = 0;
  if (++packer->image_tile * TILE == channels) packer->image_tile = 0, packer->depth++;
}

/* Sixteen filters of the output gradient at two places: the pair that starts at an even place, and the pair of the place
   before with the first of them. */
static inline __attribute__((always_inline)) void pack_gradient_step(Packer *packer) {
  const Sizes *s = packer->sizes;
  const int64_t all = packer->packing.pairs, pair = packer->pair, tile = packer->gradient_tile;
  const __m512i upper = _mm512_set1_epi32(0xffff0000);
  char *even = packer->pairs + (tile * 3 * all + pair) * 64;
  char *odd = even + (s->padded_filters / TILE) * 3 * all * 64 - (pair ? 64 : 0);
  __m512i parts[2][3];
  for (int64_t h = 0; h < 2; h++) {
    const int64_t y = packer->y, x = packer->x, is_leading = pair < packer->packing.leading_pairs;
    const real *from = packer->gradient + (y * s->output_w + x) * s->filters + tile * TILE;
    const int inside = !is_leading && x < s->output_w && y < packer->rows;
    split(_mm512_maskz_loadu_ps(inside ? tail_mask(s->filters - tile * TILE) : 0, from), parts[h], &packer->max_bits);
    if (!is_leading && ++packer->x == s->padded_w) packer->x = 0, packer->y++;
  }
  for (int p = 0; p < 3; p++, even += all * 64, odd += all * 64) {
    const __m512i first = _mm512_srli_epi32(parts[0][p], 16);
    _mm512_store_si512(even, _mm512_or_si512(_mm512_and_si512(parts[1][p], upper), first));
    _mm512_store_si512(odd, _mm512_or_si512(_mm512_and_si512(parts[0][p], upper), packer->previous[p]));
    packer->previous[p] = _mm512_srli_epi32(parts[1][p], 16);
  }
  if (++packer->pair == all) packer->pair = packer->y = packer->x = 0, packer->gradient_tile++;
}

static __attribute__((noinline)) void pack_steps(void *data) {
  Packer *packer = data;
  const int64_t steps = packer->packing.steps, slots = packer->packing.slots;
  for (packer->credit += steps; packer->credit >= slots && packer->next < packer->end; packer->next++, packer->credit -= slots)
    if (packer->next < packer->packing.image_steps) pack_image_step(packer);
    else pack_gradient_step(packer);
}

static int finish_band(Packer *packer) {
  packer->credit = packer->packing.steps * packer->packing.slots;
  pack_steps(packer);
  return is_splittable(packer->max_bits);
}

/* Add the contribution of a packed band to the sums. */
static void add_band(const char *buffer, real *sums, Packer *packer) {
  const Sizes *s = packer->sizes;
  const Packing p = packer->packing;
  const Packed *image = (const Packed *)buffer;
  const char *pairs = buffer + p.image_bytes;
  const Layout gradient = {64, 3 * p.pairs * 64, p.pairs * 64, TILE * 64};
  for (int64_t c = 0; c < s->channels; c += 32)
    for (int64_t f = 0; f < s->padded_filters; f += 32)
      for (int64_t y = 0; y < s->window_h; y++)
        for (int64_t x = 0; x < s->window_w; x++) {
          const int64_t shift = y * s->dilation_y * s->padded_w + x * s->dilation_x, odd = shift % 2;
          const int64_t pair = p.leading_pairs - (shift + 1) / 2;
          real *to = sums + ((y * s->window_w + x) * s->channels + c) * s->padded_filters + f;
          load_accumulators(to, s->padded_filters * sizeof(real), 1);
          multiply_accumulate(image + c / 32 * p.k_tiles * 6 * TILE_WORDS, PACKED_LAYOUT,
                              pairs + ((odd * s->padded_filters + f) / TILE * 3 * p.pairs + pair) * 64, gradient,
                              p.k_tiles * K_TILE, pack_steps, packer);
          store_accumulators(to, s->padded_filters * sizeof(real));
        }
}
