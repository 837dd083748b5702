/* Packing of both operands of a matrix product for AMX. */

static int64_t left_size(int64_t depth) { return packed_size(depth); }
static int64_t right_size(int64_t depth) { return packed_size(depth); }

static int pack_left(const Call *call, int64_t row, Packed *to) {
  __m512i max_bits = _mm512_setzero_si512(), rows[16][3];
  for (int64_t k = 0; k < call->k; k += K_TILE, to += 6 * TILE_WORDS)
    for (int64_t t = 0; t < 2; t++) {
      const int64_t r = row + t * TILE;
      if (LEFT_TRANSPOSED) split_strided(left_at(call, r, k), call->m, call->m - r, call->k - k, rows, &max_bits);
      else split_contiguous(left_at(call, r, k), call->k, call->m - r, call->k - k, rows, &max_bits);
      store_tiles(rows, LEFT_TRANSPOSED, to + t * TILE_WORDS);
    }
  return is_splittable(max_bits);
}

/* A panel of the right operand is packed step by step while the panel before it is multiplied. A step is one row of three
   tiles, or three whole tiles if they must be transposed. */
typedef struct {
  const real *from;
  int64_t stride, width, depth, next, steps, pace;
  Packed *to;
  __m512i max_bits;
} Packer;

static Packer make_packer(const Call *call, int64_t from, int64_t depth, int64_t column, Packed *to) {
  const int64_t tiles = 2 * ceil_div(depth, K_TILE);
  return (Packer){.from = right_at(call, from, column),
                  .stride = RIGHT_TRANSPOSED ? call->k : call->n,
                  .width = call->n - column,
                  .depth = call->k - from,
                  .steps = RIGHT_TRANSPOSED ? tiles : tiles * TILE,
                  .to = to};
}

static __attribute__((noinline)) void pack_steps(void *data) {
  Packer *packer = data;
  for (int64_t s = 0; s < packer->pace && packer->next < packer->steps; s++, packer->next++) {
    const int64_t t = packer->next % 2, k = packer->next / 2;
    if (RIGHT_TRANSPOSED) {
      __m512i rows[16][3];
      split_contiguous(packer->from + t * TILE * packer->stride + k * K_TILE, packer->stride, packer->width - t * TILE,
                       packer->depth - k * K_TILE, rows, &packer->max_bits);
      store_tiles(rows, 1, packer->to + (6 * k + t) * TILE_WORDS);
    } else {
      const real *low = packer->from + 2 * k * packer->stride + t * TILE;
      const __mmask16 mask = tail_mask(packer->width - t * TILE);
      Packed *to = packer->to + (k / TILE * 6 + t) * TILE_WORDS + k % TILE * TILE;
      __m512i row[3];
      split_row_pair(low, low + packer->stride, 2 * k < packer->depth ? mask : 0, 2 * k + 1 < packer->depth ? mask : 0, row,
                     &packer->max_bits);
      for (int p = 0; p < 3; p++) _mm512_store_si512(to + 2 * p * TILE_WORDS, row[p]);
    }
  }
}

static int finish_packing(Packer *packer) {
  packer->pace = packer->steps;
  pack_steps(packer);
  return is_splittable(packer->max_bits);
}

/* Add to a block the products over a piece of the summed axis, and pack the next panel meanwhile. */
static void
multiply_tile(const Packed *p, const Packed *q, real *sums, int64_t depth, int add, Packer *packer, int64_t blocks) {
  packer->pace = ceil_div(packer->steps, 6 * ceil_div(depth, K_TILE) * blocks);
  load_accumulators(sums, BLOCK * sizeof(real), add);
  multiply_accumulate(p, PACKED_LAYOUT, q, PACKED_LAYOUT, depth, pack_steps, packer);
  store_accumulators(sums, BLOCK * sizeof(real));
}
