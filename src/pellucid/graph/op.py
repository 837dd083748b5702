"""The mould of an op: one record holds all that is known of it, and one decorator makes the record and the function.

An op is a record of functions, not a class to inherit from. `op` turns the function that computes an op's value into
the public function that writes it into a graph.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, cast

import numpy as np

from pellucid.graph.absent import SYNONYMS
from pellucid.graph.errors import (
    DtypeError,
    NoSuchNameError,
    OptionError,
    PellucidError,
    ShapeError,
    UseError,
    brief,
    near_miss,
)
from pellucid.graph.expr import Expr, Input, Settings, as_expr, freeze, intern, promote
from pellucid.graph.operators import FUNCTIONS
from pellucid.graph.pattern import Pattern
from pellucid.graph.text import ATOM, Text, text
from pellucid.graph.types import KINDS, Mismatch, Type, broadcast, is_float, kind, shape_text

OPS: dict[str, Op] = {}
"""Every op by its name."""

LONGEST_MESSAGE = 400
"""A message of more characters is made once more, of operands that are written briefly."""

Function = Callable[..., Any]
Named = TypeVar("Named", bound=Callable[..., Any])
Example = tuple[Sequence[Any], dict[str, Any]]
Fewer = tuple[Expr, dict[int, int]]
"""An op with other results than another, and at which place each result of the other one is."""


@dataclass(frozen=True, eq=False)
class Op:
    """All that is known of an op. See `op` for the meaning of each part."""

    name: str
    value: Function
    operands: tuple[str, ...]
    variadic: bool
    defaults: dict[str, Any]
    infer: Function | None = None
    normalize: Function | None = None
    grad: Function | None = None
    compound: bool = False
    differentiable: bool = True
    xla: Function | None = None
    floats: bool = False
    result: Any = None
    conditions: int = 0
    accepts: str = "biuf"
    promotes: bool = True
    core: int | None = None
    commutative: bool = False
    folds: bool = True
    inference: Function | None = None
    release: Function | None = None
    updates: Function | None = None
    narrow: Callable[[Expr, Collection[int]], Fewer] | None = None
    widen: Callable[[Expr], Fewer] | None = None
    behind: str = ""
    tex: Text | None = None
    text: Text | None = None
    precedence: int = ATOM
    tex_precedence: int | None = None
    cost: Any = 1
    domain: Any = (-3.0, 3.0)
    edge: tuple[Any, ...] = ()
    examples: Callable[[np.random.Generator], list[Example]] | None = None
    function: Function = field(default=lambda: None)

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    @property
    def elementwise(self) -> bool:
        """Whether each element of the result comes from the same element of each operand."""
        return self.infer is None

    def make(self, inputs: tuple[Expr, ...], settings: dict[str, Any]) -> Expr:
        """Return this op on these inputs, with their dtypes brought together and the settings in canonical form."""
        if self.promotes:
            inputs = (*inputs[: self.conditions], *promote(inputs[self.conditions :], to_float=self.floats))
        return self.of_promoted(inputs, settings)

    def of_promoted(self, inputs: tuple[Expr, ...], settings: dict[str, Any]) -> Expr:
        """Return this op on inputs that have their common dtype already."""
        try:
            return self.interned(inputs, settings)
        except PellucidError as error:
            told = error.about(inputs)
            if len(str(error)) <= LONGEST_MESSAGE:
                raise
        try:
            self.interned(tuple(Input(brief(i), i.shape, i.dtype) for i in inputs), settings)
        except PellucidError as error:
            told = error.about(inputs)
        raise told

    def interned(self, inputs: tuple[Expr, ...], settings: dict[str, Any]) -> Expr:
        """Return the one expression that is this op on these inputs."""
        if self.normalize is not None:
            settings = self.normalize(*inputs, **settings)
        frozen = freeze(settings)
        return intern(self, inputs, frozen, lambda: self.types_of(inputs, frozen))

    def types_of(self, inputs: tuple[Expr, ...], settings: Settings) -> tuple[Type, ...]:
        """Infer the types of the results."""
        if self.infer is None:
            return (self.elementwise_type(inputs, settings),)
        result = self.infer(*inputs, **dict(settings))
        return (result,) if isinstance(result, Type) else tuple(result)

    def elementwise_type(self, inputs: tuple[Expr, ...], settings: Settings) -> Type:
        """Broadcast the inputs' shapes, or say which two do not fit and where."""
        shape = broadcast([i.shape for i in inputs])
        if isinstance(shape, Mismatch):
            shapes = " and ".join(shape_text(i.shape) for i in inputs)
            raise ShapeError(
                f"{self.written(inputs, settings)}: shapes {shapes} do not broadcast, because dimension {shape.axis} "
                f"is {shape.left} in one and {shape.right} in another. Sizes must be equal, or 1"
                + "; if they are, give both the same name"
                * isinstance(shape.left, str)
            )
        dtype = self.result(dict(settings)) if callable(self.result) else self.result
        if dtype is None and shape == inputs[-1].types[0].shape:
            return inputs[-1].types[0]
        return Type(shape, np.dtype(dtype) if dtype is not None else inputs[-1].dtype)

    def written(self, inputs: Sequence[Any], settings: Settings | Mapping[str, Any] = ()) -> str:
        """Write this op on these operands, for a message about an expression that cannot be made."""
        beginnings = {i: brief(i) for i in inputs if isinstance(i, Expr) and i.op is not None}
        long = {i: f"({beginning})" for i, beginning in beginnings.items() if beginning.endswith("…")}
        return text(Pattern(self, tuple(inputs), dict(settings)), limit=200, names=long)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Write this op into a graph (or into a pattern)."""
        operands, settings = self.bind(args, kwargs)
        if any(isinstance(o, Pattern) for o in operands):
            return Pattern(self, tuple(operands), settings)
        head = [as_expr(o) for o in operands[: self.conditions]]
        rest = operands[self.conditions :]
        tail = promote(rest, to_float=self.floats) if self.promotes else [as_expr(o) for o in rest]
        for condition in head:
            if condition.dtype != np.dtype(bool):
                raise DtypeError(
                    f"{self.name}: expected a boolean condition. Received: {brief(condition)}, which is "
                    f"{condition.dtype}; compare it, as in x > 0"
                ).about([condition])
        if len(self.accepts) < len(KINDS) and any(kind(e.dtype) not in self.accepts for e in tail):
            raise DtypeError(self.refusal(rest)).about(tail)
        node = self.of_promoted((*head, *tail), {**self.defaults, **settings})
        return node if len(node.types) == 1 else [output(node, i) for i in range(len(node.types))]

    def refusal(self, operands: Sequence[Any]) -> str:
        """Say which operand is of a kind that this op does not take, and what to make of it."""
        wanted = " or ".join(KINDS[k] for k in "biuf" if k in self.accepts and k != "u")
        exprs = [as_expr(o, type(o) if type(o) in (bool, int, float) else None) for o in operands]
        received = next((e for e in exprs if kind(e.dtype) not in self.accepts), exprs[0])
        fix = f"make numbers of it first: pel.cast({received}, 'int32')"
        if is_float(received.dtype):
            fix = f"compare it first, as in (x > 0) & (x < 1), or make integers of it: pel.cast({received}, 'int32')"
        return f"{self.name}: expected {wanted}. Received: {received}, which is {received.dtype}; {fix}"

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Tell operands from settings, as the signature has them."""
        if not kwargs and len(args) == len(self.operands) and not self.variadic:
            return list(args), {}
        count = len(args) if self.variadic else len(self.operands)
        operands, extra = list(args[:count]), args[count:]
        settings = dict(zip(self.defaults, extra, strict=False))
        if len(extra) > len(self.defaults):
            taken = ", ".join([*self.operands, *self.defaults])
            raise UseError(f"{self.name} takes no more than ({taken}). Received: {len(args)} arguments")
        open_operands = () if self.variadic else self.operands[len(operands) :]
        for key, value in kwargs.items():
            if key in self.defaults and key not in settings:
                settings[key] = value
            elif key not in open_operands:
                names = [*self.operands, *self.defaults]
                if key in names:
                    raise UseError(f"{self.name} is given its argument {key!r} twice")
                hint = near_miss(SYNONYMS.get(key, key), names)
                raise UseError(f"{self.name} takes no argument named {key!r}.{hint}")
        operands += [kwargs[name] for name in open_operands if name in kwargs]
        if len(operands) < count:
            raise UseError(f"{self.name} needs {', '.join(self.operands)}. Received: {len(operands)} of these {count}")
        return operands, settings


def op(
    *,
    name: str | None = None,
    tex: Text | None = None,
    text: Text | None = None,
    precedence: int = ATOM,
    tex_precedence: int | None = None,
    grad: Function | None = None,
    compound: bool = False,
    differentiable: bool = True,
    infer: Function | None = None,
    normalize: Function | None = None,
    xla: Function | None = None,
    floats: bool = False,
    result: Any = None,
    conditions: int = 0,
    accepts: str = "biuf",
    promotes: bool | None = None,
    core: int | None = None,
    commutative: bool = False,
    folds: bool = True,
    inference: Function | None = None,
    release: Function | None = None,
    updates: Function | None = None,
    narrow: Callable[[Expr, Collection[int]], Fewer] | None = None,
    widen: Callable[[Expr], Fewer] | None = None,
    behind: str = "",
    cost: Any = 1,
    domain: Any = (-3.0, 3.0),
    edge: tuple[Any, ...] = (),
    examples: Callable[[np.random.Generator], list[Example]] | None = None,
) -> Callable[[Function], Operation]:
    r"""Make an op of the function that computes its value.

    An op of your own needs no more than it uses: a value, and a ``grad`` if it is to be differentiated. It takes the
    place of an earlier one of yours of the same name. `check_op` gives it the tests that pellucid's own ops get.

    The function takes an array namespace ``xp`` (NumPy, ``jax.numpy``, or pellucid's own functions), the operands
    as positional arguments, and the settings as arguments with defaults. It is run as it is by the NumPy interpreter,
    by XLA unless ``xla`` is given, and by `expand`, for which ``xp`` is pellucid itself.

    Parameters
    ----------
    name : str, optional
        The op's name, if it is not the function's (a name that Python or NumPy uses otherwise).
    tex, text : str or function, optional
        How it is written in LaTeX and in text: a template such as ``r"\\frac{{{0}}}{{{1}}}"``, or a function of
        operands and settings that returns pieces. Without ``text``: ``name(a, b)``. See `pellucid.graph.text`.
    precedence : int
        How tightly it binds; operands that bind looser are parenthesized. ``tex_precedence`` where LaTeX differs.
    grad : function, optional
        ``grad(g, y, *inputs, **settings)``, in expressions: from the gradient ``g`` with respect to the result ``y``
        to those with respect to the inputs, one or a tuple, None where no gradient flows. ``g`` may be smaller than
        ``y`` and broadcast to it; sums over broadcast axes are the driver's work. A compound op without it is
        differentiated through its definition.
    compound : bool
        Whether the value is written in functions that pellucid has, so that `expand` can open it.
    differentiable : bool
        False for a function whose derivative is zero wherever it exists, such as a comparison.
    infer : function, optional
        ``infer(*inputs, **settings)`` returns the type of the result, or several. Without it the op is elementwise.
    normalize : function, optional
        ``normalize(*inputs, **settings)`` returns the settings in canonical form.
    xla : function, optional
        The value for XLA, where it cannot be the same as NumPy's.
    floats : bool
        Whether integers are cast to `config.floatx` first.
    result : dtype or function of settings, optional
        The dtype of an elementwise result, if not that of the operands.
    conditions : int
        How many leading operands are boolean conditions, which are not promoted.
    accepts : str
        The kinds of dtype that the other operands may have once they are promoted, by NumPy's letters: booleans "b",
        integers "i" and "u", real numbers "f".
    promotes : bool, optional
        Whether operands are brought to a common dtype; true for elementwise ops unless said otherwise.
    core : int, optional
        How many last axes of each operand do not broadcast, where those before them do; an elementwise op has none.
    commutative : bool
        Whether the operands may be swapped.
    folds : bool
        Whether the rewriter may compute it on constants.
    inference : function, optional
        ``inference(*inputs, **settings)`` returns what takes its place once training is over.
    narrow : function, optional
        ``narrow(node, used)`` returns the op that computes only the results at the places that are used, and where
        they are in it. ``widen(node)``, optional too, undoes as much of that as can be undone.
    release : function, optional
        ``release(*inputs, **settings)`` returns what takes its place in a program, where there is nothing left to be
        differentiated: the operand of a `stop_gradient`, the definition of a named formula.
    updates : function, optional
        ``updates(*inputs, **settings)`` returns pairs of an input and its new value, for inputs that training keeps up
        to date by itself, such as running means; see `pellucid.updates_of`.
    behind : str
        The function through which a person writes it, or whose gradient it is part of, where nobody calls it by name.
    cost : number or function
        Arithmetic operations for each element of the result; or ``cost(node, size)`` for all of them, where ``size(e)``
        is the number of elements of an expression and ``size(e, axis)`` its length along an axis.
    domain : (low, high) or one such pair an operand
        Where the generated tests draw the operands of an elementwise op.
    edge : tuple
        Values at which the generated tests want a finite result and gradient.
    examples : function, optional
        ``examples(rng)`` returns operands and settings for the generated tests of other ops.

    Returns
    -------
    function
        The public function, with the op as its attribute ``op``.

    Examples
    --------
    >>> import pellucid as pel
    >>> @pel.op(grad=lambda g, y, x: g * (1 - y * y), tex=r"\tanh({0:_})")
    ... def tanh_of_this_page(xp, x):
    ...     return xp.tanh(x)
    >>> x = pel.vector("x")
    >>> pel.grad(tanh_of_this_page(x).sum(), x)
    1 - tanh_of_this_page(x) ** 2
    >>> pel.check_op(tanh_of_this_page)
    """

    def make(value: Function) -> Operation:
        parameters = list(inspect.signature(value).parameters.values())[1:]
        variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        record = Op(
            name=name or value.__name__,
            value=value,
            operands=tuple(p.name for p in parameters if p.default is p.empty),
            variadic=variadic,
            defaults={p.name: p.default for p in parameters if p.default is not p.empty},
            infer=infer,
            normalize=normalize,
            grad=grad,
            compound=compound,
            differentiable=differentiable,
            xla=xla,
            floats=floats,
            result=result,
            conditions=conditions,
            accepts=accepts,
            promotes=(infer is None) if promotes is None else promotes,
            core=0 if infer is None else core,
            commutative=commutative,
            folds=folds,
            inference=inference,
            release=release,
            updates=updates,
            narrow=narrow,
            widen=widen,
            behind=behind,
            tex=tex,
            text=text,
            precedence=precedence,
            tex_precedence=tex_precedence,
            cost=cost,
            domain=domain,
            edge=edge,
            examples=examples,
        )
        return register(record)

    return make


class Operation(Protocol):
    """The public function of an op, which carries the op's record."""

    op: Op

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Write the op into a graph (or into a pattern)."""


def register(record: Op) -> Operation:
    """Enter an op into the registry and return its public function.

    A user's op takes the place of an earlier one of the same name, so that a cell of a notebook may be run again:
    expressions that are there already keep the op they were made with.
    """
    known = FUNCTIONS.get(record.name)
    if known is not None and (is_built_in(known) or is_built_in(record.value)):
        raise OptionError(
            f"pellucid has a function named {record.name!r} already. Give yours another name, with name='...'"
        )
    made = function_of(record)
    OPS[record.name] = record
    FUNCTIONS[record.name] = made
    return made


def is_built_in(function: Function) -> bool:
    """Tell whether a function is pellucid's own."""
    return (function.__module__ or "").partition(".")[0] == "pellucid"


def function_of(record: Op) -> Operation:
    """Return the public function of an op, which writes it into a graph."""

    @functools.wraps(record.value)
    def function(*args: Any, **kwargs: Any) -> Any:
        return record(*args, **kwargs)

    signature = inspect.signature(record.value)
    function.__signature__ = signature.replace(parameters=list(signature.parameters.values())[1:])  # type: ignore[attr-defined]
    function.__name__ = record.name
    made = cast(Operation, function)
    made.op = record
    object.__setattr__(record, "function", made)
    return made


def public(function: Function) -> Function:
    """Enter a function that is written in terms of ops into the table that operators and NumPy's protocols use."""
    FUNCTIONS[function.__name__.rstrip("_")] = function
    return function


def also(*names: str) -> Callable[[Named], Named]:
    """Enter a public function under further names: NumPy's where it has several, those of the Array API."""

    def enter(function: Named) -> Named:
        for name in names:
            FUNCTIONS[name] = function
        return function

    return enter


def _output_value(xp: Any, results: Any, index: int = 0) -> Any:
    """Take one of the results of an op that has several."""
    return results[index]


OUTPUT = Op(
    name="output",
    value=_output_value,
    operands=("results",),
    variadic=False,
    defaults={"index": 0},
    infer=lambda results, index: results.types[index],
    promotes=False,
    cost=0,
    text=lambda operands, settings: [(operands[0], ATOM), f"[{settings['index']}]"],
    tex=lambda operands, settings: [(operands[0], ATOM), f"_{{{settings['index']}}}"],
)


def output(node: Expr, index: int) -> Expr:
    """Return one of the results of an op that has several."""
    return OUTPUT.make((node,), {"index": index})


def result(node: Expr, index: int) -> Expr:
    """Return one of the results of an op, which is the op's expression itself where there is only one."""
    return node if len(node.types) == 1 else output(node, index)


@dataclass(frozen=True, eq=False)
class Body:
    """A graph inside an op, such as the step of a `scan`: placeholders, and what is made of them.

    Two bodies are the same one if they make the same expressions of the same placeholders.
    """

    inputs: tuple[Expr, ...]
    outputs: tuple[Expr, ...]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Body) or len(other.outputs) != len(self.outputs):
            return False
        mine, others = (*self.inputs, *self.outputs), (*other.inputs, *other.outputs)
        return len(mine) == len(others) and all(a is b for a, b in zip(mine, others, strict=True))

    def __hash__(self) -> int:
        return hash((self.inputs, self.outputs))

    @property
    def empty(self) -> list[np.ndarray[Any, Any]]:
        """What each output is, stacked, if the graph never ran: of the sizes that are known."""
        known = [tuple(d if isinstance(d, int) else 0 for d in e.shape) for e in self.outputs]
        return [np.empty((0, *shape), e.dtype) for shape, e in zip(known, self.outputs, strict=True)]

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.inputs))}) -> ({', '.join(map(str, self.outputs))})"


class Namespace:
    """Pellucid's own functions as an array namespace, so that an op's value can be written out in expressions."""

    __name__ = "pellucid"

    def __getattr__(self, name: str) -> Function:
        try:
            return FUNCTIONS[name]
        except KeyError:
            raise NoSuchNameError(f"pellucid has no function named {name!r}.{near_miss(name, FUNCTIONS)}") from None


symbolic = Namespace()


def expand(expr: Expr) -> Expr:
    r"""Open a compound op one level: the same value in terms of simpler ops,
    :math:`\operatorname{softmax}(x) = e^x / \sum e^x`.

    Parameters
    ----------
    expr : Expr
        An expression whose op is defined by other ops, such as ``softmax(x)``.

    Returns
    -------
    Expr
        The definition, on the same inputs; the expression itself where the op is elementary.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.expand(pel.softplus(pel.vector("x")))
    maximum(x, 0) + log1p(exp(-abs(x)))
    """
    node = expr.inputs[0] if expr.op is OUTPUT else expr
    if node.op is None or not node.op.compound:
        return expr
    opened: Any = node.op.value(symbolic, *node.inputs, **node.settings)
    made: Expr = opened[expr.settings["index"]] if expr.op is OUTPUT else opened
    return made
