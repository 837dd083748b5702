"""Rewrite rules and their phases. A rule has a pattern, and a replacement as an expression of the same holes.

A replacement that depends on settings or shapes is a function of the matched expressions. A rule never changes a shape
or a dtype.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeGuard, cast

import numpy as np

from pellucid.graph.errors import OptionError, near_miss
from pellucid.graph.expr import Constant, Expr, Operand, OpSettings, as_expr
from pellucid.graph.op import Function, Op
from pellucid.graph.operators import call_op
from pellucid.graph.pattern import Pattern, PatternPart, make_hole
from pellucid.graph.types import covers

Bindings = dict[str, Any]
"""What the holes of a pattern matched: expressions, and settings of ops."""

Replacement: TypeAlias = "Operand | Pattern | Callable[..., Operand | None]"
"""Replacement of a rule, or a function of the matched expressions and settings that returns it."""

RulePair: TypeAlias = tuple[Expr | Pattern, Replacement]
"""What a rule returns: pattern and replacement, written as expressions of the holes."""

HoleValues: TypeAlias = "Operand | tuple[object, ...]"
"""Value of the hole in a generated test, or a tuple of values: arrays, numbers, expressions and settings."""

RuleExamples: TypeAlias = Callable[[np.random.Generator], HoleValues]

RULES: dict[str, Rule] = {}
"""All rules by name, in the order in which they are tried."""

LITERALS: set[complex] = set()
"""Numbers that occur as operands of patterns."""

NUMBER = object()
"""Kind of all other numbers."""


@dataclass(frozen=True, eq=False)
class Rule:
    """Rewrite rule.

    Attributes
    ----------
    name, family : str
        Name of the rule, and the phase it belongs to (``"algebra"``, ``"stabilize"``, ...).
    pattern : Pattern
        The pattern.
    replacement : Pattern, number or function
        The replacement. A function takes the matched expressions by hole, and returns an expression, or None if the
        rule does not apply.
    when : str
        Assumption under which both sides are equal; empty if they always are.
    examples : function or None
        ``examples(rng)`` returns values of the holes, at which the generated test compares both sides.
    holes : tuple of str
        Names of the holes, in the order of the examples.
    """

    name: str
    family: str
    pattern: Pattern
    replacement: Replacement
    when: str = ""
    examples: RuleExamples | None = None
    holes: tuple[str, ...] = ()

    @property
    def op(self) -> Op:
        """The op at the root of the pattern."""
        assert self.pattern.op is not None
        return self.pattern.op

    def apply(self, node: Expr) -> Expr | None:
        """Return the replacement of an expression, or None if the rule does not match."""
        kinds, has_repeats = get_operand_signature(node)
        return self.try_rewrite(node) if self.may_match(kinds, has_repeats) else None

    def try_rewrite(self, node: Expr) -> Expr | None:
        """Apply the rule to an expression with a signature that may match."""
        for bindings in iterate_matches(self.pattern, node, {}):
            new = self.build_replacement(bindings)
            if new is None or new is node or not covers(new.shape, node.shape):
                continue
            return new if new.dtype == node.dtype else call_op("cast", new, dtype=node.dtype)
        return None

    def may_match(self, kinds: Sequence[object], has_repeats: bool) -> bool:
        """Tell whether an expression may match, given the signature of its operands."""
        operands = self.pattern.operands
        if len(operands) != len(kinds) or (self.has_repeated_hole and not has_repeats):
            return False
        orders = [kinds, kinds[::-1]] if self.op.commutative else [kinds]
        return any(all(map(may_match_kind, operands, order)) for order in orders)

    @functools.cached_property
    def has_repeated_hole(self) -> bool:
        names = [o.name for o in self.pattern.operands if isinstance(o, Pattern) and o.op is None]
        return len(names) != len(set(names))

    @functools.cached_property
    def arguments(self) -> tuple[str, ...]:
        """The holes that a replacement function takes."""
        return tuple(inspect.signature(cast(Function, self.replacement)).parameters)

    def build_replacement(self, bindings: Bindings) -> Expr | None:
        if not callable(self.replacement):
            return as_expr(fill_holes(self.replacement, bindings))
        found = self.replacement(**{name: bindings[name] for name in self.arguments})
        return None if found is None else as_expr(found)

    def __str__(self) -> str:
        right = "…" if callable(self.replacement) else str(self.replacement)
        return f"{self.pattern}  →  {right}" + (f"   (when {self.when})" if self.when else "")


# The rewriter folds constants itself; the journal lists it under this rule.
FOLD = Rule("fold_constants", "fold", make_hole("x"), lambda x: None)
RULES[FOLD.name] = FOLD


def rule(
    family: str, *, when: str = "", examples: RuleExamples | None = None
) -> Callable[[Callable[..., RulePair]], Rule]:
    """Define a rule by a function that returns its pattern and its replacement.

    The parameters of the function are the holes. A parameter annotated ``Number`` matches only scalar constants.

    Parameters
    ----------
    family : str
        The phase it belongs to.
    when : str
        Assumption of the rule, which the journal shows.
    examples : function, optional
        ``examples(rng)`` returns a tuple of values of the holes for the generated test, by default matrices of positive
        numbers. Python numbers become constants; expressions are used unchanged.

    Returns
    -------
    Rule
        Registered under the name of the function.

    Examples
    --------
    >>> from pellucid.graph.rules.stability import log_sigmoid
    >>> print(log_sigmoid)
    log(sigmoid(x))  →  -softplus(-x)
    """

    def make(function: Callable[..., RulePair]) -> Rule:
        parameters = inspect.signature(function).parameters
        names = tuple(parameters)
        # Annotations are strings, because the modules of rules import `annotations` from `__future__`.
        pair = function(**{n: make_hole(n, p.annotation == "Number") for n, p in parameters.items()})
        pattern, replacement = cast(Pattern, pair[0]), pair[1]  # operators on holes make patterns
        if function.__name__ in RULES:
            raise ValueError(f"A rule named {function.__name__!r} exists already")
        made = Rule(function.__name__, family, pattern, replacement, when, examples, names)
        RULES[made.name] = made
        LITERALS.update(o for o in pattern.operands if not isinstance(o, (Pattern, Expr)))
        return made

    return make


def get_operand_signature(node: Expr) -> tuple[list[object], bool]:
    """Return the kinds of the operands, and whether an operand is repeated: a quick test before matching."""
    inputs = node.inputs
    return [get_operand_kind(i) for i in inputs], len(inputs) > 1 and len(set(inputs)) < len(inputs)


def get_operand_kind(operand: Expr) -> object:
    """Return the op of an operand, or which number it is, or None for other leaves."""
    if not is_scalar_constant(operand):
        return operand.op
    number = operand.value.item()
    return number if number in LITERALS else NUMBER


def is_scalar_constant(e: object) -> TypeGuard[Constant]:
    return isinstance(e, Constant) and e.value.ndim == 0


def may_match_kind(part: PatternPart, kind: object) -> bool:
    """Tell whether the root of a subpattern matches an operand of this kind."""
    if not isinstance(part, Pattern):
        return bool(part == kind)
    if part.op is not None:
        return part.op is kind
    return not part.number or not (kind is None or isinstance(kind, Op))


def may_match_operand(part: PatternPart, operand: Expr) -> bool:
    """Tell whether the root of a subpattern matches an operand."""
    if isinstance(part, Pattern):
        return part.op is operand.op if part.op is not None else not part.number or is_scalar_constant(operand)
    return is_scalar_constant(operand)


def iterate_matches(pattern: PatternPart, node: Expr, bindings: Bindings) -> Iterable[Bindings]:
    """Yield the bindings of holes of every match."""
    if not isinstance(pattern, Pattern):
        if is_scalar_constant(node) and node.value[()] == pattern:
            yield bindings
    elif pattern.op is None:
        yield from match_hole(pattern, node, bindings)
    elif node.op is pattern.op and len(node.inputs) == len(pattern.operands):
        yield from match_op(pattern, node, bindings)


def match_hole(hole: Pattern, node: Expr, bindings: Bindings) -> Iterable[Bindings]:
    assert hole.name is not None
    bound = bindings.get(hole.name)
    if bound is node:
        yield bindings
    elif bound is None and (not hole.number or is_scalar_constant(node)):
        yield {**bindings, hole.name: node}


def match_op(pattern: Pattern, node: Expr, bindings: Bindings) -> Iterable[Bindings]:
    """Match settings and operands, in both orders for a commutative op."""
    bound_settings = match_settings(pattern.settings, node.settings, bindings)
    if bound_settings is None:
        return
    assert pattern.op is not None
    orders = [node.inputs, node.inputs[::-1]] if pattern.op.commutative else [node.inputs]
    for inputs in orders:
        if not all(map(may_match_operand, pattern.operands, inputs)):
            continue
        found: Iterable[Bindings] = [bound_settings]
        for part, operand in zip(pattern.operands, inputs, strict=True):
            found = [after for before in found for after in iterate_matches(part, operand, before)]
        yield from found


def match_settings(wanted: OpSettings, actual: OpSettings, bindings: Bindings) -> Bindings | None:
    result = dict(bindings)
    for key, value in wanted.items():
        if isinstance(value, Pattern):
            assert value.name is not None
            value = result.setdefault(value.name, actual[key])
        if value is not actual[key] and value != actual[key]:  # a NaN matches itself
            return None
    return result


def fill_holes(pattern: Any, bindings: Bindings) -> Any:
    """Build the expression of a pattern with bound holes."""
    if not isinstance(pattern, Pattern):
        return pattern
    if pattern.op is None:
        assert pattern.name is not None
        return bindings[pattern.name]
    settings = {key: fill_holes(value, bindings) for key, value in pattern.settings.items()}
    return pattern.op(*[fill_holes(o, bindings) for o in pattern.operands], **settings)


PHASES = {
    "fold": "constant folding",
    "canonical": "canonical order of operands: numbers first and together",
    "algebra": "laws of arithmetic that give shorter forms",
    "shapes": "reshapes and transposes that cancel, and known sizes",
    "reductions": "sums of sums, and factors moved out of sums",
    "pooling": "monotonic ops after max pooling, on fewer elements",
    "matrices": "identities of products, transposes, inverses and determinants",
    "stabilize": "forms without overflow and cancellation, in value and gradient",
}
"""Descriptions of the phases."""


class Phases(dict[str, tuple[Rule, ...]]):
    """Rules by phase. Prints as a table of contents."""

    def __str__(self) -> str:
        return "\n".join(f"{name:<10} {len(rules):>4} rules: {PHASES.get(name, '')}" for name, rules in self.items())

    __repr__ = __str__


def phases() -> Phases:
    r"""Return the rules of every phase of simplification.

    All phases are applied together, bottom-up. `simplify` can leave any of them out.

    Returns
    -------
    dict of str to tuple of Rule
        By phase, in the order in which rules are tried. Prints one line per phase.

    Examples
    --------
    >>> list(pel.phases())
    ['fold', 'canonical', 'algebra', 'shapes', 'reductions', 'pooling', 'matrices', 'stabilize']
    >>> print(pel.phases()["algebra"][0])
    x + 0  →  x
    """
    found: dict[str, list[Rule]] = {name: [] for name in PHASES}
    for rule in RULES.values():
        found.setdefault(rule.family, []).append(rule)
    return Phases({name: tuple(rules) for name, rules in found.items() if rules})


def select_rules(families: Iterable[str] | None = None, without: Iterable[str] = ()) -> list[Rule]:
    """Return the rules of some phases, or of all but some, in the order in which they are tried."""
    if families is None and without == ():
        return list(RULES.values())
    known = phases()
    wanted = set(known) if families is None else check_phase_names(families, known)
    unwanted = check_phase_names(without, known)
    return [rule for rule in RULES.values() if rule.family in wanted and rule.family not in unwanted]


def check_phase_names(names: Iterable[str], known: Iterable[str]) -> set[str]:
    wanted = {names} if isinstance(names, str) else set(names)
    unknown = sorted(wanted - set(known))
    if unknown:
        hint = near_miss(unknown[0], known)
        raise OptionError(f"Expected families of rules among {sorted(known)}. Received: {unknown}.{hint}")
    return wanted
