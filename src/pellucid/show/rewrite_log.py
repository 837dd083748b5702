"""Text and HTML of a rewrite log, grouped by phase."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from pellucid import extension_points
from pellucid.graph.expr import Expr
from pellucid.graph.naming import LabelStripper, find_expressions, restore_names
from pellucid.graph.printing import text
from pellucid.graph.rewrite_rule import iterate_matches
from pellucid.graph.rewriter import Journal, RewriteStep
from pellucid.graph.traversal import rebuild, topological
from pellucid.show.mathml import latex_to_mathml
from pellucid.show.renderers import html_table
from pellucid.show.tex import latex

MAX_NODES, MAX_STEPS = 300, 60
"""For larger graphs and longer logs, the steps do not show the whole expression."""


@extension_points.journal_text.register
def journal_to_text(journal: Journal) -> str:
    """Return the steps by phase, numbered in the order in which they were made."""
    wholes = find_whole_expressions(journal)
    phases: dict[str, list[str]] = {}
    for number, step in enumerate(journal.steps, start=1):
        condition = f"   (when {format_condition(step)})" if step.rule.when else ""
        lines = phases.setdefault(step.rule.family, [])
        before, after = format_sides(step)
        lines.append(f"{number:4}  {step.rule.name}: {before}  →  {after}{condition}")
        whole = wholes.get(number - 1)
        if whole is not None and text(step.before, 60) != text(step.after, 60):
            changed = dict.fromkeys(find_expressions([whole], [step.after]), f"⟦{text(step.after, 30)}⟧")
            lines.append(f"      whole expression: {text(whole, 60, changed)}")
    return "\n".join("\n".join([phase, *lines]) for phase, lines in phases.items())


def format_sides(step: RewriteStep, limit: int = 60) -> tuple[str, str]:
    """Return both sides of a step as text, or as calls of ops if the texts are equal."""
    before, after = text(step.before, limit), text(step.after, limit)
    return (before, after) if before != after else (format_call(step.before), format_call(step.after))


def format_sides_html(step: RewriteStep) -> tuple[str, str]:
    is_same = text(step.before, 60) == text(step.after, 60)
    before, after = (
        f"<code>{escape(format_call(e))}</code>" if is_same else latex_to_mathml(latex(e, limit=40), "inline")
        for e in (step.before, step.after)
    )
    return before, after


def format_call(e: Expr) -> str:
    return f"{e.op.name}({', '.join(text(i, 30) for i in e.inputs)})" if e.op is not None else text(e)


def format_condition(step: RewriteStep) -> str:
    """Return the assumption of a rule with the matched expressions in it."""
    bindings = find_bindings(step)
    return re.sub(r"[a-z]\w*", lambda m: text(bindings[m[0]], 20) if m[0] in bindings else m[0], step.rule.when)


def find_bindings(step: RewriteStep) -> dict[str, Expr]:
    """Return the expressions that the variables of a rule matched."""
    first: dict[str, Any] = next(iter(iterate_matches(step.rule.pattern, step.before, {})), {})
    return {name: e for name, e in first.items() if isinstance(e, Expr)}


def find_whole_expressions(journal: Journal) -> dict[int, Expr]:
    """Return the whole expression after each step that changed a part of it."""
    found: dict[int, Expr] = {}
    if len(journal.steps) > MAX_STEPS or not journal.starts:
        return found
    ends = [start for start, _ in journal.starts[1:]] + [len(journal.steps)]
    for (start, outputs), end in zip(journal.starts, ends, strict=True):
        if len(topological(outputs)) > MAX_NODES:
            continue
        # Rules are applied without names. They are put back where the whole is shown.
        stripper = LabelStripper(outputs)
        sides = [stripper.strip([step.before, step.after]) for step in journal.steps[start:end]]
        replaced: dict[Expr, Expr] = {}
        for number, (before, after) in enumerate(sides, start=start):
            replaced[before] = after
            for whole in replay(stripper.outputs, replaced):
                if whole is not after and after in set(topological([whole])) and after.op is not None:
                    [found[number]] = restore_names([whole], stripper.names)
                    break
    return found


def replay(outputs: Sequence[Expr], replaced: Mapping[Expr, Expr]) -> list[Expr]:
    """Apply the first steps of a log to expressions."""
    done: dict[Expr, Expr] = {}
    waits_for: dict[Expr, Expr] = {}
    stack = list(outputs)[::-1]
    while stack:
        node = stack[-1]
        if node in done:
            stack.pop()
        elif node in waits_for:
            done[node] = done[waits_for.pop(node)]
        elif pending := [i for i in node.inputs if i not in done]:
            stack += pending[::-1]
        else:
            rebuilt = rebuild(node, [done[i] for i in node.inputs])
            new = rebuilt if rebuilt is not node else replaced.get(node, node)
            if new is node:
                done[node] = node
            else:
                waits_for[node] = new
                stack.append(new)
    return [done[output] for output in outputs]


@extension_points.journal_html.register
def journal_to_html(journal: Journal) -> str:
    rows = []
    for number, step in enumerate(journal.steps, start=1):
        name = escape(step.rule.name.replace("_", " "))
        sides = format_sides_html(step)
        rows.append([str(number), escape(step.rule.family), name, *sides, escape(format_condition(step))])
    return html_table(["", "phase", "rule", "before", "after", "assumes"], rows)
