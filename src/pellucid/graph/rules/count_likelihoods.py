r"""Likelihoods of counts and rates, in which the leading terms of Stirling's formula cancel.

For example, the Poisson distribution is :math:`k \log m - m - \log k! = -D(k, m) - R(k)` with the divergence
:math:`D(k, m) = k \log \frac{k}{m} - k + m` and the remainder :math:`R(k) = \log k! - k \log k + k`: C. Loader, Fast
and Accurate Computation of Binomial Probabilities, 2000. Binomial, negative binomial and beta distributions are sums of
two such divergences.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections import Counter
from typing import Any, NamedTuple

import numpy as np

from pellucid.graph.expr import Expr, constant
from pellucid.graph.ops.activations import softplus
from pellucid.graph.ops.cumulative import cumsum
from pellucid.graph.ops.elementwise import negative, sqrt, true_divide
from pellucid.graph.ops.exponentials import exp, log, log1p
from pellucid.graph.ops.gamma import gammaln
from pellucid.graph.ops.gamma_ratios import betaln, log_binomial, log_gamma_ratio
from pellucid.graph.ops.reductions import sum
from pellucid.graph.ops.special import xlog1py, xlogy
from pellucid.graph.ops.stirling_remainders import (
    binomial_log_probability,
    kl_div,
    log_factorial_remainder,
    log_gamma_ratio_remainder,
    scaled_log1p,
    stirling_remainder,
)
from pellucid.graph.ops.trigonometry import sin
from pellucid.graph.rewrite_rule import RulePair, is_scalar_constant, rule
from pellucid.graph.rules.example_operands import draw_positive, make_input
from pellucid.graph.rules.gamma_differences import (
    Form,
    add_forms,
    add_weighted,
    build_form,
    get_form,
    has_gamma,
    is_number,
    list_weighted_terms,
)
from pellucid.graph.rules.predicates import as_number
from pellucid.graph.rules.scaled_exponentials import list_factors

LOGARITHMS = {f.op for f in (log, log1p, xlogy, xlog1py)}


class LogTerm(NamedTuple):
    """A linear form times the logarithm of an expression, as a term of a sum."""

    coefficient: Form
    operand: Expr
    position: int


def list_log_terms(terms: list[tuple[float, Expr]]) -> list[LogTerm]:
    found = []
    for position, (weight, e) in enumerate(terms):
        number, factors = list_factors(e)
        logs = [f for f in factors if f.op in LOGARITHMS]
        rest = [f for f in factors if f.op not in LOGARITHMS]
        if len(logs) == 1 and logs[0].op in (xlogy.op, xlog1py.op):
            rest.append(logs[0].inputs[0])
        if len(logs) == 1 and len(rest) <= 1:
            form = get_form(rest[0], weight * number) if rest else {None: weight * number}
            x = logs[0].inputs[-1]
            found.append(LogTerm(form, get_one_plus(x) if logs[0].op in (log1p.op, xlog1py.op) else x, position))
    return found


def get_one_plus(x: Expr) -> Expr:
    """Return the operand of the logarithm that log1p computes."""
    return 1.0 - x.inputs[0] if x.op is negative.op else 1.0 + x


def get_singles(terms: list[tuple[float, Expr]]) -> list[tuple[int, float, Expr, bool]]:
    """Return position, weight, k and whether it is log k!, for each log k! or log gamma(k) in a sum."""
    found = []
    for position, (weight, e) in enumerate(terms):
        if e.op is gammaln.op:
            found.append((position, weight, e.inputs[0], False))
        elif e.op is log_gamma_ratio.op and is_scalar_constant(e.inputs[0]) and as_number(e.inputs[0]) == 1:
            found.append((position, weight, e.inputs[1], True))
    return found


def complete_rate(terms: list[tuple[float, Expr]]) -> list[tuple[float, Expr]] | None:
    """Return a sum with log k! - k log m + m as a divergence and a remainder; None if it has no such terms."""
    singles = get_singles(terms)
    logs = list_log_terms(terms) if singles else []
    for position, weight, k, is_factorial in singles if logs else ():
        used = {position}
        factors: Counter[Expr] = Counter()
        rest, number = [], 1.0
        for term in logs:
            left = add_forms(term.coefficient, get_form(k, weight))
            if not is_number(left):
                continue
            used.add(term.position)
            scale, parts = list_factors(term.operand)
            number *= scale
            factors.update(parts)
            rest += [(left[None], log(term.operand))] if left else []
        if len(used) == 1:
            continue
        linear = find_multiple(terms, weight * number, factors, used)
        if linear is None:
            continue
        others = [term for i, term in enumerate(terms) if i not in used | {linear}]
        multiple, e = terms[linear]
        rate = e if multiple == weight else (multiple / weight) * e
        rest += [] if is_factorial else [(-weight, log(k))]
        if rate is not k:
            return [(weight, log_factorial_remainder(k)), (weight, kl_div(k, rate)), *rest, *others]
        power = math.fsum(c for c, term in rest if term is log(k))
        rest = [(c, term) for c, term in rest if term is not log(k)]
        if power == -weight / 2:
            return [(weight, stirling_remainder(k)), *rest, *others]
        rest += [(power, log(k))] if power else []
        return [(weight, log_factorial_remainder(k)), *rest, *others]
    return None


def find_multiple(terms: list[tuple[float, Expr]], number: float, factors: Counter[Expr], used: set[int]) -> int | None:
    """Return the position of the term that is a number times a product of factors."""
    for position, (weight, e) in enumerate(terms):
        scale, parts = list_factors(e)
        if position not in used and weight * scale == number and Counter(parts) == factors:
            return position
    return None


def complete_binomial(terms: list[tuple[float, Expr]]) -> list[tuple[float, Expr]] | None:
    """Return a sum with a binomial coefficient and its two powers as a log-probability; None if it has none."""
    coefficients = [(i, w, e) for i, (w, e) in enumerate(terms) if e.op in (log_binomial.op, betaln.op)]
    logs = list_log_terms(terms) if coefficients else []
    for position, weight, e in coefficients if len(logs) > 1 else ():
        is_beta = e.op is betaln.op
        scale = -weight if is_beta else weight
        for first, second in itertools.permutations(logs, 2):
            lefts = []
            for term, count in zip((first, second), e.inputs, strict=True):
                forms = [(add_forms(term.coefficient, get_form(count, scale), -s), s) for s in (1, -1)]
                lefts += [(form, s) for form, s in forms if is_number(form)][:1]
            if len(lefts) < 2:
                continue
            (left, s), (right, t) = lefts
            logit = get_logit(first.operand, s, second.operand, t)
            if logit is None:
                continue
            a, b = e.inputs
            used = {position, first.position, second.position}
            rest = [
                (form[None], log(term.operand)) for form, term in ((left, first), (right, second)) if form.get(None)
            ]
            # gamma(a) gamma(b) / gamma(a + b) is (1 / a + 1 / b) / binomial(a + b, a)
            rest += [(-scale, log(1 / a + 1 / b))] if is_beta else []
            others = [term for i, term in enumerate(terms) if i not in used]
            return [(scale, binomial_log_probability(a, b, logit)), *rest, *others]
    return None


def get_logit(p: Expr, s: int, q: Expr, t: int) -> Expr | None:
    """Return ``log(p / q)`` if ``p ** s + q ** t`` is 1; otherwise None."""
    if s == t == 1 and add_forms(get_form(p), get_form(q)) == {None: 1.0}:
        return log(p) - log(q)
    return None


def get_multiple(e: Expr) -> tuple[float, Counter[Expr], int]:
    """Return a number, factors and the power 1 or -1 of the factors, whose product is an expression."""
    power = 1
    if e.op is true_divide.op and is_scalar_constant(e.inputs[0]):
        number, factors = list_factors(e.inputs[1])
        return (as_number(e.inputs[0]) / number if number else 0.0), Counter(factors), -power
    number, factors = list_factors(e)
    return number, Counter(factors), power


def complete_ratio(terms: list[tuple[float, Expr]]) -> list[tuple[float, Expr]] | None:
    """Return a sum with the logarithm of gamma(x + d) / gamma(x) / x ** d as a remainder; None if it has none."""
    ratios = [(i, w, e) for i, (w, e) in enumerate(terms) if e.op is log_gamma_ratio.op]
    logs = list_log_terms(terms) if ratios else []
    for position, weight, e in ratios if logs else ():
        x, d = e.inputs
        if is_scalar_constant(x) or not is_scalar_constant(d):
            continue
        number, factors, direction = get_multiple(x)
        for term in logs:
            scale, parts, power = get_multiple(term.operand)
            power *= direction
            if term.coefficient != {None: -weight * as_number(d) * power} or parts != factors or scale * number <= 0:
                continue
            # log(scale * (x / number) ** power) is log(x) * power and a number.
            number = term.coefficient[None] * (math.log(abs(scale)) - power * math.log(abs(number)))
            others = [t for i, t in enumerate(terms) if i not in (position, term.position)]
            if number:
                others.append((math.copysign(1, number), constant(np.asarray(abs(number)).astype(e.dtype))))
            return [(weight, log_gamma_ratio_remainder(x, d)), *others]
    return None


def complete(total: Expr) -> Expr | None:
    """Return a sum whose leading terms are cancelled, or None if it has none."""
    terms = list_weighted_terms(total, lambda e: has_gamma(e) or any(i.op is log.op for i in e.inputs))
    if len(terms) < 2 or any(e.dtype != total.dtype for _, e in terms):
        return None
    found = complete_ratio(terms) or complete_rate(terms) or complete_binomial(terms)
    return None if found is None else add_weighted(sorted(found, key=lambda term: term[0] < 0))


def _make_poisson() -> tuple[Expr, Expr]:
    k, m = softplus(make_input("k")), softplus(make_input("m"))
    return k * log(m) - m, log_gamma_ratio(1.0, k)


@rule("stabilize", when="x > 0", examples=lambda rng: _make_poisson())
def difference_of_count_terms(x: Expr, y: Expr) -> RulePair:
    return x - y, lambda x, y: complete(x - y) if has_gamma(x) or has_gamma(y) else None


def _make_binomial() -> tuple[Expr, Expr]:
    a, b, p = exp(make_input("a")), exp(make_input("b")), sin(softplus(make_input("p")))
    return log_binomial(a, b) + a * log(p), b * log(1 - p)


@rule("stabilize", when="x > 0", examples=lambda rng: _make_binomial())
def sum_of_count_terms(x: Expr, y: Expr) -> RulePair:
    return x + y, lambda x, y: complete(x + y) if has_gamma(x) or has_gamma(y) else None


def sum_along(function: Any, x: Expr, axis: tuple[int, ...], keepdims: bool) -> Expr | None:
    """Return the sum of a function of each element but the first and the sum of those before it."""
    if len(axis) != 1:
        return None
    before, after = ((slice(None),) * n for n in (axis[0], x.ndim - axis[0] - 1))
    later, earlier = ((*before, part, *after) for part in (slice(1, None), slice(None, -1)))
    return sum(function(x[later], cumsum(x, axis=axis[0])[earlier]), axis=axis, keepdims=keepdims)


def _draw_counts(rng: np.random.Generator) -> tuple[object, ...]:
    return draw_positive(rng), (1,), False


@rule("stabilize", examples=_draw_counts)
def multinomial_coefficient(x: Expr, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    total = sum(x, axis=axis, keepdims=keepdims)
    parts = sum(log_gamma_ratio(1, x), axis=axis, keepdims=keepdims)
    return log_gamma_ratio(1, total) - parts, functools.partial(sum_along, log_binomial)


@rule("stabilize", examples=_draw_counts)
def multivariate_beta(x: Expr, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    total = sum(x, axis=axis, keepdims=keepdims)
    parts = sum(gammaln(x), axis=axis, keepdims=keepdims)
    return parts - gammaln(total), functools.partial(sum_along, betaln)


@rule("stabilize", examples=_draw_counts)
def inverse_multivariate_beta(x: Expr, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    def negate_sum(x: Expr, axis: tuple[int, ...], keepdims: bool) -> Expr | None:
        found = sum_along(betaln, x, axis, keepdims)
        return None if found is None else -found

    total = sum(x, axis=axis, keepdims=keepdims)
    return gammaln(total) - sum(gammaln(x), axis=axis, keepdims=keepdims), negate_sum


def _make_multiple() -> tuple[Expr, Expr, Expr]:
    x = softplus(make_input("x"))
    return (x + 1) / 2, make_input("s"), x


@rule("stabilize", examples=lambda rng: _make_multiple())
def multiple_of_log1p_of_quotient(n: Expr, s: Expr, x: Expr) -> RulePair:
    def split(n: Expr, s: Expr, x: Expr) -> Expr | None:
        form = get_form(n)
        weight = form.pop(x, 0.0)
        if not weight or is_scalar_constant(s):
            return None
        product = scaled_log1p(x, s)
        product = product if weight == 1 else weight * product
        return product + build_form(form) * log1p(s / x) if form else product

    return n * log1p(s / x), split


def _make_scaled_ratio() -> tuple[Expr, Expr]:
    return log_gamma_ratio(exp(make_input("x")), 0.5), softplus(make_input("y"))


@rule("stabilize", when="y > 0", examples=lambda rng: _make_scaled_ratio())
def exp_of_gamma_ratio_times_root(x: Expr, y: Expr) -> RulePair:
    return exp(x) * sqrt(y), lambda x, y: exp(x + 0.5 * log(y)) if has_gamma(x) else None


@rule("stabilize", when="y > 0", examples=lambda rng: _make_scaled_ratio())
def exp_of_gamma_ratio_over_root(x: Expr, y: Expr) -> RulePair:
    return exp(x) / sqrt(y), lambda x, y: exp(x - 0.5 * log(y)) if has_gamma(x) else None
