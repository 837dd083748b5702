"""The AMX tile instructions, or their emulation, and the precision of bf16x3 products."""

import ctypes
import platform
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pellucid.run.jax_runtime import jax
from pellucid.run.kernels import ffi
from pellucid.run.kernels.amx.detection import AMX_PROBE, can_compile
from pellucid.run.kernels.source_assembly import read_amx_sources
from pellucid.run.native.compiler import find_compiler, load_library

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")

PRODUCT_OF_TILES = """
void multiply(float *c, const void *a, const void *b) {
  begin_tiles();
  TILELOADD(0, c, 64), TILELOADD(4, a, 64), TILELOADD(6, b, 64);
  TDPBF16PS(0, 4, 6);
  TILESTORED(0, c, 64);
  end_tiles();
}
"""

HEAD = "#include <stdint.h>\n#include <stdlib.h>\n#include <string.h>\ntypedef float real;\n"


def round_to_float32(x):
    """Round an exact number to the nearest float32, ties to even; below the normal numbers it is 0."""
    if x == 0:
        return Fraction(0)
    exponent = abs(x.numerator).bit_length() - x.denominator.bit_length()
    if Fraction(2) ** exponent > abs(x):
        exponent -= 1
    unit = Fraction(2) ** (exponent - 23)
    rounded = round(x / unit) * unit
    return rounded if abs(rounded) >= Fraction(2) ** -126 else Fraction(0)


def test_a_product_of_tiles_has_the_bits_that_the_manual_defines(amx, rng):
    """Even and odd elements of the summed axis have separate sums; denormals are zero."""
    a, b, c = (rng.normal(size=(16, n)) * 2.0 ** rng.integers(-70, 60, (16, n)) for n in (32, 32, 16))
    a[0, :2], b[0, 0], b[0, 1] = 2.0**-127, 1, 2.0**-127  # denormal operands
    a[1], a[2, :4], b[0, :8] = 1 + 2.0**-7, 3.0, 1 + 2.0**-7  # sums that end in ties
    a[3], c[3] = 0.0, 2.0**-130
    a, b = ((x.astype("float32").view("uint32") >> 16).astype("uint16") for x in (a, b))
    c = c.astype("float32")
    found = c.copy()
    library = load_library(HEAD + "\n".join(read_amx_sources()) + PRODUCT_OF_TILES)
    library.multiply(*(ctypes.c_void_p(x.ctypes.data) for x in (found, a, b)))

    def exact(bits):
        values = (bits.astype("uint32") << 16).view("float32").astype("float64")
        return [[Fraction(v) if abs(v) >= 2.0**-126 else Fraction(0) for v in row] for row in values]

    left, right = exact(a), exact(b)  # right: row k has pairs of elements 2k and 2k + 1 of the summed axis
    for m, n in np.ndindex(16, 16):
        sums = [Fraction(0), Fraction(0)]
        for k in range(16):
            for half in (0, 1):
                sums[half] = round_to_float32(sums[half] + left[m][2 * k + half] * right[k][2 * n + half])
        start = Fraction(float(c[m, n])) if abs(c[m, n]) >= 2.0**-126 else Fraction(0)
        assert found[m, n] == float(round_to_float32(start + round_to_float32(sums[0] + sums[1])))


def multiply(left, right, transposed=(False, False), *base_and_scale):
    asarray = jax().numpy.asarray
    return np.asarray(ffi.matmul(asarray(left), asarray(right), transposed, True, *base_and_scale))


def test_a_single_product_is_within_one_unit_of_the_last_digit(amx, rng):
    """The dropped products and the last rounding are at most 2**-24 of the result each.

    This holds only if all six products are accumulated, and if each part is rounded to nearest and not truncated.
    """
    edges = [1 + 2.0**-7 - 2.0**-23, 1 + 2.0**-8 - 2.0**-16, 2 - 2.0**-23, 1 + 2.0**-8, 1 + 2.0**-9 + 2.0**-17]
    x, y = (np.append(rng.uniform(1, 2, 300 - len(edges)), edges).astype("float32") for _ in range(2))
    x *= rng.choice([-1, 1], 300).astype("float32")
    exact = np.outer(x.astype("float64"), y.astype("float64"))
    found = multiply(x[:, None], y[None])
    assert (np.abs(found - exact) <= 2.1 * 2.0**-24 * np.abs(exact)).all()


def test_errors_of_long_sums_have_no_bias(amx, rng):
    x, y = (rng.uniform(1, 2, size).astype("float32") for size in ((160, 32), (32, 160)))
    exact = x.astype("float64") @ y
    assert abs(np.mean(multiply(x, y) / exact - 1)) < 2.0**-27


def test_parts_below_the_normal_numbers_are_lost(amx, rng):
    x = (rng.uniform(1, 2, (32, 1)) * 2.0 ** -rng.integers(100, 126, (32, 1))).astype("float32")
    y = rng.uniform(1, 2, (1, 32)).astype("float32")
    error = np.abs(multiply(x, y) - x.astype("float64") @ y)
    assert error.max() > 0
    assert (error <= 8 * 2.0**-126 * y + 2.0**-23 * np.abs(x @ y)).all()


def check_product(sizes, transposed, subtract, rng):
    """Compare a product, or a base minus its half, with one in double precision."""
    (m, n, k), (left_transposed, right_transposed) = sizes, transposed
    a, b = (rng.normal(size=size).astype("float32") for size in ((m, k), (k, n)))
    base, scale = rng.normal(size=(m, n)).astype("float32"), np.float32(0.5)
    stored = np.ascontiguousarray(a.T) if left_transposed else a, np.ascontiguousarray(b.T) if right_transposed else b
    found = multiply(*stored, transposed, *((base, scale) if subtract else ()))
    exact = a.astype("float64") @ b
    bound = (2 + k / 16) * 2.0**-24 * (abs(a).astype("float64") @ abs(b))
    if subtract:
        exact, bound = base - 0.5 * exact, 0.5 * bound + 2.0**-23 * (abs(base) + abs(exact))
    assert (np.abs(found - exact) <= bound).all()


LAYOUTS = [(False, False), (False, True), (True, False), (True, True)]


@pytest.mark.sample(2)
@pytest.mark.parametrize("transposed", LAYOUTS)
def test_products_of_all_layouts_are_as_exact_as_in_float32(amx, rng, transposed):
    """The sizes leave parts of blocks, panels and pieces of the summed axis."""
    check_product((41, 70, 150), transposed, True, rng)
    check_product((5, 33, 7), transposed, True, rng)


@pytest.mark.slow
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.tuples(*[st.integers(1, 300)] * 3),
    transposed=st.tuples(st.booleans(), st.booleans()),
    seed=st.integers(0, 99),
    subtract=st.booleans(),
)
def test_products_are_as_exact_as_in_float32(amx, sizes, transposed, seed, subtract):
    check_product(sizes, transposed, subtract, np.random.default_rng(seed))


VALUES = [np.inf, -np.inf, np.nan, np.finfo("float32").max]


@pytest.mark.parametrize(
    ("transposed", "columns", "values"),
    [
        (LAYOUTS[0], 110, VALUES),
        (LAYOUTS[3], 110, VALUES[::3]),
        *(pytest.param(transposed, 500, VALUES, marks=pytest.mark.slow) for transposed in LAYOUTS),
    ],
)
def test_values_that_cannot_be_split_are_multiplied_by_vector_registers(amx, rng, transposed, columns, values):
    """The value is in the last panel and behind the first piece of the summed axis: other panels are finished
    before."""
    a, b = rng.normal(size=(40, 150)).astype("float32"), rng.normal(size=(150, columns)).astype("float32")
    base = rng.normal(size=(40, columns)).astype("float32")
    for value in values:
        for matrix, place in ((b, (149, columns - 1)), (a, (39, 149))):
            original, matrix[place] = matrix[place], value
            with np.errstate(all="ignore"):
                expected = base - np.float32(0.5) * (a @ b)
            stored = [np.ascontiguousarray(m.T) if t else m for m, t in zip((a, b), transposed, strict=True)]
            found = multiply(*stored, transposed, base, np.float32(0.5))
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4, err_msg=str(value))
            matrix[place] = original


@pytest.mark.skipif(platform.machine() != "x86_64", reason="assemblers of other processors know no AMX")
def test_an_assembler_that_does_not_know_amx_is_detected():
    assert can_compile(AMX_PROBE)
    assert not can_compile(AMX_PROBE.replace("tdpbf16ps", "tdpbf17ps"))
