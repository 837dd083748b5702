r"""Expressions as quotients of polynomials, in which equal terms of opposite sign cancel exactly.

For example, :math:`1/x - 1/(x + h) = h / (x (x + h))`. The result is used only where its numerator is a product of
factors of at most two terms, so that it has no cancellation that the original does not have.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, NamedTuple

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
from pellucid.graph.rewrite_rule import is_scalar_constant
from pellucid.graph.rules.predicates import as_number, negate
from pellucid.graph.types import DType

MAX_MONOMIALS = 12
MAX_POWER = 4
MAX_DEPTH = 8

Monomial = tuple[tuple[Expr, int], ...]
Polynomial = dict[Monomial, Fraction]
ONE: Monomial = ()

Factors = tuple[float, list[Expr], list[Expr]]
"""A number, the other factors of a numerator, and those of its denominator."""


class Quotient(NamedTuple):
    """A polynomial divided by a product of expressions."""

    numerator: Polynomial
    denominator: tuple[Expr, ...]


class TooLargeError(Exception):
    """A polynomial has too many terms."""


class Expansion:
    """Expands expressions and counts the terms that cancel.

    Attributes
    ----------
    cancelled : int
        Number of terms that have cancelled.
    """

    def __init__(self, dtype: DType) -> None:
        self.tolerance: float = 4 * float(np.finfo(dtype).eps) if np.dtype(dtype).kind == "f" else 1e-15
        self.order: dict[Expr, int] = {}
        self.cancelled: int = 0

    def expand(self, e: Expr, depth: int = MAX_DEPTH) -> Quotient:  # noqa: C901 - one branch for each op
        """Return an expression as a quotient of polynomials of other expressions."""
        op, inputs = e.op, e.inputs
        if is_scalar_constant(e) and math.isfinite(number := as_number(e)):
            return Quotient({ONE: Fraction(number)} if number else {}, ())
        if depth and op in (add.op, subtract.op):
            right = self.expand(inputs[1], depth - 1)
            return self.add(self.expand(inputs[0], depth - 1), self.negate(right) if op is subtract.op else right)
        if depth and op is negative.op:
            return self.negate(self.expand(inputs[0], depth - 1))
        if depth and op is multiply.op:
            return self.multiply(self.expand(inputs[0], depth - 1), self.expand(inputs[1], depth - 1))
        if depth and op is square.op:
            return self.raise_to(self.expand(inputs[0], depth - 1), 2)
        if depth and op is power.op and is_scalar_constant(inputs[1]):
            n = as_number(inputs[1])
            if n == int(n) and 0 < n <= MAX_POWER:
                return self.raise_to(self.expand(inputs[0], depth - 1), int(n))
            if n == int(n) and -MAX_POWER <= n < 0:
                return self.divide(Quotient({ONE: Fraction(1)}, ()), inputs[0], int(-n))
        if depth and op is true_divide.op:
            if is_scalar_constant(inputs[1]) and as_number(inputs[1]):
                return self.scale(self.expand(inputs[0], depth - 1), 1 / Fraction(as_number(inputs[1])))
            return self.divide(self.expand(inputs[0], depth - 1), inputs[1])
        if depth and op is fraction_of_sum.op:
            return self.divide(self.expand(inputs[0], depth - 1), inputs[0] + inputs[1])
        self.order.setdefault(e, len(self.order))
        return Quotient({((e, 1),): Fraction(1)}, ())

    def divide(self, a: Quotient, divisor: Expr, n: int = 1) -> Quotient:
        """Divide by a power of an expression, whose own square, if it is one, is taken apart."""
        factors: list[Expr] = []
        stack = [divisor] * n
        while stack:
            factor = stack.pop()
            if factor.op is square.op:
                stack += [factor.inputs[0]] * 2
            elif factor.op is multiply.op:
                stack += factor.inputs
            elif is_scalar_constant(factor) and as_number(factor):
                a = self.scale(a, 1 / Fraction(as_number(factor)))
            elif factor.op is negative.op:
                a, stack = self.negate(a), [*stack, factor.inputs[0]]
            else:
                factors.append(factor)
        if len(a.denominator) + len(factors) > 2 * MAX_POWER:
            raise TooLargeError
        return Quotient(a.numerator, (*a.denominator, *factors))

    def negate(self, a: Quotient) -> Quotient:
        return self.scale(a, Fraction(-1))

    def scale(self, a: Quotient, number: Fraction) -> Quotient:
        return a._replace(numerator={m: c * number for m, c in a.numerator.items()})

    def add(self, a: Quotient, b: Quotient) -> Quotient:
        """Add two quotients over their least common denominator."""
        only_a, only_b = subtract_lists(a.denominator, b.denominator), subtract_lists(b.denominator, a.denominator)
        left, right = self.multiply_by(a.numerator, only_b), self.multiply_by(b.numerator, only_a)
        return Quotient(self.add_polynomials(left, right), (*a.denominator, *only_b))

    def multiply_by(self, a: Polynomial, factors: Iterable[Expr]) -> Polynomial:
        for factor in factors:
            expanded = self.expand(factor, 3)
            if expanded.denominator:
                raise TooLargeError
            a = self.multiply_polynomials(a, expanded.numerator)
        return a

    def multiply(self, a: Quotient, b: Quotient) -> Quotient:
        return Quotient(self.multiply_polynomials(a.numerator, b.numerator), (*a.denominator, *b.denominator))

    def raise_to(self, a: Quotient, n: int) -> Quotient:
        result = a
        for _ in range(n - 1):
            result = self.multiply(result, a)
        return result

    def add_polynomials(self, a: Polynomial, b: Polynomial) -> Polynomial:
        result = dict(a)
        for monomial, c in b.items():
            total = result.get(monomial, Fraction(0)) + c
            if abs(total) > self.tolerance * abs(c):
                result[monomial] = total
            else:
                result.pop(monomial, None)
                self.cancelled += 1
        return result

    def multiply_polynomials(self, a: Polynomial, b: Polynomial) -> Polynomial:
        if len(a) * len(b) > MAX_MONOMIALS:
            raise TooLargeError
        result: Polynomial = {}
        for m, c in a.items():
            for n, d in b.items():
                result = self.add_polynomials(result, self.multiply_monomials(m, n, c * d))
        return result

    def multiply_monomials(self, a: Monomial, b: Monomial, number: Fraction) -> Polynomial:
        """Return a product, in which squares of absolute values and of square roots are replaced."""
        powers = dict(a)
        for e, n in b:
            powers[e] = powers.get(e, 0) + n
        squares: list[Expr] = []
        for e, n in list(powers.items()):
            if n > 1 and e.op in (absolute.op, sqrt.op):
                squares += [e.inputs[0]] * (n // 2 if e.op is sqrt.op else n - n % 2)
                powers[e] = n % 2
        rest = sorted((item for item in powers.items() if item[1]), key=lambda item: self.order[item[0]])
        return self.multiply_by({tuple(rest): number}, squares)


def subtract_lists(a: Iterable[Expr], b: Iterable[Expr]) -> list[Expr]:
    """Return the elements of one list without those of another, each removed once."""
    rest = Counter(a)
    rest.subtract(Counter(b))
    return [e for e, n in rest.items() for _ in range(n)]


def expand_difference(a: Expr, b: Expr | float) -> Factors | None:
    """Return numerator and denominator factors of ``a - b`` if terms cancel and the rest is accurate, else None."""
    expansion = Expansion(a.dtype)
    try:
        right = Quotient({ONE: Fraction(b)}, ()) if isinstance(b, (int, float)) else expansion.expand(b)
        difference = expansion.add(expansion.expand(a), expansion.negate(right))
    except TooLargeError:
        return None
    return write_factors(difference) if expansion.cancelled and difference.numerator else None


def write_factors(a: Quotient) -> Factors | None:
    """Return the factors of a numerator and of its denominator as a pair; None if a factor has three terms or more."""
    common, rest = split_common_factor(a.numerator)
    factors = [e for e, n in common for _ in range(n)]
    number = 1.0
    if len(rest) == 1:
        number = float(rest[ONE])
    elif len(rest) == 2:
        number, total = write_sum(rest)
        factors.append(total)
    elif (root := find_square_root(rest)) is not None:
        number, total = root
        factors += [total, total]
    else:
        return None
    return number, factors, list(a.denominator)


def split_common_factor(a: Polynomial) -> tuple[Monomial, Polynomial]:
    """Return the largest monomial that divides all terms, and the quotient."""
    common = dict(next(iter(a)))
    for monomial in a:
        powers = dict(monomial)
        common = {e: min(n, powers[e]) for e, n in common.items() if e in powers}
    rest = {tuple((e, n - common.get(e, 0)) for e, n in m if n > common.get(e, 0)): c for m, c in a.items()}
    return tuple(common.items()), rest


def write_sum(a: Polynomial) -> tuple[float, Any]:
    """Return a number and a sum whose first coefficient is 1."""
    items = sorted(a.items(), key=lambda item: item[0] == ONE)  # numbers last
    first = items[0][1]
    total: Any = None
    for monomial, c in items:
        term = write_monomial(monomial, abs(float(c / first)))
        total = term if total is None else total + term if c / first > 0 else total - term
    return float(first), total


def write_monomial(monomial: Monomial, c: float) -> Any:
    result: Any = None if c == 1 and monomial else c
    for e, n in monomial:
        factor = e if n == 1 else square(e) if n == 2 else power(e, n)
        result = factor if result is None else result * factor
    return result


def find_square_root(a: Polynomial) -> tuple[float, Any] | None:
    """Return a number and a sum of two terms, whose square times the number is a polynomial of three terms."""
    if len(a) != 3:
        return None
    for cross in a:
        (p, c), (q, d) = (item for item in a.items() if item[0] is not cross)
        if any(n % 2 for _, n in (*p, *q)) or c * d <= 0:
            continue
        halves = [tuple((e, n // 2) for e, n in m) for m in (p, q)]
        product = dict(halves[0])
        for e, n in halves[1]:
            product[e] = product.get(e, 0) + n
        if product != dict(cross):
            continue
        ratio = math.sqrt(d / c)
        if abs(abs(float(a[cross] / c)) - 2 * ratio) > 1e-6 * ratio:
            continue
        left, right = write_monomial(halves[0], 1.0), write_monomial(halves[1], ratio)
        return float(c), left + right if a[cross] * c > 0 else left - right
    return None


def join_factors(number: float, factors: Iterable[Expr], divisors: Iterable[Any]) -> Expr | float:
    """Return a product divided by others. Divisions come between multiplications, which might overflow."""
    above, below = list(factors), list(divisors)
    waiting = subtract_lists(below, above)
    result: Any = None
    for factor in subtract_lists(above, below):
        quotient = factor / waiting.pop(0) if waiting else factor
        result = quotient if result is None else result * quotient
    if result is None:
        result = number
    elif number != 1:
        result = negate(result) if number == -1 else number * result
    for divisor in waiting:
        result = result / divisor
    product: Expr | float = result
    return product


def subtract_exactly(a: Expr, b: Any, divisors: Iterable[Any] = ()) -> Expr | None:
    """Return ``a - b``, divided by other expressions, if terms cancel and the rest is accurate, else None."""
    found = expand_difference(a, b)
    if found is None:
        return None
    number, factors, denominator = found
    result = join_factors(number, factors, [*divisors, *denominator])
    return result if isinstance(result, Expr) else constant(np.asarray(result, a.dtype))
