/* There are no units for matrices, or they are not worth while for these sizes. */

typedef char packed;
enum { KERNEL_TASKS = 0, ROOM = 0 };
static int64_t kernel_size(void) { return 0; }
static void begin(void) {}
static void end(void) {}
static int pack_kernel(const real *kernel, int64_t task, packed *to) { return 0; }
static int images_by_thirds(const real *images, int64_t count, int64_t top, int64_t high, const packed *kernel, real *made,
                            int64_t rows, char *left, int64_t bands) {
  return 1;
}

typedef char Ahead;
static void begin_band(Ahead *ahead, const real *seen, const real *slopes, int64_t band, char *room) {}
static int finish_band(Ahead *ahead) { return 0; }
static void stop(Ahead *ahead) {}
static void add_band(const char *room, real *sum, Ahead *ahead) {}
