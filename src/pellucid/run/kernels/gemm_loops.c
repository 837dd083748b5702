/* Loop nest of a matrix product: panels of columns, blocks of rows, and pieces of the summed axis. */

/* Prefetch the output of a block while it is computed. */
static void prefetch_output(const Call *call, int64_t row, int64_t column) {
  for (int64_t r = row; r < row + ROWS && r < call->m; r++)
    for (int64_t c = 0; c < BLOCK; c += 64 / sizeof(real)) __builtin_prefetch(call->output + r * call->n + column + c, 1);
}

static void store_block(const Call *call, const real *restrict sums, int64_t row, int64_t column) {
  const int64_t rows = call->m - row < ROWS ? call->m - row : ROWS;
  const int64_t columns = call->n - column < BLOCK ? call->n - column : BLOCK;
  const real scale = SUBTRACT_FROM_BASE ? *call->scale : 0;
  for (int64_t r = 0; r < rows; r++, sums += BLOCK) {
    const real *base = call->base + (row + r) * call->n + column;
    real *output = call->output + (row + r) * call->n + column;
    if (!SUBTRACT_FROM_BASE && columns == BLOCK) memcpy(output, sums, BLOCK * sizeof(real));
    else if (!SUBTRACT_FROM_BASE) memcpy(output, sums, columns * sizeof(real));
    else if (columns == BLOCK)
#pragma GCC ivdep
      for (int64_t c = 0; c < BLOCK; c++) output[c] = base[c] - scale * sums[c];
    else
      for (int64_t c = 0; c < columns; c++) output[c] = base[c] - scale * sums[c];
  }
}

/* Fallback for values that cannot be packed, such as infinity under bf16x3: one product at a time. */
static void compute_block_unpacked(const Call *call, int64_t row, int64_t column) {
  real sums[ROWS * BLOCK] = {0};
  for (int64_t k = 0; k < call->k; k++)
    for (int64_t r = 0; r < ROWS && row + r < call->m; r++)
      for (int64_t c = 0; c < BLOCK && column + c < call->n; c++)
        sums[r * BLOCK + c] += *left_at(call, row + r, k) * *right_at(call, k, column + c);
  store_block(call, sums, row, column);
}

static void pack_left_block(void *data, int64_t block) {
  Call *call = data;
  Packed *to = (Packed *)call->packed + block * left_size(call->k);
  if (!pack_left(call, call->row + block * ROWS, to)) atomic_store(&call->unsplittable, 1);
}

/* One task: some panels times a chunk of row blocks. */
static void multiply_chunk(void *data, int64_t task) {
  Call *call = data;
  const int64_t chunk = task % call->chunks, panel = task / call->chunks * call->panels_per_task;
  const int64_t first = call->blocks * chunk / call->chunks, last = call->blocks * (chunk + 1) / call->chunks;
  const int64_t panels = call->panels - panel < call->panels_per_task ? call->panels - panel : call->panels_per_task;
  const int64_t depth = call->k < DEPTH ? call->k : DEPTH, steps = ceil_div(call->k, depth) * panels;
  const int64_t blocks = call->k > depth ? (last - first) * panels : 1, panel_size = right_size(depth);
  Packed *rights = aligned_alloc(64, BUFFERS * panel_size * sizeof(Packed) + blocks * ROWS * BLOCK * sizeof(real) + 63 & ~63);
  if (!rights) {
    atomic_store(&call->failed, 1);
    return;
  }
  real *all_sums = (real *)(rights + BUFFERS * panel_size);
  int packed_ok = !call->unsplittable;
  int64_t finished = 0;
  Packer packer = make_packer(call, 0, depth, panel * BLOCK, rights);
  begin_tiles();
  for (int64_t s = 0; packed_ok && s < steps && (packed_ok = finish_packing(&packer)); s++) {
    const int64_t from = s / panels * depth, p = s % panels, left = call->k - from, piece = left < depth ? left : depth;
    const int64_t next = (s + 1) / panels * depth, rest = call->k - next, column = (panel + p) * BLOCK;
    if (s + 1 < steps)
      packer = make_packer(call, next, rest < depth ? rest : depth, (panel + (s + 1) % panels) * BLOCK,
                           rights + (s + 1) % BUFFERS * panel_size);
    for (int64_t b = first; b < last; b++) {
      const int64_t row = call->row + b * ROWS;
      const Packed *lefts = (Packed *)call->packed + b * left_size(call->k) + left_size(from);
      real *sums = all_sums + (blocks > 1 ? (b - first) * panels + p : 0) * ROWS * BLOCK;
      if (piece == left) prefetch_output(call, row, column);
      multiply_tile(lefts, rights + s % BUFFERS * panel_size, sums, piece, from > 0, &packer, last - first);
      if (piece == left) store_block(call, sums, row, column);
    }
    finished += piece == left;
  }
  end_tiles();
  free(rights);
  for (int64_t p = panel + finished; p < panel + panels; p++)
    for (int64_t b = first; b < last; b++) compute_block_unpacked(call, call->row + b * ROWS, p * BLOCK);
}

/* Compute some blocks of rows; return whether memory ran out. */
static int multiply_blocks(XLA_FFI_CallFrame *frame, Call *call) {
  call->chunks = ceil_div(call->blocks, CHUNK), call->panels_per_task = call->panels < WIDE ? call->panels : WIDE;
  atomic_store(&call->unsplittable, 0);
  /* Use smaller tasks if there are fewer than the threads need. */
  const int64_t wanted = TASKS * count_threads(frame);
  while (call->panels_per_task > 1 && call->chunks * ceil_div(call->panels, call->panels_per_task) < wanted)
    call->panels_per_task = call->panels_per_task / 2;
  while (call->chunks * 2 <= call->blocks && call->chunks * call->panels < wanted) call->chunks *= 2;
  return parallel_for(frame, pack_left_block, call, call->blocks) ||
         parallel_for(frame, multiply_chunk, call, call->chunks * ceil_div(call->panels, call->panels_per_task)) ||
         call->failed;
}

XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {
  Call call = read_call(frame);
  const int64_t blocks = ceil_div(call.m, ROWS), bytes = left_size(call.k) * sizeof(Packed);
  int64_t batch = LEFT_BYTES / bytes > MIN_BLOCKS ? LEFT_BYTES / bytes : MIN_BLOCKS;
  if (batch > blocks) batch = blocks;
  call.packed = aligned_alloc(64, batch * bytes + 63 & ~63), call.panels = ceil_div(call.n, BLOCK);
  if (!call.packed) return out_of_memory(frame);
  int failed = 0;
  for (int64_t block = 0; block < blocks && !failed; block += batch) {
    call.row = block * ROWS, call.blocks = blocks - block < batch ? blocks - block : batch;
    failed = multiply_blocks(frame, &call);
  }
  free(call.packed);
  return failed ? out_of_memory(frame) : 0;
}
