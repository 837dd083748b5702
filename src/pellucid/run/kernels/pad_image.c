/* Zero padding of images, for windows that reach beyond the image. */

/* The columns of an image that windows cover. */
static int64_t first_column(const Sizes *s) { return maximum(0, -s->pad_left); }
static int64_t count_columns(const Sizes *s) { return maximum(0, minimum(s->width, s->padded_w - s->pad_left) - first_column(s)); }

/* The place of the first window in an image that is not copied. */
static const real *skip_border(const Sizes *s, const real *image) {
  return s->needs_padding ? image : image - (s->pad_top * s->width + s->pad_left) * s->channels;
}

/* Write rows first to last of the padded image. Negative padding crops. */
static void pad_image(const Sizes *s, const real *restrict image, real *restrict rows, int64_t first, int64_t last) {
  const int64_t column = first_column(s), count = count_columns(s);
  memset(rows, 0, (last - first) * s->padded_w * s->channels * sizeof(real));
  for (int64_t y = 0; y < s->height; y++) {
    const int64_t row = y + s->pad_top;
    if (row >= first && row < last)
      memcpy(rows + ((row - first) * s->padded_w + column + s->pad_left) * s->channels,
             image + (y * s->width + column) * s->channels, count * s->channels * sizeof(real));
  }
}
