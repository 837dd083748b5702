/* Both sides of a product, packed for tiles of vector registers: of the left side, so many columns of it as a tile has
   rows lie side by side; of the right side, the rows of a panel. */

typedef real packed;

static int64_t left_size(int64_t deep) { return ROWS * deep; }
static int64_t right_size(int64_t deep) { return BLOCK * deep; }
static void begin(void) {}
static void end(void) {}

static int pack_left(const Given *given, int64_t row, packed *to) {
  const int64_t rows = given->m - row < ROWS ? given->m - row : ROWS;
  const real *from = left_at(given, row, 0);
  if (rows < ROWS) memset(to, 0, left_size(given->k) * sizeof(real));
  for (int64_t k = 0; k < given->k; k++, to += ROWS, from += given->m)
    if (rows == ROWS) memcpy(to, from, ROWS * sizeof(real));
    else memcpy(to, from, rows * sizeof(real));
  return 1;
}

/* A panel is packed in one piece, when it is needed. */
typedef struct {
  const Given *given;
  int64_t from, deep, column;
  packed *to;
} Ahead;

static Ahead ahead_of(const Given *given, int64_t from, int64_t deep, int64_t column, packed *to) {
  return (Ahead){given, from, deep, column, to};
}

static int finish_packing(Ahead *ahead) {
  const Given *given = ahead->given;
  const int64_t columns = given->n - ahead->column < BLOCK ? given->n - ahead->column : BLOCK;
  const real *from = right_at(given, ahead->from, ahead->column);
  packed *to = ahead->to;
  if (columns < BLOCK) memset(to, 0, right_size(ahead->deep) * sizeof(real));
  for (int64_t k = 0; k < ahead->deep; k++, to += BLOCK, from += given->n)
    if (columns == BLOCK) memcpy(to, from, BLOCK * sizeof(real));
    else memcpy(to, from, columns * sizeof(real));
  return 1;
}
