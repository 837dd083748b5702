"""The rewriter: rules applied from the leaves up until none fires, every step written in a journal."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.extensions import journal_check, journal_html, journal_text
from pellucid.graph.errors import RewriteError, UseError
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Constant, Expr, constant
from pellucid.graph.labels import (
    LabelStripper,
    NameRestorer,
    has_subgraphs,
    iterate_labeled,
    make_name_restorer,
    map_subgraphs,
)
from pellucid.graph.op_def import PASSTHROUGH, Op
from pellucid.graph.pass_pipeline import select_rules
from pellucid.graph.printing import text
from pellucid.graph.rewrite_rule import FOLD, Rule, operand_signature
from pellucid.graph.source_location import inherited_location
from pellucid.graph.traversal import copy_name, rebuild
from pellucid.graph.weak_identity import WeakIdentitySet

MAX_REWRITES = 200
"""How often one expression may be rewritten before the rules are said not to settle."""


@dataclass(frozen=True)
class RewriteStep:
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
    """What was rewritten, each with the number of steps that stood in the journal before."""

    def __str__(self) -> str:
        return journal_text(self)

    def _repr_html_(self) -> str:
        return journal_html(self)

    def check(self, values: Mapping[Any, Any] | None = None) -> Any:
        """Compute both sides of every step, also in higher precision, and say where an assumption does not hold.

        Parameters
        ----------
        values : mapping from Expr or str to array, optional
            The values of inputs, by the input or by its name. Shared variables have their own.

        Returns
        -------
        pellucid.show.rewrite_log_check.JournalCheck
            A row for each step; printed as a table.

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
    """Rules by the op they look for, in the order in which they are tried, and whether numbers are computed.

    There is one for every set of rules that was ever applied.
    """

    by_op: Mapping[Op, list[Rule]]
    folds: bool
    normal: WeakIdentitySet = field(default_factory=WeakIdentitySet)
    """The expressions in normal form. A cache: without it, every graph would be visited again from its leaves."""


@functools.cache
def make_rule_set(rules: tuple[Rule, ...]) -> RuleSet:
    """Sort rules by the op they look for."""
    by_op: dict[Op, list[Rule]] = {}
    for r in rules:
        if r is not FOLD:
            by_op.setdefault(r.op, []).append(r)
    return RuleSet(by_op, FOLD in rules)


class Rewriter:
    """Applies a set of rules to graphs, remembering what each expression became."""

    def __init__(self, rules: Sequence[Rule], journal: Journal | None = None) -> None:
        self.rules = make_rule_set(tuple(rules))
        self.journal = journal
        self.done: dict[Expr, Expr] = {}
        self.promising: dict[tuple[Any, ...], list[Rule]] = {}

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
        self.rules.normal.purge()
        normal = self.rules.normal.refs
        while stack:
            node = stack[-1]
            if node in self.done:
                stack.pop()
                continue
            ref = normal.get(id(node))
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
                normal[id(node)] = weakref.ref(node)
                continue
            age[new] = age.get(node, 0) + 1
            if age[new] > MAX_REWRITES or new in waits_for:
                raise RewriteError(
                    f"The rewrite rules do not settle on {node}. The last steps: {self.describe_cycle(node)}"
                )
            waits_for[node] = new
            stack.append(new)
        return [self.done[output] for output in outputs]

    def rewrite_stripped(self, unlabeled: LabelStripper) -> list[Expr]:
        """Return the final form of outputs whose labels were removed; the journal has the names."""
        journal = self.journal
        if journal is None:
            return self.rewrite(unlabeled.outputs)
        first = len(journal.steps)
        journal.starts.append((first, tuple(unlabeled.outputs)))
        results = self.rewrite(unlabeled.outputs)
        if unlabeled.names:
            restore = make_name_restorer(self.rename(unlabeled.names))
            journal.starts[-1] = (first, tuple(restore(unlabeled.outputs)))
            journal.steps[first:] = [RewriteStep(s.rule, *restore([s.before, s.after])) for s in journal.steps[first:]]
        return results

    def final(self, e: Expr) -> Expr:
        """Return what an expression became."""
        return self.done.get(e, e)

    def rename(self, names: Mapping[Expr, str]) -> dict[Expr, str]:
        """Return names by what their expressions were and by what they became; leaves take no names."""
        became = {self.final(e): name for e, name in reversed(list(names.items())) if self.final(e).op is not None}
        return {**became, **names}

    def rewrite_one(self, node: Expr) -> Expr | None:
        """Rebuild an expression on its rewritten inputs, or apply the first rule that fires; None if it is final."""
        same = rebuild(node, [self.done[i] for i in node.inputs])
        same = self.rewrite_subgraphs(same)
        if same is not node:
            return same
        folded = self.fold(node) if self.rules.folds else None
        if folded is not None:
            return self.write(FOLD, node, folded)
        for r in self.get_candidate_rules(node):
            new = r.try_rewrite(node)
            if new is not None:
                return self.write(r, node, new)
        return None

    def get_candidate_rules(self, node: Expr) -> list[Rule]:
        """Return the rules that an expression may fit, by its op and what its operands are at a glance."""
        rules = self.rules.by_op.get(node.op) if node.op is not None else None
        if rules is None:
            return []
        kinds, alike = operand_signature(node)
        key = (node.op, alike, *kinds)
        found = self.promising.get(key)
        if found is None:
            found = self.promising[key] = [r for r in rules if r.promising(kinds, alike)]
        return found

    def write(self, fired: Rule, before: Expr, after: Expr) -> Expr:
        """Write a rewrite into the journal."""
        if self.journal is not None:
            self.journal.steps.append(RewriteStep(fired, before, after))
        return after

    def fold(self, node: Expr) -> Expr | None:
        """Compute an elementwise op on constants once and for all."""
        if (
            node.op is None
            or not node.op.elementwise
            or not node.op.folds
            or not all(isinstance(i, Constant) for i in node.inputs)
        ):
            return None
        if not node.inputs or any(i.types[0].ndim for i in node.inputs):
            return None
        with np.errstate(all="ignore"):
            value = evaluate(np, [node], {})[0]
        return constant(value) if np.all(np.isfinite(value)) else None

    def rewrite_subgraphs(self, node: Expr) -> Expr:
        """Rewrite the graphs that an op carries inside, such as the step of a scan."""
        return map_subgraphs(node, self.rewrite) if node._settings else node

    def describe_cycle(self, node: Expr) -> str:
        """Name what each rule would do next, to show a circle."""
        names = []
        for _ in range(4):
            fired = (
                next(((r, new) for r in self.rules.by_op.get(node.op, ()) if (new := r.apply(node)) is not None), None)
                if node.op
                else None
            )
            if fired is None:
                break
            names.append(f"{fired[0].name}: {text(node, 30)} → {text(fired[1], 30)}")
            node = fired[1]
        return "; ".join(names) or "none of a single rule"


def simplify_all(
    outputs: Sequence[Expr],
    *,
    journal: Journal | None = None,
    families: Iterable[str] | None = None,
    without: Iterable[str] = (),
) -> list[Expr]:
    """Simplify several expressions together; see `simplify`."""
    unlabeled = LabelStripper(outputs)
    rewriter = Rewriter(select_rules(families, without), journal)
    results = rewriter.rewrite_stripped(unlabeled)
    if not unlabeled.names:
        return results
    return restore_written_names(outputs, unlabeled, rewriter, make_name_restorer(rewriter.rename(unlabeled.names)))


def simplify_unlabeled(
    unlabeled: LabelStripper, journal: Journal | None = None, families: Iterable[str] | None = None
) -> tuple[list[Expr], dict[Expr, str]]:
    """Simplify expressions whose labels were removed; return also the names, by what their expressions became."""
    rewriter = Rewriter(select_rules(families), journal)
    return rewriter.rewrite_stripped(unlabeled), rewriter.rename(unlabeled.names)


def restore_written_names(
    outputs: Sequence[Expr], unlabeled: LabelStripper, rewriter: Rewriter, restore: NameRestorer
) -> list[Expr]:
    """Return the final forms with each name where it was written, and in what rules wrote wherever its formula is.

    Two expressions that differ by their names alone keep them, therefore, as long as no rule rewrites them.
    """
    done: dict[Expr, Expr] = {}
    for node in iterate_labeled(outputs, done):
        before = unlabeled[node]
        after = rewriter.final(before)
        if node.op is PASSTHROUGH:
            done[node] = done.get(node.inputs[0], after)
            continue
        inputs = [done.get(i, rewriter.final(i)) for i in node.inputs]
        plain = [rewriter.final(i) for i in before.inputs]
        if rebuild(before, plain) is after and not has_subgraphs(after):
            made = rebuild(after, inputs)
        else:
            [restored] = restore([after])
            made = dict(zip(plain, inputs, strict=True)).get(after, restored)
        done[node] = copy_name(node, made)
    return [done.get(output, rewriter.final(output)) for output in outputs]


def simplify(
    expr: Expr, *, journal: Journal | None = None, families: Iterable[str] | None = None, without: Iterable[str] = ()
) -> Expr:
    r"""Rewrite an expression into a shorter and numerically stable form of the same value, such as
    :math:`\log \sum e^x` into ``logsumexp(x)``.

    Parameters
    ----------
    expr : Expr
        What to simplify.
    journal : Journal, optional
        Where to write every rewrite that is made.
    families : iterable of str, optional
        The families of rules to apply, which `phases` lists; all of them without it.
    without : iterable of str
        Families to leave out.

    Returns
    -------
    Expr
        Of the same shape and dtype.

    Raises
    ------
    RewriteError
        If the rules do not settle.
    ValueError
        If there is no family of a name; the nearest is named.

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
