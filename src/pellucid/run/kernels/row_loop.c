/* Results that are computed row by row from several operands. Arguments: arrays, numbers for each row or column, scalars.
   Results: arrays, and sums over all rows. */

typedef struct {
  const real *operands[OPERANDS];
  real *results[RESULTS];
  int64_t rows, columns, share_rows;
  double *sums; /* of each share: SUMS x columns */
  atomic_int failed;
} Call;

/* The larger and smaller number; NaN if either is. */
static inline real maximum(real a, real b) { return b > a || b != b ? b : a; }
static inline real minimum(real a, real b) { return b < a || b != b ? b : a; }
#pragma omp declare reduction(maximum : real : omp_out = maximum(omp_out, omp_in)) initializer(omp_priv = omp_orig)
#pragma omp declare reduction(minimum : real : omp_out = minimum(omp_out, omp_in)) initializer(omp_priv = omp_orig)
