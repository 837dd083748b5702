/* The places of the result of a convolution that meet the same elements of its kernel: all places, or those of a transposed
   convolution with the same remainders modulo the strides. Positions in memory are numbers of elements. */

typedef struct {
  int64_t rows, columns;           /* of places */
  int64_t output_start;            /* the first place in the result */
  int64_t offset;                  /* the first window in the padded images */
  int64_t window_h, window_w;      /* elements of the kernel */
  int64_t tap_y, tap_x;            /* the first of them in the kernel */
  int64_t runs, run;               /* pieces of a row of the window that are contiguous in memory, and their length */
  int64_t kernel_start, blocks_start; /* in the arranged kernel, and in the blocks of filters */
} Part;

/* The number of rows of a part in a band. */
static int64_t count_rows(const Part *part, int64_t first, int64_t rows) {
  return first + rows > part->rows ? part->rows - first : rows;
}
