/* Arithmetic on the sizes of a convolution, which are attributes of a call, so that one program computes convolutions of all
   sizes. Positions in memory are numbers of elements. `Sizes`, `Part` and `Plan` are written by `convolution_programs.py`. */

static int64_t ceil_div(int64_t size, int64_t part) { return (size + part - 1) / part; }
static int64_t minimum(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t maximum(int64_t a, int64_t b) { return a > b ? a : b; }

/* The number of rows of a part in a band. */
static int64_t count_rows(const Part *part, int64_t first, int64_t rows) { return minimum(rows, part->rows - first); }
