"""Definition of an op, and its application to expressions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np

from pellucid.extension_points import op_text
from pellucid.graph.array_namespace import NUMPY, ArrayValue
from pellucid.graph.errors import DtypeError, PellucidError, ShapeError, UseError, brief
from pellucid.graph.expr import (
    Expr,
    Input,
    Operand,
    OpSettings,
    Settings,
    as_expr,
    intern,
    promote_operands,
    to_hashable,
)
from pellucid.graph.interval import RangeRule
from pellucid.graph.operators import Operators
from pellucid.graph.precedence import ATOM
from pellucid.graph.types import KIND_NAMES, ShapeMismatch, Type, broadcast, format_shape, get_kind, is_float
from pellucid.graph.unsupported_functions import suggest_argument

if TYPE_CHECKING:
    from pellucid.typing import Array, ArrayLike, DTypeLike

OPS: dict[str, Op] = {}
"""All ops by name."""

MAX_MESSAGE = 400
"""Longer messages are built again with abbreviated operands."""

Function = Callable[..., Any]
"""Public function on expressions."""

PrintedOperand: TypeAlias = "Operators | Array | complex | str | WrittenOperand"
"""Operand of a printed op: an expression, a part of a rule's pattern, or a number."""


@dataclass(frozen=True)
class WrittenOperand:
    """Operand that has its own text in one place, such as a slice in an index, unless it is printed by its name."""

    operand: PrintedOperand
    pieces: list[TemplatePiece]


TemplatePiece: TypeAlias = "str | tuple[PrintedOperand, int]"
"""Text, or an operand and the lowest precedence that needs no parentheses."""

Formatter: TypeAlias = "Callable[[tuple[PrintedOperand, ...], OpSettings], list[TemplatePiece]]"
"""Function of the operands and settings of an op that returns its text or its LaTeX in pieces."""

Template: TypeAlias = "str | Formatter"
"""A format string with the operands as fields, or a function of operands and settings."""

# Functions that define an op take its operands and settings, which differ between ops.

ValueFunction: TypeAlias = Callable[..., "ArrayValue | Sequence[ArrayValue]"]
"""``value(xp, *operands, **settings)``: the value, or several values, computed with an array namespace."""

Gradients = Expr | Sequence[Expr | None] | None
GradientRule = Callable[..., Gradients]
"""``grad(g, y, *inputs, **settings)``: the gradients with respect to the inputs; one, or one for each input."""

TypeRule = Callable[..., Type | Sequence[Type]]
"""``infer(*inputs, **settings)``: the type of the result, or of several."""

SettingsRule = Callable[..., OpSettings]
"""``normalize(*inputs, **settings)``: the canonical settings."""

InferenceRule = Callable[..., Expr]
"""``inference(*inputs, **settings)``: the replacement in inference mode."""

ReleaseRule = Callable[..., Expr | Sequence[Expr]]
"""``release(*inputs, **settings)``: the replacement, or several, in a program that is not differentiated any more."""

UpdateRule = Callable[..., Sequence[tuple[Expr, Expr]]]
"""``updates(*inputs, **settings)``: pairs of a variable and its new value."""

SymbolicRule = Callable[..., Expr | None]
"""``symbolic(*inputs, **settings)``: the expression for settings with sizes of other expressions; None for others."""

CostRule = Callable[..., float]
"""``cost(node, size)``: the number of arithmetic operations."""

DtypeRule: TypeAlias = "DTypeLike | Callable[[OpSettings], DTypeLike]"
"""Dtype of an elementwise result, or a function of the settings that returns it."""

Range = tuple[float, float]
Domain = Range | tuple[Range, ...]
"""Range of all operands in generated tests, or one for each."""

Example: TypeAlias = tuple[Sequence[Operand], OpSettings]
"""Operands and settings of an op for generated tests."""

Examples = Callable[[np.random.Generator], Sequence[Example]]

PrunedOp = tuple[Expr, dict[int, int]]
"""An op with fewer results, and the new index of each result that is left by its old one."""


@dataclass(frozen=True, eq=False)
class Op:
    """Definition of an op. See `op` for the fields."""

    name: str
    value: ValueFunction
    operands: tuple[str, ...]
    variadic: bool = False
    defaults: OpSettings = field(default_factory=dict)
    infer: TypeRule | None = None
    normalize: SettingsRule | None = None
    grad: GradientRule | None = None
    composite: bool = False
    differentiable: bool = True
    xla: ValueFunction | None = None
    floats: bool = False
    result: DtypeRule | None = None
    conditions: int = 0
    accepts: str = "biuf"
    promotes: bool = True
    core: int | None = None
    commutative: bool = False
    folds: bool = True
    inference: InferenceRule | None = None
    release: ReleaseRule | None = None
    updates: UpdateRule | None = None
    symbolic: SymbolicRule | None = None
    narrow: Callable[[Expr, Collection[int]], PrunedOp] | None = None
    widen: Callable[[Expr], PrunedOp] | None = None
    behind: str = ""
    tex: Template | None = None
    text: Template | None = None
    precedence: int = ATOM
    tex_precedence: int | None = None
    cost: float | CostRule = 1
    domain: Domain = (-3.0, 3.0)
    edge: tuple[float, ...] = ()
    value_range: RangeRule | None = None
    examples: Examples | None = None
    function: Function = field(default=lambda: None)

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    @property
    def elementwise(self) -> bool:
        """Whether each element of the result depends on the same element of each operand only."""
        return self.infer is None

    def compute_value(self, *operands: ArrayLike, **settings: Any) -> Array:
        """Return the value over NumPy; a list of arrays if the op has several results."""
        return cast("Array", self.value(NUMPY, *operands, **settings))

    def make(self, inputs: tuple[Expr, ...], settings: OpSettings) -> Expr:
        """Return this op on inputs, promoted to a common dtype, with normalized settings."""
        if self.promotes:
            inputs = (*inputs[: self.conditions], *promote_operands(inputs[self.conditions :], to_float=self.floats))
        return self.make_promoted(inputs, settings)

    def make_promoted(self, inputs: tuple[Expr, ...], settings: OpSettings) -> Expr:
        """Return this op on inputs that have a common dtype."""
        try:
            return self.intern_node(inputs, settings)
        except PellucidError as error:
            described = error.with_operands(inputs)
            if len(str(error)) <= MAX_MESSAGE:
                raise
        try:
            self.intern_node(tuple(Input(brief(i), i.shape, i.dtype) for i in inputs), settings)
        except PellucidError as error:
            described = error.with_operands(inputs)
        raise described

    def intern_node(self, inputs: tuple[Expr, ...], settings: OpSettings) -> Expr:
        if self.normalize is not None:
            settings = self.normalize(*inputs, **settings)
        hashable = to_hashable(settings)
        return intern(self, inputs, hashable, lambda: self.infer_types(inputs, hashable))

    def infer_types(self, inputs: tuple[Expr, ...], settings: Settings) -> tuple[Type, ...]:
        if self.infer is None:
            return (self.infer_elementwise_type(inputs, settings),)
        result = self.infer(*inputs, **dict(settings))
        return (result,) if isinstance(result, Type) else tuple(result)

    def infer_elementwise_type(self, inputs: tuple[Expr, ...], settings: Settings) -> Type:
        shape = broadcast([i.shape for i in inputs])
        if isinstance(shape, ShapeMismatch):
            shapes = " and ".join(format_shape(i.shape) for i in inputs)
            raise ShapeError(
                f"{self.format_application(inputs, settings)}: shapes {shapes} do not broadcast, because dimension "
                f"{shape.axis} is {shape.left} in one and {shape.right} in another. Sizes must be equal, or 1"
                + "; if they are equal, give both the same name"
                * isinstance(shape.left, str)
            )
        dtype = self.result(dict(settings)) if callable(self.result) else self.result
        if dtype is None and shape == inputs[-1].types[0].shape:
            return inputs[-1].types[0]
        return Type(shape, np.dtype(dtype) if dtype is not None else inputs[-1].dtype)

    def format_application(self, inputs: Sequence[PrintedOperand], settings: Settings | Mapping[str, Any] = ()) -> str:
        """Return the text of this op on operands, for a message about an expression that cannot be built."""
        texts = {i: brief(i) for i in inputs if isinstance(i, Expr) and i.op is not None}
        long = {i: f"({text})" for i, text in texts.items() if text.endswith("…")}
        return op_text(self, inputs, dict(settings), 200, long)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        operands, settings = self.bind_arguments(args, kwargs)
        for o in operands:
            if isinstance(o, Operators) and o.is_pattern:
                return o.apply(self, tuple(operands), settings)  # type: ignore[attr-defined]
        head = [as_expr(o) for o in operands[: self.conditions]]
        rest = operands[self.conditions :]
        tail = promote_operands(rest, to_float=self.floats) if self.promotes else [as_expr(o) for o in rest]
        for condition in head:
            if condition.dtype != np.dtype(bool):
                raise DtypeError(
                    f"{self.name}: expected a boolean condition. Received: {brief(condition)}, which is "
                    f"{condition.dtype}; compare it, as in x > 0"
                ).with_operands([condition])
        if len(self.accepts) < len(KIND_NAMES) and any(get_kind(e.dtype) not in self.accepts for e in tail):
            raise DtypeError(self.explain_wrong_kind(rest)).with_operands(tail)
        settings = {**self.defaults, **settings}
        found = self.symbolic(*head, *tail, **settings) if self.symbolic is not None else None
        if found is not None:
            return found
        node = self.make_promoted((*head, *tail), settings)
        return node if len(node.types) == 1 else [get_output(node, i) for i in range(len(node.types))]

    def explain_wrong_kind(self, operands: Sequence[Operand]) -> str:
        expected = " or ".join(KIND_NAMES[k] for k in "biuf" if k in self.accepts and k != "u")
        exprs = [as_expr(o, type(o) if type(o) in (bool, int, float) else None) for o in operands]
        received = next((e for e in exprs if get_kind(e.dtype) not in self.accepts), exprs[0])
        fix = "convert it to numbers first"
        if is_float(received.dtype):
            fix = "compare it first, as in (x > 0) & (x < 1), or convert it to integers"
        described = brief(received)
        return (
            f"{self.name}: expected {expected}. Received: {described}, which is {received.dtype}; {fix}: "
            f"pel.cast({described}, 'int32')"
        )

    def bind_arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Any], OpSettings]:
        if not kwargs and len(args) == len(self.operands) and not self.variadic:
            return list(args), {}
        count = len(args) if self.variadic else len(self.operands)
        operands, extra = list(args[:count]), args[count:]
        settings = dict(zip(self.defaults, extra, strict=False))
        if len(extra) > len(self.defaults):
            names = [*self.operands, *self.defaults]
            limit = f"{len(names)} argument{'s' * (len(names) != 1)} ({', '.join(names)})"
            raise UseError(f"{self.name} takes at most {limit}. Received: {len(args)}")
        open_operands = () if self.variadic else self.operands[len(operands) :]
        for key, value in kwargs.items():
            if key in self.defaults and key not in settings:
                settings[key] = value
            elif key not in open_operands:
                names = [*self.operands, *self.defaults]
                if key in names:
                    raise UseError(f"{self.name} received its argument {key!r} twice")
                hint = suggest_argument(key, names)
                raise UseError(f"{self.name} takes no argument named {key!r}.{hint}")
        operands += [kwargs[name] for name in open_operands if name in kwargs]
        if len(operands) < count:
            raise UseError(
                f"{self.name} needs {', '.join(self.operands)}. Received: {len(operands)} of {count} operands"
            )
        return operands, settings


OUTPUT = Op(
    name="output",
    value=lambda xp, results, index=0: results[index],
    operands=("results",),
    defaults={"index": 0},
    infer=lambda results, index: results.types[index],
    promotes=False,
    cost=0,
    text=lambda operands, settings: [(operands[0], ATOM), f"[{settings['index']}]"],
    tex=lambda operands, settings: [(operands[0], ATOM), f"_{{{settings['index']}}}"],
)
"""Selects one result of an op with several results."""

PASSTHROUGH = Op(
    name="identity",
    value=lambda xp, x: x,
    operands=("x",),
    grad=lambda g, y, x: g,
    release=lambda x: x,
    folds=False,
    cost=0,
    text="{0}",
    tex="{0}",
)
"""Identity that carries the record of a layer call that returned its input, such as a dropout of rate 0."""


def get_output(node: Expr, index: int) -> Expr:
    """Return one result of an op with several results."""
    return OUTPUT.make((node,), {"index": index})


def get_result(node: Expr, index: int) -> Expr:
    """Return one result of an op, whether it has one or several."""
    return node if len(node.types) == 1 else get_output(node, index)
