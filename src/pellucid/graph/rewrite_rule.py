"""Rewrite rules: pairs of ordinary expressions, a pattern and what takes its place.

Where the new form depends on settings or shapes, a rule is a pattern and a function of what it matched. A rule never
changes a shape or a dtype.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.graph.expr import Constant, Expr, as_expr
from pellucid.graph.op_def import Op
from pellucid.graph.operators import call_op
from pellucid.graph.pattern import Pattern, make_hole
from pellucid.graph.printing import text
from pellucid.graph.types import covers

Bindings = dict[str, Any]

RULES: dict[str, Rule] = {}
"""Every rule by its name, in the order in which they are tried."""

LITERALS: set[Any] = set()
"""The numbers that patterns look for as operands."""

NUMBER = object()
"""What a pattern sees of a number that no pattern looks for."""


@dataclass(frozen=True, eq=False)
class Rule:
    """What is rewritten into what, in which family, and what that takes for granted.

    Attributes
    ----------
    name, family : str
        The rule's name and the phase it belongs to (``"algebra"``, ``"stabilize"``, ...).
    pattern : Pattern
        What it looks for.
    replacement : Pattern, number or function
        What takes its place. A function gets what the holes matched, by name, and returns an expression, or None
        where the rule does not apply after all.
    when : str
        The assumption under which both sides are equal; empty where they always are.
    examples : function or None
        ``examples(rng)`` returns values for the holes at which the generated test compares both sides.
    holes : tuple of str
        The holes' names, in the order of the examples.
    """

    name: str
    family: str
    pattern: Pattern
    replacement: Any
    when: str = ""
    examples: Any = None
    holes: tuple[str, ...] = ()

    @property
    def op(self) -> Op:
        """The op at the pattern's root."""
        assert self.pattern.op is not None
        return self.pattern.op

    def apply(self, node: Expr) -> Expr | None:
        """Return what takes the place of an expression, or None where the rule does not apply."""
        kinds, alike = operand_signature(node)
        return self.try_rewrite(node) if self.promising(kinds, alike) else None

    def try_rewrite(self, node: Expr) -> Expr | None:
        """Apply the rule to an expression whose operands look promising."""
        for bindings in iterate_matches(self.pattern, node, {}):
            new = self.replace(bindings)
            if new is None or new is node or not covers(new.shape, node.shape):
                continue
            return new if new.dtype == node.dtype else call_op("cast", new, dtype=node.dtype)
        return None

    def promising(self, kinds: Sequence[Any], alike: bool) -> bool:
        """Tell whether an expression may fit, from the kinds of its operands and whether two of them are the same."""
        operands = self.pattern.operands
        if self.has_repeated_hole and not alike:
            return False
        if len(operands) != len(kinds):
            return False
        if all(map(may_match_kind, operands, kinds)):
            return True
        return self.op.commutative and all(map(may_match_kind, operands, kinds[::-1]))

    @functools.cached_property
    def has_repeated_hole(self) -> bool:
        """Whether the pattern is an op on the same hole twice."""
        names = [o.name for o in self.pattern.operands if isinstance(o, Pattern) and o.op is None]
        return len(names) != len(set(names))

    @functools.cached_property
    def arguments(self) -> tuple[str, ...]:
        """The holes that a replacement function asks for."""
        return tuple(inspect.signature(self.replacement).parameters)

    def replace(self, bindings: Bindings) -> Expr | None:
        """Write the replacement with what the holes matched."""
        if callable(self.replacement):
            found = self.replacement(**{name: bindings[name] for name in self.arguments})
            return None if found is None else as_expr(found)
        if isinstance(self.replacement, Pattern):
            return as_expr(fill_holes(self.replacement, bindings))
        return as_expr(self.replacement)

    def __str__(self) -> str:
        right = (
            "…"
            if callable(self.replacement)
            else text(self.replacement)
            if isinstance(self.replacement, Pattern)
            else str(self.replacement)
        )
        return f"{text(self.pattern)}  →  {right}" + (f"   (when {self.when})" if self.when else "")


# An op on constants is computed once and for all: the rewriter does it itself, under this name.
FOLD = Rule("fold_constants", "fold", make_hole("x"), lambda x: None)
RULES[FOLD.name] = FOLD


def rule(family: str, *, when: str = "", examples: Any = None) -> Callable[[Callable[..., tuple[Any, Any]]], Rule]:
    """Make a rule of a function that returns its pattern and its replacement.

    Parameters
    ----------
    family : str
        The phase it belongs to.
    when : str
        The assumption it makes, shown in the journal.
    examples : function, optional
        ``examples(rng)`` returns a tuple of values for the holes, for the generated test; without it the holes are
        matrices of positive numbers. A Python number becomes a constant, and an expression stands as it is.

    Returns
    -------
    Rule
        Entered into the registry under the function's name. A parameter annotated ``Number`` is a hole that only
        constants without axes fit.

    Examples
    --------
    >>> from pellucid.graph.rules.stability import log_sigmoid
    >>> print(log_sigmoid)
    log(sigmoid(x))  →  -softplus(-x)
    """

    def make(function: Callable[..., tuple[Any, Any]]) -> Rule:
        parameters = inspect.signature(function).parameters
        names = tuple(parameters)
        # Annotations are texts here, because the files of rules postpone them.
        pattern, replacement = function(**{n: make_hole(n, p.annotation == "Number") for n, p in parameters.items()})
        if function.__name__ in RULES:
            raise ValueError(f"There is a rule named {function.__name__!r} already")
        made = Rule(function.__name__, family, pattern, replacement, when, examples, names)
        RULES[made.name] = made
        LITERALS.update(o for o in pattern.operands if not isinstance(o, Pattern))
        return made

    return make


def operand_signature(node: Expr) -> tuple[list[Any], bool]:
    """Return what patterns see of an expression's operands at a glance, and whether two of them are the same."""
    inputs = node.inputs
    return [operand_kind(i) for i in inputs], len(inputs) > 1 and len(set(inputs)) < len(inputs)


def operand_kind(operand: Expr) -> Any:
    """Return what a pattern sees of an operand at a glance: its op, that it is a number and which, or None."""
    if not is_scalar_constant(operand):
        return operand.op
    number = operand.value.item()  # type: ignore[attr-defined]
    return number if number in LITERALS else NUMBER


def is_scalar_constant(e: Any) -> bool:
    """Tell whether an expression is a constant without axes."""
    return isinstance(e, Constant) and e.value.ndim == 0


def may_match_kind(part: Any, seen: Any) -> bool:
    """Tell whether the root of a part of a pattern fits an operand of this kind."""
    if not isinstance(part, Pattern):
        return bool(part == seen)
    if part.op is not None:
        return part.op is seen
    return not part.number or not (seen is None or isinstance(seen, Op))


def may_match_operand(part: Any, operand: Expr) -> bool:
    """Tell whether the root of a part of a pattern fits an operand."""
    if isinstance(part, Pattern):
        return part.op is operand.op if part.op is not None else not part.number or is_scalar_constant(operand)
    return is_scalar_constant(operand)


def iterate_matches(pattern: Any, node: Any, bindings: Bindings) -> Iterable[Bindings]:
    """Yield every way in which an expression fits a pattern, with what the holes stand for."""
    if not isinstance(pattern, Pattern):
        if isinstance(node, Constant) and node.value.ndim == 0 and node.value[()] == pattern:
            yield bindings
    elif pattern.op is None:
        yield from match_hole(pattern, node, bindings)
    elif node.op is pattern.op and len(node.inputs) == len(pattern.operands):
        yield from match_op(pattern, node, bindings)


def match_hole(hole: Pattern, node: Any, bindings: Bindings) -> Iterable[Bindings]:
    """Let a hole stand for an expression, if it does not stand for another one already."""
    assert hole.name is not None
    bound = bindings.get(hole.name)
    if bound is node:
        yield bindings
    elif bound is None and (not hole.number or is_scalar_constant(node)):
        yield {**bindings, hole.name: node}


def match_op(pattern: Pattern, node: Any, bindings: Bindings) -> Iterable[Bindings]:
    """Match the settings of an op, and its operands, in either order where that makes no difference."""
    bound_settings = match_settings(pattern.settings, node.settings, bindings)
    if bound_settings is None:
        return
    orders = [node.inputs, node.inputs[::-1]] if node.op.commutative else [node.inputs]
    for inputs in orders:
        if not all(map(may_match_operand, pattern.operands, inputs)):
            continue
        found: Iterable[Bindings] = [bound_settings]
        for part, operand in zip(pattern.operands, inputs, strict=True):
            found = [after for before in found for after in iterate_matches(part, operand, before)]
        yield from found


def match_settings(wanted: dict[str, Any], actual: dict[str, Any], bindings: Bindings) -> Bindings | None:
    """Hold the settings a pattern names against an expression's; a hole takes any."""
    result = dict(bindings)
    for key, value in wanted.items():
        if not isinstance(value, Pattern):
            if actual[key] != value:
                return None
        elif value.name in result:
            if result[value.name] != actual[key]:
                return None
        else:
            assert value.name is not None
            result[value.name] = actual[key]
    return result


def fill_holes(pattern: Any, bindings: Bindings) -> Any:
    """Write a pattern out with what its holes stand for."""
    if not isinstance(pattern, Pattern):
        return pattern
    if pattern.op is None:
        assert pattern.name is not None
        return bindings[pattern.name]
    settings = {key: fill_holes(value, bindings) for key, value in pattern.settings.items()}
    return pattern.op(*[fill_holes(o, bindings) for o in pattern.operands], **settings)
