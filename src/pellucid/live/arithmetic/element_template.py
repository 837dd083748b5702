"""Arithmetic of one element as a tree: pieces of text, and positions of numbers in arrays.

`why` writes the arithmetic; here its elements are written as references instead of names or numbers. The pages fill
in both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.expr import Constant, Expr
from pellucid.graph.op import OPS, Op, TemplatePiece
from pellucid.graph.pattern import Pattern
from pellucid.graph.precedence import ADD, ATOM, NEGATE
from pellucid.graph.printing import PythonNotation, fill_template, render
from pellucid.live.arithmetic.traced_values import ChosenIndex, is_scatter
from pellucid.show.why.arithmetic_page import (
    MAX_PIECES,
    TEXT_NAMES,
    TEXT_NUMBERS,
    LeafNotation,
    add_term,
    find_common_factor,
    multiply_by_factor,
    write_arithmetic,
    write_term,
)
from pellucid.show.why.element_arithmetic import Why
from pellucid.show.why.element_values import ValueEnv, find_visible, is_visible
from pellucid.show.why.provenance import ElementIndex, SumTerm, broadcast_index

Tree = Any
"""Nested dictionaries and lists of strings, numbers, `Position` and `LongSum`."""

SAMPLED_TERMS = 8
"""Number of terms of a long sum that are read unless all are."""

MAX_TERMS_READ = 128
"""Number of terms of the longest sum of which all are read."""

MARK, OPEN, CLOSE = "\0", "\1", "\2"


class UnknownElementError(Exception):
    """An element that is not in an array of the page, such as one inside of a loop."""


@dataclass(frozen=True)
class Position:
    """Flat position of an element in an array, or its position along an axis."""

    value: int


@dataclass(frozen=True)
class LongSum:
    """A sum of which a page writes the largest terms. ``terms`` has some of them or all, by their numbers."""

    count: int
    terms: dict[int, Tree]


class TemplateNotation(PythonNotation):
    """Notation of Python that marks the parentheses around references."""

    def parenthesize(self) -> tuple[str, str]:
        return OPEN, CLOSE


class ElementReader:
    """Reads elements of a graph.

    Parameters
    ----------
    env : ValueEnv
        Values of the graph.
    all_terms : bool
        Whether to read all terms of long sums.
    """

    all_terms: bool
    env: ValueEnv

    def __init__(self, env: ValueEnv, *, all_terms: bool = False) -> None:
        self.env, self.all_terms = env, all_terms

    def read(self, expr: Expr, index: ElementIndex) -> Tree:
        """Return the arithmetic of an element."""
        w = Why(self.env, expr, index)
        if w.expr is not expr:
            return {"kind": "moved", "names": [self.refer(w)]}
        _, source, place = w.source
        return self.read_scatter(source, place) if is_scatter(source) else self.read_arithmetic(w)

    def read_arithmetic(self, w: Why) -> Tree:
        if w.kind == "whole":
            env, source, _ = w.source
            operands = [] if env is not self.env else [i for i in source.inputs if not isinstance(i, Constant)]
            return {"kind": "whole", "operands": [{"of": i, "shown": True} for i in operands]}
        tree = {"kind": w.kind, "names": self.write(w, is_number=False)}
        return tree if w.kind == "moved" else {**tree, "numbers": self.write(w, is_number=True)}

    def read_scatter(self, source: Expr, index: ElementIndex) -> Tree:
        """Return both arithmetics of an element that is written or zero, as far as this element has them."""
        written, chooser, _ = source.inputs
        axis = source.settings["axis"]
        if self.env.value(chooser).shape[axis] != 1:
            return {"kind": "whole", "operands": []}
        place = broadcast_index(index, self.env.value(chooser).shape)
        is_written = int(self.env.value(chooser)[place]) == index[axis]
        operand = Why(self.env, written, broadcast_index(index, self.env.value(written).shape))
        copy = {"kind": "moved", "names": [self.refer(operand)]}
        return {
            "kind": "choice",
            "by": self.refer_to(chooser, place),
            "equals": Position(index[axis]),
            "then": (copy if is_visible(self.env, operand.expr) else self.read_arithmetic(operand))
            if is_written
            else None,
            "else": None if is_written else {"kind": "sum", "names": ["0"], "numbers": ["0"]},
        }

    def write(self, w: Why, *, is_number: bool) -> list[Tree]:
        writer = TemplateWriter(self, is_number)
        return writer.split([(write_arithmetic(w, writer.notation), 0)])

    def refer(self, w: Why, *, is_shown: bool = True) -> dict[str, Tree]:
        """Return a reference to an element."""
        if w.env is not self.env:
            raise UnknownElementError(w.name)
        return self.describe_place(w.expr, w.index, is_shown)

    def refer_to(self, expr: Expr, index: ElementIndex) -> dict[str, Tree]:
        env, expr, index = find_visible(self.env, expr, index)
        if env is not self.env:
            raise UnknownElementError(str(expr))
        return self.describe_place(expr, index, expr.op is None)

    def describe_place(self, expr: Expr, index: ElementIndex, is_shown: bool) -> dict[str, Tree]:
        shape = self.env.value(expr).shape
        steps = [int(np.prod(shape[axis + 1 :], dtype=int)) for axis in range(len(shape))]
        chosen = [
            {"step": step, "size": size, "by": self.refer_to(i.chooser, i.place)}
            for i, step, size in zip(index, steps, shape, strict=True)
            if isinstance(i, ChosenIndex)
        ]
        fixed = sum(step * i for i, step in zip(index, steps, strict=True) if not isinstance(i, ChosenIndex))
        place = {"of": expr, "at": Position(fixed), "shown": is_shown and not isinstance(expr, Constant)}
        return {**place, "chosen": chosen} if chosen else place


class TemplateWriter:
    """Writes one line of the arithmetic of an element: in names or in numbers."""

    is_number: bool
    reader: ElementReader

    def __init__(self, reader: ElementReader, is_number: bool) -> None:
        self.reader, self.is_number = reader, is_number
        self.references: list[Tree] = []
        self.notation: LeafNotation = LeafNotation(self.format_leaf, lambda count, total: None, self.format_long_sum)

    def format_leaf(self, w: Why) -> Any:
        is_constant = isinstance(w.expr, Constant)
        if is_constant and not w.index:
            return (TEXT_NUMBERS if self.is_number else TEXT_NAMES).format_leaf(w)
        precedence = ADD if self.is_number else NEGATE if is_constant else ATOM
        return self.mark(self.reader.refer(w), precedence)

    def format_long_sum(self, w: Why, level: int) -> Any:
        terms = list(w.provenance.terms)
        factor = find_common_factor(terms)
        if factor is not None:
            terms = [SumTerm(1.0, None, t.place) for t in terms]
        read = {k: self.read_term(w, terms[k], level) for k in self.choose_terms(len(terms))}
        total = self.mark(LongSum(len(terms), read), OPS["add"].precedence)
        return total if factor is None else multiply_by_factor(total, factor)

    def choose_terms(self, count: int) -> list[int]:
        if self.reader.all_terms and count <= MAX_TERMS_READ:
            return list(range(count))
        return sorted({0, 1, 2, count - 1, *np.linspace(3, count - 2, SAMPLED_TERMS - 4).astype(int).tolist()})

    def read_term(self, w: Why, term: SumTerm, level: int) -> Tree:
        written, is_negative = write_term(w, term, self.notation, "term", level)
        factor: Tree = term.factor
        if term.factor_place is not None:
            factor = self.reader.refer(w.operand(term.factor_place), is_shown=False)
        return {
            "value": self.reader.refer(w.operand(term.place), is_shown=False),
            "factor": factor,
            "first": self.split([(add_term(None, written, is_negative), ADD)]),
            "next": self.split(write_sum_pieces(written, is_negative)),
        }

    def mark(self, reference: Tree, precedence: int) -> Pattern:
        """Return a pattern whose text is a mark of the reference."""
        self.references.append(reference)
        text = f"{MARK}{len(self.references) - 1}{MARK}"
        op = Op("reference", abs, (), False, {}, text=lambda operands, settings: [text], precedence=precedence)
        return Pattern(op, (), {})

    def split(self, pieces: list[TemplatePiece]) -> list[Tree]:
        """Return text and references of some pieces of text and patterns."""
        op = Op("pieces", abs, (), False, {}, text=lambda operands, settings: pieces, precedence=ATOM)
        parts = re.split(f"{MARK}(\\d+){MARK}", render(Pattern(op, (), {}), TemplateNotation(), MAX_PIECES))
        found: list[Tree] = [parts[0]]
        for number, following in zip(parts[1::2], parts[2::2], strict=True):
            reference = self.references[int(number)]
            before = found.pop()
            if not isinstance(reference, LongSum) and before.endswith(OPEN) and following.startswith(CLOSE):
                before, following, reference = before[:-1], following[1:], {**reference, "sign": True}
            found += [before, reference, following]
        return [p.replace(OPEN, "(").replace(CLOSE, ")") if isinstance(p, str) else p for p in found if p != ""]


def write_sum_pieces(term: Pattern, is_negative: bool) -> list[TemplatePiece]:
    """Return a sign and a term, as they follow other terms."""
    op = OPS["subtract" if is_negative else "add"]
    assert isinstance(op.text, str)
    return fill_template(op.text, (None, term), op.precedence)[1:]
