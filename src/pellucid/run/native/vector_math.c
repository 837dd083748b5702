/* Exponentials, logarithms and hyperbolic tangents without a branch or a call, so that a compiler makes vectors of
   them. Each is included once for float and once for double: REAL, WHOLE and F(name) say which, POLYNOMIALS what is
   summed. Ranges are reduced in the usual way (J.-M. Muller, Elementary Functions, 3rd edition, chapters 3 and 11).
   What several of them compute alike is written alike, for a compiler then computes it once. */

/* e^x = 2 w (1 + q) with x = n log 2 + r, w = 2^(n - 1) and q = r + r^2 P(r). Adding SHIFT rounds to n, and leaves the
   exponent of w in the last bits, which are MOST at most. Numbers below the normal ones become 0, as in XLA. */
static inline REAL F(raised)(REAL x, WHOLE most, REAL *w) {
  REAL y = x < LEAST ? LEAST : x, shifted = F(fma)(y, (REAL)0x1.71547652b82fep+0, SHIFT);
  WHOLE bits;
  memcpy(&bits, &shifted, sizeof bits);
  bits = bits > most ? most : bits;
  memcpy(&shifted, &bits, sizeof bits);
  bits = (WHOLE)((UWHOLE)bits << FRACTION);
  memcpy(w, &bits, sizeof bits);
  REAL n = shifted - SHIFT, r = F(fma)(n, -LOG2_HIGH, y);
  r = F(fma)(n, -LOG2_LOW, r);
  return F(fma)(EXP_POLYNOMIAL(r), r * r, r);
}

static inline REAL F(exponential)(REAL x) {
  REAL w, q = F(raised)(x, MOST, &w), half = F(fma)(q, w, w);
  return half + half;
}

/* e^x of numbers that are not positive. */
static inline REAL F(exponential_falling)(REAL x) {
  REAL w, q = F(raised)(x, ANY, &w), half = F(fma)(q, w, w);
  return half + half;
}

/* e^x - 1 = 2 (w q + w - 1/2), exact near 0, where w is 1/2. */
static inline REAL F(exponentialm1)(REAL x) {
  REAL w, q = F(raised)(x, MOST, &w), half = F(fma)(q, w, w - (REAL)0.5);
  return half + half;
}

/* tanh x = (1 - e) / (1 + e) with e = e^(-2 |x|). */
static inline REAL F(tangent)(REAL x) {
  REAL w, q = F(raised)(-2 * F(fabs)(x), ANY, &w), e = F(fma)(q, w, w), m = F(fma)(q, w, w - (REAL)0.5);
  return F(copysign)((m + m) * (1 / (1 + (e + e))), x);
}

/* 1 / (1 + e^-x), from e^(-|x|), which its derivative has too. */
static inline REAL F(logistic)(REAL x) {
  REAL e = F(exponential_falling)(-F(fabs)(x));
  return (x < 0 ? e : 1) * (1 / (1 + e));
}

/* log x = k log 2 + log (1 + f) with x = 2^k (1 + f) and sqrt(1/2) <= 1 + f < sqrt 2. In double precision the polynomial
   would be long, and log (1 + f) is 2 s + s^3 Q(s^2) with s = f / (2 + f). */
static inline REAL F(logarithm_of_normal)(REAL x, WHOLE lifted) {
  WHOLE bits;
  memcpy(&bits, &x, sizeof bits);
  WHOLE k = (bits - ROOT) >> FRACTION;
  bits -= (WHOLE)((UWHOLE)k << FRACTION);
  REAL m;
  memcpy(&m, &bits, sizeof m);
  REAL f = m - 1, shift = (REAL)(k - lifted), y = shift * LOG2_LOW;
#if LOG_QUOTIENT
  REAL s = f / (2 + f), z = s * s;
  y = F(fma)(s * z, LOG_POLYNOMIAL(z), y) + 2 * s;
#else
  REAL z = f * f;
  y = F(fma)(f * z, LOG_POLYNOMIAL(f), y);
  y = F(fma)((REAL)-0.5, z, y) + f;
#endif
  return F(fma)(shift, LOG2_HIGH, y);
}

static inline REAL F(logarithm)(REAL x) {
  REAL y = F(logarithm_of_normal)(x < SMALLEST ? x * LIFT : x, x < SMALLEST ? LIFTED : 0);
  y = x > LARGEST ? x : y;
  y = x == 0 ? -(REAL)INFINITY : y;
  return x >= 0 ? y : (REAL)NAN;
}

/* log x of numbers that are at least one. */
static inline REAL F(logarithm_rising)(REAL x) {
  REAL y = F(logarithm_of_normal)(x, 0);
  return x <= LARGEST ? y : x;
}

/* log (1 + x), from the logarithm of the rounded 1 + x and how far that is from x. */
static inline REAL F(logarithm1p)(REAL x) {
  REAL u = 1 + x, d = u - 1;
  REAL y = F(logarithm)(u) * (x / (d == 0 ? 1 : d));
  y = d == 0 ? x : y;
  return u > LARGEST ? u : y;
}
