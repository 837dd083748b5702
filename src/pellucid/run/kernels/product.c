/* The product of a matrix that is turned around with another, and perhaps so many times of it taken from a third: left,
   right, and then base and scale; the result, which may lie where the base lies. */

typedef struct {
  const real *left, *right, *base, *scale;
  real *made, *packed;
  int64_t m, n, k, chunks;
  atomic_int failed;
} Given;

static int64_t tiles_of(int64_t m) { return (m + ROWS - 1) / ROWS; }

/* The columns of the left side that are the rows of a tile, side by side. */
static void pack_left(void *data, int64_t tile) {
  Given *given = data;
  const int64_t first = tile * ROWS, rows = given->m - first < ROWS ? given->m - first : ROWS;
  const real *from = given->left + first;
  real *to = given->packed + first * given->k;
  if (rows < ROWS) memset(to, 0, ROWS * given->k * sizeof(real));
  for (int64_t k = 0; k < given->k; k++, to += ROWS, from += given->m)
    if (rows == ROWS) memcpy(to, from, ROWS * sizeof(real));
    else memcpy(to, from, rows * sizeof(real));
}

/* Some rows of a panel of the right side, one after the other. */
static void pack_right(const Given *given, int64_t first, int64_t count, int64_t column, real *to) {
  const int64_t columns = given->n - column < BLOCK ? given->n - column : BLOCK;
  const real *from = given->right + first * given->n + column;
  if (columns < BLOCK) memset(to, 0, count * BLOCK * sizeof(real));
  for (int64_t k = 0; k < count; k++, to += BLOCK, from += given->n)
    if (columns == BLOCK) memcpy(to, from, BLOCK * sizeof(real));
    else memcpy(to, from, columns * sizeof(real));
}

/* Ask for the memory where a tile will be put down, while it is added up. */
static void ask_for(const Given *given, int64_t row, int64_t column) {
  for (int64_t r = row; r < row + ROWS && r < given->m; r++)
    for (int64_t c = 0; c < BLOCK; c += 64 / sizeof(real)) __builtin_prefetch(given->made + r * given->n + column + c, 1);
}

/* Put a tile down where it belongs. */
static void finish(const Given *given, const real *restrict sum, int64_t row, int64_t column) {
  const int64_t rows = given->m - row < ROWS ? given->m - row : ROWS;
  const int64_t columns = given->n - column < BLOCK ? given->n - column : BLOCK;
  const real scale = FROM_BASE ? *given->scale : 0;
  for (int64_t r = 0; r < rows; r++, sum += BLOCK) {
    const real *base = given->base + (row + r) * given->n + column;
    real *made = given->made + (row + r) * given->n + column;
    if (!FROM_BASE && columns == BLOCK) memcpy(made, sum, BLOCK * sizeof(real));
    else if (!FROM_BASE) memcpy(made, sum, columns * sizeof(real));
    else if (columns == BLOCK)
#pragma GCC ivdep
      for (int64_t c = 0; c < BLOCK; c++) made[c] = base[c] - scale * sum[c];
    else
      for (int64_t c = 0; c < columns; c++) made[c] = base[c] - scale * sum[c];
  }
}

/* A task is a panel of the right side by a chunk of tiles. */
static void work(void *data, int64_t task) {
  Given *given = data;
  const int64_t column = task / given->chunks * BLOCK, chunk = task % given->chunks, all = tiles_of(given->m);
  const int64_t first = all * chunk / given->chunks, last = all * (chunk + 1) / given->chunks;
  const int64_t depth = given->k < DEPTH ? given->k : DEPTH;
  real *panel = aligned_alloc(64, (depth * BLOCK + (last - first) * ROWS * BLOCK) * sizeof(real));
  if (!panel) {
    atomic_store(&given->failed, 1);
    return;
  }
  real *sums = panel + depth * BLOCK;
  for (int64_t from = 0; from < given->k; from += depth) {
    const int64_t count = given->k - from < depth ? given->k - from : depth;
    pack_right(given, from, count, column, panel);
    for (int64_t tile = first; tile < last; tile++) {
      ask_for(given, tile * ROWS, column);
      real *sum = sums + (tile - first) * ROWS * BLOCK;
      product_tile(given->packed + (tile * given->k + from) * ROWS, panel, sum, count, from > 0);
      if (from + count == given->k) finish(given, sum, tile * ROWS, column);
    }
  }
  free(panel);
}

XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {
  if (is_question(frame)) return 0;
  XLA_FFI_Buffer *left = argument(frame, 0), *right = argument(frame, 1), *made = result(frame, 0);
  Given given = {left->data, right->data, 0, 0, made->data};
  if (FROM_BASE) given.base = argument(frame, 2)->data, given.scale = argument(frame, 3)->data;
  given.m = made->dims[0], given.n = made->dims[1], given.k = left->dims[0];
  const int64_t tiles = tiles_of(given.m), panels = (given.n + BLOCK - 1) / BLOCK;
  given.packed = aligned_alloc(64, tiles * ROWS * given.k * sizeof(real) + 63 & ~63);
  if (!given.packed) return out_of_memory(frame);
  /* Long columns are cut, and so are few panels, so that everybody has something to do. */
  given.chunks = (tiles + CHUNK - 1) / CHUNK;
  while (given.chunks * 2 <= tiles && given.chunks * panels < 4 * threads(frame)) given.chunks *= 2;
  const int failed = share_out(frame, pack_left, &given, tiles) || share_out(frame, work, &given, panels * given.chunks);
  free(given.packed);
  return failed || given.failed ? out_of_memory(frame) : 0;
}
