// Fused multiply-adds of one core: independent accumulators in vector registers, without loads and stores.
#include <stdint.h>

#if defined(__AVX512F__)
#define BYTES 64
#define COUNT 16
#elif defined(__AVX__)
#define BYTES 32
#define COUNT 12
#elif defined(__aarch64__)
#define BYTES 16
#define COUNT 24
#else
#define BYTES 16
#define COUNT 12
#endif

typedef float vector __attribute__((vector_size(BYTES)));

// Returns the number of operations; the sum keeps the compiler from dropping them.
int64_t run(int64_t rounds, float factor, float term, float *sum) {
    vector accumulators[COUNT];
    for (int k = 0; k < COUNT; k++) accumulators[k] = (vector){} + (float)k;
    vector a = (vector){} + factor, b = (vector){} + term;
    for (int64_t i = 0; i < rounds; i++) {
#pragma GCC unroll 32
        for (int k = 0; k < COUNT; k++) accumulators[k] = accumulators[k] * a + b;
    }
    vector total = {};
    for (int k = 0; k < COUNT; k++) total += accumulators[k];
    *sum = total[0];
    return rounds * COUNT * (BYTES / 4) * 2;
}
