"""The rewriter: rules applied from the leaves up until none fires, every step written in a journal."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.graph.errors import RewriteError, UseError
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Constant, Expr, constant
from pellucid.graph.extensions import above
from pellucid.graph.op_def import Op
from pellucid.graph.pass_pipeline import chosen
from pellucid.graph.printing import text
from pellucid.graph.rewrite_rule import FOLD, Rule, glance
from pellucid.graph.source_location import standing_for
from pellucid.graph.subgraph import Body
from pellucid.graph.traversal import named_like, rebuild

MOST_REWRITES_OF_ONE = 200
"""How often one expression may be rewritten before the rules are said not to settle."""


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
    algebra
       1  add_same: x + y + (x + y)  →  2 * (x + y)
    >>> journal.check({x: [1.0, 2.0], y: [3.0, 4.0]}).agrees
    True
    """

    steps: list[Step] = field(default_factory=list)
    starts: list[tuple[int, tuple[Expr, ...]]] = field(default_factory=list)
    """What was rewritten, each with the number of steps that stood in the journal before."""

    def __str__(self) -> str:
        told: str = above("journal_text", self)
        return told

    def _repr_html_(self) -> str:
        told: str = above("journal_html", self)
        return told

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
        return above("journal_check", self, values)

    def __len__(self) -> int:
        return len(self.steps)


@dataclass(frozen=True, eq=False)
class RuleSet:
    """Rules by the op they look for, in the order in which they are tried, and whether numbers are computed.

    There is one for every set of rules that was ever applied: an expression carries that of the set it is final under.
    """

    by_op: Mapping[Op, list[Rule]]
    folds: bool


@functools.cache
def rule_set(rules: tuple[Rule, ...]) -> RuleSet:
    """Sort rules by the op they look for."""
    by_op: dict[Op, list[Rule]] = {}
    for r in rules:
        if r is not FOLD:
            by_op.setdefault(r.op, []).append(r)
    return RuleSet(by_op, FOLD in rules)


class Rewriter:
    """Applies a set of rules to graphs, remembering what each expression became."""

    def __init__(self, rules: Sequence[Rule], journal: Journal | None = None) -> None:
        self.rules = rule_set(tuple(rules))
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
        while stack:
            node = stack[-1]
            if node in self.done:
                stack.pop()
                continue
            if node.settled is self.rules:
                self.done[node] = node
                continue
            if node in waits_for:
                self.done[node] = named_like(node, self.done[waits_for.pop(node)])
                continue
            pending = [i for i in node.inputs if i not in self.done]
            if pending:
                stack.extend(reversed(pending))
                continue
            token = standing_for.set(node.origin)
            try:
                new = self.rewrite_one(node)
            finally:
                standing_for.reset(token)
            if new is None:
                self.done[node] = node
                node.settled = self.rules
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
        folded = self.fold(node) if self.rules.folds else None
        if folded is not None:
            return self.write(FOLD, node, folded)
        for r in self.rules_for(node):
            new = r.attempt(node)
            if new is not None:
                return self.write(r, node, new)
        return None

    def rules_for(self, node: Expr) -> list[Rule]:
        """Return the rules that an expression may fit, by its op and what its operands are at a glance."""
        rules = self.rules.by_op.get(node.op) if node.op is not None else None
        if rules is None:
            return []
        kinds, alike = glance(node)
        key = (node.op, alike, *kinds)
        found = self.promising.get(key)
        if found is None:
            found = self.promising[key] = [r for r in rules if r.promising(kinds, alike)]
        return found

    def write(self, fired: Rule, before: Expr, after: Expr) -> Expr:
        """Write a rewrite into the journal."""
        if self.journal is not None:
            self.journal.steps.append(Step(fired, before, after))
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
    if journal is not None:
        journal.starts.append((len(journal.steps), tuple(outputs)))
    return Rewriter(chosen(families, without), journal).rewrite(outputs)


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
    >>> import pellucid as pel
    >>> x, y = pel.vector("x"), pel.vector("y")
    >>> pel.simplify((x + y) + (x + y))
    2 * (x + y)
    >>> pel.simplify(pel.log(1 + pel.exp(x)) + 0, without=["stabilize"])
    log(1 + exp(x))
    """
    if not isinstance(expr, Expr):
        raise UseError(f"Expected an expression: pel.simplify(x + y). Received: {expr!r}")
    return simplify_all([expr], journal=journal, families=families, without=without)[0]
