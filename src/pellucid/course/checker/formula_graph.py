"""The true formula in textbook form: sums of terms, products of factors, matrix products, functions.

Variations of a formula are easier to describe in this form than on expressions: "the second term is missing" is one
entry of a list. Letters that the learner uses are leaves; everything else is expanded down to inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.course.checker.loop_values import compute_loop
from pellucid.graph.errors import PellucidError
from pellucid.graph.expr import Constant, Expr
from pellucid.graph.printing import text
from pellucid.graph.traversal import topological
from pellucid.graph.types import is_float
from pellucid.typing import Array

Values = Mapping[Expr, Array]

ELEMENTWISE_KINDS = frozenset({"sum", "product", "power", "function", "letter", "constant"})


@dataclass(eq=False, slots=True)
class Node:
    """Part of a formula.

    Attributes
    ----------
    kind : str
        "letter", "constant", "sum", "product", "power", "function", "matmul", "transpose", "reduction", or "op".
    name : str
        The letter, the function, the kind of reduction, or the op.
    operands : tuple of Node
    signs : tuple of int
        Sign of each term of a sum; exponent, 1 or -1, of each factor of a product.
    settings : dict
        Settings of a reduction or an op, such as the axis.
    compute : callable
        The value from those of the operands.
    expr : Expr or None
        The expression, from which the text is printed.
    """

    kind: str
    name: str
    operands: tuple[Node, ...]
    compute: Callable[..., Array]
    expr: Expr | None = None
    signs: tuple[int, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)


def add_terms(signs: Sequence[int], values: Sequence[Array]) -> Array:
    total = values[0] if signs[0] > 0 else -values[0]
    for sign, value in zip(signs[1:], values[1:], strict=True):
        total = total + value if sign > 0 else total - value
    return np.asarray(total)


def multiply_factors(exponents: Sequence[int], values: Sequence[Array]) -> Array:
    total: Any = 1.0
    for exponent, value in zip(exponents, values, strict=True):
        total = total * value if exponent > 0 else total / value
    return np.asarray(total)


def make_sum(terms: Sequence[tuple[int, Node]], expr: Expr | None) -> Node:
    signs, operands = tuple(s for s, _ in terms), tuple(o for _, o in terms)
    return Node("sum", "sum", operands, lambda *v: add_terms(signs, v), expr, signs)


def make_product(factors: Sequence[tuple[int, Node]], expr: Expr | None) -> Node:
    signs, operands = tuple(s for s, _ in factors), tuple(o for _, o in factors)
    return Node("product", "product", operands, lambda *v: multiply_factors(signs, v), expr, signs)


def make_constant(value: Any, expr: Expr | None = None) -> Node:
    array = np.asarray(value)
    return Node("constant", "", (), lambda: array, expr, settings={"value": array})


FUNCTIONS = frozenset(
    {"tanh", "sigmoid", "relu", "softplus", "softsign", "softmax", "log_softmax", "exp", "log", "log1p", "sqrt", "abs"}
    | {"sin", "cos", "sinh", "cosh", "sign"}
)
ARITHMETIC = frozenset({"add", "subtract", "negative", "multiply", "true_divide", "square", "power"})
REDUCTIONS = frozenset({"sum", "mean", "max", "min", "prod"})
PASSED = frozenset({"stop_gradient", "passthrough", "grad_barrier"})


class FormulaGraph:
    """A formula as nodes, with values on probe data.

    Parameters
    ----------
    reference : Expr
        The true formula, unlabeled.
    letters : mapping from Expr to str
        Expressions that are letters in this reading of the formula.
    values : mapping from Expr to array
        Values of letters on probe data.
    names : mapping from Expr to str
        Names of expressions in texts.
    """

    def __init__(self, reference: Expr, letters: Mapping[Expr, str], values: Values, names: Mapping[Expr, str]) -> None:
        self.names = names
        self.letter_values: dict[str, Array] = {name: values[e] for e, name in names.items() if values[e].ndim}
        self._letters, self._values = letters, values
        self._nodes: dict[Expr, Node] = {}
        for e in topological([reference], stop=letters):
            self._nodes[e] = self._convert(e)
        self.root: Node = self._nodes[reference]
        self.order: list[Node] = order_nodes(self.root)
        self.position: dict[Node, int] = {node: i for i, node in enumerate(self.order)}
        self.base: dict[Node, Any] = {}
        with np.errstate(all="ignore"):
            for node in self.order:
                self.base[node] = node.compute(*[self.base[o] for o in node.operands])
        self._dependents = find_dependents(self.order)

    @property
    def arrays(self) -> list[Array]:
        """The values of all nodes but loops, which have several."""
        return [value for value in self.base.values() if isinstance(value, np.ndarray)]

    @property
    def value(self) -> Array:
        """The value of the true formula."""
        return np.asarray(self.base[self.root])

    def propagate(self, changed: dict[Node, Array], start: Node) -> Array | None:
        """Return the value of the formula if some nodes have other values; None if shapes do not fit.

        ``changed`` receives the values of all nodes above ``start``.
        """
        base = self.base
        try:
            for node in self._dependents[start]:
                changed[node] = node.compute(*[changed[o] if o in changed else base[o] for o in node.operands])
        except (PellucidError, ValueError, IndexError, TypeError, np.linalg.LinAlgError):
            return None
        return np.asarray(changed.get(self.root, base[self.root]))

    def describe(self, node: Node) -> str:
        """Return the text of a node in the learner's notation."""
        if node.kind == "constant":
            return format_constant(node.settings["value"])
        if node.kind == "letter":
            return node.name
        if node.expr is None:
            return self._describe_parts(node)
        own = self.names.get(node.expr, "")
        if "(" in own:  # a formula that learners write, in place of how it is computed
            return own
        return shorten(text(node.expr, names={e: n for e, n in self.names.items() if e is not node.expr}))

    def _describe_parts(self, node: Node) -> str:
        parts = [self.describe(o) for o in node.operands]
        if node.kind == "sum":
            joined = " ".join(f"{'+' if s > 0 else '-'} {p}" for s, p in zip(node.signs, parts, strict=True))
            return joined.removeprefix("+ ")
        if node.kind == "power":
            return "**".join(parts)
        return " * ".join(f"({p})" if o.kind == "sum" else p for p, o in zip(parts, node.operands, strict=True))

    def _convert(self, e: Expr) -> Node:
        if e in self._letters:
            value = self._values[e]
            return Node("letter", self._letters[e], (), lambda: value, e)
        if isinstance(e, Constant):
            return make_constant(e.value, e)
        if e.op is None:
            value = self._values[e]
            return Node("letter", e.name or "x", (), lambda: value, e)
        operands = [self._nodes[i] for i in e.inputs]
        return self._convert_op(e, e.op.name, operands)

    def _convert_op(self, e: Expr, name: str, operands: list[Node]) -> Node:
        if name in PASSED or (name == "cast" and is_float(e.dtype)):
            return operands[0]
        if name in ARITHMETIC:
            return self._convert_arithmetic(e, name, operands)
        if name in ("tanh_slope", "sigmoid_slope"):
            return make_slope(name, operands[0], e)
        if name == "where" and is_zero(operands[2]):
            # where(z > 0, g, 0), as gradients of relu are written, is g * (z > 0).
            return make_product([*self._split_product(1, operands[1]), (1, operands[0])], e)
        return Node(find_kind(name), name, tuple(operands), make_compute(e), e, settings=e.settings)

    def _convert_arithmetic(self, e: Expr, name: str, operands: list[Node]) -> Node:
        first, last = operands[0], operands[-1]
        if name == "negative":
            return make_sum(self._split_sum(-1, first), e)
        if name in ("add", "subtract"):
            return make_sum([*self._split_sum(1, first), *self._split_sum(1 if name == "add" else -1, last)], e)
        if name in ("multiply", "true_divide"):
            exponent = 1 if name == "multiply" else -1
            return make_product([*self._split_product(1, first), *self._split_product(exponent, last)], e)
        return make_power(first, make_constant(2) if name == "square" else last, e)

    def _split_sum(self, sign: int, node: Node) -> list[tuple[int, Node]]:
        if node.kind == "sum" and node.name == "sum":
            return [(sign * s, o) for s, o in zip(node.signs, node.operands, strict=True)]
        return [(sign, node)]

    def _split_product(self, exponent: int, node: Node) -> list[tuple[int, Node]]:
        if node.kind == "product":
            return [(exponent * s, o) for s, o in zip(node.signs, node.operands, strict=True)]
        return [(exponent, node)]


def is_zero(node: Node) -> bool:
    return node.kind == "constant" and not np.any(node.settings["value"])


def make_slope(name: str, output: Node, expr: Expr) -> Node:
    """Return the derivative of tanh or the logistic function in textbook form, ``1 - a**2`` or ``a * (1 - a)``."""
    if name == "tanh_slope":
        return make_sum([(1, make_constant(1)), (-1, make_power(output, make_constant(2), None))], expr)
    return make_product([(1, output), (1, make_sum([(1, make_constant(1)), (-1, output)], None))], expr)


def find_kind(name: str) -> str:
    if name in ("matmul", "transpose"):
        return name
    return "function" if name in FUNCTIONS else "reduction" if name in REDUCTIONS else "op"


def make_power(base: Node, exponent: Node, expr: Expr | None) -> Node:
    return Node("power", "power", (base, exponent), lambda x, k: np.asarray(x**k), expr)


def make_compute(e: Expr) -> Callable[..., Array]:
    """Return the function that computes an op on float64 arrays, whatever the dtype of the expression."""
    op, settings = e.op, e.settings
    assert op is not None
    if op.name in REDUCTIONS and settings.get("axis") == tuple(range(e.inputs[0].ndim)):
        # A mistake below may add an axis. What was reduced to a number still is.
        settings["axis"] = None
    if op.name == "scan_loop":
        return lambda *values: compute_loop(values, settings)
    if len(e.types) > 1:
        return lambda *values: tuple(op.value(np, *values, **settings))  # type: ignore[return-value]
    return lambda *values: np.asarray(op.value(np, *values, **settings))


def compute_values(exprs: Iterable[Expr], values: dict[Expr, Array]) -> None:
    """Add the values of expressions, given in topological order, to those of their leaves."""
    with np.errstate(all="ignore"):
        for e in exprs:
            if e not in values:
                values[e] = e.value if isinstance(e, Constant) else make_compute(e)(*[values[i] for i in e.inputs])


def order_nodes(root: Node) -> list[Node]:
    """Return all nodes, each after its operands."""
    done: set[Node] = set()
    order: list[Node] = []
    stack = [root]
    while stack:
        node = stack[-1]
        pending = [o for o in node.operands if o not in done]
        if node in done or not pending:
            stack.pop()
            if node not in done:
                done.add(node)
                order.append(node)
        else:
            stack.extend(reversed(pending))
    return order


def find_dependents(order: Sequence[Node]) -> dict[Node, list[Node]]:
    """Return, for each node, the nodes that depend on it, in order."""
    above: dict[Node, set[Node]] = {node: set() for node in order}
    for node in reversed(order):
        for operand in node.operands:
            above[operand] |= above[node] | {node}
    position = {node: i for i, node in enumerate(order)}
    return {node: sorted(users, key=position.__getitem__) for node, users in above.items()}


def shorten(formula: str) -> str:
    """Write powers without spaces, as the course does."""
    return formula.replace(" ** ", "**").replace(", dtype=float64", "").replace(", dtype=float32", "")


def format_constant(value: Array) -> str:
    return f"{value:.6g}" if value.ndim == 0 else str(value.tolist())
