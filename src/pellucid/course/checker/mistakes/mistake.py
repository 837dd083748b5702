"""A mistake in a formula, and what its message needs to know about the formula."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.course.checker.formula_graph import FormulaGraph, Node
from pellucid.typing import Array, ArrayLike

if TYPE_CHECKING:
    from pellucid.course.checker.mistakes.slopes import Slope

Text = tuple[str, str]
"""What is wrong, and why the right form is right. The second may be empty."""

CHAIN_RULE = "By the chain rule, the error is multiplied by it on its way back."
RATES = ("rate", "eta", "lr", "learning_rate", "alpha")
"""Letters of learning rates."""


@dataclass(eq=False, frozen=True)
class Mistake:
    """One mistake at one node of a formula.

    Attributes
    ----------
    node : Node
    cost : float
        Rank among mistakes with the same result: common and simple ones are cheap.
    compute : callable
        The value of the node with the mistake, from the values of its operands and its right value.
    tell : callable
        Returns what is wrong and why.
    """

    node: Node
    cost: float
    compute: Callable[[tuple[Array, ...], Array], ArrayLike]
    tell: Callable[[], Text]


@dataclass(frozen=True)
class Context:
    """A formula and its letters.

    Attributes
    ----------
    graph : FormulaGraph
    letters : mapping from str to array
        Letters that are arrays, and their values.
    scalars : mapping from str to array
        Letters and constants that are numbers, such as the regularization strength.
    sizes : mapping from str to int
        Lengths of axes by name: "n" or "len(X)".
    biases : tuple of str
        Letters that are biases.
    functions : mapping from str to str
        Letters that are the result of a function, and its name: a1 and tanh.
    """

    graph: FormulaGraph
    letters: Mapping[str, Array]
    scalars: Mapping[str, Array]
    sizes: Mapping[str, int]
    biases: tuple[str, ...]
    functions: Mapping[str, str]

    @cached_property
    def slopes(self) -> list[Slope]:
        """Derivatives of the activation functions that occur in the formula or define its letters."""
        from pellucid.course.checker.mistakes.slopes import find_slopes

        return find_slopes(self)

    @cached_property
    def factors(self) -> list[tuple[str, float]]:
        """Constant factors that learners forget or write twice, with their texts."""
        found = [("2", 2.0), ("1/2", 0.5), ("-1", -1.0), ("-2", -2.0), ("-1/2", -0.5), ("4", 4.0), ("1/4", 0.25)]
        for name, size in self.sizes.items():
            found += [
                (name, float(size)),
                (f"1/{name}", 1 / size),
                (f"-{name}", -float(size)),
                (f"-1/{name}", -1 / size),
            ]
            found += [(f"1/{name}**2", 1 / size**2), (f"2/{name}", 2 / size), (f"{name}/2", size / 2)]
        for name, value in self.scalars.items():
            if (c := float(value)) not in (0.0, 1.0, 2.0, 0.5, -1.0):
                found += [(name, c), (f"1/{name}", 1 / c), (f"-{name}", -c)]
        return found

    def describe(self, node: Node) -> str:
        """Return the text of a node in the learner's notation."""
        return self.graph.describe(node)

    def quote(self, node: Node) -> str:
        return f"`{self.graph.describe(node)}`"

    def where(self, node: Node) -> str:
        """Return " in `...`" for a part of the formula, and nothing for the whole of it."""
        return "" if node is self.graph.root else f" in {self.quote(node)}"

    def find_slope(self, value: Array) -> Slope | None:
        """Return the derivative of an activation function that has this value."""
        for slope in self.slopes:
            if value.ndim and slope.value.shape == value.shape and np.allclose(slope.value, value):
                return slope
        return None

    def is_size(self, node: Node) -> bool:
        """Whether a node is the length of an axis, such as the batch size."""
        value = self.graph.base[node]
        return np.ndim(value) == 0 and node.kind != "constant" and float(value) in self.sizes.values()

    def is_scalar(self, node: Node) -> bool:
        return np.ndim(self.graph.base[node]) == 0

    def is_bias(self, node: Node) -> bool:
        return node.kind == "letter" and node.name in self.biases

    def is_penalty(self, node: Node) -> bool:
        """Whether a term is a number times a weight, or a number times a sum of squares."""
        if node.kind != "product" or len(node.operands) < 2:
            return is_sum_of_squares(node)
        arrays = [o for o in node.operands if not self.is_scalar(o)]
        if not arrays:
            return any(is_sum_of_squares(inside) for o in node.operands for inside in iterate_nodes(o))
        return len(arrays) == 1 and arrays[0].kind == "letter"


def is_sum_of_squares(node: Node) -> bool:
    return node.kind == "reduction" and node.operands[0].kind == "power"


def iterate_nodes(node: Node) -> Iterator[Node]:
    """Yield a node and everything below it."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(current.operands)


def has_learning_rate(node: Node) -> bool:
    return any(n.kind == "letter" and n.name in RATES for n in iterate_nodes(node))


def is_target(node: Node) -> bool:
    """Whether a node is a target: one-hot labels, or a letter that courses use for them."""
    return node.name == "one_hot" or (
        node.kind == "letter" and node.name.lower().rstrip("_t0123456789") in ("y", "t", "target", "")
    )


def capitalize(text: str) -> str:
    return text[:1].upper() + text[1:]


def find_axis(settings: Mapping[str, Any]) -> Any:
    """Return the axis of a reduction or softmax: a number, several, or None for all."""
    axis = settings.get("axis")
    return axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis
