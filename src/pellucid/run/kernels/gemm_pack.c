/* Packing of both operands for tiles of vector registers: the left one in blocks of ROWS rows, column by column; the right
   one in panels of BLOCK columns, row by row. */

typedef real Packed;

static int64_t left_size(int64_t depth) { return ROWS * depth; }
static int64_t right_size(int64_t depth) { return BLOCK * depth; }
static void begin_tiles(void) {}
static void end_tiles(void) {}

static int pack_left(const Call *call, int64_t row, Packed *to) {
  const int64_t rows = call->m - row < ROWS ? call->m - row : ROWS;
  const real *from = left_at(call, row, 0);
  if (rows < ROWS) memset(to, 0, left_size(call->k) * sizeof(real));
  for (int64_t k = 0; k < call->k; k++, to += ROWS, from += call->m)
    if (rows == ROWS) memcpy(to, from, ROWS * sizeof(real));
    else memcpy(to, from, rows * sizeof(real));
  return 1;
}

/* A panel is packed at once, when it is needed. */
typedef struct {
  const Call *call;
  int64_t from, depth, column;
  Packed *to;
} Packer;

static Packer make_packer(const Call *call, int64_t from, int64_t depth, int64_t column, Packed *to) {
  return (Packer){call, from, depth, column, to};
}

static int finish_packing(Packer *packer) {
  const Call *call = packer->call;
  const int64_t columns = call->n - packer->column < BLOCK ? call->n - packer->column : BLOCK;
  const real *from = right_at(call, packer->from, packer->column);
  Packed *to = packer->to;
  if (columns < BLOCK) memset(to, 0, right_size(packer->depth) * sizeof(real));
  for (int64_t k = 0; k < packer->depth; k++, to += BLOCK, from += call->n)
    if (columns == BLOCK) memcpy(to, from, BLOCK * sizeof(real));
    else memcpy(to, from, columns * sizeof(real));
  return 1;
}
