"""The rewriter: rules applied from the leaves up until none fires, every step written in a journal.

A rule is a pair of ordinary expressions, a pattern and what takes its place; or, where the new form depends on
settings or shapes, a pattern and a function of what it matched. A rule never changes a shape or a dtype.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.graph.errors import RewriteError
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Constant, Expr, agree, as_expr, constant
from pellucid.graph.op import Body, Op
from pellucid.graph.operators import call
from pellucid.graph.pattern import Pattern, hole
from pellucid.graph.text import text
from pellucid.graph.walk import rebuild

Bindings = dict[str, Any]

RULES: dict[str, Rule] = {}
"""Every rule by its name, in the order in which they are tried."""

MOST_REWRITES_OF_ONE = 200
"""How often one expression may be rewritten before the rules are said not to settle."""


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
    doc: str = ""
    holes: tuple[str, ...] = ()

    @property
    def op(self) -> Op:
        """The op at the pattern's root."""
        assert self.pattern.op is not None
        return self.pattern.op

    def apply(self, node: Expr) -> Expr | None:
        """Return what takes the place of an expression, or None where the rule does not apply."""
        if not self.promising(node):
            return None
        for bindings in matches(self.pattern, node, {}):
            new = self.replace(bindings)
            if new is None or new is node or not agree(new.shape, node.shape):
                continue
            return new if new.dtype == node.dtype else call("cast", new, dtype=node.dtype)
        return None

    def promising(self, node: Expr) -> bool:
        """Tell at a glance whether an expression may fit, which nearly none does."""
        operands = self.pattern.operands
        if len(operands) != len(node.inputs):
            return False
        if all(map(may_fit, operands, node.inputs)):
            return True
        return self.op.commutative and all(map(may_fit, operands, node.inputs[::-1]))

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


FOLD = Rule("fold_constants", "fold", hole("x"), lambda x: None, doc="An op on constants is computed once and for all.")
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
        Entered into the registry under the function's name.

    Examples
    --------
    >>> from pellucid.graph.rules.stabilize import log_sigmoid
    >>> print(log_sigmoid)
    log(sigmoid(x))  →  -softplus(-x)
    """

    def make(function: Callable[..., tuple[Any, Any]]) -> Rule:
        names = inspect.signature(function).parameters
        pattern, replacement = function(**{name: hole(name) for name in names})
        if function.__name__ in RULES:
            raise ValueError(f"There is a rule named {function.__name__!r} already")
        made = Rule(
            function.__name__, family, pattern, replacement, when, examples, function.__doc__ or "", tuple(names)
        )
        RULES[made.name] = made
        return made

    return make


def may_fit(part: Any, operand: Expr) -> bool:
    """Tell whether the root of a part of a pattern fits an operand."""
    if isinstance(part, Pattern):
        return part.op is None or part.op is operand.op
    return isinstance(operand, Constant)


def matches(pattern: Any, node: Any, bindings: Bindings) -> Iterable[Bindings]:
    """Yield every way in which an expression fits a pattern, with what the holes stand for."""
    if isinstance(pattern, Pattern) and pattern.op is None:
        assert pattern.name is not None
        bound = bindings.get(pattern.name)
        if bound is None:
            yield {**bindings, pattern.name: node}
        elif bound is node:
            yield bindings
        return
    if not isinstance(pattern, Pattern):
        if isinstance(node, Constant) and node.value.ndim == 0 and node.value[()] == pattern:
            yield bindings
        return
    if node.op is not pattern.op or len(node.inputs) != len(pattern.operands):
        return
    bound_settings = match_settings(pattern.settings, node.settings, bindings)
    if bound_settings is None:
        return
    orders = [node.inputs, node.inputs[::-1]] if pattern.op is not None and pattern.op.commutative else [node.inputs]
    for inputs in orders:
        found: Iterable[Bindings] = [bound_settings]
        for part, operand in zip(pattern.operands, inputs, strict=True):
            found = [after for before in found for after in matches(part, operand, before)]
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


@dataclass(frozen=True)
class Step:
    """One rewrite: which rule, what it found, what it put there."""

    rule: Rule
    before: Expr
    after: Expr

    def __str__(self) -> str:
        when = f"   (when {self.rule.when})" if self.rule.when else ""
        return f"{self.rule.family}/{self.rule.name}: {text(self.before, 60)}  →  {text(self.after, 60)}{when}"


@dataclass
class Journal:
    """What the rewriter did, step by step.

    Examples
    --------
    >>> import pellucid as pel
    >>> x, y = pel.vector("x"), pel.vector("y")
    >>> journal = pel.Journal()
    >>> pel.simplify((x + y) + (x + y), journal=journal)
    2 * (x + y)
    >>> print(journal)
    algebra/add_same: x + y + (x + y)  →  2 * (x + y)
    """

    steps: list[Step] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n".join(str(step) for step in self.steps)

    def __len__(self) -> int:
        return len(self.steps)


class Rewriter:
    """Applies a set of rules to graphs, remembering what each expression became."""

    def __init__(self, rules: Sequence[Rule], journal: Journal | None = None) -> None:
        self.by_op: dict[Op, list[Rule]] = {}
        for r in rules:
            if r is not FOLD:
                self.by_op.setdefault(r.op, []).append(r)
        self.folds = FOLD in set(rules)
        self.journal = journal
        self.done: dict[Expr, Expr] = {}

    def rewrite(self, outputs: Sequence[Expr]) -> list[Expr]:
        """Return the outputs in their final form.

        Raises
        ------
        RewriteError
            If the rules do not settle.
        """
        waits_for: dict[Expr, Expr] = {}
        age: dict[Expr, int] = {}
        stack = list(outputs)[::-1]
        while stack:
            node = stack[-1]
            if node in self.done:
                stack.pop()
                continue
            if node in waits_for:
                self.done[node] = self.done[waits_for.pop(node)]
                continue
            pending = [i for i in node.inputs if i not in self.done]
            if pending:
                stack.extend(reversed(pending))
                continue
            new = self.rewrite_one(node)
            if new is None:
                self.done[node] = node
                continue
            age[new] = age.get(node, 0) + 1
            if age[new] > MOST_REWRITES_OF_ONE or new in waits_for:
                raise RewriteError(
                    f"The rewrite rules do not settle on {node}. The last steps: {self.last_steps(node)}"
                )
            waits_for[node] = new
            stack.append(new)
        return [self.done[output] for output in outputs]

    def rewrite_one(self, node: Expr) -> Expr | None:
        """Rebuild an expression on its rewritten inputs, or apply the first rule that fires; None if it is final."""
        same = rebuild(node, [self.done[i] for i in node.inputs])
        same = self.rewrite_bodies(same)
        if same is not node:
            return same
        folded = self.fold(node) if self.folds else None
        if folded is not None:
            return self.write(FOLD, node, folded)
        for r in self.by_op.get(node.op, ()) if node.op is not None else ():
            new = r.apply(node)
            if new is not None:
                return self.write(r, node, new)
        return None

    def write(self, fired: Rule, before: Expr, after: Expr) -> Expr:
        """Write a rewrite into the journal."""
        if self.journal is not None:
            self.journal.steps.append(Step(fired, before, after))
        return after

    def fold(self, node: Expr) -> Expr | None:
        """Compute an elementwise op on constants once and for all."""
        if node.op is None or not node.op.elementwise or not all(isinstance(i, Constant) for i in node.inputs):
            return None
        if not node.inputs or any(i.types[0].ndim for i in node.inputs):
            return None
        with np.errstate(all="ignore"):
            value = evaluate(np, [node], {})[0]
        return constant(value) if np.all(np.isfinite(value)) else None

    def rewrite_bodies(self, node: Expr) -> Expr:
        """Rewrite the graphs that an op carries inside, such as the step of a scan."""
        bodies = {key: value for key, value in node._settings if isinstance(value, Body)}
        if not bodies or node.op is None:
            return node
        changed = {}
        for key, body in bodies.items():
            outputs = tuple(Rewriter.rewrite(self, body.outputs))
            if any(a is not b for a, b in zip(outputs, body.outputs, strict=True)):
                changed[key] = Body(body.inputs, outputs)
        return node.op.make(node.inputs, {**node.settings, **changed}) if changed else node

    def last_steps(self, node: Expr) -> str:
        """Name what each rule would do next, to show a circle."""
        names = []
        for _ in range(4):
            fired = (
                next(((r, new) for r in self.by_op.get(node.op, ()) if (new := r.apply(node)) is not None), None)
                if node.op
                else None
            )
            if fired is None:
                break
            names.append(f"{fired[0].name}: {text(node, 30)} → {text(fired[1], 30)}")
            node = fired[1]
        return "; ".join(names) or "none of a single rule"


def simplify_all(
    outputs: Sequence[Expr], *, journal: Journal | None = None, families: Iterable[str] | None = None
) -> list[Expr]:
    """Simplify several expressions together; see `simplify`."""
    wanted = None if families is None else set(families)
    unknown = (wanted or set()) - {r.family for r in RULES.values()}
    if unknown:
        known = sorted({r.family for r in RULES.values()})
        raise ValueError(f"Expected families of rules out of {known}. Received: {sorted(unknown)}")
    rules = [r for r in RULES.values() if wanted is None or r.family in wanted]
    return Rewriter(rules, journal).rewrite(outputs)


def simplify(expr: Expr, *, journal: Journal | None = None, families: Iterable[str] | None = None) -> Expr:
    r"""Rewrite an expression into a shorter and numerically stable form of the same value, such as
    :math:`\log \sum e^x` into ``logsumexp(x)``.

    Parameters
    ----------
    expr : Expr
        What to simplify.
    journal : Journal, optional
        Where to write every rewrite that is made.
    families : iterable of str, optional
        The families of rules to apply; all of them without it.

    Returns
    -------
    Expr
        Of the same shape and dtype.

    Raises
    ------
    RewriteError
        If the rules do not settle.

    Examples
    --------
    >>> import pellucid as pel
    >>> x, y = pel.vector("x"), pel.vector("y")
    >>> pel.simplify((x + y) + (x + y))
    2 * (x + y)
    """
    return simplify_all([expr], journal=journal, families=families)[0]
