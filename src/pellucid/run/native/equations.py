"""Equations on arrays of known shape: the intermediate representation of the native backend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.run.native.errors import NotNative

MAX_CONSTANT_SIZE = 4096
"""Maximum number of elements of a constant in the generated code."""


class Value:
    """An array: its shape, dtype, the equation that produces it, and its elements if it is a constant."""

    __slots__ = ("constant", "dtype", "name", "producer", "shape")

    def __init__(self, shape: Sequence[int], dtype: np.dtype[np.generic], name: str, constant: Any = None) -> None:
        self.shape: tuple[int, ...] = tuple(int(n) for n in shape)
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.name: str = name
        self.constant: Any = constant
        self.producer: Equation | None = None

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        return self.size * int(self.dtype.itemsize)

    def __repr__(self) -> str:
        return f"{self.name}:{self.dtype}{list(self.shape)}"


@dataclass(eq=False)
class Equation:
    """A primitive applied to values. Loops and branches have blocks."""

    name: str
    inputs: list[Value]
    outputs: list[Value]
    params: dict[str, Any]
    blocks: list[Block] = field(default_factory=list)

    @property
    def result(self) -> Value:
        """The first output, which is the only one of most primitives."""
        return self.outputs[0]


@dataclass(eq=False)
class Block:
    """Equations in topological order, from inputs to outputs."""

    inputs: list[Value]
    equations: list[Equation]
    outputs: list[Value]


class ValueTable:
    """Makes values with unique names. Equal constants share one value."""

    def __init__(self) -> None:
        self.count: int = 0
        self.constants: dict[Any, Value] = {}

    def make(self, aval: Any, constant: Any = None) -> Value:
        """Make a value with the shape and dtype of an array or of an abstract value of JAX."""
        if not isinstance(aval.dtype, np.dtype):
            raise NotNative(f"it uses the dtype {aval.dtype}")  # random keys of JAX
        dtype = np.dtype(aval.dtype)
        if dtype.kind not in "biuf" or (dtype.itemsize < 4 and dtype.kind == "f"):
            raise NotNative(f"it uses the dtype {dtype}")
        self.count += 1
        return Value(aval.shape, dtype, f"v{self.count}", constant)

    def make_constant(self, array: Any, aval: Any | None = None) -> Value:
        array = np.asarray(array)
        if array.size > MAX_CONSTANT_SIZE:
            raise NotNative(f"it has a constant with {array.size:,} elements, more than {MAX_CONSTANT_SIZE:,}")
        key = (array.tobytes(), array.shape, str(array.dtype))
        if key not in self.constants:
            self.constants[key] = self.make(array if aval is None else aval, array)
        return self.constants[key]


class EquationBuilder:
    """Collects the equations of one block. Equal equations are added once (common subexpression elimination)."""

    def __init__(self, values: ValueTable) -> None:
        self.values = values
        self.equations: list[Equation] = []
        self.by_key: dict[Any, Equation] = {}

    def add(
        self,
        name: str,
        inputs: list[Value],
        avals: Sequence[Any],
        params: dict[str, Any],
        blocks: Sequence[Block] = (),
    ) -> Equation:
        """Add an equation whose outputs have the shapes and dtypes of ``avals``."""
        key = None
        if not blocks:
            key = (name, tuple(id(v) for v in inputs), repr(sorted(params.items(), key=lambda item: item[0])))
            if key in self.by_key:
                return self.by_key[key]
        equation = Equation(name, inputs, [self.values.make(aval) for aval in avals], dict(params), list(blocks))
        for output in equation.outputs:
            output.producer = equation
        self.equations.append(equation)
        if key is not None:
            self.by_key[key] = equation
        return equation

    def add_simple(self, name: str, inputs: list[Value], shape: tuple[int, ...], **params: Any) -> Value:
        """Add an equation whose result has the dtype of its last input."""
        return self.add(name, inputs, [np.broadcast_to(np.empty((), inputs[-1].dtype), shape)], params).result

    def add_binary(self, name: str, x: Value, y: Value) -> Value:
        """Add an elementwise equation of two values that broadcast."""
        return self.add_simple(name, [x, y], np.broadcast_shapes(x.shape, y.shape))
