r"""Sums of logarithms of gamma functions, :math:`\log \Gamma(x + d) - \log \Gamma(x)`.

The arguments are compared as linear forms. Two terms with a common part become `log_gamma_ratio`, three terms whose
arguments add up become `log_binomial` or `betaln`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.ops.elementwise import add, multiply, negative, subtract, true_divide
from pellucid.graph.ops.exponentials import exp, log, log1p
from pellucid.graph.ops.gamma import gammaln
from pellucid.graph.ops.gamma_ratios import betaln, log_binomial, log_gamma_ratio
from pellucid.graph.ops.reshape import broadcast_like
from pellucid.graph.rewrite_rule import RulePair, is_scalar_constant, rule
from pellucid.graph.rules.example_operands import make_input
from pellucid.graph.rules.predicates import as_number
from pellucid.graph.rules.scaled_exponentials import combine, list_factors

MAX_TERMS = 24
"""Longer sums, and longer linear forms, are left unchanged."""

MAX_DEPTH = 8
"""Number of terms of a sum among which gamma functions are searched."""

MAX_PAIRS = 5
"""Number of pairs up to which all ways to pair gamma functions are tried."""

GAMMA_OPS = {f.op for f in (gammaln, log_gamma_ratio, log_binomial, betaln)}
SUMS = {f.op for f in (add, subtract, negative, multiply, true_divide)}
"""Ops through which gamma functions are found in a sum."""

Form = dict[Any, float]
"""A linear form: coefficients of expressions, and a number at the key None. Zero coefficients are left out."""


class GammaTerm(NamedTuple):
    """A multiple of the logarithm of a gamma function."""

    weight: float
    form: Form
    argument: Any


class Group(NamedTuple):
    """A multiple of an op on gamma functions. Groups of low cost cancel less."""

    weight: float
    cost: int
    value: Any


def get_form(e: Any, scale: float = 1.0) -> Form:
    """Return a sum as a linear form of the expressions in it."""
    form: Form = {}
    stack: list[tuple[Any, float]] = [(e, scale)]
    while stack:
        e, scale = stack.pop()
        if not isinstance(e, Expr) or is_scalar_constant(e):
            form[None] = form.get(None, 0.0) + scale * (as_number(e) if isinstance(e, Expr) else e)
        elif len(stack) + len(form) > MAX_TERMS:
            form[e] = form.get(e, 0.0) + scale
        elif e.op in (add.op, subtract.op):
            stack += [(e.inputs[1], -scale if e.op is subtract.op else scale), (e.inputs[0], scale)]
        elif e.op is negative.op:
            stack.append((e.inputs[0], -scale))
        elif e.op is multiply.op and is_scalar_constant(e.inputs[0]):
            stack.append((e.inputs[1], scale * as_number(e.inputs[0])))
        elif e.op is true_divide.op and is_scalar_constant(e.inputs[1]) and as_number(e.inputs[1]):
            stack.append((e.inputs[0], scale / as_number(e.inputs[1])))
        else:
            form[e] = form.get(e, 0.0) + scale
    return {key: c for key, c in form.items() if c}


def add_forms(a: Form, b: Form, scale: float = 1.0) -> Form:
    total = {key: a.get(key, 0.0) + scale * b.get(key, 0.0) for key in [*a, *b]}
    return {key: c for key, c in total.items() if c}


def is_number(form: Form) -> bool:
    return not form or list(form) == [None]


def build_form(form: Form) -> Expr | float:
    """Return a linear form as an expression or a number. Positive terms come first."""
    total: Any = None
    for atom, c in sorted(((a, c) for a, c in form.items() if a is not None), key=lambda pair: pair[1] < 0):
        term = atom if abs(c) == 1 else abs(c) * atom
        total = combine(total, term, add) if c > 0 else (-term if total is None else total - term)
    number = form.get(None, 0.0)
    if total is None or not number:
        only: Expr | float = number if total is None else total
        return only
    result: Expr = total + number if number > 0 else total - -number
    return result


def list_gamma_terms(weight: float, e: Expr) -> list[GammaTerm]:
    """Return the gamma functions of an op on them."""
    found: list[tuple[float, Form, Expr | None]]
    if e.op is gammaln.op:
        found = [(1.0, get_form(e.inputs[0]), e.inputs[0])]
    else:
        a, b = map(get_form, e.inputs)
        if e.op is log_gamma_ratio.op:
            found = [(1.0, add_forms(a, b), None), (-1.0, a, e.inputs[0])]
        elif e.op is betaln.op:
            found = [(1.0, a, e.inputs[0]), (1.0, b, e.inputs[1]), (-1.0, add_forms(a, b), None)]
        else:
            one: Form = {None: 1.0}
            a, b = add_forms(a, one), add_forms(b, one)
            found = [(1.0, add_forms(add_forms(a, b), one, -1), None), (-1.0, a, None), (-1.0, b, None)]
    return [GammaTerm(weight * w, form, x) for w, form, x in found]


def get_cost(e: Expr) -> int:
    if e.op is gammaln.op:
        return 4
    if e.op is log_gamma_ratio.op:
        return 4 if is_scalar_constant(e.inputs[0]) else 1
    return 3


def merge_terms(terms: Iterable[GammaTerm]) -> list[GammaTerm]:
    """Add the weights of equal gamma functions. Those of 1 and 2 are 1."""
    merged: dict[frozenset[Any], GammaTerm] = {}
    for term in terms:
        key = frozenset(term.form.items())
        before = merged.get(key)
        if before is not None:
            argument = term.argument if before.argument is None else before.argument
            term = term._replace(weight=term.weight + before.weight, argument=argument)
        merged[key] = term
    return [t for t in merged.values() if t.weight and t.form not in ({None: 1.0}, {None: 2.0})]


def get_argument(term: GammaTerm) -> Expr | float | Any:
    return build_form(term.form) if term.argument is None else term.argument


def take(terms: list[GammaTerm], weights: list[tuple[GammaTerm, float]]) -> list[GammaTerm]:
    """Subtract gamma functions from a sum."""
    return merge_terms([*terms, *(t._replace(weight=-w) for t, w in weights)])


def pair_all(terms: list[GammaTerm]) -> list[tuple[GammaTerm, GammaTerm]] | None:
    """Return the pairs of terms of opposite signs whose arguments differ least in total, if all have a common part."""
    above, below = [t for t in terms if t.weight > 0], [t for t in terms if t.weight < 0]
    if len(above) != len(below) or len(above) > MAX_PAIRS or len({abs(t.weight) for t in terms}) > 1:
        return None
    best = None
    for order in itertools.permutations(below):
        pairs = [orient(*pair) for pair in zip(above, order, strict=True)]
        differences = [add_forms(a.form, b.form, -1) for a, b in pairs]
        related = all(
            is_number(d) or {*a.form, *b.form} - {*d, None} for d, (a, b) in zip(differences, pairs, strict=True)
        )
        # Steps such as d in gamma(x + d) / gamma(x) should be small, so they had better not be denominators as well.
        steps, bases = (set().union(*forms) - {None} for forms in (differences, [b.form for _, b in pairs]))
        size = sum(map(len, differences)) + len(steps & bases)
        if related and (best is None or size < best[0]):
            best = size, pairs
    return None if best is None else best[1]


def find_pair(terms: list[GammaTerm], by_number: bool) -> tuple[GammaTerm, GammaTerm] | None:
    """Return two terms of opposite signs whose arguments have most in common."""
    best = None
    for above in terms:
        for below in terms:
            if above.weight * below.weight >= 0:
                continue
            d = add_forms(above.form, below.form, -1)
            shared = {*above.form, *below.form} - {*d, None}
            if (is_number(d) if by_number else bool(shared)) and (best is None or len(d) < best[0]):
                best = len(d), orient(above, below)
    return None if best is None else best[1]


def orient(a: GammaTerm, b: GammaTerm) -> tuple[GammaTerm, GammaTerm]:
    """Return two terms with the one first whose argument is larger, where that is known."""
    d = add_forms(a.form, b.form, -1)
    return (a, b) if any(c > 0 for c in d.values()) else (b, a)


def group_pair(above: GammaTerm, below: GammaTerm) -> tuple[Group, list[tuple[GammaTerm, float]]]:
    size = min(abs(above.weight), abs(below.weight))
    weight = size if above.weight > 0 else -size
    d = build_form(add_forms(above.form, below.form, -1))
    return Group(weight, 1, log_gamma_ratio(get_argument(below), d)), [(above, weight), (below, -weight)]


def find_triple(terms: list[GammaTerm]) -> tuple[Group, list[tuple[GammaTerm, float]]] | None:
    """Return a group of three gamma functions, of which two have arguments that add up to the third, or to it plus 1.

    Binomial coefficients come first.
    """
    found: list[Any] = []
    for whole in terms:
        parts = [t for t in terms if t.weight * whole.weight < 0]
        for i, a in enumerate(parts):
            for b in parts[i:]:
                excess = add_forms(add_forms(a.form, b.form), whole.form, -1)
                if excess not in ({}, {None: 1.0}) or is_number(a.form) or is_number(b.form):
                    continue
                ones = sum(t.form.get(None, 0.0) == 1 for t in (a, b))
                found.append((-ones, len(found), whole, a, b, excess))
    if not found:
        return None
    _, _, whole, a, b, excess = min(found, key=lambda candidate: candidate[:2])
    size = min(abs(whole.weight), abs(a.weight) / 2 if a is b else min(abs(a.weight), abs(b.weight)))
    weight = size if whole.weight > 0 else -size
    used = [(whole, weight), (a, -weight), (b, -weight)]
    if not excess:
        return Group(-weight, 3, betaln(get_argument(a), get_argument(b))), used
    one: Form = {None: 1.0}
    if b.form.get(None, 0.0) != 1:
        a, b = b, a
    last = build_form(add_forms(b.form, one, -1))
    if a.form.get(None, 0.0) == 1 or b.form.get(None, 0.0) != 1:
        return Group(weight, 3, log_binomial(build_form(add_forms(a.form, one, -1)), last)), used
    first = get_argument(a)  # gamma(a) is gamma(1 + a) / a
    return Group(weight, 3, log_binomial(first, last) - log1p(last / first)), used


def group_terms(terms: list[GammaTerm]) -> list[Group]:
    """Group gamma functions so that those of nearly equal arguments cancel."""
    groups: list[Group] = []
    while terms:
        pairs = pair_all(terms)
        if pairs is not None:
            return [*groups, *(group_pair(a, b)[0] for a, b in pairs)]
        balance = sum(np.sign(t.weight) * round(abs(t.weight) / min(abs(t.weight) for t in terms)) for t in terms)
        pair = find_pair(terms, by_number=True)
        found = group_pair(*pair) if pair else find_triple(terms) if balance else None
        if found is None:
            pair = find_pair(terms, by_number=False)
            found = group_pair(*pair) if pair else find_triple(terms)
        if found is None:
            break
        groups.append(found[0])
        terms = take(terms, found[1])
    for term in terms:
        near_one = term.form.get(None, 0.0) == 1
        value = log_gamma_ratio(1.0, build_form(add_forms(term.form, {None: 1.0}, -1))) if near_one else None
        groups.append(Group(term.weight, 4, gammaln(get_argument(term)) if value is None else value))
    return groups


def has_gamma(e: Expr) -> bool:
    """Whether a term of a sum may be a multiple of the logarithm of a gamma function. Fast, for other sums."""
    for _ in range(MAX_DEPTH):
        if e.op in GAMMA_OPS:
            return True
        if e.op not in SUMS:
            return False
        left, right = e.inputs[0], e.inputs[-1]
        if right.op in GAMMA_OPS:
            return True
        e = left if left.op in SUMS or left.op in GAMMA_OPS else right
    return False


def list_weighted_terms(total: Expr, opens: Callable[[Expr], bool] = has_gamma) -> list[tuple[float, Expr]]:
    """Return the terms of a sum with their numeric factors. A test selects the multiples of sums that are opened."""
    terms: list[tuple[float, Expr]] = []
    stack = [(1.0, total)]
    while stack:
        weight, e = stack.pop()
        if e.op in (add.op, subtract.op) and len(terms) + len(stack) <= MAX_TERMS and (weight == 1 or opens(e)):
            stack += [(-weight if e.op is subtract.op else weight, e.inputs[1]), (weight, e.inputs[0])]
        elif e.op is negative.op:
            stack.append((-weight, e.inputs[0]))
        else:
            number, factors = list_factors(e)
            if len(factors) == 1 and number and opens(factors[0]) and factors[0] is not e:
                stack.append((weight * number, factors[0]))
            else:
                terms.append((weight, e))
    return terms


def add_weighted(terms: Iterable[tuple[float, Any]]) -> Any:
    """Return the sum of weighted terms."""
    result: Any = None
    for weight, e in terms:
        term = e if abs(weight) == 1 else abs(weight) * e
        result = combine(result, term, add) if weight > 0 else (-term if result is None else result - term)
    return result


def regroup(total: Expr) -> Expr | None:
    """Return a sum with its gamma functions grouped, or None if that does not help."""
    terms, others, cost = [], [], 0
    for weight, e in list_weighted_terms(total):
        if e.op in GAMMA_OPS and e.dtype == total.dtype:
            terms += list_gamma_terms(weight, e)
            cost += get_cost(e)
        else:
            others.append((weight, e))
    groups = group_terms(merge_terms(terms)) if len(terms) in range(2, MAX_TERMS) else []
    if not terms or sum(group.cost for group in groups) >= cost:
        return None
    parts = [(group.weight, group.value) for group in groups]
    result = add_weighted([*sorted(parts, key=lambda part: part[0] < 0), *others])
    # All gamma functions cancel. The zeros must not contain the sum that they replace.
    return broadcast_like(np.zeros((), total.dtype), total.inputs[0]) if result is None else result


def _make_gammas() -> tuple[Expr, Expr]:
    x = exp(make_input())
    return gammaln(x + 0.5), gammaln(x)


@rule("stabilize", examples=lambda rng: _make_gammas())
def difference_of_gammaln(x: Expr, y: Expr) -> RulePair:
    return x - y, lambda x, y: regroup(x - y) if has_gamma(y) and has_gamma(x) else None


def _make_multiples() -> tuple[Expr, Expr]:
    above, below = _make_gammas()
    return above, -2 * below


@rule("stabilize", examples=lambda rng: _make_multiples())
def sum_of_gammaln(x: Expr, y: Expr) -> RulePair:
    return x + y, lambda x, y: regroup(x + y) if has_gamma(y) and has_gamma(x) else None


@rule("stabilize")
def gammaln_of_one_plus(x: Expr) -> RulePair:
    return gammaln(1 + x), log_gamma_ratio(1.0, x)


@rule("stabilize", when="x > 0")
def log_plus_gammaln(x: Expr) -> RulePair:
    return log(x) + gammaln(x), log_gamma_ratio(1.0, x)
