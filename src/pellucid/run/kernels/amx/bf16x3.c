/* bf16x3: float32 products on AMX units, which multiply tiles of bfloat16 and accumulate in float32.

   A float32 has 24 significant bits and a bfloat16 has 8, so x = x1 + x2 + x3 exactly, with each part rounded to nearest. Of
   the nine products of two such sums, the six that reach the bits of a float32 are accumulated. The other three are less
   than one rounding error. Parts below the smallest normal number are lost, because AMX treats them as zero. */

enum { TILE = 16, K_TILE = 32, TILE_WORDS = TILE * TILE };

/* A packed panel: for each K_TILE of the summed axis, two tiles of each of the three parts. One word holds two bfloat16. */
typedef uint32_t Packed;
static int64_t packed_size(int64_t depth) { return (depth + K_TILE - 1) / K_TILE * 6 * TILE_WORDS; }

static void begin_tiles(void) {
  TileConfig config = {.palette = 1};
  for (int t = 0; t < 8; t++) config.row_bytes[t] = 64, config.rows[t] = TILE;
  LDTILECFG(config);
}

static void end_tiles(void) { TILERELEASE(); }

/* The three parts of sixteen numbers, each in the upper half of its word; max_bits keeps the largest first part. Adding half
   of the last kept bit rounds to nearest: with truncation the dropped products would be up to eight times as large, and all
   of one sign. */
static inline __attribute__((always_inline)) void split(__m512 x, __m512i part[3], __m512i *max_bits) {
  const __m512i half = _mm512_set1_epi32(0x8000), upper = _mm512_set1_epi32(0xffff0000);
  for (int k = 0; k < 3; k++) {
    part[k] = _mm512_and_si512(_mm512_add_epi32(_mm512_castps_si512(x), half), upper);
    x = _mm512_sub_ps(x, _mm512_castsi512_ps(part[k]));
  }
  *max_bits = _mm512_max_epu32(*max_bits, _mm512_slli_epi32(part[0], 1));
}

/* Whether all numbers could be split: infinity, NaN and numbers that round to infinity cannot. */
static int is_splittable(__m512i max_bits) {
  return _mm512_cmplt_epu32_mask(max_bits, _mm512_set1_epi32(0xff000000)) == 0xffff;
}

static void transpose_tile(__m512i r[16]) {
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

/* Mask of the lanes that hold numbers, when count numbers are left. */
static inline __mmask16 tail_mask(int64_t count) { return count >= 16 ? 0xffff : count > 0 ? (1 << count) - 1 : 0; }

/* One row of three tiles, from two neighbors on the summed axis that are in different rows of the operand. */
static inline __attribute__((always_inline)) void
split_row_pair(const real *low, const real *high, __mmask16 low_mask, __mmask16 high_mask, __m512i rows[3], __m512i *max_bits) {
  const __m512i upper = _mm512_set1_epi32(0xffff0000);
  __m512i a[3], b[3];
  split(_mm512_maskz_loadu_ps(low_mask, low), a, max_bits);
  split(_mm512_maskz_loadu_ps(high_mask, high), b, max_bits);
  for (int p = 0; p < 3; p++)
    rows[p] = _mm512_or_si512(_mm512_and_si512(b[p], upper), _mm512_srli_epi32(a[p], 16));
}

/* The upper halves of the words of two vectors. */
static const uint16_t odd_places[32] __attribute__((aligned(64))) = {1,  3,  5,  7,  9,  11, 13, 15, 17, 19, 21,
                                                                     23, 25, 27, 29, 31, 33, 35, 37, 39, 41, 43,
                                                                     45, 47, 49, 51, 53, 55, 57, 59, 61, 63};

/* One row of three tiles, from 32 contiguous numbers of the summed axis. */
static inline __attribute__((always_inline)) void
split_row(const real *from, __mmask16 first, __mmask16 second, __m512i rows[3], __m512i *max_bits) {
  __m512i odd;
  memcpy(&odd, odd_places, sizeof odd);
  __m512i a[3], b[3];
  split(_mm512_maskz_loadu_ps(first, from), a, max_bits);
  split(_mm512_maskz_loadu_ps(second, from + 16), b, max_bits);
  for (int p = 0; p < 3; p++) rows[p] = _mm512_permutex2var_epi16(a[p], odd, b[p]);
}

/* Three tiles of an operand whose summed axis is strided in memory. */
static void
split_strided(const real *from, int64_t stride, int64_t width, int64_t depth, __m512i rows[16][3], __m512i *max_bits) {
  const __mmask16 mask = tail_mask(width);
  for (int k = 0; k < 16; k++)
    split_row_pair(from + 2 * k * stride, from + (2 * k + 1) * stride, 2 * k < depth ? mask : 0, 2 * k + 1 < depth ? mask : 0,
                   rows[k], max_bits);
}

/* Three tiles of an operand whose summed axis is contiguous in memory. */
static void
split_contiguous(const real *from, int64_t stride, int64_t width, int64_t depth, __m512i rows[16][3], __m512i *max_bits) {
  const __mmask16 first = tail_mask(depth), second = tail_mask(depth - 16);
  for (int k = 0; k < 16; k++) split_row(from + k * stride, k < width ? first : 0, k < width ? second : 0, rows[k], max_bits);
}

/* Store the tiles of the three parts, two tiles apart. */
static void store_tiles(__m512i rows[16][3], int transposed, Packed *to) {
  for (int p = 0; p < 3; p++, to += 2 * TILE_WORDS) {
    __m512i tile[16];
    for (int k = 0; k < 16; k++) tile[k] = rows[k][p];
    if (transposed) transpose_tile(tile);
    for (int k = 0; k < 16; k++) _mm512_store_si512(to + 16 * k, tile[k]);
  }
}

/* The accumulators are two by two tiles, tmm0 to tmm3. */
static inline __attribute__((always_inline)) void load_accumulators(const real *sums, int64_t stride, int add) {
  if (add) {
    TILELOADD(0, sums, stride);
    TILELOADD(1, sums + TILE, stride);
    TILELOADD(2, (const char *)sums + TILE * stride, stride);
    TILELOADD(3, (const char *)sums + TILE * stride + 64, stride);
  } else TILEZERO(0), TILEZERO(1), TILEZERO(2), TILEZERO(3);
}

static inline __attribute__((always_inline)) void store_accumulators(real *sums, int64_t stride) {
  TILESTORED(0, sums, stride);
  TILESTORED(1, sums + TILE, stride);
  TILESTORED(2, (char *)sums + TILE * stride, stride);
  TILESTORED(3, (char *)sums + TILE * stride + 64, stride);
}

/* Layout of an operand's tiles: bytes from one row to the next, one tile to the next, one part to the next, and one K_TILE of
   the summed axis to the next. */
typedef struct {
  int64_t row, tile, part, depth;
} Layout;

#define PACKED_LAYOUT (Layout){64, 4 * TILE_WORDS, 8 * TILE_WORDS, 24 * TILE_WORDS}

/* Add to the accumulators the products over a piece of the summed axis. The vector units are idle meanwhile, so one step of
   other work, such as packing, is interleaved with every group of products. Small products come first, to lose fewer bits. */
static inline __attribute__((always_inline)) void
multiply_accumulate(const void *left, Layout p, const void *right, Layout q, int64_t depth, void (*interleaved)(void *),
                    void *data) {
  const char *a = left, *b = right;
#define LOAD_LEFT(k) TILELOADD(4, a + k * p.part, p.row), TILELOADD(5, a + k * p.part + p.tile, p.row)
#define LOAD_RIGHT(k) TILELOADD(6, b + k * q.part, q.row), TILELOADD(7, b + k * q.part + q.tile, q.row)
#define MULTIPLY TDPBF16PS(0, 4, 6), TDPBF16PS(1, 4, 7), TDPBF16PS(2, 5, 6), TDPBF16PS(3, 5, 7), interleaved(data)
  for (int64_t k = 0; k < depth; k += K_TILE, a += p.depth, b += q.depth) {
    LOAD_LEFT(0), LOAD_RIGHT(2), MULTIPLY;
    LOAD_RIGHT(1), MULTIPLY;
    LOAD_LEFT(1), MULTIPLY;
    LOAD_RIGHT(0), MULTIPLY;
    LOAD_LEFT(2), MULTIPLY;
    LOAD_LEFT(0), MULTIPLY;
  }
}
