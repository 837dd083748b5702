/* Where windows reach beyond an image, it is laid out among numbers less than all others, and taken back. */

enum {
  PADDED = ABOVE != 0 || LEFT != 0 || SEEN_H != HEIGHT || SEEN_W != WIDTH,
  HIGH = HEIGHT < SEEN_H - ABOVE ? HEIGHT : SEEN_H - ABOVE,
  END = WIDTH < SEEN_W - LEFT ? WIDTH : SEEN_W - LEFT,
  COUNT = END > 0 ? END * CHANNELS : 0
};

static int64_t in_image(int64_t y) { return y * WIDTH * CHANNELS; }
static int64_t in_room(int64_t y) { return ((y + ABOVE) * SEEN_W + LEFT) * CHANNELS; }

static void lay_out(const real *restrict image, real *restrict room) {
  for (int64_t k = 0; k < SEEN_H * SEEN_W * CHANNELS; k++) room[k] = -__builtin_inf();
  for (int64_t y = 0; y < HIGH; y++) memcpy(room + in_room(y), image + in_image(y), COUNT * sizeof(real));
}

static void take_back(const real *restrict room, real *restrict image) {
  memset(image, 0, HEIGHT * WIDTH * CHANNELS * sizeof(real));
  for (int64_t y = 0; y < HIGH; y++) memcpy(image + in_image(y), room + in_room(y), COUNT * sizeof(real));
}
