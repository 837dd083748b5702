"""Drawing of random programs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import pellucid as pel
from pellucid.graph.errors import DtypeError, PellucidError
from pellucid.graph.expr import Expr

from . import array_operations, product_operations  # noqa: F401 - they add operations
from .operations import OPERATIONS, Operation
from .program import Array, InputData, Line, Program, find_names, run_line, run_reference, widen

MAX_ELEMENTS = 150
MAX_MAGNITUDE = 1e3
MAX_ATTEMPTS = 30
SPECIAL_VALUES = (0.0, -0.0, 0.5, -0.5, 1.5, 2.5, 1.0, -1.0, -2.0, np.inf, -np.inf, np.nan, 1e3, -1e-3)
STYLES = ("smooth", "halves", "special")
"""Kinds of data: generic numbers, multiples of 1/2 with ties, or those with infinities, NaN and extremes."""


class Unsuitable(Exception):
    """A drawn line does not fit, or its value is out of range; another one is drawn."""


@dataclass
class Variable:
    """A variable of a program: its name, its value by the reference, and its expression."""

    name: str
    value: Array
    expr: Expr


class Generator:
    """Draws one program. A seed always gives the same program."""

    def __init__(self, seed: int, operations: Sequence[Operation] | None = None) -> None:
        self.rng = np.random.default_rng([13, seed])
        self.seed = seed
        self.operations = list(OPERATIONS.values()) if operations is None else list(operations)
        self.dtype = str(self.rng.choice(["float64", "float64", "float32"]))
        self.style = str(self.rng.choice(STYLES, p=[0.7, 0.15, 0.15]))
        self.size_pool = [int(n) for n in self.rng.choice([1, 2, 3, 3, 4, 5], 3)]
        if self.rng.random() < 0.05:
            self.size_pool.append(17)
        self.named, self.unknown = (float(p) for p in self.rng.permutation([[0, 0], [1, 0], [0, 1], [0.5, 0.3]])[0])
        self.named_sizes: dict[int, bool] = {}
        self.variables: dict[str, Variable] = {}
        self.inputs: list[InputData] = []
        self.lines: list[Line] = []
        self.differentiable = True

    # -- random choices

    def choose(self, options: Sequence[Any]) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def sizes(self, count: int) -> list[int]:
        return [self.choose(self.size_pool[:3]) for _ in range(count)]

    # -- inputs

    def declare(self, shape: Sequence[int], literal: bool = False) -> tuple[int | str | None, ...]:
        """Declare dimensions as sizes, names or unknown. Equal sizes of a program are declared alike."""
        dims: list[int | str | None] = []
        for n in shape:
            named = self.named_sizes.setdefault(n, self.rng.random() < self.named)
            if n == 1 or literal:
                dims.append(n)
            elif self.rng.random() < self.unknown:
                dims.append(None)
            else:
                dims.append(f"n{n}" if named else n)
        return tuple(dims)

    def add_input(self, value: Array, literal: bool = False) -> str:
        name = f"x{len(self.inputs)}"
        data = InputData(name, self.declare(value.shape, literal), value)
        self.inputs.append(data)
        self.variables[name] = Variable(name, widen(value), pel.Input(name, data.dims, data.dtype))
        return name

    def draw_floats(self, shape: Sequence[int], style: str = "") -> Array:
        rng = self.rng
        style = style or (self.style if rng.random() < 0.8 else "smooth")
        if style == "special":
            return rng.choice(SPECIAL_VALUES, shape).astype(self.dtype)
        if style == "halves":
            return (rng.integers(-5, 6, shape) / 2).astype(self.dtype)
        low, high = self.choose([(-2, 2), (-2, 2), (0.05, 0.95), (0.3, 2.5), (-0.9, 0.9), (-20, 20)])
        return np.round(rng.uniform(low, high, shape), 3).astype(self.dtype)

    def make_float(self, shape: Sequence[int], literal: bool = False) -> str:
        return self.add_input(self.draw_floats(shape), literal)

    def make_finite(self, shape: Sequence[int], literal: bool = True) -> str:
        """Make an array without infinities, which weights of 0 would turn into NaN."""
        return self.add_input(self.draw_floats(shape, "smooth"), literal)

    def make_regular(self, shape: Sequence[int]) -> str:
        """Make matrices that are far from singular."""
        value = np.round(self.rng.uniform(-1, 1, shape), 2) + 2 * self.rng.choice([-1, 1]) * np.eye(shape[-1])
        if self.style == "special" and self.rng.random() < 0.3:
            value = np.round(value)
        return self.add_input(value.astype(self.dtype))

    def make_integer(self, shape: Sequence[int], low: int, high: int) -> str:
        return self.add_input(self.rng.integers(low, max(high, low + 1), shape).astype(self.choose(["int32", "int64"])))

    def make_boolean(self, shape: Sequence[int]) -> str:
        return self.add_input(self.rng.random(shape) < 0.6)

    # -- variables

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self.variables[name].value.shape)

    def ndim(self, name: str) -> int:
        return self.variables[name].value.ndim

    def count(self, name: str) -> int:
        return int(self.variables[name].value.size)

    def axis(self, name: str) -> int:
        n = self.ndim(name)
        return int(self.rng.integers(-n, n))

    def pick(self, accept: Callable[[Variable], bool], make: Callable[[], str]) -> str:
        """Pick a variable, the latest ones more often, or make an input."""
        found = [v.name for v in self.variables.values() if accept(v)]
        if not found or (len(self.inputs) < 4 and self.rng.random() < 0.15):
            return make()
        weights = 1.5 ** np.arange(len(found))
        return str(self.rng.choice(found, p=weights / weights.sum()))

    def draw_shape(self, ranks: Sequence[int] = (0, 1, 1, 2, 2, 3, 4)) -> list[int]:
        shape = self.sizes(self.choose(ranks))
        if len(self.size_pool) > 3 and shape:
            shape[0] = self.size_pool[-1]
        return shape

    def is_number(self, v: Variable) -> bool:
        return v.value.dtype.kind == "f"

    def pick_float(self) -> str:
        return self.pick(self.is_number, lambda: self.make_float(self.draw_shape()))

    def pick_array(self, ranks: Sequence[int] = (1, 2, 3, 4), known_last: bool = False) -> str:
        def accept(v: Variable) -> bool:
            if not self.is_number(v) or v.value.ndim not in ranks:
                return False
            return not known_last or isinstance(v.expr.shape[-1], int)

        return self.pick(accept, lambda: self.make_float(self.draw_shape(ranks), literal=known_last))

    def pick_known(self) -> str:
        """Pick an array of known sizes."""
        return self.pick(
            lambda v: self.is_number(v) and v.value.ndim > 0 and all(isinstance(n, int) for n in v.expr.shape),
            lambda: self.make_float(self.draw_shape((1, 2, 3)), literal=True),
        )

    def pick_integer(self) -> str:
        return self.pick(
            lambda v: v.value.dtype.kind in "iu", lambda: self.make_integer(self.draw_shape((0, 1, 2)), -5, 6)
        )

    def pick_real(self) -> str:
        return self.pick_float() if self.rng.random() < 0.85 else self.pick_integer()

    def pick_boolean(self) -> str:
        return self.pick(lambda v: v.value.dtype == bool, lambda: self.make_boolean(self.draw_shape((0, 1, 2))))

    def get_float(self, shape: Sequence[int], literal: bool = False) -> str:
        """Pick a variable of this shape, or make an input."""

        def accept(v: Variable) -> bool:
            known = not literal or all(isinstance(n, int) for n in v.expr.shape)
            return self.is_number(v) and v.value.shape == tuple(shape) and known

        return self.pick(accept, lambda: self.make_float(shape, literal))

    def pick_like(self, name: str) -> str:
        return self.get_float(self.shape(name))

    def draw_smaller_shape(self, shape: Sequence[int]) -> list[int]:
        """Draw a shape that broadcasts to another."""
        start = int(self.rng.integers(0, len(shape) + 1)) if self.rng.random() < 0.5 else 0
        return [1 if self.rng.random() < 0.25 else n for n in shape[start:]]

    def pick_smaller(self, name: str) -> str:
        return self.get_float(self.draw_smaller_shape(self.shape(name)))

    def pick_boolean_for(self, name: str) -> str:
        shape = self.draw_smaller_shape(self.shape(name))
        if self.rng.random() < 0.4:
            return f"({name} < {self.choose([0, 0.5, 1])})"
        return self.pick(
            lambda v: v.value.dtype == bool and list(v.value.shape) == shape, lambda: self.make_boolean(shape)
        )

    def pick_pair(self, pick: Callable[[], str] | None = None) -> str:
        """Pick two operands that broadcast; one may be a number."""
        first = (pick or self.pick_real)()
        kind = self.variables[first].value.dtype.kind
        draw = self.rng.random()
        if draw < 0.2 and kind != "b":
            second = str(self.choose([2, 1, -1, 3] if kind in "iu" else [0, 1, 2, 0.5, -1.5, 3]))
        elif draw < 0.3:
            second = first
        else:
            second = self.pick(
                lambda v: v.value.dtype.kind == kind and self.broadcasts(first, v),
                lambda: self.make_partner(first, kind),
            )
        pair = [first, second]
        return ", ".join(pair if self.rng.random() < 0.6 else pair[::-1])

    def make_partner(self, name: str, kind: str) -> str:
        shape = self.draw_smaller_shape(self.shape(name))
        if kind == "b":
            return self.make_boolean(shape)
        return self.make_float(shape) if kind == "f" else self.make_integer(shape, -4, 5)

    def broadcasts(self, name: str, v: Variable) -> bool:
        try:
            np.broadcast_shapes(self.shape(name), v.value.shape)
        except ValueError:
            return False
        return True

    def reduce(self, pick: Callable[[], str]) -> str:
        """Return an operand with the axes of a reduction."""
        name = pick()
        n = self.ndim(name)
        axes: list[Any] = [None]
        if n:
            axes += [self.axis(name), self.axis(name)]
            axes += [tuple(sorted(self.rng.choice(n, self.rng.integers(1, n + 1), replace=False).tolist()))]
        return f"{name}, axis={self.choose(axes)}, keepdims={self.choose([False, False, True])}"

    def with_axis(self, name: str, *more: str) -> str:
        return ", ".join([name, *more, f"axis={self.axis(name)}"])

    # -- programs

    def is_acceptable(self, value: Array, code: str) -> bool:
        if value.ndim > 4 or value.size > MAX_ELEMENTS or not value.size:
            return False
        operands = [self.variables[n].value for n in find_names(code)]
        if "signbit" in code or "copysign" in code:  # the sign of NaN is undefined
            return not any(np.isnan(o).any() for o in operands)
        # The order of the products of einsum is undefined, so that some orders multiply 0 by infinity, and so is the
        # integer that NaN is cast to.
        if "einsum" in code or ("cast" in code and "int" in code):
            return all(np.isfinite(o).all() for o in operands)
        if value.dtype.kind == "b":
            return True
        if self.style == "special" and self.rng.random() < 0.8:
            return True
        if value.dtype.kind == "f" and all(np.isfinite(o).all() for o in operands) and not np.isfinite(value).all():
            return bool(self.rng.random() < 0.03)
        return bool(np.all(np.abs(value[np.isfinite(value)]) <= MAX_MAGNITUDE))

    def add_line(self, chosen: Operation) -> None:
        """Draw a line of an operation. Raises `Unsuitable` and adds nothing if it does not fit."""
        inputs, variables = len(self.inputs), dict(self.variables)
        try:
            self.try_line(chosen)
        except Unsuitable:
            del self.inputs[inputs:]
            self.variables = variables
            raise

    def try_line(self, chosen: Operation) -> None:
        code = chosen.draw(self)
        if code is None:
            raise Unsuitable
        values = {v.name: v.value for v in self.variables.values()}
        try:
            value = run_reference(code, values)
        except (np.linalg.LinAlgError, ValueError, OverflowError) as error:
            raise Unsuitable from error  # a singular matrix, an integer to a negative power, an index of infinity
        if not self.is_acceptable(value, code):
            raise Unsuitable
        try:
            expr = run_line(code, pel, {v.name: v.expr for v in self.variables.values()})
        except PellucidError as error:
            # A named or unknown size may not fit, or must be known; updates keep the dtype.
            if self.named or self.unknown or isinstance(error, DtypeError):
                raise Unsuitable from error
            raise AssertionError(f"NumPy computes {code} and pellucid refuses it: {error}") from error
        if self.broadcasts_undeclared_size(expr, value):
            raise Unsuitable
        if value.dtype.kind != "f" and expr.dtype.kind == value.dtype.kind:
            value = value.astype(expr.dtype)
        target = f"v{len(self.lines)}"
        self.lines.append(Line(target, code))
        self.variables[target] = Variable(target, widen(value), expr)
        self.differentiable &= chosen.differentiable

    def broadcasts_undeclared_size(self, expr: Expr, value: Array) -> bool:
        """Whether a size that is 1 when the program runs, and not declared as 1, meets another one: an error."""
        if expr.op is None or not (expr.op.elementwise or expr.op.name == "broadcast_to"):
            return False
        values = {v.expr: v.value for v in self.variables.values()}
        operands = [zip(i.shape[::-1], values[i].shape[::-1], strict=True) for i in expr.inputs if i in values]
        if expr.op.name == "broadcast_to":
            operands.append(zip(expr.shape[::-1], value.shape[::-1], strict=True))
        axes = itertools.zip_longest(*operands, fillvalue=(1, 1))
        return any(
            max(n for _, n in sizes) > 1 and any(n == 1 and not isinstance(declared, int) for declared, n in sizes)
            for sizes in axes
        )

    def draw_program(self, length: int | None = None) -> Program:
        """Draw lines, and return the results that no line reads as the outputs."""
        length = int(self.rng.integers(2, 8)) if length is None else length
        attempts = 0
        while len(self.lines) < length and attempts < MAX_ATTEMPTS * length:
            attempts += 1
            try:
                self.add_line(self.choose(self.operations))
            except Unsuitable:
                continue
        read = {name for line in self.lines for name in find_names(line.code)}
        outputs = tuple(line.target for line in self.lines if line.target not in read)
        weighted = bool(self.rng.random() < 0.7)
        program = Program(tuple(self.inputs), tuple(self.lines), outputs, weighted, self.differentiable, self.seed)
        return program.prune()


def draw_program(seed: int) -> Program:
    """Return the random program of a seed."""
    return Generator(seed).draw_program()


def draw_program_of(name: str, seed: int) -> Program | None:
    """Return a random program whose only line is of one operation, or None if no line fits."""
    program = Generator(seed, [OPERATIONS[name]]).draw_program(1)
    return program if program.lines else None
