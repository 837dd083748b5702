/* Each share of the rows has its own sums, which are added in order. Sums of a block of rows are added up in double
   precision. */

static void compute_share(void *data, int64_t share) {
  Call *call = data;
  const int64_t begin = share * call->share_rows, columns = call->columns;
  const int64_t end = begin + call->share_rows < call->rows ? begin + call->share_rows : call->rows;
  real *buffers = malloc((BUFFERS + SUMS + 1) * columns * sizeof(real)), *sums = buffers + BUFFERS * columns;
  if (!buffers) {
    atomic_store(&call->failed, 1);
    return;
  }
  for (int64_t row = begin; row < end; row += BLOCK_ROWS) {
    if (SUMS) memset(sums, 0, SUMS * columns * sizeof(real));
    evaluate_rows(call, row, end - row < BLOCK_ROWS ? end : row + BLOCK_ROWS, buffers, sums);
    for (int64_t k = 0; k < SUMS * columns; k++) call->sums[share * SUMS * columns + k] += sums[k];
  }
  free(buffers);
}

XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {
  const XLA_FFI_Buffer *full = argument(frame, 0);
  Call call = {.columns = full->dims[full->rank - 1], .rows = 1};
  for (int k = 0; k < OPERANDS; k++) call.operands[k] = argument(frame, k)->data;
  for (int k = 0; k < RESULTS; k++) call.results[k] = result(frame, k)->data;
  for (int64_t axis = 0; axis < full->rank - 1; axis++) call.rows *= full->dims[axis];
  int64_t shares = call.rows * call.columns / SHARE_ELEMENTS;
  shares = shares < 1 ? 1 : shares > MAX_SHARES ? MAX_SHARES : shares;
  call.share_rows = (call.rows + shares - 1) / shares;
  shares = (call.rows + call.share_rows - 1) / call.share_rows;
  const int64_t count = SUMS * call.columns;
  call.sums = calloc(shares * count + 1, sizeof(double));
  int failed = !call.sums || parallel_for(frame, compute_share, &call, shares) || call.failed;
  for (int64_t k = count; k < shares * count && !failed; k++) call.sums[k % count] += call.sums[k];
  for (int64_t k = 0, from = 0; k < RESULTS && !failed; k++)
    if (IS_SUM[k])
      for (int64_t c = 0; c < call.columns; c++) call.results[k][c] = call.sums[from++];
  free(call.sums);
  return failed ? out_of_memory(frame) : 0;
}
