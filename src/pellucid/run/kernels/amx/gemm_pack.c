/* Both sides of a product, packed in panels for units that multiply tiles. */

static int64_t left_size(int64_t deep) { return packed_size(deep); }
static int64_t right_size(int64_t deep) { return packed_size(deep); }

static int pack_left(const Given *given, int64_t row, packed *to) {
  __m512i most = _mm512_setzero_si512(), rows[16][3];
  for (int64_t k = 0; k < given->k; k += DEEP, to += 6 * PART)
    for (int64_t t = 0; t < 2; t++) {
      const int64_t r = row + t * TILE;
      if (LEFT_TURNED) tiles_across(left_at(given, r, k), given->m, given->m - r, given->k - k, rows, &most);
      else tiles_along(left_at(given, r, k), given->k, given->m - r, given->k - k, rows, &most);
      put_tiles(rows, LEFT_TURNED, to + t * PART);
    }
  return have_parts(most);
}

/* A panel of the right side is packed step by step while another is multiplied: vector units have nothing to do then. A
   step is a row of three tiles, or three tiles where they must be turned around. */
typedef struct {
  const real *from;
  int64_t stride, wide, deep, next, steps, pace;
  packed *to;
  __m512i most;
} Ahead;

static Ahead ahead_of(const Given *given, int64_t from, int64_t deep, int64_t column, packed *to) {
  const int64_t tiles = 2 * parts_of(deep, DEEP);
  return (Ahead){.from = right_at(given, from, column),
                 .stride = RIGHT_TURNED ? given->k : given->n,
                 .wide = given->n - column,
                 .deep = given->k - from,
                 .steps = RIGHT_TURNED ? tiles : tiles * TILE,
                 .to = to};
}

static inline __attribute__((always_inline)) void go_ahead(void *data) {
  Ahead *ahead = data;
  for (int64_t s = 0; s < ahead->pace && ahead->next < ahead->steps; s++, ahead->next++) {
    const int64_t t = ahead->next % 2, k = ahead->next / 2;
    if (RIGHT_TURNED) {
      __m512i rows[16][3];
      tiles_along(ahead->from + t * TILE * ahead->stride + k * DEEP, ahead->stride, ahead->wide - t * TILE,
                  ahead->deep - k * DEEP, rows, &ahead->most);
      put_tiles(rows, 1, ahead->to + (6 * k + t) * PART);
    } else {
      const real *low = ahead->from + 2 * k * ahead->stride + t * TILE;
      const __mmask16 mask = here(ahead->wide - t * TILE);
      packed *to = ahead->to + (k / TILE * 6 + t) * PART + k % TILE * TILE;
      __m512i row[3];
      pair(low, low + ahead->stride, 2 * k < ahead->deep ? mask : 0, 2 * k + 1 < ahead->deep ? mask : 0, row, &ahead->most);
      for (int p = 0; p < 3; p++) _mm512_store_si512(to + 2 * p * PART, row[p]);
    }
  }
}

static int finish_packing(Ahead *ahead) {
  ahead->pace = ahead->steps;
  go_ahead(ahead);
  return have_parts(ahead->most);
}

/* Add to a block what a part of the axis gives that is summed over, and pack ahead meanwhile. */
static void product_tile(const packed *p, const packed *q, real *sum, int64_t deep, int on, Ahead *ahead, int64_t users) {
  ahead->pace = parts_of(ahead->steps, 6 * parts_of(deep, DEEP) * users);
  fetch_sums(sum, BLOCK * sizeof(real), on);
  add_products(p, IN_TILES, q, IN_TILES, deep, go_ahead, ahead);
  put_sums(sum, BLOCK * sizeof(real));
}
