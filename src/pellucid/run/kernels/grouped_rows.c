/* Rows of images for grouped convolutions. A row has one plane for each channel of a group: plane j has, for each output
   channel, channel j of its group. */

enum {
  OUTPUTS = GROUPS * FILTERS,
  INPUTS = GROUPS * CHANNELS,
  PLANE_SIZE = COLUMNS * OUTPUTS,
  ROW_SIZE = CHANNELS * PLANE_SIZE,
  WEIGHT_ROW = WINDOW_W * VECTORS * LANES,
  STORED = OUTPUTS < LANES ? PIXELS * OUTPUTS : LANES, /* lanes of a vector that are used */
  FIRST_INSIDE = FIRST_COLUMN < 0 ? -FIRST_COLUMN : 0,
  WIDTH_LEFT = WIDTH - FIRST_COLUMN < 0 ? 0 : WIDTH - FIRST_COLUMN,
  LAST_INSIDE = WIDTH_LEFT < COLUMNS ? WIDTH_LEFT : COLUMNS
};

/* The last rows that were loaded, in a ring. */
typedef struct {
  real *ring;
  int64_t image, next; /* number of the image, and of the next row that is not loaded */
} Rows;

/* First channel of a vector. The last vector overlaps the one before it. */
static inline int64_t vector_offset(int64_t v) { return v * LANES < LAST_VECTOR ? v * LANES : LAST_VECTOR; }

static Rows make_rows(void) {
  /* Vectors also read numbers behind the last row, and ignore them. */
  const int64_t bytes = ((REACH * ROW_SIZE + LANES) * sizeof(real) + 63) / 64 * 64;
  Rows rows = {IS_DIRECT ? 0 : aligned_alloc(64, bytes), -1, 0};
  if (rows.ring) memset((char *)rows.ring + bytes - LANES * sizeof(real), 0, LANES * sizeof(real));
  return rows;
}

/* Write one row of an image with zeros around it. */
static void load_row(const real *restrict image, int64_t y, real *restrict to) {
  if (y < 0 || y >= HEIGHT || LAST_INSIDE <= FIRST_INSIDE) {
    memset(to, 0, ROW_SIZE * sizeof(real));
    return;
  }
  const real *from = image + (y * WIDTH + FIRST_INSIDE + FIRST_COLUMN) * INPUTS;
  for (int64_t j = 0; j < CHANNELS; j++, to += PLANE_SIZE) {
    memset(to, 0, FIRST_INSIDE * OUTPUTS * sizeof(real));
    memset(to + LAST_INSIDE * OUTPUTS, 0, (COLUMNS - LAST_INSIDE) * OUTPUTS * sizeof(real));
    real *inside = to + FIRST_INSIDE * OUTPUTS;
    if (CHANNELS == 1 && FILTERS == 1) memcpy(inside, from, (LAST_INSIDE - FIRST_INSIDE) * OUTPUTS * sizeof(real));
    else
      for (int64_t k = 0; k < (LAST_INSIDE - FIRST_INSIDE) * GROUPS; k++)
        for (int64_t f = 0; f < FILTERS; f++) inside[k * FILTERS + f] = from[k * CHANNELS + j];
  }
}

/* Find the rows of the window of an output row, and the number of each in the kernel; return their count. */
static int64_t find_rows(Rows *rows, const real *images, int64_t output_row, const real **places, int *indices) {
  const int64_t n = output_row / OUTPUT_H, y = output_row % OUTPUT_H, top = y / PHASES_Y * STEP_Y + FIRST_ROW;
  const real *image = images + n * HEIGHT * WIDTH * INPUTS;
  if (rows->image != n || rows->next < top) rows->image = n, rows->next = top;
  for (; !IS_DIRECT && rows->next < top + REACH; rows->next++)
    load_row(image, rows->next, rows->ring + (rows->next - FIRST_ROW) % REACH * ROW_SIZE);
  int64_t count = 0;
  for (int t = 0; t < tap_counts[y % PHASES_Y]; t++)
    for (int64_t j = 0; j < CHANNELS; j++, count++) {
      const int64_t row = top + row_taps[y % PHASES_Y][t].place;
      places[count] = IS_DIRECT ? image + (row * WIDTH + FIRST_COLUMN) * INPUTS
                                : rows->ring + (row - FIRST_ROW) % REACH * ROW_SIZE + j * PLANE_SIZE;
      indices[count] = row_taps[y % PHASES_Y][t].index * CHANNELS + j;
    }
  return count;
}
