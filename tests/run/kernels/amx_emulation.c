/* Emulation of the AMX tile instructions, and of the AVX-512 intrinsics around them, for processors without AMX. Tests compile
   it in place of kernels/amx/instructions.c. Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2. */

#pragma GCC optimize("O1") /* compiles four times as fast as with -O3 */

#include <float.h>

typedef float __m512 __attribute__((vector_size(64)));
typedef int32_t __m512i __attribute__((vector_size(64)));
typedef uint32_t uint32x16 __attribute__((vector_size(64)));
typedef uint16_t __mmask16;

/* Vector instructions */

static void check_aligned(const void *p) {
  if ((uintptr_t)p % 64) abort();
}

static __m512i _mm512_setzero_si512(void) { return (__m512i){0}; }
static __m512i _mm512_set1_epi32(int32_t x) { return x - (__m512i){0}; }
static __m512i _mm512_castps_si512(__m512 x) { return (__m512i)x; }
static __m512 _mm512_castsi512_ps(__m512i x) { return (__m512)x; }
static __m512i _mm512_and_si512(__m512i a, __m512i b) { return a & b; }
static __m512i _mm512_or_si512(__m512i a, __m512i b) { return a | b; }
static __m512i _mm512_add_epi32(__m512i a, __m512i b) { return a + b; }
static __m512 _mm512_sub_ps(__m512 a, __m512 b) { return a - b; }
static __m512i _mm512_slli_epi32(__m512i a, int n) { return (__m512i)((uint32x16)a << n); }
static __m512i _mm512_srli_epi32(__m512i a, int n) { return (__m512i)((uint32x16)a >> n); }

static __m512i _mm512_max_epu32(__m512i a, __m512i b) {
  const __m512i greater = (uint32x16)a > (uint32x16)b;
  return a & greater | b & ~greater;
}

static __mmask16 _mm512_cmplt_epu32_mask(__m512i a, __m512i b) {
  __mmask16 mask = 0;
  for (int k = 0; k < 16; k++) mask |= ((uint32_t)a[k] < (uint32_t)b[k]) << k;
  return mask;
}

/* Elements i and j of each operand's quarter, in turn: a[i], b[i], a[j], b[j]. */
static __m512i interleave(__m512i a, __m512i b, int i, int j) {
  __m512i r;
  for (int q = 0; q < 16; q += 4) r[q] = a[q + i], r[q + 1] = b[q + i], r[q + 2] = a[q + j], r[q + 3] = b[q + j];
  return r;
}

static __m512i _mm512_unpacklo_epi32(__m512i a, __m512i b) { return interleave(a, b, 0, 1); }
static __m512i _mm512_unpackhi_epi32(__m512i a, __m512i b) { return interleave(a, b, 2, 3); }

static __m512i join_halves(__m512i a, __m512i b, int i) {
  __m512i r;
  for (int q = 0; q < 16; q += 4) r[q] = a[q + i], r[q + 1] = a[q + i + 1], r[q + 2] = b[q + i], r[q + 3] = b[q + i + 1];
  return r;
}

static __m512i _mm512_unpacklo_epi64(__m512i a, __m512i b) { return join_halves(a, b, 0); }
static __m512i _mm512_unpackhi_epi64(__m512i a, __m512i b) { return join_halves(a, b, 2); }

static __m512i _mm512_shuffle_i32x4(__m512i a, __m512i b, int order) {
  __m512i r;
  for (int q = 0; q < 4; q++)
    for (int k = 0; k < 4; k++) r[4 * q + k] = (q < 2 ? a : b)[4 * (order >> 2 * q & 3) + k];
  return r;
}

static __m512i emulate_set_epi16(const int16_t x[32]) {
  uint16_t reversed[32];
  __m512i r;
  for (int k = 0; k < 32; k++) reversed[k] = x[31 - k];
  memcpy(&r, reversed, 64);
  return r;
}
#define _mm512_set_epi16(...) emulate_set_epi16((const int16_t[]){__VA_ARGS__})

static __m512i _mm512_permutex2var_epi16(__m512i a, __m512i index, __m512i b) {
  uint16_t from[64], at[32], r[32];
  __m512i result;
  memcpy(from, &a, 64), memcpy(from + 32, &b, 64), memcpy(at, &index, 64);
  for (int k = 0; k < 32; k++) r[k] = from[at[k] & 63];
  memcpy(&result, r, 64);
  return result;
}

static __m512 _mm512_maskz_loadu_ps(__mmask16 mask, const float *from) {
  __m512 r = {0};
  if (mask == 0xffff) memcpy(&r, from, 64);
  else
    for (int k = 0; k < 16; k++)
      if (mask >> k & 1) r[k] = from[k];
  return r;
}

static void _mm512_mask_storeu_ps(float *to, __mmask16 mask, __m512 x) {
  for (int k = 0; k < 16; k++)
    if (mask >> k & 1) to[k] = x[k];
}

static __m512 _mm512_load_ps(const float *from) {
  __m512 r;
  check_aligned(from);
  memcpy(&r, from, 64);
  return r;
}

static void _mm512_storeu_si512(void *to, __m512i x) { memcpy(to, &x, 64); }

static void _mm512_store_si512(void *to, __m512i x) {
  check_aligned(to);
  memcpy(to, &x, 64);
}

/* Tile instructions. The emulation aborts where the processor would raise an exception, and if tiles were not released. */

typedef struct __attribute__((packed)) {
  uint8_t palette, start_row, reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} TileConfig;

static _Thread_local TileConfig config;
static _Thread_local uint8_t tiles[8][16][64];

static __attribute__((noinline)) void emulate_ldtilecfg(const TileConfig *given) {
  for (int t = 0; t < 8; t++)
    if (given->palette != 1 || given->row_bytes[t] > 64 || given->rows[t] > 16 || config.palette) abort();
  config = *given;
  memset(tiles, 0, sizeof tiles);
}

static __attribute__((noinline)) void emulate_tilerelease(void) { memset(&config, 0, sizeof config); }

static __attribute__((noinline)) void emulate_tilezero(int t) {
  if (!config.palette) abort();
  memset(tiles[t], 0, sizeof tiles[t]);
}

static __attribute__((noinline)) void emulate_tileloadd(int t, const void *from, int64_t stride) {
  emulate_tilezero(t);
  for (int r = 0; r < config.rows[t]; r++) memcpy(tiles[t][r], (const char *)from + r * stride, config.row_bytes[t]);
}

static __attribute__((noinline)) void emulate_tilestored(int t, void *to, int64_t stride) {
  if (!config.palette) abort();
  for (int r = 0; r < config.rows[t]; r++) memcpy((char *)to + r * stride, tiles[t][r], config.row_bytes[t]);
}

/* Denormals are zero, in operands and results. */
static inline float flush(float x) { return __builtin_fabsf(x) < FLT_MIN ? 0 : x; }

static inline float from_bf16(uint16_t x) {
  const uint32_t bits = (uint32_t)x << 16;
  float r;
  memcpy(&r, &bits, 4);
  return flush(r);
}

/* Products of pairs: even and odd elements have separate sums, with one rounding to nearest even for each product (which is
   exact) and its addition. Both sums are added, and then their sum to the accumulator. */
static __attribute__((noinline)) void emulate_tdpbf16ps(int c, int a, int b) {
  if (!config.palette || config.rows[a] != config.rows[c] || config.row_bytes[b] != config.row_bytes[c] ||
      config.row_bytes[a] != 4 * config.rows[b])
    abort();
  float even[16][16], odd[16][16];
  for (int k = 0; k < config.rows[b]; k++)
    for (int n = 0; n < 16; n++) {
      uint16_t pair[2];
      memcpy(pair, tiles[b][k] + 4 * n, 4);
      even[k][n] = from_bf16(pair[0]), odd[k][n] = from_bf16(pair[1]);
    }
  for (int m = 0; m < config.rows[a]; m++) {
    float sums[2][16] = {{0}}, row[16];
    for (int k = 0; k < config.rows[b]; k++) {
      uint16_t pair[2];
      memcpy(pair, tiles[a][m] + 4 * k, 4);
      const float first = from_bf16(pair[0]), second = from_bf16(pair[1]);
      for (int n = 0; n < 16; n++) sums[0][n] = flush(__builtin_fmaf(first, even[k][n], sums[0][n]));
      for (int n = 0; n < 16; n++) sums[1][n] = flush(__builtin_fmaf(second, odd[k][n], sums[1][n]));
    }
    memcpy(row, tiles[c][m], 64);
    for (int n = 0; n < config.row_bytes[c] / 4; n++) row[n] = flush(flush(row[n]) + flush(sums[0][n] + sums[1][n]));
    memcpy(tiles[c][m], row, 64);
  }
}

#define LDTILECFG(given) emulate_ldtilecfg(&given)
#define TILERELEASE() emulate_tilerelease()
#define TILEZERO(t) emulate_tilezero(t)
#define TILELOADD(t, from, stride) emulate_tileloadd(t, from, stride)
#define TILESTORED(t, to, stride) emulate_tilestored(t, to, stride)
#define TDPBF16PS(c, a, b) emulate_tdpbf16ps(c, a, b)
