r"""Sums in which the first terms of a logarithm or exponential cancel, such as :math:`p \log \frac{p}{q} - p + q`.

They are the terms of Kullback-Leibler, Itakura-Saito and Poisson divergences, and of squared distances. The rules
assume that both sides of a logarithm of a quotient are positive, as probabilities and spectra are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.ops.activations import softplus
from pellucid.graph.ops.elementwise import add, fraction_of_sum, multiply, negative, square, subtract, true_divide
from pellucid.graph.ops.exponentials import exp, expm1, log
from pellucid.graph.ops.hyperbolic import cosh, sinh
from pellucid.graph.ops.reductions import mean, sum
from pellucid.graph.ops.remainders import expm1_minus_x
from pellucid.graph.ops.special import xlogy
from pellucid.graph.ops.stirling_remainders import kl_div
from pellucid.graph.rewrite_rule import RulePair, is_scalar_constant, rule
from pellucid.graph.rules.example_operands import make_input
from pellucid.graph.rules.gamma_differences import Form, add_forms, build_form, get_form
from pellucid.graph.rules.scaled_exponentials import list_factors, multiply_all
from pellucid.graph.traversal import rebuild

MAX_VISITS = 8
"""Number of terms of a sum among which logarithms and exponentials are searched."""

SUMS = {f.op for f in (add, subtract, negative)}
FUNCTIONS = {f.op for f in (cosh, exp, expm1, log, xlogy)}
TOTALS = {f.op for f in (sum, mean)}

Candidate = tuple[float, Form, Any]
"""A weight, a linear form, and the expression that equals the form without cancellation."""


def find_partners(form: Form, e: Expr, weight: float) -> Iterator[Expr]:
    """Yield the other terms of an op with a weight."""
    return (other for other, w in form.items() if w == weight and other is not None and other.op is e.op is not None)


def complete_exponential(form: Form, e: Expr, weight: float) -> Iterator[Candidate]:
    if e.op not in (exp.op, expm1.op):
        return
    exponent = get_form(e.inputs[0])
    constant = {None: -1.0} if e.op is exp.op else {}
    yield weight, add_forms({e: 1.0, **constant}, exponent, -1), expm1_minus_x(e.inputs[0])
    for other in find_partners(form, e, weight) if e.op is exp.op else ():
        if not add_forms(exponent, get_form(other.inputs[0])):
            yield weight, {e: 1.0, other: 1.0, None: -2.0}, 4 * square(sinh(e.inputs[0] / 2))


def complete_hyperbolic_cosine(form: Form, e: Expr, weight: float) -> Iterator[Candidate]:
    if e.op is cosh.op:
        yield weight, {e: 1.0, None: -1.0}, 2 * square(sinh(e.inputs[0] / 2))


def complete_product_with_logarithm(form: Form, e: Expr, weight: float) -> Iterator[Candidate]:
    r"""Find :math:`x \log \frac{x}{y} - x + y`."""
    x: Expr | float | None = None
    quotient: tuple[Expr, ...] | None = None
    part: Form = {e: 1.0}
    if e.op is xlogy.op:
        x, y = e.inputs
        quotient = y.inputs if y.op is true_divide.op else None
        for other in find_partners(form, e, -weight) if y is x else ():
            if other.inputs[0] is x:
                quotient, part = (x, other.inputs[1]), {e: 1.0, other: -1.0}
    elif e.op is multiply.op:
        x, quotient = split_product_with_logarithm(e)
    for (numerator, denominator), sign in ((quotient, 1), (quotient[::-1], -1)) if quotient else ():
        if numerator is x:
            difference = add_forms(get_form(denominator), get_form(x), -1)
            yield sign * weight, add_forms(difference, part, sign), kl_div(x, denominator)


def split_product_with_logarithm(e: Expr) -> tuple[Expr | float | None, tuple[Expr, ...] | None]:
    """Return x and the quotient in ``x * log(y / z)`` or ``x * (log(y) - log(z))``, or None for either."""
    number, factors = list_factors(e)
    for position, factor in enumerate(factors):
        quotient = None
        if factor.op is log.op and factor.inputs[0].op is true_divide.op:
            quotient = factor.inputs[0].inputs
        elif factor.op is subtract.op and factor.inputs[0].op is log.op is factor.inputs[1].op:
            quotient = factor.inputs[0].inputs[0], factor.inputs[1].inputs[0]
        if quotient is not None and number == 1 and len(factors) > 1:
            return multiply_all(1.0, factors[:position] + factors[position + 1 :]), quotient
    return None, None


def complete_logarithm(form: Form, e: Expr, weight: float) -> Iterator[Candidate]:
    r"""Find :math:`\frac{x}{y} - \log \frac{x}{y} - 1` or :math:`x - \log x - 1`."""
    if e.op is not log.op:
        return
    x = e.inputs[0]
    for other, w in form.items():
        if getattr(other, "op", None) is not true_divide.op or abs(w) != abs(weight):
            continue
        numerator, denominator = other.inputs
        if x is other:
            logarithm = {e: -1.0}
        elif x.op is true_divide.op and x.inputs[0] is denominator and x.inputs[1] is numerator:
            logarithm = {e: 1.0}
        elif x is denominator:
            logarithm = {e: 1.0, log(numerator): -1.0}
        else:
            continue
        yield w, {other: 1.0, None: -1.0, **logarithm}, kl_div(denominator, numerator) / denominator
    yield -weight, add_forms({e: -1.0, None: -1.0}, get_form(x)), kl_div(1.0, x)


def complete_mixture(form: Form, e: Expr, weight: float) -> Iterator[Candidate]:
    r"""Find :math:`p \log \frac{p}{m} + q \log \frac{q}{m}` with :math:`m = \frac{p + q}{2}`, or their sums."""
    p, middle = split_entropy(e)
    for other in find_partners(form, e, weight) if middle is not None else ():
        q, same = split_entropy(other)
        if same != middle or q is p or e.settings != other.settings:
            continue
        if middle == add_forms(get_form(p, 0.5), get_form(q, 0.5)):
            m = (p + q) / 2
            total = kl_div(p, m) + kl_div(q, m)
            yield weight, {e: 1.0, other: 1.0}, rebuild(e, [total]) if e.op in TOTALS else total


def split_entropy(e: Expr) -> tuple[Any, Form | None]:
    r"""Return p and the linear form m of :math:`p \log \frac{p}{m}`, or of a sum of such terms."""
    e = e.inputs[0] if e.op in TOTALS else e
    if e.op is not xlogy.op:
        return None, None
    p, quotient = e.inputs
    number, factors = list_factors(quotient)
    if len(factors) == 1 and factors[0].op is fraction_of_sum.op and factors[0].inputs[0] is p and number:
        return p, add_forms(get_form(p, 1 / number), get_form(factors[0].inputs[1], 1 / number))
    if quotient.op is true_divide.op and quotient.inputs[0] is p:
        return p, get_form(quotient.inputs[1])
    return None, None


def complete_square(form: Form, e: Expr, weight: float) -> Iterator[Candidate]:
    if e.op in TOTALS and e.inputs[0].op is multiply.op:
        x, y = e.inputs[0].inputs
        if x.ndim == y.ndim and not any((a == 1) != (b == 1) for a, b in zip(x.shape, y.shape, strict=True)):
            squares = {rebuild(e, [square(i)]): 1.0 for i in (x, y)}
            yield -weight / 2, {**squares, e: -2.0}, rebuild(e, [square(x - y)])


FORMS = (
    complete_exponential,
    complete_hyperbolic_cosine,
    complete_product_with_logarithm,
    complete_logarithm,
    complete_mixture,
    complete_square,
)
"""Functions that find forms with one term of a sum: ``find(form, term, weight)``."""


def complete_sum(total: Expr) -> Expr | None:
    """Return a sum without cancellation, or None if no terms cancel."""
    form = get_form(total)
    terms = [(e, weight) for e, weight in form.items() if isinstance(e, Expr)]
    for scale, part, value in (found for e, weight in terms for find in FORMS for found in find(form, e, weight)):
        rest = add_forms(form, part, -scale)
        if rest.keys() & part.keys() or len(part) < 2:  # not all terms of the form are in the sum
            continue
        term: Expr = value if abs(scale) == 1 else abs(scale) * value
        if not rest:
            return term if scale > 0 else -term
        return build_form(rest) + term if scale > 0 else build_form(rest) - term
    return None


def has_candidate(e: Expr) -> bool:
    """Whether a sum may have terms that cancel. Fast, for other sums."""
    stack = [e]
    for _ in range(MAX_VISITS):
        e = stack.pop()
        if e.op in FUNCTIONS or (e.op in TOTALS and e.inputs[0].op in (multiply.op, xlogy.op)):
            return True
        if e.op is multiply.op and any(is_logarithm(i) for i in e.inputs):
            return True
        if e.op in SUMS:
            stack += e.inputs
        elif e.op is multiply.op and is_scalar_constant(e.inputs[0]):
            stack.append(e.inputs[1])
        if not stack:
            return False
    return False


def is_logarithm(e: Expr) -> bool:
    return e.op is log.op or (e.op is subtract.op and e.inputs[0].op is log.op)


def _make_divergence(rng: np.random.Generator) -> tuple[object, ...]:
    x, y = softplus(make_input("x")), softplus(make_input("y"))
    return x * log(x / y) - x, y


@rule("stabilize", examples=_make_divergence)
def sum_of_cancelling_terms(x: Expr, y: Expr) -> RulePair:
    return x + y, lambda x, y: complete_sum(x + y) if has_candidate(x) or has_candidate(y) else None


def _make_exponential(rng: np.random.Generator) -> tuple[object, ...]:
    x = make_input()
    return expm1(x), x


@rule("stabilize", examples=_make_exponential)
def difference_of_cancelling_terms(x: Expr, y: Expr) -> RulePair:
    return x - y, lambda x, y: complete_sum(x - y) if has_candidate(x) or has_candidate(y) else None
