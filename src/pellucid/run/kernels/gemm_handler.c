/* Arguments of a matrix product: left, right and optionally base and scale, for base - scale * left @ right. The result may
   share the base's memory. */

typedef struct {
  const real *left, *right, *base, *scale;
  real *output;
  int64_t m, n, k;
  void *packed;
  int64_t row, blocks, chunks, panels, panels_per_task;
  atomic_int failed, unsplittable;
} Call;

static int64_t ceil_div(int64_t size, int64_t part) { return (size + part - 1) / part; }

static const real *left_at(const Call *call, int64_t row, int64_t k) {
  return call->left + (LEFT_TRANSPOSED ? k * call->m + row : row * call->k + k);
}

static const real *right_at(const Call *call, int64_t k, int64_t column) {
  return call->right + (RIGHT_TRANSPOSED ? column * call->k + k : k * call->n + column);
}
