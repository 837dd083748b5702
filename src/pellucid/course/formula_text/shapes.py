"""Shape checks of formulas, which name the operation, its place and both shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.course.formula_text.errors import FormulaError
from pellucid.course.formula_text.nodes import Binary, Call, Node
from pellucid.course.formula_text.parser import quote

Dims = tuple[Any, ...]
"""Sizes: whole numbers, or the named and unknown dimensions of expressions."""

MAX_AXES = 8

MAX_WORK = 1_000_000
"""Largest number of additions or stored elements of one formula. Pages need about a second for as many."""


def format_shape(shape: Sequence[int]) -> str:
    """Return a shape as Python writes it.

    Examples
    --------
    >>> format_shape((3,)), format_shape((3, 2)), format_shape(())
    ('(3,)', '(3, 2)', '()')
    """
    return f"({shape[0]},)" if len(shape) == 1 else f"({', '.join(map(str, shape))})"


def broadcast_sizes(a: Any, b: Any) -> Any:
    """Return the size of a broadcast axis, None if the sizes do not fit. Unknown sizes fit all others."""
    if a == b or b == 1:
        return a
    if a == 1 or not isinstance(a, int):
        return b
    return None if isinstance(b, int) else a


def broadcast(left: Dims, right: Dims) -> Dims | None:
    """Return the shape of an elementwise result, None if the shapes do not fit."""
    ndim = max(len(left), len(right))
    pairs = zip((1,) * (ndim - len(left)) + left, (1,) * (ndim - len(right)) + right, strict=True)
    sizes = tuple(broadcast_sizes(a, b) for a, b in pairs)
    return None if None in sizes else sizes


def multiply(left: Dims, right: Dims) -> Dims | None:
    """Return the shape of a matrix product, None if the shapes do not fit."""
    if not left or not right:
        return None
    inner = (left[-1], right[max(len(right) - 2, 0)])
    if inner[0] != inner[1] and are_known(inner):
        return None
    batch = broadcast(left[:-2], right[:-2])
    return None if batch is None else (*batch, *left[-2:-1], *(right[-1:] if len(right) > 1 else ()))


def are_known(shape: Dims) -> bool:
    """Check whether all sizes are numbers. Inputs of programs may leave sizes open."""
    return all(isinstance(size, int) for size in shape)


class ShapeChecks:
    """Shape checks of the operations of one formula."""

    def __init__(self, text: str, *, runs: bool) -> None:
        self.text = text
        self.runs = runs
        self.work: int = 0

    def quote(self, node: Node) -> str:
        return quote(self.text, node.start, node.end)

    def error(self, node: Node, message: str) -> FormulaError:
        """Return the error of an operation."""
        return FormulaError(f"`{self.quote(node)}`: {message}", node.start)

    def charge(self, node: Node, *factors: Any) -> None:
        """Refuse a formula that needs too much time or memory. Expressions are not computed yet."""
        if self.runs:
            self.charge_constants(node, *factors)

    def charge_constants(self, node: Node, *factors: Any) -> None:
        """Refuse arrays that are too large. Sizes that are not known count as 1."""
        amount = 1
        for factor in filter(lambda factor: isinstance(factor, int), factors):
            amount = min(amount * max(factor, 1), 10 * MAX_WORK)
        self.work += amount
        if self.work > MAX_WORK:
            raise self.error(node, f"this is too large: a formula may compute {MAX_WORK:,} numbers.")

    def check_axis_count(self, node: Node, count: int) -> None:
        if count > MAX_AXES:
            raise self.error(node, f"an array has at most {MAX_AXES} axes.")

    def describe(self, left: Node, right: Node, a: Dims, b: Dims) -> str:
        return f"{self.quote(left)} has shape {format_shape(a)} and {self.quote(right)} {format_shape(b)}."

    def check_elementwise(self, node: Node, left: Node, right: Node, a: Dims, b: Dims) -> Dims:
        shape = broadcast(a, b)
        if shape is None:
            is_product = isinstance(node, Binary) and node.operator == "*"
            hint = " Did you mean the matrix product `@`?" if is_product and multiply(a, b) is not None else ""
            problem = f"{self.describe(left, right, a, b)} Elementwise operations need equal sizes, or a size of 1."
            raise self.error(node, problem + hint)
        return shape

    def check_product(self, node: Node, left: Node, right: Node, a: Dims, b: Dims) -> Dims:
        if not a or not b:
            number = left if not a else right
            raise self.error(node, f"a matrix product needs arrays, and {self.quote(number)} is a number. Write `*`.")
        shape = multiply(a, b)
        if shape is None:
            rule = "The columns of the left operand must match the rows of the right one."
            if min(len(a), len(b)) == 1:
                rule = "The last size of the left operand must match the rows of the right one."
            raise self.error(
                node, f"{self.describe(left, right, a, b)} {rule}{self.suggest_transpose(left, right, a, b)}"
            )
        return shape

    def suggest_transpose(self, left: Node, right: Node, a: Dims, b: Dims) -> str:
        """Return a question about ``.T`` where one transposition makes the product possible."""
        fits = [
            operand
            for operand, turned in ((left, (a[::-1], b)), (right, (a, b[::-1])))
            if len(a) == len(b) == 2 and multiply(*turned) is not None
        ]
        if not fits:
            return ""
        has_transpose = [isinstance(o, Call) and o.function == "transpose" for o in fits]
        if all(has_transpose):
            return " Is there a `.T` too many?"
        return " Did you forget `.T`?" if not any(has_transpose) else " Check where `.T` belongs."

    def check_axis(self, node: Node, operand: Node, axis: int, shape: Dims) -> int:
        """Return an axis counted from the first."""
        if not -len(shape) <= axis < len(shape):
            count = f"{len(shape)} axes" if len(shape) != 1 else "1 axis"
            described = f"{self.quote(operand)} has shape {format_shape(shape)}, that is {count}"
            raise self.error(node, f"there is no axis {axis}. {described}.")
        return axis % len(shape)

    def check_axes(self, node: Node, operand: Node, axes: Sequence[int], shape: Dims) -> Dims:
        found = tuple(self.check_axis(node, operand, axis, shape) for axis in axes)
        if len(set(found)) < len(found):
            raise self.error(node, "an axis is named twice.")
        return found
