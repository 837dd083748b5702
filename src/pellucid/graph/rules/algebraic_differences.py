r"""Differences of roots, fractions, logarithms and angles whose arguments differ by less than they are.

For example, :math:`\sqrt{x + h} - \sqrt{x} = h / (\sqrt{x + h} + \sqrt{x})`. The difference of the arguments is that of
`polynomials`, in which equal terms cancel exactly.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, constant
from pellucid.graph.ops.elementwise import (
    absolute,
    add,
    fraction_of_sum,
    multiply,
    negative,
    power,
    sqrt,
    square,
    subtract,
    true_divide,
)
from pellucid.graph.ops.exponentials import exp, expm1, log, log1p
from pellucid.graph.ops.trigonometry import cos, hypot, sin, tan
from pellucid.graph.ops.where import where
from pellucid.graph.pattern import Number
from pellucid.graph.rewrite_rule import RulePair, is_scalar_constant, rule
from pellucid.graph.rules.example_operands import draw_positive, make_input
from pellucid.graph.rules.polynomials import (
    Expansion,
    TooLargeError,
    expand_difference,
    join_factors,
    subtract_exactly,
    write_factors,
)
from pellucid.graph.rules.predicates import (
    PROBABILITIES,
    as_number,
    is_finite,
    is_nonnegative,
    limit_at_infinity,
    negate,
)

PRODUCTS = {f.op for f in (multiply, square, power, true_divide, fraction_of_sum)}
"""Nonlinear ops that polynomials are made of."""

SUMS = {f.op for f in (add, subtract, negative)}

MAX_TERMS = 6

MAX_VISITS = 24


def _make_shifted(rng: np.random.Generator) -> tuple[object, ...]:
    x = 2 + make_input()
    return x + 3, x


def _make_square(rng: np.random.Generator) -> tuple[object, ...]:
    x = make_input()
    return square(x) + absolute(make_input("h")), x


# Square roots.


@rule("stabilize", examples=_make_shifted)
def difference_of_similar_roots(x: Expr, y: Expr) -> RulePair:
    def divide_by_sum(x: Expr, y: Expr) -> Expr | None:
        return subtract_exactly(x, y, [sqrt(x) + sqrt(y)])

    return sqrt(x) - sqrt(y), divide_by_sum


@rule("stabilize", examples=_make_shifted)
def difference_of_similar_reciprocal_roots(x: Expr, y: Expr) -> RulePair:
    def divide_by_sum(x: Expr, y: Expr) -> Any:
        return subtract_exactly(y, x, [sqrt(x) + sqrt(y), sqrt(x), sqrt(y)])

    return 1 / sqrt(x) - 1 / sqrt(y), divide_by_sum


@rule("stabilize", examples=lambda rng: (1 - square(make_input()) / 2, constant(np.float64(1.0))))
def reciprocal_root_minus_number(x: Expr, a: Number) -> RulePair:
    def divide_by_sum(x: Expr, a: Expr) -> Expr | None:
        if as_number(a) != 1:
            return None
        found = subtract_exactly(x, 1.0, [1 + sqrt(x), sqrt(x)])
        return None if found is None else limit_at_infinity(x, -1, negate(found))

    return 1 / sqrt(x) - a, divide_by_sum


def get_square(root: Expr) -> Expr:
    """Return the square of a root."""
    if root.op is sqrt.op:
        return root.inputs[0]
    if root.op is hypot.op:
        x, y = root.inputs
        return square(x) + square(y)
    x, y = root.inputs
    return x.inputs[0] * y.inputs[0]


def subtract_from_root(root: Expr, x: Expr, is_sum: bool = False) -> Expr | float | None:
    """Return ``root - x``, which cancels where x > 0 and equals ``(root ** 2 - x ** 2) / (root + x)``."""
    found = expand_difference(get_square(root), square(x))
    if found is None:
        return None
    number, factors, divisors = found
    if is_sum and not factors and not divisors:
        return None  # `arcsinh` and `arccosh` contain such a sum
    cancels, total = x > 0, root + absolute(x)
    result = where(cancels, join_factors(number, factors, [where(cancels, total, 1), *divisors]), total)
    for part in dict.fromkeys((*factors, *(1 / d for d in divisors))):
        result = limit_at_infinity(part, root, result)
    return result


@rule("stabilize", examples=_make_square)
def root_minus_similar(x: Expr, y: Expr) -> RulePair:
    return sqrt(x) - y, lambda x, y: subtract_from_root(sqrt(x), y)


@rule("stabilize", examples=_make_square)
def similar_minus_root(x: Expr, y: Expr) -> RulePair:
    def negate_difference(x: Expr, y: Expr) -> Expr | float | None:
        found = subtract_from_root(sqrt(x), y)
        return None if found is None else -found

    return y - sqrt(x), negate_difference


@rule("stabilize", examples=_make_square)
def root_plus_similar(x: Expr, y: Expr) -> RulePair:
    def subtract_opposite(x: Expr, y: Expr) -> Expr | float | None:
        return None if is_nonnegative(y) else subtract_from_root(sqrt(x), negate(y), True)

    return sqrt(x) + y, subtract_opposite


@rule("stabilize", examples=lambda rng: (draw_positive(rng), make_input()))
def hypot_minus_leg(x: Expr, y: Expr) -> RulePair:
    return hypot(x, y) - y, lambda x, y: subtract_from_root(hypot(x, y), y)


@rule("stabilize", examples=lambda rng: (draw_positive(rng), make_input()))
def hypot_plus_leg(x: Expr, y: Expr) -> RulePair:
    def subtract_opposite(x: Expr, y: Expr) -> Any:
        return None if is_nonnegative(y) else subtract_from_root(hypot(x, y), negate(y), True)

    return hypot(x, y) + y, subtract_opposite


@rule("stabilize", examples=lambda rng: (2 + make_input(), make_input("h")))
def leg_minus_root_of_difference(x: Expr, y: Expr) -> RulePair:
    root = sqrt(absolute(x) - absolute(y)) * sqrt(absolute(x) + absolute(y))

    def negate_difference(x: Expr, y: Expr) -> Any:
        difference = subtract_from_root(sqrt(absolute(x) - absolute(y)) * sqrt(absolute(x) + absolute(y)), x)
        return None if difference is None else -difference

    return x - root, negate_difference


# Powers.


@rule("stabilize", examples=lambda rng: (*_make_shifted(rng), constant(np.float64(0.3))))
def difference_of_similar_powers(x: Expr, y: Expr, p: Number) -> RulePair:
    def factor_out(x: Expr, y: Expr, p: Expr) -> Expr | None:
        n = as_number(p)
        if n == int(n) and n > 0:
            return subtract_cubes(x, y) if n == 3 else None
        found = subtract_exactly(x, y)
        if found is None:
            return None
        close = absolute(found) < y
        ratio = where(close, found, 0) / where(close, y, 1)
        far = power(where(close, 1, x), n) - power(where(close, 1, y), n)
        return where(close, power(where(close, y, 1), n) * expm1(n * log1p(ratio)), far)

    return power(x, p) - power(y, p), factor_out


def subtract_cubes(x: Expr, y: Expr) -> Expr:
    difference = subtract_linear(x, y)
    return difference * (square(x + y) + square(x) + square(y)) / 2  # terms of one sign, which may be infinite


def subtract_linear(x: Expr, y: Expr) -> Expr:
    found = subtract_exactly(x, y)
    return x - y if found is None else found


# Logarithms.


def take_close_log(x: Expr, y: Expr, size: Any) -> tuple[Any, Any, Any, Any] | None:
    """Return where x and y are close, ``log(x / y)`` there, and operands without these elements for the rest."""
    found = None if x.shape != y.shape else subtract_exactly(x, y)
    if found is None:
        return None
    close = 2 * absolute(found) < size
    near = log1p(where(close, found, 0) / where(close, y, 1))
    return close, near, where(close, 1, x), where(close, 1, y)


@rule("stabilize", examples=_make_shifted)
def difference_of_similar_logs(x: Expr, y: Expr) -> RulePair:
    def split(x: Expr, y: Expr) -> Expr | None:
        parts = take_close_log(x, y, y)
        return None if parts is None else where(parts[0], parts[1], log(parts[2]) - log(parts[3]))

    return log(x) - log(y), split


@rule("stabilize", examples=_make_shifted)
def difference_of_log1p_and_similar_log(x: Expr, y: Expr) -> RulePair:
    def split(x: Expr, y: Expr) -> Any:
        parts = take_close_log(1 + x, y, y)
        return None if parts is None else where(parts[0], parts[1], log1p(where(parts[0], 0, x)) - log(parts[3]))

    return log1p(x) - log(y), split


@rule("stabilize", examples=_make_shifted)
def difference_of_log_and_similar_log1p(x: Expr, y: Expr) -> RulePair:
    def split(x: Expr, y: Expr) -> Any:
        parts = take_close_log(x, 1 + y, 1 + y)
        return None if parts is None else where(parts[0], parts[1], log(parts[2]) - log1p(where(parts[0], 0, y)))

    return log(x) - log1p(y), split


@rule("stabilize", examples=_make_shifted)
def log_of_similar_quotient(x: Expr, y: Expr) -> RulePair:
    def split(x: Expr, y: Expr) -> Expr | None:
        if is_scalar_constant(x) or is_scalar_constant(y):
            return None
        parts = take_close_log(x, y, absolute(y))
        return None if parts is None else where(parts[0], parts[1], log(parts[2] / parts[3]))

    return log(x / y), split


# Trigonometric functions.


@rule("stabilize", examples=_make_shifted)
def difference_of_similar_sines(x: Expr, y: Expr) -> RulePair:
    def to_product(x: Expr, y: Expr) -> Expr | None:
        found = subtract_exactly(x, y)
        return None if found is None else 2 * sin(found / 2) * cos(y + found / 2)

    return sin(x) - sin(y), to_product


@rule("stabilize", examples=_make_shifted)
def difference_of_similar_cosines(x: Expr, y: Expr) -> RulePair:
    def to_product(x: Expr, y: Expr) -> Any:
        found = subtract_exactly(x, y)
        return None if found is None else -2 * sin(found / 2) * sin(y + found / 2)

    return cos(x) - cos(y), to_product


def _make_angles(rng: np.random.Generator) -> tuple[object, ...]:
    x = make_input() / 4
    return x + 0.5, x


@rule("stabilize", examples=_make_angles)
def difference_of_similar_tangents(x: Expr, y: Expr) -> RulePair:
    def to_sine(x: Expr, y: Expr) -> Expr | None:
        found = subtract_exactly(x, y)
        return None if found is None else sin(found) / cos(x) / cos(y)

    return tan(x) - tan(y), to_sine


@rule("stabilize", examples=lambda rng: (make_input(),))
def tan_minus_sin(x: Expr) -> RulePair:
    return tan(x) - sin(x), 2 * tan(x) * square(sin(x / 2))


# Fractions and polynomials.


def cancel_terms(combine: Any, x: Expr, y: Expr) -> Expr | float | None:
    """Return the sum or difference of two expressions over a common denominator if terms cancel, else None."""
    if x.dtype.kind != "f" or not (is_product(x) or is_product(y)) or not may_cancel(x, y):
        return None
    e = combine(x, y)
    expansion = Expansion(e.dtype)
    try:
        total = expansion.expand(e)
    except TooLargeError:
        return None
    if not total.numerator or not (expansion.cancelled or len(total.numerator) == 3):
        return None
    if not all(map(is_finite, expansion.order)):  # infinite terms do not cancel
        return None
    found = write_factors(total)
    if found is None or (len(total.numerator) == 3 and not expansion.cancelled and len(set(found[1])) == len(found[1])):
        return None
    return join_factors(*found)


def is_product(e: Expr) -> bool:
    """Tell whether an expression, or a term of it, is a product or quotient."""
    return e.op in PRODUCTS or (e.op in (add.op, subtract.op, negative.op) and any(i.op in PRODUCTS for i in e.inputs))


def may_cancel(x: Expr, y: Expr) -> bool:
    """Tell quickly whether a sum is short and contains an operand twice."""
    leaves, stack = [], [x, y]
    for _ in range(MAX_VISITS):
        if not stack:
            break
        node = stack.pop()
        if node.op in SUMS or node.op in PRODUCTS:
            stack += node.inputs
        elif not is_scalar_constant(node):
            leaves.append(node.inputs[0] if node.op is sqrt.op else node)
    return not stack and len(set(leaves)) < len(leaves)


def _make_fractions(rng: np.random.Generator) -> tuple[object, ...]:
    x = 2 + make_input()
    return 1 / x, 1 / (x + 1)


@rule("stabilize", examples=_make_fractions)
def difference_with_equal_terms(x: Expr, y: Expr) -> RulePair:
    return x - y, lambda x, y: cancel_terms(subtract, x, y)


def _make_opposite_fractions(rng: np.random.Generator) -> tuple[object, ...]:
    x = 4 + make_input()
    return 1 / (x + 1) - 2 / x, 1 / (x - 1)


@rule("stabilize", examples=_make_opposite_fractions)
def sum_with_opposite_terms(x: Expr, y: Expr) -> RulePair:
    return x + y, lambda x, y: cancel_terms(add, x, y)


# Factors of a quotient of a quotient.


def divide_factors(n: Expr, d: Expr) -> Expr | float | None:
    """Return ``n / d`` without the factors that both have, which the gradient would subtract; None without any."""
    number, factors, divisors = list_quotient_factors(n)
    other, wanted, below = list_quotient_factors(d)
    if below or not any(f in set(wanted) for f in factors):
        return None
    return join_factors(number / other, factors, [*wanted, *divisors])


def list_quotient_factors(e: Expr) -> tuple[float, list[Expr], list[Expr]]:
    """Return the number, the other factors and the divisors of a product of quotients."""
    number = 1.0
    factors: list[Expr] = []
    divisors: list[Expr] = []
    stack = [(e, True)]
    while stack:
        factor, is_above = stack.pop()
        if is_scalar_constant(factor) and as_number(factor):
            number = number * as_number(factor) if is_above else number / as_number(factor)
        elif factor.op is multiply.op and len(stack) < MAX_TERMS:
            stack += [(i, is_above) for i in factor.inputs[::-1]]
        elif factor.op is true_divide.op and len(stack) < MAX_TERMS:
            stack += [(factor.inputs[1], not is_above), (factor.inputs[0], is_above)]
        elif factor.op is negative.op:
            number *= -1
            stack.append((factor.inputs[0], is_above))
        else:
            (factors if is_above else divisors).append(factor)
    return number, factors, divisors


def _make_repeated_factor(rng: np.random.Generator) -> tuple[object, ...]:
    x = 2 + make_input()
    return x / (3 + make_input("y")) * 2, x


@rule("stabilize", when="x != 0", examples=_make_repeated_factor)
def product_over_own_factor(n: Expr, x: Expr) -> RulePair:
    def divide(n: Expr, x: Expr) -> Expr | float | None:
        is_product = n.op is true_divide.op or (n.op is multiply.op and any(i.op is true_divide.op for i in n.inputs))
        may_vanish = x.op in PROBABILITIES or x.op is exp.op  # and the quotient would be 0 / 0
        return divide_factors(n, x) if is_product or may_vanish else None

    return n / x, divide


def _make_selected_factor(rng: np.random.Generator) -> tuple[object, ...]:
    x = 2 + make_input()
    return make_input("c") > 0, x / (3 + make_input("y")) * 2, make_input("q"), x


@rule("stabilize", when="x != 0", examples=_make_selected_factor)
def selected_product_over_own_factor(c: Expr, n: Expr, q: Expr, x: Expr) -> RulePair:
    def divide(c: Expr, n: Expr, q: Expr, x: Expr) -> Expr | None:
        found = divide_factors(n, x)
        return None if found is None else where(c, found, q / x)

    return where(c, n, q) / x, divide
