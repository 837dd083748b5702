/* Empty versions of the AMX functions of convolutions, for processors without AMX. */

typedef char Packed;
static int64_t count_kernel_tasks(const Sizes *s, const Plan *plan) { return 0; }
static int64_t get_packed_kernel_bytes(const Sizes *s, const Plan *plan) { return 0; }
static int pack_kernel(const Sizes *s, const Part *part, const real *kernel, int64_t task, Packed *to) { return 0; }
static int amx_conv_images(const Sizes *s, const Plan *plan, const Part *parts, int64_t part_count, const real *images,
                           int64_t count, int64_t top, int64_t height, const Packed *kernel, const real *bias, real *output,
                           int64_t rows, char *pending, int64_t bands) {
  return 1;
}

typedef char Packer;
static void begin_tiles(void) {}
static void end_tiles(void) {}
static int64_t get_band_bytes(const Sizes *s, const Plan *plan) { return 0; }
static void begin_band(Packer *packer, const Sizes *s, const Plan *plan, const real *image, const real *gradient, int64_t band,
                       char *buffer) {}
static int finish_band(Packer *packer) { return 0; }
static void stop_packing(Packer *packer) {}
static void add_band(const char *buffer, real *sums, Packer *packer) {}
