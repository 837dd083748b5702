/* Products of many pairs of matrices, whose rows may be apart. Arguments: left, right. Attributes: the sizes and strides in the
   order of Layout. */

enum { BLOCK = VECTORS * LANES };

typedef struct {
  int64_t m, n, k, batch[2], leading[3], strides[3][2];
} Layout;

typedef struct {
  const real *left, *right;
  real *output;
  const Layout *layout;
  int64_t tiles, chunks, pairs_per_task;
  atomic_int failed;
} Call;

static int64_t ceil_div(int64_t size, int64_t part) { return (size + part - 1) / part; }
static int64_t minimum(int64_t a, int64_t b) { return a < b ? a : b; }

/* First row or column of a tile. The last one begins earlier if it would reach too far. */
static int64_t begin(int64_t tile, int64_t length, int64_t size) {
  return size < length ? 0 : minimum(tile * length, size - length);
}

/* Pack columns of the right operand, row by row; columns behind the end are zero. */
static void pack_panel(const Layout *a, const real *right, int64_t column, real *to) {
  const int64_t columns = minimum(a->n, BLOCK), stride = a->leading[1];
  if (columns < BLOCK) memset(to, 0, a->k * BLOCK * sizeof(real));
  for (int64_t k = 0; k < a->k; k++, to += BLOCK) {
    if (!RIGHT_TRANSPOSED) memcpy(to, right + k * stride + column, columns * sizeof(real));
    else if (columns == BLOCK && a->k - k >= LANES) {
      for (int64_t c = 0; c < BLOCK; c += LANES)
        transpose_square(right + (column + c) * stride + k, stride, to + c, BLOCK);
      k += LANES - 1, to += (LANES - 1) * BLOCK;
    } else
      for (int64_t c = 0; c < columns; c++) to[c] = right[(column + c) * stride + k];
  }
}

/* Multiply a pair of matrices, for some tiles of rows. */
static void multiply_pair(const Layout *a, const real *left, const real *right, real *output, int64_t first, int64_t last,
                          real *packed) {
  const int64_t row_stride = LEFT_TRANSPOSED ? 1 : a->leading[0], left_stride = LEFT_TRANSPOSED ? a->leading[0] : 1;
  const int is_packed = RIGHT_TRANSPOSED || a->n < BLOCK;
  real sums[ROWS * BLOCK];
  for (int64_t panel = 0; panel < ceil_div(a->n, BLOCK); panel++) {
    const int64_t column = begin(panel, BLOCK, a->n), columns = minimum(a->n, BLOCK), rows = minimum(a->m, ROWS);
    if (is_packed) pack_panel(a, right, column, packed);
    const real *panel_at = is_packed ? packed : right + column;
    for (int64_t tile = first; tile < last; tile++) {
      const int64_t row = begin(tile, ROWS, a->m);
      const real *tile_at = left + row * row_stride;
      real *to = output + row * a->leading[2] + column;
      const int is_whole = rows == ROWS && columns == BLOCK;
      multiply_tile(tile_at, row_stride, left_stride, a->m - 1, panel_at, is_packed ? BLOCK : a->leading[1], sums, 0, a->k,
                    is_whole ? to : sums, is_whole ? a->leading[2] : BLOCK, 0, 0);
      for (int64_t r = 0; r < rows && !is_whole; r++) memcpy(to + r * a->leading[2], sums + r * BLOCK, columns * sizeof(real));
    }
  }
}

/* One task: some pairs, or a chunk of the tiles of rows of one pair. */
static void multiply_pairs(void *data, int64_t task) {
  Call *call = data;
  const Layout *a = call->layout;
  const int64_t chunk = task % call->chunks, from = task / call->chunks * call->pairs_per_task;
  const int64_t stop = minimum(from + call->pairs_per_task, a->batch[0] * a->batch[1]);
  real *packed = aligned_alloc(64, a->k * BLOCK * sizeof(real) + 63 & ~63);
  if (!packed) {
    atomic_store(&call->failed, 1);
    return;
  }
  for (int64_t pair = from; pair < stop; pair++) {
    const int64_t i = pair / a->batch[1], j = pair % a->batch[1];
    multiply_pair(a, call->left + i * a->strides[0][0] + j * a->strides[0][1],
                  call->right + i * a->strides[1][0] + j * a->strides[1][1],
                  call->output + i * a->strides[2][0] + j * a->strides[2][1], call->tiles * chunk / call->chunks,
                  call->tiles * (chunk + 1) / call->chunks, packed);
  }
  free(packed);
}

XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {
  const Layout *a = attributes(frame, 1);
  Call call = {.left = argument(frame, 0)->data, .right = argument(frame, 1)->data, .output = result(frame, 0)->data, .layout = a};
  const int64_t pairs = a->batch[0] * a->batch[1], wanted = TASKS * count_threads(frame);
  call.tiles = ceil_div(a->m, ROWS), call.chunks = 1;
  while (call.chunks * pairs < wanted && call.chunks * 2 * MIN_CHUNK <= call.tiles) call.chunks *= 2;
  call.pairs_per_task = call.chunks > 1 ? 1 : ceil_div(pairs, wanted);
  const int64_t tasks = ceil_div(pairs, call.pairs_per_task) * call.chunks;
  return parallel_for(frame, multiply_pairs, &call, tasks) || call.failed ? out_of_memory(frame) : 0;
}
