/* The loops of a product of matrices: panels of columns by blocks of rows, in pieces of the axis that is summed over. */

/* Ask for the memory where a block will be put down, while it is added up. */
static void ask_for(const Given *given, int64_t row, int64_t column) {
  for (int64_t r = row; r < row + ROWS && r < given->m; r++)
    for (int64_t c = 0; c < BLOCK; c += 64 / sizeof(real)) __builtin_prefetch(given->made + r * given->n + column + c, 1);
}

/* Put a block down where it belongs. */
static void put_down(const Given *given, const real *restrict sum, int64_t row, int64_t column) {
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

/* A block of numbers that cannot be packed, added up one by one. */
static void plain(const Given *given, int64_t row, int64_t column) {
  real sum[ROWS * BLOCK] = {0};
  for (int64_t k = 0; k < given->k; k++)
    for (int64_t r = 0; r < ROWS && row + r < given->m; r++)
      for (int64_t c = 0; c < BLOCK && column + c < given->n; c++)
        sum[r * BLOCK + c] += *left_at(given, row + r, k) * *right_at(given, k, column + c);
  put_down(given, sum, row, column);
}

static void pack_block(void *data, int64_t block) {
  Given *given = data;
  packed *to = (packed *)given->packed + block * left_size(given->k);
  if (!pack_left(given, given->row + block * ROWS, to)) atomic_store(&given->strange, 1);
}

/* A task is some panels by a chunk of blocks. */
static void work(void *data, int64_t task) {
  Given *given = data;
  const int64_t chunk = task % given->chunks, panel = task / given->chunks * given->wide;
  const int64_t first = given->blocks * chunk / given->chunks, last = given->blocks * (chunk + 1) / given->chunks;
  const int64_t panels = given->panels - panel < given->wide ? given->panels - panel : given->wide;
  const int64_t depth = given->k < DEPTH ? given->k : DEPTH, steps = parts_of(given->k, depth) * panels;
  const int64_t sums = given->k > depth ? (last - first) * panels : 1, room = right_size(depth);
  packed *rights = aligned_alloc(64, BUFFERS * room * sizeof(packed) + sums * ROWS * BLOCK * sizeof(real) + 63 & ~63);
  if (!rights) {
    atomic_store(&given->failed, 1);
    return;
  }
  real *all = (real *)(rights + BUFFERS * room);
  int fine = !given->strange;
  int64_t done = 0;
  Ahead ahead = ahead_of(given, 0, depth, panel * BLOCK, rights);
  begin();
  for (int64_t s = 0; fine && s < steps && (fine = finish_packing(&ahead)); s++) {
    const int64_t from = s / panels * depth, p = s % panels, left = given->k - from, deep = left < depth ? left : depth;
    const int64_t then = (s + 1) / panels * depth, rest = given->k - then, column = (panel + p) * BLOCK;
    if (s + 1 < steps)
      ahead = ahead_of(given, then, rest < depth ? rest : depth, (panel + (s + 1) % panels) * BLOCK,
                       rights + (s + 1) % BUFFERS * room);
    for (int64_t b = first; b < last; b++) {
      const int64_t row = given->row + b * ROWS;
      const packed *lefts = (packed *)given->packed + b * left_size(given->k) + left_size(from);
      real *sum = all + (sums > 1 ? (b - first) * panels + p : 0) * ROWS * BLOCK;
      if (deep == left) ask_for(given, row, column);
      product_tile(lefts, rights + s % BUFFERS * room, sum, deep, from > 0, &ahead, last - first);
      if (deep == left) put_down(given, sum, row, column);
    }
    done += deep == left;
  }
  end();
  free(rights);
  for (int64_t p = panel + done; p < panel + panels; p++)
    for (int64_t b = first; b < last; b++) plain(given, given->row + b * ROWS, p * BLOCK);
}

/* Compute some blocks of rows; tell whether there was too little memory. */
static int some_rows(XLA_FFI_CallFrame *frame, Given *given) {
  given->chunks = parts_of(given->blocks, CHUNK), given->wide = given->panels < WIDE ? given->panels : WIDE;
  atomic_store(&given->strange, 0);
  /* Few panels are dealt out one by one, and long columns are cut, so that everybody has something to do. */
  const int64_t wanted = TASKS * threads(frame);
  while (given->wide > 1 && given->chunks * parts_of(given->panels, given->wide) < wanted) given->wide = given->wide / 2;
  while (given->chunks * 2 <= given->blocks && given->chunks * given->panels < wanted) given->chunks *= 2;
  return share_out(frame, pack_block, given, given->blocks) ||
         share_out(frame, work, given, given->chunks * parts_of(given->panels, given->wide)) || given->failed;
}

XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {
  if (is_question(frame)) return 0;
  XLA_FFI_Buffer *left = argument(frame, 0), *right = argument(frame, 1), *made = result(frame, 0);
  Given given = {left->data, right->data, 0, 0, made->data, made->dims[0], made->dims[1], left->dims[!LEFT_TURNED]};
  if (FROM_BASE) given.base = argument(frame, 2)->data, given.scale = argument(frame, 3)->data;
  const int64_t blocks = parts_of(given.m, ROWS), bytes = left_size(given.k) * sizeof(packed);
  int64_t together = LEFT_BYTES / bytes > LEAST_BLOCKS ? LEFT_BYTES / bytes : LEAST_BLOCKS;
  if (together > blocks) together = blocks;
  given.packed = aligned_alloc(64, together * bytes + 63 & ~63), given.panels = parts_of(given.n, BLOCK);
  if (!given.packed) return out_of_memory(frame);
  int failed = 0;
  for (int64_t block = 0; block < blocks && !failed; block += together) {
    given.row = block * ROWS, given.blocks = blocks - block < together ? blocks - block : together;
    failed = some_rows(frame, &given);
  }
  free(given.packed);
  return failed ? out_of_memory(frame) : 0;
}
