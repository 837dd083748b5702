"""Evaluation of the nodes of a formula. Only operations of the grammar run; no text is executed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

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
from pellucid.course.formula_text.shapes import Dims, ShapeChecks, are_known, broadcast, format_shape

BINARY = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "@": lambda a, b: a @ b,
    "**": lambda a, b: a**b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


def fold_numbers(shapes: ShapeChecks, node: Node) -> float | None:
    """Return the value of arithmetic on numbers only, None for anything else."""
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Negative):
        operand = fold_numbers(shapes, node.operand)
        return None if operand is None else -operand
    if not isinstance(node, Binary) or node.operator in (*COMPARISONS, "@"):
        return None
    left = fold_numbers(shapes, node.left)
    right = None if left is None else fold_numbers(shapes, node.right)
    if left is None or right is None:
        return None
    with np.errstate(all="ignore"):
        value = float(BINARY[node.operator](np.float64(left), np.float64(right)))
    if np.isinf(value) and node.operator == "**":
        raise shapes.error(node, "this number is too large.")
    return value


class Evaluator(ABC):
    """Evaluates the nodes of one formula: subclasses say how values are computed."""

    runs = True
    """Whether operations run at once."""

    def __init__(self, text: str, values: Mapping[str, Any]) -> None:
        self.values = values
        self.shapes: ShapeChecks = ShapeChecks(text, runs=self.runs)

    # How values are made, and functions by name.

    @abstractmethod
    def make_letter(self, value: Any) -> Any:
        """Return the value of a letter."""

    @abstractmethod
    def make_number(self, value: float) -> Any:
        """Return the value of a number in the text."""

    def make_array(self, value: Any) -> Any:
        """Return a value that has indices and methods."""
        return value

    def make_size(self, x: Any, axis: int) -> Any:
        return self.make_number(np.shape(x)[axis])

    @abstractmethod
    def compare(self, operator: str, left: Any, right: Any) -> Any:
        """Return 1 where a comparison holds, and 0 elsewhere."""

    @abstractmethod
    def get_function(self, name: str) -> Any:
        """Return the function of a name that the grammar has."""

    @abstractmethod
    def to_index(self, node: Node, value: Any, size: int) -> Any:
        """Return an index into an axis of a size; raise an error if it is not a valid one."""

    @abstractmethod
    def to_number(self, node: Node, value: Any) -> float:
        """Return a value as a number; raise an error if it is not one."""

    # Nodes.

    def evaluate(self, node: Node) -> Any:
        number = fold_numbers(self.shapes, node)
        if number is not None:
            return self.make_number(number)
        value = getattr(self, f"visit_{type(node).__name__.lower()}")(node)
        if not isinstance(node, Letter):
            self.shapes.check_axis_count(node, np.ndim(value))
            self.shapes.charge(node, *np.shape(value))
        return value

    def visit_letter(self, node: Letter) -> Any:
        if node.name not in self.values:
            raise self.shapes.error(node, "this letter has no value.")
        return self.make_letter(self.values[node.name])

    def visit_constant(self, node: Constant) -> Any:
        raise self.shapes.error(node, f"{node.name} is not a value.")

    def visit_tuple(self, node: Tuple) -> Any:
        raise self.shapes.error(node, "a list of values in parentheses can only be a shape or axes.")

    def visit_slicenode(self, node: SliceNode) -> Any:
        raise self.shapes.error(node, "a slice can only choose elements.")

    def visit_shape(self, node: Shape) -> Any:
        raise self.shapes.error(node, "write one size of the shape, such as `.shape[0]`.")

    def visit_negative(self, node: Negative) -> Any:
        return -self.evaluate(node.operand)

    def visit_binary(self, node: Binary) -> Any:
        left, right = self.evaluate(node.left), self.evaluate(node.right)
        a, b = np.shape(left), np.shape(right)
        if node.operator == "@":
            return self.multiply(node, node.left, node.right, left, right)
        self.shapes.charge(node, *self.shapes.check_elementwise(node, node.left, node.right, a, b))
        if node.operator in COMPARISONS:
            return self.compare(node.operator, left, right)
        return BINARY[node.operator](left, right)

    def multiply(self, node: Node, first: Node, second: Node, left: Any, right: Any) -> Any:
        a, b = np.shape(left), np.shape(right)
        self.shapes.charge(node, *self.shapes.check_product(node, first, second, a, b), a[-1])
        return left @ right

    def visit_index(self, node: Index) -> Any:
        if isinstance(node.base, Shape):
            return self.visit_size(node, node.base)
        self.shapes.check_axis_count(node, len(node.items))
        base = self.evaluate(node.base)
        shape = np.shape(base)
        if not shape and not all(isinstance(item, Constant) for item in node.items):
            raise self.shapes.error(node, f"{self.shapes.quote(node.base)} is a number, without elements.")
        used = sum(not (isinstance(item, Constant) and item.name == "None") for item in node.items)
        if used > len(shape):
            raise self.shapes.error(
                node, f"{self.shapes.quote(node.base)} has {len(shape)} axes; here are {used} indices."
            )
        axis = 0
        items: list[Any] = []
        for item in node.items:
            if isinstance(item, Constant) and item.name == "None":
                items.append(None)
                continue
            items.append(self.visit_item(node, item, axis, shape))
            axis += 1
        self.check_index_arrays(node, items)
        return self.make_array(base)[tuple(items)]

    def visit_item(self, node: Index, item: Node, axis: int, shape: tuple[int, ...]) -> Any:
        if isinstance(item, SliceNode):
            bounds = [None if part is None else self.to_integer(part) for part in (item.first, item.last, item.step)]
            if bounds[2] == 0:
                raise self.shapes.error(node, "the step of a slice is 0.")
            return slice(*bounds)
        if isinstance(item, Binary) and item.operator in COMPARISONS:
            raise self.shapes.error(node, "a comparison cannot choose elements: write `where(condition, x, y)`.")
        index = self.evaluate(item)
        return self.to_index(item, index, shape[axis])

    def check_index_arrays(self, node: Index, items: list[Any]) -> None:
        arrays = [np.shape(item) for item in items if item is not None and not isinstance(item, slice)]
        common: Dims | None = ()
        for shape in arrays:
            common = None if common is None else broadcast(common, shape)
        if common is None:
            listed = " and ".join(format_shape(shape) for shape in arrays)
            raise self.shapes.error(node, f"the index arrays have shapes {listed}, which do not fit.")

    def visit_size(self, node: Index, base: Shape) -> Any:
        x = self.evaluate(base.base)
        if len(node.items) != 1:
            raise self.shapes.error(node, "a shape has one index, such as `.shape[0]`.")
        axis = self.shapes.check_axis(node, base.base, self.to_integer(node.items[0]), np.shape(x))
        return self.make_size(x, axis)

    # Arguments that are whole numbers.

    def to_integer(self, node: Node) -> int:
        """Return the value of an argument that must be a whole number."""
        value = self.to_number(node, self.evaluate(node))
        if value != np.floor(value) or abs(value) > 2**53:
            raise self.shapes.error(node, "a whole number is needed here.")
        return int(value)

    def to_integers(self, node: Node) -> tuple[int, ...]:
        if isinstance(node, Shape):
            shape: tuple[int, ...] = np.shape(self.evaluate(node.base))
            if not are_known(shape):
                raise self.shapes.error(node, f"the shape {format_shape(shape)} is not known before the program runs.")
            return shape
        items = node.items if isinstance(node, Tuple) else (node,)
        self.shapes.check_axis_count(node, len(items))
        return tuple(self.to_integer(item) for item in items)

    def to_axes(self, call: Call, node: Node | None, operand: Node, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        """Return axes, None for all of them."""
        if node is None or (isinstance(node, Constant) and node.name == "None"):
            return None
        parts = node.items if isinstance(node, Tuple) else (node,)
        axes = [fold_numbers(self.shapes, part) for part in parts]
        if any(axis is None or not axis.is_integer() for axis in axes):
            hint = ""
            if call.function in ("max", "min"):
                which = "larger" if call.function == "max" else "smaller"
                hint = f" The {which} of two values is `{call.function}imum(x, y)`."
            raise self.shapes.error(call, f"the axis must be a whole number, not {self.shapes.quote(node)}.{hint}")
        return self.shapes.check_axes(call, operand, [int(axis) for axis in axes if axis is not None], shape)

    def to_truth(self, call: Call, node: Node | None) -> bool:
        if node is None:
            return False
        if isinstance(node, Constant) and node.name != "None":
            return node.name == "True"
        raise self.shapes.error(call, f"keepdims is True or False, not {self.shapes.quote(node)}.")
