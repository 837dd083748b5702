/* Several results of one shape, each computed element by element from the same arrays and scalars, and from a scattered array
   if there is one: each of its rows is the sum of some rows of values. Arguments: arrays, scalars, and values and positions of
   the scattered array. Results: arrays, which may share the memory of arguments. */

enum { BLOCK = 4096 };

typedef struct {
  const real *operands[OPERANDS + 1];
  real *results[RESULTS];
  int64_t rows, width, rows_per_task;
  const real *values;
  int64_t positions_per_value;
  int32_t *first, *next; /* the first position of each row, and the next one with the same row; -1 at the end */
} Call;

/* Add up the values of some rows of the scattered array. */
static void add_values(const Call *call, int64_t row, int64_t rows, int64_t column, int64_t columns, real *sums) {
  memset(sums, 0, rows * columns * sizeof(real));
  for (int64_t r = 0; r < rows; r++, sums += columns)
    for (int64_t p = call->first[row + r]; p >= 0; p = call->next[p]) {
      const real *value = call->values + p / call->positions_per_value * call->width + column;
#pragma GCC ivdep
      for (int64_t c = 0; c < columns; c++) sums[c] += value[c];
    }
}

static void compute_block(void *data, int64_t task) {
  const Call *call = data;
  const int64_t row = task * call->rows_per_task, rest = call->rows - row;
  const int64_t rows = rest < call->rows_per_task ? rest : call->rows_per_task;
  for (int64_t column = 0; column < call->width; column += BLOCK) {
    const int64_t columns = call->width - column < BLOCK ? call->width - column : BLOCK;
    const int64_t begin = row * call->width + column;
    real sums[SCATTERED ? BLOCK : 1];
    if (SCATTERED) add_values(call, row, rows, column, columns, sums);
    compute_elements(call->operands, sums, call->results, begin, begin + rows * columns);
  }
}

/* Make lists of the positions of each row. Return whether memory ran out. */
static int list_positions(XLA_FFI_CallFrame *frame, Call *call) {
  const XLA_FFI_Buffer *values = argument(frame, OPERANDS), *positions = argument(frame, OPERANDS + 1);
  const int64_t count = positions->dims[0];
  call->values = values->data, call->positions_per_value = values->dims[0] ? count / values->dims[0] : 1;
  call->first = malloc((call->rows + count) * sizeof(int32_t)), call->next = call->first + call->rows;
  if (!call->first) return 1;
  memset(call->first, -1, call->rows * sizeof(int32_t));
  for (int64_t p = count - 1; p >= 0; p--) { /* backward, so that the lists are in order */
    const int32_t row = ((const int32_t *)positions->data)[p];
    if (row >= 0) call->next[p] = call->first[row], call->first[row] = p;
  }
  return 0;
}

XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {
  const XLA_FFI_Buffer *output = result(frame, 0);
  Call call = {.rows = output->rank ? output->dims[0] : 1, .width = 1};
  for (int64_t axis = 1; axis < output->rank; axis++) call.width *= output->dims[axis];
  if (!SCATTERED) call.rows *= call.width, call.width = 1;
  call.rows_per_task = call.width < BLOCK ? BLOCK / call.width : 1;
  for (int k = 0; k < OPERANDS; k++) call.operands[k] = argument(frame, k)->data;
  for (int k = 0; k < RESULTS; k++) call.results[k] = result(frame, k)->data;
  if (SCATTERED && list_positions(frame, &call)) return out_of_memory(frame);
  const int failed = parallel_for(frame, compute_block, &call, (call.rows + call.rows_per_task - 1) / call.rows_per_task);
  free(call.first);
  return failed ? out_of_memory(frame) : 0;
}
