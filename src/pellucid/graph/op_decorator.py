"""The `op` decorator, which turns the value function of an op into a public function on expressions."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol, TypeVar, cast, overload

from pellucid.graph.array_namespace import ArrayValue
from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr
from pellucid.graph.interval import RangeRule
from pellucid.graph.op import (
    OPS,
    CostRule,
    Domain,
    DtypeRule,
    Examples,
    GradientRule,
    InferenceRule,
    Op,
    PrunedOp,
    ReleaseRule,
    SettingsRule,
    SymbolicRule,
    Template,
    TypeRule,
    UpdateRule,
    ValueFunction,
)
from pellucid.graph.op_docstring import complete_docstring
from pellucid.graph.operators import FUNCTIONS
from pellucid.graph.precedence import ATOM

Named = TypeVar("Named", bound=Callable[..., Any])
Result = TypeVar("Result", covariant=True)


def op(
    *,
    name: str | None = None,
    tex: Template | None = None,
    text: Template | None = None,
    precedence: int = ATOM,
    tex_precedence: int | None = None,
    grad: GradientRule | None = None,
    composite: bool = False,
    differentiable: bool = True,
    infer: TypeRule | None = None,
    normalize: SettingsRule | None = None,
    xla: ValueFunction | None = None,
    floats: bool = False,
    result: DtypeRule | None = None,
    conditions: int = 0,
    accepts: str = "biuf",
    promotes: bool | None = None,
    core: int | None = None,
    commutative: bool = False,
    folds: bool = True,
    inference: InferenceRule | None = None,
    release: ReleaseRule | None = None,
    updates: UpdateRule | None = None,
    symbolic: SymbolicRule | None = None,
    narrow: Callable[[Expr, Collection[int]], PrunedOp] | None = None,
    widen: Callable[[Expr], PrunedOp] | None = None,
    behind: str = "",
    cost: float | CostRule = 1,
    domain: Domain = (-3.0, 3.0),
    edge: tuple[float, ...] = (),
    value_range: RangeRule | None = None,
    examples: Examples | None = None,
) -> OpDecorator:
    r"""Define an op by the function that computes its value.

    A custom op needs a value, and a ``grad`` if it is differentiated. It replaces an earlier custom op of that name.
    `check_op` runs the tests of built-in ops on it.

    The function takes an array namespace ``xp`` (NumPy, ``jax.numpy``, or pellucid), the operands as positional
    arguments, and the settings as arguments with defaults. The NumPy interpreter calls it, XLA unless ``xla`` is given,
    and `expand` if the op is composite.

    Parameters
    ----------
    name : str, optional
        Name of the op, by default that of the function.
    tex, text : str or function, optional
        LaTeX and text of the op: a template such as ``r"\\frac{{{0}}}{{{1}}}"``, or a function of operands and settings
        that returns pieces. The default text is ``name(a, b)``. See `pellucid.graph.printing`.
    precedence, tex_precedence : int
        Precedence of the text and of the LaTeX; operands of lower precedence are parenthesized.
    grad : function, optional
        ``grad(g, y, *inputs, **settings)`` returns the gradients with respect to the inputs as expressions, one or a
        tuple, None for no gradient, given the gradient ``g`` with respect to the result ``y``. ``g`` may have a smaller
        shape that broadcasts to that of ``y``. Sums over broadcast axes are added automatically. A composite op without
        ``grad`` is differentiated through its definition.
    composite : bool
        Whether the value consists of functions of pellucid, so that `expand` can decompose it.
    differentiable : bool
        False for functions whose derivative is zero wherever it exists, such as comparisons.
    infer : function, optional
        ``infer(*inputs, **settings)`` returns the type of the result, or of several. Without it, the op is elementwise.
    normalize : function, optional
        ``normalize(*inputs, **settings)`` returns the canonical settings.
    xla : function, optional
        The value function for XLA, if it differs.
    floats : bool
        Whether integer operands are cast to `config.floatx`.
    result : dtype or function of settings, optional
        Dtype of an elementwise result, if it differs from that of the operands.
    conditions : int
        Number of leading operands that are boolean conditions. They are not promoted.
    accepts : str
        Allowed kinds of dtypes of the promoted operands, by NumPy's letters: booleans "b", integers "i" and "u", real
        numbers "f".
    promotes : bool, optional
        Whether operands are promoted to a common dtype, by default only for elementwise ops.
    core : int, optional
        Number of trailing axes of each operand that do not broadcast, 0 for elementwise ops. The axes before them do.
    commutative : bool
        Whether the two operands can be swapped.
    folds : bool
        Whether constant folding applies.
    inference : function, optional
        ``inference(*inputs, **settings)`` returns the replacement in inference mode.
    narrow : function, optional
        ``narrow(node, used)`` returns an op that computes only the results with the used indices, and their new
        indices.
    widen : function, optional
        ``widen(node)`` undoes ``narrow`` as far as possible.
    release : function, optional
        ``release(*inputs, **settings)`` returns the replacement in a program, which is not differentiated any more:
        the operand of a `stop_gradient`, the definition of a composite op.
    updates : function, optional
        ``updates(*inputs, **settings)`` returns pairs of an input and its new value, for variables that training
        updates without gradients, such as running means; see `pellucid.collect_updates`.
    symbolic : function, optional
        ``symbolic(*inputs, **settings)`` returns the expression if a setting has sizes of other expressions that this
        op cannot take, otherwise None.
    behind : str
        For internal ops, the public function that builds it or whose gradient contains it.
    cost : number or function
        Arithmetic operations per element of the result, or ``cost(node, size)`` in total, where ``size(e)`` is the
        number of elements of an expression and ``size(e, axis)`` its length along an axis.
    domain : (low, high), or one such pair per operand
        Range of the operands of an elementwise op in generated tests.
    edge : tuple
        Values at which generated tests require a finite result and gradient.
    value_range : function, optional
        ``value_range(node, *intervals)`` returns the `Interval` of the result from those of the operands, for
        `check_ranges`; see `pellucid.graph.range_rules`. Without it, the result is unbounded.
    examples : function, optional
        ``examples(rng)`` returns operands and settings for generated tests of ops that are not elementwise.

    Returns
    -------
    function
        The public function. Its attribute ``op`` is the `Op`.

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

    def make(value: ValueFunction) -> OpFunction[Any]:
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
            composite=composite,
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
            symbolic=symbolic,
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
            value_range=value_range,
            examples=examples,
        )
        return register_op(record)

    return cast(OpDecorator, make)


class OpFunction(Protocol[Result]):
    """The public function of an op, which returns an expression, or a list of them for an op with several results."""

    op: Op

    def __call__(self, *args: Any, **kwargs: Any) -> Result:
        """Apply the op to expressions or patterns."""


class OpDecorator(Protocol):
    """Decorator that turns the value function of an op into its public function."""

    @overload
    def __call__(self, value: Callable[..., ArrayValue]) -> OpFunction[Expr]: ...
    @overload
    def __call__(self, value: Callable[..., Sequence[ArrayValue]]) -> OpFunction[list[Expr]]: ...


def register_op(record: Op) -> OpFunction[Any]:
    """Register an op and return its public function.

    A custom op replaces an earlier one of the same name, so that a notebook cell can run again. Existing expressions
    keep the op that they were built with.
    """
    known = FUNCTIONS.get(record.name)
    if known is not None and (is_built_in(known) or is_built_in(record.value)):
        raise OptionError(
            f"pellucid already has a function named {record.name!r}. Choose another name for yours, with name='...'"
        )
    made = make_op_function(record)
    OPS[record.name] = record
    FUNCTIONS[record.name] = made
    return made


def is_built_in(function: Callable[..., object]) -> bool:
    """Tell whether a function is defined in pellucid."""
    return (function.__module__ or "").partition(".")[0] == "pellucid"


def is_internal(function: Callable[..., Any]) -> bool:
    """Tell whether a function is that of an op which only other functions and their gradients build."""
    record = getattr(function, "op", None)
    return isinstance(record, Op) and bool(record.behind)


def make_op_function(record: Op) -> OpFunction[Any]:
    @functools.wraps(record.value)
    def function(*args: Any, **kwargs: Any) -> Any:
        return record(*args, **kwargs)

    signature = inspect.signature(record.value)
    function.__signature__ = signature.replace(parameters=list(signature.parameters.values())[1:])  # type: ignore[attr-defined]
    function.__name__ = record.name
    function.__doc__ = complete_docstring(record)
    made = cast(OpFunction[Any], function)
    made.op = record
    object.__setattr__(record, "function", made)
    return made


def register_function(function: Named) -> Named:
    """Register a function that is built from ops, so that operators and NumPy's protocols find it."""
    FUNCTIONS[function.__name__.rstrip("_")] = function
    return function


def alias(*names: str) -> Callable[[Named], Named]:
    """Register a public function under more names, such as those of the Array API."""

    def register(function: Named) -> Named:
        for name in names:
            FUNCTIONS[name] = function
        return function

    return register
