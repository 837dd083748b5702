/* What a product of matrices is given, and where its numbers lie: left, right, and perhaps a base, and a scale, so many
   times of it being taken from the base; the result, which may lie where the base lies. */

typedef struct {
  const real *left, *right, *base, *scale;
  real *made;
  int64_t m, n, k;
  void *packed;
  int64_t row, blocks, chunks, panels, wide;
  atomic_int failed, strange;
} Given;

static int64_t parts_of(int64_t whole, int64_t size) { return (whole + size - 1) / size; }

static const real *left_at(const Given *given, int64_t row, int64_t k) {
  return given->left + (LEFT_TURNED ? k * given->m + row : row * given->k + k);
}

static const real *right_at(const Given *given, int64_t k, int64_t column) {
  return given->right + (RIGHT_TURNED ? column * given->k + k : k * given->n + column);
}
