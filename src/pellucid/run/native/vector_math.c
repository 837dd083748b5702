/* Exponential, logarithm and hyperbolic tangent without branches or calls, so that the compiler can vectorize loops that use
   them. This file is included once for float and once for double, with macros for types, constants and polynomials. Range
   reduction follows J.-M. Muller, Elementary Functions, 3rd edition, chapters 3 and 11. Functions share subexpressions in
   identical form, so that the compiler computes each once. */

/* e^x = s w (1 + q) with x = n log 2 + r, w = 2^n / s and q = r + r^2 P(r). Adding `shift` rounds to the integer n and leaves
   the biased exponent of w in the last bits, which are limited to max_bits; for `min` it is 0, so w is too. Results below the
   normal numbers are 0, as in XLA. The order of the comparison makes it one instruction. */
static inline REAL F(reduce_exp_within)(REAL min, INTEGER max_bits, REAL shift, REAL x, REAL *w) {
  REAL y = min > x ? min : x, shifted = F(fma)(y, (REAL)0x1.71547652b82fep+0, shift);
  INTEGER bits;
  memcpy(&bits, &shifted, sizeof bits);
  bits = bits > max_bits ? max_bits : bits;
  memcpy(&shifted, &bits, sizeof bits);
  bits = (INTEGER)((UNSIGNED)bits << FRACTION_BITS);
  memcpy(w, &bits, sizeof bits);
  REAL n = shifted - shift, r = F(fma)(n, -LOG2_HIGH, y);
  r = F(fma)(n, -LOG2_LOW, r);
  return F(fma)(EXP_POLYNOMIAL(r), r * r, r);
}

/* With s = 2, because 2^n may be infinite. */
static inline REAL F(reduce_exp)(REAL x, REAL *w) {
  return F(reduce_exp_within)(MIN_EXPONENT, MAX_BITS, SHIFT, x, w);
}

/* With s = 1, for x <= 0, whose exponential cannot overflow. */
static inline REAL F(reduce_exp_nonpositive)(REAL x, REAL *w) {
  return F(reduce_exp_within)(MIN_EXPONENT - (REAL)0.5, NO_LIMIT, SHIFT + 1, x, w);
}

/* The functions that begin with "expand" are the second half of the others: loops that are split call the halves. */
static inline REAL F(expand_exp)(REAL q, REAL w) {
  REAL half = F(fma)(q, w, w);
  return half + half;
}

static inline REAL F(expand_exp_nonpositive)(REAL q, REAL w) {
  return F(fma)(q, w, w);
}

static inline REAL F(vector_exp)(REAL x) {
  REAL w, q = F(reduce_exp)(x, &w);
  return F(expand_exp)(q, w);
}

static inline REAL F(vector_exp_nonpositive)(REAL x) {
  REAL w, q = F(reduce_exp_nonpositive)(x, &w);
  return F(expand_exp_nonpositive)(q, w);
}

/* e^x - 1 = 2 (w q + w - 1/2), exact near 0, where w is 1/2, but for the sign of 0. */
static inline REAL F(vector_expm1)(REAL x) {
  REAL w, q = F(reduce_exp)(x, &w), half = F(fma)(q, w, w - (REAL)0.5);
  return F(copysign)(half + half, x);
}

/* tanh x = (1 - e) / (1 + e) with e = e^(-2 |x|). */
static inline REAL F(expand_tanh)(REAL x, REAL q, REAL w) {
  REAL e = F(expand_exp_nonpositive)(q, w), m = F(fma)(q, w, w - 1);
  return F(copysign)(m * (1 / (1 + e)), x);
}

static inline REAL F(vector_tanh)(REAL x) {
  REAL w, q = F(reduce_exp_nonpositive)(-2 * F(fabs)(x), &w);
  return F(expand_tanh)(x, q, w);
}

/* 1 / (1 + e^-x), from e^(-|x|), which its derivative uses too. */
static inline REAL F(expand_logistic)(REAL x, REAL q, REAL w) {
  REAL e = F(expand_exp_nonpositive)(q, w);
  return (x < 0 ? e : 1) * (1 / (1 + e));
}

static inline REAL F(logistic)(REAL x) {
  REAL w, q = F(reduce_exp_nonpositive)(-F(fabs)(x), &w);
  return F(expand_logistic)(x, q, w);
}

/* log x = k log 2 + log (1 + f) with x = 2^k (1 + f) and sqrt(1/2) <= 1 + f < sqrt 2. In double precision the polynomial in f
   would be long, so log (1 + f) is 2 s + s^3 Q(s^2) with s = f / (2 + f). The sum of k and the exponent bias is positive, and
   becomes a number as the last bits of a power of 2: few processors convert vectors of 64-bit integers. */
static inline REAL F(log_of_normal)(REAL x, REAL scaled_by) {
  UNSIGNED bits;
  memcpy(&bits, &x, sizeof bits);
  UNSIGNED biased = (bits + (ONE_BITS - SQRT_HALF_BITS)) >> FRACTION_BITS;
  bits += ONE_BITS - (biased << FRACTION_BITS);
  biased += POWER_BITS;
  REAL m, k;
  memcpy(&m, &bits, sizeof m);
  memcpy(&k, &biased, sizeof k);
  REAL f = m - 1, shift = k - BIASED_POWER - scaled_by, y = shift * LOG2_LOW;
#if LOG_BY_QUOTIENT
  REAL s = f / (2 + f), z = s * s;
  y = F(fma)(s * z, LOG_POLYNOMIAL(z), y) + 2 * s;
#else
  REAL z = f * f;
  y = F(fma)(f * z, LOG_POLYNOMIAL(f), y);
  y = F(fma)((REAL)-0.5, z, y) + f;
#endif
  return F(fma)(shift, LOG2_HIGH, y);
}

/* Numbers below the normal ones are scaled up first. */
static inline REAL F(vector_log)(REAL x) {
  REAL y = F(log_of_normal)(x < MIN_NORMAL ? x * SCALE : x, x < MIN_NORMAL ? (REAL)SCALE_EXPONENT : 0);
  y = x > MAX_FINITE ? x : y;
  y = x == 0 ? -(REAL)INFINITY : y;
  return x >= 0 ? y : (REAL)NAN;
}

/* log x for x >= 1. */
static inline REAL F(vector_log_at_least_one)(REAL x) {
  REAL y = F(log_of_normal)(x, 0);
  return x <= MAX_FINITE ? y : x;
}

/* log (1 + x), from the logarithm of the rounded 1 + x and its rounding error. */
static inline REAL F(vector_log1p)(REAL x) {
  REAL u = 1 + x, d = u - 1;
  REAL y = F(vector_log)(u) * (x / (d == 0 ? 1 : d));
  y = d == 0 ? x : y;
  return u > MAX_FINITE ? u : y;
}
