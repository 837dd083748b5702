/* Backpropagation through time of the adder, 2-HIDDEN-1, one sum per step. A vector holds all hidden units. */
#include <math.h>
#include <stdint.h>

enum { BITS = 8, HIDDEN = 16 };
typedef float vec __attribute__((vector_size(4 * HIDDEN), aligned(4)));

static inline vec sigmoid(vec z) {
  vec r;
  for (int j = 0; j < HIDDEN; j++) r[j] = 1 / (1 + expf(-z[j]));
  return r;
}

static inline float sum(vec v) {
  float s = 0;
  for (int j = 0; j < HIDDEN; j++) s += v[j];
  return s;
}

void run(int64_t steps, const float *restrict x, const float *restrict y, float *restrict wx_, float *restrict wh_,
         float *restrict wo_) {
  const float rate = 0.1f;
  vec wx[2], wh[HIDDEN], back[HIDDEN], wo = *(vec *)wo_, h[BITS + 1] = {{0}};
  for (int i = 0; i < 2; i++) wx[i] = ((vec *)wx_)[i];
  for (int i = 0; i < HIDDEN; i++) wh[i] = ((vec *)wh_)[i];
  for (int64_t step = 0; step < steps; step++, x += 2 * BITS, y += BITS) {
    float delta_o[BITS];
    for (int t = 0; t < BITS; t++) {
      vec even = x[2 * t] * wx[0], odd = x[2 * t + 1] * wx[1];
      for (int i = 0; i < HIDDEN; i += 2) {
        even += h[t][i] * wh[i];
        odd += h[t][i + 1] * wh[i + 1];
      }
      h[t + 1] = sigmoid(even + odd);
      const float o = 1 / (1 + expf(-sum(h[t + 1] * wo)));
      delta_o[t] = (o - y[t]) * o * (1 - o);
    }
    for (int i = 0; i < HIDDEN; i++)
      for (int j = 0; j < HIDDEN; j++) back[j][i] = wh[i][j];
    vec dwx[2] = {{0}}, dwh[HIDDEN] = {{0}}, dwo = {0}, carried = {0};
    for (int t = BITS - 1; t >= 0; t--) {
      const vec delta = (delta_o[t] * wo + carried) * h[t + 1] * (1 - h[t + 1]);
      dwo += delta_o[t] * h[t + 1];
      for (int i = 0; i < 2; i++) dwx[i] += x[2 * t + i] * delta;
      vec even = {0}, odd = {0};
      for (int i = 0; i < HIDDEN; i += 2) {
        dwh[i] += h[t][i] * delta;
        dwh[i + 1] += h[t][i + 1] * delta;
        even += delta[i] * back[i];
        odd += delta[i + 1] * back[i + 1];
      }
      carried = even + odd;
    }
    wo -= rate * dwo;
    for (int i = 0; i < 2; i++) wx[i] -= rate * dwx[i];
    for (int i = 0; i < HIDDEN; i++) wh[i] -= rate * dwh[i];
  }
  *(vec *)wo_ = wo;
  for (int i = 0; i < 2; i++) ((vec *)wx_)[i] = wx[i];
  for (int i = 0; i < HIDDEN; i++) ((vec *)wh_)[i] = wh[i];
}
