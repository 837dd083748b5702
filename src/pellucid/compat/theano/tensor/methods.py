"""Operators and methods of variables: functions of ``theano.tensor`` that take the variable first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.compat.theano.tensor import basic, elementwise
from pellucid.compat.theano.tensor.elementwise import FUNCTIONS
from pellucid.compat.theano.variables import TensorVariable, Variable

BINARY: dict[str, Callable[..., Any]] = {
    "add": elementwise.add,
    "sub": FUNCTIONS["sub"],
    "mul": elementwise.mul,
    "truediv": elementwise.true_div,
    "div": elementwise.true_div,
    "floordiv": FUNCTIONS["int_div"],
    "mod": FUNCTIONS["mod"],
    "pow": FUNCTIONS["pow"],
    "and": elementwise.and_,
    "or": elementwise.or_,
    "xor": elementwise.xor,
    "matmul": basic.dot,
}

UNARY: dict[str, Callable[..., Any]] = {
    "__neg__": FUNCTIONS["neg"],
    "__abs__": FUNCTIONS["abs_"],
    "__pos__": lambda x: x,
    "__invert__": elementwise.invert,
    "__lt__": FUNCTIONS["lt"],
    "__le__": FUNCTIONS["le"],
    "__gt__": FUNCTIONS["gt"],
    "__ge__": FUNCTIONS["ge"],
    "__getitem__": basic.getitem,
    "__divmod__": lambda x, y: (x // y, x % y),
}

METHODS = (
    "sum prod mean var std max min argmax argmin all any ptp norm cumsum cumprod reshape flatten dimshuffle transpose "
    "swapaxes squeeze take choose nonzero nonzero_values sort argsort repeat diagonal dot clip round trunc zeros_like "
    "ones_like exp log sqrt conj fill tile"
).split()


def is_operand(value: Any) -> bool:
    return isinstance(value, Variable | np.ndarray | np.generic | bool | int | float | list | tuple)


def make_operator(function: Callable[..., Any], *, reflected: bool = False) -> Callable[..., Any]:
    def operate(self: TensorVariable, other: Any) -> Any:
        if not is_operand(other):
            return NotImplemented
        return function(other, self) if reflected else function(self, other)

    return operate


def attach_methods() -> None:
    """Give `TensorVariable` its operators and methods."""
    methods: dict[str, Callable[..., Any]] = dict(UNARY)
    for name, function in BINARY.items():
        methods[f"__{name}__"] = make_operator(function)
        methods[f"__r{name}__"] = make_operator(function, reflected=True)
    for name in METHODS:
        methods[name] = getattr(basic, name, None) or getattr(elementwise, name, None) or FUNCTIONS[name]
    methods["astype"] = elementwise.cast
    methods["copy"] = FUNCTIONS["tensor_copy"]
    methods["diag"] = basic.diag
    methods["trace"] = lambda x: basic.sum(basic.diagonal(x))
    for name, method in methods.items():
        setattr(TensorVariable, name, method)
    TensorVariable.real = property(lambda self: self)  # type: ignore[attr-defined]


attach_methods()
