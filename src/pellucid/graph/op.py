"""The mould of an op: one record holds all that is known of it, and one decorator makes the record and the function.

An op is a record of functions, not a class to inherit from. `op` turns the function that computes an op's value into
the public function that writes it into a graph.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection
from typing import Any, Protocol, TypeVar, cast

import numpy as np

from pellucid.graph.errors import (
    OptionError,
)
from pellucid.graph.expr import Expr
from pellucid.graph.op_def import OPS, Example, Function, Op, PrunedOp
from pellucid.graph.operators import FUNCTIONS
from pellucid.graph.precedence import ATOM, Template

Named = TypeVar("Named", bound=Callable[..., Any])


def op(
    *,
    name: str | None = None,
    tex: Template | None = None,
    text: Template | None = None,
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
    narrow: Callable[[Expr, Collection[int]], PrunedOp] | None = None,
    widen: Callable[[Expr], PrunedOp] | None = None,
    behind: str = "",
    cost: Any = 1,
    domain: Any = (-3.0, 3.0),
    edge: tuple[Any, ...] = (),
    examples: Callable[[np.random.Generator], list[Example]] | None = None,
) -> Callable[[Function], OpFunction]:
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
        operands and settings that returns pieces. Without ``text``: ``name(a, b)``. See `pellucid.graph.printing`.
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
    >>> @pel.op(grad=lambda g, y, x: g * (1 - y * y), tex=r"\tanh({0:_})")
    ... def tanh_of_this_page(xp, x):
    ...     return xp.tanh(x)
    >>> x = pel.vector("x")
    >>> pel.grad(tanh_of_this_page(x).sum(), x)
    1 - tanh_of_this_page(x) ** 2
    >>> pel.check_op(tanh_of_this_page)
    """

    def make(value: Function) -> OpFunction:
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
        return register_op(record)

    return make


class OpFunction(Protocol):
    """The public function of an op, which carries the op's record."""

    op: Op

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Write the op into a graph (or into a pattern)."""


def register_op(record: Op) -> OpFunction:
    """Enter an op into the registry and return its public function.

    A user's op takes the place of an earlier one of the same name, so that a cell of a notebook may be run again:
    expressions that are there already keep the op they were made with.
    """
    known = FUNCTIONS.get(record.name)
    if known is not None and (is_built_in(known) or is_built_in(record.value)):
        raise OptionError(
            f"pellucid has a function named {record.name!r} already. Give yours another name, with name='...'"
        )
    made = make_op_function(record)
    OPS[record.name] = record
    FUNCTIONS[record.name] = made
    return made


def is_built_in(function: Function) -> bool:
    """Tell whether a function is pellucid's own."""
    return (function.__module__ or "").partition(".")[0] == "pellucid"


def make_op_function(record: Op) -> OpFunction:
    """Return the public function of an op, which writes it into a graph."""

    @functools.wraps(record.value)
    def function(*args: Any, **kwargs: Any) -> Any:
        return record(*args, **kwargs)

    signature = inspect.signature(record.value)
    function.__signature__ = signature.replace(parameters=list(signature.parameters.values())[1:])  # type: ignore[attr-defined]
    function.__name__ = record.name
    made = cast(OpFunction, function)
    made.op = record
    object.__setattr__(record, "function", made)
    return made


def register_function(function: Function) -> Function:
    """Enter a function that is written in terms of ops into the table that operators and NumPy's protocols use."""
    FUNCTIONS[function.__name__.rstrip("_")] = function
    return function


def alias(*names: str) -> Callable[[Named], Named]:
    """Enter a public function under further names: NumPy's where it has several, those of the Array API."""

    def enter(function: Named) -> Named:
        for name in names:
            FUNCTIONS[name] = function
        return function

    return enter
