/* Several results of one shape, each computed element by element from the same arrays and scalars. Arguments: arrays, scalars.
   Results: arrays, which may share the memory of arguments. */

enum { BLOCK = 4096 };

typedef struct {
  const real *operands[OPERANDS];
  real *results[RESULTS];
  int64_t size;
} Call;

static void compute_block(void *data, int64_t task) {
  const Call *call = data;
  const int64_t first = task * BLOCK, rest = call->size - first;
  compute_elements(call->operands, call->results, first, first + (rest < BLOCK ? rest : BLOCK));
}

XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {
  Call call = {.size = 1};
  for (int k = 0; k < OPERANDS; k++) call.operands[k] = argument(frame, k)->data;
  for (int k = 0; k < RESULTS; k++) call.results[k] = result(frame, k)->data;
  for (int64_t axis = 0; axis < argument(frame, 0)->rank; axis++) call.size *= argument(frame, 0)->dims[axis];
  return parallel_for(frame, compute_block, &call, (call.size + BLOCK - 1) / BLOCK) ? out_of_memory(frame) : 0;
}
