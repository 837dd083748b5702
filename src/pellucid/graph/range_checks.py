"""Checks that operands stay where an op is finite: overflow of exponentials and powers, logarithms and division of 0.

The checks use intervals (`pellucid.graph.value_ranges`) on the graph that a program computes, after simplification.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.graph.errors import UseError
from pellucid.graph.expr import Expr
from pellucid.graph.finding import Finding, Findings, format_expression
from pellucid.graph.interval import Interval
from pellucid.graph.naming import LabelStripper
from pellucid.graph.passes import remove_markers
from pellucid.graph.range_rules import count_reduced
from pellucid.graph.rewriter import simplify_stripped
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.types import is_float
from pellucid.graph.value_ranges import Ranges, get_largest, infer_ranges, resolve_ranges

REACHABLE = 1e4
"""Limits above this are reported only for operands with known bounds: no network works with such numbers."""


@dataclass(frozen=True)
class Hazard:
    """A way in which an op fails.

    Attributes
    ----------
    name : str
        Name of the finding.
    operand : int
        Position of the operand that must stay in ``safe``.
    safe : Interval
        Operands for which the op is finite, and has a finite gradient.
    limit, effect, fix : str
        Where the op fails, what follows, and how to prevent it.
    """

    name: str
    operand: int
    safe: Interval
    limit: str
    effect: str
    fix: str


INFINITE = "The result is infinite, and differences and gradients of it are NaN."
UNDEFINED = "The result is infinite or NaN, and so are the loss and its gradients."

STABLE_EXP = (
    "Use the stable function for the whole formula, such as pel.logsumexp, pel.softmax, pel.sigmoid, pel.softplus or "
    "pel.expm1, and from_logits=True in a cross-entropy. Or bound the operand with pel.clip."
)
STABLE_LOG = (
    "Use the stable function for the whole formula, such as pel.log_softmax, pel.logsumexp, pel.log1p or pel.xlogy, "
    "and from_logits=True in a cross-entropy. Or bound the operand: pel.maximum(x, 1e-7)."
)
SAFE_ROOT = "Add a small number under the root, or use pel.norm, whose gradient is 0 at 0."
SAFE_DIVISION = "Add a small number to the divisor, or use pel.divide_no_nan, which gives 0."
LOG_OF_PRODUCT = "Sum logarithms, pel.log(x).sum(), and take the exponential at the end, or not at all."
CLIP = "Bound the operand with pel.clip."

TINY = math.ulp(0)
BELOW_ONE = math.nextafter(1, 0)


class RangeFindings(Findings):
    """Findings of `check_ranges`, and what simplification repaired.

    Attributes
    ----------
    repaired : Findings
        Findings about the formulas as they are written that do not apply to the simplified graph.
    """

    def __init__(self, found: Sequence[Finding], repaired: Sequence[Finding]) -> None:
        super().__init__(found)
        self.repaired: Findings = Findings(repaired)

    @property
    def no_findings_text(self) -> str:
        """The text that is printed if there are no findings."""
        if not self.repaired:
            return "No problems found."
        names = ", ".join(dict.fromkeys(f"{f.where_text}" for f in self.repaired))
        return f"No problems found. Simplification repaired: {names}."


def check_ranges(what: Any, ranges: Ranges | None = None) -> RangeFindings:
    """Report ops that may overflow, divide by 0 or take the logarithm of 0, before anything is computed.

    Intervals are inferred for all expressions; see `infer_range`. Inputs and parameters are unbounded, so
    ``exp(a @ b)`` is reported, and ``exp(-relu(a))`` is not. Expressions are simplified first: what rewriting repairs,
    such as ``log(exp(x).sum())``, is not reported, but listed in ``repaired``. Cancellation is not checked.

    Parameters
    ----------
    what : Expr, sequence of Expr or Function
        Expressions, such as a loss, its gradients or updates. For a function, its outputs.
    ranges : mapping from Expr or name to (low, high), optional
        Intervals of inputs, by input or name, and of shared variables.

    Returns
    -------
    Findings
        Sequence of findings, empty if there are none. Each names the op, the limit for its dtype, the interval of the
        operand, the line that wrote the expression, and the remedy.

    Raises
    ------
    UseError
        If ``what`` is neither expressions nor a function with outputs.
    InputError, OptionError
        If ``ranges`` is invalid; see `infer_range`.

    Examples
    --------
    >>> a, b = pel.matrix("a"), pel.matrix("b")
    >>> print(pel.check_ranges(pel.exp(a @ b))[0].what)
    exp overflows in float32 for x > 88.72. Here x = a @ b is unbounded.
    >>> pel.check_ranges(pel.exp(a), ranges={"a": (0, 1)})
    No problems found.
    >>> len(pel.check_ranges(pel.log(pel.exp(a).sum())))
    0
    """
    stripper = LabelStripper(remove_markers(get_expressions(what)))
    known = resolve_ranges(stripper.outputs, ranges or {})
    found = find_hazards(simplify_stripped(stripper)[0], known)
    remaining = {(f.name, f.location) for f in found}
    written = find_hazards(stripper.outputs, known)
    return RangeFindings(found, [f for f in written if (f.name, f.location) not in remaining])


def get_expressions(what: Any) -> list[Expr]:
    if isinstance(what, Expr):
        return [what]
    if hasattr(what, "program") and what.program.original_outputs:
        return list(what.program.original_outputs)
    if isinstance(what, (list, tuple)) and what and all(isinstance(e, Expr) for e in what):
        return list(what)
    raise UseError(
        f"check_ranges expects expressions, or a function with outputs. Received: {what!r}. For a model, use "
        "pel.lint(model, ranges={})"
    )


def find_hazards(outputs: Sequence[Expr], known: Mapping[Expr, Interval]) -> list[Finding]:
    """Return a finding for each op whose operands may leave the range in which it is finite, also in subgraphs."""
    intervals = infer_ranges(outputs, known)
    found: list[Finding] = []
    for node in intervals:
        if node.op is None:
            continue
        for setting in node.settings.values():
            if isinstance(setting, Subgraph):
                found += find_hazards(setting.outputs, {})
        for hazard in get_hazards(node, intervals):
            operand = intervals[node.inputs[hazard.operand]]
            if leaves(operand, hazard.safe):
                found.append(describe(node, hazard, operand))
    return found


def leaves(operand: Interval, safe: Interval) -> bool:
    """Tell whether an operand may leave the safe interval by a bound that it reaches."""

    def crosses(bound: float, limit: float) -> bool:
        return bound > limit and (limit <= REACHABLE or bound < math.inf)

    return crosses(operand.high, safe.high) or crosses(-operand.low, -safe.low)


def describe(node: Expr, hazard: Hazard, interval: Interval) -> Finding:
    x = node.inputs[hazard.operand]
    low, high = interval.low, interval.high
    described, extent = format_expression(x), "unbounded"
    if interval.is_bounded:
        extent = f"in [{low:.4g}, {high:.4g}]"
    elif math.isfinite(low) or math.isfinite(high):
        extent = f"at least {low:.4g}" if math.isfinite(low) else f"at most {high:.4g}"
    return Finding(
        hazard.name,
        node,
        f"{hazard.limit}. Here {'x' if described == 'x' else f'x = {described}'} is {extent}.",
        hazard.effect,
        hazard.fix,
    )


def get_hazards(node: Expr, intervals: Mapping[Expr, Interval]) -> Iterator[Hazard]:
    """Yield the hazards of an expression, with the limits for its dtype."""
    assert node.op is not None
    if not is_float(node.dtype):
        return
    largest, name = get_largest(node.dtype), node.op.name
    if name in DOMAINS:
        yield DOMAINS[name]
    elif name in LIMITS:
        low, high, fix = LIMITS[name](largest)
        yield make_overflow(node, low, high, fix)
    elif name in ("prod", "cumprod"):
        count = count_reduced(node) if name == "prod" else None
        limit = largest ** (1 / count) if count is not None else 1.0
        yield make_overflow(node, -limit, limit, LOG_OF_PRODUCT)
    elif name in DIVISIONS:
        yield from get_division_hazards(1, intervals[node.inputs[1]], "The divisor x must not be 0")
    elif name == "power":
        yield from get_power_hazards(node, largest, *(intervals[i] for i in node.inputs))


def get_power_hazards(node: Expr, largest: float, base: Interval, exponent: Interval) -> Iterator[Hazard]:
    """Yield the hazards of a power with a constant exponent, or with a constant base above 1."""
    p = exponent.low
    if exponent.low == exponent.high and p > 0:
        limit = largest ** (1 / p)
        yield make_overflow(node, -limit, limit, CLIP)
        if not p.is_integer():
            # Below 1 the gradient is infinite at 0, as that of a root.
            at_zero = ", and its gradient is infinite at 0" * (p < 1)
            limit_text = f"x ** {p:g} is NaN for x < 0{at_zero}"
            yield Hazard(
                "power of a negative value", 0, Interval(TINY * (p < 1), math.inf), limit_text, UNDEFINED, CLIP
            )
    elif exponent.low == exponent.high and p < 0:
        yield from get_division_hazards(0, base, f"x ** {p:g} divides by x, which must not be 0")
    elif base.low == base.high and base.low > 1:
        limit = math.log(largest) / math.log(base.low)
        limit_text = f"{base.low:g} ** x overflows in {node.dtype} for x > {limit:.4g}"
        yield Hazard("power may overflow", 1, Interval(-math.inf, limit), limit_text, INFINITE, CLIP)


def get_division_hazards(position: int, divisor: Interval, limit: str) -> Iterator[Hazard]:
    """Yield the hazard of a division if 0 is between the bounds of the divisor."""
    if divisor.contains(0):
        safe = Interval(TINY, math.inf) if divisor.high > 0 else Interval(-math.inf, -TINY)
        yield Hazard("division by 0", position, safe, limit, UNDEFINED, SAFE_DIVISION)


def make_overflow(node: Expr, low: float, high: float, fix: str) -> Hazard:
    assert node.op is not None
    sides = [f"x < {low:.4g}"] * math.isfinite(low) + [f"x > {high:.4g}"] * math.isfinite(high)
    limit = f"{node.op.name} overflows in {node.dtype} for {' or '.join(sides)}"
    return Hazard(f"{node.op.name} may overflow", 0, Interval(low, high), limit, INFINITE, fix)


def make_domain(low: float, high: float, limit: str, fix: str, operand: int = 0) -> Hazard:
    return Hazard(f"{limit.split()[0]} outside of its domain", operand, Interval(low, high), limit, UNDEFINED, fix)


LOGARITHMS = ("log", "log2", "log10")
DIVISIONS = ("true_divide", "floor_divide", "remainder", "fmod")

LIMITS: dict[str, Callable[[float], tuple[float, float, str]]] = {
    "exp": lambda largest: (-math.inf, math.log(largest), STABLE_EXP),
    "expm1": lambda largest: (-math.inf, math.log(largest), STABLE_EXP),
    "exprel": lambda largest: (-math.inf, math.log(largest), STABLE_EXP),
    "exp2": lambda largest: (-math.inf, math.log2(largest), STABLE_EXP),
    "sinh": lambda largest: (-math.log(largest) - math.log(2), math.log(largest) + math.log(2), STABLE_EXP),
    "cosh": lambda largest: (-math.log(largest) - math.log(2), math.log(largest) + math.log(2), STABLE_EXP),
    "erfcx": lambda largest: (-math.sqrt(math.log(largest / 2)), math.inf, "Use pel.log_ndtr, or pel.erfc."),
    "square": lambda largest: (-math.sqrt(largest), math.sqrt(largest), CLIP),
}
"""Bounds of the operand of an op that overflows, from the largest number of the dtype, and the fix."""

DOMAINS: dict[str, Hazard] = {
    **{name: make_domain(TINY, math.inf, f"{name} is -inf at 0 and NaN below", STABLE_LOG) for name in LOGARITHMS},
    "log1p": make_domain(-BELOW_ONE, math.inf, "log1p is -inf at -1 and NaN below", STABLE_LOG),
    "xlogy": make_domain(TINY, math.inf, "xlogy is infinite for a second operand of 0 and NaN below", STABLE_LOG, 1),
    "xlog1py": make_domain(
        -BELOW_ONE, math.inf, "xlog1py is infinite for a second operand of -1 and NaN below", STABLE_LOG, 1
    ),
    "logit": make_domain(TINY, BELOW_ONE, "logit is infinite at 0 and 1 and NaN beyond", STABLE_LOG),
    "sqrt": make_domain(TINY, math.inf, "sqrt is NaN below 0, and its gradient is infinite at 0", SAFE_ROOT),
    "arcsin": make_domain(-1, 1, "arcsin is NaN outside of [-1, 1]", CLIP),
    "arccos": make_domain(-1, 1, "arccos is NaN outside of [-1, 1]", CLIP),
    "arccosh": make_domain(1, math.inf, "arccosh is NaN below 1", CLIP),
    "arctanh": make_domain(-BELOW_ONE, BELOW_ONE, "arctanh is infinite at -1 and 1 and NaN beyond", CLIP),
    "erfinv": make_domain(-BELOW_ONE, BELOW_ONE, "erfinv is infinite at -1 and 1 and NaN beyond", CLIP),
    "ndtri": make_domain(TINY, BELOW_ONE, "ndtri is infinite at 0 and 1 and NaN beyond", CLIP),
}
"""Operands for which the value and the gradient of an op are finite."""
