/* A program with loops over vectors and functions that become instructions, as generated programs have. */
#include <math.h>
#include <stdint.h>
#include <string.h>

void check(float *restrict y, const float *restrict x, double *restrict z, int64_t count) {
#pragma omp simd
  for (int64_t k = 0; k < count; k++) y[k] = sqrtf(fabsf(x[k])) * x[k] + y[k];
#pragma omp simd
  for (int64_t k = 0; k < count; k++) z[k] = copysign(floor(z[k]), -z[k]) / (z[k] > 0 ? z[k] : (double)INFINITY);
  memcpy(y, x, (size_t)count * sizeof *y);
}
