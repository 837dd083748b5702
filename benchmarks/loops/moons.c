/* Full-batch gradient descent on the two moons, 2-HIDDEN-2, as a C programmer would write it for -O3 -ffast-math. */
#include <math.h>
#include <stdint.h>

enum { POINTS = 200 };

void run(int64_t steps, const float *restrict x, const int32_t *restrict labels, float *restrict w1, float *restrict b1,
         float *restrict w2, float *restrict b2) {
  const float rate = 0.01f, strength = 0.01f;
  static float x0[POINTS], x1[POINTS], target[POINTS], a[HIDDEN][POINTS], delta[POINTS];
  for (int i = 0; i < POINTS; i++) {
    x0[i] = x[2 * i];
    x1[i] = x[2 * i + 1];
    target[i] = labels[i];
  }
  for (int64_t step = 0; step < steps; step++) {
    for (int h = 0; h < HIDDEN; h++)
      for (int i = 0; i < POINTS; i++) a[h][i] = 1 - 2 / (1 + expf(2 * (x0[i] * w1[h] + x1[i] * w1[HIDDEN + h] + b1[h])));
    for (int i = 0; i < POINTS; i++) delta[i] = b2[0] - b2[1];
    for (int h = 0; h < HIDDEN; h++)
      for (int i = 0; i < POINTS; i++) delta[i] += a[h][i] * (w2[2 * h] - w2[2 * h + 1]);
    /* With two classes, the gradients of the two logits are opposite numbers. */
    float db2 = 0;
    for (int i = 0; i < POINTS; i++) {
      delta[i] = 1 - target[i] - 1 / (1 + expf(-delta[i]));
      db2 += delta[i];
    }
    for (int h = 0; h < HIDDEN; h++) {
      const float difference = w2[2 * h] - w2[2 * h + 1];
      float dw2 = 0, dw10 = 0, dw11 = 0, db1 = 0;
      for (int i = 0; i < POINTS; i++) {
        const float back = delta[i] * difference * (1 - a[h][i] * a[h][i]);
        dw2 += a[h][i] * delta[i];
        dw10 += x0[i] * back;
        dw11 += x1[i] * back;
        db1 += back;
      }
      w2[2 * h] -= rate * (strength * w2[2 * h] - dw2);
      w2[2 * h + 1] -= rate * (strength * w2[2 * h + 1] + dw2);
      w1[h] -= rate * (strength * w1[h] - dw10);
      w1[HIDDEN + h] -= rate * (strength * w1[HIDDEN + h] - dw11);
      b1[h] += rate * db1;
    }
    b2[0] += rate * db2;
    b2[1] -= rate * db2;
  }
}
