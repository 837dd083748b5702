/* What an image adds to the gradient of a kernel, by units that multiply tiles. The axis that is summed over are the places
   that windows see, counted through from row to row. An image meets its slopes as many places further on as a number of the
   window is from its first: slopes lie pair by pair for that, once those that begin with an even place and once with an odd
   one, zero where there are none. */

enum {
  FARTHEST = (WINDOW_H - 1) * DILATION_Y * SEEN_W + (WINDOW_W - 1) * DILATION_X,
  DEEPS = ((BAND_ROWS - 1) * SEEN_W + MADE_W + FARTHEST + DEEP - 1) / DEEP,
  BEFORE = (FARTHEST + 1) / 2,
  PAIRS = BEFORE + DEEPS * TILE,
  SLOPES = PAIRS * FILLED * 6, /* numbers of sixteen bits, two a pair */
  ROOM = DEEPS * DEEP * CHANNELS * 6 + 2 * SLOPES * 2,
  TURNS = 19, /* sixteen rows of a tile, and the turning of each of its parts */
  SPLITS = DEEPS * (CHANNELS / TILE) * TURNS,
  STEPS = SPLITS + PAIRS * (FILLED / TILE),
  SLOTS = 6 * DEEPS * (FILLED / 32) * (CHANNELS / 32) * WINDOW_H * WINDOW_W
};

/* A band of an image, and its slopes, are packed while another is multiplied: vector units have nothing to do then. */
typedef struct {
  const real *seen, *slopes;
  int64_t pixels, rows, next, end, credit;
  packed *image;
  char *pairs;
  __m512i tile[16][3], before[3], most;
} Ahead;

static void begin_band(Ahead *ahead, const real *seen, const real *slopes, int64_t band, char *room) {
  const int64_t y = band * BAND_ROWS;
  ahead->seen = seen + y * SEEN_W * CHANNELS, ahead->slopes = slopes + y * MADE_W * FILTERS;
  ahead->pixels = (SEEN_H - y) * SEEN_W, ahead->rows = MADE_H - y < BAND_ROWS ? MADE_H - y : BAND_ROWS;
  ahead->next = 0, ahead->end = STEPS, ahead->credit = 0;
  ahead->image = (packed *)room, ahead->pairs = room + DEEPS * DEEP * CHANNELS * 6, ahead->most = _mm512_setzero_si512();
}

/* There is nothing more to pack. */
static void stop(Ahead *ahead) { ahead->end = 0; }

static inline __attribute__((always_inline)) void split_step(Ahead *ahead, int64_t step) {
  const int64_t group = step / TURNS, k = step % TURNS, deep = group / (CHANNELS / TILE), tile = group % (CHANNELS / TILE);
  if (k < TILE) {
    const int64_t place = deep * DEEP + 2 * k;
    const real *low = ahead->seen + place * CHANNELS + tile * TILE;
    __builtin_prefetch(low + DEEP * CHANNELS), __builtin_prefetch(low + (DEEP + 1) * CHANNELS);
    pair(low, low + CHANNELS, place < ahead->pixels ? 0xffff : 0, place + 1 < ahead->pixels ? 0xffff : 0, ahead->tile[k],
         &ahead->most);
  } else {
    packed *to = ahead->image + ((tile / 2 * DEEPS + deep) * 6 + 2 * (k - TILE) + tile % 2) * PART;
    __m512i turned[16];
    for (int i = 0; i < 16; i++) turned[i] = ahead->tile[i][k - TILE];
    turn(turned);
    for (int i = 0; i < 16; i++) _mm512_store_si512(to + i * TILE, turned[i]);
  }
}

/* Sixteen slopes of two places, zero where there are none: a pair, and the second one of the pair before with the first. */
static inline __attribute__((always_inline)) void slopes_step(Ahead *ahead, int64_t step) {
  const int64_t tile = step / PAIRS, at = step % PAIRS, place = 2 * (at - BEFORE);
  const __m512i upper = _mm512_set1_epi32(0xffff0000);
  char *even = ahead->pairs + (tile * 3 * PAIRS + at) * 64;
  char *odd = even + (FILLED / TILE) * 3 * PAIRS * 64 - (at ? 64 : 0);
  __m512i parts[2][3];
  for (int64_t h = 0; h < 2; h++) {
    const int64_t y = (place + h) / SEEN_W, x = (place + h) % SEEN_W;
    const real *from = ahead->slopes + (y * MADE_W + x) * FILTERS + tile * TILE;
    const int is_there = place >= 0 && x < MADE_W && y < ahead->rows;
    split(_mm512_maskz_loadu_ps(is_there ? here(FILTERS - tile * TILE) : 0, from), parts[h], &ahead->most);
  }
  for (int p = 0; p < 3; p++, even += PAIRS * 64, odd += PAIRS * 64) {
    const __m512i first = _mm512_srli_epi32(parts[0][p], 16);
    _mm512_store_si512(even, _mm512_or_si512(_mm512_and_si512(parts[1][p], upper), first));
    _mm512_store_si512(odd, _mm512_or_si512(_mm512_and_si512(parts[0][p], upper), ahead->before[p]));
    ahead->before[p] = _mm512_srli_epi32(parts[1][p], 16);
  }
}

static inline __attribute__((always_inline)) void go_ahead(void *data) {
  Ahead *ahead = data;
  for (ahead->credit += STEPS; ahead->credit >= SLOTS && ahead->next < ahead->end; ahead->next++, ahead->credit -= SLOTS)
    if (ahead->next < SPLITS) split_step(ahead, ahead->next);
    else slopes_step(ahead, ahead->next - SPLITS);
}

static int finish_band(Ahead *ahead) {
  ahead->credit = (int64_t)STEPS * SLOTS;
  go_ahead(ahead);
  return have_parts(ahead->most);
}

/* Add to the sums what a packed band gives. */
static void add_band(const char *room, real *sum, Ahead *ahead) {
  const packed *image = (const packed *)room;
  const char *pairs = room + DEEPS * DEEP * CHANNELS * 6;
  const Lie slopes = {64, 3 * PAIRS * 64, PAIRS * 64, TILE * 64};
  for (int64_t c = 0; c < CHANNELS; c += 32)
    for (int64_t f = 0; f < FILLED; f += 32)
      for (int64_t y = 0; y < WINDOW_H; y++)
        for (int64_t x = 0; x < WINDOW_W; x++) {
          const int64_t far = y * DILATION_Y * SEEN_W + x * DILATION_X, odd = far % 2, at = BEFORE - (far + 1) / 2;
          real *to = sum + ((y * WINDOW_W + x) * CHANNELS + c) * FILLED + f;
          fetch_sums(to, FILLED * sizeof(real), 1);
          add_products(image + c / 32 * DEEPS * 6 * PART, IN_TILES,
                       pairs + ((odd * FILLED + f) / TILE * 3 * PAIRS + at) * 64, slopes, DEEPS * DEEP, go_ahead, ahead);
          put_sums(to, FILLED * sizeof(real));
        }
}
