"""Integer formulas of sizes: their normal form, and their values for random sizes."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.graph.errors import ShapeError
from pellucid.graph.size_formulas import SizeFormula, choose_largest, choose_smallest, is_nonnegative, parse_formula


def parse(text: str) -> SizeFormula:
    formula = parse_formula(text)
    assert formula is not None
    return formula


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("m + n + m", "2*m + n"),
        ("n * m - m * n", "0"),
        ("(n + 1) * (n - 1)", "n*n - 1"),
        ("(2*n + 3) // 2", "n + 1"),
        ("(4*n + 2*m + 1) // 2", "m + 2*n"),
        ("n * m // m", "n"),
        ("(n + 1) // 1", "n + 1"),
        ("(3*n + 1) % 3", "1"),
        ("2 * (n // 3)", "2*(n//3)"),
        ("-(n // 3)", "-(n//3)"),
        ("n // 2 // 3", "(n//2)//3"),
        ("n % 2 * 3", "3*(n % 2)"),
        ("max(n, n - 3)", "n"),
        ("max(n, 1)", "n"),
        ("min(n // 2, n)", "n//2"),
        ("max(0, n - n // 2)", "n - (n//2)"),
        ("max(n, m)", "max(m, n)"),
        ("min(n, 7)", "min(7, n)"),
        ("?12 + 1", "?12 + 1"),
        ("7 - 10", "-3"),
    ],
)
def test_normal_form(given: str, expected: str) -> None:
    assert str(parse(given)) == expected
    assert parse(expected) == parse(given)


@pytest.mark.parametrize(
    "text", ["batch size", "n +", "n / 2", "f(n)", "n // 0", "n % 0", "1.5", "n.m", "n[0]", "n**2", ""]
)
def test_other_texts_are_no_formulas(text: str) -> None:
    assert parse_formula(text) is None


TEXTS = st.recursive(
    st.sampled_from(["n", "m", "k", "1", "2", "3", "5"]),
    lambda part: st.one_of(
        st.tuples(part, st.sampled_from("+-*"), part).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(part, st.sampled_from(["//", "%"]), st.sampled_from("2345")).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(st.sampled_from(["max", "min"]), part, part).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
    ),
    max_leaves=8,
)


@given(text=TEXTS, sizes=st.tuples(*[st.integers(1, 30)] * 3))
def test_values_are_those_of_python(text: str, sizes: tuple[int, int, int]) -> None:
    values = dict(zip("nmk", sizes, strict=True))
    formula = parse(text)
    expected = eval(text, {"max": max, "min": min}, dict(values))
    assert formula.evaluate(values) == expected
    assert parse(str(formula)) == formula
    assert parse(str(formula)).evaluate(values) == expected


@given(text=TEXTS, other=TEXTS, sizes=st.tuples(*[st.integers(1, 30)] * 3))
def test_comparisons_hold_for_all_sizes(text: str, other: str, sizes: tuple[int, int, int]) -> None:
    values, a, b = dict(zip("nmk", sizes, strict=True)), parse(text), parse(other)
    if is_nonnegative(a - b):
        assert a.evaluate(values) >= b.evaluate(values)
    assert choose_largest(a, b).evaluate(values) == max(a.evaluate(values), b.evaluate(values))
    assert choose_smallest(a, b).evaluate(values) == min(a.evaluate(values), b.evaluate(values))


@given(text=TEXTS, inner=TEXTS, sizes=st.tuples(*[st.integers(1, 30)] * 3))
def test_substitution(text: str, inner: str, sizes: tuple[int, int, int]) -> None:
    values = dict(zip("nmk", sizes, strict=True))
    substituted = parse(text).substitute({"n": parse(inner)})
    assert substituted.evaluate(values) == parse(text).evaluate({**values, "n": parse(inner).evaluate(values)})


@pytest.mark.parametrize(
    "text",
    [
        "*".join(f"(a{k} + b{k})" for k in range(30)),
        "n + " * 10**5 + "n",
        "(" * 90 + "n" + ")" * 90,
        "9" * 390 + " * n",
    ],
)
def test_long_texts_take_little_time(text: str) -> None:
    """A dimension may come from a file."""
    start = time.perf_counter()
    parse_formula(text)
    assert time.perf_counter() - start < 1


def test_comparisons_of_high_powers_take_little_time() -> None:
    power = parse("*".join(["n"] * 100))
    start = time.perf_counter()
    assert str(choose_largest(power, parse("m"))).startswith("max(m, n*n")
    assert time.perf_counter() - start < 1


def test_division_by_a_size_of_0() -> None:
    with pytest.raises(ShapeError, match=r"The size 3//\(n//2\) is divided by n//2, which is 0 for n = 1"):
        parse("3 // (n // 2)").evaluate({"n": 1})


def test_a_name_without_a_value() -> None:
    with pytest.raises(KeyError, match="m"):
        parse("n + m").evaluate({"n": 3})


def test_evaluation_accepts_numpy_integers() -> None:
    assert parse("n//2 + 1").evaluate({"n": np.int64(7)}) == 4
