/* Arguments of a matrix product: left, right and optionally base and scale, for base - scale * left @ right. The result may
   share the base's memory. */

typedef struct {
  const real *left, *right, *base, *scale;
  real *output;
  int64_t m, n, k;
  void *packed;
  int64_t row, blocks, chunks, panels, panels_per_task, groups;
  atomic_int failed, unsplittable;
} Call;

static int64_t ceil_div(int64_t size, int64_t part) { return (size + part - 1) / part; }

static const real *left_at(const Call *call, int64_t row, int64_t k) {
  return call->left + (LEFT_TRANSPOSED ? k * call->m + row : row * call->k + k);
}

static const real *right_at(const Call *call, int64_t k, int64_t column) {
  return call->right + (RIGHT_TRANSPOSED ? column * call->k + k : k * call->n + column);
}

static Call read_call(XLA_FFI_CallFrame *frame) {
  XLA_FFI_Buffer *left = argument(frame, 0), *right = argument(frame, 1), *output = result(frame, 0);
  Call call = {.left = left->data, .right = right->data, .output = output->data, .m = output->dims[0], .n = output->dims[1],
               .k = left->dims[!LEFT_TRANSPOSED]};
  if (SUBTRACT_FROM_BASE) call.base = argument(frame, 2)->data, call.scale = argument(frame, 3)->data;
  return call;
}
