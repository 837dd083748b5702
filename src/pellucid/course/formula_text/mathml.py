"""MathML of formulas, which shows the learner how a text was understood."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape

from pellucid.course.formula_text.function_parameters import PARAMETERS
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
from pellucid.course.formula_text.parser import COMPARISONS

COMPARISON, SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 5, 6
"""Levels of binding, from loose to tight."""

SIGNS = {"<": "<", ">": ">", "<=": "≤", ">=": "≥", "==": "=", "!=": "≠"}
SUBSCRIPT = re.compile(r"(.*?[^_0-9])_?([0-9]+)|(.*?[^_])_([^_]+)")
ELEMENTWISE = [name for name, parameters in PARAMETERS.items() if parameters == ["x"]]


def operator(sign: str) -> str:
    return f"<mo>{escape(sign)}</mo>"


def group(content: str) -> str:
    return f"<mrow>{content}</mrow>"


class MathmlWriter:
    """Writes nodes with the parentheses that the reader needs."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.shapes = shapes

    def write(self, node: Node) -> str:
        return f"<math>{self.write_node(node)[0]}</math>"

    def wrap(self, node: Node, level: int) -> str:
        content, own = self.write_node(node)
        return content if own >= level else group(f"{operator('(')}{content}{operator(')')}")

    def write_node(self, node: Node) -> tuple[str, int]:
        """Return the MathML of a node, and how tightly it binds."""
        if isinstance(node, Number):
            return f"<mn>{node.text}</mn>", ATOM
        if isinstance(node, Letter):
            return self.write_letter(node.name), ATOM
        if isinstance(node, Negative):
            # At the start of its own row, the sign has the space of a prefix.
            return group(operator("−") + self.wrap(node.operand, PRODUCT)), SUM
        if isinstance(node, Binary):
            return self.write_binary(node)
        if isinstance(node, Call):
            return self.write_call(node)
        return self.write_part(node), ATOM

    def write_part(self, node: Node) -> str:
        """Write what only arguments and indices have."""
        if isinstance(node, Index):
            return group(self.wrap(node.base, ATOM) + operator("[") + self.join(node.items) + operator("]"))
        if isinstance(node, Tuple):
            return group(operator("(") + self.join(node.items) + operator(")"))
        if isinstance(node, SliceNode):
            first, last, step = (
                self.write_node(part)[0] if part else "" for part in (node.first, node.last, node.step)
            )
            return group(first + operator(":") + last + (operator(":") + step if node.step else ""))
        if isinstance(node, Shape):
            return group(self.wrap(node.base, ATOM) + "<mtext>.shape</mtext>")
        assert isinstance(node, Constant)
        return f"<mtext>{node.name}</mtext>"

    def join(self, nodes: tuple[Node, ...]) -> str:
        return operator(",").join(self.write_node(node)[0] for node in nodes)

    def write_letter(self, name: str) -> str:
        match = SUBSCRIPT.fullmatch(name)
        if match is None:
            return f"<mi>{escape(name)}</mi>"
        base, subscript = (match[1], f"<mn>{match[2]}</mn>") if match[1] else (match[3], f"<mi>{escape(match[4])}</mi>")
        return f"<msub><mi>{escape(base)}</mi>{subscript}</msub>"

    def write_binary(self, node: Binary) -> tuple[str, int]:
        sign, left, right = node.operator, node.left, node.right
        if sign == "/":
            return f"<mfrac>{group(self.write_node(left)[0])}{group(self.write_node(right)[0])}</mfrac>", PRODUCT
        if sign == "**":
            return f"<msup>{self.wrap(left, ATOM)}{group(self.write_node(right)[0])}</msup>", POWER
        if sign in ("*", "@"):
            return self.write_product(sign, left, right), PRODUCT
        if sign in COMPARISONS:
            return self.wrap(left, SUM) + operator(SIGNS[sign]) + self.wrap(right, SUM), COMPARISON
        return self.wrap(left, SUM) + operator("−" if sign == "-" else "+") + self.wrap(right, PRODUCT), SUM

    def write_product(self, sign: str, left: Node, right: Node) -> str:
        """Write a matrix product as juxtaposition, an elementwise product with a circled dot."""
        scales = self.is_number(left) or self.is_number(right)
        between = '<mspace width="0.2em"></mspace>' if sign == "@" else operator("⋅" if scales else "⊙")
        # A @ B * C is (A @ B) * C: parentheses show which product comes first.
        mixed = (
            not scales and isinstance(left, Binary) and {left.operator, sign} == {"*", "@"} and not self.scales(left)
        )
        first = self.wrap(left, POWER if mixed else PRODUCT)
        return first + between + self.wrap(right, POWER)

    def scales(self, node: Binary) -> bool:
        return self.is_number(node.left) or self.is_number(node.right)

    def write_call(self, node: Call) -> tuple[str, int]:
        name, arguments = node.function, [argument for argument in node.arguments if argument is not None]
        first = arguments[0]
        if name == "transpose" and len(arguments) == 1:
            return f"<msup>{self.wrap(first, ATOM)}<mi>\N{DOWN TACK}</mi></msup>", POWER
        if name == "square":
            return f"<msup>{self.wrap(first, ATOM)}<mn>2</mn></msup>", POWER
        if name == "sqrt":
            return f"<msqrt>{self.write_node(first)[0]}</msqrt>", ATOM
        if name == "abs":
            return group(operator("|") + self.write_node(first)[0] + operator("|")), ATOM
        if name == "matmul":
            return self.write_product("@", *arguments), PRODUCT
        return self.write_function(node), ATOM

    def write_function(self, node: Call) -> str:
        """Write a name with the axis below, and arguments in parentheses."""
        below = []
        arguments = []
        for parameter, argument in zip(PARAMETERS[node.function], node.arguments, strict=True):
            if argument is None:
                continue
            if parameter.startswith("axis"):
                below.append("<mtext>axis\N{NO-BREAK SPACE}</mtext>" + self.write_node(argument)[0])
            elif parameter.startswith("keepdims"):
                below.append(f"<mtext>keepdims={argument.name}</mtext>" if isinstance(argument, Constant) else "")
            else:
                arguments.append(argument)
        shown = {"maximum": "max", "minimum": "min"}.get(node.function, node.function)
        name = f"<mi>{shown}</mi>"
        if below:
            name = f"<msub>{name}{group(operator(',').join(below))}</msub>"
        return group(name + operator("(") + self.join(tuple(arguments)) + operator(")"))

    def is_number(self, node: Node) -> bool:
        """Check whether a value has no axes, as far as the shapes of letters are known."""
        if isinstance(node, Number):
            return True
        if isinstance(node, Letter):
            return self.shapes.get(node.name) == ()
        if isinstance(node, Negative):
            return self.is_number(node.operand)
        if isinstance(node, Binary):
            return node.operator != "@" and self.is_number(node.left) and self.is_number(node.right)
        if isinstance(node, Index):
            return isinstance(node.base, Shape)
        if not isinstance(node, Call):
            return False
        if node.function in ("sum", "mean", "max", "min", "logsumexp", "argmax"):
            return node.arguments[1] is None and node.arguments[2] is None
        first = node.arguments[0]
        return node.function == "len" or (node.function in ELEMENTWISE and first is not None and self.is_number(first))
