/* Handler of a recurrent loop. Arguments: sequences, initial states, loop-invariant values. Results: stacked results, last
   states. Every row has the same bits for any number of tasks, because a tile sums each row in the same order. */

XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {
  Call call;
  read_buffers(frame, &call);
  int64_t rows = (call.batch + count_threads(frame) - 1) / count_threads(frame);
  rows = rows < MIN_ROWS ? MIN_ROWS : rows > MAX_ROWS ? MAX_ROWS : rows;
  call.tasks = (call.batch + rows - 1) / rows;
  void *scratch = allocate_scratch(&call);
  const int failed = !scratch || parallel_for(frame, pack_panel, &call, PANELS) || parallel_for(frame, run_rows, &call, call.tasks);
  free(scratch);
  return failed ? out_of_memory(frame) : 0;
}
