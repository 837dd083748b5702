"""Values of formulas: arrays of NumPy, and pellucid expressions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pellucid.course.formula_text import numpy_functions
from pellucid.course.formula_text.calls import CallEvaluator
from pellucid.course.formula_text.evaluator import BINARY
from pellucid.course.formula_text.nodes import Call, Node
from pellucid.course.formula_text.shapes import format_shape


class NumpyEvaluator(CallEvaluator):
    """Values are float64 arrays."""

    def make_letter(self, value: Any) -> Any:
        return np.asarray(value, dtype=np.float64)

    def make_number(self, value: float) -> Any:
        return np.float64(value)

    def compare(self, operator: str, left: Any, right: Any) -> Any:
        return np.asarray(BINARY[operator](left, right), dtype=np.float64)

    def get_function(self, name: str) -> Any:
        found = getattr(numpy_functions, name, None) or getattr(np, name)
        return lambda *arguments, **options: np.asarray(found(*arguments, **options), dtype=np.float64)

    def to_number(self, node: Node, value: Any) -> float:
        if np.shape(value):
            raise self.shapes.error(node, f"a number is needed here, and its shape is {format_shape(np.shape(value))}.")
        return float(value)

    def to_index(self, node: Node, value: Any, size: int) -> Any:
        if not np.all(np.isfinite(value)) or np.any(value != np.floor(value)):
            raise self.shapes.error(node, "an index must be a whole number.")
        wrong = np.asarray(value)[(np.asarray(value) < -size) | (np.asarray(value) >= size)]
        if wrong.size:
            raise self.shapes.error(node, f"the index {int(wrong.flat[0])} is out of bounds for size {size}.")
        return int(value) if not np.shape(value) else np.asarray(value, dtype=np.int64)


class ExpressionEvaluator(CallEvaluator):
    """Values are pellucid expressions, and Python numbers for numbers of the text."""

    runs = False

    def __init__(self, text: str, values: Mapping[str, Any], pel: Any) -> None:
        super().__init__(text, values)
        self.pel = pel
        self.open_sizes: dict[int, tuple[Any, Any, int]] = {}

    def make_letter(self, value: Any) -> Any:
        return value if isinstance(value, (int, float)) else self.make_array(value)

    def make_array(self, value: Any) -> Any:
        return value if isinstance(value, self.pel.Expr) else self.pel.constant(value)

    def make_size(self, x: Any, axis: int) -> Any:
        size = np.shape(x)[axis]
        if isinstance(size, int):
            return size
        found = self.pel.size(x, axis)
        self.open_sizes[id(found)] = (found, x, axis)
        return found

    def call_arange(self, node: Call) -> Any:
        """Return the indices of an axis whose size is open, or those of a known size."""
        if node.arguments[1:] == (None, None):
            size = self.open_sizes.get(id(self.evaluate(self.get_operand(node))))
            if size is not None:
                return self.pel.arange_like(size[1], axis=size[2], dtype="int64")
        return super().call_arange(node)

    def make_number(self, value: float) -> Any:
        return int(value) if np.isfinite(value) and value == int(value) and abs(value) < 2**31 else value

    def compare(self, operator: str, left: Any, right: Any) -> Any:
        # NumPy's booleans cannot be negated or subtracted; those of formulas are 0 and 1.
        dtypes = [x.dtype for x in (left, right) if hasattr(x, "dtype")]
        return self.pel.cast(BINARY[operator](left, right), dtypes[0] if dtypes else "float64")

    def get_function(self, name: str) -> Any:
        return getattr(self, f"make_{name}", None) or getattr(self.pel, name)

    def make_one_hot(self, x: Any, num_classes: int) -> Any:
        return self.pel.one_hot(x if isinstance(x, self.pel.Expr) else self.pel.constant(np.int64(x)), num_classes)

    def make_correlate(self, x: Any, kernel: Any) -> Any:
        return self.pel.conv(x[None, :, :, None], kernel[:, :, None, None])[0, :, :, 0]

    def to_number(self, node: Node, value: Any) -> float:
        if np.shape(value):
            raise self.shapes.error(node, f"a number is needed here, and its shape is {format_shape(np.shape(value))}.")
        if isinstance(value, self.pel.Expr):
            if not isinstance(value, self.pel.Constant):
                raise self.shapes.error(node, "a number is needed here that does not depend on letters.")
            value = value.value
        return float(value)

    def to_index(self, node: Node, value: Any, size: int) -> Any:
        is_expression = isinstance(value, self.pel.Expr)
        return self.pel.cast(value, "int64") if is_expression and value.dtype.kind not in "iu" else value
