/* AMX tile instructions, and AVX-512 intrinsics from the compiler's header. Tests compile an emulation in place of this file
   where the processor lacks them. */

#include <immintrin.h>

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
