"""Preamble of every generated program: vectorizable mathematical functions, arithmetic helpers, and conversions."""

from __future__ import annotations

import functools
from pathlib import Path

MVEC_FUNCTIONS = (
    *("sin", "cos", "tan", "asin", "acos", "atan"),
    *("sinh", "cosh", "asinh", "acosh", "atanh"),
    *("exp2", "erf", "erfc"),
)
"""Functions of one argument for which glibc's libmvec has vector versions."""

INLINE_FUNCTIONS = ("exp", "log", "log1p", "expm1", "tanh")
"""Functions that ``vector_math.c`` defines, as ``vector_exp`` and so on: a call would spill all vector registers."""

POLYNOMIALS = {
    "float": {
        "exp": (
            "0x1.0000000000000p-1",
            "0x1.5554d80000000p-3",
            "0x1.5554b20000000p-5",
            "0x1.1210700000000p-7",
            "0x1.6d7c4a0000000p-10",
        ),
        "log": (
            "0x1.5555540000000p-2",
            "-0x1.0002260000000p-2",
            "0x1.99a0080000000p-3",
            "-0x1.5472440000000p-3",
            "0x1.22da1e0000000p-3",
            "-0x1.0d85420000000p-3",
            "0x1.055b680000000p-3",
            "-0x1.38b5780000000p-4",
        ),
    },
    "double": {
        "exp": (
            "0x1.0000000000001p-1",
            "0x1.5555555555558p-3",
            "0x1.5555555553b6bp-5",
            "0x1.111111110f5f5p-7",
            "0x1.6c16c1794e8ecp-10",
            "0x1.a01a01b104d90p-13",
            "0x1.a019b62086d6dp-16",
            "0x1.71ddf3fba2996p-19",
            "0x1.2894f6a117be2p-22",
            "0x1.af683e37b6ad6p-26",
        ),
        "log": (
            "0x1.5555555555593p-1",
            "0x1.999999997f9fbp-2",
            "0x1.249249422a27cp-2",
            "0x1.c71c51d7dde50p-3",
            "0x1.746649ade0be5p-3",
            "0x1.39a0959cf2f47p-3",
            "0x1.2f117f7cd4481p-3",
        ),
    },
}
"""Minimax polynomials, coefficients from the constant term on: (e^r - 1 - r) / r^2 for |r| <= log(2) / 2; for float
(log(1 + f) - f + f^2 / 2) / f^3 for sqrt(1/2) <= 1 + f <= sqrt(2); for double (log((1 + s) / (1 - s)) - 2 s) / s^3 in
s^2 for |s| <= 0.1717. Computed by the Remez algorithm with at least 50 digits."""

MACROS = {
    "float": {
        "REAL": "float",
        "INTEGER": "int32_t",
        "UNSIGNED": "uint32_t",
        "F(name)": "name##f",
        "SHIFT": "(0x1.8p23f + 126)",
        "FRACTION_BITS": "23",
        "SQRT_HALF_BITS": "0x3f3504f3u",
        "ONE_BITS": "0x3f800000u",
        "POWER_BITS": "0x4b000000u",
        "BIASED_POWER": "(0x1p23f + 127)",
        "MIN_EXPONENT": "-87.5f",
        "MAX_BITS": "0x4b4000fe",
        "NO_LIMIT": "INT32_MAX",
        "MIN_NORMAL": "0x1p-126f",
        "MAX_FINITE": "0x1.fffffep+127f",
        "SCALE": "0x1p25f",
        "SCALE_EXPONENT": "25",
        "LOG_BY_QUOTIENT": "0",
        "LOG2_HIGH": "0x1.62e4p-1f",
        "LOG2_LOW": "0x1.7f7d1cp-20f",
    },
    "double": {
        "REAL": "double",
        "INTEGER": "int64_t",
        "UNSIGNED": "uint64_t",
        "F(name)": "name",
        "SHIFT": "(0x1.8p52 + 1022)",
        "FRACTION_BITS": "52",
        "SQRT_HALF_BITS": "0x3fe6a09e667f3bcdu",
        "ONE_BITS": "0x3ff0000000000000u",
        "POWER_BITS": "0x4330000000000000u",
        "BIASED_POWER": "(0x1p52 + 1023)",
        "MIN_EXPONENT": "-708.5",
        "MAX_BITS": "0x43380000000007fe",
        "NO_LIMIT": "INT64_MAX",
        "MIN_NORMAL": "0x1p-1022",
        "MAX_FINITE": "0x1.fffffffffffffp+1023",
        "SCALE": "0x1p54",
        "SCALE_EXPONENT": "54",
        "LOG_BY_QUOTIENT": "1",
        "LOG2_HIGH": "0x1.62e42feep-1",
        "LOG2_LOW": "0x1.a39ef35793c76p-33",
    },
}
"""Macros of ``vector_math.c`` for both types."""


def emit_polynomial(coefficients: tuple[str, ...], kind: str) -> str:
    """Return C for a polynomial in x: Horner's scheme in x^2, whose coefficients c + d x can be computed in parallel.

    Examples
    --------
    >>> emit_polynomial(("0x1p-1", "0x1p-3", "0x1p-5"), "float")
    'fmaf(0x1p-5f, (x * x), fmaf(0x1p-3f, x, 0x1p-1f))'
    """
    end, fma = ("f", "fmaf") if kind == "float" else ("", "fma")
    terms = [c + end for c in coefficients]
    terms = [f"{fma}({high}, x, {low})" for low, high in zip(terms[::2], terms[1::2], strict=False)] + terms[
        len(terms) & ~1 :
    ]
    total = terms.pop()
    while terms:
        total = f"{fma}({total}, (x * x), {terms.pop()})"
    return total


def _include_vector_math(kind: str) -> str:
    macros = dict(MACROS[kind])
    macros |= {f"{name.upper()}_POLYNOMIAL(x)": emit_polynomial(c, kind) for name, c in POLYNOMIALS[kind].items()}
    names = [name.partition("(")[0] for name in macros]
    text = Path(__file__).with_name("vector_math.c").read_text("utf-8")
    return "\n".join([*(f"#define {k} {v}" for k, v in macros.items()), text, *(f"#undef {name}" for name in names)])


def _declare_mvec() -> str:
    lines = [f"MVEC float {n}f(float); MVEC double {n}(double);" for n in MVEC_FUNCTIONS]
    two = [f"MVEC float {n}f(float, float); MVEC double {n}(double, double);" for n in ("pow", "atan2")]
    return "\n".join(lines + two)


def _define_vector_types() -> str:
    return "\n".join(
        f"typedef {kind} {kind}_x{n} __attribute__((vector_size({n * size}), aligned({size}), may_alias));"
        for kind, size in (("float", 4), ("double", 8))
        for n in (1, 2, 4, 8, 16)
        if n * size <= 64
    )


def _define_horizontal_sums(vector_bytes: int) -> str:
    """Return functions that add n elements: whole vectors first, then halves of a vector."""
    lines = []
    for kind, width in (("float", vector_bytes // 4), ("double", vector_bytes // 8)):
        sums = [f"{kind}_x{width} x{width} = ((const {kind}_x{width} *)s)[0];"]
        sums += [f"for (int k = 1; k < n / {width}; k++) x{width} += ((const {kind}_x{width} *)s)[k];"]
        while width > 2:
            width //= 2
            half = f"(const {kind}_x{width} *)&x{2 * width}"
            sums.append(f"{kind}_x{width} x{width} = ({half})[0] + ({half})[1];")
        body = " ".join(sums)
        lines.append(
            f"static inline {kind} horizontal_sum_{kind}(const {kind} *s, int n) {{ {body} return x2[0] + x2[1]; }}"
        )
    return "\n".join(lines)


def _define_transposes() -> str:
    """Return functions that transpose by blocks of 4 x 4; m and n are the row strides of result and operand."""
    return "\n".join(
        f"""typedef {kind} {kind}_row __attribute__((vector_size({4 * size}), aligned({size}), may_alias));
static inline void transpose_{kind}({kind} *y, int64_t m, const {kind} *x, int64_t n, int rows, int columns) {{
  int j = 0;
  for (; j + 4 <= columns; j += 4) {{
    int k = 0;
    for (; k + 4 <= rows; k += 4) {{
      const {kind} *from = x + j * n + k;
      {kind}_row a = *(const {kind}_row *)from, b = *(const {kind}_row *)(from + n);
      {kind}_row c = *(const {kind}_row *)(from + 2 * n), d = *(const {kind}_row *)(from + 3 * n);
      {kind}_row ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
      *({kind}_row *)(y + k * m + j) = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
      *({kind}_row *)(y + (k + 1) * m + j) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
      ab = __builtin_shufflevector(a, b, 2, 6, 3, 7), cd = __builtin_shufflevector(c, d, 2, 6, 3, 7);
      *({kind}_row *)(y + (k + 2) * m + j) = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
      *({kind}_row *)(y + (k + 3) * m + j) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    }}
    for (; k < rows; k++) for (int l = j; l < j + 4; l++) y[k * m + l] = x[l * n + k];
  }}
  for (; j < columns; j++) for (int k = 0; k < rows; k++) y[k * m + j] = x[j * n + k];
}}"""
        for kind, size in (("float", 4), ("double", 8))
    )


def _define_arithmetic(c: str, name: str) -> list[str]:
    """Return functions that use an operand more than once, for one type. NaN propagates; division by 0 is as in XLA."""
    lines = [
        f"static inline {c} max_{name}({c} x, {c} y) {{ {c} z = x > y ? x : y; return x != x ? x : z; }}",
        f"static inline {c} min_{name}({c} x, {c} y) {{ {c} z = x < y ? x : y; return x != x ? x : z; }}",
        f"static inline {c} square_{name}({c} x) {{ return x * x; }}",
        f"static inline {c} power_{name}({c} x, int n) {{ {c} y = n & 1 ? x : 1; "
        "while (n >>= 1) { x *= x; if (n & 1) y *= x; } return y; }",
        f"static inline {c} sign_{name}({c} x) {{ return x > 0 ? 1 : x < 0 ? -1 : x; }}",
    ]
    if c in ("float", "double"):
        integer = "int32_t" if c == "float" else "int64_t"
        return [
            *lines,
            f"static inline {c} mask_lane_{name}({c} x, {integer} mask) "
            f"{{ {integer} y; memcpy(&y, &x, sizeof y); y &= mask; memcpy(&x, &y, sizeof y); return x; }}",
        ]
    signed = not c.startswith("u")
    return [
        *lines,
        f"static inline {c} mask_lane_{name}({c} x, {c} mask) {{ return x & mask; }}",
        f"static inline {c} absolute_{name}({c} x) {{ return x < 0 ? -x : x; }}",
        f"static inline {c} divide_{name}({c} x, {c} y) {{ return y == 0 ? -1 : "
        f"{'y == -1 ? -x : ' if signed else ''}x / y; }}",
        f"static inline {c} remainder_{name}({c} x, {c} y) {{ return y == 0 ? x : "
        f"{'y == -1 ? 0 : ' if signed else ''}x % y; }}",
    ]


def _define_conversions() -> str:
    lines = []
    for bits in (8, 16, 32, 64):
        for sign, low, high in (("", f"INT{bits}_MIN", f"INT{bits}_MAX"), ("u", "0", f"UINT{bits}_MAX")):
            kind = f"{sign}int{bits}"
            lines.append(
                f"static inline {kind}_t to_{kind}(double x) {{ return x != x ? 0 : x <= (double){low} ? {low} : "
                f"x >= (double){high} ? {high} : ({kind}_t)x; }}"
            )
            lines += _define_arithmetic(f"{kind}_t", kind)
        lines += [
            f"static inline int{bits}_t bits_uint{bits}_int{bits}(uint{bits}_t x) {{ return (int{bits}_t)x; }}",
            f"static inline uint{bits}_t bits_int{bits}_uint{bits}(int{bits}_t x) {{ return (uint{bits}_t)x; }}",
        ]
    for real, integer in (("float", 32), ("double", 64)):
        name = f"float{integer}"
        for sign in ("", "u"):
            kind = f"{sign}int{integer}"
            lines.append(
                f"static inline {kind}_t bits_{name}_{kind}({real} x) "
                f"{{ {kind}_t y; memcpy(&y, &x, sizeof y); return y; }}\n"
                f"static inline {real} bits_{kind}_{name}({kind}_t x) "
                f"{{ {real} y; memcpy(&y, &x, sizeof y); return y; }}"
            )
    for c, name in (("float", "float32"), ("double", "float64"), ("uint8_t", "bool")):
        lines += _define_arithmetic(c, name)
    return "\n".join(lines)


@functools.cache
def get_preamble(vector_bytes: int) -> str:
    return f"""
#include <math.h>
#include <stdint.h>
#include <string.h>
#if !defined(__FP_FAST_FMA) || !defined(__FP_FAST_FMAF)
/* Without an instruction, fma is a slow function call. */
#define fma(x, y, z) ((x) * (y) + (z))
#define fmaf(x, y, z) ((x) * (y) + (z))
#endif
#if defined(__GLIBC__) && defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
/* USE_MVEC */
#define MVEC extern __attribute__((simd("notinbranch"), const, nothrow))
{_declare_mvec()}
#endif
{_define_vector_types()}
{_define_horizontal_sums(vector_bytes)}
{_define_transposes()}
{_define_conversions()}
static inline int64_t clamp_index(int64_t x, int64_t last) {{ return x < 0 ? 0 : x > last ? last : x; }}
{_include_vector_math("float")}
{_include_vector_math("double")}
""".strip()
