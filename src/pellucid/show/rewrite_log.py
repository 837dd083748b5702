"""The rewriting journal for people: grouped by phase, each step in its place in the whole."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from pellucid.graph.expr import Expr
from pellucid.graph.printing import text
from pellucid.graph.rewrite_rule import matches
from pellucid.graph.rewriter import Journal, Step
from pellucid.graph.traversal import rebuild, topological
from pellucid.show.mathml import mathml
from pellucid.show.tex import latex

LARGEST_WHOLE, MOST_WHOLES = 300, 60
"""Of larger graphs, and after more steps, the whole is not written beside a step: it would be long, and take long."""


def as_text(journal: Journal) -> str:
    """Write a journal grouped by phase, the steps numbered as they were made."""
    wholes = changes_of_whole(journal)
    families: dict[str, list[str]] = {}
    for number, step in enumerate(journal.steps, start=1):
        when = f"   (when {assumed(step)})" if step.rule.when else ""
        lines = families.setdefault(step.rule.family, [])
        before, after = sides(step)
        lines.append(f"{number:4}  {step.rule.name}: {before}  →  {after}{when}")
        whole = wholes.get(number - 1)
        if whole is not None and text(step.before, 60) != text(step.after, 60):
            lines.append(f"      so that the whole is {text(whole, 60, {step.after: f'⟦{text(step.after, 30)}⟧'})}")
    return "\n".join("\n".join([family, *lines]) for family, lines in families.items())


def sides(step: Step, limit: int = 60) -> tuple[str, str]:
    """Write what stood there and what took its place: as calls of ops, if both are written alike."""
    before, after = text(step.before, limit), text(step.after, limit)
    return (before, after) if before != after else (call(step.before), call(step.after))


def sides_html(step: Step) -> tuple[str, str]:
    """Write the same as formulas in HTML."""
    alike = text(step.before, 60) == text(step.after, 60)
    before, after = (
        f"<code>{escape(call(e))}</code>" if alike else mathml(latex(e, limit=40), "inline")
        for e in (step.before, step.after)
    )
    return before, after


def call(e: Expr) -> str:
    """Write an op on its operands by its name."""
    return f"{e.op.name}({', '.join(text(i, 30) for i in e.inputs)})" if e.op is not None else text(e)


def assumed(step: Step) -> str:
    """Write what a rule assumes, of what it was applied to."""
    found = bindings_of(step)
    return re.sub(r"[a-z]\w*", lambda m: text(found[m[0]], 20) if m[0] in found else m[0], step.rule.when)


def bindings_of(step: Step) -> dict[str, Expr]:
    """Return what the holes of a rule stood for."""
    first: dict[str, Any] = next(iter(matches(step.rule.pattern, step.before, {})), {})
    return {name: e for name, e in first.items() if isinstance(e, Expr)}


def changes_of_whole(journal: Journal) -> dict[int, Expr]:
    """Return for each step what the whole expression is after it, where the step changed a part of it."""
    found: dict[int, Expr] = {}
    if len(journal.steps) > MOST_WHOLES or not journal.starts:
        return found
    borders = [start for start, _ in journal.starts[1:]] + [len(journal.steps)]
    for (start, outputs), end in zip(journal.starts, borders, strict=True):
        if len(topological(outputs)) > LARGEST_WHOLE:
            continue
        replaced: dict[Expr, Expr] = {}
        for number in range(start, end):
            step = journal.steps[number]
            replaced[step.before] = step.after
            for whole in replayed(outputs, replaced):
                if whole is not step.after and step.after in set(topological([whole])) and step.after.op is not None:
                    found[number] = whole
                    break
    return found


def replayed(outputs: Sequence[Expr], replaced: Mapping[Expr, Expr]) -> list[Expr]:
    """Return what expressions are after the first steps of a journal."""
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
            same = rebuild(node, [done[i] for i in node.inputs])
            new = same if same is not node else replaced.get(node, node)
            if new is node:
                done[node] = node
            else:
                waits_for[node] = new
                stack.append(new)
    return [done[output] for output in outputs]


def as_html(journal: Journal) -> str:
    """Write a journal as a table."""
    rows = ["<tr><th></th><th>phase</th><th>rule</th><th>before</th><th>after</th><th>assumes</th></tr>"]
    for number, step in enumerate(journal.steps, start=1):
        told = [str(number), escape(step.rule.family), escape(step.rule.name.replace("_", " "))]
        rows.append(
            "<tr>" + "".join(f"<td>{c}</td>" for c in [*told, *sides_html(step), escape(assumed(step))]) + "</tr>"
        )
    return "<table>" + "\n".join(rows) + "</table>"
