/* The tile instructions of AMX, and the AVX-512 instructions around them, under the names of the compiler's intrinsics. Its
   header is not included: reading it takes longer than compiling a kernel. Tests compile an emulation in place of this file
   where the processor lacks them. */

typedef float __m512 __attribute__((vector_size(64), may_alias));
typedef int32_t __m512i __attribute__((vector_size(64), may_alias));
typedef uint32_t uint32x16 __attribute__((vector_size(64), may_alias));
typedef uint16_t __mmask16;

#define VECTOR static inline __attribute__((always_inline))

VECTOR __m512i _mm512_setzero_si512(void) { return (__m512i){0}; }
VECTOR __m512i _mm512_set1_epi32(int32_t x) { return x - (__m512i){0}; }
VECTOR __m512i _mm512_castps_si512(__m512 x) { return (__m512i)x; }
VECTOR __m512 _mm512_castsi512_ps(__m512i x) { return (__m512)x; }
VECTOR __m512i _mm512_and_si512(__m512i a, __m512i b) { return a & b; }
VECTOR __m512i _mm512_or_si512(__m512i a, __m512i b) { return a | b; }
VECTOR __m512i _mm512_add_epi32(__m512i a, __m512i b) { return (__m512i)((uint32x16)a + (uint32x16)b); }
VECTOR __m512 _mm512_sub_ps(__m512 a, __m512 b) { return a - b; }
VECTOR __m512i _mm512_slli_epi32(__m512i a, int n) { return (__m512i)((uint32x16)a << n); }
VECTOR __m512i _mm512_srli_epi32(__m512i a, int n) { return (__m512i)((uint32x16)a >> n); }
VECTOR __m512 _mm512_load_ps(const float *from) { return *(const __m512 *)from; }
VECTOR void _mm512_store_si512(void *to, __m512i x) { *(__m512i *)to = x; }
VECTOR void _mm512_storeu_si512(void *to, __m512i x) { memcpy(to, &x, sizeof x); }

/* An instruction with two operands and one result. */
#define DEFINE_VECTOR_INSTRUCTION(name, instruction)                    \
  VECTOR __m512i name(__m512i a, __m512i b) {                           \
    __m512i r;                                                          \
    asm(instruction " %2, %1, %0" : "=v"(r) : "v"(a), "vm"(b));         \
    return r;                                                           \
  }
DEFINE_VECTOR_INSTRUCTION(_mm512_max_epu32, "vpmaxud")
DEFINE_VECTOR_INSTRUCTION(_mm512_unpacklo_epi32, "vpunpckldq")
DEFINE_VECTOR_INSTRUCTION(_mm512_unpackhi_epi32, "vpunpckhdq")
DEFINE_VECTOR_INSTRUCTION(_mm512_unpacklo_epi64, "vpunpcklqdq")
DEFINE_VECTOR_INSTRUCTION(_mm512_unpackhi_epi64, "vpunpckhqdq")

#define _mm512_shuffle_i32x4(a, b, order)                                              \
  ({                                                                                   \
    __m512i shuffled;                                                                  \
    asm("vshufi32x4 $" #order ", %2, %1, %0" : "=v"(shuffled) : "v"(a), "vm"(b));      \
    shuffled;                                                                          \
  })

VECTOR __mmask16 _mm512_cmplt_epu32_mask(__m512i a, __m512i b) {
  __mmask16 mask;
  asm("vpcmpltud %2, %1, %0" : "=Yk"(mask) : "v"(a), "vm"(b));
  return mask;
}

VECTOR __m512i _mm512_permutex2var_epi16(__m512i a, __m512i index, __m512i b) {
  asm("vpermi2w %2, %1, %0" : "+v"(index) : "v"(a), "vm"(b));
  return index;
}

VECTOR __m512 _mm512_maskz_loadu_ps(__mmask16 mask, const float *from) {
  __m512 r;
  asm("vmovups %1, %0%{%2%}%{z%}" : "=v"(r) : "m"(*(const struct { float lanes[16]; } *)from), "Yk"(mask));
  return r;
}

VECTOR void _mm512_mask_storeu_ps(float *to, __mmask16 mask, __m512 x) {
  asm("vmovups %1, %0%{%2%}" : "+m"(*(struct { float lanes[16]; } *)to) : "v"(x), "Yk"(mask));
}

typedef struct __attribute__((packed)) {
  uint8_t palette, start_row, reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} TileConfig;

/* The memory clobbers tell the compiler that these instructions read and write memory. */
#define LDTILECFG(config) ({ asm volatile("ldtilecfg %0" ::"m"(config)); })
#define TILERELEASE() ({ asm volatile("tilerelease"); })
#define TILEZERO(t) ({ asm volatile("tilezero %%tmm" #t ::: "memory"); })
#define TILELOADD(t, from, stride) \
  ({ asm volatile("tileloadd (%0,%1,1), %%tmm" #t ::"r"(from), "r"((int64_t)stride) : "memory"); })
#define TILESTORED(t, to, stride) \
  ({ asm volatile("tilestored %%tmm" #t ", (%0,%1,1)" ::"r"(to), "r"((int64_t)stride) : "memory"); })
#define TDPBF16PS(c, a, b) ({ asm volatile("tdpbf16ps %%tmm" #b ", %%tmm" #a ", %%tmm" #c ::: "memory"); })
