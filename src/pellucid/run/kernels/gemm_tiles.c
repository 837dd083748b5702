/* A matrix product in tiles of vector registers: ROWS rows by BLOCK columns. The left operand is read where it is, unless it is
   stored transposed with long rows. The last tile of rows and the last panel of columns begin earlier if they would reach too
   far. */

enum { BLOCK = VECTORS * LANES };

static const real *panel_at(const Call *call, int64_t panel) { return (real *)call->packed + panel * BLOCK * call->k; }

static int64_t first_column(const Call *call, int64_t panel) {
  const int64_t last = call->n > BLOCK ? call->n - BLOCK : 0;
  return panel * BLOCK < last ? panel * BLOCK : last;
}

static int64_t first_row(const Call *call, int64_t tile) {
  const int64_t last = call->m > ROWS ? call->m - ROWS : 0;
  return tile * ROWS < last ? tile * ROWS : last;
}

/* Pack columns of a panel, row by row; columns behind the end are zero. */
static void pack_panel(const Call *call, int64_t panel, int64_t from, int64_t stop, real *to) {
  const int64_t column = first_column(call, panel), columns = call->n < BLOCK ? call->n : BLOCK;
  if (columns < BLOCK) memset(to, 0, (stop - from) * BLOCK * sizeof(real));
  for (int64_t k = from; k < stop; k++, to += BLOCK) {
    if (!RIGHT_TRANSPOSED && columns == BLOCK) memcpy(to, right_at(call, k, column), BLOCK * sizeof(real));
    else if (RIGHT_TRANSPOSED && columns == BLOCK && stop - k >= LANES) {
      for (int64_t c = 0; c < BLOCK; c += LANES) transpose_square(right_at(call, k, column + c), call->k, to + c, BLOCK);
      k += LANES - 1, to += (LANES - 1) * BLOCK;
    } else
      for (int64_t c = 0; c < columns; c++) to[c] = *right_at(call, k, column + c);
  }
}

static void pack_piece(void *data, int64_t task) {
  Call *call = data;
  const int64_t pieces = ceil_div(call->k, DEPTH), panel = task / pieces, from = task % pieces * DEPTH;
  pack_panel(call, panel, from, call->k - from < DEPTH ? call->k : from + DEPTH, (real *)panel_at(call, panel) + from * BLOCK);
}

/* Pack the rows of a tile next to each other, if they are columns of a wide matrix. */
static void pack_left_tile(void *data, int64_t tile) {
  const Call *call = data;
  const int64_t row = first_row(call, tile);
  real *to = call->packed_left + tile * ROWS * call->k;
  for (int64_t k = 0; k < call->k; k++) memcpy(to + k * ROWS, left_at(call, row, k), ROWS * sizeof(real));
}

/* Store the part of a tile that no earlier one has. */
static void store_rest(const Call *call, const real *sums, int64_t row, int64_t column, int64_t new_row, int64_t new_column) {
  const int64_t first = new_column - column, stop = call->n < BLOCK ? call->n : BLOCK;
  for (int64_t r = new_row - row; r < ROWS && row + r < call->m; r++)
    for (int64_t c = first; c < stop; c++) {
      const int64_t at = (row + r) * call->n + column + c;
      call->output[at] = SUBTRACT_FROM_BASE ? call->base[at] - *call->scale * sums[r * BLOCK + c] : sums[r * BLOCK + c];
    }
}

/* One task: a panel of columns times a chunk of the tiles of rows. */
static void multiply_chunk(void *data, int64_t task) {
  Call *call = data;
  const int64_t panel = task % call->panels, chunk = task / call->panels;
  const int64_t first = call->blocks * chunk / call->chunks, last = call->blocks * (chunk + 1) / call->chunks;
  const int64_t column = first_column(call, panel), row_stride = LEFT_TRANSPOSED ? 1 : call->k;
  const int64_t left_stride = !LEFT_TRANSPOSED ? 1 : call->packed_left ? ROWS : call->m;
  const int64_t is_packed = RIGHT_TRANSPOSED || call->n < BLOCK || last - first >= MIN_REUSE && call->n > BLOCK;
  const int64_t depth = call->k < DEPTH ? call->k : DEPTH;
  const int64_t sums_size = (depth < call->k ? last - first : 1) * ROWS * BLOCK;
  const real scale = SUBTRACT_FROM_BASE ? *call->scale : 0;
  const int64_t packs_piece = is_packed && !RIGHT_TRANSPOSED;
  real *buffer = aligned_alloc(64, (sums_size + packs_piece * depth * BLOCK) * sizeof(real) + 63 & ~63);
  if (!buffer) {
    atomic_store(&call->failed, 1);
    return;
  }
  for (int64_t from = 0; from < call->k; from += depth) {
    const int64_t stop = call->k - from < depth ? call->k : from + depth;
    if (packs_piece) pack_panel(call, panel, from, stop, buffer + sums_size);
    const real *right = RIGHT_TRANSPOSED ? panel_at(call, panel) + from * BLOCK
                        : packs_piece    ? buffer + sums_size
                                         : right_at(call, from, column);
    for (int64_t tile = first; tile < last; tile++) {
      const int64_t row = first_row(call, tile);
      const real *left = call->packed_left ? call->packed_left + (tile * call->k + from) * ROWS : left_at(call, row, from);
      real *sums = buffer + (depth < call->k ? tile - first : 0) * ROWS * BLOCK;
      const int64_t right_stride = is_packed ? BLOCK : call->n, at = row * call->n + column;
      if (stop == call->k && row == tile * ROWS && row + ROWS <= call->m && column == panel * BLOCK && call->n >= BLOCK)
        multiply_tile(left, row_stride, left_stride, call->m - 1, right, right_stride, sums, from > 0, stop - from,
                      call->output + at, call->n, SUBTRACT_FROM_BASE ? call->base + at : 0, scale);
      else {
        multiply_tile(left, row_stride, left_stride, call->m - 1, right, right_stride, sums, from > 0, stop - from, sums,
                      BLOCK, 0, 0);
        if (stop == call->k) store_rest(call, sums, row, column, tile * ROWS, panel * BLOCK);
      }
    }
  }
  free(buffer);
}

XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {
  Call call = read_call(frame);
  call.panels = ceil_div(call.n, BLOCK), call.blocks = ceil_div(call.m, ROWS);
  int failed = 0;
  if (RIGHT_TRANSPOSED) {
    call.packed = aligned_alloc(64, call.panels * BLOCK * call.k * sizeof(real) + 63 & ~63);
    failed = !call.packed || parallel_for(frame, pack_piece, &call, call.panels * ceil_div(call.k, DEPTH));
  }
  if (LEFT_TRANSPOSED && call.m >= WIDE_ROW && call.panels >= MIN_PANELS) {
    call.packed_left = aligned_alloc(64, call.blocks * ROWS * call.k * sizeof(real) + 63 & ~63);
    failed |= !call.packed_left || parallel_for(frame, pack_left_tile, &call, call.blocks);
  }
  const int64_t wanted = TASKS * count_threads(frame);
  call.chunks = ceil_div(call.blocks, CHUNK);
  while (call.chunks * call.panels < wanted && call.chunks * 2 * MIN_CHUNK <= call.blocks) call.chunks *= 2;
  failed = failed || parallel_for(frame, multiply_chunk, &call, call.chunks * call.panels) || call.failed;
  free(call.packed);
  free(call.packed_left);
  return failed ? out_of_memory(frame) : 0;
}
