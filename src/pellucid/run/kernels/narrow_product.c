/* Products with a matrix of few columns, which are as fast as memory. The large matrix is the first argument; if GATHERED, the
   third has the positions of its rows that take part. With TRANSPOSED, they are summed over.
   Arguments: matrix, columns, and positions. */

enum { BLOCK_ROWS = 256, SEGMENT = SEGMENT_VECTORS * LANES };

typedef struct {
  const real *matrix, *columns;
  const int32_t *positions;
  real *output;
  int64_t rows, width, rows_per_task, segments, share_rows, shares;
  real *packed; /* columns one after the other, or sums of each share of the rows */
} Call;

static inline const real *row_at(const Call *call, int64_t row) {
  return call->matrix + (GATHERED ? call->positions[row] : row) * call->width;
}

static inline vec load_part(const real *from, int64_t count) {
  vec value = {0};
  memcpy(&value, from, count * sizeof(real));
  return value;
}

static inline real add_lanes(vec value) {
  real sum = 0;
  for (int k = 0; k < LANES; k++) sum += value[k];
  return sum;
}

/* Some rows times all columns. Two vectors at a time: one waits while the other is added. */
static inline __attribute__((always_inline)) void multiply_rows(const Call *call, int64_t row, const int rows) {
  const int64_t width = call->width;
  const real *from[4];
  vec sums[4][COLUMNS][2];
  for (int r = 0; r < rows; r++) {
    from[r] = row_at(call, row + r);
    for (int c = 0; c < COLUMNS; c++) sums[r][c][0] = sums[r][c][1] = (vec){0};
  }
  int64_t k = 0;
  for (; k + 2 * LANES <= width; k += 2 * LANES)
    for (int c = 0; c < COLUMNS; c++) {
      const real *column = call->packed + c * width + k;
      const vec first = *(const vec *)column, second = *(const vec *)(column + LANES);
      for (int r = 0; r < rows; r++) {
        sums[r][c][0] += *(const vec *)(from[r] + k) * first;
        sums[r][c][1] += *(const vec *)(from[r] + k + LANES) * second;
      }
    }
  for (; k < width; k += LANES) {
    const int64_t count = width - k < LANES ? width - k : LANES;
    for (int c = 0; c < COLUMNS; c++)
      for (int r = 0; r < rows; r++)
        sums[r][c][0] += load_part(from[r] + k, count) * load_part(call->packed + c * width + k, count);
  }
  for (int r = 0; r < rows; r++)
    for (int c = 0; c < COLUMNS; c++) call->output[(row + r) * COLUMNS + c] = add_lanes(sums[r][c][0] + sums[r][c][1]);
}

static void multiply_task(void *data, int64_t task) {
  const Call *call = data;
  int64_t row = task * call->rows_per_task, rest = call->rows - row;
  const int64_t end = row + (rest < call->rows_per_task ? rest : call->rows_per_task);
  for (; row + 4 <= end; row += 4) multiply_rows(call, row, 4);
  for (; row < end; row++) multiply_rows(call, row, 1);
}

/* Sums over a block of rows, in a segment of the large matrix's columns. */
static inline __attribute__((always_inline)) void sum_block(const Call *call, int64_t row, int64_t rows, int64_t first,
                                                            const int vectors, int64_t last_lanes, vec *totals) {
  vec sums[SEGMENT_VECTORS][COLUMNS];
  for (int v = 0; v < vectors; v++)
    for (int c = 0; c < COLUMNS; c++) sums[v][c] = (vec){0};
  for (int64_t r = row; r < row + rows; r++) {
    const real *from = row_at(call, r) + first, *factors = call->columns + r * COLUMNS;
    const real *next = row_at(call, r + 2 < call->rows ? r + 2 : r) + first;
    for (int v = 0; v < vectors; v++) {
      __builtin_prefetch(next + v * LANES);
      const vec x = v < vectors - 1 || last_lanes == LANES ? *(const vec *)(from + v * LANES) : load_part(from + v * LANES, last_lanes);
      for (int c = 0; c < COLUMNS; c++) sums[v][c] += x * factors[c];
    }
  }
  for (int v = 0; v < vectors; v++)
    for (int c = 0; c < COLUMNS; c++) totals[v * COLUMNS + c] += sums[v][c];
}

/* One task: a segment of columns, summed over a share of the rows. */
static void sum_task(void *data, int64_t task) {
  const Call *call = data;
  const int64_t share = task / call->segments, first = task % call->segments * SEGMENT;
  const int64_t width = call->width - first < SEGMENT ? call->width - first : SEGMENT;
  const int64_t begin = share * call->share_rows, left = call->rows - begin;
  const int64_t end = begin + (left < call->share_rows ? left : call->share_rows);
  vec totals[SEGMENT_VECTORS * COLUMNS];
  memset(totals, 0, sizeof totals);
  for (int64_t row = begin; row < end; row += BLOCK_ROWS) {
    const int64_t rows = end - row < BLOCK_ROWS ? end - row : BLOCK_ROWS;
    if (width == SEGMENT) sum_block(call, row, rows, first, SEGMENT_VECTORS, LANES, totals);
    else
      for (int64_t k = 0, v = 0; k < width; k += LANES, v++)
        sum_block(call, row, rows, first + k, 1, width - k < LANES ? width - k : LANES, totals + v * COLUMNS);
  }
  real *to = (call->shares > 1 ? call->packed + share * call->width * COLUMNS : call->output) + first * COLUMNS;
  for (int64_t k = 0; k < width; k++)
    for (int c = 0; c < COLUMNS; c++) to[k * COLUMNS + c] = totals[k / LANES * COLUMNS + c][k % LANES];
}

static int multiply(XLA_FFI_CallFrame *frame, Call *call) {
  call->packed = aligned_alloc(64, call->width * COLUMNS * sizeof(real) + 63 & ~63);
  if (!call->packed) return 1;
  for (int64_t k = 0; k < call->width; k++)
    for (int c = 0; c < COLUMNS; c++) call->packed[c * call->width + k] = call->columns[k * COLUMNS + c];
  call->rows_per_task = (TASK_ELEMENTS / call->width + 3) / 4 * 4;
  if (call->rows_per_task < 4) call->rows_per_task = 4;
  return parallel_for(frame, multiply_task, call, (call->rows + call->rows_per_task - 1) / call->rows_per_task);
}

/* The number of shares depends on the sizes only, so results do not depend on the threads. */
static int sum_rows(XLA_FFI_CallFrame *frame, Call *call) {
  call->segments = (call->width + SEGMENT - 1) / SEGMENT;
  call->shares = call->segments < MAX_SHARES ? call->rows * call->width / TASK_ELEMENTS / call->segments : 1;
  call->shares = call->shares < 1 ? 1 : call->shares > MAX_SHARES ? MAX_SHARES : call->shares;
  call->share_rows = (call->rows + call->shares - 1) / call->shares;
  const int64_t size = call->width * COLUMNS;
  if (call->shares > 1 && !(call->packed = malloc(call->shares * size * sizeof(real)))) return 1;
  const int failed = parallel_for(frame, sum_task, call, call->shares * call->segments);
  for (int64_t k = 0; call->shares > 1 && !failed && k < size; k++) {
    call->output[k] = call->packed[k];
    for (int64_t share = 1; share < call->shares; share++) call->output[k] += call->packed[share * size + k];
  }
  return failed;
}

XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {
  Call call = {.matrix = argument(frame, 0)->data, .columns = argument(frame, 1)->data, .output = result(frame, 0)->data,
               .rows = argument(frame, 0)->dims[0], .width = argument(frame, 0)->dims[1]};
  if (GATHERED) call.positions = argument(frame, 2)->data, call.rows = argument(frame, 2)->dims[0];
  const int failed = TRANSPOSED ? sum_rows(frame, &call) : multiply(frame, &call);
  free(call.packed);
  return failed ? out_of_memory(frame) : 0;
}
