r"""Integer formulas of sizes that are known when a program runs, such as ``n//2 + 1``.

A formula is a polynomial of names, quotients, remainders, maxima and minima, in a normal form: formulas that are equal
as polynomials are equal objects, with one text. Quotients and remainders are rounded down, as in Python. Maxima and
minima are simplified for names of 1 or more, except for those of values.
"""

from __future__ import annotations

import ast
import functools
import math
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, product

from pellucid.graph.errors import ShapeError

MAX_TEXT, MAX_TERMS, MAX_DEGREE = 400, 200, 6
"""Limits of a text, of the terms of a formula, and of the factors of a term that is compared: a dimension may come from
a file, and products of sums grow exponentially."""

VALUE_PREFIX = "value_"
"""Beginning of the names of sizes that are values of expressions, which may be negative."""

Monomial = tuple["Atom", ...]
"""Factors of a product, sorted; none for the constant term."""


@dataclass(frozen=True)
class Operation:
    """A quotient, remainder, maximum or minimum of two formulas.

    Attributes
    ----------
    name : {"//", "%", "max", "min"}
        The operation.
    left, right : SizeFormula
        Its operands.
    """

    name: str
    left: SizeFormula
    right: SizeFormula

    def __str__(self) -> str:
        if self.name in ("max", "min"):
            return f"{self.name}({self.left}, {self.right})"
        left, right = (str(f) if f.is_atom else f"({f})" for f in (self.left, self.right))
        return f"{left}//{right}" if self.name == "//" else f"({left} % {right})"


Atom = str | Operation
"""A name or an operation."""


@dataclass(frozen=True)
class SizeFormula:
    """A polynomial with integer coefficients.

    Attributes
    ----------
    terms : tuple of (Monomial, int)
        Monomials and their coefficients, none of which is 0, highest degree first.
    """

    terms: tuple[tuple[Monomial, int], ...]

    @property
    def constant(self) -> int | None:
        """The value of a formula without names; None for another one."""
        if not self.terms:
            return 0
        return self.terms[0][1] if self.terms[0][0] == () else None

    @property
    def is_atom(self) -> bool:
        """Whether the text needs no parentheses as an operand of a quotient."""
        if self.constant is not None:
            return self.constant >= 0
        [(monomial, coefficient), *more] = self.terms
        return not more and coefficient == 1 and len(monomial) == 1 and isinstance(monomial[0], str)

    def __str__(self) -> str:
        text = ""
        for monomial, coefficient in self.terms:
            # 2*n//3 and -n//3 would be other quotients than 2*(n//3) and -(n//3).
            alone = len(monomial) == 1 and coefficient == 1
            factors = [
                f"({a})" if isinstance(a, Operation) and a.name == "//" and not alone else str(a) for a in monomial
            ]
            factors = [str(abs(coefficient))] * (abs(coefficient) != 1 or not monomial) + factors
            sign = ("-" if coefficient < 0 else "") if not text else (" - " if coefficient < 0 else " + ")
            text += sign + "*".join(factors)
        return text or "0"

    def __add__(self, other: SizeFormula) -> SizeFormula:
        return collect_terms([*self.terms, *other.terms])

    def __neg__(self) -> SizeFormula:
        return SizeFormula(tuple((m, -c) for m, c in self.terms))

    def __sub__(self, other: SizeFormula) -> SizeFormula:
        return self + -other

    def __mul__(self, other: SizeFormula) -> SizeFormula:
        if len(self.terms) * len(other.terms) > MAX_TERMS:
            raise ShapeError(
                f"A formula of sizes may have {MAX_TERMS} terms. Received: the product of {self} and {other}"
            )
        return collect_terms((tuple(sorted((*m, *n), key=str)), c * d) for m, c in self.terms for n, d in other.terms)

    def __floordiv__(self, other: SizeFormula) -> SizeFormula:
        if other.constant == 0:
            raise ZeroDivisionError("division of a size by zero")
        whole, rest = divide_terms(self, other)
        return whole if not rest.terms else whole + combine("//", operator.floordiv, rest, other)

    def __mod__(self, other: SizeFormula) -> SizeFormula:
        if other.constant == 0:
            raise ZeroDivisionError("division of a size by zero")
        _, rest = divide_terms(self, other)
        return rest if not rest.terms else combine("%", operator.mod, rest, other)

    def evaluate(self, values: Mapping[str, int]) -> int:
        """Return the value for values of the names.

        Raises KeyError for a name without a value, and ShapeError for a division by zero.
        """
        return sum(c * math.prod(evaluate_atom(a, values) for a in monomial) for monomial, c in self.terms)

    def substitute(self, formulas: Mapping[str, SizeFormula]) -> SizeFormula:
        """Return the formula with other formulas in the place of names; other names stay."""
        total = make_constant_formula(0)
        for monomial, coefficient in self.terms:
            term = make_constant_formula(coefficient)
            for atom in monomial:
                term = term * substitute_atom(atom, formulas)
            total = total + term
        return total

    def list_names(self) -> Iterator[str]:
        """Yield the names, possibly several times."""
        for monomial, _ in self.terms:
            for atom in monomial:
                if isinstance(atom, str):
                    yield atom
                else:
                    yield from atom.left.list_names()
                    yield from atom.right.list_names()


def collect_terms(terms: Iterable[tuple[Monomial, int]]) -> SizeFormula:
    """Add up terms with equal monomials."""
    found: dict[Monomial, int] = {}
    for monomial, coefficient in terms:
        found[monomial] = found.get(monomial, 0) + coefficient
    kept = [(m, c) for m, c in found.items() if c]
    return SizeFormula(tuple(sorted(kept, key=lambda term: (-len(term[0]), [*map(str, term[0])]))))


def make_constant_formula(value: int) -> SizeFormula:
    return collect_terms([((), value)])


def make_name_formula(name: str) -> SizeFormula:
    return collect_terms([((name,), 1)])


def divide_terms(dividend: SizeFormula, divisor: SizeFormula) -> tuple[SizeFormula, SizeFormula]:
    """Return the terms that a single term divides, divided by it, and the other ones.

    The quotient of their sum is the first result plus the quotient of the second.
    """
    if dividend == divisor:
        return make_constant_formula(1), make_constant_formula(0)
    if len(divisor.terms) != 1:
        return make_constant_formula(0), dividend
    [(factors, number)] = divisor.terms
    whole, rest = [], []
    for monomial, coefficient in dividend.terms:
        left = remove_factors(monomial, factors)
        if left is None or (coefficient % number and monomial):
            rest.append((monomial, coefficient))
        else:
            whole.append((left, coefficient // number))
            rest.append((monomial, coefficient % number))
    return collect_terms(whole), collect_terms(rest)


def remove_factors(monomial: Monomial, factors: Monomial) -> Monomial | None:
    """Return a product without some of its factors; None if it lacks one."""
    left = list(monomial)
    for factor in factors:
        if factor not in left:
            return None
        left.remove(factor)
    return tuple(left)


def combine(name: str, compute: Callable[[int, int], int], left: SizeFormula, right: SizeFormula) -> SizeFormula:
    """Return an operation of two formulas, computed if both are constant."""
    if left.constant is not None and right.constant is not None:
        return make_constant_formula(compute(left.constant, right.constant))
    return collect_terms([((Operation(name, left, right),), 1)])


def choose_largest(left: SizeFormula, right: SizeFormula) -> SizeFormula:
    """Return the maximum of two formulas, which is one of them if its size is known to be larger."""
    if is_nonnegative(left - right):
        return left
    return right if is_nonnegative(right - left) else combine("max", max, *sorted((left, right), key=str))


def choose_smallest(left: SizeFormula, right: SizeFormula) -> SizeFormula:
    """Return the minimum of two formulas, which is one of them if its size is known to be smaller."""
    if is_nonnegative(left - right):
        return right
    return left if is_nonnegative(right - left) else combine("min", min, *sorted((left, right), key=str))


def is_nonnegative(formula: SizeFormula) -> bool:
    """Whether a formula is 0 or more for all values of the names, which are 1 or more, or any integer for values.

    False if that is not known. A quotient that is subtracted is at most the quotient without rounding.
    """
    if any(len(monomial) > MAX_DEGREE for monomial, _ in formula.terms):
        return False
    bounds: dict[Monomial, Fraction] = {}
    for monomial, coefficient in formula.terms:
        for part, factor in bound_below(monomial, coefficient):
            for chosen in list_products(part):
                bounds[chosen] = bounds.get(chosen, Fraction(0)) + factor
    return all(factor >= 0 for factor in bounds.values()) and all(map(is_positive_atom, chain(*bounds)))


def list_products(monomial: Monomial) -> Iterator[Monomial]:
    """Yield the terms of a product in which every name is 1 plus a number that is 0 or more."""
    choices: list[tuple[Monomial, ...]] = [((), (atom,)) if is_length(atom) else ((atom,),) for atom in monomial]
    for factors in product(*choices):
        yield tuple(chain(*factors))


def is_length(atom: Atom) -> bool:
    """Whether a factor is the name of the length of an axis, and so 1 or more."""
    return isinstance(atom, str) and not atom.startswith(VALUE_PREFIX)


def bound_below(monomial: Monomial, coefficient: int) -> list[tuple[Monomial, Fraction]]:
    """Return terms whose sum is at most that of a term."""
    if coefficient < 0 and len(monomial) == 1 and isinstance(monomial[0], Operation) and monomial[0].name == "//":
        divisor = monomial[0].right.constant
        if divisor is not None and divisor > 0 and is_nonnegative(monomial[0].left):
            return [(m, Fraction(coefficient * c, divisor)) for m, c in monomial[0].left.terms]
    return [(monomial, Fraction(coefficient))]


def is_positive_atom(atom: Atom) -> bool:
    """Whether a factor is 0 or more."""
    if isinstance(atom, str):
        return is_length(atom)
    left, right = is_nonnegative(atom.left), is_nonnegative(atom.right)
    if atom.name == "%":
        return right
    return left or right if atom.name == "max" else left and right


COMPUTE: Mapping[str, Callable[[int, int], int]] = {"//": operator.floordiv, "%": operator.mod, "max": max, "min": min}

COMBINE: Mapping[str, Callable[[SizeFormula, SizeFormula], SizeFormula]] = {
    "//": operator.floordiv,
    "%": operator.mod,
    "max": choose_largest,
    "min": choose_smallest,
}


def evaluate_atom(atom: Atom, values: Mapping[str, int]) -> int:
    if isinstance(atom, str):
        return values[atom]
    left, right = atom.left.evaluate(values), atom.right.evaluate(values)
    if not right and atom.name in ("//", "%"):
        known = ", ".join(f"{name} = {values[name]}" for name in dict.fromkeys(atom.right.list_names()))
        raise ShapeError(f"The size {atom} is divided by {atom.right}, which is 0 for {known}")
    return COMPUTE[atom.name](left, right)


def substitute_atom(atom: Atom, formulas: Mapping[str, SizeFormula]) -> SizeFormula:
    if isinstance(atom, str):
        return formulas[atom] if atom in formulas else make_name_formula(atom)
    return COMBINE[atom.name](atom.left.substitute(formulas), atom.right.substitute(formulas))


UNKNOWN_NAME = re.compile(r"\?(\d+)")
"""Name of a dimension without a name, which is not a Python identifier."""

PREFIX = "unknown_size_"

OPERATORS: Mapping[type[ast.operator], Callable[[SizeFormula, SizeFormula], SizeFormula]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


@functools.lru_cache(4096)
def parse_formula(text: str) -> SizeFormula | None:
    """Return the formula of a text; None if the text is not a formula, such as a name with spaces.

    Examples
    --------
    >>> str(parse_formula("(2 * n + 3) // 2")), parse_formula("batch size")
    ('n + 1', None)
    """
    if len(text) > MAX_TEXT:
        return None
    try:
        tree = ast.parse(UNKNOWN_NAME.sub(rf"{PREFIX}\1", text.strip()), mode="eval")
        return read_formula(tree.body)
    except (SyntaxError, ValueError, TypeError, ZeroDivisionError, RecursionError):
        return None


def read_formula(node: ast.expr) -> SizeFormula:
    """Return the formula of a syntax tree; raises ValueError for another one."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return make_constant_formula(node.value)
    if isinstance(node, ast.Name):
        is_unknown = node.id.startswith(PREFIX)
        return make_name_formula(f"?{node.id.removeprefix(PREFIX)}" if is_unknown else node.id)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -read_formula(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return OPERATORS[type(node.op)](read_formula(node.left), read_formula(node.right))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("max", "min"):
        left, right = map(read_formula, node.args)
        return COMBINE[node.func.id](left, right)
    raise ValueError(ast.dump(node))
