/* Mathematical functions. The compiler replaces those of the first lines by instructions; the others are in the C library. */
#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")
#define isfinite(x) __builtin_isfinite(x)

#define ONE_ARGUMENT(name) double name(double); float name##f(float);
#define TWO_ARGUMENTS(name) double name(double, double); float name##f(float, float);

ONE_ARGUMENT(fabs) ONE_ARGUMENT(sqrt) ONE_ARGUMENT(floor) ONE_ARGUMENT(ceil) ONE_ARGUMENT(rint)
TWO_ARGUMENTS(copysign)

ONE_ARGUMENT(exp2) ONE_ARGUMENT(cbrt) ONE_ARGUMENT(round) ONE_ARGUMENT(erf) ONE_ARGUMENT(erfc) ONE_ARGUMENT(lgamma)
ONE_ARGUMENT(sin) ONE_ARGUMENT(cos) ONE_ARGUMENT(tan) ONE_ARGUMENT(asin) ONE_ARGUMENT(acos) ONE_ARGUMENT(atan)
ONE_ARGUMENT(sinh) ONE_ARGUMENT(cosh) ONE_ARGUMENT(asinh) ONE_ARGUMENT(acosh) ONE_ARGUMENT(atanh)
TWO_ARGUMENTS(pow) TWO_ARGUMENTS(atan2) TWO_ARGUMENTS(fmod)
