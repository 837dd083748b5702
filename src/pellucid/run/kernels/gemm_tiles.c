/* A matrix product in tiles of vector registers: ROWS rows by BLOCK columns, and DEPTH elements of the summed axis at a time. The
   left operand is read where it is, unless it is stored transposed. The last tile of rows and the last panel of columns begin
   earlier if they would reach too far. */

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

/* Pack a piece of the rows of some tiles, which are stored as columns: the elements of a tile's rows next to each other. It takes
   a few columns at a time, so that both sides stay in the L1 cache. */
static void pack_left(const Call *call, int64_t first, int64_t last, int64_t from, int64_t stop, real *to) {
  const int64_t depth = stop - from, rows = call->m < ROWS ? call->m : ROWS;
  if (rows < ROWS) memset(to, 0, depth * ROWS * sizeof(real));
  for (int64_t begin = 0; begin < depth; begin += PACKED_COLUMNS)
    for (int64_t tile = first; tile < last; tile++) {
      const int64_t count = depth - begin < PACKED_COLUMNS ? depth - begin : PACKED_COLUMNS;
      const real *left = left_at(call, first_row(call, tile), from + begin);
      real *packed = to + ((tile - first) * depth + begin) * ROWS;
      for (int64_t k = 0; k < count; k++, left += call->m, packed += ROWS)
        if (rows == ROWS) memcpy(packed, left, ROWS * sizeof(real));
        else memcpy(packed, left, rows * sizeof(real));
    }
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

/* Prefetch one of several equal parts of the rows of a matrix. */
static inline void prefetch_rows(const real *from, int64_t stride, int64_t rows, int64_t columns, int64_t part, int64_t parts) {
  for (int64_t r = rows * part / parts; r < rows * (part + 1) / parts; r++)
    for (int64_t c = 0; c < columns; c += 64 / sizeof(real)) __builtin_prefetch(from + r * stride + c, 0, 2);
}

static int64_t piece_size(const Call *call, int64_t from) { return call->k - from < DEPTH ? call->k - from : DEPTH; }

/* One task: a group of panels of columns times a chunk of the tiles of rows. */
static void multiply_chunk(void *data, int64_t task) {
  Call *call = data;
  const int64_t group = task % call->groups, chunk = task / call->groups;
  const int64_t first = call->blocks * chunk / call->chunks, last = call->blocks * (chunk + 1) / call->chunks;
  const int64_t first_panel = call->panels * group / call->groups, last_panel = call->panels * (group + 1) / call->groups;
  const int64_t tiles = last - first, panels = last_panel - first_panel, depth = piece_size(call, 0);
  const int64_t is_packed = RIGHT_TRANSPOSED || call->n < BLOCK || tiles >= MIN_REUSE && call->n > BLOCK;
  const int64_t packs_piece = is_packed && !RIGHT_TRANSPOSED, right_stride = is_packed ? BLOCK : call->n;
  const int64_t row_stride = LEFT_TRANSPOSED ? 1 : call->k, left_stride = LEFT_TRANSPOSED ? ROWS : 1;
  const int64_t sums_size = (depth < call->k ? tiles * panels : 1) * ROWS * BLOCK, right_size = packs_piece * depth * BLOCK;
  const int64_t left_size = LEFT_TRANSPOSED * tiles * depth * ROWS, left_share = ceil_div(tiles * ROWS, panels);
  const real scale = SUBTRACT_FROM_BASE ? *call->scale : 0;
  real *all_sums = aligned_alloc(64, (sums_size + right_size + left_size) * sizeof(real) + 63 & ~63);
  if (!all_sums) {
    atomic_store(&call->failed, 1);
    return;
  }
  real *packed_right = all_sums + sums_size, *packed_left = packed_right + right_size;
  for (int64_t from = 0; from < call->k; from += depth) {
    const int64_t size = piece_size(call, from), stop = from + size;
    if (LEFT_TRANSPOSED) pack_left(call, first, last, from, stop, packed_left);
    for (int64_t panel = first_panel; panel < last_panel; panel++) {
      const int64_t column = first_column(call, panel), is_last = panel + 1 == last_panel, next = is_last ? stop : from;
      if (packs_piece) pack_panel(call, panel, from, stop, packed_right);
      const real *right = RIGHT_TRANSPOSED ? panel_at(call, panel) + from * BLOCK
                          : packs_piece    ? packed_right
                                           : right_at(call, from, column);
      for (int64_t tile = first; tile < last; tile++) {
        /* Meanwhile, fetch a part of what will be packed next. */
        if (packs_piece && next < call->k)
          prefetch_rows(right_at(call, next, first_column(call, is_last ? first_panel : panel + 1)), call->n,
                        piece_size(call, next), BLOCK, tile - first, tiles);
        if (LEFT_TRANSPOSED && stop < call->k)
          prefetch_rows(left_at(call, first_row(call, first) + (panel - first_panel) * left_share, stop), call->m,
                        piece_size(call, stop), left_share, tile - first, tiles);
        const int64_t row = first_row(call, tile), at = row * call->n + column;
        const real *left = LEFT_TRANSPOSED ? packed_left + (tile - first) * size * ROWS : left_at(call, row, from);
        real *sums = all_sums + (depth < call->k ? (panel - first_panel) * tiles + tile - first : 0) * ROWS * BLOCK;
        if (stop == call->k && row == tile * ROWS && row + ROWS <= call->m && column == panel * BLOCK && call->n >= BLOCK)
          multiply_tile(left, row_stride, left_stride, call->m - 1, right, right_stride, sums, from > 0, size,
                        call->output + at, call->n, SUBTRACT_FROM_BASE ? call->base + at : 0, scale);
        else {
          multiply_tile(left, row_stride, left_stride, call->m - 1, right, right_stride, sums, from > 0, size, sums, BLOCK, 0, 0);
          if (stop == call->k) store_rest(call, sums, row, column, tile * ROWS, panel * BLOCK);
        }
      }
    }
  }
  free(all_sums);
}

/* Make smaller tasks if there are too few for the threads. */
static void divide_tasks(Call *call, int64_t threads) {
  /* Each group of panels would pack a transposed left operand again, and each chunk of rows packs the right one. */
  while (!LEFT_TRANSPOSED && call->chunks * call->groups < TASKS * threads && 2 * call->groups <= call->panels) call->groups *= 2;
  while (call->chunks * call->groups < TASKS * threads) {
    const int64_t smallest = call->chunks * call->groups < threads ? MIN_CHUNK : MIN_REUSING_CHUNK;
    if (2 * call->chunks * smallest > call->blocks) break;
    call->chunks *= 2;
  }
}

XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {
  Call call = read_call(frame);
  call.panels = ceil_div(call.n, BLOCK), call.blocks = ceil_div(call.m, ROWS);
  int failed = 0;
  if (RIGHT_TRANSPOSED) {
    call.packed = aligned_alloc(64, call.panels * BLOCK * call.k * sizeof(real) + 63 & ~63);
    failed = !call.packed || parallel_for(frame, pack_piece, &call, call.panels * ceil_div(call.k, DEPTH));
  }
  call.chunks = ceil_div(call.blocks, CHUNK), call.groups = ceil_div(call.panels, PANELS);
  divide_tasks(&call, count_threads(frame));
  failed = failed || parallel_for(frame, multiply_chunk, &call, call.chunks * call.groups) || call.failed;
  free(call.packed);
  return failed ? out_of_memory(frame) : 0;
}
