/* Both sides of a product, packed for units that multiply tiles of numbers of sixteen bits, three of which are a float32:
   x = x1 + x2 + x3 exactly, each with eight of its twenty-four digits. Of the nine products of two such sums the six are
   added up, as float32, that reach the digits of a float32. */

#include <immintrin.h>

enum { TILE = 16, DEEP = 32, PART = TILE * TILE };

typedef uint32_t packed;

/* Two tiles, and three parts, for each thirty-two of the axis that is summed over. */
static int64_t left_size(int64_t deep) { return parts_of(deep, DEEP) * 6 * PART; }
static int64_t right_size(int64_t deep) { return left_size(deep); }

/* The instructions, which compilers must know to read and write memory. */
#define ZERO(t) ({ asm volatile("tilezero %%tmm" #t ::: "memory"); })
#define LOAD(t, from, step) ({ asm volatile("tileloadd (%0,%1,1), %%tmm" #t ::"r"(from), "r"((int64_t)step) : "memory"); })
#define STORE(t, to, step) ({ asm volatile("tilestored %%tmm" #t ", (%0,%1,1)" ::"r"(to), "r"((int64_t)step) : "memory"); })
#define DOT(c, a, b) ({ asm volatile("tdpbf16ps %%tmm" #b ", %%tmm" #a ", %%tmm" #c ::: "memory"); })

static void begin(void) {
  struct __attribute__((packed)) {
    uint8_t palette, start, none[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
  } tiles = {.palette = 1};
  for (int t = 0; t < 8; t++) tiles.row_bytes[t] = 64, tiles.rows[t] = TILE;
  asm volatile("ldtilecfg %0" ::"m"(tiles));
}

static void end(void) { asm volatile("tilerelease"); }

/* The three parts of sixteen numbers, each in the upper half of its word; and the greatest of the first parts. */
static inline __attribute__((always_inline)) void split(__m512 x, __m512i part[3], __m512i *most) {
  const __m512i half = _mm512_set1_epi32(0x8000), upper = _mm512_set1_epi32(0xffff0000);
  for (int k = 0; k < 3; k++) {
    part[k] = _mm512_and_si512(_mm512_add_epi32(_mm512_castps_si512(x), half), upper);
    x = _mm512_sub_ps(x, _mm512_castsi512_ps(part[k]));
  }
  *most = _mm512_max_epu32(*most, _mm512_slli_epi32(part[0], 1));
}

/* Whether all numbers were ones that have three parts: not so infinity, nan, and what rounds to them. */
static int have_parts(__m512i most) { return _mm512_cmplt_epu32_mask(most, _mm512_set1_epi32(0xff000000)) == 0xffff; }

/* A tile turned around. */
static void turn(__m512i r[16]) {
  __m512i s[16];
  for (int k = 0; k < 16; k += 2) {
    s[k] = _mm512_unpacklo_epi32(r[k], r[k + 1]);
    s[k + 1] = _mm512_unpackhi_epi32(r[k], r[k + 1]);
  }
  for (int k = 0; k < 16; k += 4)
    for (int h = 0; h < 2; h++) {
      r[k + 2 * h] = _mm512_unpacklo_epi64(s[k + h], s[k + h + 2]);
      r[k + 2 * h + 1] = _mm512_unpackhi_epi64(s[k + h], s[k + h + 2]);
    }
  for (int k = 0; k < 4; k++) {
    s[k] = _mm512_shuffle_i32x4(r[k], r[k + 4], 0x88);
    s[k + 4] = _mm512_shuffle_i32x4(r[k], r[k + 4], 0xdd);
    s[k + 8] = _mm512_shuffle_i32x4(r[k + 8], r[k + 12], 0x88);
    s[k + 12] = _mm512_shuffle_i32x4(r[k + 8], r[k + 12], 0xdd);
  }
  for (int k = 0; k < 8; k++) {
    r[k] = _mm512_shuffle_i32x4(s[k], s[k + 8], 0x88);
    r[k + 8] = _mm512_shuffle_i32x4(s[k], s[k + 8], 0xdd);
  }
}

/* Which of sixteen there are, where so many are left. */
static inline __mmask16 here(int64_t left) { return left >= 16 ? 0xffff : left > 0 ? (1 << left) - 1 : 0; }

/* A row of three tiles, from two neighbours on the axis that is summed over, for sixteen of the other. */
static inline __attribute__((always_inline)) void
pair(const real *low, const real *high, __mmask16 low_mask, __mmask16 high_mask, __m512i rows[3], __m512i *most) {
  const __m512i upper = _mm512_set1_epi32(0xffff0000);
  __m512i a[3], b[3];
  split(_mm512_maskz_loadu_ps(low_mask, low), a, most);
  split(_mm512_maskz_loadu_ps(high_mask, high), b, most);
  for (int p = 0; p < 3; p++)
    rows[p] = _mm512_or_si512(_mm512_and_si512(b[p], upper), _mm512_srli_epi32(a[p], 16));
}

/* A row of three tiles, from thirty-two numbers of the axis that is summed over. */
static inline __attribute__((always_inline)) void
line(const real *from, __mmask16 first, __mmask16 second, __m512i rows[3], __m512i *most) {
  const __m512i odd = _mm512_set_epi16(63, 61, 59, 57, 55, 53, 51, 49, 47, 45, 43, 41, 39, 37, 35, 33, 31, 29, 27, 25, 23, 21,
                                       19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
  __m512i a[3], b[3];
  split(_mm512_maskz_loadu_ps(first, from), a, most);
  split(_mm512_maskz_loadu_ps(second, from + 16), b, most);
  for (int p = 0; p < 3; p++) rows[p] = _mm512_permutex2var_epi16(a[p], odd, b[p]);
}

/* Three tiles of a side whose other axis lies in one piece (across), or the axis that is summed over (along). */
static void tiles_across(const real *from, int64_t stride, int64_t wide, int64_t deep, __m512i rows[16][3], __m512i *most) {
  const __mmask16 mask = here(wide);
  for (int k = 0; k < 16; k++)
    pair(from + 2 * k * stride, from + (2 * k + 1) * stride, 2 * k < deep ? mask : 0, 2 * k + 1 < deep ? mask : 0, rows[k],
         most);
}

static void tiles_along(const real *from, int64_t stride, int64_t wide, int64_t deep, __m512i rows[16][3], __m512i *most) {
  const __mmask16 first = here(deep), second = here(deep - 16);
  for (int k = 0; k < 16; k++) line(from + k * stride, k < wide ? first : 0, k < wide ? second : 0, rows[k], most);
}

/* Put three tiles down, one part behind the other, two tiles apart. */
static void put(__m512i rows[16][3], int turned, packed *to) {
  for (int p = 0; p < 3; p++, to += 2 * PART) {
    __m512i tile[16];
    for (int k = 0; k < 16; k++) tile[k] = rows[k][p];
    if (turned) turn(tile);
    for (int k = 0; k < 16; k++) _mm512_store_si512(to + 16 * k, tile[k]);
  }
}

static int pack_left(const Given *given, int64_t row, packed *to) {
  __m512i most = _mm512_setzero_si512(), rows[16][3];
  for (int64_t k = 0; k < given->k; k += DEEP, to += 6 * PART)
    for (int64_t t = 0; t < 2; t++) {
      const int64_t r = row + t * TILE;
      if (LEFT_TURNED) tiles_across(left_at(given, r, k), given->m, given->m - r, given->k - k, rows, &most);
      else tiles_along(left_at(given, r, k), given->k, given->m - r, given->k - k, rows, &most);
      put(rows, LEFT_TURNED, to + t * PART);
    }
  return have_parts(most);
}

/* A panel of the right side is packed step by step while another is multiplied: vector units have nothing to do then. A
   step is a row of three tiles, or three tiles where they must be turned around. */
typedef struct {
  const real *from;
  int64_t stride, wide, deep, next, steps;
  packed *to;
  __m512i most;
} Ahead;

static Ahead ahead_of(const Given *given, int64_t from, int64_t deep, int64_t column, packed *to) {
  const int64_t tiles = 2 * parts_of(deep, DEEP);
  return (Ahead){right_at(given, from, column), RIGHT_TURNED ? given->k : given->n, given->n - column, given->k - from, 0,
                 RIGHT_TURNED ? tiles : tiles * TILE, to, _mm512_setzero_si512()};
}

static inline __attribute__((always_inline)) void go_ahead(Ahead *ahead, int64_t steps) {
  for (; steps > 0 && ahead->next < ahead->steps; steps--, ahead->next++) {
    const int64_t t = ahead->next % 2, k = ahead->next / 2;
    if (RIGHT_TURNED) {
      __m512i rows[16][3];
      tiles_along(ahead->from + t * TILE * ahead->stride + k * DEEP, ahead->stride, ahead->wide - t * TILE,
                  ahead->deep - k * DEEP, rows, &ahead->most);
      put(rows, 1, ahead->to + (6 * k + t) * PART);
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
  go_ahead(ahead, ahead->steps);
  return have_parts(ahead->most);
}

/* Add to two by two tiles what a part of the axis gives that is summed over, and pack ahead meanwhile. */
static void product_tile(const packed *p, const packed *q, real *sum, int64_t deep, int on, Ahead *ahead, int64_t users) {
#define LEFT(part) LOAD(4, p + 2 * part * PART, 64), LOAD(5, p + (2 * part + 1) * PART, 64)
#define RIGHT(part) LOAD(6, q + 2 * part * PART, 64), LOAD(7, q + (2 * part + 1) * PART, 64)
#define MEET DOT(0, 4, 6), DOT(1, 4, 7), DOT(2, 5, 6), DOT(3, 5, 7), go_ahead(ahead, pace)
  const int64_t pace = parts_of(ahead->steps, 6 * parts_of(deep, DEEP) * users);
  real *low = sum + TILE * BLOCK;
  if (on) {
    LOAD(0, sum, 4 * BLOCK);
    LOAD(1, sum + TILE, 4 * BLOCK);
    LOAD(2, low, 4 * BLOCK);
    LOAD(3, low + TILE, 4 * BLOCK);
  } else ZERO(0), ZERO(1), ZERO(2), ZERO(3);
  for (int64_t k = 0; k < deep; k += DEEP, p += 6 * PART, q += 6 * PART) {
    LEFT(0), RIGHT(2), MEET;
    RIGHT(1), MEET;
    LEFT(1), MEET;
    RIGHT(0), MEET;
    LEFT(2), MEET;
    LEFT(0), MEET;
  }
  STORE(0, sum, 4 * BLOCK);
  STORE(1, sum + TILE, 4 * BLOCK);
  STORE(2, low, 4 * BLOCK);
  STORE(3, low + TILE, 4 * BLOCK);
}
