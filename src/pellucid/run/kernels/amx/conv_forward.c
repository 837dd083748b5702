/* Convolution with AMX. An image is split into three planes of bfloat16, in which 32 channels of 16 neighboring places form a
   tile without any copying. Places are numbered across rows, so tiles also cover the places at the end of each row where the
   window would leave the image; those results are dropped. */

static int64_t count_filter_tiles(const Sizes *s) { return ceil_div(s->filters, 32); }
static int64_t count_kernel_tasks(const Sizes *s, const Plan *plan) { return count_filter_tiles(s) * plan->part_rows; }

static int64_t get_packed_kernel_bytes(const Sizes *s, const Plan *plan) {
  return count_filter_tiles(s) * plan->part_tiles * 6 * TILE_WORDS * sizeof(Packed);
}

/* Number of places of some rows of output, in whole pairs of tiles. */
static int64_t count_tile_places(const Sizes *s, int64_t rows) {
  return ceil_div((rows - 1) * s->padded_w + s->output_w, 32) * 32;
}

/* Number of elements that are read of a plane for some rows of output, including zeros after the last row. */
static int64_t get_plane_size(const Sizes *s, const Plan *plan, int64_t rows) {
  return ((count_tile_places(s, rows) - 1) * s->channels + plan->amx_reach + 63) / 32 * 32;
}

/* Pack one row of the window of a part for 32 filters; return whether all numbers could be split. */
static int pack_kernel(const Sizes *s, const Part *part, const real *kernel, int64_t task, Packed *to) {
  const int64_t filter_tiles = count_filter_tiles(s);
  for (; task >= filter_tiles * part->window_h; part++) {
    task -= filter_tiles * part->window_h;
    to += filter_tiles * part->window_h * packed_size(part->run);
  }
  const int64_t filter = task / part->window_h * 32, y = task % part->window_h;
  __m512i max_bits = _mm512_setzero_si512(), rows[16][3];
  kernel += part->kernel_start + y * part->run * s->filters, to += task * packed_size(part->run);
  for (int64_t k = 0; k < part->run; k += K_TILE, to += 6 * TILE_WORDS)
    for (int64_t t = 0; t < 2; t++) {
      const int64_t f = filter + t * TILE;
      split_strided(kernel + k * s->filters + f, s->filters, s->filters - f, part->run - k, rows, &max_bits);
      store_tiles(rows, 0, to + t * TILE_WORDS);
    }
  return is_splittable(max_bits);
}

/* Splits the next image into planes, step by step, while the image before it is multiplied. */
typedef struct {
  const real *from;            /* the next row of the image */
  uint16_t *to;                /* and where it is in the first plane */
  int64_t row_size, row_step;  /* elements of a row that windows cover, and from one row of the image to the next */
  int64_t plane_row, plane;    /* from one row of a plane to the next, and from one plane to the next */
  int64_t rows, next, pace;    /* rows that are left, the next element of the first of them, and steps at a time */
  __m512i max_bits;
} Splitter;

static Splitter make_splitter(const Sizes *s, const Plan *plan, const real *image, int64_t top, int64_t height, int64_t rows,
                              uint16_t *planes) {
  const int64_t column = first_column(s), row_size = count_columns(s) * s->channels, first = maximum(0, top - s->pad_top);
  const int64_t slots = count_filter_tiles(s) * plan->part_tiles * 6 * (count_tile_places(s, rows) / 32);
  return (Splitter){
      .from = image + (first * s->width + column) * s->channels,
      .to = planes + ((first + s->pad_top - top) * s->padded_w + column + s->pad_left) * s->channels,
      .row_size = row_size,
      .row_step = s->width * s->channels,
      .plane_row = s->padded_w * s->channels,
      .plane = get_plane_size(s, plan, rows),
      .rows = maximum(0, minimum(s->height, top + height - s->pad_top) - first),
      .pace = ceil_div(height * ceil_div(row_size, K_TILE), slots),
  };
}

static __attribute__((noinline)) void split_steps(void *data) {
  Splitter *splitter = data;
  for (int64_t s = 0; s < splitter->pace && splitter->rows; s++) {
    const int64_t left = splitter->row_size - splitter->next;
    uint16_t *to = splitter->to + splitter->next;
    __m512i split[3];
    split_row(splitter->from + splitter->next, tail_mask(left), tail_mask(left - 16), split, &splitter->max_bits);
    for (int p = 0; p < 3; p++) _mm512_storeu_si512(to + p * splitter->plane, split[p]);
    splitter->next += K_TILE;
    if (left <= K_TILE) {
      splitter->next = 0, splitter->rows--;
      splitter->from += splitter->row_step, splitter->to += splitter->plane_row;
    }
  }
}

static int finish_splitting(Splitter *splitter) {
  splitter->pace = INT64_MAX;
  split_steps(splitter);
  return is_splittable(splitter->max_bits);
}

/* Add the bias of some filters to the sums of 32 places; negative sums become zero, and NaN stays. */
static void rectify_sums(real *sums, const real *bias, int64_t filters) {
  for (int64_t k = 0; k < 32; k++)
    for (int64_t f = 0; f < filters; f++) {
      const real sum = sums[k * 32 + f] + bias[f];
      sums[k * 32 + f] = sum < 0 ? 0 : sum;
    }
}

/* Compute some rows of a part from the planes of one image, and split the next image meanwhile. */
static void amx_conv_part(const Sizes *s, const Part *part, const uint16_t *planes, int64_t plane, const Packed *kernel,
                          const real *bias, real *output, int64_t rows, Splitter *splitter) {
  const int64_t places = (rows - 1) * s->padded_w + part->columns, size = packed_size(part->run);
  const Layout layout = {s->channels * 2, TILE * s->channels * 2, plane * 2, K_TILE * 2};
  const int64_t row_step = s->dilation_y * s->padded_w * s->channels;
  real sums[32 * 32] __attribute__((aligned(64)));
  for (int64_t f = 0; f < count_filter_tiles(s); f++) {
    const __mmask16 first = tail_mask(s->filters - f * 32), second = tail_mask(s->filters - f * 32 - 16);
    real *to = output + f * 32; /* of the place (y, x) */
    for (int64_t place = 0, x = 0; place < places; place += 32) {
      load_accumulators(sums, 128, 0);
      for (int64_t y = 0; y < part->window_h; y++)
        multiply_accumulate(planes + place * s->channels + y * row_step, layout, kernel + (f * part->window_h + y) * size,
                            PACKED_LAYOUT, part->run, split_steps, splitter);
      store_accumulators(sums, 128);
      if (bias) rectify_sums(sums, bias + f * 32, minimum(s->filters - f * 32, 32));
      for (int64_t k = 0; k < 32 && place + k < places; k++) {
        if (x < part->columns) {
          _mm512_mask_storeu_ps(to + x * s->output_pixel, first, _mm512_load_ps(sums + k * 32));
          _mm512_mask_storeu_ps(to + x * s->output_pixel + 16, second, _mm512_load_ps(sums + k * 32 + 16));
        }
        if (++x == s->padded_w) x = 0, to += s->output_row;
      }
    }
  }
}

static void amx_conv_rows(const Sizes *s, const Plan *plan, const Part *parts, int64_t part_count, const uint16_t *planes,
                          const Packed *kernel, const real *bias, real *output, int64_t first, int64_t rows, Splitter *splitter) {
  for (const Part *part = parts; part < parts + part_count; part++) {
    amx_conv_part(s, part, planes + part->offset, get_plane_size(s, plan, rows), kernel, bias, output + part->output_start,
                  count_rows(part, first, rows), splitter);
    kernel += count_filter_tiles(s) * part->window_h * packed_size(part->run);
  }
}

/* Compute some rows of several images, and mark those that cannot be split as pending. Return 0 if memory ran out. */
static int amx_conv_images(const Sizes *s, const Plan *plan, const Part *parts, int64_t part_count, const real *images,
                           int64_t count, int64_t top, int64_t height, const Packed *kernel, const real *bias, real *output,
                           int64_t rows, char *pending, int64_t bands) {
  const int64_t plane = get_plane_size(s, plan, rows), used = height * s->padded_w * s->channels;
  uint16_t *planes = aligned_alloc(64, 12 * plane);
  if (!planes) return 0;
  if (s->needs_padding) memset(planes, 0, 12 * plane);
  for (int p = 0; p < 6; p++) memset(planes + p * plane + used, 0, 2 * (plane - used));
  Splitter splitter = make_splitter(s, plan, images, top, height, rows, planes);
  begin_tiles();
  for (int64_t n = 0; n < count; n++) {
    const int split_ok = finish_splitting(&splitter);
    splitter = make_splitter(s, plan, images + (n + 1) * s->height * s->width * s->channels, top, height, rows,
                             planes + (n + 1) % 2 * 3 * plane);
    if (n + 1 == count) splitter.rows = 0;
    if (split_ok)
      amx_conv_rows(s, plan, parts, part_count, planes + n % 2 * 3 * plane, kernel, bias, output + n * s->result_size, top, rows,
                    &splitter);
    else pending[n * bands] = 1;
  }
  end_tiles();
  free(planes);
  return 1;
}
