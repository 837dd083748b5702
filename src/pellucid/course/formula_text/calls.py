"""Evaluation of the functions that formulas call."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from pellucid.course.formula_text.evaluator import Evaluator
from pellucid.course.formula_text.function_parameters import PARAMETERS
from pellucid.course.formula_text.nodes import Call, Node, Tuple
from pellucid.course.formula_text.shapes import are_known, format_shape

ELEMENTWISE = [name for name, parameters in PARAMETERS.items() if parameters == ["x"] and name not in ("len",)]
REDUCTIONS = [name for name, parameters in PARAMETERS.items() if "keepdims=False" in parameters]


class CallEvaluator(Evaluator):
    """Adds functions: shapes are checked first, so that errors name the place."""

    def visit_call(self, node: Call) -> Any:
        name = node.function
        if name in ELEMENTWISE:
            return self.get_function(name)(self.evaluate(self.get_operand(node)))
        if name in REDUCTIONS:
            return self.reduce(node)
        return getattr(self, f"call_{name}")(node)

    def get_operand(self, node: Call, position: int = 0) -> Node:
        operand = node.arguments[position]
        assert operand is not None
        return operand

    def get_operands(self, node: Call) -> tuple[Node, Node]:
        return self.get_operand(node, 0), self.get_operand(node, 1)

    def reduce(self, node: Call) -> Any:
        operand = self.get_operand(node)
        x = self.evaluate(operand)
        shape = np.shape(x)
        axes = self.to_axes(node, node.arguments[1], operand, shape)
        keepdims = self.to_truth(node, node.arguments[2])
        if 0 in (shape if axes is None else [shape[axis] for axis in axes]) and node.function not in ("sum", "mean"):
            raise self.shapes.error(node, f"an empty array has no {node.function}.")
        axis: Any = axes[0] if axes is not None and len(axes) == 1 else axes
        if node.function == "argmax" and isinstance(axis, tuple):
            raise self.shapes.error(node, "argmax takes one axis.")
        return self.get_function(node.function)(x, axis=axis, keepdims=keepdims)

    def call_elementwise_pair(self, node: Call) -> Any:
        first, second = self.get_operands(node)
        x, y = self.evaluate(first), self.evaluate(second)
        self.shapes.charge(node, *self.shapes.check_elementwise(node, first, second, np.shape(x), np.shape(y)))
        return self.get_function(node.function)(x, y)

    call_maximum = call_minimum = call_elementwise_pair

    def call_matmul(self, node: Call) -> Any:
        first, second = self.get_operands(node)
        return self.multiply(node, first, second, self.evaluate(first), self.evaluate(second))

    def call_dot(self, node: Call) -> Any:
        first, second = self.get_operands(node)
        x, y = self.evaluate(first), self.evaluate(second)
        if not np.shape(x) or not np.shape(y):
            return x * y
        if max(np.ndim(x), np.ndim(y)) > 2:
            raise self.shapes.error(node, "dot takes vectors and matrices; write `@`.")
        return self.multiply(node, first, second, x, y)

    def call_outer(self, node: Call) -> Any:
        x, y = map(self.evaluate, self.get_operands(node))
        self.shapes.charge(node, *np.shape(x), *np.shape(y))
        x, y = (v if np.ndim(v) == 1 else self.make_array(v).reshape(-1) for v in (x, y))
        return self.get_function("outer")(x, y)

    def call_kron(self, node: Call) -> Any:
        x, y = (self.make_array(self.evaluate(operand)) for operand in self.get_operands(node))
        self.shapes.charge(node, *np.shape(x), *np.shape(y))
        return self.get_function("kron")(x, y)

    def call_where(self, node: Call) -> Any:
        condition, first, second = (part for part in node.arguments if part is not None)
        c, x, y = self.evaluate(condition), self.evaluate(first), self.evaluate(second)
        shape = self.shapes.check_elementwise(node, first, second, np.shape(x), np.shape(y))
        self.shapes.charge(node, *self.shapes.check_elementwise(node, condition, first, np.shape(c), shape))
        return self.get_function("where")(c != 0, x, y)

    def call_softmax(self, node: Call) -> Any:
        operand = self.get_operand(node)
        x = self.evaluate(operand)
        if not np.shape(x):
            raise self.shapes.error(
                node, f"{node.function} takes an array, and {self.shapes.quote(operand)} is a number."
            )
        axes = self.to_axes(node, node.arguments[1], operand, np.shape(x)) or (np.ndim(x) - 1,)
        if len(axes) > 1 or np.shape(x)[axes[0]] == 0:
            raise self.shapes.error(node, f"{node.function} takes one axis, which is not empty.")
        return self.get_function(node.function)(x, axis=axes[0])

    call_log_softmax = call_softmax

    def call_transpose(self, node: Call) -> Any:
        operand = self.get_operand(node)
        x = self.evaluate(operand)
        axes = self.to_axes(node, node.arguments[1], operand, np.shape(x))
        if axes is not None and len(axes) != np.ndim(x):
            raise self.shapes.error(node, f"transpose takes one number for each of {np.ndim(x)} axes.")
        x = self.make_array(x)
        return x.T if axes is None else self.get_function("transpose")(x, axes)

    def call_flip(self, node: Call) -> Any:
        operand = self.get_operand(node)
        x = self.evaluate(operand)
        axes = self.to_axes(node, node.arguments[1], operand, np.shape(x))
        chosen = range(np.ndim(x)) if axes is None else axes
        x = self.make_array(x)
        return x[tuple(slice(None, None, -1 if axis in chosen else None) for axis in range(np.ndim(x)))]

    def call_reshape(self, node: Call) -> Any:
        operand, sizes = self.get_operands(node)
        x = self.evaluate(operand)
        shape = list(self.to_integers(sizes))
        if not are_known(np.shape(x)):
            return x.reshape(tuple(shape))
        size, known = prod(np.shape(x)), prod(n for n in shape if n != -1)
        if shape.count(-1) == 1 and known > 0 and size % known == 0:
            shape[shape.index(-1)] = size // known
        if min(shape, default=0) < 0 or prod(shape) != size:
            described = f"{self.shapes.quote(operand)} has shape {format_shape(np.shape(x))}, that is {size} elements"
            raise self.shapes.error(node, f"{described}; they do not fill {format_shape(shape)}.")
        return self.make_array(x).reshape(tuple(shape))

    def call_pad(self, node: Call) -> Any:
        operand, widths = self.get_operands(node)
        x = self.evaluate(operand)
        ndim = np.ndim(x)
        if not ndim:
            raise self.shapes.error(node, f"pad takes an array, and {self.shapes.quote(operand)} is a number.")
        if isinstance(widths, Tuple) and any(isinstance(item, Tuple) for item in widths.items):
            pairs = [self.to_integers(item) for item in widths.items]
        else:
            pairs = [self.to_integers(widths)] * ndim
        pairs = [pair * 2 if len(pair) == 1 else pair for pair in pairs]
        if len(pairs) != ndim or any(len(pair) != 2 or min(pair) < 0 for pair in pairs):
            raise self.shapes.error(node, f"a width or a pair of widths for each of {ndim} axes is needed, 0 or more.")
        sizes = [n for n in np.shape(x) if isinstance(n, int)]
        self.shapes.charge(node, *(n + sum(pair) for n, pair in zip(sizes, pairs, strict=False)))
        return self.get_function("pad")(x, pairs)

    def call_zeros(self, node: Call) -> Any:
        sizes = self.get_operand(node)
        shape = self.to_integers(sizes)
        if min(shape, default=0) < 0:
            raise self.shapes.error(node, f"a size of {format_shape(shape)} is negative.")
        self.shapes.charge_constants(node, *shape)
        return self.get_function(node.function)(shape)

    call_ones = call_zeros

    def call_eye(self, node: Call) -> Any:
        size = self.get_operand(node)
        n = self.to_integer(size)
        if n < 0:
            raise self.shapes.error(node, f"the size {n} is negative.")
        self.shapes.charge_constants(node, n, n)
        return self.get_function("eye")(n)

    def call_arange(self, node: Call) -> Any:
        """Return whole numbers from ``start``, before ``stop``; before the first argument if there is one."""
        start, stop, step = (None if part is None else self.to_integer(part) for part in node.arguments)
        first, last = (0, start) if stop is None else (start, stop)
        assert first is not None
        assert last is not None
        if step == 0:
            raise self.shapes.error(node, "the step is 0.")
        count = len(range(first, last, step or 1))
        self.shapes.charge_constants(node, count)
        return self.get_function("arange")(first, last, step or 1)

    def call_one_hot(self, node: Call) -> Any:
        operand, classes = self.get_operands(node)
        x = self.evaluate(operand)
        count = self.to_integer(classes)
        if count < 1:
            raise self.shapes.error(node, f"the number of classes is {count}.")
        self.shapes.charge(node, *np.shape(x), count)
        return self.get_function("one_hot")(self.to_index(operand, x, count), count)

    def call_len(self, node: Call) -> Any:
        operand = self.get_operand(node)
        x = self.evaluate(operand)
        shape = np.shape(x)
        if not shape:
            raise self.shapes.error(node, f"{self.shapes.quote(operand)} is a number, without a length.")
        return self.make_size(x, 0)

    def call_correlate(self, node: Call) -> Any:
        first, second = self.get_operands(node)
        x, kernel = self.evaluate(first), self.evaluate(second)
        a, b = np.shape(x), np.shape(kernel)
        if len(a) != 2 or len(b) != 2 or any(m > n or m == 0 for n, m in zip(a, b, strict=False) if are_known((n, m))):
            described = self.shapes.describe(first, second, a, b)
            raise self.shapes.error(node, f"{described} The kernel must be a matrix that fits into the other matrix.")
        positions = [n - m + 1 for n, m in zip(a, b, strict=True) if are_known((n, m))]
        self.shapes.charge(node, *positions, *b)
        return self.get_function("correlate")(x, kernel)
