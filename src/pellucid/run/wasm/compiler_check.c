/* A program that needs what generated ones need: functions of the C library, an allocator, and loops over vectors. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static double scratch[4096];

void check(float *restrict y, const float *restrict x, double *restrict z, int64_t count) {
#pragma omp simd
  for (int64_t k = 0; k < count; k++) y[k] = sqrtf(fabsf(x[k])) * x[k] + y[k];
  for (int64_t k = 0; k < count; k++) scratch[k % 4096] = erf(z[k]) + lgamma(z[k]) + pow(z[k], 0.3) + fmod(z[k], 0.7);
  memcpy(z, scratch, sizeof scratch);
}
