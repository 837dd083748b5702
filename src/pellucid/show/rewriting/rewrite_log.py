"""Text and HTML of a rewrite log, grouped by phase."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from pellucid import extension_points
from pellucid.graph.expr import Expr
from pellucid.graph.naming import LabelStripper, find_expressions, restore_names
from pellucid.graph.printing import render, text
from pellucid.graph.rewrite_rule import iterate_matches
from pellucid.graph.rewriter import Journal, RewriteStep
from pellucid.graph.traversal import rebuild, topological
from pellucid.show.formulas.mathml import latex_to_mathml
from pellucid.show.formulas.tex import LatexNotation, latex
from pellucid.show.pages.formula_page import html_table

MAX_NODES, MAX_STEPS = 300, 60
"""For larger graphs and longer logs, the steps do not show the whole expression."""

MAX_OPS = 40
"""Number of ops of a formula in a table."""

FRAME = r"\boxed"
"""Command of a frame in LaTeX."""

SIDE = 'style="white-space: nowrap; margin: .3em 0"'
"""Attribute of a side of a step in a table."""

SCROLLED = 'style="overflow-x: auto" tabindex="0" role="region" aria-label="Rewrites"'
"""Attributes of the area around a table, which the arrow keys scroll."""

LABELS = [f'<small style="display: inline-block; width: 3.5em">{label}</small>' for label in ("before", "after")]

MARK = "border: 2px solid; border-radius: 4px; padding: .12em .25em; color: inherit; background: rgba(255, 190, 0, .2)"
"""Style of a changed part: a frame in the color of the text, on a tint that suits light and dark pages."""


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
        _, whole = wholes.get(number - 1, (None, None))
        if whole is not None and text(step.before, 60) != text(step.after, 60):
            changed = dict.fromkeys(find_expressions([whole], [step.after]), f"⟦{text(step.after, 30)}⟧")
            lines.append(f"      whole expression: {text(whole, 60, changed)}")
    return "\n".join("\n".join([phase, *lines]) for phase, lines in phases.items())


def format_sides(step: RewriteStep, limit: int = 60) -> tuple[str, str]:
    """Return both sides of a step as text, or as calls of ops if the texts are equal."""
    before, after = text(step.before, limit), text(step.after, limit)
    return (before, after) if before != after else (format_call(step.before), format_call(step.after))


def format_sides_html(step: RewriteStep, wholes: tuple[Expr, Expr] | None = None) -> tuple[str, str]:
    """Return both sides of a step as HTML with frames around the changed parts.

    The sides are shown inside the whole expression before and after the step, if it is given and short enough.
    """
    parts = find_changed_parts(step.before, step.after)
    sides = list(zip((step.before, step.after), parts, strict=True))
    is_same = text(step.before, 60) == text(step.after, 60)
    first, second = (latex_to_mathml(latex(e, limit=MAX_OPS)) for e in (step.before, step.after))
    if first != second and not is_same:
        whole = None if wholes is None else mark_whole_expressions(step, wholes)
        formulas = whole or [mark_latex(e, [part]) for e, part in sides]
        return formula_to_html(formulas[0]), formula_to_html(formulas[1])
    before, after = (mark_text(f"⟦{format_call(e)}⟧" if is_same else bracket(e, part)) for e, part in sides)
    return before, after


def mark_whole_expressions(step: RewriteStep, wholes: tuple[Expr, Expr]) -> list[str] | None:
    """Return the whole expressions around both sides of a step in LaTeX, None if a frame would not be visible."""
    pairs = zip(wholes, (step.before, step.after), strict=True)
    formulas = [mark_latex(whole, list(find_expressions([whole], [side]))) for whole, side in pairs]
    is_visible = all(FRAME in formula and r"\cdots" not in formula for formula in formulas)
    return formulas if is_visible else None


def find_changed_parts(before: Expr, after: Expr) -> tuple[Expr, Expr]:
    """Return the smallest part of each side that contains all that differs."""
    while before.op is not None and before.op is after.op and before.settings == after.settings:
        pairs = list(zip(before.inputs, after.inputs, strict=False))
        changed = [pair for pair in pairs if pair[0] is not pair[1]]
        if len(before.inputs) != len(after.inputs) or len(changed) != 1:
            break
        [(before, after)] = changed
    return before, after


def mark_latex(e: Expr, parts: Sequence[Expr]) -> str:
    """Return an expression in LaTeX with frames around some parts."""
    framed = {part: f"{FRAME}{{{latex(part, limit=MAX_OPS)}}}" for part in parts}
    return framed.get(e) or render(e, LatexNotation(framed, MAX_OPS), sys.maxsize, framed)


def formula_to_html(formula: str) -> str:
    """Return a formula as MathML. The converter's element for frames is one that browsers do not draw."""
    markup = latex_to_mathml(formula, "inline")
    return markup.replace('<menclose notation="box">', f'<mrow style="{MARK}">').replace("</menclose>", "</mrow>")


def bracket(e: Expr, part: Expr) -> str:
    """Return an expression as text with double brackets around a part."""
    return f"⟦{text(e, 60)}⟧" if part is e else text(e, 60, {part: f"⟦{text(part, 60)}⟧"})


def mark_text(written: str) -> str:
    """Return a text as code, with frames in place of its double brackets."""
    shown = escape(written).replace("⟦", f'<mark style="{MARK}">').replace("⟧", "</mark>")
    return f"<code>{shown}</code>"


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


def find_whole_expressions(journal: Journal) -> dict[int, tuple[Expr, Expr]]:
    """Return the whole expression before and after each step that changed a part of it."""
    found: dict[int, tuple[Expr, Expr]] = {}
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
        wholes = stripper.outputs
        for number, (before, after) in enumerate(sides, start=start):
            replaced[before] = after
            earlier, wholes = wholes, replay(stripper.outputs, replaced)
            for old, whole in zip(earlier, wholes, strict=True):
                if whole is not after and after in set(topological([whole])) and after.op is not None:
                    first, second = restore_names([old, whole], stripper.names)
                    found[number] = first, second
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
    wholes = find_whole_expressions(journal)
    rows = []
    for number, step in enumerate(journal.steps, start=1):
        name = escape(step.rule.name.replace("_", " "))
        before, after = format_sides_html(step, wholes.get(number - 1))
        # One below the other, because whole expressions are too wide for two columns.
        both = f"<div {SIDE}>{LABELS[0]} {before}</div><div {SIDE}>{LABELS[1]} {after}</div>"
        rows.append([str(number), escape(step.rule.family), name, both, escape(format_condition(step))])
    table = html_table(["", "phase", "rule", "change", "assumes"], rows)
    return f"<p>A frame marks the part that a step changed.</p><div {SCROLLED}>{table}</div>" if rows else table
