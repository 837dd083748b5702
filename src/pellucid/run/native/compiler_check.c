/* Programs like those that are compiled for users, on values where a wrong compiler or a wrong flag shows. */
#include <math.h>
#include <stdint.h>
#include <string.h>

typedef float vec __attribute__((vector_size(32), aligned(4)));

enum { COUNT = 67 };

static float sum_products(const float *restrict a, const float *restrict b) {
  vec total = {0};
  int i = 0;
  for (; i + 8 <= COUNT; i += 8) {
    vec left, right;
    memcpy(&left, a + i, sizeof left);
    memcpy(&right, b + i, sizeof right);
    total += left * right;
  }
  float sum = 0;
  for (int lane = 0; lane < 8; lane++) sum += total[lane];
  for (; i < COUNT; i++) sum += a[i] * b[i];
  return sum;
}

void check(const float *restrict a, const float *restrict b, const double *restrict x, const int32_t *restrict k,
           float *restrict reals, double *restrict doubles, int32_t *restrict integers) {
  for (int i = 0; i < COUNT; i++) reals[i] = a[i] / b[i] - b[i] * b[i];
  for (int i = 0; i < COUNT; i++) reals[COUNT + i] = a[i] > b[i] ? a[i] : -b[i];
  reals[2 * COUNT] = sum_products(a, b);
  double longest = -INFINITY;
  for (int i = 0; i < COUNT; i++) {
    doubles[i] = exp(x[i]);
    doubles[COUNT + i] = sqrt(fabs(x[i]));
    doubles[2 * COUNT + i] = x[i] * 0.0;
    longest = x[i] > longest ? x[i] : longest;
  }
  doubles[3 * COUNT] = longest;
  for (int i = 0; i < COUNT; i++) {
    integers[i] = k[i] + 2147483647;
    integers[COUNT + i] = (int32_t)((uint32_t)k[i] << 13 | (uint32_t)k[i] >> 19);
    integers[2 * COUNT + i] = k[i] / 7 - k[i] % 5;
    integers[3 * COUNT + i] = (x[i] != x[i]) + 2 * (signbit(x[i]) != 0) + 4 * (x[i] == INFINITY);
  }
}
