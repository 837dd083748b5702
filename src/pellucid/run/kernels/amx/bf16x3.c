/* Units that multiply tiles of numbers of sixteen bits, three of which are a float32: x = x1 + x2 + x3 exactly, each with
   eight of its twenty-four digits, but for parts below the normal numbers, which are taken for 0. Of the nine products of
   two such sums the six are added up, as float32, that reach the digits of a float32. */

#include <immintrin.h>

enum { TILE = 16, DEEP = 32, PART = TILE * TILE };

/* Two tiles, and three parts, for each thirty-two of the axis that is summed over. */
typedef uint32_t packed;
static int64_t packed_size(int64_t deep) { return (deep + DEEP - 1) / DEEP * 6 * PART; }

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
static void put_tiles(__m512i rows[16][3], int turned, packed *to) {
  for (int p = 0; p < 3; p++, to += 2 * PART) {
    __m512i tile[16];
    for (int k = 0; k < 16; k++) tile[k] = rows[k][p];
    if (turned) turn(tile);
    for (int k = 0; k < 16; k++) _mm512_store_si512(to + 16 * k, tile[k]);
  }
}

/* Two by two tiles of sums are fetched, or begun with zeros, and put down. */
static inline __attribute__((always_inline)) void fetch_sums(const real *sum, int64_t row, int on) {
  if (on) {
    LOAD(0, sum, row);
    LOAD(1, sum + TILE, row);
    LOAD(2, (const char *)sum + TILE * row, row);
    LOAD(3, (const char *)sum + TILE * row + 64, row);
  } else ZERO(0), ZERO(1), ZERO(2), ZERO(3);
}

static inline __attribute__((always_inline)) void put_sums(real *sum, int64_t row) {
  STORE(0, sum, row);
  STORE(1, sum + TILE, row);
  STORE(2, (char *)sum + TILE * row, row);
  STORE(3, (char *)sum + TILE * row + 64, row);
}

/* How tiles of a side lie: how many bytes from a row to the next, to the next tile, part, and thirty-two of the axis that
   is summed over. */
typedef struct {
  int64_t row, tile, part, deep;
} Lie;

#define IN_TILES (Lie){64, 4 * PART, 8 * PART, 24 * PART}

/* Add to the sums what a part of the axis gives that is summed over, while something else is done step by step. */
static inline __attribute__((always_inline)) void
add_products(const void *left, Lie p, const void *right, Lie q, int64_t deep, void (*meanwhile)(void *), void *what) {
  const char *a = left, *b = right;
#define LEFT_PART(k) LOAD(4, a + k * p.part, p.row), LOAD(5, a + k * p.part + p.tile, p.row)
#define RIGHT_PART(k) LOAD(6, b + k * q.part, q.row), LOAD(7, b + k * q.part + q.tile, q.row)
#define MEET DOT(0, 4, 6), DOT(1, 4, 7), DOT(2, 5, 6), DOT(3, 5, 7), meanwhile(what)
  for (int64_t at = 0; at < deep; at += DEEP, a += p.deep, b += q.deep) {
    LEFT_PART(0), RIGHT_PART(2), MEET;
    RIGHT_PART(1), MEET;
    LEFT_PART(1), MEET;
    RIGHT_PART(0), MEET;
    LEFT_PART(2), MEET;
    LEFT_PART(0), MEET;
  }
}
