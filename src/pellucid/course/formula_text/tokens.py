"""Tokens of formulas."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pellucid.course.formula_text.errors import FormulaError

MAX_CHARACTERS = 2000

NUMBER = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
OPERATORS = ("**", "//", "==", "!=", "<=", ">=", *"+-*/@<>=()[],.:^'")

REPLACEMENTS = {
    "−": "-",
    "–": "-",
    "×": "*",
    "·": "*",
    "⋅": "*",
    "∗": "*",
    "⊙": "*",
    "÷": "/",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "′": "'",
}
"""Operators of mathematics and of word processors, as Python writes them."""

SUPERSCRIPTS = {"²": "2", "³": "3", "⁴": "4"}
DIGITS = "0123456789₀₁₂₃₄₅₆₇₈₉"
SUBSCRIPTS = str.maketrans(DIGITS[10:], DIGITS[:10])
TRANSPOSITIONS = ("ᵀ", "\N{DOWN TACK}")


@dataclass(frozen=True)
class Token:
    """A number, name, operator or the end, between two positions of the text."""

    kind: str
    text: str
    start: int
    end: int


def tokenize(text: str) -> list[Token]:
    """Split a formula into tokens; the last one marks the end."""
    if len(text) > MAX_CHARACTERS:
        raise FormulaError(
            f"The formula has {len(text)} characters; at most {MAX_CHARACTERS} are read.", MAX_CHARACTERS
        )
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        read = read_tokens(text, position)
        if not read:
            raise FormulaError(f"Unexpected `{text[position]}` (character {position + 1}).", position)
        tokens += read
        position = read[-1].end
    return [*tokens, Token("end", "", len(text), len(text))]


def read_tokens(text: str, start: int) -> list[Token]:
    """Read the token at a position; a superscript gives two. The result is empty if the character belongs to none."""
    character = text[start]
    if character in SUPERSCRIPTS:
        return [Token("op", "**", start, start + 1), Token("number", SUPERSCRIPTS[character], start, start + 1)]
    if character in TRANSPOSITIONS:
        return [Token("op", ".", start, start + 1), Token("name", "T", start, start + 1)]
    if character in REPLACEMENTS:
        return [Token("op", REPLACEMENTS[character], start, start + 1)]
    if number := NUMBER.match(text, start):
        return [Token("number", number[0], start, number.end())]
    end = start
    while end < len(text) and is_part_of_name(text[end], end > start):
        end += 1
    if end > start:
        return [Token("name", text[start:end].translate(SUBSCRIPTS), start, end)]
    return [Token("op", sign, start, start + len(sign)) for sign in OPERATORS if text.startswith(sign, start)][:1]


def is_part_of_name(character: str, can_be_digit: bool) -> bool:
    if character in TRANSPOSITIONS:
        return False
    return character.isalpha() or character == "_" or (can_be_digit and character in DIGITS)
