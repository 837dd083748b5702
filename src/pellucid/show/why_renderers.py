"""Why a number is what it is, as text, as LaTeX and as HTML.

The arithmetic is written as a pattern: the ops as they stand, on names of elements or on their numbers. So text and
LaTeX have their signs and parentheses from the ops' own templates.
"""

from __future__ import annotations

import re
from html import escape
from typing import Any, Protocol

import numpy as np

from pellucid.graph.expr import Constant, Expr, constant
from pellucid.graph.op_def import OPS, Op
from pellucid.graph.pattern import Pattern, hole
from pellucid.graph.printing import ADD, ATOM, text
from pellucid.graph.subgraph import Body
from pellucid.show.input_values import figure
from pellucid.show.latex_names import name_tex
from pellucid.show.mathml import mathml
from pellucid.show.recurrences import indexed
from pellucid.show.tex import latex
from pellucid.show.why import Why
from pellucid.show.why_provenance import Place, Term
from pellucid.show.why_values import is_visible

MOST_TERMS, SHOWN_TERMS = 12, 6
"""Longer sums are written with so many of their largest terms."""

SHORT = 3
"""So many members of a sum or a list are written inside another op."""

DEEPEST = 6
"""So many ops are written into one another before a number is written by its name."""

DIGITS = 6
"""Of the number itself; those it is made of have fewer."""

ADDITIVE = frozenset(["add", "subtract", "negative"])


class Form(Protocol):
    """How the numbers at the ends of a formula are written."""

    def number(self, w: Why) -> Any:
        """Write a number that came from elsewhere."""

    def rest(self, count: int, total: float) -> Any:
        """Write the terms of a sum that are left out."""


class Names:
    """Numbers by the names of their expressions."""

    def number(self, w: Why) -> Any:
        """Write a number that came from elsewhere."""
        return w.scene.value(w.expr) if isinstance(w.expr, Constant) and not w.index else self.element(w)

    def element(self, w: Why) -> Any:
        """Write an element of an expression."""
        return short(w.value) if isinstance(w.expr, Constant) else hole(w.name)

    def rest(self, count: int, total: float) -> Any:
        """Write the terms of a sum that are left out."""
        return hole(f"({count} more)")


class TexNames(Names):
    """Numbers by the names of their expressions, in LaTeX."""

    def element(self, w: Why) -> Any:
        """Write an element of an expression."""
        return short(w.value) if isinstance(w.expr, Constant) else hole(tex_name(w))

    def rest(self, count: int, total: float) -> Any:
        """Write the terms of a sum that are left out."""
        return hole(rf"\text{{({count} more)}}")


class Numbers:
    """The numbers themselves, in LaTeX, where precedence puts negative ones in parentheses."""

    def number(self, w: Why) -> Any:
        """Write a number that came from elsewhere."""
        return short(w.value)

    def rest(self, count: int, total: float) -> Any:
        """Write the terms of a sum that are left out."""
        return short(total)


class PlainNumbers(Numbers):
    """The numbers themselves, in text, negative ones in parentheses."""

    def number(self, w: Why) -> Any:
        """Write a number that came from elsewhere."""
        return signed(figure(w.value))

    def rest(self, count: int, total: float) -> Any:
        """Write the terms of a sum that are left out."""
        return signed(figure(total))


def signed(written: str) -> Pattern:
    """Return a number that stands in parentheses after a sign, as one writes a negative number."""
    binds = ADD if written.startswith("-") else ATOM
    return Pattern(
        Op("number", abs, (), False, {}, text=lambda operands, settings: [written], precedence=binds), (), {}
    )


def short(value: Any, digits: int = 4) -> Constant:
    """Return a number with few digits."""
    if np.asarray(value).dtype.kind in "biu":
        return constant(np.asarray(value))
    return constant(np.float64(figure(value, digits)))


def tex_name(w: Why) -> str:
    """Write the name of an element in LaTeX."""
    name = name_tex(w.scene.name(w.expr))
    index = ", ".join(map(str, w.index))
    if not index:
        return name
    # The 2 of W with index 2 is no position.
    return rf"({name})_{{{index}}}" if "_" in name else indexed(name, index)


def arithmetic(w: Why, form: Form) -> Any:
    """Write how a number comes about."""
    return (
        written(w, form, "top", 0)
        if w.kind not in ("given", "moved")
        else form.number(w.operands[0] if w.operands else w)
    )


def written(w: Why, form: Form, context: str, level: int) -> Any:
    """Write the op behind a number on what is behind its operands, or the number by its name.

    The context is what stands around it: ``"top"`` nothing, ``"sum"`` a sum, into which another may be written;
    ``"term"`` a product or a list, whose members are named; ``"function"`` another op.
    """
    scene, expr, _ = w.source
    kind = w.kind
    if context != "top" and stops(w, context, level):
        return form.number(w)
    assert expr.op is not None
    if kind == "sum":
        return sum_of(w, form, context, level)
    if kind == "applied":
        inner = "sum" if expr.op.name in ADDITIVE and context in ("top", "sum") else "function"
        parts = [written(w.operand(place), form, inner, level + 1) for place in w.cause.places]
        return Pattern(expr.op, tuple(parts), expr.settings)
    if kind == "function":
        parts = [written(w.operand(place), form, "term", level + 1) for place in w.cause.places]
        return (
            Pattern(expr.op, tuple(parts), expr.settings) if len(parts) == len(expr.inputs) else listed(expr.op, parts)
        )
    told = {key: value for key, value in expr.settings.items() if not isinstance(value, Body)}
    return Pattern(expr.op, tuple(hole(scene.name(i)) for i in expr.inputs), told)


def stops(w: Why, context: str, level: int) -> bool:
    """Tell whether a number is written by its name: it has one, or what is behind it would be too much here."""
    scene, expr, _ = w.source
    if w.kind in ("given", "moved", "whole") or level >= DEEPEST or is_visible(w.scene, w.expr):
        return True
    own = expr in scene.written
    return (own and context == "term") or (context in ("term", "function") and is_long(w, own))


def is_long(w: Why, own: bool) -> bool:
    """Tell whether a number is a sum or a list that would be hard to read inside another op."""
    _, expr, _ = w.source
    if w.kind in ("sum", "function"):
        return own or len(w.cause.places) > SHORT
    assert expr.op is not None
    additive = own and expr.op.name in ADDITIVE
    return additive and any(o.kind == "sum" and not is_visible(o.scene, o.expr) for o in w.operands)


def listed(op: Op, parts: list[Any]) -> Any:
    """Write an op on a list of elements."""
    shown = parts if len(parts) <= MOST_TERMS else [*parts[:SHOWN_TERMS], hole(f"({len(parts) - SHOWN_TERMS} more)")]
    return Pattern(Op(op.name, op.value, (), True, {}), tuple(shown), {})


def sum_of(w: Why, form: Form, context: str, level: int) -> Any:
    """Write a sum of products, or its largest terms and how many there are besides."""
    terms = list(w.cause.terms)
    contributions = [t.factor * float(w.operand(t.place).value) for t in terms]
    kept = range(len(terms))
    if len(terms) > MOST_TERMS:
        kept = sorted(sorted(kept, key=lambda k: -abs(contributions[k]))[:SHOWN_TERMS])  # type: ignore[assignment]
    inner = "sum" if len(terms) == 1 and context in ("top", "sum") else "term"
    share = shared_factor(terms)
    terms = [Term(1.0, None, t.place) for t in terms] if share is not None else terms
    total: Any = None
    for k in kept:
        total = joined(total, *product(w, terms[k], form, inner, level))
    left = [c for k, c in enumerate(contributions) if k not in set(kept)]
    if left:
        total = joined(total, form.rest(len(left), float(sum(left)) / (share or 1.0)), False)
    if total is None:
        return constant(0.0)
    return total if share is None else shared_out(total, share)


def shared_factor(terms: list[Term]) -> float | None:
    """Return the number that all members of a sum are multiplied by, if it is one and the same, and not 1."""
    factors = {t.factor for t in terms}
    alike = len(terms) > 1 and len(factors) == 1 and all(t.factor_place is None for t in terms)
    return next(iter(factors)) if alike and abs(next(iter(factors))) != 1 else None


def shared_out(total: Any, share: float) -> Any:
    """Write a sum times a number, or divided by a count."""
    count = 1 / share if share else 0.0
    if abs(count - round(count)) < 1e-6 * abs(count):
        return Pattern(OPS["true_divide"], (total, constant(np.int64(round(count)))), {})
    return Pattern(OPS["multiply"], (short(share), total), {})


def joined(total: Any, term: Any, negative: bool) -> Any:
    """Add a term to a sum, or subtract it."""
    if total is None:
        return Pattern(OPS["negative"], (term,), {}) if negative else term
    return Pattern(OPS["subtract" if negative else "add"], (total, term), {})


def product(w: Why, term: Term, form: Form, context: str, level: int) -> tuple[Any, bool]:
    """Write a term of a sum, and tell whether it is subtracted."""

    def at(place: Place) -> Any:
        return written(w.operand(place), form, context, level + 1)

    if term.factor_place is not None:
        first, second = sorted([term.factor_place, term.place])
        return Pattern(OPS["multiply"], (at(first), at(second)), {}), False
    if abs(term.factor) == 1:
        return at(term.place), term.factor < 0
    return Pattern(OPS["multiply"], (short(abs(term.factor)), at(term.place)), {}), term.factor < 0


def lines_of(w: Why) -> list[str]:
    """Write a number in text: what it is, the arithmetic in names, and in numbers."""
    lines = [f"{w.name} = {figure(w.value, DIGITS)}"]
    if w.kind == "given":
        return lines
    by_name = text(arithmetic(w, Names()), 400)
    by_number = text(arithmetic(w, PlainNumbers()), 400)
    lines.append(f"  = {by_name}")
    if by_number != by_name and w.kind not in ("moved", "whole"):
        lines.append(f"  = {by_number}")
    return lines


def as_text(w: Why) -> str:
    """Write a number and what is behind it, level by level, and what the letters stand for."""
    lines: list[str] = []
    seen: set[Any] = set()
    stack = [(w, 0)]
    while stack:
        one, level = stack.pop()
        if one.key in seen:
            continue
        seen.add(one.key)
        lines += ["    " * level + line for line in lines_of(one)]
        if level + 1 < w.depth:
            stack += [(o, level + 1) for o in ends(one)[::-1]]
    told = definitions(w, "\n".join(lines))
    return "\n".join([*lines, *(f"  {'where' if n == 0 else '     '} {a} = {b}" for n, (a, b) in enumerate(told))])


def ends(w: Why) -> list[Why]:
    """Return the numbers that the arithmetic of a number is written in, which may be expanded in their turn."""
    found: list[Why] = []

    class Collected(Names):
        def number(self, w: Why) -> Any:
            found.append(w)
            return super().number(w)

    arithmetic(w, Collected())
    once = {o.key: o for o in found if o.kind != "given"}
    return list(once.values())


def definitions(w: Why, written: str) -> list[tuple[str, str]]:
    """Say what the letters in a text stand for that were given to expressions without a name."""
    letters = {name: e for e, name in w.scene.letters.items()}
    told: dict[str, str] = {}
    waiting = [written]
    while waiting:
        for word in re.findall(r"\w+", waiting.pop()):
            if word in letters and word not in told:
                told[word] = text(letters[word], 60, others(w, letters[word]))
                waiting.append(told[word])
    return sorted(told.items())


def as_latex(w: Why) -> str:
    """Write a number and its arithmetic as aligned equations."""
    lines = [rf"{tex_name(w)} &= {figure(w.value, DIGITS)}"]
    if w.kind != "given":
        lines = [f"{tex_name(w)} &= {latex(arithmetic(w, TexNames()))}"]
        if w.kind not in ("moved", "whole"):
            lines.append(f"&= {latex(arithmetic(w, Numbers()))}")
        lines.append(f"&= {figure(w.value, DIGITS)}")
    return "\\begin{split}\n" + " \\\\\n".join(lines) + "\n\\end{split}"


def as_html(w: Why) -> str:
    """Write a number and what is behind it, level by level, each opened by a click."""
    body = nested(w, max(w.depth, 3))
    told = "; ".join(mathml(f"{name_tex(a)} = {latex(e, others(w, e))}", "inline") for e, a in w.scene.letters.items())
    return body + (f"<p class='note'>where {told}</p>" if told else "")


def others(w: Why, e: Expr) -> dict[Any, str]:
    """Return the names of all expressions but one."""
    known = {**w.scene.placeholders, **w.scene.names, **w.scene.letters}
    return {o: n for o, n in known.items() if o is not e}


def nested(w: Why, depth: int) -> str:
    """Write a number as an element of a page, with those behind it inside."""
    formula = mathml(as_latex(w))
    inner = ends(w) if depth > 1 else []
    if not inner:
        return formula
    items = "".join(f"<li>{nested(o, depth - 1)}</li>" for o in inner)
    return f"{formula}<details><summary>{escape('behind ' + w.name)}</summary><ul class='why'>{items}</ul></details>"
