"""Text, LaTeX and HTML of `why`.

The arithmetic is a pattern of the ops, applied to names of elements or to their values, so signs and parentheses come
from the templates of the ops.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from typing import Any, NamedTuple

import numpy as np

from pellucid.graph.expr import Constant, Expr, constant
from pellucid.graph.op import OPS, Op
from pellucid.graph.pattern import Pattern, make_hole
from pellucid.graph.precedence import ADD, ATOM
from pellucid.graph.printing import text
from pellucid.graph.subgraph import Subgraph
from pellucid.show.formulas.latex_names import add_index, digits_to_latex, name_to_latex
from pellucid.show.formulas.mathml import latex_to_mathml
from pellucid.show.formulas.tex import latex
from pellucid.show.formulas.window_sums import GRADIENTS, choose_letters, write_window_sum
from pellucid.show.pages.formula_page import LatexStyle, Style, TextStyle, align
from pellucid.show.pages.input_values import format_number
from pellucid.show.why.element_arithmetic import Why
from pellucid.show.why.element_values import IDENTITY_OPS, find_visible, is_visible
from pellucid.show.why.provenance import ElementRef, SumTerm

MAX_TERMS, SHOWN_TERMS = 12, 6
"""A longer sum is written with this many of its largest terms."""

MAX_INLINE = 3
"""Longest sum or list that is written inside another op."""

MAX_NESTING = 6
"""Number of nested ops after which an element is written by its name."""

MAX_PIECES = 400
"""Length of the arithmetic of an element, after which it ends with an ellipsis."""

DIGITS = 6
"""Significant digits of the explained element; other numbers have fewer."""

ADDITIVE_OPS = frozenset(["add", "subtract", "negative"])


class LeafNotation(NamedTuple):
    """How to write elements that are not expanded, and the omitted terms of a sum or the whole sum."""

    format_leaf: Callable[[Why], Any]
    format_rest: Callable[[int, float], Any]
    format_long_sum: Callable[[Why, int], Any] | None = None


def write_leaf_name(w: Why, name: Callable[[Why], str]) -> Any:
    if not isinstance(w.expr, Constant):
        return make_hole(name(w))
    return shorten(w.value) if w.index else w.env.value(w.expr)


def make_number(written: str) -> Pattern:
    """Return a number that is parenthesized after an operator if it is negative."""
    precedence = ADD if written.startswith("-") else ATOM
    op = Op("number", abs, (), False, {}, text=lambda operands, settings: [written], precedence=precedence)
    return Pattern(op, (), {})


def shorten(value: Any, digits: int = 4) -> Constant:
    if np.asarray(value).dtype.kind in "biu":
        return constant(np.asarray(value))
    return constant(np.float64(format_number(value, digits)))


def element_to_latex(w: Why) -> str:
    name = name_to_latex(w.env.name(w.expr))
    index = ", ".join(map(str, w.index))
    if not index:
        return name
    # Parentheses separate the 2 of a name W_2 from the index of the element.
    return rf"({name})_{{{index}}}" if "_" in name else add_index(name, index)


TEXT_NAMES = LeafNotation(
    lambda w: write_leaf_name(w, lambda w: w.name),
    lambda count, total: make_hole(f"({count} more)"),
)
LATEX_NAMES = LeafNotation(
    lambda w: write_leaf_name(w, element_to_latex),
    lambda count, total: make_hole(rf"\text{{({count} more)}}"),
)
TEXT_NUMBERS = LeafNotation(
    lambda w: make_number(format_number(w.value)),
    lambda count, total: make_number(format_number(total)),
)
LATEX_NUMBERS = LeafNotation(lambda w: shorten(w.value), lambda count, total: shorten(total))


def write_arithmetic(w: Why, notation: LeafNotation) -> Any:
    if w.kind in ("given", "moved"):
        return notation.format_leaf(w.operands[0] if w.operands else w)
    return write_element(w, notation, "top", 0)


def write_element(w: Why, notation: LeafNotation, context: str, level: int) -> Any:
    """Write the op of an element on its operands, or the element by its name.

    The context is the surrounding formula: ``"top"`` for none, ``"sum"`` for a sum, which can contain another sum,
    ``"term"`` for a product or a list, and ``"function"`` for another op.
    """
    env, expr, _ = w.source
    kind = w.kind
    if context != "top" and is_leaf(w, context, level):
        return notation.format_leaf(w)
    assert expr.op is not None
    if kind == "sum":
        return write_sum(w, notation, context, level)
    if kind == "applied":
        inner = "sum" if expr.op.name in ADDITIVE_OPS and context in ("top", "sum") else "function"
        parts = [write_element(w.operand(place), notation, inner, level + 1) for place in w.provenance.places]
        return Pattern(expr.op, tuple(parts), expr.settings)
    if kind == "function":
        parts = [write_element(w.operand(place), notation, "term", level + 1) for place in w.provenance.places]
        is_complete = len(parts) == len(expr.inputs)
        return Pattern(expr.op, tuple(parts), expr.settings) if is_complete else write_call(expr.op, parts)
    settings = {key: value for key, value in expr.settings.items() if not isinstance(value, Subgraph)}
    return Pattern(expr.op, tuple(make_hole(env.name(i)) for i in expr.inputs), settings)


def is_leaf(w: Why, context: str, level: int) -> bool:
    """Check whether an element is written by its name: because it has one, or because its formula is too long here."""
    env, expr, _ = w.source
    if w.kind in ("given", "moved", "whole") or level >= MAX_NESTING or is_visible(w.env, w.expr):
        return True
    is_own = expr in env.user_exprs
    return (is_own and context == "term") or (context in ("term", "function") and is_long(w, is_own))


def is_long(w: Why, is_own: bool) -> bool:
    """Check whether an element is a sum or list that would be hard to read inside another op."""
    _, expr, _ = w.source
    if w.kind in ("sum", "function"):
        return is_own or len(w.provenance.places) > MAX_INLINE
    assert expr.op is not None
    is_sum = is_own and expr.op.name in ADDITIVE_OPS
    return is_sum and any(o.kind == "sum" and not is_visible(o.env, o.expr) for o in w.operands)


def write_call(op: Op, parts: list[Any]) -> Any:
    """Write an op as a call on a list of elements."""
    if len(parts) > MAX_TERMS:
        parts = [*parts[:SHOWN_TERMS], make_hole(f"({len(parts) - SHOWN_TERMS} more)")]
    return Pattern(Op(op.name, op.value, (), True, {}), tuple(parts), {})


def write_sum(w: Why, notation: LeafNotation, context: str, level: int) -> Any:
    """Write a sum of products, or its largest terms and the number of the others."""
    terms = list(w.provenance.terms)
    if len(terms) > MAX_TERMS and notation.format_long_sum is not None:
        return notation.format_long_sum(w, level)
    contributions = [t.factor * float(w.operand(t.place).value) for t in terms]
    kept = range(len(terms))
    if len(terms) > MAX_TERMS:
        kept = sorted(sorted(kept, key=lambda k: -abs(contributions[k]))[:SHOWN_TERMS])  # type: ignore[assignment]
    inner = "sum" if len(terms) == 1 and context in ("top", "sum") else "term"
    factor = find_common_factor(terms)
    terms = [SumTerm(1.0, None, t.place) for t in terms] if factor is not None else terms
    total: Any = None
    for k in kept:
        total = add_term(total, *write_term(w, terms[k], notation, inner, level))
    rest = [c for k, c in enumerate(contributions) if k not in set(kept)]
    if rest:
        total = add_term(total, notation.format_rest(len(rest), float(sum(rest)) / (factor or 1.0)), False)
    if total is None:
        return constant(0.0)
    return total if factor is None else multiply_by_factor(total, factor)


def find_common_factor(terms: list[SumTerm]) -> float | None:
    """Return the factor that all terms share, unless it is 1 or -1."""
    factors = {t.factor if t.factor_place is None else 1.0 for t in terms}
    return factors.pop() if len(terms) > 1 and len(factors) == 1 and not factors & {1.0, -1.0} else None


def multiply_by_factor(total: Any, factor: float) -> Any:
    """Write a sum times a factor, or divided by an integer."""
    count = 1 / factor if factor else 0.0
    if abs(count - round(count)) < 1e-6 * abs(count):
        return Pattern(OPS["true_divide"], (total, constant(np.int64(round(count)))), {})
    return Pattern(OPS["multiply"], (shorten(factor), total), {})


def add_term(total: Any, term: Any, is_negative: bool) -> Any:
    if total is None:
        return Pattern(OPS["negative"], (term,), {}) if is_negative else term
    return Pattern(OPS["subtract" if is_negative else "add"], (total, term), {})


def write_term(w: Why, term: SumTerm, notation: LeafNotation, context: str, level: int) -> tuple[Any, bool]:
    """Write a term of a sum without its sign, and tell whether the sign is negative."""

    def write(place: ElementRef) -> Any:
        return write_element(w.operand(place), notation, context, level + 1)

    if term.factor_place is not None:
        first, second = sorted([term.factor_place, term.place])
        return Pattern(OPS["multiply"], (write(first), write(second)), {}), False
    if abs(term.factor) == 1:
        return write(term.place), term.factor < 0
    return Pattern(OPS["multiply"], (shorten(abs(term.factor)), write(term.place)), {}), term.factor < 0


def element_lines(w: Why) -> list[str]:
    """Return an element in text: its value, and its arithmetic in names and in numbers."""
    lines = [f"{w.name} = {format_number(w.value, DIGITS)}"]
    if w.kind == "given":
        return lines
    by_name = text(write_arithmetic(w, TEXT_NAMES), MAX_PIECES)
    by_number = text(write_arithmetic(w, TEXT_NUMBERS), MAX_PIECES)
    over_windows = describe_window_sum(w, TextStyle())
    lines += [f"  = {over_windows}"] if over_windows else []
    lines.append(f"  = {by_name}")
    if by_number != by_name and w.kind not in ("moved", "whole"):
        lines.append(f"  = {by_number}")
    return lines


def describe_window_sum(w: Why, style: Style) -> str:
    """Return an element of the gradient of a convolution or pooling as a sum over windows, empty for other ops."""
    env, expr, index = w.source
    if expr.op is None or expr.op.name not in GRADIENTS or w.kind in ("given", "moved"):
        return ""
    write_element_sum, roles = GRADIENTS[expr.op.name]
    operands = [
        find_visible(env, i, ())[1] if i.op is not None and i.op.name in IDENTITY_OPS else i for i in expr.inputs
    ]
    names = {role: style.name(env.name(e)) for role, e in zip(roles, operands, strict=False)}
    letters = choose_letters(len(index) - 2, set(names.values()))
    one = write_element_sum(expr.settings, letters, tuple(map(str, index)))
    condition = rf" \quad \text{{{one.condition}}}" if one.condition and style.is_latex else ""
    return write_window_sum(one, names, style) + condition


def why_to_text(w: Why) -> str:
    lines: list[str] = []
    seen: set[object] = set()
    stack = [(w, 0)]
    while stack:
        element, level = stack.pop()
        if element.key in seen:
            continue
        seen.add(element.key)
        lines += ["    " * level + line for line in element_lines(element)]
        if level + 1 < w.depth:
            stack += [(o, level + 1) for o in find_leaves(element)[::-1]]
    for number, (name, definition) in enumerate(find_definitions(w, "\n".join(lines))):
        lines.append(f"  {'     ' if number else 'where'} {name} = {definition}")
    return "\n".join(lines)


def find_leaves(w: Why) -> list[Why]:
    """Return the computed elements in the arithmetic of an element, each once."""
    found: list[Why] = []

    def collect(w: Why) -> Any:
        found.append(w)
        return TEXT_NAMES.format_leaf(w)

    write_arithmetic(w, TEXT_NAMES._replace(format_leaf=collect))
    return list({o.key: o for o in found if o.kind != "given"}.values())


def find_definitions(w: Why, written: str) -> list[tuple[str, str]]:
    """Return the definitions of the automatic names in a text."""
    exprs = {name: e for e, name in w.env.auto_names.items()}
    found: dict[str, str] = {}
    pending = [written]
    while pending:
        for word in re.findall(r"\w+", pending.pop()):
            if word in exprs and word not in found:
                found[word] = text(exprs[word], 60, get_other_names(w, exprs[word]))
                pending.append(found[word])
    return sorted(found.items())


def why_to_latex(w: Why) -> str:
    name, value = element_to_latex(w), digits_to_latex(format_number(w.value, DIGITS))[0]
    if w.kind == "given":
        return align([f"{name} &= {value}"])
    over_windows = describe_window_sum(w, LatexStyle())
    lines = [f"{name} &= {over_windows}"] if over_windows else []
    lines.append(f"{'' if lines else name} &= {latex(write_arithmetic(w, LATEX_NAMES))}".strip())
    if w.kind not in ("moved", "whole"):
        lines.append(f"&= {latex(write_arithmetic(w, LATEX_NUMBERS))}")
    return align([*lines, f"&= {value}"])


def why_to_html(w: Why) -> str:
    body = element_to_html(w, max(w.depth, 3))
    definitions = "; ".join(
        latex_to_mathml(f"{name_to_latex(name)} = {latex(e, get_other_names(w, e))}", "inline")
        for e, name in w.env.auto_names.items()
    )
    return body + (f"<p class='note'>where {definitions}</p>" if definitions else "")


def get_other_names(w: Why, e: Expr) -> dict[Any, str]:
    """Return the names of all expressions but one."""
    names = {**w.env.placeholders, **w.env.names, **w.env.auto_names}
    return {o: n for o, n in names.items() if o is not e}


def element_to_html(w: Why, depth: int) -> str:
    """Return an element with the elements in its arithmetic folded below it."""
    formula = latex_to_mathml(why_to_latex(w))
    inner = find_leaves(w) if depth > 1 else []
    if not inner:
        return formula
    items = "".join(f"<li>{element_to_html(o, depth - 1)}</li>" for o in inner)
    summary = escape(f"elements of {w.name}")
    return f"{formula}<details><summary>{summary}</summary><ul class='why'>{items}</ul></details>"
