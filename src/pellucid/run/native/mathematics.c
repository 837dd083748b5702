/* Exponentials, logarithms and hyperbolic tangents without a branch or a call, so that a compiler makes vectors of
   them. Each is included once for float and once for double: REAL, WHOLE and F(name) say which, POLYNOMIALS what is
   summed. Ranges are reduced in the usual way (J.-M. Muller, Elementary Functions, 3rd edition, chapters 3 and 11). */

static inline REAL F(scaled)(REAL x, WHOLE n) {
  WHOLE bits = (n + BIAS) << FRACTION;
  REAL power;
  memcpy(&power, &bits, sizeof power);
  return x * power;
}

/* e^x = 2^n (1 + r + r^2 P(r)) with x = n log 2 + r; in two factors, so that the smallest numbers are reached. */
static inline REAL F(exponential)(REAL x) {
  REAL y = x < LEAST ? LEAST : x > MOST ? MOST : x;
  REAL n = F(rint)(y * (REAL)0x1.71547652b82fep+0);
  REAL r = F(fma)(n, -LOG2_HIGH, y);
  r = F(fma)(n, -LOG2_LOW, r);
  REAL p = F(fma)(EXP_POLYNOMIAL(r), r * r, r) + 1;
  WHOLE k = (WHOLE)n, half = k >> 1;
  REAL made = F(scaled)(F(scaled)(p, half), k - half);
  return x > MOST ? (REAL)INFINITY : made;
}

/* log x = k log 2 + 2 s + s^3 Q(s^2) with x = 2^k m, sqrt(1/2) <= m < sqrt 2, s = (m - 1) / (m + 1). */
static inline REAL F(logarithm)(REAL x) {
  REAL up = x < SMALLEST ? x * LIFT : x;
  WHOLE bits;
  memcpy(&bits, &up, sizeof bits);
  WHOLE k = (bits - ROOT) >> FRACTION;
  bits -= (WHOLE)((UWHOLE)k << FRACTION);
  REAL m;
  memcpy(&m, &bits, sizeof m);
  REAL s = (m - 1) / (m + 1), z = s * s;
  REAL shift = (REAL)k - (x < SMALLEST ? LIFTED : 0);
  REAL y = F(fma)(shift, LOG2_LOW, s * z * LOG_POLYNOMIAL(z)) + 2 * s;
  y = F(fma)(shift, LOG2_HIGH, y);
  y = x > LARGEST ? (REAL)INFINITY : y;
  y = x == 0 ? -(REAL)INFINITY : y;
  return x >= 0 ? y : (REAL)NAN;
}

/* log (1 + x), from the logarithm of the rounded 1 + x and how far that is from x. */
static inline REAL F(logarithm1p)(REAL x) {
  REAL u = 1 + x, d = u - 1;
  REAL y = F(logarithm)(u) * (x / (d == 0 ? 1 : d));
  y = d == 0 ? x : y;
  return u > LARGEST ? u : y;
}

/* e^x - 1 = 2 t / (1 - t) with t = tanh (x / 2) near 0. */
static inline REAL F(tangent)(REAL x);
static inline REAL F(exponentialm1)(REAL x) {
  REAL near = x < (REAL)-0.5 ? (REAL)-0.5 : x > (REAL)0.5 ? (REAL)0.5 : x;
  REAL z = near * near / 4;
  REAL t = F(fma)(near / 2 * z, TANH_POLYNOMIAL(z), near / 2);
  REAL far = F(exponential)(x) - 1;
  return x > (REAL)-0.5 && x < (REAL)0.5 ? 2 * t / (1 - t) : far;
}

/* tanh x = (1 - e) / (1 + e) with e = e^(-2 |x|), and x + x^3 R(x^2) near 0. */
static inline REAL F(tangent)(REAL x) {
  REAL a = F(fabs)(x);
  REAL e = F(exponential)(-2 * a);
  REAL far = F(copysign)((1 - e) / (1 + e), x);
  REAL z = x * x;
  REAL near = F(fma)(x * z, TANH_POLYNOMIAL(z), x);
  return a < (REAL)0.55 ? near : far;
}
