/* Reductions over all rows of matrices, computed in one pass: sums of terms, or the mean and variance of one term. Each
   share of the rows has its own sums, which are added in order. Sums of a block of rows are added up in double precision. */

typedef struct {
  const real *operands[OPERANDS];
  int64_t rows, channels, share_rows;
  double *sums; /* of each share: RESULTS x channels */
} Call;

/* Adds the terms of consecutive rows in some columns. Both numbers are constants, except at the ends of a matrix. */
static inline __attribute__((always_inline)) void add_terms(const Call *call, int64_t row, int64_t rows, int64_t first,
                                                            int64_t width, real (*restrict sums)[CHUNK]) {
  const int64_t start = row * call->channels + first;
  for (int64_t c = 0; c < width; c++)
    for (int64_t r = 0; r < rows; r++) {
      real terms[TERMS];
      compute_terms(call->operands, row + r, start + r * call->channels + c, first + c, terms);
      for (int k = 0; k < TERMS; k++) sums[k][c] += terms[k];
    }
}

/* Adds the squared deviations of the only term from the means. */
static inline __attribute__((always_inline)) void add_squares(const Call *call, int64_t row, int64_t rows, int64_t first,
                                                              int64_t width, const real *restrict means,
                                                              real *restrict squares) {
  const int64_t start = row * call->channels + first;
  for (int64_t c = 0; c < width; c++)
    for (int64_t r = 0; r < rows; r++) {
      real term[1];
      compute_terms(call->operands, row + r, start + r * call->channels + c, first + c, term);
      squares[c] += (term[0] - means[c]) * (term[0] - means[c]);
    }
}

/* Calls a function for all elements of a block, in strips of constant size. */
#define FOR_STRIPS(function, ...)                                                                          \
  for (int64_t r = row; r < row + rows;) {                                                                 \
    const int64_t some = r + UNROLL <= row + rows ? UNROLL : 1;                                            \
    int64_t c = 0;                                                                                         \
    if (some == UNROLL) {                                                                                  \
      for (; c + STRIP <= width; c += STRIP) function(call, r, UNROLL, first + c, STRIP, __VA_ARGS__);     \
      for (; c + SHORT_STRIP <= width; c += SHORT_STRIP)                                                   \
        function(call, r, UNROLL, first + c, SHORT_STRIP, __VA_ARGS__);                                    \
    }                                                                                                      \
    if (c < width) function(call, r, some, first + c, width - c, __VA_ARGS__);                             \
    r += some;                                                                                             \
  }

/* Adds sums and squared deviations from the mean of more rows to those of `count` rows. */
static __attribute__((noinline)) void merge_moments(double *restrict sum, double *restrict square, double count,
                                                    const double *restrict more_sum, const double *restrict more_square,
                                                    double more, int64_t width) {
  const double weight = count * more / (count + more), per_row = 1 / count, per_new_row = 1 / more;
  for (int64_t c = 0; c < width && count > 0; c++) {
    const double change = more_sum[c] * per_new_row - sum[c] * per_row;
    square[c] += more_square[c] + change * change * weight;
    sum[c] += more_sum[c];
  }
  for (int64_t c = 0; c < width && count == 0; c++) square[c] += more_square[c], sum[c] += more_sum[c];
}

static void add_block(const Call *call, int64_t row, int64_t rows, int64_t first, int64_t width, double *totals,
                      int64_t count) {
  real sums[TERMS][CHUNK];
  for (int k = 0; k < TERMS; k++) memset(sums[k], 0, width * sizeof(real));
  FOR_STRIPS(add_terms, (real(*)[CHUNK])&sums[0][c])
  if (MOMENTS) {
    real means[CHUNK], squares[CHUNK];
    double block[2][CHUNK];
    for (int64_t c = 0; c < width; c++) means[c] = sums[0][c] / (real)rows, squares[c] = 0;
    FOR_STRIPS(add_squares, means + c, squares + c)
    for (int64_t c = 0; c < width; c++) block[0][c] = sums[0][c], block[1][c] = squares[c];
    merge_moments(totals + first, totals + call->channels + first, count, block[0], block[1], rows, width);
    return;
  }
  for (int k = 0; k < TERMS; k++)
    for (int64_t c = 0; c < width; c++) totals[k * call->channels + first + c] += sums[k][c];
}

static void reduce_share(void *data, int64_t share) {
  const Call *call = data;
  const int64_t begin = share * call->share_rows;
  const int64_t end = begin + call->share_rows < call->rows ? begin + call->share_rows : call->rows;
  double *totals = call->sums + share * RESULTS * call->channels;
  memset(totals, 0, RESULTS * call->channels * sizeof(double));
  for (int64_t row = begin; row < end; row += BLOCK_ROWS)
    for (int64_t first = 0; first < call->channels; first += CHUNK) {
      const int64_t rows = end - row < BLOCK_ROWS ? end - row : BLOCK_ROWS;
      const int64_t width = call->channels - first < CHUNK ? call->channels - first : CHUNK;
      add_block(call, row, rows, first, width, totals, row - begin);
    }
}

/* Adds the sums of all shares to those of the first one. */
static void merge_shares(const Call *call, int64_t shares) {
  const int64_t channels = call->channels;
  for (int64_t share = 1; share < shares; share++) {
    const double *more = call->sums + share * RESULTS * channels;
    const int64_t begin = share * call->share_rows, left = call->rows - begin;
    if (MOMENTS)
      merge_moments(call->sums, call->sums + channels, begin, more, more + channels,
                    left < call->share_rows ? left : call->share_rows, channels);
    else
      for (int64_t k = 0; k < RESULTS * channels; k++) call->sums[k] += more[k];
  }
}

XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {
  const XLA_FFI_Buffer *full = argument(frame, 0);
  Call call = {.channels = full->dims[full->rank - 1], .rows = 1};
  for (int k = 0; k < OPERANDS; k++) call.operands[k] = argument(frame, k)->data;
  for (int64_t axis = 0; axis < full->rank - 1; axis++) call.rows *= full->dims[axis];
  const int64_t blocks = (call.rows + BLOCK_ROWS - 1) / BLOCK_ROWS;
  int64_t shares = call.rows * call.channels / SHARE_ELEMENTS;
  if (shares > blocks / SHARE_BLOCKS) shares = blocks / SHARE_BLOCKS;
  shares = shares < 1 ? 1 : shares > MAX_SHARES ? MAX_SHARES : shares;
  call.share_rows = (blocks + shares - 1) / shares * BLOCK_ROWS;
  shares = (call.rows + call.share_rows - 1) / call.share_rows;
  call.sums = malloc(shares * RESULTS * call.channels * sizeof(double));
  if (!call.sums || parallel_for(frame, reduce_share, &call, shares)) {
    free(call.sums);
    return out_of_memory(frame);
  }
  merge_shares(&call, shares);
  real *output = result(frame, 0)->data;
  const double count = MOMENTS ? call.rows : 1;
  for (int64_t k = 0; k < RESULTS * call.channels; k++) output[k] = call.sums[k] / count;
  free(call.sums);
  return 0;
}
