"""Bottom-up rewriter, which applies rules until no rule fires and logs every step in a journal.

It works on graphs without labels: names of operands do not keep rules from matching, and are restored in the result.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.extension_points import journal_check, journal_html, journal_text
from pellucid.graph.errors import RewriteError, UseError
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Expr, constant
from pellucid.graph.naming import LabelStripper, NameRestorer, iterate_labeled, make_name_restorer
from pellucid.graph.op import PASSTHROUGH, Op
from pellucid.graph.printing import text
from pellucid.graph.rewrite_rule import FOLD, Rule, get_operand_signature, is_scalar_constant, select_rules
from pellucid.graph.source_location import inherited_location
from pellucid.graph.traversal import copy_name, has_subgraphs, map_subgraphs, rebuild
from pellucid.graph.weak_identity import WeakIdentitySet

MAX_REWRITES = 200
"""Number of rewrites of one expression after which the rules are assumed to cycle."""


@dataclass(frozen=True)
class RewriteStep:
    """One application of a rule: the expression before and after it."""

    rule: Rule
    before: Expr
    after: Expr

    def __str__(self) -> str:
        when = f"   (when {self.rule.when})" if self.rule.when else ""
        return f"{self.rule.family}/{self.rule.name}: {text(self.before, 60)}  →  {text(self.after, 60)}{when}"


@dataclass
class Journal:
    """Log of the rules that a rewriter applied.

    Parameters
    ----------
    steps : list of RewriteStep
        The rewrites, in order; initially none.
    starts : list of (int, tuple of Expr)
        The expressions of each call of the rewriter, with the number of steps before it.

    Examples
    --------
    >>> x, y = pel.vector("x"), pel.vector("y")
    >>> journal = pel.Journal()
    >>> pel.simplify((x + y) + (x + y), journal=journal)
    2 * (x + y)
    >>> print(journal)
    algebra
       1  add_same: x + y + (x + y)  →  2 * (x + y)
    >>> journal.check({x: [1.0, 2.0], y: [3.0, 4.0]}).agrees
    True
    """

    steps: list[RewriteStep] = field(default_factory=list)
    starts: list[tuple[int, tuple[Expr, ...]]] = field(default_factory=list)
    """The expressions of each call of the rewriter, with the number of steps before it."""

    def __str__(self) -> str:
        return journal_text(self)

    def _repr_html_(self) -> str:
        return journal_html(self)

    def check(self, values: Mapping[Any, Any] | None = None) -> Any:
        """Evaluate both sides of every step, also in higher precision, and check the assumptions of the rules.

        Parameters
        ----------
        values : mapping from Expr or str to array, optional
            Values of inputs, by the input or its name. Shared variables have values already.

        Returns
        -------
        pellucid.show.rewriting.rewrite_log_check.JournalCheck
            A table with a row for each step.

        Raises
        ------
        InputError, ShapeError
            If an input has no value, or one of another shape.
        """
        return journal_check(self, values)

    def __len__(self) -> int:
        return len(self.steps)


@dataclass(frozen=True, eq=False)
class RuleSet:
    """Rules by the op at the root of their pattern, in the order in which they are tried.

    Attributes
    ----------
    folds : bool
        Whether constants are folded.
    normal_forms : WeakIdentitySet
        Expressions that no rule changes, so that later calls do not visit their graphs again.
    candidates : dict from tuple to list of Rule
        The rules that may match, by op and signature of the operands.
    """

    by_op: Mapping[Op, list[Rule]]
    folds: bool
    normal_forms: WeakIdentitySet = field(default_factory=WeakIdentitySet)
    candidates: dict[tuple[Any, ...], list[Rule]] = field(default_factory=dict)

    def get_candidates(self, node: Expr) -> list[Rule]:
        """Return the rules that may match an expression."""
        rules = self.by_op.get(node.op) if node.op is not None else None
        if rules is None:
            return []
        kinds, has_repeats = get_operand_signature(node)
        key = (node.op, has_repeats, *kinds)
        found = self.candidates.get(key)
        if found is None:
            found = self.candidates[key] = [r for r in rules if r.may_match(kinds, has_repeats)]
        return found


@functools.cache
def make_rule_set(rules: tuple[Rule, ...]) -> RuleSet:
    by_op: dict[Op, list[Rule]] = {}
    for r in rules:
        if r is not FOLD:
            by_op.setdefault(r.op, []).append(r)
    return RuleSet(by_op, FOLD in rules)


class Rewriter:
    """Applies rules to graphs without labels.

    Attributes
    ----------
    done : dict from Expr to Expr
        The normal form of each expression that was visited.
    """

    def __init__(self, rules: Sequence[Rule], journal: Journal | None = None) -> None:
        self.rules: RuleSet = make_rule_set(tuple(rules))
        self.journal = journal
        self.done: dict[Expr, Expr] = {}

    def rewrite(self, outputs: Sequence[Expr]) -> list[Expr]:
        """Return the normal forms of the outputs.

        Raises
        ------
        RewriteError
            If the rules do not reach a fixed point.
        """
        waits_for: dict[Expr, Expr] = {}  # a rewritten expression waits until its replacement is in normal form
        rewrites: dict[Expr, int] = {}
        stack = list(outputs)[::-1]
        self.rules.normal_forms.purge()
        normal_forms = self.rules.normal_forms.refs
        while stack:
            node = stack[-1]
            if node in self.done:
                stack.pop()
                continue
            ref = normal_forms.get(id(node))
            if ref is not None and ref() is node:
                self.done[node] = node
                continue
            if node in waits_for:
                self.done[node] = self.done[waits_for.pop(node)]
                continue
            pending = [i for i in node.inputs if i not in self.done]
            if pending:
                stack.extend(reversed(pending))
                continue
            token = inherited_location.set(node)
            try:
                new = self.rewrite_one(node)
            finally:
                inherited_location.reset(token)
            if new is None:
                self.done[node] = node
                normal_forms[id(node)] = weakref.ref(node)
                continue
            rewrites[new] = rewrites.get(node, 0) + 1
            if rewrites[new] > MAX_REWRITES or new in waits_for:
                raise RewriteError(
                    f"The rewrite rules reach no fixed point on {node}. The last steps: {self.describe_cycle(node)}"
                )
            waits_for[node] = new
            stack.append(new)
        return [self.done[output] for output in outputs]

    def rewrite_stripped(self, stripper: LabelStripper) -> list[Expr]:
        """Return the normal forms of the outputs of a stripper. The journal gets the names."""
        journal = self.journal
        if journal is None:
            return self.rewrite(stripper.outputs)
        first = len(journal.steps)
        journal.starts.append((first, tuple(stripper.outputs)))
        results = self.rewrite(stripper.outputs)
        if stripper.names:
            restore = make_name_restorer(self.map_names(stripper.names))
            journal.starts[-1] = (first, tuple(restore(stripper.outputs)))
            journal.steps[first:] = [RewriteStep(s.rule, *restore([s.before, s.after])) for s in journal.steps[first:]]
        return results

    def get_normal_form(self, e: Expr) -> Expr:
        return self.done.get(e, e)

    def map_names(self, names: Mapping[Expr, str]) -> dict[Expr, str]:
        """Return names by expression and by its normal form, unless that is a leaf."""
        normal_forms = [(self.get_normal_form(e), name) for e, name in names.items()]
        return {**{e: name for e, name in reversed(normal_forms) if e.op is not None}, **names}

    def rewrite_one(self, node: Expr) -> Expr | None:
        """Rebuild an expression on rewritten inputs, or apply the first rule that fires; None for a normal form."""
        rebuilt = rebuild(node, [self.done[i] for i in node.inputs])
        if rebuilt._settings:
            rebuilt = map_subgraphs(rebuilt, self.rewrite)
        if rebuilt is not node:
            return rebuilt
        folded = self.fold_constants(node) if self.rules.folds else None
        if folded is not None:
            return self.log_step(FOLD, node, folded)
        for r in self.rules.get_candidates(node):
            new = r.try_rewrite(node)
            if new is not None:
                return self.log_step(r, node, new)
        return None

    def log_step(self, rule: Rule, before: Expr, after: Expr) -> Expr:
        if self.journal is not None:
            self.journal.steps.append(RewriteStep(rule, before, after))
        return after

    def fold_constants(self, node: Expr) -> Expr | None:
        """Evaluate an elementwise op on scalar constants, unless the result is not finite."""
        op = node.op
        if op is None or not op.elementwise or not op.folds or not node.inputs:
            return None
        if not all(map(is_scalar_constant, node.inputs)):
            return None
        with np.errstate(all="ignore"):
            value = evaluate(np, [node], {})[0]
        return constant(value) if np.all(np.isfinite(value)) else None

    def describe_cycle(self, node: Expr) -> str:
        """Return the next rewrites of an expression, to show a cycle of rules."""
        steps = []
        for _ in range(4):
            rules = self.rules.by_op.get(node.op, ()) if node.op else ()
            fired = next(((r, new) for r in rules if (new := r.apply(node)) is not None), None)
            if fired is None:
                break
            steps.append(f"{fired[0].name}: {text(node, 30)} → {text(fired[1], 30)}")
            node = fired[1]
        return "; ".join(steps) or "none of a single rule"


def simplify_all(
    outputs: Sequence[Expr],
    *,
    journal: Journal | None = None,
    families: Iterable[str] | None = None,
    without: Iterable[str] = (),
) -> list[Expr]:
    """Simplify several expressions together; see `simplify`."""
    stripper = LabelStripper(outputs)
    rewriter = Rewriter(select_rules(families, without), journal)
    results = rewriter.rewrite_stripped(stripper)
    if not stripper.names:
        return results
    return restore_written_names(outputs, stripper, rewriter, make_name_restorer(rewriter.map_names(stripper.names)))


def simplify_stripped(
    stripper: LabelStripper, journal: Journal | None = None, families: Iterable[str] | None = None
) -> tuple[list[Expr], dict[Expr, str]]:
    """Simplify the outputs of a stripper; return them without names, and the names by expression."""
    rewriter = Rewriter(select_rules(families), journal)
    return rewriter.rewrite_stripped(stripper), rewriter.map_names(stripper.names)


def restore_written_names(
    outputs: Sequence[Expr], stripper: LabelStripper, rewriter: Rewriter, restore: NameRestorer
) -> list[Expr]:
    """Attach names to normal forms.

    Where no rule fired, each name is attached where it was, so that two names of one formula stay apart. In the
    replacement of a rule, every formula that has a name gets it.
    """
    done: dict[Expr, Expr] = {}
    for node in iterate_labeled(outputs, done):
        before = stripper[node]
        after = rewriter.get_normal_form(before)
        if node.op is PASSTHROUGH:
            done[node] = done.get(node.inputs[0], after)
            continue
        inputs = [done.get(i, rewriter.get_normal_form(i)) for i in node.inputs]
        stripped_inputs = [rewriter.get_normal_form(i) for i in before.inputs]
        if rebuild(before, stripped_inputs) is after and not has_subgraphs(after):
            new = rebuild(after, inputs)
        else:
            [restored] = restore([after])
            new = dict(zip(stripped_inputs, inputs, strict=True)).get(after, restored)
        done[node] = copy_name(node, new)
    return [done.get(output, rewriter.get_normal_form(output)) for output in outputs]


def simplify(
    expr: Expr, *, journal: Journal | None = None, families: Iterable[str] | None = None, without: Iterable[str] = ()
) -> Expr:
    r"""Rewrite an expression into a shorter and numerically stable form, such as :math:`\log \sum e^x` into
    ``logsumexp(x)``.

    Parameters
    ----------
    expr : Expr
        The expression.
    journal : Journal, optional
        A log that gets every rewrite.
    families : iterable of str, optional
        Families of rules to apply, by default all that `phases` lists.
    without : iterable of str
        Families to leave out.

    Returns
    -------
    Expr
        Of the same value, shape and dtype. Names of expressions that no rule consumed are kept.

    Raises
    ------
    RewriteError
        If the rules reach no fixed point.
    OptionError
        For an unknown family.

    Examples
    --------
    >>> x, y = pel.vector("x"), pel.vector("y")
    >>> pel.simplify((x + y) + (x + y))
    2 * (x + y)
    >>> pel.simplify(pel.log(1 + pel.exp(x)) + 0, without=["stabilize"])
    log(1 + exp(x))
    """
    if not isinstance(expr, Expr):
        raise UseError(f"Expected an expression: pel.simplify(x + y). Received: {expr!r}")
    return simplify_all([expr], journal=journal, families=families, without=without)[0]
