"""A step as equations on arrays of known shape: what JAX traces, flattened, without repetitions and idle parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.run.native.errors import NotNative
from pellucid.run.native.padding import region, uniform
from pellucid.run.native.strength_reduction import quotient

CALLS = ("jit", "pjit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call", "remat", "checkpoint")
"""Equations that stand for the equations inside them."""

IDENTITIES = ("copy", "copy_p", "optimization_barrier", "stop_gradient")
"""Equations whose results are their operands."""

LARGEST_CONSTANT = 4096
"""How many elements of a constant are written into the code."""


class Value:
    """An array of a step: its shape, its dtype and, for a constant, its elements."""

    __slots__ = ("constant", "dtype", "maker", "name", "shape")

    def __init__(self, shape: Sequence[int], dtype: Any, name: str, constant: Any = None) -> None:
        self.shape = tuple(int(n) for n in shape)
        self.dtype = np.dtype(dtype)
        self.name = name
        self.constant = constant
        self.maker: Equation | None = None

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many elements it has."""
        return int(np.prod(self.shape, dtype=np.int64))

    def __repr__(self) -> str:
        return f"{self.name}:{self.dtype}{list(self.shape)}"


@dataclass(eq=False)
class Equation:
    """What makes some values of others."""

    name: str
    inputs: list[Value]
    outputs: list[Value]
    params: dict[str, Any]
    blocks: list[Block] = field(default_factory=list)

    @property
    def result(self) -> Value:
        """The only result."""
        return self.outputs[0]


@dataclass(eq=False)
class Block:
    """Equations in the order in which they are computed, from inputs to outputs."""

    inputs: list[Value]
    equations: list[Equation]
    outputs: list[Value]


class Reader:
    """Reads a jaxpr into blocks, naming values one after the other."""

    def __init__(self) -> None:
        self.count = 0
        self.constants: dict[Any, Value] = {}

    def value(self, aval: Any, constant: Any = None) -> Value:
        """Make a value like JAX's."""
        dtype = np.dtype(aval.dtype)
        if dtype.kind not in "biuf" or (dtype.itemsize < 4 and dtype.kind == "f"):
            raise NotNative(f"it computes with {dtype}")
        self.count += 1
        return Value(aval.shape, dtype, f"v{self.count}", constant)

    def constant(self, array: Any, aval: Any) -> Value:
        """Return the value of a constant, one for equal ones."""
        array = np.asarray(array)
        if array.size > LARGEST_CONSTANT:
            raise NotNative(f"a constant of {array.size} elements stands in it")
        key = (array.tobytes(), array.shape, str(array.dtype))
        if key not in self.constants:
            self.constants[key] = self.value(aval, array)
        return self.constants[key]

    def number(self, array: np.ndarray[Any, Any]) -> Value:
        """Return the value of a number that is not in JAX's program."""
        return self.constant(array, array)

    def block(self, closed: Any) -> Block:
        """Read a closed jaxpr."""
        jaxpr = closed.jaxpr
        known = {v: self.constant(c, v.aval) for v, c in zip(jaxpr.constvars, closed.consts, strict=True)}
        inputs = [self.value(var.aval) for var in jaxpr.invars]
        known.update(zip(jaxpr.invars, inputs, strict=True))
        writer = Writer(self)
        outputs = writer.read(jaxpr, known)
        return trimmed(Block(inputs, writer.equations, outputs))


class Writer:
    """Writes the equations of one block, each of them once."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.equations: list[Equation] = []
        self.seen: dict[Any, Equation] = {}

    def read(self, jaxpr: Any, known: dict[Any, Value]) -> list[Value]:
        """Read the equations of a jaxpr whose inputs are known, and return its outputs."""
        for e in jaxpr.eqns:
            given = [self.look_up(v, known) for v in e.invars]
            known.update(zip(e.outvars, self.made(e, given), strict=True))
        return [self.look_up(v, known) for v in jaxpr.outvars]

    def look_up(self, var: Any, known: dict[Any, Value]) -> Value:
        """Return the value of a variable or a literal."""
        if hasattr(var, "val"):
            return self.reader.constant(var.val, var.aval)
        return known[var]

    def made(self, e: Any, given: list[Value]) -> list[Value]:
        """Return what an equation makes of values."""
        name = e.primitive.name
        if name in IDENTITIES:
            return given
        if name in CALLS:
            inner = e.params.get("jaxpr") or e.params.get("call_jaxpr")
            closed = inner if hasattr(inner, "jaxpr") else None
            jaxpr = inner if closed is None else closed.jaxpr
            known = dict(zip(jaxpr.invars, given, strict=True))
            for var, array in zip(jaxpr.constvars, [] if closed is None else closed.consts, strict=True):
                known[var] = self.reader.constant(array, var.aval)
            return self.read(jaxpr, known)
        other = quotient(self, *given) if name == "div" else None
        if name.startswith("scatter"):
            other = region(self, name, e.params, *given)
        return [other] if other else self.equation(name, given, [v.aval for v in e.outvars], e.params).outputs

    def binary(self, name: str, x: Value, y: Value) -> Value:
        """Enter an elementwise equation of two values that broadcast."""
        return self.simple(name, [x, y], np.broadcast_shapes(x.shape, y.shape))

    def chosen(self, condition: Value, x: Value, y: Value) -> Value:
        """Enter the choice of ``y`` where a condition holds, and of ``x`` elsewhere."""
        return self.simple("select_n", [condition, x, y], x.shape)

    def reshaped(self, x: Value, shape: tuple[int, ...]) -> Value:
        """Enter a reshape."""
        return self.simple("reshape", [x], shape, new_sizes=shape, dimensions=None, sharding=None)

    def padded(self, x: Value, filler: Value, spans: Sequence[tuple[int, int, int]]) -> Value:
        """Enter an array with more around it, which may be the same number everywhere."""
        shape = tuple(low + n + high for n, (low, high, _) in zip(x.shape, spans, strict=True))
        number = uniform(x)
        if number is not None and number.tobytes() == filler.constant.tobytes():
            return self.simple("broadcast_in_dim", [filler], shape, broadcast_dimensions=())
        return self.simple("pad", [x, filler], shape, padding_config=tuple(spans))

    def simple(self, name: str, given: list[Value], shape: tuple[int, ...], **params: Any) -> Value:
        """Enter an equation whose result has the dtype of its last operand."""
        return self.equation(name, given, [np.broadcast_to(np.empty((), given[-1].dtype), shape)], params).result

    def equation(self, name: str, given: list[Value], avals: Sequence[Any], params: dict[str, Any]) -> Equation:
        """Enter an equation, or return the one that is the same."""
        blocks = {k: self.reader.block(v) for k, v in params.items() if hasattr(v, "jaxpr")}
        branches = [self.reader.block(b) for b in params.get("branches", ())]
        key = None
        if not blocks and not branches:
            key = (name, tuple(id(v) for v in given), repr(sorted(params.items(), key=lambda item: item[0])))
            if key in self.seen:
                return self.seen[key]
        outputs = [self.reader.value(aval) for aval in avals]
        made = Equation(name, given, outputs, dict(params), [*blocks.values(), *branches])
        for output in outputs:
            output.maker = made
        self.equations.append(made)
        if key is not None:
            self.seen[key] = made
        return made


def trimmed(block: Block) -> Block:
    """Leave out what no output depends on."""
    wanted = set(block.outputs)
    kept = []
    for e in reversed(block.equations):
        if wanted.intersection(e.outputs):
            kept.append(e)
            wanted.update(e.inputs)
    return Block(block.inputs, kept[::-1], block.outputs)


def equations_of(step: Callable[..., Any], *args: Any) -> Block:
    """Return what a function of arrays computes, for arguments of these shapes.

    Raises
    ------
    NotNative
        If it computes with what C has no type for, or has effects, such as a call back into Python.
    """
    from pellucid.run.jax_runtime import jax

    traced = jax().make_jaxpr(step)(*args)
    if traced.effects:
        raise NotNative("it does something besides computing its results")
    return Reader().block(traced)
