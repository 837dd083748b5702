"""Parser of formulas: a subset of Python's expressions, by precedence climbing.

Python's own parser would report mistakes in the words of its version, and pages have no Python. The parser of pages,
``web/src/exercises/formula/parser.ts``, mirrors this file, message by message.
"""

from __future__ import annotations

import keyword
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any, TypeVar

from pellucid.course.formula_text.errors import FormulaError
from pellucid.course.formula_text.function_parameters import ALIASES, MODULES, PARAMETERS, USUAL_NAMES
from pellucid.course.formula_text.nodes import (
    Binary,
    Call,
    Constant,
    Index,
    Letter,
    Negative,
    Node,
    Number,
    Shape,
    SliceNode,
    Tuple,
)
from pellucid.course.formula_text.tokens import Token, tokenize
from pellucid.graph.errors import near_miss

MAX_DEPTH = 100
MAX_NESTING = 50

COMPARISONS = ("<", ">", "<=", ">=", "==", "!=")
PRECEDENCE = {**dict.fromkeys(COMPARISONS, 1), "+": 2, "-": 2, "*": 3, "/": 3, "@": 3, "**": 5}
POWER = PRECEDENCE["**"]
CONSTANTS = ("None", "True", "False")
KEYWORDS = frozenset(keyword.kwlist) - frozenset(CONSTANTS)

SomeNode = TypeVar("SomeNode", bound=Any)


def quote(text: str, start: int, end: int) -> str:
    """Return part of a formula on one line, cut to the length that fits a message."""
    part = " ".join(text[start:end].split())
    return part if len(part) <= 40 else part[:39] + "…"


class Parser:
    """Reads one formula. ``letters`` are the names that it may use."""

    letters: list[str]
    text: str

    def __init__(self, text: str, letters: Collection[str]) -> None:
        self.text, self.letters = text, list(letters)
        self.tokens: list[Token] = tokenize(text)
        self.at: int = 0
        self.nesting: int = 0
        self.used: list[str] = []

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def error(self, message: str, position: int | None = None) -> FormulaError:
        """Return the error of the next token, or of a position."""
        place = self.token.start if position is None else position
        return FormulaError(f"{message} (character {place + 1}).", place)

    def accept(self, sign: str) -> bool:
        """Step over an operator if it is next."""
        found = self.token.kind == "op" and self.token.text == sign
        self.at += found
        return found

    def make(self, node: SomeNode, children: Iterable[Node | None]) -> SomeNode:
        depth = 1 + max((child.depth for child in children if child is not None), default=0)
        if depth > MAX_DEPTH:
            raise self.error(f"The formula is too long: it nests more than {MAX_DEPTH} operations", node.start)
        return replace(node, depth=depth)

    def parse(self) -> Node:
        """Read the whole text. A left side such as ``dW1 =`` is dropped."""
        self.skip_left_side()
        if self.token.kind == "end":
            raise self.error(
                "The formula is empty: write for example `X @ W1`" if self.at == 0 else "Nothing follows `=`"
            )
        node = self.parse_expression(0)
        if self.token.kind != "end":
            raise self.make_rest_error()
        return node

    def skip_left_side(self) -> None:
        """Step over ``name =`` and ``name / name =``."""
        for pattern in (("name", "="), ("name", "/", "name", "=")):
            tokens = self.tokens[: len(pattern)]
            if len(tokens) == len(pattern) and all(
                t.kind == "name" if wanted == "name" else t.text == wanted
                for t, wanted in zip(tokens, pattern, strict=True)
            ):
                self.at = len(pattern)

    def make_rest_error(self) -> FormulaError:
        sign = self.token.text
        if sign in (")", "]"):
            return self.error(f"The `{sign}` has no `{'(' if sign == ')' else '['}` before it")
        if sign == "=":
            return self.error("Only one `=` is allowed, after the name of the result. A comparison is `==`")
        if sign == ",":
            return self.error("A formula is one expression, without a comma outside of parentheses")
        return self.error(f"Unexpected `{sign}`")

    def parse_expression(self, level: int) -> Node:
        """Read operators that bind at least as tightly as a level."""
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise self.error(f"The formula is nested too deeply: more than {MAX_NESTING} levels")
        left = self.parse_prefix()
        while True:
            self.check_no_implied_product(left)
            sign = self.token.text if self.token.kind == "op" else ""
            precedence = PRECEDENCE.get(sign, -1)
            if precedence < level or precedence < 0:
                break
            if (
                sign in COMPARISONS
                and isinstance(left, Binary)
                and left.operator in COMPARISONS
                and left.start == left.left.start
            ):
                raise self.error("Compare two values at a time: write `(a < b) * (b < c)` for `a < b < c`")
            self.at += 1
            right = self.parse_expression(POWER if sign == "**" else precedence + 1)
            left = self.make(Binary(left.start, right.end, sign, left, right), (left, right))
        self.nesting -= 1
        return left

    def check_no_implied_product(self, left: Node) -> None:
        """Refuse what follows an operand without an operator, and signs of other notations."""
        token = self.token
        before = quote(self.text, left.start, left.end)
        if token.kind == "name" and token.text in KEYWORDS:
            raise self.make_keyword_error()
        if token.kind in ("name", "number") or token.text == "(":
            after = "(…)" if token.text == "(" else token.text
            hint = f"Write `{before} * {after}`"
            if token.kind != "number" and not isinstance(left, Number):
                hint += f", or `{before} @ {after}` for a matrix product"
            raise self.error(f"There is no operator between `{before}` and `{after}`. {hint}")
        if token.text == "'":
            raise self.error(f"Write `{before}.T` for the transpose, not `{before}'`")
        if token.text == "^":
            if self.tokens[self.at + 1].text == "T":
                raise self.error(f"Write `{before}.T` for the transpose, not `{before}^T`")
            raise self.error(f"Write `**` for a power, such as `{before} ** 2`, not `^`")
        if token.text == "//":
            raise self.error("Write `/` for a division, not `//`")

    def make_keyword_error(self) -> FormulaError:
        return self.error(
            f"`{self.token.text}` is not part of a formula. Write an expression of letters, numbers and functions"
        )

    def parse_prefix(self) -> Node:
        token = self.token
        if self.accept("-"):
            operand = self.parse_expression(POWER)
            return self.make(Negative(token.start, operand.end, operand), (operand,))
        if self.accept("+"):
            return self.parse_expression(POWER)
        return self.parse_postfix(self.parse_operand())

    def parse_operand(self) -> Node:
        token = self.token
        if token.kind == "number":
            self.at += 1
            value = float(token.text)
            if value == float("inf"):
                raise self.error(f"The number {quote(token.text, 0, 50)} is too large", token.start)
            return Number(token.start, token.end, token.text, value)
        if token.kind == "name":
            return self.parse_name()
        if self.accept("("):
            return self.parse_parentheses(token)
        if token.kind == "end":
            raise self.error(f"The formula ends after `{self.tokens[self.at - 1].text}`: something is missing")
        if token.text == "[":
            raise self.error("A list cannot be written here: brackets only choose elements, as in `p[arange(n), y]`")
        raise self.error(f"Something is missing before `{token.text}`")

    def parse_parentheses(self, opening: Token) -> Node:
        first = self.parse_expression(0)
        if self.token.text != ",":
            self.close(opening)
            return replace(first, start=opening.start, end=self.tokens[self.at - 1].end)
        items = [first]
        while self.accept(","):
            if self.token.text == ")":
                break
            items.append(self.parse_expression(0))
        self.close(opening)
        return self.make(Tuple(opening.start, self.tokens[self.at - 1].end, tuple(items)), items)

    def close(self, opening: Token) -> None:
        closing = ")" if opening.text == "(" else "]"
        if self.accept(closing):
            return
        if self.token.kind == "end":
            raise self.error(f"The `{opening.text}` is not closed: a `{closing}` is missing", opening.start)
        raise self.error(f"Expected `{closing}` but found `{self.token.text}`")

    def parse_name(self) -> Node:
        token = self.token
        name = token.text
        if name in KEYWORDS:
            raise self.make_keyword_error()
        self.at += 1
        if name in self.letters and not (self.token.text == "(" and name in PARAMETERS):
            self.used.append(name)
            return Letter(token.start, token.end, name)
        if name in CONSTANTS:
            return Constant(token.start, token.end, name)
        if name in MODULES and self.accept("."):
            return self.parse_member(token)
        if self.token.text == "(":
            return self.parse_call(token, None)
        if name in PARAMETERS or name in ALIASES:
            raise self.error(f"The function `{name}` needs parentheses: write `{name}(…)`", token.start)
        raise self.make_letter_error(token)

    def parse_member(self, module: Token) -> Node:
        """Read the function after ``np.``."""
        token = self.token
        if token.kind != "name":
            raise self.error(f"The name of a function is missing after `{module.text}.`")
        self.at += 1
        if token.text == "newaxis":
            return Constant(module.start, token.end, "None")
        if self.token.text != "(":
            known = token.text in PARAMETERS or token.text in ALIASES
            if not known:
                raise self.make_function_error(token)
            raise self.error(f"The function `{token.text}` needs parentheses: write `{token.text}(…)`", token.start)
        return self.parse_call(replace(token, start=module.start), None)

    def make_letter_error(self, token: Token) -> FormulaError:
        hint = near_miss(token.text, self.letters)
        if token.text == "T":
            hint = " The transpose of X is `X.T`."
        listed = f" The letters here are {', '.join(self.letters)}." if self.letters else ""
        return FormulaError(f"Unknown letter '{token.text}' (character {token.start + 1}).{hint}{listed}", token.start)

    def make_function_error(self, token: Token) -> FormulaError:
        usual = USUAL_NAMES.get(token.text)
        hint = f" Write `{usual}`." if usual else near_miss(token.text, PARAMETERS)
        return FormulaError(f"Unknown function '{token.text}' (character {token.start + 1}).{hint}", token.start)

    def parse_postfix(self, node: Node) -> Node:
        """Read indices, ``.T``, ``.shape`` and methods after an operand."""
        while True:
            opening = self.token
            if self.accept("["):
                items = self.parse_items(opening)
                node = self.make(Index(node.start, self.tokens[self.at - 1].end, node, items), (node, *items))
            elif self.accept("."):
                node = self.parse_attribute(node)
            else:
                return node

    def parse_attribute(self, base: Node) -> Node:
        token = self.token
        if token.kind != "name":
            raise self.error("The name of a method is missing after `.`")
        self.at += 1
        if self.token.text == "(" and token.text != "T":
            return self.parse_call(token, base)
        if token.text == "T":
            return self.make(Call(base.start, token.end, "transpose", (base, None)), (base,))
        if token.text == "shape":
            return self.make(Shape(base.start, token.end, base), (base,))
        if token.text in PARAMETERS:
            raise self.error(f"The function `{token.text}` needs parentheses: write `.{token.text}(…)`", token.start)
        known = ["T", "shape", *PARAMETERS]
        hint = near_miss(token.text, known)
        raise FormulaError(f"Unknown attribute '{token.text}' (character {token.start + 1}).{hint}", token.start)

    def parse_items(self, opening: Token) -> tuple[Node, ...]:
        items: list[Node] = []
        while self.token.text != "]" or not items:
            items.append(self.parse_item())
            if not self.accept(","):
                break
        self.close(opening)
        return tuple(items)

    def parse_item(self) -> Node:
        """Read an index or a slice."""
        start = self.token.start
        parts: list[Node | None] = []
        while True:
            is_part = self.token.text not in (":", ",", "]")
            parts.append(self.parse_expression(0) if is_part or (not parts and self.token.text != ":") else None)
            if len(parts) == 3 or not self.accept(":"):
                break
        if len(parts) == 1:
            assert parts[0] is not None
            return parts[0]
        parts += [None] * (3 - len(parts))
        return self.make(SliceNode(start, self.tokens[self.at - 1].end, *parts), parts)

    def parse_call(self, name: Token, base: Node | None) -> Node:
        """Read arguments. ``base`` is the array before a method."""
        function = ALIASES.get(name.text, name.text)
        if function not in PARAMETERS:
            raise self.make_function_error(name)
        opening = self.token
        self.accept("(")
        positional: list[Node] = [] if base is None else [base]
        keywords: dict[str, Node] = {}
        while self.token.text != ")":
            if self.token.kind == "name" and self.tokens[self.at + 1].text == "=":
                named = self.token
                self.check_keyword(function, named, len(positional), keywords)
                self.at += 2
                keywords[named.text] = self.parse_expression(0)
            elif keywords:
                raise self.error(f"{function}: write arguments without a name before those with one")
            else:
                positional.append(self.parse_expression(0))
            if not self.accept(","):
                break
        self.close(opening)
        arguments = self.order_arguments(function, positional, keywords, name.start)
        start = name.start if base is None else base.start
        return self.make(Call(start, self.tokens[self.at - 1].end, function, arguments), arguments)

    def check_keyword(self, function: str, named: Token, count: int, keywords: Collection[str]) -> None:
        names = [parameter.partition("=")[0] for parameter in PARAMETERS[function]]
        if named.text not in names:
            hint = near_miss(named.text, names)
            raise FormulaError(
                f"{function} has no argument '{named.text}' (character {named.start + 1}).{hint}", named.start
            )
        if names.index(named.text) < count or named.text in keywords:
            raise self.error(f"{function} receives the argument '{named.text}' twice")

    def order_arguments(
        self, function: str, positional: list[Node], keywords: dict[str, Node], position: int
    ) -> tuple[Node | None, ...]:
        """Return one argument for each parameter, None where the default applies."""
        parameters = PARAMETERS[function]
        if function == "reshape" and len(positional) > 2:
            sizes = positional[1:]
            shape = self.make(Tuple(sizes[0].start, sizes[-1].end, tuple(sizes)), sizes)
            positional = [positional[0], shape]
        names = [parameter.partition("=")[0] for parameter in parameters]
        if len(positional) > len(parameters):
            raise self.error(f"{function} takes {', '.join(names)}; here are {len(positional)} arguments", position)
        arguments = [*positional, *(keywords.get(name) for name in names[len(positional) :])]
        for parameter, argument in zip(parameters, arguments, strict=True):
            if argument is None and "=" not in parameter:
                raise self.error(f"{function} takes {', '.join(names)}; {parameter} is missing", position)
        return tuple(arguments)
