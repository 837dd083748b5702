/* Empty versions of the AMX functions, for processors without AMX and for sizes that it does not suit. */

typedef char Packed;
enum { AMX_KERNEL_TASKS = 0, BAND_BYTES = 0 };
static int64_t amx_kernel_size(void) { return 0; }
static void begin_tiles(void) {}
static void end_tiles(void) {}
static int pack_kernel(const real *kernel, int64_t task, Packed *to) { return 0; }
static int amx_conv_images(const real *images, int64_t count, int64_t top, int64_t height, const Packed *kernel, const real *bias,
                           real *output, int64_t rows, char *pending, int64_t bands) {
  return 1;
}

typedef char Packer;
static void begin_band(Packer *packer, const real *image, const real *gradient, int64_t band, char *buffer) {}
static int finish_band(Packer *packer) { return 0; }
static void stop_packing(Packer *packer) {}
static void add_band(const char *buffer, real *sums, Packer *packer) {}
